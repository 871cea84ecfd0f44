"""
What it does
------------
Reports tasks that are declared with a plain Celery decorator, and names the best-practice decorator that fits what they do.

Why it matters
--------------
A task that says whether it computes, waits for others or works on the database can be sent to workers whose pool suits it, and gets
time limits, retries, rate limits, caching and permissions from one typed config instead of a dozen loose options.

Example
-------
```python
import requests
from celery import shared_task


@shared_task
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
Safe where the evidence decides and the declaration is a plain decorator: the options are carried over as they are, name and routing stay.
Tasks with `base=`, pre-configured or wrapped decorators and class-based tasks are reported only.

Known limits
------------
Work that cannot be followed (plug-in registries, dynamic dispatch) is no evidence; the message says when nothing decides. Work of several
kinds asks for the io decorator.

References
----------
- [Celery: optimizing](https://docs.celeryq.dev/en/stable/userguide/optimizing.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from celery_best_practices.contract import DECORATORS, WORKLOAD_OF_DECORATOR
from lint_rules.facts.model import Attr, Ref
from lint_rules.findings import FixKind, Report, Severity
from lint_rules.knowledge.tables import Effect
from lint_rules.project.graph import Evidence
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.declaring.declarations import callee, label
from lint_rules.rules.registry import rule

SUITED = {"cpu": "cpu", "io": "io", "db": "db", "mixed": "io", "dispatch": "io"}
"""Workload -> the decorator for it."""

DECIDING = {
    "cpu": (Effect.CPU,),
    "io": (Effect.NETWORK, Effect.LIKELY_NETWORK, Effect.SUBPROCESS, Effect.REDIS, Effect.FILE, Effect.SLEEP, Effect.RESULT),
    "db": (Effect.DB,),
    "mixed": (Effect.NETWORK, Effect.LIKELY_NETWORK, Effect.SUBPROCESS, Effect.CPU, Effect.DB),
    "dispatch": (Effect.DISPATCH,),
}
"""Workload -> the effects that show it, the most telling first."""

KINDS = {
    Effect.CPU: "CPU-heavy work",
    Effect.NETWORK: "network I/O",
    Effect.LIKELY_NETWORK: "probable network I/O",
    Effect.SUBPROCESS: "subprocess work",
    Effect.DB: "database work",
    Effect.REDIS: "Redis work",
    Effect.FILE: "file I/O",
    Effect.SLEEP: "sleeping",
    Effect.RESULT: "waiting for results",
    Effect.DISPATCH: "nothing but send tasks",
}


@rule("CRB101", "missing-best-practice-decorator", on=Task, severity=Severity.INFO, fix=FixKind.SAFE, convention=True)
def missing_best_practice_decorator(task: Task, project: Project) -> Iterator[Report]:
    """Tasks without one of our decorators."""
    if any(_is_ours(callee(decorator, task.frame)) for decorator in task.function.decorators):
        return
    workload = project.workload(task)
    suited = SUITED.get(workload)
    found = [e for effect in DECIDING.get(workload, ()) if (e := project.evidence(task, effect)) is not None]
    what = f"task {label(task)!r} is declared with {task.declaration.text}"
    if suited is None:
        seen = project.all_evidence(task)
        doubt = (
            f": it does {_in_words(seen[:1])}, but may do more where it cannot be followed" if seen else ", and nothing says what it does"
        )
        cure = f"choose {', '.join(DECORATORS.values())}"
        yield Report(project.at_decorator(task), f"{what}{doubt}; {cure}", task=task.name)
        return
    why = _in_words(found if workload == "mixed" else found[:1]) if found else f"what is configured as {workload}"
    declaration = task.declaration
    fixable = declaration.form == "plain" and not declaration.opaque and not task.has_base and not declaration.positional
    yield Report(
        project.at_decorator(task),
        f"{what}: it does {why}; use @{DECORATORS[suited]}",
        task=task.name,
        related=project.related(found[0]) if found else (),
        fix=FixKind.SAFE if fixable else None,
    )


def _is_ours(expr: object) -> bool:
    return isinstance(expr, (Ref, Attr)) and expr.path.rpartition(".")[2] in WORKLOAD_OF_DECORATOR


def _in_words(found: list[Evidence]) -> str:
    """The kinds of work, and where the first of them is done."""
    first = found[0]
    way = f" through {first.steps[-1].name.partition('#')[0]}" if first.steps else ""
    effects = [evidence.effect for evidence in found if evidence.effect is not Effect.LIKELY_NETWORK or evidence is first]
    kinds = " and ".join(KINDS.get(effect, effect) for effect in effects)
    return f"{kinds} ({first.path}{way}, {first.file}:{first.row})"
