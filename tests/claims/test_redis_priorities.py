"""What priorities do on Redis: which list a message goes to, and in which order a worker takes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery

from tests.claims.app import app, notes
from tests.claims.workers import PATIENCE, Worker, Workers, asked, claim, new_key, release, started
from tests.runtime.servers import until

TEN = {"priority_steps": [*range(10)]}
SEPARATOR = "\x06\x16"


@pytest.fixture(scope="module")
def worker(workers: Workers) -> Worker:
    return workers.start("-P", "solo")


@pytest.fixture
def producer(redis_url: str) -> Iterator[Celery]:
    """An application that only sends, with settings of its own."""
    made = Celery("producer", broker=app.conf.broker_url, set_as_current=False)
    yield made
    made.close()


def lists(queue: str) -> dict[str, int]:
    """How many messages wait at each step: a step's name is what follows the queue's."""
    return {key.removeprefix(queue).removeprefix(SEPARATOR): notes.llen(key) for key in notes.keys(f"{queue}*")}


def order_of(worker: Worker, sent: list[Any], what: str) -> list[str]:
    """The order in which a worker runs tasks of these priorities, sent before it reads their queue."""
    queue, key = new_key(), new_key()
    for priority in sent:
        worker.send("note", key, str(priority), queue=queue, priority=priority)
    read(worker, queue, what)
    until(lambda: notes.llen(key) == len(sent), within=PATIENCE, what=f"{what}: all run, but {lists(queue)} wait")
    return list(notes.lrange(key, 0, -1))


def read(worker: Worker, queue: str, what: str) -> None:
    worker.became(what)
    asked(app.control.add_consumer, queue, worker=worker, what=what)


def test_order(worker: Worker) -> None:
    row = "docs/pools.md, priorities on Redis"
    order = order_of(worker, [9, 5, 3, 6, 0, None, 1, 2], row)
    claim(order.index("0") < order.index("9"), f"CRB207, {row}: 0 runs before 9, but {order}")
    claim(
        order.index("None") < min(map(order.index, "3569")), f"CRB208, {row}: without a priority runs before every one above 2, but {order}"
    )
    claim(
        order == ["0", "None", "1", "2", "5", "3", "6", "9"],
        f"CRB208, {row}: four levels, first come first served within each, but {order}",
    )


@pytest.mark.parametrize(
    ("priority", "step"), [(10, "9"), (255, "9"), (-1, ""), ("high", ""), (None, ""), (2, ""), (3, "3"), (5, "3"), (8, "6")]
)
def test_steps(producer: Celery, priority: Any, step: str) -> None:
    queue = new_key()
    producer.send_task("note", queue=queue, priority=priority)
    claim(lists(queue) == {step: 1}, f"CRB206, CRB208: on Redis priority {priority!r} goes to step {step or 0}, but {lists(queue)}")


def test_ten_steps(producer: Celery, workers: Workers) -> None:
    row = "CRB208, docs/pools.md: priority_steps of ten numbers makes ten lists"
    queue, key, options = new_key(), new_key(), {"polling_interval": 0.05, **TEN}
    producer.conf.broker_transport_options = options
    for priority in (9, 5, 3, 4, 0, 1, 2, 8, 7, 6):
        producer.send_task("note", (key, priority), queue=queue, priority=priority)
    claim(len(lists(queue)) == 10, f"{row}, but {lists(queue)}")
    workers.start("-P", "solo", "-Q", queue, settings={"broker_transport_options": options})
    until(lambda: notes.llen(key) == 10, within=PATIENCE, what=f"{row}, which a worker with the same steps reads")
    claim(notes.lrange(key, 0, -1) == [*map(str, range(10))], f"{row}, and ten levels, but {notes.lrange(key, 0, -1)}")


def test_a_default_priority(producer: Celery) -> None:
    row = "CRB208, docs/pools.md: task_default_priority moves tasks without a priority"
    producer.conf.task_default_priority = 5
    queue, known = new_key(), producer.task(name="known")(new_key)
    known.apply_async(queue=queue)
    producer.send_task("known", queue=queue)
    claim(lists(queue) == {"3": 2}, f"{row}, but {lists(queue)}")
    producer.send_task("note", queue=queue)
    claim(lists(queue) == {"3": 2, "": 1}, f"{row} that the sender knows, and no others, but {lists(queue)}")


@pytest.mark.parametrize(("options", "unread"), [(TEN, ["1", "5"]), ({"sep": ":"}, [":3", ":6"])])
def test_steps_that_differ(worker: Worker, producer: Celery, options: dict[str, Any], unread: list[str]) -> None:
    row = f"CRB216: what a producer with {options} sends to a worker without is never read"
    queue, key = new_key(), new_key()
    producer.conf.broker_transport_options = options
    for priority in (0, 1, 3, 5, 6) if options is TEN else (0, 3, 6):
        producer.send_task("note", (key, priority), queue=queue, priority=priority)
    read(worker, queue, row)
    until(lambda: "" not in lists(queue), within=PATIENCE, what=f"{row}: the rest is")
    until(lambda: notes.llen(key) == (3 if options is TEN else 1), within=PATIENCE, what=f"{row}: the rest is, but {lists(queue)}")
    worker.send("note", key, "last", queue=queue)
    until(lambda: notes.lindex(key, -1) == "last", within=PATIENCE, what=f"{row}: the worker goes on")
    claim(sorted(lists(queue)) == unread, f"{row}, but {lists(queue)}")


def test_what_is_fetched_runs_first(workers: Workers) -> None:
    row = "docs/pools.md: a fetched message runs before a more urgent one that comes later"
    worker = workers.start("-P", "threads", "-c", "1")
    held, key = new_key(), new_key()
    worker.send("hold", held)
    started(held, row)
    worker.send("note", key, "fetched", priority=9)
    until(lambda: not lists(worker.name), within=PATIENCE, what=f"{row}: it is fetched")
    worker.send("note", key, "urgent", priority=0)
    release(held)
    until(lambda: notes.llen(key) == 2, within=PATIENCE, what=f"{row}: both run")
    claim(notes.lrange(key, 0, -1) == ["fetched", "urgent"], row)
