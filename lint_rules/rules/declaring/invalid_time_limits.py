"""
What it does
------------
Reports soft time limits that are not below the hard one: in a task's declaration, in the settings, and in one `apply_async()` call.

Why it matters
--------------
The hard limit kills the process before the task gets SoftTimeLimitExceeded and can clean up. In a declaration a soft limit above the hard
one makes every `.delay()` raise ValueError; in a call nothing warns.

Example
-------
```python
from celery import shared_task


@shared_task(soft_time_limit=600, time_limit=300)
def reconcile():
    return None
```

Use instead
-----------
```python
from celery import shared_task


@shared_task(soft_time_limit=270, time_limit=300)
def reconcile():
    return None
```

Fix safety
----------
There is no fix: which of the two is meant, only people know.

Known limits
------------
A limit in the declaration is not compared with one in the settings. Settings count within one file, and only where each limit is set once.

References
----------
- [Celery: time limits](https://docs.celeryq.dev/en/stable/userguide/workers.html#time-limits)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Attr, Call, Ref
from lint_rules.findings import Place, Report, Severity
from lint_rules.project.celery_settings import Setting
from lint_rules.project.frames import Frame
from lint_rules.project.project import Project
from lint_rules.project.values import Bound, External
from lint_rules.rules.declaring.declarations import ANY_DECORATOR, label
from lint_rules.rules.registry import rule

SENDING = ("apply_async", "send_task", "signature", "set")


@rule("CRB110", "invalid-time-limits", on=Project, severity=Severity.ERROR)
def invalid_time_limits(project: Project, _: Project) -> Iterator[Report]:
    """Soft limits that never strike."""
    for task in project.tasks:
        if task.declaration.form in (*ANY_DECORATOR, "class"):
            soft, hard = project.option(task, "soft_time_limit"), project.option(task, "time_limit")
            if problem := _problem(soft, hard, ": .delay() raises ValueError"):
                yield Report(project.at_decorator(task), f"task {label(task)!r}: {problem}", task=task.name)
    yield from _in_settings(project)
    for module in project.index.loaded():
        for qualname in ("", *module.functions):
            for call in module.scope(qualname).calls:
                limits = call.keyword("soft_time_limit"), call.keyword("time_limit")
                frame = project.resolver.frame(module.file, qualname) if None not in limits else None
                if frame is not None and _sends(call, frame, project):
                    soft, hard = (project.literal(limit, frame) for limit in limits)
                    if problem := _problem(soft, hard, ": the task is killed without a warning"):
                        yield Report(project.at_call(module.file, call), f"this call has {problem}")


def _problem(soft: object, hard: object, above: str) -> str:
    """What is wrong with a pair of limits, "" for nothing."""
    if not _is_limit(soft) or not _is_limit(hard) or soft < hard:  # type: ignore[operator]
        return ""
    consequence = above if soft != hard else ": both strike at once, and the task cannot clean up"
    return f"soft_time_limit={soft} is not below time_limit={hard}{consequence}; lower the soft limit"


def _is_limit(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _in_settings(project: Project) -> Iterator[Report]:
    found: dict[tuple[str, str], dict[str, list[Setting]]] = {}
    for setting in project.celery_settings:
        if setting.name in ("task_soft_time_limit", "task_time_limit"):
            rows = found.setdefault((setting.file, setting.frame.qualname), {}).setdefault(setting.name, [])
            if all(other.row != setting.row for other in rows):
                rows.append(setting)
    for pair in found.values():
        if sorted(len(settings) for settings in pair.values()) == [1, 1]:
            soft, hard = pair["task_soft_time_limit"][0], pair["task_time_limit"][0]
            values = project.literal(soft.value, soft.frame), project.literal(hard.value, hard.frame)
            if problem := _problem(*values, ": .delay() raises ValueError"):
                yield Report(Place.row_of(soft.file, soft.row), f"settings: {problem}")


def _sends(call: Call, frame: Frame, project: Project) -> bool:
    """Whether the call sends a task or prepares one for sending."""
    if not isinstance(call.func, (Ref, Attr)) or call.func.path.rpartition(".")[2] not in SENDING:
        return False
    return any(
        isinstance(value, Bound) or (isinstance(value, External) and value.path.startswith("celery."))
        for value in project.values(call.func, frame)
    )
