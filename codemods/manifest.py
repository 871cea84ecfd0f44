"""What a project's tasks are to those who send them: names, signatures, options. A migration must not change it unsaid.

Options are told in Celery's words whichever way they are declared: the config of one of our decorators is translated back.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from celery_best_practices.contract import WORKLOAD_OF_CONFIG
from codemods.routes import route_of
from lint_rules.facts.model import Attr, Const, Expr, Ref
from lint_rules.project.frames import Frame
from lint_rules.project.origins import call_behind
from lint_rules.project.project import UNSEEN, Project
from lint_rules.project.tasks import Task, rendered

OPTION_OF_FIELD = {
    "queue": "queue",
    "task_priority": "priority",
    "max_retries": "max_retries",
    "backoff": "retry_backoff",
    "rate_limit": "rate_limit",
}
"""Config field -> the option of plain Celery that means the same."""

WINDOWS = {"": 1, "s": 1, "m": 60, "h": 3600}

Key = tuple[str, str, int]


class Entry(Struct, frozen=True):
    """One task as its senders know it."""

    name: str
    function: str
    parameters: tuple[str, ...]
    is_async: bool
    options: dict[str, object]


def manifest(project: Project) -> dict[Key, Entry]:
    """The project's tasks by file, function, and how many of that function came before."""
    found: dict[Key, Entry] = {}
    for task in project.tasks:
        count = sum(1 for file, function, _ in found if (file, function) == (task.file, task.qualname))
        parameters = tuple(
            f"{parameter.kind} {parameter.name}{'' if parameter.default is None else ' = ' + rendered(parameter.default)}"
            for parameter in task.function.parameters
        )
        found[task.file, task.qualname, count] = Entry(
            task.name, task.qualname, parameters, task.function.is_async, dict(sorted(_options(task, project)))
        )
    return found


def differences(before: dict[Key, Entry], after: dict[Key, Entry]) -> Iterator[tuple[Key, str, str]]:
    """What two manifests differ in: the task, what of it ("name", "parameters", "tasks", an option), and a clause in words."""
    for key, old in before.items():
        new = after.get(key)
        if new is None:
            yield key, "tasks", f"task {old.name} is gone"
            continue
        if old.name != new.name:
            yield key, "name", f"task {old.name} is called {new.name}"
        if old.parameters != new.parameters:
            yield key, "parameters", f"the parameters of task {old.name} are {', '.join(new.parameters) or 'none'}"
        if old.is_async != new.is_async:
            yield key, "parameters", f"task {old.name} has become {'asynchronous' if new.is_async else 'synchronous'}"
        for option in sorted(old.options.keys() | new.options.keys()):
            if old.options.get(option) != new.options.get(option):
                was, now = (each.options.get(option, "not given") for each in (old, new))
                yield key, option, f"{option} of task {old.name} was {was!r} and is {now!r}"
    for key, new in after.items():
        if key not in before:
            yield key, "tasks", f"there is a new task {new.name}"


def _options(task: Task, project: Project) -> Iterator[tuple[str, object]]:
    """The options in effect, None (the default of all) left out."""
    options = {name: _value(value, task.frame_of(name), project) for name, value in task.declaration.options}
    options.pop("name", None)  # part of the entry
    if task.declaration.form == "ours":
        options.pop("config", None)
        options.update(_fields(task, project))
    if task.declaration.form in ("plain", "call") and "app" not in options:
        owner = task.declaration.text.lstrip("@").partition("(")[0].rpartition(".")[0]
        if owner and task.declaration.registrar != "celery.shared_task":
            options["app"] = owner
    limit = options.get("rate_limit")
    if isinstance(limit, (int, float)):
        options["rate_limit"] = f"{limit:g}/s"
    retries = options.get("retry_kwargs")
    if "autoretry_for" in options and isinstance(retries, dict) and list(retries) == ["max_retries"] and "max_retries" not in options:
        options["max_retries"] = retries["max_retries"]  # what Celery's automatic retries go by
        del options["retry_kwargs"]
    if options.get("retry_backoff") is True:
        options["retry_backoff"] = 1
    for name, value in route_of(task.name, project).items():
        options.setdefault(name, value)
    yield from ((name, value) for name, value in options.items() if value is not None)


def _fields(task: Task, project: Project) -> Iterator[tuple[str, object]]:
    """The fields of the task's config, by the options that mean the same."""
    found = call_behind(project.resolver, task.option("config"), task.frame)
    if found is None:
        yield "config", rendered(task.option("config"), task.frame.scope.calls)
        return
    call, frame = found
    name = call.func.path.rpartition(".")[2] if isinstance(call.func, (Ref, Attr)) else ""
    if name not in WORKLOAD_OF_CONFIG:
        yield "config", rendered(task.option("config"), task.frame.scope.calls)
        return
    fields = {key: _value(value, frame, project) for key, value in call.keywords if key}
    window = fields.pop("rate_window", 60)
    for key, value in fields.items():
        if key == "rate_limit" and value is not None:
            unit = next((unit for unit, seconds in WINDOWS.items() if unit and seconds == window), None)
            yield "rate_limit", f"{value}/{unit} in all" if unit else f"{value} in {window} s in all"
        else:
            yield OPTION_OF_FIELD.get(key, f"config {key}"), value


def _value(expr: Expr, frame: Frame, project: Project) -> object:
    """A literal's value, else the expression as text."""
    if isinstance(expr, Const):
        return expr.value
    value = project.literal(expr, frame)
    return rendered(expr, frame.scope.calls) if value is UNSEEN or isinstance(value, (list, set)) else value
