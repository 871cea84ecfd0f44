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
Tasks whose `base=` has methods of its own or cannot be seen, options that Celery does not know, pre-configured or wrapped decorators and
class-based tasks are reported only.

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
from lint_rules.facts.model import Attr, Expr, Ref
from lint_rules.findings import FixKind, Report, Severity
from lint_rules.knowledge.celery_options import TASK_OPTIONS
from lint_rules.knowledge.tables import Effect
from lint_rules.project.graph import Evidence
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task, rendered
from lint_rules.project.values import External
from lint_rules.rules.declaring.declarations import above, callee, label
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


CELERYS_OWN = frozenset({"celery.Task", "celery.app.task.Task", "celery.Celery().Task"})
"""Paths of Celery's own task class."""

FORMS = {
    "alias": "{} is a pre-configured decorator",
    "wrapper": "{} is a decorator of the project that registers tasks in its own way",
    "call": "the task is made by a call, {}",
    "class": "the task is a class",
    "ours": "{} is one of ours already",
}
"""Why a form of declaration is left as it is."""


@rule("CRB101", "missing-best-practice-decorator", on=Task, severity=Severity.INFO, fix=FixKind.SAFE, convention=True)
def missing_best_practice_decorator(task: Task, project: Project) -> Iterator[Report]:
    """Tasks without one of our decorators."""
    if task.declaration.form == "ours" or any(_is_ours(callee(decorator, task.frame)) for decorator in task.function.decorators):
        return
    workload, suited = project.workload(task), suited_decorator(task, project)
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
    yield Report(
        project.at_decorator(task),
        f"{what}: it does {why}; use @{DECORATORS[suited]}",
        task=task.name,
        related=project.related(found[0]) if found else (),
        fix=FixKind.SAFE if not obstacle(task, project) else None,
    )


def suited_decorator(task: Task, project: Project) -> str | None:
    """cpu, io or db: the decorator that the task's work asks for, None where it is not known."""
    suited = SUITED.get(project.workload(task))
    return "io" if suited == "cpu" and task.function.is_async else suited


def obstacle(task: Task, project: Project) -> str:
    """Why the declaration cannot be replaced by one of our decorators, "" where it can."""
    declaration = task.declaration
    if declaration.form != "plain":
        return FORMS[declaration.form].format(declaration.text)
    if declaration.registrar.endswith("periodic_task"):
        return f"{declaration.text} also makes a beat entry"
    if declaration.opaque:
        return f"{declaration.text} takes options from a mapping that may hold anything"
    if declaration.positional:
        return f"{declaration.text} has arguments by position"
    if task.function.owner and not task.flag("bind") and not above(task):
        return "it is a method, which nobody calls with an instance"
    if task.function.is_generator:
        return "it is a generator, whose values nobody takes"
    for name, _ in declaration.options:
        if name not in TASK_OPTIONS:
            return f"{name} is no option of Celery's tasks"
    return _base_with_logic(task, project) if task.has_base else ""


def _base_with_logic(task: Task, project: Project) -> str:
    """Why the task's class cannot be carried over, "" where it only sets attributes."""
    base = task.option("base")
    text = rendered(base, task.frame.scope.calls)
    values = project.values(base, task.frame_of("base"))
    if len(values) == 1 and isinstance(values[0], External) and _is_celerys(base):
        return ""
    if task.base is None or len(values) != 1:
        return f"its base {text} cannot be seen"
    classes, libraries, complete = project.resolver.lineage(task.base)
    facts = [project.resolver.class_facts(cls) for cls in classes]
    known = {cls.qualname.rpartition(".")[2] for cls in classes}
    written = [base for each in facts for base in each.bases if not (isinstance(base, Ref) and base.path.rpartition(".")[2] in known)]
    if not complete or not CELERYS_OWN.issuperset(libraries) or not all(map(_is_celerys, written)):
        return f"its base {text} inherits from classes that cannot be seen"
    for cls in classes:
        module = project.module(cls.file)
        methods = module.members.get(cls.qualname, {}) if module is not None else {"": []}
        if methods:
            public = sorted(methods, key=lambda name: (name.startswith("_"), name))
            return f"its base {text} has logic of its own ({', '.join(public[:3])}{', ...' if len(public) > 3 else ''})"
    return ""


def _is_celerys(base: Expr | None) -> bool:
    """Whether a class that is known to be a Celery task class is Celery's own: libraries call theirs otherwise."""
    return isinstance(base, (Ref, Attr)) and base.path.rpartition(".")[2] == "Task"


def _is_ours(expr: object) -> bool:
    return isinstance(expr, (Ref, Attr)) and expr.path.rpartition(".")[2] in WORKLOAD_OF_DECORATOR


def _in_words(found: list[Evidence]) -> str:
    """The kinds of work, and where the first of them is done."""
    first = found[0]
    way = f" through {first.steps[-1].name.partition('#')[0]}" if first.steps else ""
    effects = [evidence.effect for evidence in found if evidence.effect is not Effect.LIKELY_NETWORK or evidence is first]
    kinds = " and ".join(KINDS.get(effect, effect) for effect in effects)
    return f"{kinds} ({first.path}{way}, {first.file}:{first.row})"
