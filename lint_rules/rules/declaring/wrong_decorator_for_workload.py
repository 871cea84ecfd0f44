"""
What it does
------------
Reports tasks whose best-practice decorator contradicts what they are seen to do: a cpu task that only waits or works on the database, an
io task that only works on the database, an io or db task that only computes.

Why it matters
--------------
The decorator decides on which workers the task runs. A waiting task on a cpu worker keeps a processor idle; a computing task on a worker
made for waiting stops every other task there.

Example
-------
```python
import requests
from celery_best_practices import CPUTaskConfig, run_cpu_task_with_best_practices


@run_cpu_task_with_best_practices(config=CPUTaskConfig())
def fetch_rates(day):
    return requests.get(f"https://rates.example/{day}", timeout=10).json()
```

Use instead
-----------
```python
import requests
from celery_best_practices import IOTaskConfig, run_io_task_with_best_practices


@run_io_task_with_best_practices(config=IOTaskConfig())
def fetch_rates(day):
    return requests.get(f"https://rates.example/{day}", timeout=10).json()
```

Fix safety
----------
Unsafe: the task moves to other workers.

Known limits
------------
Only evidence that is there counts: calls that cannot be followed keep the rule quiet where they might do the declared work. An entry for
the task in `[tool.crb] workload` silences it. Computing in plain Python loops is not seen.

References
----------
- [Celery: concurrency](https://docs.celeryq.dev/en/stable/userguide/concurrency/index.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from celery_best_practices.contract import DECORATORS
from lint_rules.findings import FixKind, Report, Severity
from lint_rules.knowledge.tables import Effect
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.registry import rule

WAITING = (Effect.NETWORK, Effect.SUBPROCESS)
ASIDE = frozenset({Effect.DISPATCH, Effect.AFTER_COMMIT})
"""Effects that every kind of task may have."""


@rule("CRB102", "wrong-decorator-for-workload", on=Task, severity=Severity.WARNING, fix=FixKind.UNSAFE)
def wrong_decorator_for_workload(task: Task, project: Project) -> Iterator[Report]:
    """Best-practice decorators that the evidence speaks against."""
    declared = task.declaration.workload
    configured = project.settings.workload
    if declared is None or task.name in configured or f"{task.module}.{task.qualname}" in configured:
        return
    effects = project.effects(task) - ASIDE
    suited = seen_workload(declared, effects)
    if suited is None or _may_do_more(task, project):
        return
    telling = next(effect for effect in (*WAITING, Effect.DB, Effect.CPU) if effect in effects)
    evidence = project.evidence(task, telling)
    where = f" ({evidence.path}, {evidence.file}:{evidence.row})" if evidence is not None else ""
    yield Report(
        project.at_decorator(task),
        f"task {task.function.name!r} is declared as {declared} work, but all that is seen is {_kinds(effects)} work{where}; "
        f"use @{DECORATORS[suited]}",
        task=task.name,
        related=project.related(evidence) if evidence is not None else (),
        fix=None if suited == "cpu" and task.function.is_async else FixKind.UNSAFE,
    )


def seen_workload(declared: str, effects: frozenset[Effect]) -> str | None:
    """The workload that the evidence asks for, None where it does not contradict the declaration."""
    if declared == "cpu" and Effect.CPU not in effects:
        if not effects.isdisjoint(WAITING):
            return "io"
        return "db" if Effect.DB in effects and Effect.LIKELY_NETWORK not in effects else None
    if declared == "io" and effects == {Effect.DB}:
        return "db"
    if declared in ("io", "db") and Effect.CPU in effects and effects <= {Effect.CPU, Effect.FILE}:
        return "cpu"
    return None


def _may_do_more(task: Task, project: Project) -> bool:
    """Whether something that the task runs calls what could not be followed."""
    nodes = (node for node, _ in project.graph.reached([project.node(task)]))
    return any(node.unseen_callables or node.unseen_messages or node.overrides for node in nodes)


def _kinds(effects: frozenset[Effect]) -> str:
    return " and ".join(sorted("database" if effect is Effect.DB else str(effect) for effect in effects))
