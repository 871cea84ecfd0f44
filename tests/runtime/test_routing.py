"""Queue and priority of a configuration act where Celery's task attributes act: the messages on a real broker are the same."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import celery.app.task
import pytest
import redis
from celery import Celery, Task, chain, chord, group, signature
from celery.beat import Scheduler

from celery_best_practices import IOTaskConfig, run_io_task_with_best_practices

QUEUE, PRIORITY = "mail", 3


class Base(Task):  # type: ignore[misc]
    queue = "base"


@pytest.fixture(params=[{}, {"task_default_priority": 5}, {"task_routes": {"t": {"queue": "routed", "priority": 9}}}], ids=str)
def app(redis_url: str, request: pytest.FixtureRequest) -> Iterator[Celery]:
    url = f"{redis_url}/2"
    made = Celery("routing", broker=url, backend=url, set_as_current=False)
    made.conf.update(request.param)
    yield made
    made.close()
    redis.Redis.from_url(url).flushdb()


def plainly(app: Celery, **options: Any) -> Any:
    """A task of Celery's own with the attributes that 5.7 deprecates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        task = app.task(name="t", shared=False, queue=QUEUE, priority=PRIORITY, **options)(lambda_named())
        app.finalize()
    return task


def ours(app: Celery, **options: Any) -> Any:
    config = IOTaskConfig(queue=QUEUE, task_priority=PRIORITY)
    return run_io_task_with_best_practices(config=config, app=app, name="t", shared=False, **options)(lambda_named())


def lambda_named() -> Any:
    def task(*args: Any) -> None: ...

    return task


def published(app: Celery) -> list[tuple[str, str, Any]]:
    """Every message: queue, routing key, priority; taken off the broker."""
    client = redis.Redis.from_url(app.conf.broker_url)
    found = []
    for key in client.scan_iter():
        if client.type(key) != b"list":
            continue
        for raw in client.lrange(key, 0, -1):
            properties = json.loads(raw)["properties"]
            found.append((key.decode(), properties["delivery_info"]["routing_key"], properties["priority"]))
    client.flushdb()
    return sorted(found)


def beat(task: Any) -> None:
    schedule = Scheduler(task.app, lazy=True)
    schedule.apply_async(schedule.Entry(name="e", task="t", schedule=1, app=task.app), advance=False)


def chord_body(task: Any) -> None:
    """The body is sent by the backend once the header is done: what is sent then is asked for here."""
    body = signature("t", app=task.app, immutable=True)
    task.app.backend.fallback_chord_unlock(task.app.GroupResult("id", []), body)


CALLS: dict[str, Callable[[Any], Any]] = {
    "delay": lambda t: t.delay(),
    "apply_async": lambda t: t.apply_async(),
    "queue named": lambda t: t.apply_async(queue="other"),
    "priority named": lambda t: t.apply_async(priority=7),
    "priority 0 named": lambda t: t.apply_async(priority=0),
    "routing key named": lambda t: t.apply_async(routing_key="other"),
    "countdown": lambda t: t.apply_async(countdown=1),
    "signature": lambda t: t.s().delay(),
    "set": lambda t: t.si().set(queue="other", priority=1).apply_async(),
    "signature by name": lambda t: signature("t", app=t.app).delay(),
    "group": lambda t: group(t.s(), t.s(), app=t.app).apply_async(),
    "group with options": lambda t: group(t.s(), t.s(), app=t.app).apply_async(queue="other", priority=1),
    "chain": lambda t: chain(t.s(), t.s(), app=t.app).apply_async(),
    "chord": lambda t: chord([t.s(), t.s()], t.s(), app=t.app).apply_async(),
    "chord body": chord_body,
    "map": lambda t: t.map([1, 2]).apply_async(),
    "chunks": lambda t: t.chunks([(1,), (2,)], 1).apply_async(),
    "send_task": lambda t: t.app.send_task("t"),
    "send_task with options": lambda t: t.app.send_task("t", queue="other", priority=8),
    "beat": beat,
}


@pytest.mark.parametrize("call", list(CALLS))
def test_messages_are_those_of_task_attributes(app: Celery, call: str) -> None:
    CALLS[call](plainly(app))
    expected = published(app)
    app.tasks.pop("t")
    CALLS[call](ours(app))
    assert published(app) == expected != []


def test_they_stand_above_the_base_class_and_below_annotations(app: Celery) -> None:
    for declare in (plainly, ours):
        assert (declare(app, base=Base).queue, app.tasks["t"].priority) == (QUEUE, PRIORITY)
        app.tasks.pop("t")
    app.conf.task_annotations = {"t": {"queue": "annotated", "priority": 8}}
    vars(app).pop("annotations")  # cached when the first task was bound
    for declare in (plainly, ours):
        task = declare(app)
        assert (task.queue, task.priority) == ("annotated", 8)
        task.delay()
        app.tasks.pop("t")
    first, second = published(app)
    assert first == second


def test_a_retry_stays_where_the_task_was(app: Celery) -> None:
    for declare in (plainly, ours):
        task = declare(app)
        task.push_request(
            called_directly=False, id="i", args=(), kwargs={}, delivery_info={"exchange": "", "routing_key": "there", "priority": 6}
        )
        task.retry(throw=False)
        task.pop_request()
        app.tasks.pop("t")
    first, second = published(app)
    assert first == second == ("there\x06\x166", "there", 6)


def test_they_act_where_celery_no_longer_reads_task_attributes(app: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery 6.0 announces as much."""
    read = celery.app.task.extract_exec_options
    monkeypatch.setattr(
        celery.app.task, "extract_exec_options", lambda task: {k: v for k, v in read(task).items() if k not in ("queue", "priority")}
    )
    ours(app).delay()
    assert published(app) == [(f"{QUEUE}\x06\x163", QUEUE, PRIORITY)]


def test_a_subclass_of_the_task_class_is_routed_too(app: Celery) -> None:
    special = type("Special", (type(ours(app)._get_current_object()),), {"name": "special"})
    app.register_task(special())
    app.tasks["special"].delay()
    assert published(app) == [(f"{QUEUE}\x06\x163", QUEUE, PRIORITY)]
