"""
What it does
------------
Reports modules whose tasks get two names: the module runs as a script and sends its own tasks, or it is imported under two names.

Why it matters
--------------
The automatic name of a task begins with the name under which its module was imported. A script's is `__main__`. The worker, which imports
the module by its real name, gets messages for `__main__.refund` and drops them: "Received unregistered task".

Example
-------
```python
from celery import shared_task


@shared_task
def refund(payment_id):
    return payment_id


if __name__ == "__main__":
    refund.delay(7)
```

Use instead
-----------
```python
from celery import shared_task


@shared_task(name="shop.refund")
def refund(payment_id):
    return payment_id


if __name__ == "__main__":
    refund.delay(7)
```

Fix safety
----------
There is no fix: give the tasks names, send from another module, or import the module by one name.

Known limits
------------
A script is followed into functions of its own module. `Celery("tasks")` in tasks.py gives both names the same start and is left alone.

References
----------
- [Celery: automatic naming and relative imports](https://docs.celeryq.dev/en/stable/userguide/tasks.html#automatic-naming-and-relative-imports)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Call, Const, Ref
from lint_rules.findings import Place, Related, Report, Severity
from lint_rules.project.frames import Frame
from lint_rules.project.modules import Module
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.project.values import Bound, ClassValue, External
from lint_rules.rules.declaring.names import automatic_name, names_tasks_itself
from lint_rules.rules.registry import rule

SENDING = ("delay", "apply_async", "s", "si", "signature", "delay_on_commit", "apply_async_on_commit")


@rule("CRB114", "relative-name-risk", on=Project, severity=Severity.WARNING)
def relative_name_risk(project: Project, _: Project) -> Iterator[Report]:
    """Modules with automatically named tasks that have more than one name themselves."""
    if names_tasks_itself(project):
        return
    named: dict[str, list[Task]] = {}
    for task in project.tasks:
        name = automatic_name(task, project)
        if name is not None and name.startswith(f"{task.module}.") and not task.function.parent:
            named.setdefault(task.file, []).append(task)
    for file, tasks in named.items():
        module = project.module(file)
        if module is not None and module.facts.main_block is not None:
            yield from _sent_by_script(module, module.facts.main_block, tasks, project)
    yield from _imported_twice(named, project)


def _sent_by_script(module: Module, block: tuple[int, int], tasks: list[Task], project: Project) -> Iterator[Report]:
    """The main block of a module that leads to a send of one of its own tasks."""
    frame = project.resolver.frame(module.file)
    if frame is None or _app_is_called(module.name, project):
        return
    waiting = [(call, frame) for call in module.facts.body.calls if block[0] <= call.span.row <= block[1]]
    seen = {""}
    while waiting:
        call, inside = waiting.pop(0)
        sent = _sent(call, inside, tasks, project)
        if sent is not None:
            yield Report(
                Place.row_of(module.file, block[0]),
                f"run as a script, this module sends {sent.function.name!r} as '__main__.{sent.function.name}', which no worker knows; "
                f"give the task a name= or send it from another module",
                task=sent.name,
                related=(Related(module.file, call.span.row, f"sends {sent.function.name}"),),
            )
            return
        for value in project.values(call.func, inside):
            if isinstance(value, Bound) and value.file == module.file and value.qualname not in seen:
                seen.add(value.qualname)
                below = project.resolver.frame_of(value)
                waiting += [(each, below) for each in below.scope.calls] if below is not None else []


def _sent(call: Call, frame: Frame, tasks: list[Task], project: Project) -> Task | None:
    """The task of this module that a call sends."""
    path = call.func.path if isinstance(call.func, Ref) else ""
    owner, _, method = path.rpartition(".")
    if not owner or method not in SENDING:
        return None
    values = project.values(Ref(owner), frame)
    return next((task for task in tasks if task.bound in values), None)


def _app_is_called(name: str, project: Project) -> bool:
    """Whether an application takes the module's name as its own, which then stands for `__main__`."""
    for module in project.index.loaded():
        frame = project.resolver.frame(module.file)
        for call in module.facts.body.calls:
            main = call.args[0] if call.args else call.keyword("main")
            if main == Const(name) and frame is not None and any(_is_celery(value, project) for value in project.values(call.func, frame)):
                return True
    return False


def _is_celery(value: object, project: Project) -> bool:
    if isinstance(value, ClassValue):
        return project.resolver.inherits(value, "celery.Celery")
    return isinstance(value, External) and value.path == "celery.Celery"


def _imported_twice(named: dict[str, list[Task]], project: Project) -> Iterator[Report]:
    """Imports of a task module by another name than most of the project uses."""
    uses: dict[str, dict[str, list[tuple[str, int]]]] = {}
    for module in project.index.loaded():
        for qualname in ("", *module.functions, *module.classes):
            for item in module.scope(qualname).imports:
                if item.level or item.typing_only:
                    continue
                for name in (item.submodule or item.module, f"{item.module}.{item.attribute}"):
                    file = project.index.find(name, module.file)
                    if file in named and file != module.file:
                        uses.setdefault(file, {}).setdefault(name, []).append((module.file, item.row))
    for file, names in uses.items():
        if len(names) < 2:
            continue
        usual = max(names, key=lambda name: (len(names[name]), name == project.index.name(file)))
        for name, places in names.items():
            if name != usual:
                task = named[file][0]
                yield Report(
                    Place.row_of(*places[0]),
                    f"{name!r} is imported as {usual!r} elsewhere: its task {task.function.name!r} gets two names, and a worker knows "
                    f"one of them; import it as {usual!r}",
                    task=task.name,
                    related=(Related(*names[usual][0], f"imported as {usual}"),),
                )
