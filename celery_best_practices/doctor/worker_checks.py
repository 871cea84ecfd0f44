"""Do the live workers suit the tasks? Their pools, what they fetch ahead, what hangs in them, and their clocks.

Facts: research/celery-facts.md 1 (priorities), 2 (pools), 17 (CPU-bound tasks), 18 (gevent).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from celery_best_practices.doctor.cluster import Worker
from celery_best_practices.doctor.expected import ExpectedTask
from celery_best_practices.doctor.findings import Finding, Severity, counted, listed, seconds
from celery_best_practices.operations import overdue

SKEW = 1.0
"""Seconds that clocks may differ."""
LONG = 60.0
"""Seconds from which on a task holds up those that were fetched with it."""

_GREEN = "while one computes, no other task of that worker goes on and it answers no remote control"
_DRIVERS = "drivers that wait in C (psycopg2 without psycogreen, mysqlclient) hold up all its other tasks; psycopg 3 and PyMySQL do not"
UNSUITED: dict[tuple[str, str], tuple[Severity, str, str]] = {
    ("gevent", "cpu"): ("warning", _GREEN, "-P prefork"),
    ("eventlet", "cpu"): ("warning", _GREEN, "-P prefork"),
    ("threads", "cpu"): ("warning", "its threads share one core and slow each other down", "-P prefork"),
    ("solo", "io"): ("warning", "they run one at a time, and it waits with them", "-P threads -c 50"),
    ("gevent", "db"): ("info", _DRIVERS, "-P threads -c 20"),
    ("eventlet", "db"): ("info", _DRIVERS, "-P threads -c 20"),
    ("prefork", "io"): ("info", "each of them holds a whole process while it waits", "-P threads -c 50"),
}
"""Pool and workload -> how bad it is, what follows, and what to start instead."""


def pools(workers: Iterable[Worker], tasks: Iterable[ExpectedTask]) -> Iterator[Finding]:
    """pool-unsuited: a worker's pool does not suit what the tasks in its queues do."""
    for worker in workers:
        carried: dict[str, list[ExpectedTask]] = defaultdict(list)
        for task in tasks:
            if task.workload and task.queue in (worker.queues or ()):
                carried[task.workload].append(task)
        for workload, found in sorted(carried.items()):
            if (worker.pool, workload) in UNSUITED:
                severity, consequence, instead = UNSUITED[worker.pool or "", workload]
                queues = ",".join(sorted({task.queue for task in found}))
                source = "declared" if found[0].declared else "by what their code does"
                yield Finding(
                    "pool-unsuited",
                    severity,
                    worker.name,
                    f"Worker {worker.name} runs {workload} tasks ({source}: {listed([task.name for task in found])}) on the pool"
                    f" {worker.pool}: {consequence}. Give them queues of their own and a worker with {instead} (now: {queues}).",
                )


def prefetch(workers: Iterable[Worker], tasks: Iterable[ExpectedTask], prioritised: set[str]) -> Iterator[Finding]:
    """prefetch-too-high: messages wait in a worker behind others, where no priority and no idle worker can reach them.

    prioritised: queues whose messages have priorities.
    """
    now = time.time()
    for worker in workers:
        if worker.prefetch is None or worker.slots is None or 0 < worker.prefetch <= worker.slots:
            continue
        long = {task.name: task.limit for task in tasks if task.queue in (worker.queues or ()) and (task.limit or 0) >= LONG}
        long |= {run["name"]: now - run["time_start"] for run in worker.active or () if now - (run.get("time_start") or now) >= LONG}
        held = []
        if prioritised & set(worker.queues or ()):
            held.append("priorities are delayed: what has been fetched no message of a higher one can overtake")
        if long:
            name = max(long, key=lambda each: long[each] or 0)
            held.append(f"messages wait behind long tasks ({name}: {seconds(long[name] or 0)}) while other workers may be idle")
        if not held:
            continue
        fetched = f"up to {counted(worker.prefetch, 'message')}" if worker.prefetch else "any number of messages"
        solo = " and -c 1: solo ignores -c, but fetches by it" if worker.pool == "solo" else ""
        yield Finding(
            "prefetch-too-high",
            "warning",
            worker.name,
            f"Worker {worker.name} fetches {fetched} for {counted(worker.slots, 'task')} at once, and {'; '.join(held)}."
            f" Start it with --prefetch-multiplier 1{solo}.",
        )


def silence(answered: Iterable[Worker], control_queues: Mapping[str, str], sep: str) -> Iterator[Finding]:
    """worker-silent, sep-differs: workers that the broker knows and that did not answer, or cannot."""
    silent = set(control_queues) - {worker.name for worker in answered}
    if foreign := sorted(name for name in silent if control_queues[name] != sep):
        yield Finding(
            "sep-differs",
            "warning",
            foreign[0],
            f"{listed(foreign)} {'was' if len(foreign) == 1 else 'were'} started with another `sep` ({control_queues[foreign[0]]!r}, here"
            f" {sep!r}): they read nothing that this application sends with a priority, and do not understand its requests. Give producers"
            f" and workers the same broker_transport_options.",
        )
    if names := sorted(silent - set(foreign)):
        yield Finding(
            "worker-silent",
            "info",
            names[0],
            f"The broker knows {counted(len(names), 'worker')} that did not answer: {listed(names)}. Solo workers answer only between"
            f" tasks, gevent workers not while a task blocks, and those that were killed never will. A longer --timeout shows which.",
        )


def stuck(app: Any, workers: Iterable[Worker]) -> Iterator[Finding]:
    """task-stuck: running tasks that are over their limit, or over an hour without one."""
    for task in overdue(app, {worker.name: worker.active or () for worker in workers}):
        yield Finding(
            "task-stuck",
            "warning",
            task.name,
            f"{task.name} ({task.id}) has been running for {seconds(task.seconds)} on {task.worker}; {seconds(task.limit)} is the most it"
            f" should. It holds a place and whatever it has locked. See where it waits; time limits act on prefork, and for coroutines"
            f" `timeout`.",
        )


def clocks(skews: dict[str, float | None]) -> Iterator[Finding]:
    """clock-skew: machines whose clock is not ours. `skews`: name of the machine's role -> seconds."""
    for name, skew in skews.items():
        if skew is not None and abs(skew) > SKEW:
            yield Finding(
                "clock-skew",
                "warning",
                name,
                f"The clock of {name} is {seconds(abs(skew))} {'ahead of' if skew > 0 else 'behind'} this machine's: countdowns, expiry,"
                f" and the visibility timeout are off by as much. Synchronise the clocks (NTP).",
            )
