"""
What it does
------------
Reports tasks on a gevent or eventlet worker that reach a library which waits in C without giving way: sqlite3, MySQLdb, grpc without
`init_gevent()`, `os.system`, and on gevent psycopg2 without psycogreen. Behind Django and SQLAlchemy it speaks where the driver is known.

Why it matters
--------------
All tasks of such a worker share one thread. While one of them is inside such a call, none of the others moves: a query of a second stops
every other task of the worker for a second.

Example
-------
```python
# tasks.py
import sqlite3

from celery import Celery

app = Celery("shop", broker="redis://localhost")


@app.task
def locate(address):
    with sqlite3.connect("geo.sqlite3") as connection:
        return connection.execute("SELECT country FROM ranges WHERE first <= ?", (address,)).fetchone()
```
```text
# Procfile
worker: celery -A tasks worker -P gevent -c 100
```

Use instead
-----------
```python
# tasks.py
import sqlite3

from celery import Celery

app = Celery("shop", broker="redis://localhost")


@app.task
def locate(address):
    with sqlite3.connect("geo.sqlite3") as connection:
        return connection.execute("SELECT country FROM ranges WHERE first <= ?", (address,)).fetchone()
```
```text
# Procfile
worker: celery -A tasks worker -P threads -c 10
```

Fix safety
----------
There is no fix: the cure is another driver, or another worker.

Known limits
------------
It speaks once a task, of the call that is nearest. Django's driver is known where every entry of DATABASES names its ENGINE (for PostgreSQL
the requirements decide between psycopg2 and psycopg), SQLAlchemy's where the URLs of all engines can be read.

References
----------
- [gevent: monkey patching](https://www.gevent.org/intro.html#monkey-patching)
- [psycogreen](https://github.com/psycopg/psycogreen/)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import Related, Report, Severity
from lint_rules.knowledge.pools import GREEN
from lint_rules.project.hub import blockage
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.declaring.declarations import label
from lint_rules.rules.deploying.workers import where
from lint_rules.rules.registry import rule

CURES = {
    "psycopg2": "call psycogreen.gevent.patch_psycopg() at start, use psycopg 3",
    "MySQLdb": "use PyMySQL",
    "grpc": "call grpc.experimental.gevent.init_gevent() at start",
    "os.system": "use subprocess.run()",
}


@rule("CRB214", "hub-blocking-library", on=Task, severity=Severity.WARNING)
def hub_blocking_library(task: Task, project: Project) -> Iterator[Report]:
    """A wait that no other greenlet can use."""
    for worker in project.routing.consumers(task):
        pool, _ = project.routing.pool_of(worker)
        found = blockage(project, task, pool) if pool in GREEN and pool is not None else None
        if found is None:
            continue
        library, evidence = found
        cure = f"{CURES[library]}, or run" if library in CURES else "run"
        yield Report(
            project.at_decorator(task),
            f"task {label(task)!r} waits in {library} ({evidence.path}, {evidence.file}:{evidence.row}){project.through(evidence.steps)}, "
            f"which holds up every other task of the {pool} worker of {where(worker)}; {cure} the task on threads or prefork",
            task=task.name,
            related=(*project.related(evidence), Related(worker.file, worker.row, f"runs the task on {pool}")),
        )
        return
