"""
What it does
------------
Reports decorators above the task decorator that put an ordinary function in the task's place.

Why it matters
--------------
`.delay()` is gone (AttributeError), and the worker runs the registered task without the decorator: no transaction, no retry, no measuring.

Example
-------
```python
from celery import shared_task
from django.db import transaction


@transaction.atomic
@shared_task
def close_order(order_id):
    return order_id
```

Use instead
-----------
```python
from celery import shared_task
from django.db import transaction


@shared_task
@transaction.atomic
def close_order(order_id):
    return order_id
```

Fix safety
----------
Unsafe: below the task decorator the decorator starts to take effect in the worker.

Known limits
------------
Speaks only of project decorators whose inner function is seen to be returned, and of library decorators known to wrap. Decorators that
return what they are given, use the task's own attributes or belong to a task class are right where they are, as are those named in
`[tool.crb] task-registering-decorators`.

References
----------
- [Celery: tasks, basics](https://docs.celeryq.dev/en/stable/userguide/tasks.html#basics) ("the task decorator is the last applied")
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator

from lint_rules.facts.model import Attr, Decorator, Expr, Function, Ref
from lint_rules.findings import FixKind, Place, Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.tasks import TASK_BASES, Task, rendered
from lint_rules.project.values import Bound, ClassValue, External, Value
from lint_rules.rules.declaring.declarations import above, callee, decorator_values
from lint_rules.rules.registry import rule

WRAPPING = frozenset(
    {"django.db.transaction.atomic", "functools.lru_cache", "functools.cache", "tenacity.retry", "retry.retry", "retrying.retry"}
    | {"backoff.on_exception", "backoff.on_predicate", "asgiref.sync.sync_to_async", "asgiref.sync.async_to_sync"}
    | {"cachetools.cached", "cachetools.func.ttl_cache", "cachetools.func.lru_cache", "sentry_sdk.trace", "timeout_decorator.timeout"}
    | {"warnings.deprecated", "typing_extensions.deprecated", "ratelimit.limits", "ratelimit.sleep_and_retry"}
)
"""Library decorators that return an ordinary function (or a cache around one)."""

LOOKING = frozenset({"wraps", "update_wrapper", "iscoroutinefunction", "signature", "getfullargspec", "getcallargs", "repr", "str", "id"})
"""Functions that only look at the function they are given; others may send it."""


@rule("CRB105", "decorator-above-task", on=Task, severity=Severity.ERROR, fix=FixKind.UNSAFE)
def decorator_above_task(task: Task, project: Project) -> Iterator[Report]:
    """Decorators that the task is lost in."""
    for decorator in above(task):
        expr = callee(decorator, task.frame)
        if _allowed(expr, decorator, task, project) or not _wraps(decorator, task, project):
            continue
        text = f"@{rendered(expr, task.frame.scope.calls)}"
        yield Report(
            Place.of(task.file, decorator.span, task.function.header),
            f"{text} stands above {task.declaration.text}: it hides .delay() of {task.function.name!r}, and the worker runs the task "
            f"without it; move it below the task decorator",
            task=task.name,
            fix=FixKind.UNSAFE,
        )


def _allowed(expr: Expr, decorator: Decorator, task: Task, project: Project) -> bool:
    """Whether the configuration says that the decorator may stand there."""
    names = [rendered(expr, task.frame.scope.calls)]
    for value in decorator_values(decorator, task, project):
        if isinstance(value, External):
            names.append(value.path)
        elif isinstance(value, (Bound, ClassValue)):
            names.append(f"{project.index.name(value.file)}.{value.qualname}")
    return any(fnmatch.fnmatchcase(name, glob) for name in names for glob in project.settings.task_registering_decorators)


def _wraps(decorator: Decorator, task: Task, project: Project) -> bool:
    """Whether the decorator certainly returns an ordinary function."""
    for value in decorator_values(decorator, task, project):
        if isinstance(value, External) and value.path in WRAPPING:
            return True
        if isinstance(value, Bound) and _belongs_to_a_task_class(value, project):
            return False
    applied = project.values(decorator.value, task.frame)
    outer = [value for value in applied if not any(_is_inside(value, other) for other in applied)]
    return bool(outer) and all(isinstance(value, Bound) and _returns_its_own_function(value, project) for value in outer)


def _belongs_to_a_task_class(bound: Bound, project: Project) -> bool:
    function = project.resolver.function(bound)
    owner = function.owner if function is not None else ""
    return bool(owner) and project.resolver.inherits(ClassValue(bound.file, owner), TASK_BASES)


def _is_inside(value: Value, other: Value) -> bool:
    """Whether one function is defined in another: a decorator that works with and without arguments may return either."""
    return (
        isinstance(value, Bound)
        and isinstance(other, Bound)
        and value.file == other.file
        and value.qualname.startswith(f"{other.qualname}.")
    )


def _returns_its_own_function(bound: Bound, project: Project) -> bool:
    """Whether all that a project decorator returns are functions made in it, and it knows nothing of tasks."""
    function, frame = project.resolver.function(bound), project.resolver.frame_of(bound)
    if function is None or frame is None or not function.body.returns:
        return False
    for returned in function.body.returns:
        values = project.values(returned, frame)
        if not values or not all(_is_inside(value, bound) for value in values):
            return False
    return not _uses_the_task(function, bound, project)


def _uses_the_task(function: Function, bound: Bound, project: Project) -> bool:
    """Whether the decorator reads attributes of what it is given, hands it on, or sets attributes: it may have been written for tasks."""
    module = project.module(bound.file)
    if module is None:
        return True
    given = _first_parameter(function)
    for each in module.facts.functions:  # by row: a function before those defined in it
        if each.qualname != bound.qualname and not each.qualname.startswith(f"{bound.qualname}."):
            continue
        if any("." in binding.target and not binding.target.rpartition(".")[2].startswith("_") for binding in each.body.bindings):
            return True
        for call in each.body.calls:
            name = _last_name(call.func)
            inner = module.functions.get(f"{each.qualname}.{name}")
            if any(isinstance(expr, Ref) and expr.path in given for expr in call.args):
                if inner is None and name not in LOOKING:
                    return True
                given |= _first_parameter(inner) if inner is not None else set()
            if any(_reads_attribute(expr, given) for expr in (call.func, *call.args, *(value for _, value in call.keywords))):
                return True
    return False


def _first_parameter(function: Function) -> set[str]:
    """The name of the parameter that takes what is decorated."""
    return {parameter.name for parameter in function.positional[1 if function.owner else 0 :][:1]}


def _reads_attribute(expr: Expr, given: set[str]) -> bool:
    head, _, attribute = (expr.path if isinstance(expr, Ref) else "").partition(".")
    return head in given and bool(attribute) and not attribute.startswith("_")


def _last_name(expr: Expr) -> str:
    return expr.path.rpartition(".")[2] if isinstance(expr, (Ref, Attr)) else ""
