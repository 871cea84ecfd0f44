"""The application whose workers `benchmarks.runtime` measures."""

from __future__ import annotations

import os
import time

import redis.asyncio
from celery import Celery

from celery_best_practices import CPUTaskConfig, IOTaskConfig, configure, run_cpu_task_with_best_practices, run_io_task_with_best_practices

SERVER = os.environ.get("CRB_BENCHMARK_REDIS", "redis://localhost:6379")
COST = 3

configure(redis_url=f"{SERVER}/1", secret="a secret of the benchmark", reservation=4)
app = Celery("benchmark", broker=f"{SERVER}/0", backend=f"{SERVER}/0")
app.conf.update(
    worker_prefetch_multiplier=1,
    task_acks_late=True,
    broker_transport_options={
        "visibility_timeout": 4,
        "polling_interval": 0.05,
        "max_connections": 100,  # kombu's 10 are too few for 50 greenlets that acknowledge at once
    },
    task_default_queue="benchmark",
    broker_connection_retry_on_startup=True,
)
client = redis.asyncio.Redis.from_url(f"{SERVER}/2")


def body(number: int, text: str) -> dict[str, object]:
    """What all sides do in a comparison: nothing much."""
    return {"number": number, "text": text, "list": [1, 2, 3]}


plain = app.task(name="plain")(body)
default = run_io_task_with_best_practices(config=IOTaskConfig(), app=app, name="default")(body)
cached = run_io_task_with_best_practices(config=IOTaskConfig(cache_ttl=600), app=app, name="cached")(body)
everything = run_io_task_with_best_practices(
    config=IOTaskConfig(cache_ttl=600, rate_limit=10**6, credit_type="c", permission_roles=["user"]), app=app, name="everything"
)(body)


@run_io_task_with_best_practices(config=IOTaskConfig(), app=app, name="count")
async def count(key: str) -> int:
    """One step on a client that all tasks of the process share."""
    return int(await client.incr(key))


def work(number: int) -> int:
    """Every tenth run fails."""
    time.sleep(0.01)
    if number % 10 == 0:
        raise ValueError(number)
    return number


uncharged = app.task(name="uncharged")(work)
charged = run_cpu_task_with_best_practices(config=CPUTaskConfig(credit_type="kills", credit_amount=COST), app=app, name="charged")(work)
