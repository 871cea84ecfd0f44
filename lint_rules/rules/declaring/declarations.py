"""What the rules of this family ask of a task's declaration."""

from __future__ import annotations

from lint_rules.facts.model import Decorator, Expr, Ref, Result
from lint_rules.project.celery_settings import is_app
from lint_rules.project.project import UNSEEN, Project
from lint_rules.project.resolver import Frame
from lint_rules.project.tasks import Task
from lint_rules.project.values import ClassValue, Value

BY_CELERY = ("plain", "alias", "call")
"""Declarations whose options go to Celery as they are written."""

ANY_DECORATOR = (*BY_CELERY, "ours")
"""Declarations of a function whose options reach Celery by their own names."""


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
    """Whether the project gives all its tasks another class or runs them in a pool of its own."""
    for setting in project.celery_settings:
        if setting.name == "task_cls":
            return True
        if setting.name in ("worker_pool", "worker_pool_cls"):
            value = project.literal(setting.value, setting.frame)
            if value is UNSEEN or (isinstance(value, str) and "." in value):
                return True
    for module in project.index.loaded():
        if any(item.module.partition(".")[0] in ("celery_aio_pool", "celery_pool_asyncio") for item in module.facts.body.imports):
            return True
        for binding in module.facts.body.bindings:
            owner, _, attribute = binding.target.rpartition(".")
            if owner and attribute in ("Task", "task_cls"):
                frame = project.resolver.frame(module.file)
                if frame is not None and any(is_app(project.resolver, value) for value in project.values(Ref(owner), frame)):
                    return True
        for class_ in module.facts.classes:
            own = {*module.bindings(class_.qualname), *module.members.get(class_.qualname, {})}
            own |= _set_on_self(project, module.file, class_.qualname)
            if own & {"Task", "task_cls"} and project.resolver.inherits(ClassValue(module.file, class_.qualname), "celery.Celery"):
                return True
    return False


def _set_on_self(project: Project, file: str, qualname: str) -> set[str]:
    """Attributes that the methods of a class assign to `self`."""
    module = project.module(file)
    functions = module.facts.functions if module is not None else ()
    return {
        binding.target.removeprefix("self.")
        for function in functions
        if function.owner == qualname
        for binding in function.body.bindings
        if binding.target.startswith("self.")
    }
