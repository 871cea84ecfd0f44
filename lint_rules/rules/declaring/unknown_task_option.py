"""
What it does
------------
Reports options of a task declaration that Celery ignores: misspelt ones (`max_retrys`), and those that only a single call can have
(`countdown`, `eta`, `retry`, `headers` ...).

Why it matters
--------------
Celery makes any unknown keyword an attribute of the task and never looks at it. The limit, the delay or the retry that was meant is not
there, and nothing says so.

Example
-------
```python
from celery import shared_task


@shared_task(max_retrys=10)
def refund(payment_id):
    return payment_id
```

Use instead
-----------
```python
from celery import shared_task


@shared_task(max_retries=10)
def refund(payment_id):
    return payment_id
```

Fix safety
----------
Safe for misspelt names: the option starts to do what it says. Options of a call have to move to `apply_async()`.

Known limits
------------
Only close misspellings are reported, for task classes may have attributes of their own. What the project's task class defines is left
alone, and call options are left alone wherever a task class is given.

References
----------
- [Celery: list of task options](https://docs.celeryq.dev/en/stable/userguide/tasks.html#list-of-options)
- [Celery: calling options](https://docs.celeryq.dev/en/stable/userguide/calling.html)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from lint_rules.findings import FixKind, Report, Severity
from lint_rules.knowledge.celery_options import EXECUTION_OPTIONS, TASK_OPTIONS
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.declaring.declarations import BY_CELERY, replaces_task_class
from lint_rules.rules.registry import rule

ALIKE, SURE = 0.8, 0.85
"""difflib's ratios from which a name is taken for a misspelling, and from which the right name is beyond doubt."""


@rule("CRB107", "unknown-task-option", on=Task, severity=Severity.ERROR, fix=FixKind.SAFE)
def unknown_task_option(task: Task, project: Project) -> Iterator[Report]:
    """Options that have no effect in a declaration."""
    if task.declaration.form not in BY_CELERY:
        return
    problems = []
    sure = True
    for name, _ in task.declaration.options:
        if name in TASK_OPTIONS or _has_attribute(task, name, project):
            continue
        if name in EXECUTION_OPTIONS:
            if not task.has_base and not replaces_task_class(project):
                sure = False
                problems.append(f"{name!r} belongs to a call and is ignored in the declaration, pass it to apply_async()")
        elif near := difflib.get_close_matches(name, TASK_OPTIONS, 1, ALIKE):
            problems.append(f"{name!r} is no task option and is ignored, did you mean {near[0]!r}?")
            sure = sure and better_option(name) != ""
    if problems:
        message = f"{task.declaration.text} of task {task.function.name!r}: {'; '.join(problems)}"
        yield Report(project.at_decorator(task), message, task=task.name, fix=FixKind.SAFE if sure else None)


def better_option(name: str) -> str:
    """The option that a misspelt one is meant to be beyond doubt, "" where there is none."""
    return "" if name in TASK_OPTIONS else next(iter(difflib.get_close_matches(name, TASK_OPTIONS, 1, SURE)), "")


def _has_attribute(task: Task, name: str, project: Project) -> bool:
    """Whether the task's own class knows the attribute."""
    if task.base is None:
        return False
    return any(
        module is not None and (name in module.bindings(owner.qualname) or name in module.members.get(owner.qualname, {}))
        for owner in project.resolver.lineage(task.base)[0]
        for module in (project.module(owner.file),)
    )
