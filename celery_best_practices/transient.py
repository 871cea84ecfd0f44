"""Which exceptions may be gone at the next attempt? They are retried where a configuration asks for retries and says not of what.

Many libraries have connection errors of their own that are no `OSError`: a database's `OperationalError` is the very thing a database
task is retried for. They count where the library is imported when the task is declared, so nothing is imported for their sake.
"""

from __future__ import annotations

import sys

BUILT_IN: tuple[type[BaseException], ...] = (ConnectionError, TimeoutError, OSError)

PERMANENT = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)
"""OSErrors that are the same at the next attempt."""

OF_LIBRARIES = {
    "aiohttp": ("ClientConnectionError", "ClientPayloadError"),
    "asyncpg.exceptions": ("PostgresConnectionError", "CannotConnectNowError", "TooManyConnectionsError", "DeadlockDetectedError"),
    "botocore.exceptions": ("ConnectionError", "HTTPClientError"),
    "django.db.utils": ("OperationalError", "InterfaceError"),
    "httpx": ("TransportError",),
    "kombu.exceptions": ("OperationalError",),
    "MySQLdb": ("OperationalError",),
    "psycopg": ("OperationalError",),
    "psycopg2": ("OperationalError",),
    "pymongo.errors": ("AutoReconnect",),
    "pymysql.err": ("OperationalError",),
    "redis.exceptions": ("ConnectionError", "TimeoutError"),
    "sqlalchemy.exc": ("OperationalError", "InterfaceError", "DisconnectionError", "TimeoutError"),
    "sqlite3": ("OperationalError",),
    "urllib3.exceptions": ("ProtocolError", "TimeoutError"),
    "valkey.exceptions": ("ConnectionError", "TimeoutError"),
}
"""Module -> its exceptions that tell of a lost connection, a server that is busy, a time-out or a deadlock."""


def transient_exceptions() -> tuple[type[BaseException], ...]:
    """The built-in ones, and those of the libraries imported by now."""
    found = list(BUILT_IN)
    for module, names in OF_LIBRARIES.items():
        for name in names if module in sys.modules else ():
            error = getattr(sys.modules[module], name, None)
            if isinstance(error, type) and issubclass(error, BaseException) and not issubclass(error, OSError):
                found.append(error)
    return tuple(found)
