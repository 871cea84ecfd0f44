"""
What it does
------------
Reports workers on the threads, gevent or eventlet pool that run more tasks at once than the project's database pool has connections:
`pool_size` and `max_overflow` of SQLAlchemy's engines, `max_size` of Django's `OPTIONS["pool"]` and of psycopg_pool.

Why it matters
--------------
On these pools all tasks of a worker share one process, and with it one pool of connections. Tasks that get none wait, and fail with
TimeoutError after `pool_timeout` seconds (30 by default), just when there is most to do.

Example
-------
```python
# tasks.py
from celery import Celery
from sqlalchemy import create_engine, text

app = Celery("shop", broker="redis://localhost")
engine = create_engine("postgresql+psycopg://localhost/shop", pool_size=10, max_overflow=10)


@app.task
def touch(customer):
    with engine.begin() as connection:
        connection.execute(text("UPDATE customers SET seen = now() WHERE id = :id"), {"id": customer})
```
```text
# Procfile
worker: celery -A tasks worker -P gevent -c 200
```

Use instead
-----------
```python
# tasks.py
from celery import Celery
from sqlalchemy import create_engine, text

app = Celery("shop", broker="redis://localhost")
engine = create_engine("postgresql+psycopg://localhost/shop", pool_size=50, max_overflow=0)


@app.task
def touch(customer):
    with engine.begin() as connection:
        connection.execute(text("UPDATE customers SET seen = now() WHERE id = :id"), {"id": customer})
```
```text
# Procfile
worker: celery -A tasks worker -P gevent -c 50
```

Fix safety
----------
There is no fix: which of the two numbers is wrong depends on how many connections the database can take.

Known limits
------------
Prefork is left alone: every process has a pool of its own. A project with several engines is measured by the greatest; one whose size is
not written out keeps the rule quiet. Only workers that are seen to run a task with database work are reported.

References
----------
- [SQLAlchemy: connection pooling](https://docs.sqlalchemy.org/en/20/core/pooling.html)
- [Django: connection pool](https://docs.djangoproject.com/en/stable/ref/databases/#connection-pool)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.deploy.model import WorkerCommand
from lint_rules.findings import Related, Report, Severity
from lint_rules.knowledge.pools import ONE_PROCESS
from lint_rules.knowledge.tables import Effect
from lint_rules.project.connections import connection_pools
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.deploying.workers import at_option, listed, related_setting, related_tasks, tasks_of
from lint_rules.rules.registry import rule


@rule("CRB211", "concurrency-exceeds-db-pool", on=WorkerCommand, severity=Severity.WARNING)
def concurrency_exceeds_db_pool(worker: WorkerCommand, project: Project) -> Iterator[Report]:
    """More tasks than connections."""
    pool, setting = project.routing.pool_of(worker)
    concurrency = _at_once(worker, project) if pool in ONE_PROCESS else None
    if pool is None or concurrency is None:
        return
    tasks = tasks_of(project, worker)
    for library in ("sqlalchemy", "django", "psycopg"):
        connections = connection_pools(project, library)
        users = [task for task in tasks if _works_with(project, task, library)] if connections else []
        largest = max((each for each in connections or () if each.size is not None), key=lambda each: each.size or 0, default=None)
        if largest is None or largest.size is None or not users or concurrency <= largest.size:
            continue
        yield Report(
            at_option(worker, "autoscale", "concurrency"),
            f"{concurrency} tasks at once on the {pool} pool share {largest.written} database connections "
            f"({largest.file}:{largest.row}), needed by {listed(users)}: beyond {largest.size} they wait for one and then fail; "
            "lower --concurrency, or raise the size of the connection pool",
            related=(
                Related(largest.file, largest.row, f"{largest.written} connections for the whole process"),
                *related_setting(setting, pool),
                *related_tasks(project, users, "takes a connection"),
            ),
        )
        return


def _at_once(worker: WorkerCommand, project: Project) -> int | None:
    """How many tasks the worker runs at once, where that is written out."""
    if "autoscale" in worker.options:
        return worker.autoscale[0] if worker.autoscale is not None else None
    if "concurrency" in worker.options or not worker.known("concurrency"):
        return worker.concurrency
    found = project.routing.settings("worker_concurrency", project.routing.app_of_worker(worker))
    said = [project.literal(setting.value, setting.frame) for setting in found]
    return said[0] if len(said) == 1 and isinstance(said[0], int) and not found[0].conditional else None


def _works_with(project: Project, task: Task, library: str) -> bool:
    """Whether running a task reaches the database through a library."""
    return (
        project.graph.search(
            project.node(task),
            Effect.DB,
            follow=lambda node, edge: not edge.kept,
            counts=lambda node, direct: direct.row is not None and direct.path.startswith(library),
        )
        is not None
    )
