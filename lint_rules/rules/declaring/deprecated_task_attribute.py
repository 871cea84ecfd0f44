"""
What it does
------------
Reports `queue`, `exchange`, `exchange_type`, `routing_key`, `delivery_mode` and `priority` as options of a task, where the project runs
Celery 5.7 or later, or does not say what it runs.

Why it matters
--------------
Celery 5.7 warns of each of them when the task is bound; Celery 6.0 ignores them, and the task goes to the default queue.

Example
-------
```python
from celery import shared_task


@shared_task(queue="payments")
def void(authorisation):
    return authorisation
```

Use instead
-----------
```python
from celery import Celery, shared_task

app = Celery("shop")
app.conf.task_routes = {"tasks.void": {"queue": "payments"}}


@shared_task
def void(authorisation):
    return authorisation
```

Fix safety
----------
Safe together with CRB101: the config of our decorators sets queue and priority when a task is sent. Alone it is unsafe: the entry in
`task_routes` counts for all senders that read the same settings.

Known limits
------------
The version comes from `[tool.crb] target-celery`, else from requirement and lock files.

References
----------
- [Celery: routing tasks](https://docs.celeryq.dev/en/stable/userguide/routing.html)
- `celery.app.task.Task.bind`
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Const
from lint_rules.findings import FixKind, Report, Severity
from lint_rules.knowledge.celery_options import DEPRECATED_ATTRIBUTES
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.declaring.declarations import BY_CELERY, label
from lint_rules.rules.registry import rule

SINCE = (5, 7)


@rule("CRB115", "deprecated-task-attribute", on=Task, severity=Severity.WARNING, fix=FixKind.UNSAFE)
def deprecated_task_attribute(task: Task, project: Project) -> Iterator[Report]:
    """Routing options in a task's declaration."""
    if task.declaration.form not in (*BY_CELERY, "class"):
        return
    found = [name for name in DEPRECATED_ATTRIBUTES if task.option(name) not in (None, Const(None))]
    if not found or (project.target_celery is not None and project.target_celery < SINCE):
        return
    names, them = " and ".join(found), "it" if len(found) == 1 else "them"
    yield Report(
        project.at_decorator(task),
        f"{names} of task {label(task)!r}: Celery 5.7 deprecates {them} as task options and 6.0 will ignore {them}; "
        f"use task_routes, or the config of a best-practice decorator",
        task=task.name,
        fix=FixKind.UNSAFE,
    )
