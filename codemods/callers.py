"""Who calls a task as a plain function, and what that would mean for a rewrite."""

from __future__ import annotations

from lint_rules.facts.model import Attr, Ref
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.project.values import Bound


def called_directly(task: Task, project: Project) -> str:
    """Where the task's function is called as a function (`f(...)`, `f.run(...)`), "" where that is nowhere to be seen."""
    for module in project.index.loaded():
        for qualname in ("", *module.functions):
            frame = project.resolver.frame(module.file, qualname)
            for call in module.scope(qualname).calls if frame is not None else ():
                assert frame is not None
                func = call.func
                if not isinstance(func, (Ref, Attr)):
                    continue
                path = func.path.removesuffix(".run") if isinstance(func, Ref) else func.path
                if path.rpartition(".")[2] != task.function.name:
                    continue
                values = project.values(Ref(path) if isinstance(func, Ref) else func, frame)
                if any(isinstance(value, Bound) and (value.file, value.qualname) == (task.file, task.qualname) for value in values):
                    return f"{module.file}:{call.span.row}"
    return ""
