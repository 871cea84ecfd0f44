"""The names under which Celery registers tasks."""

from __future__ import annotations

from lint_rules.facts.model import Decorator, Ref
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.project.values import Bound, ClassValue, External
from lint_rules.rules.declaring.declarations import ANY_DECORATOR, below, decorator_values


def explicit_name(task: Task, project: Project) -> str | None:
    """The literal `name=` of a task."""
    name = project.option(task, "name")
    return name if isinstance(name, str) else None


def automatic_name(task: Task, project: Project) -> str | None:
    """The name that Celery computes from the function it is given; None where it is named, or the function cannot be seen."""
    declaration = task.declaration
    if declaration.opaque or declaration.form not in ANY_DECORATOR or task.option("name") is not None or declaration.positional:
        return None
    module, name = task.module, task.function.name
    for decorator in reversed(below(task)):
        inner = _unnamed_wrapper(decorator, task, project)
        if inner is not None:
            module, name = project.index.name(inner.file), inner.qualname.rpartition(".")[2].partition("#")[0]
        elif any(isinstance(value, External) and value.path == "functools.wraps" for value in decorator_values(decorator, task, project)):
            return None
    return f"{module}.{name}"


def _unnamed_wrapper(decorator: Decorator, task: Task, project: Project) -> Bound | None:
    """The inner function that a project decorator returns without giving it the name of the function it wraps."""
    for value in project.values(decorator.value, task.frame):
        function = project.resolver.function(value) if isinstance(value, Bound) else None
        if function is None or not isinstance(value, Bound) or len(function.body.returns) != 1:
            continue
        returned = function.body.returns[0]
        inner = f"{value.qualname}.{returned.path}" if isinstance(returned, Ref) else ""
        wrapper = Bound(value.file, inner, value.receiver)
        facts = project.resolver.function(wrapper)
        if facts is None or facts.decorators or not isinstance(returned, Ref):
            continue
        named = any(binding.target.startswith(f"{returned.path}.__") for binding in function.body.bindings)
        handed_on = any(Ref(returned.path) in call.args for call in function.body.calls)  # functools.update_wrapper(wrapper, function)
        if not named and not handed_on:
            return wrapper
    return None


def names_tasks_itself(project: Project) -> bool:
    """Whether a Celery subclass of the project computes task names in its own way."""
    return any(
        "gen_task_name" in module.members.get(class_.qualname, {})
        and project.resolver.inherits(ClassValue(module.file, class_.qualname), "celery.Celery")
        for module in project.index.loaded()
        for class_ in module.facts.classes
    )
