"""
What it does
------------
Reports synchronous network calls, subprocesses, `time.sleep` and synchronous database calls directly in the body of an `async def` task.

Why it matters
--------------
The call stops the event loop. Everything that the task does at the same time (`gather`, other coroutines, heartbeats, timeouts of
`asyncio.timeout`) stands still until it returns.

Example
-------
```python
import requests
from celery_best_practices import IOTaskConfig, run_io_task_with_best_practices


@run_io_task_with_best_practices(config=IOTaskConfig(max_retries=3))
async def notify(url, text):
    return requests.post(url, json={"text": text}, timeout=10).status_code
```

Use instead
-----------
```python
import httpx
from celery_best_practices import IOTaskConfig, run_io_task_with_best_practices


@run_io_task_with_best_practices(config=IOTaskConfig(max_retries=3))
async def notify(url, text):
    async with httpx.AsyncClient(timeout=10) as client:
        return (await client.post(url, json={"text": text})).status_code
```

Fix safety
----------
Safe for `time.sleep(n)`, which becomes `await asyncio.sleep(n)`. Unsafe for requests and httpx, which become `httpx.AsyncClient` or
`asyncio.to_thread`: exceptions and defaults differ. Nothing for the rest.

Known limits
------------
Only the task's own body is looked at, and only tasks whose body runs at all: under our decorators or with a `base=` of their own
(any other `async def` task is CRB104's). Lazy querysets are reported only where they are evaluated by a method.

References
----------
- [Python: running blocking code](https://docs.python.org/3/library/asyncio-dev.html#running-blocking-code)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Const, Result
from lint_rules.findings import FixKind, Report, Severity
from lint_rules.knowledge.tables import Effect
from lint_rules.project.project import Project, TaskCall
from lint_rules.project.values import External
from lint_rules.rules.blocking.file_storage import may_be_local
from lint_rules.rules.registry import rule

LAZY = frozenset(
    {"all", "annotate", "defer", "distinct", "exclude", "extra", "filter", "iterator", "none", "only", "order_by", "prefetch_related"}
    | {"raw", "reverse", "select_for_update", "select_related", "union", "using", "values", "values_list", "filter_by", "join", "limit"}
    | {"offset", "options", "query", "where", "select", "group_by", "outerjoin", "add", "add_all", "alias", "as_manager", "difference"}
    | {"intersection", "dates", "datetimes", "get_queryset", "complex_filter", "with_for_update", "execution_options", "aiterator"}
)
"""Methods that only prepare a query."""


@rule("CRB403", "blocking-call-in-async-task", on=TaskCall, severity=Severity.WARNING, fix=FixKind.UNSAFE)
def blocking_call_in_async_task(reached: TaskCall, project: Project) -> Iterator[Report]:
    """Synchronous calls on the event loop."""
    task, effect = reached.task, reached.effect
    if reached.steps or not task.function.is_async or not (task.declaration.workload in ("io", "db") or task.has_base):
        return
    if not _blocks(reached, project):
        return
    if effect.effect is Effect.SLEEP:
        cure, fix = "await asyncio.sleep() instead", FixKind.SAFE
    elif effect.path.startswith(("requests.", "httpx.")):
        cure, fix = "await httpx.AsyncClient instead, or asyncio.to_thread()", FixKind.UNSAFE
    else:
        cure, fix = "use its asynchronous form, or asyncio.to_thread()", None
    yield Report(
        project.at_call(reached.node.file, reached.call),
        f"{effect.path} in async task {task.function.name!r} stops the event loop until it returns; {cure}",
        task=task.name,
        fix=fix,
    )


def _blocks(reached: TaskCall, project: Project) -> bool:
    """Whether the call surely waits, here and synchronously."""
    call, effect = reached.call, reached.effect
    if (
        effect.row is None
        or call.awaited
        or any(other.call is call and (other.row is None or other.row.is_async) for other in reached.node.direct)
    ):
        return False
    if effect.effect is Effect.SLEEP:
        return effect.path == "time.sleep" and call.args[:1] != (Const(0),)
    if effect.effect is Effect.DB and effect.path.removesuffix("()").rpartition(".")[2] in LAZY:
        return False
    if effect.effect not in (Effect.NETWORK, Effect.SUBPROCESS, Effect.DB) or may_be_local(effect.path):
        return False
    return not (isinstance(call.func, Result) and _wrapped(call.func, reached, project))


def _wrapped(func: Result, reached: TaskCall, project: Project) -> bool:
    """`sync_to_async(f)(...)`: a coroutine, wherever it is awaited."""
    frame = reached.node.frame
    return External("asgiref.sync.sync_to_async") in project.values(frame.scope.calls[func.index].func, frame)
