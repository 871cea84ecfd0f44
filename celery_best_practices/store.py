"""How does the runtime talk to Redis? One round trip a question, and no waiting for a server that is away.

redis-py's own defaults spend 4.6 s on each call when the server is down, and its client and pool a third of a call on loopback
(research/runtime.md 5): so its connections are used directly here. An outage costs one failed attempt a second and process.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from hashlib import sha1
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from celery_best_practices.runtime_settings import ConfigurationMissing, on_change, settings

log = logging.getLogger("celery_best_practices")

PAUSE = 1.0
"""Seconds after a failed attempt during which no other is made."""

Argument = str | bytes | int


class StoreDown(Exception):
    """Redis does not answer, or cannot do what it is there for."""


class Store:
    """The Redis of cache, limits and credits. Safe for threads; a process that forks forgets it."""

    def __init__(self, url: str, timeout: float) -> None:
        self._pool = redis.ConnectionPool.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0), decode_responses=False
        )
        self._idle: deque[Any] = deque()
        self._digests: dict[str, bytes] = {}
        self._down_until = 0.0

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run one of `scripts`. Raises StoreDown."""
        digest = self._digests.get(script)
        if digest is None:
            digest = self._digests[script] = sha1(script.encode(), usedforsecurity=False).hexdigest().encode()
        try:
            return self.command("EVALSHA", digest, len(keys), *keys, *arguments)
        except redis.exceptions.NoScriptError:
            return self.command("EVAL", script, len(keys), *keys, *arguments)

    def command(self, *words: Argument) -> Any:
        """Run one command and give the bare answer. Raises StoreDown."""
        if time.monotonic() < self._down_until:
            raise StoreDown("Redis did not answer a moment ago.")
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._ask(self._pool.connection_class(**self._pool.connection_kwargs), words)
            try:
                return self._ask(connection, words)
            except redis.ConnectionError:  # it may be of before the server restarted, and all idle ones with it
                self._idle.clear()
                return self._ask(connection, words)
        except (redis.ConnectionError, redis.TimeoutError, redis.exceptions.ReadOnlyError, redis.exceptions.OutOfMemoryError) as error:
            self._down_until = time.monotonic() + PAUSE
            log.warning("Redis is away: caches and limits let tasks run, tasks that cost credits wait: %s", error)
            raise StoreDown(f"Redis: {error}") from error

    def _ask(self, connection: Any, words: tuple[Argument, ...]) -> Any:
        """One question on one connection, which is idle afterwards."""
        try:
            connection.send_packed_command([_packed(words)], check_health=False)
            answer = connection.read_response()
        except redis.ResponseError:
            self._idle.append(connection)
            raise
        except BaseException:  # an answer may still come: nobody else must read it
            connection.disconnect()
            raise
        self._idle.append(connection)
        return answer


def _packed(words: Sequence[Argument]) -> bytes:
    """A command as Redis reads it (RESP)."""
    parts = [word if type(word) is bytes else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts])


_store: Store | None = None
_lock = threading.Lock()


def store() -> Store:
    """The store of this process. Raises ConfigurationMissing where no Redis is configured."""
    global _store
    if _store is None:
        with _lock:
            url = settings().redis_url
            if url is None:
                raise ConfigurationMissing("No Redis is configured: configure(redis_url=…) or CRB_REDIS_URL (a database of its own).")
            _store = Store(url, settings().redis_timeout)
    return _store


def _forget() -> None:
    global _store, _lock
    _store, _lock = None, threading.Lock()


on_change(_forget)
os.register_at_fork(after_in_child=_forget)
