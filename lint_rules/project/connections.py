"""How many database connections can one process of the project hold?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from lint_rules.facts.model import Binding, Call
from lint_rules.project.displays import Entry, entries
from lint_rules.project.frames import Frame
from lint_rules.project.values import External

if TYPE_CHECKING:
    from lint_rules.project.project import Project

QUEUE_POOLS = ("QueuePool", "AsyncAdaptedQueuePool", "FallbackAsyncAdaptedQueuePool")
DEFAULT_OVERFLOW = 10
"""`max_overflow` of SQLAlchemy's QueuePool where it is not given."""
PSYCOPG_DEFAULT = 4
"""`max_size` of psycopg_pool where neither it nor `min_size` is given."""


class ConnectionPool(Struct, frozen=True, eq=False):
    """A pool of database connections, as written."""

    size: int | None
    """The most connections it holds; None where that is not written out, or there is no end."""
    written: str
    """The size in words: `10 + 10`."""
    file: str
    row: int


def connection_pools(project: Project, library: str) -> list[ConnectionPool]:
    """The pools that the project's code makes for "sqlalchemy", "django" or "psycopg"; none where the size of one is not known."""
    if library == "sqlalchemy":
        found = [_of_engine(project, call, frame) for call, frame in project.drivers.engines]
    elif library == "django":
        found = [pool for binding, frame in project.drivers.databases() for pool in _of_databases(project, binding, frame)]
    else:
        found = [_of_psycopg(project, call, frame) for call, frame in _psycopg_pools(project)]
    return [] if any(pool.size is None for pool in found) else found


def _of_engine(project: Project, call: Call, frame: Frame) -> ConnectionPool:
    size, overflow = (_number(project, call, name, frame) for name in ("pool_size", "max_overflow"))
    class_ = call.keyword("poolclass")
    queued = class_ is None or any(
        isinstance(value, External) and value.path.rpartition(".")[2] in QUEUE_POOLS for value in project.values(class_, frame)
    )
    overflow = DEFAULT_OVERFLOW if call.keyword("max_overflow") is None else overflow
    known = queued and not call.opaque_keywords and size is not None and size > 0 and overflow is not None and overflow >= 0
    total = (size or 0) + (overflow or 0)
    return ConnectionPool(total if known else None, f"{size} + {overflow}", frame.module.file, call.span.row)


def _of_databases(project: Project, binding: Binding, frame: Frame) -> Iterator[ConnectionPool]:
    """The pools of the databases that have one; one of unknown size where DATABASES cannot be read."""
    unknown = ConnectionPool(None, "", frame.module.file, binding.row)
    whole = Entry(None, binding.value, frame, binding.row)
    aliases = _entries(project, whole) if binding.target == "DATABASES" else [whole]
    if aliases is None:
        yield unknown
    for alias in aliases or ():
        pool, readable = _below(project, alias, "OPTIONS", "pool")
        if not readable:
            yield unknown
        elif pool is not None:
            size, _ = _below(project, pool, "max_size")
            most = project.literal(size.value, size.frame) if size is not None else None
            if project.literal(pool.value, pool.frame) is True:
                most = PSYCOPG_DEFAULT
            yield ConnectionPool(most if isinstance(most, int) else None, str(most), pool.file, (size or pool).row)


def _entries(project: Project, entry: Entry) -> list[Entry] | None:
    return project.loading(lambda: entries(project.resolver, entry.value, entry.frame, entry.row))


def _below(project: Project, entry: Entry, *path: str) -> tuple[Entry | None, bool]:
    """What stands below a path of keys, and whether all dicts on the way can be read."""
    for name in path:
        inside = _entries(project, entry)
        if inside is None:
            return None, False
        found = [each for each in inside if project.literal(each.key, each.frame) == name]
        if not found:
            return None, True
        entry = found[-1]
    return entry, True


def _of_psycopg(project: Project, call: Call, frame: Frame) -> ConnectionPool:
    size = _number(project, call, "max_size", frame)
    return ConnectionPool(size if not call.opaque_keywords else None, str(size), frame.module.file, call.span.row)


def _psycopg_pools(project: Project) -> list[tuple[Call, Frame]]:
    found = []
    for module in project.index.loaded():
        for qualname in ("", *module.functions):
            for call in module.scope(qualname).calls:
                if not getattr(call.func, "path", "").endswith("ConnectionPool"):
                    continue
                frame = project.resolver.frame(module.file, qualname)
                if frame is not None and External("psycopg_pool.ConnectionPool") in project.values(call.func, frame):
                    found.append((call, frame))
    return found


def _number(project: Project, call: Call, keyword: str, frame: Frame) -> int | None:
    said = call.keyword(keyword)
    value = project.literal(said, frame) if said is not None else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
