"""Cache, limits, credits and permissions do what the configuration says: on a real Redis, run by Celery's own tracer."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from celery import Celery, Task
from celery.exceptions import Ignore, Reject

from celery_best_practices import (
    AuthContext,
    InsufficientCredits,
    IOTaskConfig,
    PermissionDenied,
    RateLimited,
    as_user,
    build_cache_key,
    check_balance,
    configure,
    grant,
    invalidate,
    run_io_task_with_best_practices,
)
from celery_best_practices.auth import sign
from celery_best_practices.runtime_settings import ConfigurationMissing
from tests.runtime.tracing import Run, new_app, run

ADA, BOB = AuthContext("ada", ["user"]), AuthContext("bob", ["user"])


class Calls:
    """Tasks declared with a configuration, and how often their bodies have run."""

    def __init__(self, app: Celery) -> None:
        self.app, self.made = app, Counter[Any]()

    def task(self, function: Callable[..., Any] | None = None, **config: Any) -> Any:
        def counted(*args: Any) -> Any:
            self.made[args] += 1
            return function(*args) if function else (args, sum(self.made.values()))

        return run_io_task_with_best_practices(config=IOTaskConfig(**config), app=self.app, shared=False, name=f"t{len(self.app.tasks)}")(
            counted
        )


@pytest.fixture
def calls(gate_redis: redis.Redis, redis_url: str) -> Iterator[Calls]:
    app = new_app(redis_url)
    yield Calls(app)
    redis.Redis.from_url(app.conf.broker_url).flushdb()
    app.close()


def test_equal_calls_of_one_user_share_a_result(calls: Calls) -> None:
    task = calls.task(cache_ttl=60)
    first = run(task, 1, "x", user=ADA)
    assert first.state == "SUCCESS"
    assert run(task, 1, "x", user=ADA) == run(task, 1, "x", user=AuthContext("ada", ("user",))) == first
    assert run(task, 1, "x", user=BOB) != first
    assert run(task, 1, "x", user=AuthContext("ada", ["user", "admin"])) != first
    assert run(task, 1, "x") != first
    assert run(task, 1, "y", user=ADA) != first
    assert sum(calls.made.values()) == 5


def test_a_result_is_kept_for_cache_ttl(calls: Calls, gate_redis: redis.Redis) -> None:
    task = calls.task(cache_ttl=0.15)
    assert run(task, 1) == run(task, 1)
    (key,) = [key for key in gate_redis.scan_iter() if not key.startswith("crb:")]
    assert 0 < gate_redis.pttl(key) <= 150
    assert key == build_cache_key(task, None, (1,))
    time.sleep(0.16)
    run(task, 1)
    assert calls.made == {(1,): 2}


def test_none_and_false_are_results_too(calls: Calls) -> None:
    for value in (None, False, 0, "", []):
        task = calls.task(lambda _, value=value: value, cache_ttl=60)
        assert run(task, 1) == run(task, 1) == Run("SUCCESS", value)
    assert calls.made == {(1,): 5}


@pytest.mark.parametrize("error", [ValueError(), Ignore(), Reject()])
def test_failures_are_not_kept(calls: Calls, error: Exception) -> None:
    def fails(_: int) -> None:
        raise error

    task = calls.task(fails, cache_ttl=60)
    for _ in range(2):
        assert run(task, 1).state != "SUCCESS"
    assert calls.made == {(1,): 2}


def test_what_cannot_be_kept_is_computed_each_time_and_counted(calls: Calls, gate_redis: redis.Redis) -> None:
    task = calls.task(lambda _: range(2), cache_ttl=60)
    task.serializer = "pickle"
    for _ in range(2):
        run(task, 1)
    run(task, object())
    assert calls.made[(1,)] == 2
    assert gate_redis.hget("crb:stats", f"{task.name}:uncacheable") == "3"


def test_hits_and_misses_are_counted(calls: Calls, gate_redis: redis.Redis) -> None:
    task = calls.task(cache_ttl=60)
    for _ in range(3):
        run(task, 1)
    assert (gate_redis.hget("crb:stats", f"{task.name}:hit"), gate_redis.hget("crb:stats", f"{task.name}:miss")) == ("2", "1")


def test_a_damaged_value_is_computed_again(calls: Calls, gate_redis: redis.Redis) -> None:
    task = calls.task(cache_ttl=60)
    gate_redis.set(build_cache_key(task, None, (1,)), "garbage")
    assert run(task, 1).state == "SUCCESS"
    assert run(task, 1).value[0] == (1,)
    assert calls.made == {(1,): 1}


def test_invalidation(calls: Calls) -> None:
    task, other = calls.task(cache_ttl=60), calls.task(cache_ttl=60)
    for user in (ADA, BOB):
        for number in (1, 2):
            run(task, number, user=user)
    assert invalidate(task, ADA, (1,)) == 1
    assert invalidate(task, ADA, (1,)) == invalidate(task, None, (1,)) == 0
    run(task, 1, user=ADA)
    assert calls.made[(1,)] == 3
    assert invalidate(task, ADA) == 2
    assert invalidate(task) == 2
    assert invalidate(other) == 0


def test_a_result_that_was_being_computed_when_it_was_invalidated_is_not_stored(calls: Calls) -> None:
    task: Any = None

    def invalidates(_: int) -> None:
        if calls.made[(1,)] == 1:
            invalidate(task, None, (1,))

    task = calls.task(invalidates, cache_ttl=60)
    for _ in range(3):
        run(task, 1)
    assert calls.made == {(1,): 2}


def test_a_burst_of_equal_calls_computes_once(calls: Calls) -> None:
    task = calls.task(lambda number: time.sleep(0.2) or number, cache_ttl=60)
    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda _: run(task, 7), range(100)))
    assert results == [Run("SUCCESS", 7)] * 100
    assert calls.made == {(7,): 1}


def test_who_waits_too_long_makes_room(calls: Calls, gate_redis: redis.Redis) -> None:
    started, end = threading.Event(), threading.Event()

    def slow(number: int) -> int:
        started.set()
        end.wait(10)
        return number

    task = calls.task(slow, cache_ttl=60)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(run, task, 1)
        started.wait(10)
        assert isinstance(run(task, 1, retries=2).value.exc, RateLimited)
        end.set()
        assert first.result().state == "SUCCESS"
    assert sent_again(calls.app) == [(2, 1.0)]
    assert calls.made == {(1,): 1}


def sent_again(app: Celery) -> list[tuple[int, float]]:
    """Messages that wait on the broker: retries, and seconds until they are due (rounded up)."""
    import json
    import math
    from datetime import UTC, datetime

    found = []
    with redis.Redis.from_url(app.conf.broker_url) as client:
        for raw in client.lrange("again", 0, -1):
            headers = json.loads(raw)["headers"]
            due = (datetime.fromisoformat(headers["eta"]) - datetime.now(UTC)).total_seconds()
            found.append((headers["retries"], float(math.ceil(due))))
        client.delete("again")
    return found


def test_a_limit_holds_in_every_window(calls: Calls) -> None:
    task = calls.task(rate_limit=5, rate_window=0.5)
    ran: list[float] = []
    end = time.monotonic() + 2
    while time.monotonic() < end:
        if run(task).state == "SUCCESS":
            ran.append(time.monotonic())
        time.sleep(0.005)
    assert all(later - earlier > 0.3 for earlier, later in zip(ran, ran[5:]))  # 0.5 on the server's clock
    assert len(ran) > 5


def test_a_limit_is_exact_under_threads_and_puts_the_others_off(calls: Calls) -> None:
    task = calls.task(rate_limit=10, rate_window=60)
    with ThreadPoolExecutor(8) as pool:
        states = Counter(result.state for result in pool.map(lambda n: run(task, n, retries=1), range(50)))
    assert states == {"SUCCESS": 10, "RETRY": 40}
    again = sent_again(calls.app)
    assert len(again) == 40
    assert {retries for retries, _ in again} == {1}
    assert 55 < min(due for _, due in again) <= max(due for _, due in again) <= 91


def test_an_eager_call_over_the_limit_raises(calls: Calls) -> None:
    task = calls.task(rate_limit=1)
    assert task.apply().state == "SUCCESS"
    assert isinstance(task.apply().result, RateLimited)


def test_a_cached_result_neither_counts_nor_costs(calls: Calls) -> None:
    task = calls.task(cache_ttl=60, rate_limit=1, credit_type="c", credit_amount=2)
    grant("ada", "c", 2)
    assert run(task, 1, user=ADA).state == "SUCCESS"
    assert run(task, 1, user=ADA).state == "SUCCESS"
    assert check_balance("ada", "c") == 0


def test_permissions(calls: Calls) -> None:
    task = calls.task(permission_roles=["admin", "support"])
    for roles in (["admin"], ["support", "x"], ["admin", "support"]):
        assert run(task, user=AuthContext("x", roles)).state == "SUCCESS"
    for user in (None, AuthContext("x"), AuthContext("x", ["user"]), AuthContext("x", ["admin "])):
        denied = run(task, user=user)
        assert (denied.state, str(denied.value)) == ("FAILURE", f"{task.name} needs one of the roles admin, support.")


def test_a_role_that_is_revoked_is_denied_although_the_result_is_cached(calls: Calls) -> None:
    task = calls.task(cache_ttl=60, permission_roles=["admin"])
    assert run(task, 1, user=AuthContext("x", ["admin", "user"])).state == "SUCCESS"
    assert isinstance(run(task, 1, user=AuthContext("x", ["user"])).value, PermissionDenied)


@pytest.mark.parametrize("config", [{"permission_roles": ["user"]}, {"cache_ttl": 60}, {"credit_type": "c"}], ids=str)
def test_a_header_that_proves_nothing_is_refused_before_anything_happens(
    calls: Calls, gate_redis: redis.Redis, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]
) -> None:
    task = calls.task(**config)
    grant("ada", "c", 10)
    header = sign(ADA.identity())
    version, payload, signature = header.split(".")
    bob = sign(BOB.identity()).split(".")[1]
    before = {key: gate_redis.type(key) for key in gate_redis.scan_iter()}
    for forged in ("x", f"{version}.{bob}.{signature}", f"{version}.{payload}.{signature[::-1]}", f"{header}x"):
        assert "not signed" in str(denied(run(task, 1, header=forged)))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 8 * 24 * 3600)
    assert "expired" in str(denied(run(task, 1, header=header)))
    monkeypatch.undo()
    assert not calls.made
    assert {key: gate_redis.type(key) for key in gate_redis.scan_iter()} == before
    assert run(task, 1, header=header).state == "SUCCESS"


def denied(result: Run) -> PermissionDenied:
    assert result.state == "FAILURE"
    assert isinstance(result.value, PermissionDenied)
    return result.value


def test_nobody_is_given_what_was_computed_for_somebody_else(calls: Calls) -> None:
    """Each result names whom and what it was computed for: it must be the caller's, also where it comes from the cache."""
    users = [None, "a", "b", "a:b", "a%3Ab", "a}", "{a", "nobody", "user.a", "token.t", 1, "1 ", "é"]
    roles = [[], ["user"], ["admin", "user"], ["admin,user"], ["user,admin"], ["guest"], ["a:b"], ["a", "b"], ["a,b"], ["a%2Cb"]]
    sent = [
        (AuthContext(*caller), argument)
        for caller in itertools.product(users, roles, [None, "t", "u"])
        for argument in (1, "1", ["1", "1"], "1,1", "s1")
    ]
    random.shuffle(sent)
    asking: list[Any] = []
    computed: list[Any] = []

    @run_io_task_with_best_practices(config=IOTaskConfig(cache_ttl=60), app=calls.app, shared=False, name=f"t{len(calls.app.tasks)}")
    def task(argument: Any) -> Any:
        computed.append([asking[-1], repr(argument)])
        return computed[-1]

    for caller, argument in sent + sent:
        identity = caller.identity()
        asking.append([identity.scope, list(identity.roles)])
        assert run(task, argument, user=caller).value == [asking[-1], repr(argument)], caller
    distinct = {(caller.identity().scope, caller.roles, repr(argument)) for caller, argument in sent}
    assert len(computed) == len(distinct)


