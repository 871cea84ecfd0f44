"""What do Celery's pools honour, and what do they ignore without a word?

Source: experiments with Celery 5.7, gevent 26.9 and eventlet 0.41 (research/celery-facts.md 2). What new versions honour (autoscaling and
the hard time limit on gevent) is left out, whatever older ones do.
"""

from __future__ import annotations

GREEN = ("gevent", "eventlet")
"""Pools of greenlets: whatever does not give way holds up all of them."""

ONE_PROCESS = ("threads", *GREEN)
"""Pools whose tasks run beside each other in one process, and share what that process keeps: its GIL, its database connections."""

PER_CHILD = frozenset({"max-tasks-per-child", "max-memory-per-child"})

IGNORED = {
    "solo": PER_CHILD | {"concurrency", "autoscale", "time-limit", "soft-time-limit"},
    "threads": PER_CHILD | {"time-limit", "soft-time-limit"},
    "gevent": PER_CHILD | {"soft-time-limit"},
    "eventlet": PER_CHILD | {"time-limit", "soft-time-limit"},
}
"""Pool -> options of `celery worker` that have no effect on it."""
