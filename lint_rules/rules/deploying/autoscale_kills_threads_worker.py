"""
What it does
------------
Reports workers on the threads pool that are told to autoscale.

Why it matters
--------------
The threads pool cannot grow: at the first scale-up the worker dies with `AttributeError: 'TaskPool' object has no attribute 'grow'`. Until
there is enough work for that, nothing looks wrong.

Example
-------
```python
# tasks.py
import requests
from celery import Celery

app = Celery("shop", broker="redis://localhost")


@app.task
def notify(url):
    requests.post(url, timeout=5)
```
```text
# Procfile
worker: celery -A tasks worker --pool threads --autoscale 16,2
```

Use instead
-----------
```python
# tasks.py
import requests
from celery import Celery

app = Celery("shop", broker="redis://localhost")


@app.task
def notify(url):
    requests.post(url, timeout=5)
```
```text
# Procfile
worker: celery -A tasks worker --pool threads --concurrency 16
```

Fix safety
----------
Unsafe: `--autoscale` becomes `--concurrency` with its maximum, so idle threads stay.

Known limits
------------
Limits that are only known at run time are not judged.

References
----------
- [Celery: autoscaling](https://docs.celeryq.dev/en/stable/userguide/workers.html#autoscaling)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.deploy.model import WorkerCommand
from lint_rules.findings import FixKind, Report, Severity
from lint_rules.project.project import Project
from lint_rules.rules.deploying.workers import at_option, related_setting, related_tasks, rewritable, tasks_of
from lint_rules.rules.registry import rule


@rule("CRB204", "autoscale-kills-threads-worker", on=WorkerCommand, severity=Severity.ERROR, fix=FixKind.UNSAFE)
def autoscale_kills_threads_worker(worker: WorkerCommand, project: Project) -> Iterator[Report]:
    """Threads that should grow."""
    limits = worker.autoscale
    if limits is None or limits[0] <= limits[1]:
        return
    pool, setting = project.routing.pool_of(worker)
    if pool != "threads":
        return
    yield Report(
        at_option(worker, "autoscale"),
        f"the threads pool cannot grow: with autoscale {limits[0]},{limits[1]} the worker dies at the first scale-up; "
        f"use --concurrency {limits[0]} instead",
        related=(*related_setting(setting, pool), *related_tasks(project, tasks_of(project, worker), "stays in the queue")),
        fix=rewritable(worker, worker.options.get("autoscale"), FixKind.UNSAFE),
    )
