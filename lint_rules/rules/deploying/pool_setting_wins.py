"""
What it does
------------
Reports `-P prefork` of a worker whose application sets `worker_pool` to another pool.

Why it matters
--------------
Celery takes `-P prefork` for "nothing given" and runs the pool of the setting: with `worker_pool = "solo"` one task at a time, whatever
`-c` says, with `"gevent"` an unpatched pool that hangs.

Example
-------
```python
# tasks.py
from celery import Celery

app = Celery("shop", broker="redis://localhost")
app.conf.worker_pool = "solo"


@app.task
def total(counts):
    return sum(counts)
```
```text
# Procfile
worker: celery -A tasks worker -P prefork -c 4
```

Use instead
-----------
```python
# tasks.py
from celery import Celery

app = Celery("shop", broker="redis://localhost")


@app.task
def total(counts):
    return sum(counts)
```
```text
# Procfile
worker: celery -A tasks worker -P prefork -c 4
```

Fix safety
----------
There is no fix: whether the setting or the option is meant, only people know.

Known limits
------------
A setting that counts in some environments only (under a test, or in a settings module of its own) is not looked at.

References
----------
- `celery.bin.worker.WorkersPool.convert`
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.deploy.model import WorkerCommand
from lint_rules.findings import Report, Severity
from lint_rules.project.project import Project
from lint_rules.rules.deploying.workers import at_option, related_setting
from lint_rules.rules.registry import rule


@rule("CRB212", "pool-setting-wins", on=WorkerCommand, severity=Severity.WARNING)
def pool_setting_wins(worker: WorkerCommand, project: Project) -> Iterator[Report]:
    """A `-P prefork` without effect."""
    pool, setting = project.routing.pool_of(worker)
    if worker.pool != "prefork" or setting is None or pool in (None, "prefork"):
        return
    yield Report(
        at_option(worker, "pool"),
        f"-P prefork does not override {setting.written or setting.name} ({setting.file}:{setting.row}): this worker runs the {pool} pool; "
        "remove the setting, and give other workers their pool with -P",
        related=related_setting(setting, str(pool)),
    )
