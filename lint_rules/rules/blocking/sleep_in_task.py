"""
What it does
------------
Reports `time.sleep` in a task's own body.

Why it matters
--------------
A sleeping task keeps its worker slot, on prefork a whole process: nothing else runs there meanwhile. Tasks that wait for something slow
make the queue as slow as that. A retry with a countdown waits in the broker instead, and survives a restart of the worker.

Example
-------
```python
import time

from celery import shared_task


def state_of(export_id):
    return "ready"


@shared_task
def follow_export(export_id):
    while state_of(export_id) != "ready":
        time.sleep(30)
```

Use instead
-----------
```python
from celery import shared_task


def state_of(export_id):
    return "ready"


@shared_task(bind=True, max_retries=20)
def follow_export(self, export_id):
    if state_of(export_id) != "ready":
        raise self.retry(countdown=30)
```

Fix safety
----------
Unsafe, and only for a loop that waits and looks again: with `self.retry(countdown=...)` the body starts from its first line each time.

Known limits
------------
Sleeps in functions that the task calls are not reported: they are mostly the back-off of a client library's wrapper. `sleep(0)` gives way
and is no wait. Tasks declared as CPU work are CRB401's, `async def` tasks CRB403's.

References
----------
- [Celery: retrying](https://docs.celeryq.dev/en/stable/userguide/tasks.html#retrying)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import FixKind, Report, Severity
from lint_rules.project.project import Project, TaskCall
from lint_rules.rules.registry import rule


@rule("CRB404", "sleep-in-task", on=TaskCall, severity=Severity.WARNING, fix=FixKind.UNSAFE)
def sleep_in_task(reached: TaskCall, project: Project) -> Iterator[Report]:
    """time.sleep in the body of a task."""
    task, call = reached.task, reached.call
    if reached.effect.path != "time.sleep" or reached.steps or task.function.is_async or project.declared(task) == "cpu":
        return
    seconds = project.literal(call.args[0], reached.node.frame) if call.args else None
    if seconds == 0:
        return
    long = f" for {seconds:g} s" if isinstance(seconds, (int, float)) else ""
    again = " each time round the loop" if call.in_loop else ""
    yield Report(
        project.at_call(reached.node.file, call),
        f"task {task.function.name!r} sleeps{long}{again} and holds its worker slot meanwhile; retry with a countdown, or send what follows"
        " with one",
        task=task.name,
        fix=FixKind.UNSAFE if call.in_loop else None,
    )
