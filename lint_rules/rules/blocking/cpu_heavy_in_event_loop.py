"""
What it does
------------
Reports heavy computing (image work, data frames, PDF rendering, password hashing...) in an `async def` task, in its body or in functions
that it calls on the event loop, and in any task that a gevent or eventlet worker runs. It speaks once a task, at the call that leads to the
nearest evidence.

Why it matters
--------------
While one coroutine computes, no other runs: sockets are not read, timeouts fire late, and everything gathered beside it waits. On gevent
and eventlet all tasks of the worker wait for the one that computes.

Example
-------
```python
import io

import httpx
from celery_best_practices import IOTaskConfig, run_io_task_with_best_practices
from PIL import Image


@run_io_task_with_best_practices(config=IOTaskConfig(max_retries=3))
async def fetch_picture(url, target):
    async with httpx.AsyncClient() as client:
        answer = await client.get(url)
    Image.open(io.BytesIO(answer.content)).resize((640, 480)).save(target)
```

Use instead
-----------
```python
import httpx
from celery_best_practices import CPUTaskConfig, IOTaskConfig, run_cpu_task_with_best_practices, run_io_task_with_best_practices
from PIL import Image


@run_cpu_task_with_best_practices(config=CPUTaskConfig(timeout=60))
def shrink(path):
    Image.open(path).resize((640, 480)).save(path)


@run_io_task_with_best_practices(config=IOTaskConfig(max_retries=3))
async def fetch_picture(url, target):
    async with httpx.AsyncClient() as client:
        answer = await client.get(url)
    with open(target, "wb") as file:
        file.write(answer.content)
    shrink.delay(target)
```

Fix safety
----------
There is no fix: the computing has to become a task of its own (or go to `asyncio.to_thread`, where the library releases the GIL).

Known limits
------------
A task on a gevent or eventlet worker is one whose queue and worker are both known. What is handed to `asyncio.to_thread`, an executor or
`sync_to_async` runs elsewhere and is not reported.

References
----------
- [Python: running blocking code](https://docs.python.org/3/library/asyncio-dev.html#running-blocking-code)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import Related, Report, Severity
from lint_rules.knowledge.pools import GREEN
from lint_rules.knowledge.tables import Effect
from lint_rules.project.graph import DirectEffect, Edge, Node
from lint_rules.project.hub import computing
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.registry import rule


@rule("CRB409", "cpu-heavy-in-event-loop", on=Task, severity=Severity.WARNING)
def cpu_heavy_in_event_loop(task: Task, project: Project) -> Iterator[Report]:
    """The nearest heavy computing of a task that shares its thread with others."""
    if not task.function.is_async:
        yield from _beside_greenlets(task, project)
        return
    if not (task.declaration.workload in ("io", "db") or task.has_base):
        return
    evidence = project.graph.search(project.node(task), Effect.CPU, follow=_on_the_loop, counts=_computes)
    if evidence is None:
        return
    yield Report(
        project.at_first_step(task, evidence.first),
        f"async task {task.function.name!r} computes on the event loop ({evidence.path}){project.through(evidence.steps)}: "
        "nothing else runs meanwhile; send that to a CPU task, or to asyncio.to_thread()",
        task=task.name,
        related=project.related(evidence),
    )


def _beside_greenlets(task: Task, project: Project) -> Iterator[Report]:
    workers = [worker for worker in project.routing.consumers(task) if project.routing.pool_of(worker)[0] in GREEN]
    evidence = computing(project, task) if workers else None
    if evidence is None:
        return
    pool, where = project.routing.pool_of(workers[0])[0], f"{workers[0].file}:{workers[0].row}"
    yield Report(
        project.at_first_step(task, evidence.first),
        f"task {task.function.name!r} computes ({evidence.path}){project.through(evidence.steps)} on the {pool} worker of {where}: "
        "no other task of that worker runs meanwhile; send that to a CPU task in the queue of a prefork worker",
        task=task.name,
        related=(*project.related(evidence), Related(workers[0].file, workers[0].row, f"runs the task on {pool}")),
    )


def _on_the_loop(node: Node, edge: Edge) -> bool:
    """Whether the function runs where it is called: awaiting a plain function means that something runs it elsewhere."""
    function = edge.target.frame.function
    if edge.call is None or edge.callback or function is None:
        return False
    return function.is_async or not edge.call.awaited


def _computes(node: Node, direct: DirectEffect) -> bool:
    return direct.row is not None and not direct.row.is_async and not direct.call.awaited
