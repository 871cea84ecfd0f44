"""
What it does
------------
Reports network calls, subprocesses and sleeps that a task declared as CPU work reaches through functions of the project, in whatever module
they are, with the calls that lead there. It speaks once for each kind, at the first call on the way.

Why it matters
--------------
The task looks like pure computing, and waits all the same: its core idles, and the CPU queue grows with every slow answer.

Example
-------
```python
import requests
from celery_best_practices import CPUTaskConfig, run_cpu_task_with_best_practices
from PIL import Image


def download(url):
    return requests.get(url, stream=True, timeout=10).raw


def open_logo(url):
    return Image.open(download(url))


@run_cpu_task_with_best_practices(config=CPUTaskConfig(timeout=60))
def shrink_logo(url, target):
    open_logo(url).resize((64, 64)).save(target)
```

Use instead
-----------
```python
import requests
from celery_best_practices import CPUTaskConfig, IOTaskConfig, run_cpu_task_with_best_practices, run_io_task_with_best_practices
from PIL import Image


def download(url, target):
    with open(target, "wb") as file:
        file.write(requests.get(url, timeout=10).content)


@run_io_task_with_best_practices(config=IOTaskConfig(timeout=30))
def fetch_logo(url, source, target):
    download(url, source)
    shrink_logo.delay(source, target)


@run_cpu_task_with_best_practices(config=CPUTaskConfig(timeout=60))
def shrink_logo(source, target):
    Image.open(source).resize((64, 64)).save(target)
```

Fix safety
----------
There is no fix: which of the functions on the way should be called elsewhere is a question of design.

Known limits
------------
Functions that are handed to the constructor of a project class are not followed, and file fields and storages are left out.

References
----------
- [Celery: optimizing](https://docs.celeryq.dev/en/stable/userguide/optimizing.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import Report, Severity
from lint_rules.knowledge.tables import Effect
from lint_rules.project.graph import DirectEffect, Edge, Evidence, Node, Step
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.blocking.file_storage import may_be_local
from lint_rules.rules.registry import rule


@rule("CRB402", "blocking-call-reached-from-cpu-task", on=Task, severity=Severity.WARNING)
def blocking_call_reached_from_cpu_task(task: Task, project: Project) -> Iterator[Report]:
    """The nearest network call, subprocess and sleep behind the functions that a CPU task calls."""
    if project.declared(task) != "cpu":
        return
    for effect in (Effect.NETWORK, Effect.SUBPROCESS, Effect.SLEEP):
        nearest = _nearest(task, effect, project)
        if nearest is None:
            continue
        edge, evidence = nearest
        row = edge.call.span.row if edge.call is not None else task.function.row
        steps = (Step(edge.target.name, task.file, row), *evidence.steps)
        yield Report(
            project.at_first_step(task, edge.call),
            f"CPU task {task.function.name!r} reaches blocking {evidence.path} through {project.chain(steps)}: "
            "its core idles while it waits; do that in an I/O task and chain the two",
            task=task.name,
            related=project.related(evidence),
        )


def _nearest(task: Task, effect: Effect, project: Project) -> tuple[Edge, Evidence] | None:
    """The first call in the body behind which the effect is nearest."""
    found = [
        (edge, evidence)
        for edge in project.node(task).edges
        if not edge.kept and (evidence := project.graph.search(edge.target, effect, _followed, _waits)) is not None
    ]
    return min(found, key=lambda each: len(each[1].steps), default=None)


def _followed(node: Node, edge: Edge) -> bool:
    return not edge.kept


def _waits(node: Node, direct: DirectEffect) -> bool:
    return direct.row is not None and not may_be_local(direct.path) and not (direct.effect is Effect.SLEEP and direct.row.is_async)
