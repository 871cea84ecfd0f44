"""How does a task get methods of ours and keep the class its application gives it?

Options of a Celery declaration become attributes of the task's class (app/base.py, `_task_from_fun`), whatever application it
is bound to and whatever that application's `Task` class is. So methods travel as options, and find what they override
through `overridden`.
"""

from __future__ import annotations

from typing import Any


def overridden(target: Any, name: str, method: object) -> Any:
    """What `target` (a task or a task class) would have as `name`, had its class not got `method`."""
    cls = target if isinstance(target, type) else type(target)
    owner = next(owner for owner in cls.__mro__ if owner.__dict__.get(name) is method)
    return getattr(super(owner, target), name)
