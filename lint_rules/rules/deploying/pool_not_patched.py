"""
What it does
------------
Reports workers that get the gevent or eventlet pool in a way that patches nothing: `-Pgevent` in one word, the variable
CELERY_WORKER_POOL, the setting `worker_pool`, `app.worker_main([...])` and `app.Worker(pool=...)`. It keeps quiet where the code patches
by itself.

Why it matters
--------------
Only the `celery` program patches the standard library, and only when it sees `-P gevent`, `--pool gevent` or `--pool=gevent`. In all other
forms the pool runs on sockets that block: the worker takes messages and hangs. Of `-Pgevent` Celery does not even warn.

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
```yaml
# docker-compose.yml
services:
  worker:
    image: shop
    command: celery -A tasks worker -Pgevent -c 100
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
```yaml
# docker-compose.yml
services:
  worker:
    image: shop
    command: celery -A tasks worker -P gevent -c 100
```

Fix safety
----------
Safe for `-Pgevent`: two words instead of one. The other forms have no fix.

Known limits
------------
Patching counts when a module of the project, or one that it imports, calls `gevent.monkey.patch_all()` or `eventlet.monkey_patch()`. A
project's own program that starts workers is not judged: it may patch.

References
----------
- [Celery: concurrency with gevent](https://docs.celeryq.dev/en/stable/userguide/concurrency/gevent.html)
- `celery.maybe_patch_concurrency`
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.deploy.model import Option, WorkerCommand
from lint_rules.findings import FixKind, Report, Severity
from lint_rules.knowledge.pools import GREEN
from lint_rules.project.celery_settings import Setting
from lint_rules.project.environments import is_certain
from lint_rules.project.project import Project
from lint_rules.rules.deploying.workers import at_option, at_setting, related_tasks, related_workers, rewritable, tasks_of
from lint_rules.rules.registry import rule

HANGS = "patches nothing: the worker takes messages and hangs"


@rule("CRB202", "pool-not-patched", on=Project, severity=Severity.ERROR, fix=FixKind.SAFE)
def pool_not_patched(project: Project, _: Project) -> Iterator[Report]:
    """Greenlets on a standard library that blocks."""
    for worker in project.workers:
        option = worker.options.get("pool")
        if option is None or worker.pool not in GREEN or _starts_patched(worker, option) or _patches(project, worker):
            continue
        glued = option.glued and option.source == "argument" and worker.form == "command"
        cure = (
            f"write `-P {option.value}`" if glued or option.source == "environment" else f"start it with `celery worker -P {option.value}`"
        )
        yield Report(
            at_option(worker, "pool"),
            f"{_written(worker, option)} selects the {option.value} pool and {HANGS}; {cure}",
            related=related_tasks(project, tasks_of(project, worker), "would hang"),
            fix=rewritable(worker, option, FixKind.SAFE) if glued else None,
        )
    for setting in project.celery_settings:
        pool = project.literal(setting.value, setting.frame) if setting.name == "worker_pool" else None
        if pool in GREEN and is_certain(project, setting) and not project.patches.anywhere("library"):
            yield from _by_setting(setting, str(pool), project)


def _by_setting(setting: Setting, pool: str, project: Project) -> Iterator[Report]:
    """The setting, unless every worker that it can reach is seen to choose a pool by itself, or may patch."""
    routing = project.routing
    reached = [worker for worker in project.workers if setting.app is None or routing.app_of_worker(worker) in (None, setting.app)]
    decided = [worker for worker in reached if worker.form != "wrapper" and routing.pool_of(worker)[1] is setting]
    if reached and not decided:
        return
    yield Report(
        at_setting(setting),
        f"{setting.written or setting.name} selects the {pool} pool and {HANGS}; start the workers with `-P {pool}` instead",
        related=related_workers(decided, f"runs on {pool}, unpatched"),
    )


def _starts_patched(worker: WorkerCommand, option: Option) -> bool:
    """Whether the program sees the option early enough to patch (or may do so: it is the project's own)."""
    if worker.form == "wrapper" or any("gevent.monkey" in word.text for word in worker.words):
        return True
    return worker.form == "command" and option.source == "argument" and not option.glued


def _patches(project: Project, worker: WorkerCommand) -> bool:
    """Whether the code patches: the module that starts the worker, or the application's."""
    app = project.routing.app_of_worker(worker)
    entries = {file for file in (worker.file, app.file if app is not None else "") if file.endswith(".py")}
    if not entries:
        return project.patches.anywhere("library")
    return any(project.patches.on_the_way(entry) for entry in entries)


def _written(worker: WorkerCommand, option: Option) -> str:
    if worker.form == "python":
        return "this call"
    return "CELERY_WORKER_POOL" if option.source == "environment" else f"`-P{option.value}` in one word"
