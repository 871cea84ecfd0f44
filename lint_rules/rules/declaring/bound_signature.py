"""
What it does
------------
Reports `bind=True` on a function that takes no positional argument, and a first parameter `self` without `bind=True`.

Why it matters
--------------
With `bind=True` Celery passes the task itself first; a function that takes nothing raises TypeError in the worker. Without it nobody passes
`self`: every `.delay()` raises TypeError, an argument is missing.

Example
-------
```python
from celery import shared_task


@shared_task
def refund(self, payment_id):
    raise self.retry()
```

Use instead
-----------
```python
from celery import shared_task


@shared_task(bind=True)
def refund(self, payment_id):
    raise self.retry()
```

Fix safety
----------
Unsafe: with `bind=True` callers that passed something for `self` have to change.

Known limits
------------
Silent where decorators below the task decorator may change the arguments, with options in a `**mapping`, under wrappers, and for methods
(CRB112). A `self` without `bind=True` is left alone where `base=` names a task class, which may pass it.

References
----------
- [Celery: bound tasks](https://docs.celeryq.dev/en/stable/userguide/tasks.html#bound-tasks)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Const
from lint_rules.findings import FixKind, Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.declaring.declarations import ANY_DECORATOR, below
from lint_rules.rules.registry import rule


@rule("CRB108", "bound-signature", on=Task, severity=Severity.ERROR, fix=FixKind.UNSAFE)
def bound_signature(task: Task, project: Project) -> Iterator[Report]:
    """Functions whose first parameter and `bind` disagree."""
    function, declaration = task.function, task.declaration
    if declaration.form not in ANY_DECORATOR or declaration.opaque or declaration.decorator is None:
        return
    if below(task) or function.owner or (declaration.positional and declaration.form != "ours"):
        return
    takes_any = any(parameter.kind == "args" for parameter in function.parameters)
    first = function.positional[0] if function.positional else None
    if task.flag("bind") and first is None and not takes_any:
        what = f"task {function.name!r} has bind=True and no parameter for the task: TypeError in the worker; add self or drop bind=True"
    elif task.option("bind") in (None, Const(False)) and first is not None and first.name == "self":
        if first.default is not None or task.has_base:
            return
        what = f"task {function.name!r} takes self without bind=True: .delay() raises TypeError, an argument is missing; add bind=True"
    else:
        return
    yield Report(project.at_decorator(task), what, task=task.name, fix=FixKind.UNSAFE)
