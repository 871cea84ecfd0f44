"""
What it does
------------
Reports tasks that have the name of another task: the same `name=`, two functions of one name in a module, functions under a decorator that
does not use `functools.wraps` (they all get the name of its inner function), and tasks made by a function that is called again.

Why it matters
--------------
Celery keeps the first task of a name. Calling the second one runs the first, without an error (Celery 5.7 warns, older versions do not).

Example
-------
```python
from celery import shared_task


@shared_task(name="shop.notify")
def mail_customer(order_id):
    return order_id


@shared_task(name="shop.notify")
def mail_supplier(order_id):
    return order_id
```

Use instead
-----------
```python
from celery import shared_task


@shared_task(name="shop.notify_customer")
def mail_customer(order_id):
    return order_id


@shared_task(name="shop.notify_supplier")
def mail_supplier(order_id):
    return order_id
```

Fix safety
----------
There is no fix: messages with the old name may be on their way.

Known limits
------------
Names that are computed, tasks of different Celery applications, definitions under `if` or `try`, and modules that belong to different
source trees are no duplicates. A function that makes tasks counts when the same code calls it twice or in a loop.

References
----------
- [Celery: names](https://docs.celeryq.dev/en/stable/userguide/tasks.html#names)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Attr, Expr, Ref
from lint_rules.findings import Related, Report, Severity
from lint_rules.project.frames import Frame
from lint_rules.project.modules import Module
from lint_rules.project.origins import origin
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.project.values import Bound
from lint_rules.rules.declaring.declarations import below, callee
from lint_rules.rules.declaring.names import automatic_name, explicit_name, names_tasks_itself
from lint_rules.rules.registry import rule

EVERY_APP = "celery.shared_task"


@rule("CRB106", "duplicate-task-name", on=Project, severity=Severity.ERROR)
def duplicate_task_name(project: Project, _: Project) -> Iterator[Report]:
    """Tasks that another task of the same name hides."""
    named: dict[str, list[Task]] = {}
    computed = not names_tasks_itself(project)
    for task in project.tasks:
        if task.declaration.form == "class" or _is_conditional(task):
            continue
        name = explicit_name(task, project) or (automatic_name(task, project) if computed else None)
        if name is None:
            continue
        if task.function.parent in (task.frame.module.functions):
            if _is_made_again(task, project):
                maker = task.function.parent.partition(".")[0]
                yield Report(
                    project.at_decorator(task),
                    f"every call of {maker}() declares the task {name!r} anew: only the first one is registered, and all others run it; "
                    f"give each a name= of its own",
                    task=name,
                )
            continue
        first = next((other for other in named.get(name, ()) if _meet(other, task, project)), None)
        named.setdefault(name, []).append(task)
        if first is not None:
            yield Report(
                project.at_decorator(task),
                f"task {task.function.name!r} has the name of {first.function.name!r} ({first.file}:{first.function.row}), {name!r}: "
                f"the one imported first runs for both; give it a name of its own{_because(task, project)}",
                task=name,
                related=(Related(first.file, first.function.row, f"the first task named {name}"),),
            )


def _is_conditional(task: Task) -> bool:
    """Whether the definition stands in an `if` or `try` of the module: then there may be another one for the other case."""
    return not task.function.parent and task.function.header.column > 0


def _because(task: Task, project: Project) -> str:
    if explicit_name(task, project) is None and below(task):
        return ", or functools.wraps to the decorator below"
    return ""


def _meet(one: Task, other: Task, project: Project) -> bool:
    """Whether two tasks get into one registry."""
    if one.bound == other.bound or _tree(one) != _tree(other):
        return False
    registries = _registry(one, project), _registry(other, project)
    return registries[0] == registries[1] or EVERY_APP in registries


def _tree(task: Task) -> str:
    """The directory from which the task's module is imported."""
    path = task.file.removesuffix(".py").removesuffix("/__init__")
    return path.removesuffix(task.module.replace(".", "/"))


def _registry(task: Task, project: Project) -> object:
    """What tells the application of a task from others."""
    if task.declaration.registrar == EVERY_APP or task.declaration.form == "ours":
        return EVERY_APP
    place = task.declaration.decorator
    expr = callee(task.function.decorators[place], task.frame) if place is not None else None
    found = None
    if isinstance(expr, Ref) and "." in expr.path:
        found = origin(project.resolver, expr.path.rpartition(".")[0], task.frame)
    return (found[1].module.file, found[1].qualname, found[0].target) if found is not None else (task.file, task.declaration.text)


def _is_made_again(task: Task, project: Project) -> bool:
    """Whether the function around a task is seen to run more than once for one application, with a task of one name each time."""
    module = task.frame.module
    registry = _registry(task, project)
    if below(task) or (registry != EVERY_APP and (not isinstance(registry, tuple) or len(registry) < 3 or registry[1])):
        return False
    maker = task.function.parent
    while module.functions[maker].parent in module.functions:
        maker = module.functions[maker].parent
    uses = sum(_uses(Bound(task.file, maker), other, project) for other in project.index.loaded())
    return uses > 1


def _uses(maker: Bound, module: Module, project: Project) -> int:
    """How often the code of a module is certain to run a function again: as a decorator, or called twice in one scope or in a loop."""
    uses = 0
    for qualname in ("", *module.functions):
        frame = project.resolver.frame(module.file, qualname)
        if frame is None:
            continue
        calls = [call for call in frame.scope.calls if _is(maker, call.func, frame, project)]
        uses += 2 if any(call.in_loop for call in calls) else len(calls) if len(calls) > 1 else 0
        decorators = [d for f in module.facts.functions if f.parent == qualname for d in f.decorators]
        uses += sum(_is(maker, callee(decorator, frame), frame, project) for decorator in decorators)
    return uses


def _is(maker: Bound, expr: Expr, frame: Frame, project: Project) -> bool:
    if not isinstance(expr, (Ref, Attr)) or expr.path.rpartition(".")[2] != maker.qualname.rpartition(".")[2]:
        return False
    return any(isinstance(v, Bound) and (v.file, v.qualname) == (maker.file, maker.qualname) for v in project.values(expr, frame))
