"""
What it does
------------
Reports rate limits that Celery cannot read, in task declarations, `task_default_rate_limit` and `task_annotations`. It reads numbers and
`"N"`, `"N/s"`, `"N/m"`, `"N/h"`.

Why it matters
--------------
The worker fails with KeyError or ValueError when it sets up its rate limits, and then consumes nothing at all: no task of any kind.

Example
-------
```python
from celery import shared_task


@shared_task(rate_limit="10/min")
def settle(batch):
    return batch
```

Use instead
-----------
```python
from celery import shared_task


@shared_task(rate_limit="10/m")
def settle(batch):
    return batch
```

Fix safety
----------
Safe where the unit is a second, minute or hour in other words.

Known limits
------------
Only literals and constants are judged; a limit set at run time with `control.rate_limit` is not looked at.

References
----------
- [Celery: Task.rate_limit](https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.rate_limit)
- `celery.utils.time.rate`
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Const, Expr, Map, Seq
from lint_rules.findings import FixKind, Place, Report, Severity
from lint_rules.project.frames import Frame
from lint_rules.project.project import UNSEEN, Project
from lint_rules.rules.declaring.declarations import ANY_DECORATOR, label
from lint_rules.rules.registry import rule

UNITS = ("", "s", "m", "h")
WORDS = {"sec": "s", "secs": "s", "second": "s", "seconds": "s", "min": "m", "mins": "m", "minute": "m", "minutes": "m"} | {
    "hr": "h",
    "hour": "h",
    "hours": "h",
    "S": "s",
    "M": "m",
    "H": "h",
}


@rule("CRB109", "invalid-rate-limit", on=Project, severity=Severity.ERROR, fix=FixKind.SAFE)
def invalid_rate_limit(project: Project, _: Project) -> Iterator[Report]:
    """Rate limits that stop the worker."""
    for task in project.tasks:
        if task.declaration.form in (*ANY_DECORATOR, "class"):
            limit = project.option(task, "rate_limit")
            if is_refused(limit):
                yield _report(project.at_decorator(task), f"rate_limit of task {label(task)!r}", limit, task.name)
    for setting in project.celery_settings:
        place = Place.row_of(setting.file, setting.row)
        if setting.name == "task_default_rate_limit":
            limit = project.literal(setting.value, setting.frame)
            if is_refused(limit):
                yield _report(place, setting.name, limit)
        elif setting.name == "task_annotations":
            for limit in _annotated(setting.value, setting.frame, project):
                if is_refused(limit):
                    yield _report(place, "a rate_limit in task_annotations", limit)


def _report(place: Place, what: str, limit: object, task: str | None = None) -> Report:
    better = better_limit(limit)
    cure = f"write {better!r}" if better else "write N, 'N/s', 'N/m' or 'N/h'"
    message = f"{what} is {limit!r}, which Celery cannot read: the worker stops consuming all its queues; {cure}"
    return Report(place, message, task=task, fix=FixKind.SAFE if better else None)


def is_refused(limit: object) -> bool:
    """Whether Celery cannot read a limit."""
    if limit is UNSEEN:
        return False
    if isinstance(limit, str) and limit:
        count, _, unit = limit.partition("/")
        return unit not in UNITS or not _is_number(count)
    return bool(limit) and not isinstance(limit, (int, float, str))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def better_limit(limit: object) -> str:
    """The same limit as Celery writes it, "" where there is none."""
    count, _, unit = str(limit).partition("/")
    unit = WORDS.get(unit.strip(), unit.strip())
    return f"{count.strip()}/{unit}" if unit in UNITS[1:] and _is_number(count) else ""


def _annotated(value: Expr, frame: Frame, project: Project) -> Iterator[object]:
    """The rate limits in `{"task": {"rate_limit": ...}}`, or in a list of such."""
    for table in value.items if isinstance(value, Seq) else (value,):
        for options in table.values if isinstance(table, Map) else ():
            if isinstance(options, Map):
                for key, limit in zip(options.keys, options.values):
                    if key == Const("rate_limit"):
                        yield project.literal(limit, frame)
