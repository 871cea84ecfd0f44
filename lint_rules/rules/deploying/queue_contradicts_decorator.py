"""
What it does
------------
Reports tasks of our CPU decorator whose queue only workers on gevent, eventlet or threads consume, and tasks of our I/O decorator whose
queue only solo workers consume.

Why it matters
--------------
Computing on a green pool stops every other task of the worker, on threads they share one interpreter lock. A solo worker runs one task at a
time, and one that waits for the network holds it up.

Example
-------
```python
# shop/worker.py
from celery import Celery
from celery_best_practices import CPUTaskConfig, run_cpu_task_with_best_practices

app = Celery("shop", broker="redis://localhost:6379/0")


@run_cpu_task_with_best_practices(config=CPUTaskConfig(queue="mail"))
def render(banner):
    return banner
```

```text
# Procfile
mail: celery -A shop.worker worker -P gevent -c 200 -Q mail
images: celery -A shop.worker worker -P prefork -c 4 -Q images
```

Use instead
-----------
```python
# shop/worker.py
from celery import Celery
from celery_best_practices import CPUTaskConfig, run_cpu_task_with_best_practices

app = Celery("shop", broker="redis://localhost:6379/0")


@run_cpu_task_with_best_practices(config=CPUTaskConfig(queue="images"))
def render(banner):
    return banner
```

```text
# Procfile
mail: celery -A shop.worker worker -P gevent -c 200 -Q mail
images: celery -A shop.worker worker -P prefork -c 4 -Q images
```

Fix safety
----------
There is no fix: another queue, another pool and another decorator are three ways out, and only people know which is meant.

Known limits
------------
Nothing is said where the queue, its workers or the pool of any of them is only known at run time.

References
----------
- [Celery: concurrency](https://docs.celeryq.dev/en/stable/userguide/concurrency/index.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.deploying.workers import related_workers, where
from lint_rules.rules.registry import rule

UNSUITED = {
    "cpu": {
        "gevent": "computing stops every other task of the worker",
        "eventlet": "computing stops every other task of the worker",
        "threads": "the threads share one interpreter lock",
    },
    "io": {"solo": "it runs one task at a time, and one that waits holds up all others"},
}
"""Workload and pool -> what is wrong."""


@rule("CRB210", "queue-contradicts-decorator", on=Task, severity=Severity.WARNING)
def queue_contradicts_decorator(task: Task, project: Project) -> Iterator[Report]:
    """Tasks on the queue of another class of workers."""
    declared = task.declaration.workload if task.declaration.form == "ours" else None
    if declared not in UNSUITED:
        return
    workers = project.routing.all_consumers(task)
    queues = {use.queue for use in project.routing.uses if use.task is task}
    pools = {project.routing.pool_of(worker)[0] for worker in workers or ()}
    if not workers or not all(pool is not None and pool in UNSUITED[declared] for pool in pools):
        return
    pool = project.routing.pool_of(workers[0])[0]
    assert pool is not None
    where_to = " and ".join(repr(queue) for queue in sorted(queue or "" for queue in queues))
    yield Report(
        project.at_decorator(task),
        f"{declared} task {task.function.name!r} goes to queue {where_to}, which only "
        f"{' or '.join(sorted(map(str, pools)))} workers consume ({where(workers[0])}): {UNSUITED[declared][pool]}; "
        f"give it the queue of {'prefork' if declared == 'cpu' else 'gevent or threads'} workers",
        task=task.name,
        related=related_workers(workers, f"consumes the queue on {pool}"),
    )
