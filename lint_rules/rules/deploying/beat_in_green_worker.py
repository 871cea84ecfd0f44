"""
What it does
------------
Reports `-B` of a worker on the gevent or eventlet pool, and `-B` of more than one worker of an application in the same file.

Why it matters
--------------
With gevent and eventlet the worker refuses to start (ImproperlyConfigured). Where several workers run beat, each sends every scheduled
task: all of them run several times.

Example
-------
```python
# tasks.py
from celery import Celery

app = Celery("shop", broker="redis://localhost")
app.conf.beat_schedule = {"tidy": {"task": "tasks.tidy", "schedule": 3600}}


@app.task
def tidy():
    return None
```
```text
# Procfile
worker: celery -A tasks worker -B
mails: celery -A tasks worker -B -Q mails
```

Use instead
-----------
```python
# tasks.py
from celery import Celery

app = Celery("shop", broker="redis://localhost")
app.conf.beat_schedule = {"tidy": {"task": "tasks.tidy", "schedule": 3600}}


@app.task
def tidy():
    return None
```
```text
# Procfile
worker: celery -A tasks worker
mails: celery -A tasks worker -Q mails
beat: celery -A tasks beat
```

Fix safety
----------
There is no fix: something else has to start beat afterwards.

Known limits
------------
Only services of one file are compared (two compose files may describe two environments, two commands of a script two ways to run it), and
one that only runs when asked for does not count. Replicas are not counted. Schedulers other than Celery's and django-celery-beat's may lock
each other out and are left alone.

References
----------
- [Celery: starting the scheduler](https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#starting-the-scheduler)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.deploy.model import WorkerCommand
from lint_rules.findings import Related, Report, Severity
from lint_rules.knowledge.pools import GREEN
from lint_rules.project.project import UNSEEN, Project
from lint_rules.rules.deploying.workers import at_option, related_setting, related_workers, where
from lint_rules.rules.registry import rule

WITHOUT_LOCK = ("celery.beat", "django_celery_beat", "django")
"""Beginnings of the names of schedulers of which several send everything several times."""


@rule("CRB215", "beat-in-green-worker", on=WorkerCommand, severity=Severity.ERROR)
def beat_in_green_worker(worker: WorkerCommand, project: Project) -> Iterator[Report]:
    """A beat that does not start, or starts once too often."""
    if not worker.beat:
        return
    pool, setting = project.routing.pool_of(worker)
    if pool in GREEN:
        yield Report(
            at_option(worker, "beat"),
            f"-B does not work with the {pool} pool: the worker refuses to start; run `celery beat` as a process of its own",
            related=(*related_setting(setting, str(pool)), *_schedules(worker, project)),
        )
        return
    first = next((other for other in project.workers if _runs_beat_beside(other, worker, project)), worker)
    if first is not worker and not _locks(worker, project):
        yield Report(
            at_option(worker, "beat"),
            f"-B runs a second beat beside that of {where(first)}: every scheduled task is sent twice; "
            "run one `celery beat` as a process of its own",
            related=(*related_workers([first], "runs beat as well"), *_schedules(worker, project)),
        )


def _schedules(worker: WorkerCommand, project: Project) -> Iterator[Related]:
    """The places of what beat sends."""
    for setting in project.routing.settings("beat_schedule", project.routing.app_of_worker(worker)):
        yield Related(setting.file, setting.row, "is sent by beat")


def _runs_beat_beside(other: WorkerCommand, worker: WorkerCommand, project: Project) -> bool:
    """Whether another worker (or the worker itself) runs a beat that runs whenever the worker's does."""
    if other is worker:
        return True
    if not other.beat or other.file != worker.file or other.optional or worker.optional:
        return False
    named = {other.service, worker.service} if not other.node else {other.node, worker.node}
    app = project.routing.app_of_worker(worker)
    return len(named - {""}) == 2 and other.app == worker.app and project.routing.app_of_worker(other) is app


def _locks(worker: WorkerCommand, project: Project) -> bool:
    """Whether the scheduler may keep others from sending: it is known not to be one that does not."""
    scheduler = worker.value("scheduler")
    if "scheduler" in worker.options:
        return scheduler is None or not scheduler.startswith(WITHOUT_LOCK)
    for setting in project.routing.settings("beat_scheduler", project.routing.app_of_worker(worker)):
        said = project.literal(setting.value, setting.frame)
        if said is UNSEEN or not str(said).startswith(WITHOUT_LOCK):
            return True
    return False
