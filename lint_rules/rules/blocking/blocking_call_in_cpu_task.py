"""
What it does
------------
Reports network calls, subprocesses and sleeps that stand in the body of a task which is declared as CPU work.

Why it matters
--------------
CPU workers run as many processes as there are cores. One that waits for a server leaves its core idle, and the tasks behind it in the queue
wait as well; a slow partner becomes a full CPU queue.

Example
-------
```python
import requests
from celery_best_practices import CPUTaskConfig, run_cpu_task_with_best_practices
from PIL import Image


@run_cpu_task_with_best_practices(config=CPUTaskConfig(timeout=60))
def shrink_logo(url, target):
    answer = requests.get(url, stream=True, timeout=10)
    Image.open(answer.raw).resize((64, 64)).save(target)
```

Use instead
-----------
```python
import requests
from celery_best_practices import CPUTaskConfig, IOTaskConfig, run_cpu_task_with_best_practices, run_io_task_with_best_practices
from PIL import Image


@run_io_task_with_best_practices(config=IOTaskConfig(timeout=30))
def fetch_logo(url, source, target):
    with open(source, "wb") as file:
        file.write(requests.get(url, timeout=10).content)
    shrink_logo.delay(source, target)


@run_cpu_task_with_best_practices(config=CPUTaskConfig(timeout=60))
def shrink_logo(source, target):
    Image.open(source).resize((64, 64)).save(target)
```

Fix safety
----------
Unsafe: where the calls lead the body in a straight line, they move into an I/O task and the rest into a CPU task; the task keeps its
name, signature and result and chains the two. Each part has its own retries and limits, and what passes between them goes through the
broker as JSON. Everything else is left, with the reason.

Known limits
------------
Only tasks under our CPU decorator, or with the workload "cpu" in `[tool.crb]`, are looked at. Calls in functions that the task calls are
CRB402's, database calls CRB408's. File fields and Django's storages are left out: they may be on the local disk.

References
----------
- [Celery: optimizing](https://docs.celeryq.dev/en/stable/userguide/optimizing.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Const
from lint_rules.findings import FixKind, Report, Severity
from lint_rules.knowledge.tables import Effect
from lint_rules.project.project import Project, TaskCall
from lint_rules.rules.blocking.file_storage import may_be_local
from lint_rules.rules.registry import rule

WAITS = {Effect.NETWORK: "calls", Effect.SUBPROCESS: "waits for", Effect.SLEEP: "sleeps in"}


@rule("CRB401", "blocking-call-in-cpu-task", on=TaskCall, severity=Severity.WARNING, fix=FixKind.UNSAFE)
def blocking_call_in_cpu_task(reached: TaskCall, project: Project) -> Iterator[Report]:
    """Calls that wait, in the body of a task declared as CPU work."""
    effect, task = reached.effect, reached.task
    if reached.steps or effect.row is None or effect.effect not in WAITS or project.declared(task) != "cpu":
        return
    if may_be_local(effect.path):
        return
    if effect.effect is Effect.SLEEP and (effect.row.is_async or reached.call.args[:1] == (Const(0),)):
        return
    yield Report(
        project.at_call(reached.node.file, reached.call),
        f"CPU task {task.function.name!r} {WAITS[effect.effect]} {effect.path}: its core idles while it waits; "
        "do that in an I/O task and chain the two",
        task=task.name,
        fix=FixKind.UNSAFE,
    )
