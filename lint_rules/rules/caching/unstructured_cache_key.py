"""
What it does
------------
Reports values that are cached under a key which `build_cache_key` does not make and which is not in its format,
`{module}.{function}:{auth_context}:{roles}:{args}:{kwargs}`.

Why it matters
--------------
A key that is put together by hand has to be right in every place: no argument forgotten, no user, no separator, nothing that differs
between two processes. A key in the format says by itself whose result it is and of which arguments, and `invalidate` finds it. This is a
convention: most hand-made keys work, and the profile `core` leaves the rule out.

Example
-------
```python
from django.core.cache import cache


def bestsellers(category, limit):
    key = f"bestsellers:{category}:{limit}"
    rows = cache.get(key)
    if rows is None:
        rows = load(category, limit)
        cache.set(key, rows, 300)
    return rows
```

Use instead
-----------
```python
from celery_best_practices import AuthContext, build_cache_key
from django.core.cache import cache


def bestsellers(category, limit):
    key = build_cache_key(bestsellers, AuthContext(), (category, limit), {})
    rows = cache.get(key)
    if rows is None:
        rows = load(category, limit)
        cache.set(key, rows, 300)
    return rows
```

Fix safety
----------
There is no automatic fix yet: which user a result belongs to cannot be read from the old key alone.

Known limits
------------
Locks, counters, flags, tokens, sessions, hashes, lists and invalidation are not values and are not reported. A key that is a bare
parameter is judged where it is made, and one of which nothing can be seen (`self.key`) is not judged. Results that a library's decorator
caches have the library's keys, and caches inside one process (cachetools) are left alone.

References
----------
- [Django: the low-level cache API](https://docs.djangoproject.com/en/stable/topics/cache/#the-low-level-cache-api)
"""

from __future__ import annotations

from collections.abc import Iterator

from celery_best_practices.contract import CacheKey
from lint_rules.findings import Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.stores.model import CacheUse, KeyTemplate, Origin, Purpose
from lint_rules.rules.caching.keys import IN_PROCESS, place_of
from lint_rules.rules.registry import rule

ASKING = frozenset({"exists", "has_key", "ttl", "pttl", "touch"})
"""Commands that no value goes through."""


@rule("CRB301", "unstructured-cache-key", on=CacheUse, severity=Severity.INFO, convention=True)
def unstructured_cache_key(use: CacheUse, project: Project) -> Iterator[Report]:
    """Values whose key is made by hand."""
    if use.form != "calls" or use.purpose is not Purpose.VALUE or use.store.library in IN_PROCESS:
        return
    if not use.keys or any(_unseen(key) for key in use.keys) or all(call.command in ASKING for call in use.calls):
        return
    key = next((each for each in use.keys if not each.built and not _in_format(each)), None)
    if key is not None:
        yield Report(
            place_of(use, key),
            f"the cache key {key.text!r} is not in the format {{module}}.{{function}}:{{auth_context}}:{{roles}}:{{args}}:{{kwargs}}; build"
            " it with build_cache_key(function, AuthContext(...), args, kwargs)",
        )


def _unseen(key: KeyTemplate) -> bool:
    """Whether the key is made elsewhere, or nothing can be seen of it."""
    return len(key.parts) == 1 and not key.parts[0].constant and not key.built and not key.parts[0].has(Origin.DIGEST, Origin.REQUEST)


def _in_format(key: KeyTemplate) -> bool:
    """Whether the key reads like one in the format, with any letter in the place of what varies."""
    return CacheKey.parse("".join(part.text if part.expr is None else "x" for part in key.parts)) is not None
