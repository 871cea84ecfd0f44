"""
What it does
------------
Reports tasks without `name=`, and says which name Celery gives them.

Why it matters
--------------
The automatic name is the module's path and the function's name. Moving or renaming the function renames the task: messages on their way,
beat entries and routes no longer find it.

Example
-------
```python
from celery import shared_task


@shared_task
def refund(payment_id):
    return payment_id
```

Use instead
-----------
```python
from celery import shared_task


@shared_task(name="shop.refund")
def refund(payment_id):
    return payment_id
```

Fix safety
----------
Safe: the fix writes the name that Celery computes.

Known limits
------------
Off until it is selected. Options that cannot be seen may bring a name, so wrapped decorators and `**mapping` are left alone.

References
----------
- [Celery: names](https://docs.celeryq.dev/en/stable/userguide/tasks.html#names)
- flake8-pie PIE783
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import FixKind, Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.declaring.names import automatic_name, names_tasks_itself
from lint_rules.rules.registry import rule


@rule("CRB113", "task-without-explicit-name", on=Task, severity=Severity.INFO, fix=FixKind.SAFE, optional=True)
def task_without_explicit_name(task: Task, project: Project) -> Iterator[Report]:
    """Tasks that are called after their function."""
    name = automatic_name(task, project)
    if name is None or names_tasks_itself(project):
        return
    yield Report(
        project.at_decorator(task),
        f"task {task.function.name!r} has no name=: it is registered as {name!r}, and moving it loses messages; write name={name!r}",
        task=task.name,
        fix=FixKind.SAFE if task.declaration.form in ("plain", "ours") and not task.function.parent else None,
    )
