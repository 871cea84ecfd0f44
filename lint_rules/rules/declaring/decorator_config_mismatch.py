"""
What it does
------------
Reports configs of best-practice decorators that cannot work: the class of another decorator, unknown fields, values outside their range,
a config that is missing or passed by position, and `cache_ttl` on a task that returns nothing.

Why it matters
--------------
All of these but the last raise when the module is imported: no worker starts. Caching a task without a result costs a Redis round trip for
nothing, and the second call skips the work.

Example
-------
```python
from celery_best_practices import IOTaskConfig, run_db_task_with_best_practices


@run_db_task_with_best_practices(config=IOTaskConfig(max_retries=3))
def touch(customer_id):
    return customer_id
```

Use instead
-----------
```python
from celery_best_practices import DBTaskConfig, run_db_task_with_best_practices


@run_db_task_with_best_practices(config=DBTaskConfig(max_retries=3))
def touch(customer_id):
    return customer_id
```

Fix safety
----------
Safe for the class, for misspelt field names, and for a config that is missing or passed by position: the module could not be imported
before. A missing config becomes the default one, which changes nothing.

Known limits
------------
Configs that are built by functions, copied with `dataclasses.replace` or chosen at run time are not looked into, nor are `**fields`.

References
----------
- `celery_best_practices.contract`: the fields and their ranges
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from celery_best_practices.contract import CONFIGS, FIELD_BY_NAME, WORKLOAD_OF_CONFIG
from lint_rules.facts.model import Attr, Call, Const, Ref
from lint_rules.findings import FixKind, Place, Report, Severity
from lint_rules.project.frames import Frame
from lint_rules.project.origins import call_behind
from lint_rules.project.project import UNSEEN, Project
from lint_rules.project.tasks import Task
from lint_rules.rules.registry import rule


@rule("CRB103", "decorator-config-mismatch", on=Task, severity=Severity.ERROR, fix=FixKind.SAFE)
def decorator_config_mismatch(task: Task, project: Project) -> Iterator[Report]:
    """Configs of our decorators that are wrong."""
    declaration = task.declaration
    if declaration.form != "ours" or declaration.workload is None:
        return
    wanted, here = CONFIGS[declaration.workload], project.at_decorator(task)
    if declaration.positional or (task.option("config") is None and not declaration.opaque):
        how = "passes its config by position" if declaration.positional else "has no config"
        yield Report(
            here,
            f"{declaration.text} of task {task.function.name!r} {how}: TypeError at import; write config={wanted}(...)",
            task=task.name,
            fix=FixKind.SAFE if len(declaration.positional) < 2 and task.option("config") is None and not declaration.opaque else None,
        )
        return
    found = call_behind(project.resolver, task.option("config"), task.frame)
    if found is None:
        return
    call, frame = found
    name = call.func.path.rpartition(".")[2] if isinstance(call.func, (Ref, Attr)) else ""
    if name not in WORKLOAD_OF_CONFIG:
        return
    if name != wanted:
        message = f"task {task.function.name!r} is {declaration.workload} work with {name}: TypeError at import; use {wanted}"
        yield Report(here, message, task=task.name, fix=FixKind.SAFE)
    elif _caches_nothing(task, call):
        message = (
            f"task {task.function.name!r} returns nothing, and cache_ttl would cache that: later calls skip the work; remove cache_ttl"
        )
        yield Report(here, message, task=task.name, severity=Severity.WARNING)
    problems = [problem for key, value in call.keywords if key and (problem := _problem(key, project.literal(value, frame)))]
    if problems:
        unknown = [key for key, _ in call.keywords if key and key not in FIELD_BY_NAME]
        fixable = len(unknown) == len(problems) and all(better_field(key) for key in unknown)
        yield Report(
            _place(task, call, frame),
            f"{name}: {'; '.join(problems)}",
            task=task.name,
            fix=FixKind.SAFE if fixable else None,
        )


def _problem(key: str, value: object) -> str:
    """What is wrong with a field, "" for nothing."""
    field = FIELD_BY_NAME.get(key)
    if field is None:
        near = better_field(key)
        hint = f"did you mean {near!r}?" if near else f"its fields are {', '.join(FIELD_BY_NAME)}"
        return f"{key!r} is no field, TypeError at import; {hint}"
    if value is not UNSEEN and field.refuses(value):
        return f"{key} must be {field.allowed}, not {value!r}"
    return ""


def better_field(key: str) -> str:
    """The field that a misspelt one is meant to be, "" where there is none."""
    return next(iter(difflib.get_close_matches(key, FIELD_BY_NAME, 1, 0.8)), "")


def _caches_nothing(task: Task, call: Call) -> bool:
    function = task.function
    returns = function.returns_value or function.is_generator or function.is_stub
    return not returns and call.keyword("cache_ttl") not in (None, Const(None))


def _place(task: Task, call: Call, frame: Frame) -> Place:
    """The config where it is made: in the decorator, or wherever the constant is."""
    inline = frame is task.frame and task.function.header.row <= call.span.row <= task.function.header.end_row
    return Place.of(frame.module.file, call.span, task.function.header if inline else None)
