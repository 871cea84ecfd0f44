"""What does the runtime do beside running tasks? It checks at a worker's start what tasks need, and settles charges of lost runs."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery.signals import task_failure, task_revoked, worker_init, worker_process_shutdown, worker_shutdown

from celery_best_practices.credits import refund
from celery_best_practices.run_ticket import settle
from celery_best_practices.runtime_settings import settings
from celery_best_practices.store import StoreDown, leave

log = logging.getLogger("celery_best_practices")


def missing_configuration(app: Any) -> str | None:
    """What the tasks of `app` need and is not configured, as one sentence; None: nothing."""
    gates = {name: task._gate for name, task in sorted(app.tasks.items()) if hasattr(task, "_gate")}
    needs = []
    if settings().redis_url is None and (names := [name for name, gate in gates.items() if gate.needs_redis]):
        needs.append(f"a Redis (configure(redis_url=…) or CRB_REDIS_URL) for {_listed(names)}")
    if settings().secret is None and (names := [name for name, gate in gates.items() if gate.needs_secret]):
        needs.append(f"a secret (configure(secret=…) or CRB_SECRET) for {_listed(names)}")
    return f"celery_best_practices needs {' and '.join(needs)}." if needs else None


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _check(sender: Any, **_: Any) -> None:
    try:
        problem = missing_configuration(sender.app)
    except ValueError as error:
        problem = str(error)
    if problem:
        raise SystemExit(problem)  # what is no SystemExit Celery's signals log and forget


def _refund(sender: Any = None, request: Any = None, task_id: str | None = None, exception: Any = None, **_: Any) -> None:
    """A revoked run, or one whose process died, never comes to its end: its charge is given back from outside."""
    task = sender if request is None else getattr(request, "task", sender)
    gate = getattr(task, "_gate", None)
    if gate is None or gate.config.credit_type is None:
        return
    if request is None and not isinstance(exception, (WorkerLostError, TimeLimitExceeded)):
        return
    identifier = task_id if request is None else request.id
    try:
        refund(str(identifier))
    except StoreDown as error:
        log.warning("The charge of %s is given back when its reservation ends: %s", identifier, error)


def _settle(**_: Any) -> None:
    leave()
    with suppress(StoreDown):
        settle()


worker_init.connect(_check, weak=False, dispatch_uid="celery_best_practices.check")
task_revoked.connect(_refund, weak=False, dispatch_uid="celery_best_practices.revoked")
task_failure.connect(_refund, weak=False, dispatch_uid="celery_best_practices.lost")
worker_process_shutdown.connect(_settle, weak=False, dispatch_uid="celery_best_practices.settle")
worker_shutdown.connect(_settle, weak=False, dispatch_uid="celery_best_practices.settle")
