"""
What it does
------------
Reports a task declared as CPU work that queries the database, in its body or through the functions it calls. It speaks once a task, at the
call that leads to the nearest query.

Why it matters
--------------
Each CPU worker process keeps a connection for as long as it computes, and its core idles for as long as the database works. A CPU task gets
its data as arguments (or the path of a file) and hands back what it computed; a database task before and after it does the rest.

Example
-------
```python
from celery_best_practices import CPUTaskConfig, run_cpu_task_with_best_practices
from django.db import models
from PIL import Image


class Picture(models.Model):
    path = models.TextField()


@run_cpu_task_with_best_practices(config=CPUTaskConfig(timeout=60))
def shrink(picture_id):
    path = Picture.objects.get(pk=picture_id).path
    Image.open(path).resize((64, 64)).save(path)
```

Use instead
-----------
```python
from celery_best_practices import CPUTaskConfig, DBTaskConfig, run_cpu_task_with_best_practices, run_db_task_with_best_practices
from django.db import models
from PIL import Image


class Picture(models.Model):
    path = models.TextField()


@run_db_task_with_best_practices(config=DBTaskConfig(max_retries=2))
def start_shrinking(picture_id):
    shrink.delay(Picture.objects.get(pk=picture_id).path)


@run_cpu_task_with_best_practices(config=CPUTaskConfig(timeout=60))
def shrink(path):
    Image.open(path).resize((64, 64)).save(path)
```

Fix safety
----------
There is no fix: the task takes other arguments afterwards.

Known limits
------------
Redis is no database here.

References
----------
- [Celery: database transactions and state](https://docs.celeryq.dev/en/stable/userguide/tasks.html#state)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import Report, Severity
from lint_rules.knowledge.tables import Effect
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.registry import rule


@rule("CRB408", "database-call-in-cpu-task", on=Task, severity=Severity.WARNING)
def database_call_in_cpu_task(task: Task, project: Project) -> Iterator[Report]:
    """The nearest database call of a task declared as CPU work."""
    if project.declared(task) != "cpu":
        return
    evidence = project.graph.search(
        project.node(task),
        Effect.DB,
        follow=lambda node, edge: not edge.kept,
        counts=lambda node, direct: direct.row is not None and not project.knowledge.opens_transaction(direct.path),
    )
    if evidence is None:
        return
    yield Report(
        project.at_first_step(task, evidence.first),
        f"CPU task {task.function.name!r} queries the database ({evidence.path}){project.through(evidence.steps)}: "
        "its core idles while the database works; pass the data in, and write results in a database task",
        task=task.name,
        related=project.related(evidence),
    )