def test_credits_are_charged_once_for_a_task_id(calls: Calls) -> None:
    task = calls.task(credit_type="c", credit_amount=3)
    assert grant("ada", "c", 10) == 10
    assert grant("ada", "c", 5, idempotency_key="k") == grant("ada", "c", 5, idempotency_key="k") == 15
    for _ in range(3):
        assert run(task, user=ADA, id="same").state == "SUCCESS"
    assert check_balance("ada", "c") == 12
    assert check_balance("ada", "other") == check_balance("bob", "c") == 0
    assert isinstance(run(task, user=BOB).value, InsufficientCredits)
    assert isinstance(run(task).value, PermissionDenied)


def test_failures_give_credits_back_and_retries_keep_them(calls: Calls) -> None:
    def fails(how: str, again: bool) -> None:
        if how == "retry":
            task.retry(countdown=3)
        raise {"error": ValueError, "ignore": Ignore, "reject": Reject, "exit": SystemExit}[how]

    task = calls.task(fails, credit_type="c", credit_amount=3)
    grant("ada", "c", 3)
    for how in ("error", "ignore", "reject"):
        run(task, how, True, user=ADA, id="one")
        assert check_balance("ada", "c") == 3
    with pytest.raises(SystemExit):
        run(task, "exit", True, user=ADA)
    assert check_balance("ada", "c") == 3
    assert run(task, "retry", True, user=ADA, id="two").state == "RETRY"
    assert check_balance("ada", "c") == 0
    assert run(task, "error", True, user=ADA, id="two", retries=1).state == "FAILURE"
    assert check_balance("ada", "c") == 3


