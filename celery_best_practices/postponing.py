"""How is a task put off without counting as a retry? It is sent again as Celery's `retry` does, but with the same count."""

from __future__ import annotations

from typing import Any, NoReturn

from celery.exceptions import Reject, Retry

VISIBILITY_TIMEOUT = 3600
"""Seconds; the default of kombu's Redis transport."""


def postpone(task: Any, request: Any, seconds: float, reason: Exception) -> NoReturn:
    """Send the running task again for `seconds` from now, and end this run. Eager calls raise `reason` instead.

    A task waits at most half the visibility timeout at once: longer ones are delivered twice (research/celery-facts.md 7).
    """
    if request.is_eager:
        raise reason
    visible = (task.app.conf.broker_transport_options or {}).get("visibility_timeout", VISIBILITY_TIMEOUT)
    countdown = min(seconds, visible / 2)
    signature = task.signature_from_request(request, countdown=countdown, retries=request.retries)
    try:
        signature.apply_async()
    except Exception as error:  # as Celery's own retry does (app/task.py)
        raise Reject(error, requeue=False) from error
    raise Retry(exc=reason, when=countdown, sig=signature)
