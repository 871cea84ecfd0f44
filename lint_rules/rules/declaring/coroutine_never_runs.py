"""
What it does
------------
Reports `async def` functions and generators under a plain Celery decorator.

Why it matters
--------------
Celery calls the function and gets a coroutine or generator object; nothing runs its body. With `ignore_result=True` the task is logged as
succeeded, else storing the result fails with EncodeError. This is so on every pool.

Example
-------
```python
import httpx
from celery import shared_task


@shared_task
async def ping(url):
    async with httpx.AsyncClient() as client:
        await client.get(url)
```

Use instead
-----------
```python
import httpx
from celery_best_practices import IOTaskConfig, run_io_task_with_best_practices


@run_io_task_with_best_practices(config=IOTaskConfig())
async def ping(url):
    async with httpx.AsyncClient() as client:
        await client.get(url)
```

Fix safety
----------
Safe: the body never ran before. Generators have no fix, for nobody says what becomes of the values.

Known limits
------------
Silent where `base=`, a custom pool, a wrapper or a decorator below the task decorator may run the coroutine, or the project's own task
class (`app.Task`, `task_cls`) drives coroutines or cannot be seen.

References
----------
- [Celery issue 6552: async tasks](https://github.com/celery/celery/issues/6552)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import FixKind, Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.declaring.declarations import BY_CELERY, below, may_run_coroutines
from lint_rules.rules.registry import rule


@rule("CRB104", "coroutine-never-runs", on=Task, severity=Severity.ERROR, fix=FixKind.SAFE)
def coroutine_never_runs(task: Task, project: Project) -> Iterator[Report]:
    """Functions whose call runs nothing, declared as tasks of plain Celery."""
    function, declaration = task.function, task.declaration
    if not (function.is_async or function.is_generator) or declaration.form not in BY_CELERY:
        return
    if declaration.opaque or task.has_base or below(task) or may_run_coroutines(project):
        return
    kind = "an async function" if function.is_async else "a generator"
    cure = (
        "use @run_io_task_with_best_practices, which runs coroutines" if function.is_async else "loop over a helper generator in the task"
    )
    yield Report(
        project.at_decorator(task),
        f"task {function.name!r} is {kind}: Celery calls it and never runs its body; {cure}",
        task=task.name,
        fix=FixKind.SAFE if function.is_async and not function.is_generator and declaration.form == "plain" else None,
    )
