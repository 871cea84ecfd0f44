"""Runs of a task as a worker makes them, in this process: what Celery's tracer does with a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from celery import Celery, Task
from celery.app.trace import build_tracer

from celery_best_practices import AuthContext
from celery_best_practices.auth import HEADER, sign


@dataclass
class Run:
    """How a run ended."""

    state: str
    value: Any
    """The result, or the exception."""


def run(
    task: Any,
    *args: Any,
    user: AuthContext | None = None,
    id: str | None = None,
    retries: int = 0,
    header: str | None = None,
    **kwargs: Any,
) -> Run:
    """One run of `task` for the message that `user` would have sent."""
    header = sign(user.identity()) if user else header
    request: dict[str, Any] = {"id": id or uuid4().hex, "retries": retries, "delivery_info": {"exchange": "", "routing_key": "again"}}
    request |= {"headers": {HEADER: header}, HEADER: header} if header else {"headers": {}}
    traced = build_tracer(task.name, task._get_current_object() if not isinstance(task, Task) else task, app=task.app)(
        request["id"], args, kwargs, request
    )
    if traced.info is None:
        return Run("SUCCESS", traced.retval)
    return Run(traced.info.state, traced.info.retval)


def new_app(redis_url: str, name: str = "gated") -> Celery:
    """An application on a database of its own, that nobody works for."""
    url = f"{redis_url}/4"
    return Celery(name, broker=url, backend=url, set_as_current=False)
