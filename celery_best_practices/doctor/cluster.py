"""What do the live workers say of themselves? One remote-control request for each kind of answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from celery_best_practices.doctor.clock import worker_skews
from celery_best_practices.doctor.findings import Questions, listed

EVENTS_WAIT = 0.5
"""Seconds to wait for the heartbeats that were asked for."""

POOLS = {"thread": "threads"}
"""Module of a pool -> its name on the command line, where they differ."""


@dataclass(frozen=True)
class Worker:
    """A worker that answered. None: it did not say."""

    name: str
    queues: tuple[str, ...] | None
    pool: str | None
    """prefork, solo, threads, gevent, eventlet; of other pools, their class."""
    slots: int | None
    """Tasks that run at once, at most."""
    prefetch: int | None
    """Messages that it fetches at most before it acknowledges one, without those that wait for their time; 0: any number."""
    active: tuple[Mapping[str, Any], ...] | None
    """Running tasks as `inspect().active()` gives them."""
    transport_options: Mapping[str, Any] | None
    """How it reads the broker."""
    skew: float | None
    """Seconds that its clock is ahead of ours, at least."""


def ask_workers(app: Any, connection: Any, timeout: float, questions: Questions) -> list[Worker]:
    """All workers that answer within `timeout` seconds, by name. Busy solo workers do not: they answer between tasks."""
    names = sorted(app.control.inspect(timeout=timeout, connection=connection).ping() or {})
    if not names:
        return []
    inspect = app.control.inspect(names, timeout=timeout, connection=connection)
    answers = {what: _answers(getattr(inspect, what), len(names)) for what in ("stats", "active_queues", "active", "scheduled", "conf")}
    for what in ("stats", "active_queues", "active"):
        if missing := [name for name in names if not isinstance(answers[what].get(name), (dict, list))]:
            questions.skip(f"{what.replace('_', ' ')} of {listed(missing)}", f"no answer within {timeout:g} s")
    skews = questions.ask("clocks of the workers", lambda: worker_skews(app, connection, names, min(timeout, EVENTS_WAIT)))
    if skews is not None and (mute := [name for name in names if name not in skews]):
        questions.skip(f"clocks of {listed(mute)}", "no heartbeat came: workers without gossip, heartbeat and -E send no events")
    return [_worker(name, {what: found.get(name) for what, found in answers.items()}, (skews or {}).get(name)) for name in names]


def _answers(request: Callable[[], Any], expected: int) -> dict[str, Any]:
    """By worker; asked again where some are missing: a read that ends while a request begins can swallow an answer."""
    found = request() or {}
    return found if len(found) >= expected else {**found, **(request() or {})}


def _worker(name: str, answers: Mapping[str, Any], skew: float | None) -> Worker:
    stats = answers["stats"] if isinstance(answers["stats"], dict) else {}
    pool = stats.get("pool", {})
    queues = answers["active_queues"]
    prefetch = stats.get("prefetch_count")
    if prefetch:
        prefetch = max(prefetch - len(answers["scheduled"] or ()), 1)  # each task that waits for its time raises the count by one
    if (answers["conf"] or {}).get("worker_disable_prefetch"):
        prefetch = pool.get("max-concurrency")
    return Worker(
        name=name,
        queues=tuple(sorted(queue.get("alias") or queue["name"] for queue in queues)) if isinstance(queues, list) else None,
        pool=_pool_name(pool["implementation"]) if "implementation" in pool else None,
        slots=stats.get("autoscaler", {}).get("max") or pool.get("max-concurrency"),
        prefetch=prefetch,
        active=tuple(answers["active"]) if isinstance(answers["active"], list) else None,
        transport_options=stats.get("broker", {}).get("transport_options"),
        skew=skew,
    )


def _pool_name(implementation: str) -> str:
    """`celery.concurrency.thread:TaskPool` is `threads`."""
    module = implementation.partition(":")[0]
    if not module.startswith("celery.concurrency."):
        return implementation
    name = module.rpartition(".")[2]
    return POOLS.get(name, name)
