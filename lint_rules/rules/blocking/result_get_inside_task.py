"""
What it does
------------
Reports `get()`, `wait()`, `join()` and `collect()` on the result of a task, where it runs inside another task: in its body, or in a
function that the body calls.

Why it matters
--------------
Celery raises `RuntimeError: Never call result.get() within a task!` on prefork, threads and solo workers. With
`disable_sync_subtasks=False` or `allow_join_result()` it waits instead, for a worker slot that the waiting task itself may hold: with one
slot for ever.

Example
-------
```python
from celery import shared_task


@shared_task
def price(order_id):
    return 10


@shared_task
def invoice(order_id):
    return price.delay(order_id).get()
```

Use instead
-----------
```python
from celery import chain, shared_task


@shared_task
def price(order_id):
    return 10


@shared_task
def write_invoice(amount):
    return amount


@shared_task
def invoice(order_id):
    chain(price.s(order_id), write_invoice.s()).delay()
```

Fix safety
----------
There is no fix: what follows the call has to become a task of its own.

Known limits
------------
gevent and eventlet workers do not raise; the message says so. A `get` with a text as its first argument is taken for a dict's.

References
----------
- [Celery: avoid launching synchronous subtasks](https://docs.celeryq.dev/en/stable/userguide/tasks.html#avoid-launching-synchronous-subtasks)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Call, Const, Expr
from lint_rules.findings import Related, Report, Severity
from lint_rules.knowledge.tables import Effect
from lint_rules.project.project import Project, TaskCall
from lint_rules.project.values import External
from lint_rules.rules.registry import rule


@rule("CRB405", "result-get-inside-task", on=TaskCall, severity=Severity.ERROR)
def result_get_inside_task(reached: TaskCall, project: Project) -> Iterator[Report]:
    """Calls that wait for the result of another task."""
    call = reached.call
    if reached.effect.effect is not Effect.RESULT or (call.args and _is_text(call.args[0])):
        return
    allowed = _allows(call) or any(
        isinstance(value, External) and value.path.startswith("celery.result.allow_join_result")
        for place in call.withs
        for value in project.values(reached.node.frame.scope.withs[place], reached.node.frame)
    )
    if allowed and reached.effect.path.startswith("celery.result.EagerResult()"):
        return  # it ran before `apply` returned
    if any(_allows(other) and other.func == call.func and other is not call for other in reached.node.frame.scope.calls):
        return  # the first of two attempts: the RuntimeError is expected
    what = f"task {reached.task.function.name!r} waits for another task's result{project.through(reached.steps)}"
    if allowed:
        message = f"{what}: it holds a worker slot while it waits, and deadlocks when that is the last one; use a chain or a callback"
    else:
        message = f"{what}: RuntimeError in the worker (except on gevent and eventlet); use a chain or a callback"
    yield Report(
        project.at_call(reached.node.file, call),
        message,
        task=reached.task.name,
        related=(Related(reached.task.file, reached.task.function.row, f"task {reached.task.name}"), *project.related_steps(reached.steps)),
        severity=Severity.WARNING if allowed else None,
    )


def _is_text(expr: Expr) -> bool:
    return isinstance(expr, Const) and isinstance(expr.value, str)


def _allows(call: Call) -> bool:
    return call.keyword("disable_sync_subtasks") == Const(False)
