"""
What it does
------------
Reports `autoretry_for=` (and `dont_autoretry_for=`) with a bare exception class.

Why it matters
--------------
Celery makes a tuple of the value when it finalises the task: TypeError, 'type' object is not iterable. The worker does not start.

Example
-------
```python
from celery import shared_task


@shared_task(autoretry_for=ConnectionError, retry_backoff=True)
def refresh(feed):
    return feed
```

Use instead
-----------
```python
from celery import shared_task


@shared_task(autoretry_for=(ConnectionError,), retry_backoff=True)
def refresh(feed):
    return feed
```

Fix safety
----------
Safe: the task could not be registered before.

Known limits
------------
A library's name counts as a class where it is written like one (`requests.Timeout`, not `RETRYABLE`).

References
----------
- [Celery: automatic retry for known exceptions](https://docs.celeryq.dev/en/stable/userguide/tasks.html#automatic-retry-for-known-exceptions)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lint_rules.facts.model import Attr, Ref
from lint_rules.findings import FixKind, Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task, rendered
from lint_rules.project.values import ClassValue, External
from lint_rules.rules.declaring.declarations import ANY_DECORATOR, label
from lint_rules.rules.registry import rule

CLASS_NAME = re.compile(r"[A-Z]\w*[a-z]\w*")


@rule("CRB111", "autoretry-for-not-iterable", on=Task, severity=Severity.ERROR, fix=FixKind.SAFE)
def autoretry_for_not_iterable(task: Task, project: Project) -> Iterator[Report]:
    """Bare classes where Celery wants a tuple of them."""
    if task.declaration.form not in (*ANY_DECORATOR, "class"):
        return
    for name in ("autoretry_for", "dont_autoretry_for"):
        expr = task.option(name)
        if not isinstance(expr, (Ref, Attr)):
            continue
        values = project.values(expr, task.frame_of(name))
        if len(values) == 1 and _is_class(values[0]):
            text = rendered(expr)
            yield Report(
                project.at_decorator(task),
                f"{name}={text} of task {label(task)!r} is a class: TypeError when the worker starts; write {name}=({text},)",
                task=task.name,
                fix=FixKind.SAFE if task.declaration.decorator is not None and name not in task.declaration.borrowed else None,
            )
            return


def _is_class(value: object) -> bool:
    if isinstance(value, External):
        return CLASS_NAME.fullmatch(value.path.rpartition(".")[2]) is not None
    return isinstance(value, ClassValue)
