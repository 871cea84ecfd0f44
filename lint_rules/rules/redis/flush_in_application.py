"""
What it does
------------
Reports FLUSHDB and FLUSHALL in application code: outside tests, management commands and command lines.

Why it matters
--------------
They delete all that is in the database, or in all databases: what other parts of the system keep there as well, sessions, locks, and with
the broker in the same Redis every queued task. An operator who calls a command knows that; a request or a task that does so surprises.

Example
-------
```python
import redis

client = redis.Redis()


def prices_imported():
    client.flushdb()
```

Use instead
-----------
```python
import redis

client = redis.Redis()


def prices_imported():
    found = list(client.scan_iter("price:*", count=1000))
    return client.unlink(*found) if found else 0
```

Fix safety
----------
There is no fix: which keys are meant is not in the code.

Known limits
------------
Only clients of known type are looked at. Command lines are known by the path of their file (`commands/`, `cli/`, `scripts/`, `bin/`,
`tools/`, `examples/`, `manage.py`), by a decorator that is called a command, by `argparse` in the module, and by
`if __name__ == "__main__"`. `cache.clear()` of Django is not reported: it says in its name that it empties the cache.

References
----------
- [Redis: FLUSHDB](https://redis.io/docs/latest/commands/flushdb/)
- [Redis: FLUSHALL](https://redis.io/docs/latest/commands/flushall/)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lint_rules.findings import Report, Severity
from lint_rules.knowledge.store_commands import Does
from lint_rules.project.project import Project
from lint_rules.project.signatures import last_name
from lint_rules.project.stores.model import StoreCall
from lint_rules.project.test_files import for_tests
from lint_rules.rules.declaring.declarations import callee
from lint_rules.rules.registry import rule

_BY_HAND = re.compile(
    r"(^|/)(commands|cli|scripts?|bin|tools?|bench(marks?)?|examples?)/|(^|[/_])(cli|manage|commands?|fabfile)(_\w+)?\.py$"
)
"""Paths of what people start by hand."""

COMMAND_LINES = ("argparse", "fire", "docopt")
"""Modules that read a command line."""


@rule("CRB603", "flush-in-application", on=StoreCall, severity=Severity.WARNING)
def flush_in_application(call: StoreCall, project: Project) -> Iterator[Report]:
    """Commands that empty a database."""
    if call.does is not Does.FLUSH or not call.store.is_redis or for_tests(call.file) or _by_hand(call, project):
        return
    what = "all databases of the server" if call.command == "flushall" else "the whole database"
    yield Report(
        project.at_call(call.file, call.call),
        f"{call.command}() deletes {what}, also what others keep there (queues, sessions, locks); delete the keys that are meant "
        f"(scan_iter with a prefix, then unlink)",
    )


def _by_hand(call: StoreCall, project: Project) -> bool:
    """Whether the code runs because somebody typed a command."""
    module, inside = call.frame.module, call.frame.qualname
    main = module.facts.main_block
    if main is not None and main[0] <= call.call.span.row <= main[1]:
        return True
    if _BY_HAND.search(module.file) or any(item.module.partition(".")[0] in COMMAND_LINES for item in module.facts.body.imports):
        return True
    while inside:
        function = module.functions.get(inside)
        around = project.resolver.frame(module.file, function.parent) if function is not None else None
        for decorator in function.decorators if function is not None else ():
            if around is not None and last_name(callee(decorator, around)).endswith("command"):
                return True
        inside = function.parent if function is not None else ""
    return False
