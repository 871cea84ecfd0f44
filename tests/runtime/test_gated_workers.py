"""The gate in real workers: bursts compute once, limits hold, killed and revoked runs cost nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from billiard.exceptions import WorkerLostError

from celery_best_practices import AuthContext, InsufficientCredits, as_user, check_balance, grant
from tests.runtime import sample
from tests.runtime.servers import ROOT, until

WAIT = 20


def get(result: Any) -> Any:
    return result.get(timeout=WAIT, interval=0.02)


@pytest.mark.usefixtures("gate_redis")
def test_a_burst_computes_once(queue: str) -> None:
    key = str(uuid4())
    results = [sample.cached.apply_async((key, 0.3), queue=queue) for _ in range(30)]
    assert [get(result) for result in results] == [1] * 30


@pytest.mark.usefixtures("gate_redis")
def test_a_limit_holds_across_processes(start_worker: Callable[[str], str]) -> None:
    queues = [start_worker("prefork"), start_worker("threads")]
    results = [sample.limited.apply_async(("k",), queue=queues[n % 2]) for n in range(9)]
    times = sorted(get(result) for result in results)
    assert all(later - earlier > 0.8 for earlier, later in zip(times, times[3:]))


@pytest.mark.usefixtures("gate_redis")
def test_charges(queue: str) -> None:
    user = str(uuid4())
    grant(user, "c", 4)
    with as_user(AuthContext(user)):
        assert get(sample.costs.apply_async(("a",), queue=queue)) == "a"
        with pytest.raises(ValueError, match="fail"):
            get(sample.costs.apply_async(("fail",), queue=queue))
        assert get(sample.costs.apply_async(("b",), queue=queue)) == "b"
        with pytest.raises(InsufficientCredits, match="costs 2 credits of 'c', and 0 are left"):
            get(sample.costs.apply_async(("c",), queue=queue))
    assert check_balance(user, "c") == 0


@pytest.mark.usefixtures("gate_redis")
def test_killed_and_limited_runs_cost_nothing(start_worker: Callable[[str], str]) -> None:
    queue, user = start_worker("prefork"), str(uuid4())
    grant(user, "c", 4)
    with as_user(AuthContext(user)):
        with pytest.raises(WorkerLostError):
            get(sample.costs.apply_async(("die",), queue=queue))
        until(lambda: check_balance(user, "c") == 4, within=5, what="the charge of a killed process is given back")
        sample.costs.apply_async(("slow", 30), queue=queue, time_limit=1)
        until(lambda: check_balance(user, "c") == 2, within=5, what="the charge is reserved")
        until(lambda: check_balance(user, "c") == 4, within=10, what="the charge of a run over its hard limit is given back")


@pytest.mark.usefixtures("gate_redis")
def test_terminated_runs_cost_nothing(start_worker: Callable[[str], str]) -> None:
    queue, user = start_worker("prefork"), str(uuid4())
    grant(user, "c", 4)
    with as_user(AuthContext(user)):
        result = sample.costs.apply_async(("slow", 30), queue=queue)
        until(lambda: check_balance(user, "c") == 2, within=5, what="the charge is reserved")
        result.revoke(terminate=True)
        until(lambda: check_balance(user, "c") == 4, within=10, what="the charge of a terminated run is given back")


def test_a_worker_that_lacks_what_its_tasks_need_does_not_start(redis_url: str) -> None:
    command = [sys.executable, "-m", "celery", "-A", "tests.runtime.sample", "worker", "-P", "solo", "-Q", "none"]
    env = {"CRB_TEST_BROKER": f"{redis_url}/0", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        "celery_best_practices needs a Redis (configure(redis_url=…) or CRB_REDIS_URL) for tests.runtime.sample.cached,"
        " tests.runtime.sample.costs, tests.runtime.sample.limited and a secret (configure(secret=…) or CRB_SECRET) for"
        " tests.runtime.sample.asks_who, tests.runtime.sample.asks_who_again, tests.runtime.sample.costs."
    )
