"""What the rules of this family ask of a task's declaration."""

from __future__ import annotations

from lint_rules.facts.model import Decorator, Expr, Ref, Result
from lint_rules.project.celery_settings import is_app
from lint_rules.project.frames import Frame
from lint_rules.project.modules import Module
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.project.values import ClassValue, Value

BY_CELERY = ("plain", "alias", "call")
"""Declarations whose options go to Celery as they are written."""

ANY_DECORATOR = (*BY_CELERY, "ours")
"""Declarations of a function whose options reach Celery by their own names."""

POOLS = ("prefork", "processes", "eventlet", "gevent", "solo", "threads", None)
COROUTINE_POOLS = ("celery_aio_pool", "celery_pool_asyncio")
"""Packages whose pools run coroutines."""


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
    for setting in project.celery_settings:
        if setting.name == "task_cls":
            return True
        if setting.name == "worker_pool" and project.literal(setting.value, setting.frame) not in POOLS:
            return True
    return any(_sets_task_class(module, project) for module in project.index.loaded())


def _sets_task_class(module: Module, project: Project) -> bool:
    """Whether a module imports such a pool, sets `app.Task`, or defines a Celery subclass with a task class of its own."""
    if any(item.module.partition(".")[0] in COROUTINE_POOLS for item in module.facts.body.imports):
        return True
    for qualname in ("", *module.functions):
        for binding in module.scope(qualname).bindings:
            owner, _, attribute = binding.target.rpartition(".")
            if not owner or attribute not in ("Task", "task_cls"):
                continue
            frame = project.resolver.frame(module.file, qualname)
            if frame is not None and any(is_app(project.resolver, value) for value in project.values(Ref(owner), frame)):
                return True
    return any(
        {"Task", "task_cls"} & {*module.bindings(class_.qualname), *module.members.get(class_.qualname, {})}
        and project.resolver.inherits(ClassValue(module.file, class_.qualname), "celery.Celery")
        for class_ in module.facts.classes
    )
