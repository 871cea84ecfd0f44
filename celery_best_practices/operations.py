"""What should an operator see and set? Cache figures, stuck tasks, settings and worker commands that suit the tasks.

Facts: research/celery-facts.md 1 (priorities), 2 (pools), 7 (visibility timeout), 8 (acknowledgements), 17 (CPU-bound tasks).
"""

from __future__ import annotations

import inspect
import os
import shlex
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from celery_best_practices.decorators import declared, name_of
from celery_best_practices.store import store

HOUR = 3600.0


@dataclass(frozen=True)
class CacheStats:
    """Counts of one task since its first call, of all workers together."""

    hits: int = 0
    misses: int = 0
    uncacheable: int = 0
    """Calls whose arguments or results have no exact text and were not kept."""
    limited: int = 0
    """Calls that were put off by the rate limit."""
    poor: int = 0
    """Calls that failed for want of credits."""

    @property
    def hit_rate(self) -> float:
        """Share of cached calls that were served from the cache; 0 where there were none."""
        return self.hits / (self.hits + self.misses) if self.hits + self.misses else 0.0


_FIELDS = {b"hit": "hits", b"miss": "misses", b"uncacheable": "uncacheable", b"limited": "limited", b"poor": "poor"}


def cache_stats() -> dict[str, CacheStats]:
    """Task name -> what its calls came to. Raises ConfigurationMissing without a Redis, StoreDown when it does not answer."""
    answer = store().command("HGETALL", "crb:stats")
    pairs = answer.items() if isinstance(answer, dict) else zip(answer[::2], answer[1::2])
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for key, count in pairs:
        task, _, what = key.rpartition(b":")
        counts[task.decode()][_FIELDS[what]] = int(count)
    return {task: CacheStats(**given) for task, given in sorted(counts.items())}


@dataclass(frozen=True)
class StuckTask:
    """A task that runs longer than it should."""

    id: str
    name: str
    worker: str
    seconds: float
    """For how long it has been running."""
    limit: float
    """For how long it should run at most."""


def stuck_tasks(app: Any, *, longer_than: float = HOUR, timeout: float = 2.0) -> list[StuckTask]:
    """Running tasks that are over their time limit, or over `longer_than` seconds where they have none; the longest first.

    Asks all workers and waits `timeout` seconds for their answers: solo workers answer only between tasks, so theirs are missing.
    """
    return overdue(app, app.control.inspect(timeout=timeout).active() or {}, longer_than)


def overdue(app: Any, active: Mapping[str, Iterable[Mapping[str, Any]]], longer_than: float = HOUR) -> list[StuckTask]:
    """Those of the running tasks, as `inspect().active()` gives them by worker, that `stuck_tasks` means."""
    now = time.time()
    found = []
    for worker, tasks in active.items():
        for running in tasks:
            if running.get("time_start") is None:
                continue
            seconds = now - running["time_start"]
            limit = limit_of(app, running["name"]) or longer_than
            if seconds > limit:
                found.append(StuckTask(running["id"], running["name"], worker, seconds, limit))
    return sorted(found, key=lambda task: -task.seconds)


def limit_of(app: Any, name: str) -> float | None:
    """Seconds that runs of a task may take by its declaration or the application's settings; None: no limit is known."""
    task = app.tasks.get(name)
    if task is None:
        return None
    config = declaration_of(task)[1]
    limits = (config.timeout if config else None, task.time_limit, task.soft_time_limit)
    return max(filter(None, limits), default=None)


def declaration_of(task: Any) -> tuple[str | None, Any]:
    """The workload that a task was declared with, and its configuration."""
    return declared.get(name_of(task.run), (None, None))


def recommended_settings(*, longest_task: float = HOUR / 2) -> dict[str, Any]:
    """Celery settings that suit tasks with best practices on a Redis broker: `app.conf.update(recommended_settings())`.

    longest_task: seconds that a message may be unacknowledged: the longest run, countdown, or wait in a worker's prefetch. What
    takes longer than the visibility timeout is delivered twice.

    Producers and workers must have the same `broker_transport_options`: with other priority steps messages are never read.
    """
    return {
        "broker_transport_options": {
            "priority_steps": list(range(10)),  # all of 0 to 9 count; by default 0-2, 3-5 and 6-8 are the same
            "sep": ":",
            "visibility_timeout": max(HOUR, 2 * longest_task),
        },
        "task_default_priority": 5,  # without it, tasks without a priority run before all others
        "worker_prefetch_multiplier": 1,  # what a worker has fetched no priority can overtake
        "task_acks_late": True,  # a message is gone when its task is done, not when it begins
        "task_retry_on_worker_lost": True,  # acks_late alone loses what a killed child ran; needs Celery 5.7, ends after max_retries
        "task_track_started": True,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],  # no pickle: who can write to the broker could run code
        "result_expires": int(24 * HOUR),
        "broker_connection_retry_on_startup": True,
    }


@dataclass(frozen=True)
class WorkerCommand:
    """How to start the workers of some queues."""

    queues: tuple[str, ...]
    workloads: tuple[str, ...]
    """Of the tasks that these queues carry."""
    pool: str
    concurrency: int
    command: str


POOLS = {"cpu": ("prefork", os.cpu_count() or 1), "io": ("threads", 100), "db": ("threads", 20)}
"""Workload -> pool and concurrency. Threads for I/O: measured 2 to 3.5 times as fast as gevent (research/runtime.md 2)."""


def worker_commands(app: Any) -> list[WorkerCommand]:
    """A worker command for each kind of tasks that `app` has, by the queues they are sent to.

    A queue that carries CPU-bound tasks, or tasks that were not declared with a workload, gets processes.
    """
    carried: dict[str, set[str]] = defaultdict(set)
    for name, task in app.tasks.items():
        if not name.startswith("celery."):
            carried[queue_of(app, task)].add(declaration_of(task)[0] or "undeclared")
    queues: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for queue, workloads in carried.items():
        queues[tuple(sorted(workloads))].append(queue)
    return [_command(app, tuple(sorted(names)), workloads) for workloads, names in sorted(queues.items())]


def queue_of(app: Any, task: Any) -> str:
    """The queue that a call of `task` is sent to when it names none.

    Raises what the application's own routers raise, and Celery's QueueNotFound where `task_create_missing_queues` is off.
    """
    options = {name: value for name, value in task._get_exec_options().items() if name == "queue" and value}
    return str(app.amqp.router.route(options, task.name)["queue"].name)


def _command(app: Any, queues: tuple[str, ...], workloads: tuple[str, ...]) -> WorkerCommand:
    kind = "cpu" if {"cpu", "undeclared"} & set(workloads) else "db" if "db" in workloads else "io"
    pool, concurrency = POOLS[kind]
    words = ["celery", "-A", _path_of(app), "worker", "-Q", ",".join(queues), "-P", pool, "-c", str(concurrency)]
    words += ["--prefetch-multiplier", "1"]
    if pool == "prefork":
        words += ["-O", "fair"]
    words += ["-n", f"{queues[0]}@%h"]
    return WorkerCommand(queues, workloads, pool, concurrency, shlex.join(words))


def _path_of(app: Any) -> str:
    """`module:name` of the application, for `-A`."""
    for name, module in sorted(sys.modules.items()):
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            if value is app and not inspect.ismodule(value):
                return f"{name}:{attribute}"
    return str(app.main)
