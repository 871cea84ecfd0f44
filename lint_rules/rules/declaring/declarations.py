"""What the rules of this family ask of a task's declaration."""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Decorator, Expr, Ref, Result
from lint_rules.project.apps import is_app
from lint_rules.project.frames import Frame
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.project.values import ClassValue, External, Literal, Value, Values

BY_CELERY = ("plain", "alias", "call")
"""Declarations whose options go to Celery as they are written."""

ANY_DECORATOR = (*BY_CELERY, "ours")
"""Declarations of a function whose options reach Celery by their own names."""

POOLS = ("prefork", "processes", "eventlet", "gevent", "solo", "threads", None)
COROUTINE_POOLS = ("celery_aio_pool", "celery_pool_asyncio")
"""Packages whose pools run coroutines."""

DRIVERS = ("asyncio.", "asgiref.", "anyio.", "trio.", "inspect.iscoroutine", "inspect.isawaitable")
"""Beginnings of the paths of what runs coroutines, or asks whether something is one."""


def label(task: Task) -> str:
    """What people call the task: its function, or its class."""
    if task.declaration.form == "class" and task.base is not None:
        return task.base.qualname
    return task.function.name


def above(task: Task) -> tuple[Decorator, ...]:
    """The decorators that get what the task decorator made."""
    place = task.declaration.decorator
    return task.function.decorators[:place] if place is not None else ()


def below(task: Task) -> tuple[Decorator, ...]:
    """The decorators whose result the task decorator gets."""
    place = task.declaration.decorator
    return task.function.decorators[place + 1 :] if place is not None else task.function.decorators


def callee(decorator: Decorator, frame: Frame) -> Expr:
    """The decorator without its arguments."""
    value = decorator.value
    return frame.scope.calls[value.index].func if isinstance(value, Result) else value


def decorator_values(decorator: Decorator, task: Task, project: Project) -> tuple[Value, ...]:
    """What a decorator of the task (without its arguments) can be."""
    return project.values(callee(decorator, task.frame), task.frame)


def replaces_task_class(project: Project) -> bool:
    """Whether the project gives all its tasks another class, or may run them in a pool of its own."""
    return _own_pool(project) or any(True for _ in _task_classes(project))


def may_run_coroutines(project: Project) -> bool:
    """Whether the project gives its tasks a class, or a pool, that may run coroutines."""
    return _own_pool(project) or any(_may_await(values, file, project) for values, file in _task_classes(project))


def _own_pool(project: Project) -> bool:
    for setting in project.celery_settings:
        if setting.name == "worker_pool" and project.literal(setting.value, setting.frame) not in POOLS:
            return True
    imports = [item for module in project.index.loaded() for item in module.facts.body.imports]
    return any(item.module.partition(".")[0] in COROUTINE_POOLS for item in imports)


def _task_classes(project: Project) -> Iterator[tuple[Values, str]]:
    """What replaces Celery's task class, and the file that says so: `task_cls=`, `app.Task =`, `Task` of a Celery subclass."""
    for setting in project.celery_settings:
        if setting.name == "task_cls":
            yield project.values(setting.value, setting.frame), setting.file
    for module in project.index.loaded():
        for qualname in ("", *module.functions):
            for binding in module.scope(qualname).bindings:
                owner, _, attribute = binding.target.rpartition(".")
                frame = project.resolver.frame(module.file, qualname) if owner and attribute in ("Task", "task_cls") else None
                if frame is not None and any(is_app(project.resolver, value) for value in project.values(Ref(owner), frame)):
                    yield project.values(binding.value, frame), module.file
        for class_ in module.facts.classes:
            cls = ClassValue(module.file, class_.qualname)
            for name in {"Task", "task_cls"} & {*module.bindings(class_.qualname), *module.members.get(class_.qualname, {})}:
                if project.resolver.inherits(cls, "celery.Celery"):
                    yield project.resolver.attribute((cls,), name), module.file


def _may_await(values: Values, file: str, project: Project) -> bool:
    """Whether a task class may run coroutines: it cannot be seen, or one of its methods calls what drives them."""
    for value in values:
        if isinstance(value, Literal) and isinstance(value.value, str):
            return _may_await(project.resolver.dotted(value.value, file), file, project)
        if isinstance(value, External) and value.path == "celery.Task":
            continue
        if not isinstance(value, ClassValue):
            return True
        classes, libraries, complete = project.resolver.lineage(value)
        if not complete or any(not project.knowledge.is_a(path, "celery.Task") for path in libraries):
            return True
        if any(_drives_coroutines(cls, project) for cls in classes):
            return True
    return not values


def _drives_coroutines(cls: ClassValue, project: Project) -> bool:
    module = project.module(cls.file)
    for function in module.facts.functions if module is not None else ():
        if function.qualname.startswith(cls.qualname + "."):
            frame = project.resolver.frame(cls.file, function.qualname)
            for call in function.body.calls if frame is not None else ():
                assert frame is not None
                for value in project.values(call.func, frame):
                    if isinstance(value, External) and value.path.startswith(DRIVERS):
                        return True
    return False
