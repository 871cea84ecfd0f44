"""What does the runtime cost, and what does it survive? `python -m benchmarks.runtime [costs] [trips] [soak] [kills]`

costs: microseconds that a run takes longer with a configuration, beside a bare GET of redis-py, all in this process.
trips: milliseconds from `delay` to the result with everything switched on, beside a plain Celery task on the same worker.
soak:  10,000 coroutines on a Redis client that they share: errors, memory and file descriptors of the worker.
kills: 1,000 charged tasks while workers are killed with SIGKILL: are balance and committed charges what was granted?

Needs a Redis server as the tests do. Figures are of one machine in one run: compare within a run only.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from tests.runtime.servers import RedisServer, redis_binary, until, worker

APP = "benchmarks.runtime_app"
ROUNDS, CALLS = 20, 200


def best(*calls: Callable[[int], Any]) -> list[float]:
    """Microseconds of each call: the least median of rounds in which all take turns."""
    medians: list[list[float]] = [[] for _ in calls]
    for round_ in range(ROUNDS):
        for call, found in zip(calls, medians):
            times = []
            for number in range(CALLS):
                start = time.perf_counter()
                call(round_ * CALLS + number)
                times.append(time.perf_counter() - start)
            found.append(statistics.median(times))
    return [min(found) * 1e6 for found in medians]


def costs(server: RedisServer, log: Path) -> None:
    from celery.app.trace import build_tracer

    from benchmarks import runtime_app as sample
    from celery_best_practices import AuthContext, grant
    from celery_best_practices.auth import HEADER, sign

    header = sign(AuthContext("ada", ["user"]).identity())
    grant("ada", "c", 10**9)
    client = redis.Redis.from_url(f"{server.url}/1")
    client.set("bare", "v" * 200)

    def runs(task: Any, argument: Callable[[int], int]) -> Callable[[int], Any]:
        trace = build_tracer(task.name, sample.app.tasks[task.name], app=sample.app)

        def call(number: int) -> Any:
            request: dict[str, Any] = {"id": f"{task.name}{number}", "retries": 0, "delivery_info": {}, "ignore_result": True}
            return trace(request["id"], (argument(number), task.name), {}, request | {"headers": {HEADER: header}, HEADER: header})

        return call

    tasks = (sample.plain, sample.default, sample.cached, sample.everything)
    get, plain, default, cached, everything, hit, full_hit = best(
        lambda _: client.get("bare"),
        *(runs(task, lambda number: number) for task in tasks),
        *(runs(task, lambda _: -1) for task in (sample.cached, sample.everything)),
    )
    print(f"bare redis-py GET {get:.0f} us; plain Celery run {plain:.0f} us; added by")
    figures = {"a default configuration": default, "a cache hit": hit, "a cache miss": cached, "everything, hit": full_hit}
    for name, value in {**figures, "everything, miss": everything}.items():
        print(f"  {name}: {value - plain:.0f} us, {(value - plain) / get:.2f} x GET")


def trips(server: RedisServer, log: Path) -> None:
    from benchmarks import runtime_app as sample
    from celery_best_practices import AuthContext, as_user, grant

    grant("ada", "c", 10**9)
    with worker(APP, "benchmark", "threads", "-c", "2", env=dict(os.environ), log=log), as_user(AuthContext("ada", ["user"])):
        times: dict[str, list[float]] = {"plain": [], "everything": []}
        for number in range(400):
            for task in (sample.plain, sample.everything):
                start = time.perf_counter()
                task.delay(number, "k").get(timeout=10)
                times[task.name].append(time.perf_counter() - start)
    plain, everything = (statistics.median(found) * 1e3 for found in times.values())
    print(f"round trip: plain {plain:.2f} ms, everything on (miss) {everything:.2f} ms: {everything / plain:.2f} x")


def soak(server: RedisServer, log: Path) -> None:
    from benchmarks import runtime_app as sample

    client = redis.Redis.from_url(f"{server.url}/2")
    for pool, concurrency in (("threads", "50"), ("prefork", "2"), ("gevent", "50")):
        with worker(APP, "benchmark", pool, "-c", concurrency, env=dict(os.environ), log=log) as process:
            seen = []
            sent = 0
            for goal in (1000, 4000, 7000, 10000):
                while sent < goal:
                    sample.count.apply_async((pool,), ignore_result=True)
                    sent += 1
                until(lambda pool=pool, goal=goal: int(client.get(pool) or 0) >= goal, within=300, what=f"{goal} runs")
                seen.append(f"{goal}: {_megabytes(process.pid):.0f} MB, {_descriptors(process.pid)} files")
            errors = log.read_text().count("ERROR")
        print(f"soak on {pool}: {errors} errors; {'; '.join(seen)}")


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]


def _megabytes(pid: int) -> float:
    return sum(int(Path(f"/proc/{member}/statm").read_text().split()[1]) for member in _family(pid)) * os.sysconf("SC_PAGESIZE") / 1e6


def _descriptors(pid: int) -> int:
    return sum(len(os.listdir(f"/proc/{member}/fd")) for member in _family(pid))


def kills(server: RedisServer, log: Path) -> None:
    from benchmarks import runtime_app as sample
    from celery_best_practices import AuthContext, as_user, check_balance, grant

    count = 1000
    granted = grant("ada", "kills", sample.COST * count)
    with as_user(AuthContext("ada")):
        results = [sample.charged.delay(number) for number in range(count)]
    ledger = redis.Redis.from_url(f"{server.url}/1", decode_responses=True)

    def states() -> Counter[str | None]:
        return Counter(ledger.hget(key, "state") for key in ledger.scan_iter("crb:ledger:*", count=1000))

    killed, end = 0, time.monotonic() + 300
    while time.monotonic() < end and not all(result.ready() for result in results):
        with worker(APP, "benchmark", "prefork", "-c", "2", env=dict(os.environ), log=log) as process:
            if killed < 25:
                time.sleep(random.uniform(0.5, 2.5))
                os.killpg(process.pid, signal.SIGKILL)
                killed += 1
            else:
                while time.monotonic() < end and not all(result.ready() for result in results):
                    time.sleep(0.5)
    time.sleep(5)
    balance, found = check_balance("ada", "kills"), states()
    print(f"kills: {killed} workers killed, {sum(result.ready() for result in results)} of {count} tasks ended, ledger {dict(found)}")
    committed = sample.COST * found["committed"]
    print(f"  balance {balance} + committed {committed} = {balance + committed}; granted {granted}")


def main() -> None:
    binary = redis_binary()
    if binary is None:
        sys.exit("No Redis server: see tests/runtime/servers.py.")
    measures: dict[str, Callable[[RedisServer, Path], None]] = {"costs": costs, "trips": trips, "soak": soak, "kills": kills}
    parts = sys.argv[1:] or list(measures)
    if unknown := set(parts) - set(measures):
        sys.exit(f"There is no {', '.join(unknown)}: {', '.join(measures)}.")
    server = RedisServer(binary)
    server.start()
    os.environ["CRB_BENCHMARK_REDIS"] = server.url
    try:
        with tempfile.TemporaryDirectory() as directory:
            for part in parts:
                measures[part](server, Path(directory) / "worker.log")
    finally:
        server.remove()


if __name__ == "__main__":
    main()
