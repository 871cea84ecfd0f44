"""What priorities do on RabbitMQ, where it is installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery

from tests.claims.app import notes
from tests.claims.rabbitmq import rabbitmq_server
from tests.claims.workers import PATIENCE, Workers, claim, new_key
from tests.runtime.servers import until

pytestmark = pytest.mark.skipif(not all(map(shutil.which, ("rabbitmq-server", "epmd"))), reason="no rabbitmq-server (with epmd) on PATH")
ROW = "docs/pools.md, priorities on RabbitMQ"


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[str]:
    with rabbitmq_server() as url:
        yield url


@pytest.fixture
def producer(rabbitmq: str) -> Iterator[Celery]:
    made = Celery("producer", broker=rabbitmq, set_as_current=False)
    yield made
    made.close()


def order_of(producer: Celery, workers: Workers, sent: list[int | None], settings: dict[str, Any]) -> list[str]:
    """The order in which a worker runs tasks of these priorities, sent before it starts."""
    queue, key = new_key(), new_key()
    producer.conf.update(settings)
    for priority in sent:
        producer.send_task("note", (key, str(priority)), queue=queue, priority=priority)
    workers.start("-P", "threads", "-c", "1", "-Q", queue, broker=producer.conf.broker_url, settings=settings)
    until(lambda: notes.llen(key) == len(sent), within=PATIENCE, what=f"{ROW}: all run")
    return list(notes.lrange(key, 0, -1))


def test_high_numbers_first(producer: Celery, workers: Workers) -> None:
    order = order_of(producer, workers, [0, 3, None, 9, 5], {"task_queue_max_priority": 10})
    claim(order == ["9", "5", "3", "0", "None"], f"CRB207, {ROW}: high first, and none is the lowest, but {order}")


def test_nothing_without_a_greatest_priority(producer: Celery, workers: Workers) -> None:
    order = order_of(producer, workers, [0, 9, 5], {})
    claim(order == ["0", "9", "5"], f"CRB208, {ROW}: without x-max-priority first come is first served, but {order}")


def test_above_the_greatest(producer: Celery, workers: Workers) -> None:
    order = order_of(producer, workers, [3, 9, 5, 10], {"task_queue_max_priority": 5})
    claim(order == ["9", "5", "10", "3"], f"CRB208, {ROW}: numbers above the queue's greatest count as that, but {order}")


@pytest.mark.parametrize("priority", [-1, 256, "high"])
def test_others_raise(producer: Celery, priority: Any) -> None:
    try:
        producer.send_task("note", queue=new_key(), priority=priority)
    except Exception as error:  # struct.error, which differs with versions of py-amqp
        claim("ubyte" in str(error) or "integer" in str(error), f"CRB206, {ROW}: {priority!r} raises when it is sent, but {error!r}")
    else:
        claim(False, f"CRB206, {ROW}: {priority!r} raises when it is sent")