def test_no_balance_goes_below_zero_by_running_at_the_same_time(calls: Calls, gate_redis: redis.Redis) -> None:
    """500 task ids, each delivered 4 times, over 8 threads; credits for 400 of them."""
    task = calls.task(credit_type="c", credit_amount=2)
    grant("ada", "c", 800)
    ids = [str(n) for n in range(500)] * 4
    random.shuffle(ids)  # else the credits are gone before the first is delivered again
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda id: run(task, user=ADA, id=id), ids))
    assert check_balance("ada", "c") == 0
    ledger = Counter(gate_redis.hget(key, "state") for key in gate_redis.scan_iter("crb:ledger:*"))
    assert ledger == {"committed": 400}
    assert {result.state for result in results} == {"SUCCESS", "FAILURE"}
    paid = {key.removeprefix("crb:ledger:") for key in gate_redis.scan_iter("crb:ledger:*")}
    assert {id for id, result in zip(ids, results) if result.state == "SUCCESS"} == paid


def test_a_default_configuration_asks_no_redis(calls: Calls) -> None:
    default, cached = calls.task(), calls.task(cache_ttl=60)
    configure(redis_url=None)
    assert run(default, 1).state == "SUCCESS"
    assert isinstance(run(cached, 1).value, ConfigurationMissing)


