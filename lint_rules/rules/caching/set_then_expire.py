"""
What it does
------------
Reports a value that is stored with one command and given its expiry with the next one, where one command does both: `set` and `expire`
instead of `set(..., ex=...)`.

Why it matters
--------------
The process may die, or lose its connection, between the two: then the value stays for ever. A lock that is taken in this way is never
released. It also costs a second round trip.

Example
-------
```python
import redis

client = redis.Redis()


def remember_rate(currency, rate):
    client.set(f"rate:{currency}", rate)
    client.expire(f"rate:{currency}", 3600)
```

Use instead
-----------
```python
import redis

client = redis.Redis()


def remember_rate(currency, rate):
    client.set(f"rate:{currency}", rate, ex=3600)
```

Fix safety
----------
There is no automatic fix yet. `set(key, value, ex=seconds)` stands for `set` and `expire`, `px=` for `pexpire`, `exat=` and `pxat=` for
`expireat` and `pexpireat` (Redis 6.2), and `nx=True` for `setnx`.

Known limits
------------
Both commands must stand in one function and name the same key. A pipeline sends both at once and is not reported. Counters, lists, sets and
hashes have no command that does both.

References
----------
- [Redis: SET](https://redis.io/docs/latest/commands/set/)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Ref
from lint_rules.findings import Related, Report, Severity
from lint_rules.knowledge.store_commands import Does
from lint_rules.project.project import Project
from lint_rules.project.stores.model import CacheUse, StoreCall
from lint_rules.project.test_files import for_tests
from lint_rules.rules.registry import rule

STORING = frozenset({"set", "setnx", "getset"})
"""What stores a value, and for which one command does the same with an expiry."""

KEYWORDS = {"expire": "ex", "pexpire": "px", "expireat": "exat", "pexpireat": "pxat"}


@rule("CRB309", "set-then-expire", on=CacheUse, severity=Severity.WARNING)
def set_then_expire(use: CacheUse, project: Project) -> Iterator[Report]:
    """Values that live without an expiry for a moment, or for ever."""
    if for_tests(use.file):
        return
    for write in use.writes:
        expiring = expired_by(write, use)
        if expiring is None or write.store.pipeline or not write.store.is_redis or write.command not in STORING:
            continue
        more = {"setnx": ", nx=True", "getset": ", get=True"}.get(write.command, "")
        yield Report(
            project.at_call(write.file, write.call),
            f"{write.command}() stores the value and {expiring.command}() bounds it in a second command: "
            f"if the process dies between the two, it stays for ever; use set(..., {KEYWORDS[expiring.command]}=...{more})",
            related=(Related(expiring.file, expiring.call.span.row, "the expiry"),),
        )


def expired_by(write: StoreCall, use: CacheUse) -> StoreCall | None:
    """The command behind a write that sets the expiry of the same key, wherever the write is reached."""
    if write.expiry.state != "never" or write.through:
        return None
    for call in use.calls:
        if (
            call.does is Does.EXPIRE
            and call.command in KEYWORDS
            and call.frame is write.frame
            and not call.through
            and call.call.span.row >= write.call.span.row
            and call.call.loops[: len(write.call.loops)] == write.call.loops
            and {*write.call.guards} <= {*call.call.guards}
            and not (isinstance(call.receiver, Ref) and isinstance(write.receiver, Ref) and call.receiver != write.receiver)
        ):
            return call
    return None
