"""In real workers of all four pools, tasks run, retry, time out and see their request, functions and coroutines alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
import redis
from celery import chain, chord, group
from celery.exceptions import SoftTimeLimitExceeded

from tests.runtime import sample
from tests.runtime.servers import until

WAIT = 15


def get(result: Any) -> Any:
    return result.get(timeout=WAIT, interval=0.02)


def test_functions_and_coroutines_run(queue: str) -> None:
    assert get(sample.add.apply_async((1, 2), queue=queue)) == 3
    assert get(sample.aadd.apply_async((1, 2), queue=queue)) == 3
    assert get(sample.app.send_task("tests.runtime.sample.aadd", (3, 4), queue=queue)) == 7


def test_canvas(queue: str) -> None:
    def on(task: Any, *args: Any) -> Any:
        return task.s(*args).set(queue=queue)

    add, aadd, total = sample.add, sample.aadd, sample.total
    assert get(chain(on(add, 1, 2), on(aadd, 3), on(add, 4)).apply_async()) == 10
    assert sorted(get(group(on(aadd, n, 1) for n in range(4)).apply_async())) == [1, 2, 3, 4]
    assert get(chord([on(aadd, n, 1) for n in range(4)])(on(total))) == 10
    assert get(chain(on(add, 1, 1), aadd.si(2, 2).set(queue=queue)).apply_async()) == 4


def test_a_coroutine_sees_its_request(queue: str) -> None:
    result = sample.who.apply_async(queue=queue)
    assert get(result) == {
        "id": result.id,
        "still": True,
        "current": "tests.runtime.sample.who",
        "in child": result.id,
        "in thread": result.id,
        "directly": False,
    }


def test_many_coroutines_at_once_see_their_own_requests(queue: str) -> None:
    results = [sample.who.apply_async(queue=queue) for _ in range(20)]
    assert [get(result)["in child"] for result in results] == [result.id for result in results]


def test_what_a_coroutine_sends_knows_its_parent(queue: str) -> None:
    own, sent = get(sample.spawns.apply_async((queue,), queue=queue))
    child = sample.app.AsyncResult(sent)
    assert get(child) == 3
    parent = sample.app.AsyncResult(own)
    assert [result.id for result in parent.children] == [sent]


@pytest.mark.parametrize("task", [sample.flaky, sample.sync_flaky])
def test_transient_errors_are_retried(queue: str, task: Any) -> None:
    assert get(task.apply_async((2,), queue=queue)) == 2


def test_retries_end(queue: str) -> None:
    result = sample.sync_flaky.apply_async((99,), queue=queue)
    with pytest.raises(TimeoutError, match="not yet"):
        get(result)


def test_other_errors_are_not_retried(queue: str) -> None:
    result = sample.broken.apply_async(queue=queue)
    with pytest.raises(ValueError, match="for good"):
        get(result)


def test_retry_by_hand_inside_a_coroutine(queue: str) -> None:
    assert get(sample.gives_up.apply_async(queue=queue)) == "gave up after 1"


def test_a_timeout_cancels_the_coroutine(queue: str, store: redis.Redis) -> None:
    key = str(uuid4())
    with pytest.raises(TimeoutError, match=r"0\.3 s"):
        get(sample.sleeper.apply_async((key, 30), queue=queue))
    assert store.get(key) == "cancelled"


def test_a_soft_time_limit_stops_functions_and_coroutines(start_worker: Callable[[str], str], store: redis.Redis) -> None:
    queue, key = start_worker("prefork"), str(uuid4())
    assert get(sample.burn.apply_async((10,), queue=queue)) == "limited"
    with pytest.raises(SoftTimeLimitExceeded):
        get(sample.unlimited_sleeper.apply_async((key, 30), queue=queue, soft_time_limit=0.3))
    assert store.get(key) == "cancelled"
    assert get(sample.aadd.apply_async((1, 2), queue=queue)) == 3


def test_a_killed_greenlet_cancels_its_coroutine(start_worker: Callable[[str], str], store: redis.Redis) -> None:
    queue, key = start_worker("gevent"), str(uuid4())
    sample.unlimited_sleeper.apply_async((key, 30), queue=queue, time_limit=0.3)
    until(lambda: store.get(key) == "cancelled", within=10, what="the coroutine is cancelled")


def test_a_client_that_all_tasks_share(queue: str) -> None:
    key = str(uuid4())
    results = [sample.count.apply_async((key,), queue=queue) for _ in range(60)]
    assert sorted(get(result) for result in results) == list(range(1, 61))


@pytest.mark.parametrize("pool", ["threads", "gevent"])
def test_a_coroutine_that_exits_leaves_the_loop_to_the_others(start_worker: Callable[[str], str], pool: str) -> None:
    queue = start_worker(pool)
    sample.exits.apply_async(queue=queue)
    assert get(sample.aadd.apply_async((1, 2), queue=queue)) == 3


@pytest.mark.parametrize("pool", ["threads", "gevent"])
def test_what_a_coroutine_leaves_behind_sees_no_other_request(start_worker: Callable[[str], str], store: redis.Redis, pool: str) -> None:
    queue, key = start_worker(pool), str(uuid4())
    get(sample.leaves_something_behind.apply_async((key,), queue=queue))
    for _ in range(4):
        sample.unlimited_sleeper.apply_async((key + "x", 0.5), queue=queue)
    until(lambda: store.get(key), within=10, what="the task left behind has run")
    assert store.get(key) == "None"


def test_revoked_tasks_do_not_run(start_worker: Callable[[str], str], store: redis.Redis) -> None:
    queue, key = start_worker("threads"), str(uuid4())
    result = sample.count.apply_async((key,), queue=queue, countdown=1.5)
    result.revoke()
    until(lambda: result.state == "REVOKED", within=10, what="the task is revoked")
    assert store.get(key) is None
