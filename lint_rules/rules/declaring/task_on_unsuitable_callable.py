"""
What it does
------------
Reports task decorators on what cannot be a task: a lambda, a staticmethod or classmethod object (the task decorator stands above
`@staticmethod` or `@classmethod`), a method without `bind=True`, and a name as positional argument (`@app.task("name")`).

Why it matters
--------------
All but the method raise when the module is imported. A method's task is called without an instance: TypeError, `self` is missing.

Example
-------
```python
from celery import shared_task


class Suggestions:
    @shared_task
    def rebuild(self, category):
        return category
```

Use instead
-----------
```python
from celery import shared_task


@shared_task
def rebuild_suggestions(category):
    return category
```

Fix safety
----------
Safe for the positional name: the module could not be imported before.

Known limits
------------
A method whose first parameter is not called self is taken for a function that lives in a class. With `bind=True` the first argument is the
task, not the instance, which is left alone.

References
----------
- [Celery: tasks](https://docs.celeryq.dev/en/stable/userguide/tasks.html#basics)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Attr, Const, Lambda, Ref
from lint_rules.findings import FixKind, Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.tasks import REGISTERING, Task
from lint_rules.project.values import External
from lint_rules.rules.declaring.declarations import ANY_DECORATOR, above, below, decorator_values
from lint_rules.rules.registry import rule


@rule("CRB112", "task-on-unsuitable-callable", on=Project, severity=Severity.ERROR, fix=FixKind.SAFE)
def task_on_unsuitable_callable(project: Project, _: Project) -> Iterator[Report]:
    """Declarations that fail at import, and methods that nobody can call."""
    for task in project.tasks:
        problem = _problem(task, project)
        if problem:
            named = bool(task.declaration.positional)
            message = f"{task.declaration.text} of {task.function.name!r} {problem}"
            yield Report(project.at_decorator(task), message, task=task.name, fix=FixKind.SAFE if named else None)
    yield from _lambdas(project)


def _problem(task: Task, project: Project) -> str:
    declaration, function = task.declaration, task.function
    if declaration.form not in ANY_DECORATOR or declaration.decorator is None:
        return ""
    name = declaration.positional[0] if declaration.positional and declaration.form != "ours" else None
    if isinstance(name, Const) and isinstance(name.value, str):
        return f"gets its name by position: TypeError at import; write name={name.value!r}"
    if not function.owner or declaration.opaque or task.option("filter") is not None:
        return ""
    for kind in ("staticmethod", "classmethod"):
        if any(isinstance(v, External) and v.path == f"builtins.{kind}" for d in below(task) for v in decorator_values(d, task, project)):
            return f"stands above @{kind} and gets no function: the class cannot be made; put @staticmethod above the task decorator"
    first = function.positional[0] if function.positional else None
    if above(task) or below(task) or task.option("bind") not in (None, Const(False)) or first is None or first.default is not None:
        return ""
    if first.name == "self" and not task.has_base:
        return "makes a task of a method, which the worker calls without self: TypeError; use a function and pass it an id"
    return ""


def _lambdas(project: Project) -> Iterator[Report]:
    for module in project.index.loaded():
        for qualname in ("", *module.functions):
            for call in module.scope(qualname).calls:
                if len(call.args) != 1 or not isinstance(call.args[0], Lambda) or not isinstance(call.func, (Ref, Attr)):
                    continue
                frame = project.resolver.frame(module.file, qualname)
                if frame is not None and call.func.path.rpartition(".")[2] in ("task", "shared_task"):
                    if any(isinstance(value, External) and value.path in REGISTERING for value in project.values(call.func, frame)):
                        yield Report(
                            project.at_call(module.file, call),
                            "a lambda has no name that a task could have: SyntaxError when the task is made; define a function",
                        )
