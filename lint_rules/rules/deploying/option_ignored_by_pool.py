"""
What it does
------------
Reports options that the pool of their worker ignores: on solo the concurrency, autoscaling, time limits and limits per child; on threads
and eventlet time limits and limits per child; on gevent soft time limits and limits per child. It also reports time limits in the
declaration of a task when every worker that can run the task ignores them.

Why it matters
--------------
Nothing warns. The worker's banner even shows the concurrency that solo does not have, and a task that hangs keeps its slot for ever though
a limit was set.

Example
-------
```python
# tasks.py
import requests
from celery import Celery

app = Celery("shop", broker="redis://localhost")


@app.task(soft_time_limit=30)
def notify(url):
    requests.post(url, timeout=5)
```
```yaml
# docker-compose.yml
services:
  worker:
    image: shop
    command: celery -A tasks worker --pool solo --concurrency 4
```

Use instead
-----------
```python
# tasks.py
import requests
from celery import Celery

app = Celery("shop", broker="redis://localhost")


@app.task(soft_time_limit=30)
def notify(url):
    requests.post(url, timeout=5)
```
```yaml
# docker-compose.yml
services:
  worker:
    image: shop
    command: celery -A tasks worker --concurrency 4
```

Fix safety
----------
Unsafe: the option is removed from the command, which changes nothing for this worker, but may not be what was meant. Limits in
declarations have no fix.

Known limits
------------
What Celery 5.7 honours is never reported, though older versions may ignore it (the hard time limit and autoscaling on gevent). Settings
(`task_time_limit`, `worker_max_tasks_per_child`) are not judged: they may be meant for other workers.

References
----------
- [Celery: workers guide](https://docs.celeryq.dev/en/stable/userguide/workers.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.deploy.model import Option, WorkerCommand
from lint_rules.findings import FixKind, Report, Severity
from lint_rules.knowledge.pools import IGNORED
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.declaring.declarations import ANY_DECORATOR, label
from lint_rules.rules.deploying.workers import at_option, related_setting, related_tasks, related_workers, rewritable, tasks_of, where
from lint_rules.rules.registry import rule

CONSEQUENCES = {
    "concurrency": "it runs one task at a time",
    "autoscale": "it runs one task at a time",
    "time-limit": "a task that hangs keeps its slot for ever",
    "soft-time-limit": "a task that hangs is never told to stop",
    "max-tasks-per-child": "memory that tasks leak stays until the worker ends",
    "max-memory-per-child": "memory that tasks leak stays until the worker ends",
}
LIMITS = {"soft_time_limit": "soft-time-limit", "time_limit": "time-limit"}
"""Options of a declaration, and those of a command that mean the same."""


@rule("CRB203", "option-ignored-by-pool", on=Project, severity=Severity.WARNING, fix=FixKind.UNSAFE)
def option_ignored_by_pool(project: Project, _: Project) -> Iterator[Report]:
    """Options without effect, of workers and of tasks."""
    for worker in project.workers:
        yield from _of_worker(worker, project)
    for task in project.tasks:
        if task.declaration.form in (*ANY_DECORATOR, "class"):
            yield from _of_task(task, project)


def _of_worker(worker: WorkerCommand, project: Project) -> Iterator[Report]:
    pool, setting = project.routing.pool_of(worker)
    for option in ignored_options(worker, project):
        name = option.name
        yield Report(
            at_option(worker, name),
            f"the {pool} pool ignores --{name} {option.value}: {CONSEQUENCES[name]}; remove it, or run another pool",
            related=(*related_setting(setting, str(pool)), *related_tasks(project, tasks_of(project, worker), f"runs without --{name}")),
            fix=rewritable(worker, option, FixKind.UNSAFE),
        )


def ignored_options(worker: WorkerCommand, project: Project) -> Iterator[Option]:
    """The options of a worker that its pool ignores."""
    pool, setting = project.routing.pool_of(worker)
    if pool in IGNORED and not (worker.pool == "prefork" and setting is not None):  # there the pool itself is the mistake: CRB212
        yield from (option for name, option in worker.options.items() if name in IGNORED[pool] and _asks(worker, name))


def _asks(worker: WorkerCommand, name: str) -> bool:
    """Whether an option asks for something that a pool without it does not do anyway."""
    if name == "concurrency":
        return (worker.concurrency or 0) > 1
    if name == "autoscale":
        return worker.autoscale is not None and worker.autoscale[0] > 1
    said = worker.value(name)
    return said is not None and said not in ("", "0")


def _of_task(task: Task, project: Project) -> Iterator[Report]:
    limits = {name: value for name in LIMITS if _is_limit(value := project.option(task, name))}
    workers = project.routing.all_consumers(task) if limits else None
    if not workers:
        return
    pools = [project.routing.pool_of(worker)[0] for worker in workers]
    ignored = [name for name in limits if all(pool in IGNORED and LIMITS[name] in IGNORED[pool] for pool in pools)]
    if not ignored:
        return
    written = " and ".join(f"{name}={limits[name]}" for name in ignored)
    runs = " or ".join(sorted({str(pool) for pool in pools}))
    others = f" and {len(workers) - 1} more" if len(workers) > 1 else ""
    yield Report(
        project.at_decorator(task),
        f"{written} of task {label(task)!r} has no effect: every worker of its queue ({where(workers[0])}{others}) runs the {runs} pool, "
        "which ignores it; set timeouts on what the task waits for, or run it on prefork",
        task=task.name,
        related=related_workers(workers, f"runs {label(task)}"),
    )


def _is_limit(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
