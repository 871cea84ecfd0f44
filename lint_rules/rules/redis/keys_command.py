"""
What it does
------------
Reports KEYS: `client.keys(...)` on a Redis client, and `cache.keys(...)` of django-redis.

Why it matters
--------------
KEYS goes through the whole database in one command, and Redis runs one command at a time: with a million keys everybody else, the workers
at the broker included, waited 0.4 s (measured). SCAN does the same in small steps, each of them 10 ms at most. On a cluster, `keys` asks
one node and gives a part of the keys.

Example
-------
```python
import redis

client = redis.Redis()


def forget_pages():
    found = client.keys("page:*")
    return client.delete(*found) if found else 0
```

Use instead
-----------
```python
import redis

client = redis.Redis()


def forget_pages():
    found = list(client.scan_iter("page:*", count=1000))
    return client.delete(*found) if found else 0
```

Fix safety
----------
There is no automatic fix yet. `scan_iter` gives an iterator instead of a list, may give a key twice, and takes more time in all.

Known limits
------------
Only clients and caches of known type are looked at, those that `redis-clients` names included. Tests are left out.

References
----------
- [Redis: KEYS](https://redis.io/docs/latest/commands/keys/)
- [Redis: SCAN](https://redis.io/docs/latest/commands/scan/)
- [django-redis: scan and delete keys in bulk](https://github.com/jazzband/django-redis#scan--delete-keys-in-bulk)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.stores.model import StoreCall
from lint_rules.project.test_files import for_tests
from lint_rules.rules.registry import rule

CURES = {"redis": "scan_iter", "django": "iter_keys"}
"""Library -> what goes through the keys in steps."""


@rule("CRB601", "keys-command", on=StoreCall, severity=Severity.WARNING)
def keys_command(call: StoreCall, project: Project) -> Iterator[Report]:
    """KEYS on a Redis client or a cache."""
    cure = CURES.get(call.store.library)
    if call.command != "keys" or cure is None or for_tests(call.file):
        return
    also = ", and on a cluster it asks one node alone" if call.store.cluster else ""
    yield Report(
        project.at_call(call.file, call.call),
        f"keys() goes through the whole database in one command: every other client of this Redis waits "
        f"until it is done{also}; use {cure}()",
    )
