"""How is a cached result dropped before its time is over?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from re import sub
from typing import Any

from celery_best_practices.auth import AuthContext
from celery_best_practices.cache_key import build_cache_key, name_in_keys
from celery_best_practices.scripts import INVALIDATED
from celery_best_practices.store import store

BATCH = 500


def invalidate(
    function: Callable[..., Any],
    auth: AuthContext | None = None,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
) -> int:
    """Drop results that `cache_ttl` keeps for `function`, a task; gives how many there were.

    With args or kwargs: that of one call on behalf of `auth` (None: nobody). With `auth` only: all of its results. With neither:
    all results of the function. The last two look through all keys of the database. A result that is being computed is not
    stored when it is done: it may come from what is no longer true.

    Raises what `build_cache_key` raises, ConfigurationMissing and StoreDown.
    """
    if args is not None or kwargs is not None:
        key = build_cache_key(function, auth, args or (), kwargs)
        return _drop([key], [f"{key}:lock"])
    name = name_in_keys(function)
    pattern = f"{name}:{{{auth.identity().scope}}}:*" if auth else f"{name}:{{*"
    total = 0
    for keys in _scan(sub(r"([\\[\]?^])", r"\\\1", pattern)):
        total += _drop([key for key in keys if not key.endswith(":lock")], [key for key in keys if key.endswith(":lock")])
    return total


def _scan(pattern: str) -> Iterator[list[str]]:
    cursor = b"0"
    while True:
        cursor, keys = store().command("SCAN", cursor, "MATCH", pattern, "COUNT", BATCH)
        if keys:
            yield [key.decode() for key in keys]
        if cursor in (b"0", 0):
            return


def _drop(values: list[str], locks: list[str]) -> int:
    for lock in locks:
        store().command("SET", lock, INVALIDATED, "XX", "KEEPTTL")
    return int(store().command("UNLINK", *values)) if values else 0
