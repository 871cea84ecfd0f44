"""
What it does
------------
Reports cached values that are stored for ever: `set` on a Redis client without `ex`, `px`, `exat` or `pxat`, and `timeout=None` of Django.

Why it matters
--------------
What is cached for ever is never computed again: it stays wrong until somebody deletes it. Such keys also pile up: with `noeviction` or a
`volatile-*` policy Redis can drop none of them, and refuses to write when its memory is full.

Example
-------
```python
import json

import redis

cache = redis.Redis()


def exchange_rates(currency, load):
    key = f"rates:{currency}"
    cached = cache.get(key)
    if cached is not None:
        return json.loads(cached)
    rates = load(currency)
    cache.set(key, json.dumps(rates))
    return rates
```

Use instead
-----------
```python
import json

import redis

cache = redis.Redis()


def exchange_rates(currency, load):
    key = f"rates:{currency}"
    cached = cache.get(key)
    if cached is not None:
        return json.loads(cached)
    rates = load(currency)
    cache.set(key, json.dumps(rates), ex=3600)
    return rates
```

Fix safety
----------
There is no automatic fix yet: how old the value may become is not in the code.

Known limits
------------
On a Redis client a value counts as cached where the function stores it because reading it gave nothing, or where the client, the key or the
function is called a cache: other values are kept on purpose. Locks, counters, flags, tokens, sessions, hashes, lists and sets are left out,
and so is what a later command of the same function gives an expiry (CRB309), what the project deletes or stores anew elsewhere under the
same key, and a value with an expiry of its own in it. Of the caches that bound every value by default only Django's are looked at, where
the expiry is turned off for a value that is stored because reading it gave nothing; as that is written on purpose, it is information.

References
----------
- [Redis: SET](https://redis.io/docs/latest/commands/set/)
- [Django: cache.set, timeout=None](https://docs.djangoproject.com/en/stable/topics/cache/#django.core.caches.cache.set)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lint_rules.facts.model import Const, Map, Ref, Result
from lint_rules.findings import Report, Severity
from lint_rules.knowledge.store_commands import Does
from lint_rules.project.project import Project
from lint_rules.project.signatures import last_name
from lint_rules.project.stores.model import CacheUse, Purpose, StoreCall
from lint_rules.project.test_files import for_tests
from lint_rules.rules.caching.set_then_expire import expired_by
from lint_rules.rules.registry import rule

REDIS_COMMANDS = frozenset({"set", "setnx", "mset", "msetnx", "mset_nonatomic", "getset"})
"""What stores whole values."""

_CACHE = re.compile(r"(^|[^a-z])(cache|caches|cached|caching|memo|memoized?)([^a-z]|$)")


@rule("CRB308", "cache-without-expiry", on=CacheUse, severity=Severity.WARNING)
def cache_without_expiry(use: CacheUse, project: Project) -> Iterator[Report]:
    """Writes of cached values that nothing bounds."""
    if use.purpose is not Purpose.VALUE or use.form != "calls" or for_tests(use.file):
        return
    for write in use.writes:
        said = _for_ever(write, use, project)
        if said and not _dropped_elsewhere(use, project) and not _knows_its_age(write):
            yield Report(
                project.at_call(write.file, write.call),
                f"{write.command}() keeps the cached value for ever ({said}): it is never computed again, "
                f"and Redis fills up with such keys; "
                f"{_cure(write)}",
                severity=None if write.store.is_redis else Severity.INFO,
            )


def _for_ever(write: StoreCall, use: CacheUse, project: Project) -> str:
    """Why the value is never dropped, "" where it may be."""
    state, name = write.expiry.state, write.expiry.name
    if write.through or write.if_present or state not in ("never", "optional") or expired_by(write, use) is not None:
        return ""
    if write.store.is_redis and (write.command not in REDIS_COMMANDS or not (_called_cache(write, use) or _after_misses(write, use))):
        return ""
    if write.store.library == "django" and not (name and _after_misses(write, use)):
        return ""
    if not write.store.is_redis and write.store.library != "django":
        return ""
    if state == "optional":
        return f"{name} is None by default" if _default_is_used(write, project) else ""
    return f"{name} is None" if name else "no ex, px, exat or pxat"


def _dropped_elsewhere(use: CacheUse, project: Project) -> bool:
    """Whether the project deletes the key itself, or stores it anew without reading it: then it is kept until something changes."""
    shapes = {key.shape for key in use.keys}
    for other in project.stores.uses:
        if other.store.library == use.store.library and any(key.shape in shapes for key in other.keys):
            if any(call.does in (Does.DELETE, Does.TAKE) for call in other.calls):
                return True
            if other is not use and other.writes and not other.reads and other.frame is not use.frame:
                return True
    return False


def _knows_its_age(write: StoreCall) -> bool:
    """Whether the value says itself how long it is good: `{"data": ..., "expires": ...}`."""
    value = write.value
    values = [binding.value for binding in write.frame.scope.bindings if isinstance(value, Ref) and binding.target == value.path]
    made = [each for each in (value, *values) if isinstance(each, Map)]
    return any(isinstance(key, Const) and "expir" in str(key.value).lower() for each in made for key in each.keys)


def _cure(write: StoreCall) -> str:
    if write.store.is_redis:
        return "use set(..., ex=seconds)" if not write.command.startswith("mset") else "use a pipeline of set(..., ex=seconds)"
    return "give a timeout in seconds"


def _default_is_used(write: StoreCall, project: Project) -> bool:
    """Whether a caller leaves the expiry to the parameter's default, or none is seen."""
    callers = [
        each for each in project.stores.forwarded if each.through == write.frame.qualname and each.command in (write.command, "get_or_set")
    ]
    return not callers or any(each.expiry.state == "never" for each in callers)


def _called_cache(write: StoreCall, use: CacheUse) -> bool:
    """Whether the key, the function or the client is called a cache."""
    names = [part.text for key in use.keys for part in key.parts if part.expr is None] + [write.frame.qualname.rpartition(".")[2]]
    scope = write.frame.scope
    names.append(last_name(write.receiver))
    made = [binding.value for binding in scope.bindings if isinstance(write.receiver, Ref) and binding.target == write.receiver.path]
    names += [last_name(scope.calls[value.index].func) for value in (write.receiver, *made) if isinstance(value, Result)]
    return any(_CACHE.search(name.lower()) for name in names)


def _after_misses(write: StoreCall, use: CacheUse) -> bool:
    """Whether the value is stored because reading it gave nothing."""
    return write.does is Does.READ_WRITE or any(_after_a_miss(write, read) for read in use.reads)


def _after_a_miss(write: StoreCall, read: StoreCall) -> bool:
    """Whether a test of what the read gave decides if the value is stored."""
    scope = write.frame.scope
    if read.frame is not write.frame or read.call.span.row > write.call.span.row:
        return False
    given = {binding.target for binding in scope.bindings if _is(binding.value, read, write)}
    return any(not given.isdisjoint(scope.guards[index].heads) for index in write.call.guards)


def _is(value: object, read: StoreCall, write: StoreCall) -> bool:
    return isinstance(value, Result) and write.frame.scope.calls[value.index] is read.call
