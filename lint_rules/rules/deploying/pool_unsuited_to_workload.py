"""
What it does
------------
Reports workers whose pool, chosen by `-P` or `worker_pool`, does not suit tasks of their queues: CPU work on gevent, eventlet or threads,
waiting for the network on solo, and database work on gevent or eventlet through a driver that blocks. Where all tasks of a prefork worker
wait for the network, it says so as information.

Why it matters
--------------
Threads and greenlets share one core and one GIL: while one task computes, the others of that worker hardly move, and on gevent and
eventlet not at all. Solo has one slot, which a task that waits keeps. Prefork holds a whole process for every task that waits.

Example
-------
```python
# tasks.py
from celery import Celery
from PIL import Image

app = Celery("shop", broker="redis://localhost")


@app.task
def shrink(path):
    Image.open(path).resize((64, 64)).save(path)
```
```yaml
# docker-compose.yml
services:
  worker:
    image: shop
    command: celery -A tasks worker --pool=gevent --concurrency=100
```

Use instead
-----------
```python
# tasks.py
from celery import Celery
from PIL import Image

app = Celery("shop", broker="redis://localhost")


@app.task
def shrink(path):
    Image.open(path).resize((64, 64)).save(path)
```
```yaml
# docker-compose.yml
services:
  worker:
    image: shop
    command: celery -A tasks worker --pool=prefork --concurrency=4
```

Fix safety
----------
Unsafe: the fix chooses a pool that suits all tasks of the worker, where there is one. Its concurrency stays as it is; one
over 32, meant for greenlets or threads, goes where prefork comes, which then runs a process a core.

Known limits
------------
It counts tasks whose queue and workload are known, and speaks only where the pool is chosen: prefork by default is nobody's decision.
Work that is mixed counts as waiting. Services that only run when asked for may use solo (for debugging, say).

References
----------
- [Celery: concurrency](https://docs.celeryq.dev/en/stable/userguide/concurrency/index.html)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lint_rules.deploy.model import WorkerCommand
from lint_rules.findings import FixKind, Report, Severity
from lint_rules.knowledge.pools import GREEN, ONE_PROCESS
from lint_rules.knowledge.tables import Effect
from lint_rules.project.hub import blockage
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.deploying.workers import MOST_RELATED, at_option, listed, related_setting, related_tasks, rewritable, tasks_of
from lint_rules.rules.registry import rule

FOR_PREFORK = ("time-limit", "soft-time-limit", "max-tasks-per-child", "max-memory-per-child")
"""Options that prefork alone honours: a reason to run it."""
LIMITS = ("task_time_limit", "task_soft_time_limit", "worker_max_tasks_per_child", "worker_max_memory_per_child")
"""The same as settings."""


@rule("CRB201", "pool-unsuited-to-workload", on=WorkerCommand, severity=Severity.WARNING, fix=FixKind.UNSAFE)
def pool_unsuited_to_workload(worker: WorkerCommand, project: Project) -> Iterator[Report]:
    """Tasks on a pool that does not suit them."""
    pool, setting = project.routing.pool_of(worker)
    if pool is None or (worker.pool is None and setting is None) or (worker.pool == "prefork" and pool != "prefork"):
        return
    by_workload = _by_workload(worker, project)
    unsuited = list(_unsuited(worker, pool, by_workload, project))
    if unsuited:
        better = better_pool(pool, by_workload)
        said = [f"{_counted(tasks, kind)} ({listed(tasks)}): {consequence}" for tasks, kind, consequence in unsuited]
        related = [each for tasks, kind, _ in unsuited for each in related_tasks(project, tasks, f"{kind} work on {pool}")]
        yield Report(
            at_option(worker, "pool"),
            f"the {pool} pool of this worker does not suit {', and '.join(said)}; "
            + (f"use --pool {better}" if better else f"give them a queue and a {_alone(unsuited)} worker of their own"),
            related=(*related[:MOST_RELATED], *related_setting(setting, pool)),
            fix=rewritable(worker, worker.options.get("pool"), FixKind.UNSAFE) if better and setting is None else None,
        )
    elif pool == "prefork" and not worker.optional and _all_wait(worker, by_workload, project):
        tasks = by_workload["io"]
        yield Report(
            at_option(worker, "pool"),
            f"all {len(tasks)} tasks of this prefork worker ({listed(tasks)}) wait for others (io), each in a process of its own; "
            "gevent or threads run many more of them in the same memory",
            related=related_tasks(project, tasks, "io work on prefork"),
            severity=Severity.INFO,
        )


def _unsuited(
    worker: WorkerCommand, pool: str, by_workload: Mapping[str, list[Task]], project: Project
) -> Iterator[tuple[Sequence[Task], str, str]]:
    """Tasks, their kind, and what happens on this pool."""
    if pool in ONE_PROCESS and "cpu" in by_workload:
        held_up = "computing holds up all other greenlets" if pool in GREEN else "all threads share one GIL"
        yield by_workload["cpu"], "CPU", held_up
    if pool in GREEN:
        blocked = [
            (task, found) for task in by_workload.get("db", ()) if (found := blockage(project, task, pool, (Effect.DB,))) is not None
        ]
        if blocked:
            libraries = " and ".join(sorted({library for _, (library, _) in blocked}))
            yield [task for task, _ in blocked], "database", f"queries through {libraries} hold up all other greenlets"
    waiting = [*by_workload.get("io", ()), *by_workload.get("mixed", ())]
    if pool == "solo" and waiting and not worker.optional:
        yield waiting, "waiting", "each keeps the only slot while it waits"


def _counted(tasks: Sequence[Task], kind: str) -> str:
    return f"{len(tasks)} {kind} {'task' if len(tasks) == 1 else 'tasks'}"


def _alone(unsuited: Sequence[tuple[Sequence[Task], str, str]]) -> str:
    """The pool for those tasks alone."""
    return "prefork" if any(kind == "CPU" for _, kind, _ in unsuited) else "threads"


def _by_workload(worker: WorkerCommand, project: Project) -> dict[str, list[Task]]:
    found: dict[str, list[Task]] = {}
    for task in tasks_of(project, worker):
        found.setdefault(project.declared(task) or project.workload(task), []).append(task)
    return found


def suited_pool(worker: WorkerCommand, project: Project) -> str | None:
    """A pool that suits all tasks of a worker, None where there is none (or not everything is known)."""
    pool, by_workload = project.routing.pool_of(worker)[0], _by_workload(worker, project)
    return better_pool(pool, by_workload) if pool is not None and by_workload else None


def better_pool(pool: str, by_workload: Mapping[str, list[Task]]) -> str | None:
    """A pool that suits all tasks of the worker, None where there is none (or not everything is known)."""
    kinds = {*by_workload}
    if pool != "solo" and kinds <= {"cpu", "db", "dispatch"}:
        return "prefork" if "cpu" in kinds else "threads"
    return "threads" if kinds <= {"io", "mixed", "db", "dispatch"} else None


def _all_wait(worker: WorkerCommand, by_workload: Mapping[str, list[Task]], project: Project) -> bool:
    """Whether all tasks of a worker are known to wait for other hosts, and nothing speaks for prefork."""
    if {*by_workload} - {"dispatch"} != {"io"} or worker.open or any(name in worker.options for name in FOR_PREFORK):
        return False
    tasks = by_workload["io"]
    limited = any(task.option(name) is not None for task in tasks for name in ("time_limit", "soft_time_limit"))
    started = any(Effect.SUBPROCESS in project.effects(task) for task in tasks)
    return len(tasks) > 1 and not limited and not started and not any(project.routing.settings(name) for name in LIMITS)
