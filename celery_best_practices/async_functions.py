"""How does an async function become something that Celery can call? A function that runs the coroutine and gives its result.

Celery 5.7 itself would make the coroutine and never run it (research/celery-facts.md 5).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from celery._state import get_current_task

from celery_best_practices.coroutines import run, running_loop


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling `function` may give a coroutine, be it through decorators that are functions themselves."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(inspect.unwrap(function))


def runs_coroutines(function: Callable[..., Any], timeout: float | None) -> tuple[Callable[..., Any], dict[str, Any]]:
    """`function` as a plain function that runs its coroutine for at most `timeout` seconds, and the task attributes that it needs.

    Called by Celery, or where no loop runs, it gives the result. Called by other code where a loop runs, it gives the
    coroutine: `await f(x)` works in a coroutine as with the undecorated function.
    """

    @wraps(function)
    def run_coroutine(*args: Any, **kwargs: Any) -> Any:
        value = function(*args, **kwargs)
        if not inspect.isawaitable(value) or (running_loop() is not None and not _called_by_celery(run_coroutine)):
            return value
        return run(value, timeout)

    vars(run_coroutine)["__signature__"] = inspect.signature(function)  # Celery reads it for its check of arguments at the call
    return run_coroutine, {"_runs_coroutines": staticmethod(run_coroutine)}


def _called_by_celery(function: Callable[..., Any]) -> bool:
    """Whether Celery, in a worker or eagerly, is calling `function` as the current task's body, and for the first time for this request."""
    task = get_current_task()
    if task is None or getattr(task, "_runs_coroutines", None) is not function:
        return False
    request = task.request
    if request.called_directly or vars(request).get("_coroutine_begun"):
        return False
    request._coroutine_begun = True
    return True