def test_the_gate_is_for_calls_by_celery(calls: Calls) -> None:
    task = calls.task(permission_roles=["admin"], rate_limit=1, credit_type="c")
    for _ in range(2):
        assert task(1)[0] == task.run(1)[0] == (1,)


@pytest.mark.parametrize("kind", ["map", "starmap", "chunks"])
def test_items_of_map_and_chunks_do_not_slip_past_the_gate(calls: Calls, kind: str) -> None:
    task = calls.task(permission_roles=["admin"])
    items = [(1,), (2,)]
    if kind == "chunks":
        (result,) = task.chunks(items, 2).group().apply().results
    else:
        result = getattr(task, kind)(items).apply()
    assert isinstance(result.result, PermissionDenied)
    assert not calls.made


def test_a_nested_eager_call_is_on_behalf_of_the_outer_one(calls: Calls) -> None:
    inner = calls.task(permission_roles=["user"])
    outer = calls.task(lambda: inner.apply().state, permission_roles=["user"])
    assert run(outer, user=ADA).value == "SUCCESS"


def test_eager_calls_are_on_behalf_of_the_user_around_them(calls: Calls) -> None:
    task = calls.task(permission_roles=["user"])
    assert isinstance(task.apply().result, PermissionDenied)
    with as_user(ADA):
        assert task.apply().state == "SUCCESS"
        with as_user(AuthContext()):
            assert isinstance(task.apply().result, PermissionDenied)


def test_coroutines_bound_tasks_and_own_calls_pass_the_gate(calls: Calls) -> None:
    seen = []

    class Base(Task):  # type: ignore[misc]
        def __call__(self, *args: Any) -> Any:
            seen.append("base")
            return self.run(*args)

    @run_io_task_with_best_practices(config=IOTaskConfig(cache_ttl=60), app=calls.app, shared=False, bind=True, base=Base, name="all")
    async def task(self: Any, x: int) -> Any:
        await asyncio.sleep(0)
        seen.append(self.request.id)
        return x

    assert [run(task, 5, id=id).value for id in "abc"] == [5, 5, 5]
    assert seen == ["base", "a"]
    assert task(5) == 5
    assert build_cache_key(task, None, (5,)) == "all:{nobody}::i5:"


def test_wrong_arguments_fail_as_they_do_without_a_gate(calls: Calls) -> None:
    @run_io_task_with_best_practices(config=IOTaskConfig(cache_ttl=60), app=calls.app, shared=False, name="one")
    def one(x: int) -> int:
        return x

    assert "missing 1 required positional argument" in str(run(one).value)
