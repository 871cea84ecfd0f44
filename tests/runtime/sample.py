"""The application that the tests' workers run."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

import redis.asyncio
from celery import Celery, current_task, shared_task
from celery.exceptions import MaxRetriesExceededError, SoftTimeLimitExceeded

from celery_best_practices import (
    CPUTaskConfig,
    DBTaskConfig,
    IOTaskConfig,
    run_cpu_task_with_best_practices,
    run_db_task_with_best_practices,
    run_io_task_with_best_practices,
    setup_metrics,
)
from celery_best_practices.auth import identity_of

BROKER = os.environ.get("CRB_TEST_BROKER", "memory://")
app = Celery("sample", broker=BROKER, backend=BROKER if BROKER.startswith("redis") else "cache+memory://")
app.conf.update(
    worker_prefetch_multiplier=1,
    result_expires=600,
    task_default_queue="nobody",
    broker_connection_retry_on_startup=True,
    broker_transport_options={"polling_interval": 0.05},
)
app.set_default()
if port := os.environ.get("CRB_TEST_METRICS"):
    setup_metrics(app, int(port))

shared_client = redis.asyncio.Redis.from_url(BROKER.replace("memory", "redis").removesuffix("/0"), db=1)


@run_cpu_task_with_best_practices(config=CPUTaskConfig())
def add(x: int, y: int) -> int:
    return x + y


@run_io_task_with_best_practices(config=IOTaskConfig())
async def aadd(x: int, y: int) -> int:
    await asyncio.sleep(0)
    return x + y


@run_db_task_with_best_practices(config=DBTaskConfig())
def total(numbers: list[int]) -> int:
    return sum(numbers)


@run_io_task_with_best_practices(config=IOTaskConfig(), bind=True)
async def who(self: Any) -> dict[str, Any]:
    """What a coroutine sees of the task that it is."""
    before = self.request.id
    await asyncio.sleep(0.01)
    return {
        "id": before,
        "still": self.request.id == before,
        "current": current_task.name,
        "in child": await asyncio.create_task(_current_id()),
        "in thread": await asyncio.to_thread(lambda: current_task.request.id),
        "directly": self.request.called_directly,
    }


async def _current_id() -> str:
    return str(current_task.request.id)


@run_io_task_with_best_practices(config=IOTaskConfig(), bind=True)
async def spawns(self: Any, queue: str) -> list[str]:
    """Sends another task; its id and, for the test, our own."""
    return [self.request.id, add.apply_async((1, 2), queue=queue).id]


@run_db_task_with_best_practices(config=DBTaskConfig(max_retries=3, backoff=0.05), bind=True)
async def flaky(self: Any, failures: int) -> int:
    await asyncio.sleep(0)
    if self.request.retries < failures:
        raise ConnectionError("not yet")
    return int(self.request.retries)


@run_db_task_with_best_practices(config=DBTaskConfig(max_retries=2, backoff=0.05), bind=True)
def sync_flaky(self: Any, failures: int) -> int:
    if self.request.retries < failures:
        raise TimeoutError("not yet")
    return int(self.request.retries)


@run_db_task_with_best_practices(config=DBTaskConfig(max_retries=3, backoff=0.05))
def broken() -> None:
    raise ValueError("for good")


@run_io_task_with_best_practices(config=IOTaskConfig(), bind=True, max_retries=1)
async def gives_up(self: Any) -> str:
    """Retries by hand, and has a plan for the end."""
    await asyncio.sleep(0)
    try:
        raise self.retry(countdown=0)
    except MaxRetriesExceededError:
        return f"gave up after {self.request.retries}"


@run_io_task_with_best_practices(config=IOTaskConfig(timeout=0.3))
async def sleeper(key: str, seconds: float) -> None:
    await _sleep_noting_cancellation(key, seconds)


@run_io_task_with_best_practices(config=IOTaskConfig())
async def unlimited_sleeper(key: str, seconds: float) -> None:
    await _sleep_noting_cancellation(key, seconds)


async def _sleep_noting_cancellation(key: str, seconds: float) -> None:
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        await shared_client.set(key, "cancelled")
        raise


@run_cpu_task_with_best_practices(config=CPUTaskConfig(timeout=0.3))
def burn(seconds: float) -> str:
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pass
    except SoftTimeLimitExceeded:
        return "limited"
    return "done"


@run_io_task_with_best_practices(config=IOTaskConfig())
async def count(key: str) -> int:
    """One step on a client that all tasks of the process share."""
    return int(await shared_client.incr(key))


@run_io_task_with_best_practices(config=IOTaskConfig())
async def exits() -> None:
    raise SystemExit(3)


@run_io_task_with_best_practices(config=IOTaskConfig())
async def leaves_something_behind(key: str) -> str:
    """A background task that outlives the coroutine: what does it think the current task is?"""

    async def later() -> None:
        await asyncio.sleep(0.2)
        await shared_client.set(key, str(current_task.request.id if current_task else None))

    _left.append(asyncio.create_task(later()))
    return str(current_task.request.id)


_left: list[asyncio.Task[None]] = []


@run_io_task_with_best_practices(config=IOTaskConfig(permission_roles=["user"]), bind=True)
def asks_who(self: Any, *_: Any) -> list[Any]:
    """On whose behalf it runs, and how often it was retried."""
    identity = identity_of(self.request)
    return [identity.user, list(identity.roles), self.request.retries]


@run_io_task_with_best_practices(config=IOTaskConfig(permission_roles=["user"], max_retries=2), bind=True, default_retry_delay=0)
async def asks_who_again(self: Any) -> list[Any]:
    if self.request.retries < 2:
        raise ConnectionError
    return [identity_of(self.request).user, self.request.retries]


@shared_task
def sends(queue: str) -> str:
    """A plain task that sends one on behalf of whoever it runs for."""
    return str(asks_who.apply_async(queue=queue).id)


@run_io_task_with_best_practices(config=IOTaskConfig(cache_ttl=60))
async def cached(key: str, seconds: float) -> int:
    """How often it has run."""
    await asyncio.sleep(seconds)
    return int(await shared_client.incr(key))


@run_io_task_with_best_practices(config=IOTaskConfig(rate_limit=3, rate_window=1))
def limited(key: str) -> float:
    return time.time()


@run_db_task_with_best_practices(config=DBTaskConfig(credit_type="c", credit_amount=2))
def costs(what: str, seconds: float = 0) -> str:
    time.sleep(seconds)
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "fail":
        raise ValueError(what)
    return what


@shared_task(bind=True)
def plain_who(self: Any) -> str:
    return str(self.request.id)
