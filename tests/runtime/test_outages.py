"""When Redis is away, mute or comes back, tasks run, wait or are charged as documented, and no call hangs."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from celery import Celery

from celery_best_practices import (
    AuthContext,
    IOTaskConfig,
    check_balance,
    configure,
    grant,
    run_io_task_with_best_practices,
)
from celery_best_practices.run_ticket import settle
from celery_best_practices.store import PAUSE, StoreDown, leave, store
from tests.runtime.servers import RedisServer, free_port, needed_redis_binary
from tests.runtime.tracing import new_app, run

ADA = AuthContext("ada")


@pytest.fixture
def app(redis_url: str) -> Iterator[Celery]:
    """Its broker is up; the Redis of the gate is up to the test."""
    made = new_app(redis_url)
    configure(secret="a secret of the tests, long enough")
    yield made
    configure(redis_url=None, secret=None)
    redis.Redis.from_url(made.conf.broker_url).flushdb()
    made.close()


@pytest.fixture
def server(app: Celery) -> Iterator[RedisServer]:
    """A Redis that the test may stop."""
    binary = needed_redis_binary()
    made = RedisServer(binary, "--appendonly", "yes", "--appendfsync", "always")
    made.start()
    configure(redis_url=f"{made.url}/0")
    yield made
    made.remove()


def declare(app: Celery, function: Any = lambda *_: "ran", **config: Any) -> Any:
    def body(*args: Any) -> Any:
        return function(*args)

    return run_io_task_with_best_practices(config=IOTaskConfig(**config), app=app, shared=False, name=f"t{len(app.tasks)}")(body)


def test_nobody_there(app: Celery) -> None:
    configure(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    start = time.monotonic()
    for _ in range(50):
        assert run(declare(app, cache_ttl=60, rate_limit=1), 1).value == "ran"
        assert run(declare(app, permission_roles=["a"]), user=AuthContext("x", ["a"])).value == "ran"
    waits = run(declare(app, credit_type="c"), user=ADA)
    assert waits.state == "RETRY"
    assert isinstance(waits.value.exc, StoreDown)
    assert 2.5 <= waits.value.when <= 5
    assert time.monotonic() - start < 3
    with pytest.raises(StoreDown):
        check_balance("ada", "c")


def test_an_outage_costs_less_than_a_millisecond_a_call(app: Celery) -> None:
    configure(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    for _ in range(3):
        with pytest.raises(StoreDown):
            store().command("PING")
    start = time.perf_counter()
    for _ in range(200):
        with pytest.raises(StoreDown):
            store().command("PING")
    assert (time.perf_counter() - start) / 200 < 1e-3


def test_somebody_who_never_answers(app: Celery) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        configure(redis_url=f"redis://127.0.0.1:{mute.getsockname()[1]}/0", redis_timeout=0.2)
        task = declare(app, cache_ttl=60)
        start = time.monotonic()
        assert run(task, 1).value == "ran"
        assert 0.15 < time.monotonic() - start < 1
        start = time.monotonic()
        assert run(task, 1).value == "ran"
        assert time.monotonic() - start < 0.1
    configure(redis_timeout=0.25)


def test_a_redis_that_falls_silent_delays_no_call_for_long(app: Celery, server: RedisServer) -> None:
    """Its process is stopped, not ended: connections stay open and nothing is answered."""
    configure(redis_timeout=0.2)
    grant("ada", "c", 100)
    cached, charged = declare(app, cache_ttl=60, rate_limit=1000), declare(app, credit_type="c")
    assert run(charged, user=ADA).state == "SUCCESS"
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)
    try:

        def timed(number: int) -> tuple[float, str]:
            start = time.monotonic()
            task = (cached, charged)[number % 2]
            state = run(task, number, user=ADA, id=str(number)).state
            return time.monotonic() - start, state

        with ThreadPoolExecutor(8) as pool:
            seen = list(pool.map(timed, range(80)))
        delays = sorted(delay for delay, _ in seen)
        assert delays[40] < 0.15, "most calls do not even try"
        assert delays[-1] < 3, "0.2 s, and what a busy machine adds"
        assert [state for _, state in seen] == ["SUCCESS", "RETRY"] * 40
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
        configure(redis_timeout=0.25)
    time.sleep(PAUSE)
    for number in range(1, 80, 2):
        assert run(charged, number, user=ADA, id=str(number)).state == "SUCCESS"
    assert check_balance("ada", "c") == 100 - 41


def test_an_end_that_redis_refused_is_told_again(app: Celery, server: RedisServer) -> None:
    """Ends are sent without waiting for the answer: here it is that the script is unknown."""
    grant("ada", "c", 10)
    client = redis.Redis.from_url(server.url, decode_responses=True)
    task = declare(app, lambda what: what == "flush" and client.script_flush(), credit_type="c", credit_amount=3)
    for what in ("warm", "flush", "next"):
        assert run(task, what, user=ADA, id=what).state == "SUCCESS"
    leave()
    settle()
    assert [client.hget(f"crb:ledger:{what}", "state") for what in ("warm", "flush", "next")] == ["committed"] * 3
    assert check_balance("ada", "c") == 1


def test_a_worker_that_ends_tells_what_is_due(app: Celery, server: RedisServer) -> None:
    from celery.signals import worker_process_shutdown

    grant("ada", "c", 10)
    task = declare(app, lambda what: what == "stop" and server.stop(), credit_type="c")
    for what in ("warm", "stop"):
        assert run(task, what, user=ADA, id=what).state == "SUCCESS"
    server.start()
    worker_process_shutdown.send(sender=None)
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        assert client.hget("crb:ledger:stop", "state") == "committed"


def test_a_charge_that_ends_during_an_outage_is_settled_after_it(app: Celery, server: RedisServer) -> None:
    grant("ada", "c", 10)

    def stops(how: str) -> str:
        server.stop()
        if how == "fail":
            raise ValueError(how)
        return how

    task = declare(app, stops, credit_type="c", credit_amount=3)
    for how, state, left in (("succeed", "SUCCESS", 7), ("fail", "FAILURE", 7)):
        assert run(task, how, user=ADA, id=how).state == state
        server.start()
        time.sleep(PAUSE)
        leave()
        settle()
        assert check_balance("ada", "c") == left
        assert store().command("HGET", f"crb:ledger:{how}", "state") == (b"committed" if state == "SUCCESS" else b"refunded")


def test_a_restart_in_the_middle_loses_and_doubles_no_charge(app: Celery, server: RedisServer) -> None:
    grant("ada", "c", 1000)
    task = declare(app, lambda *_: time.sleep(0.005), credit_type="c", credit_amount=2)
    states: Counter[str] = Counter()
    end = threading.Event()

    def charged(number: int) -> str:
        while True:
            state = run(task, user=ADA, id=str(number)).state
            if state != "RETRY" or end.is_set():
                return state
            time.sleep(0.05)

    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(charged, number) for number in range(300)]
        time.sleep(0.2)
        server.stop()
        time.sleep(0.3)
        server.start()
        states.update(future.result(30) for future in runs)
    leave()
    settle()
    assert states == {"SUCCESS": 300}
    assert check_balance("ada", "c") == 400
    with redis.Redis.from_url(server.url) as client:
        assert Counter(client.hget(key, "state") for key in client.scan_iter("crb:ledger:*")) == {b"committed": 300}


def test_a_lost_run_gives_its_credits_back(app: Celery, gate_redis: redis.Redis) -> None:
    configure(reservation=0.1)

    task = declare(app, credit_type="c", credit_amount=3)
    grant("ada", "c", 3)
    gate = app.tasks[task.name]._gate
    request = type("Request", (), {"id": "lost", "timelimit": None, "is_eager": False})()
    ticket = gate._ticket(task, request, ADA.identity(), (), {})
    assert gate._admit(task, request, ticket, ADA.identity()) is None
    assert check_balance("ada", "c") == 0
    time.sleep(0.11)
    assert check_balance("ada", "c") == 3
    ticket.succeeded(None)
    assert check_balance("ada", "c") == 0
    assert gate_redis.hget("crb:ledger:lost", "state") == "committed"
    assert gate_redis.zcard("crb:deadlines") == 0
    configure(reservation=3600)
