"""What does the runtime cost, and what does it survive? `python -m benchmarks.runtime [costs] [peers] [trips] [soak] [kills]`

costs: microseconds that a run takes longer with a configuration, beside a bare GET of redis-py, all in this process.
peers: the same for a cached result, beside celery-once, dogpile.cache and cashews (`benchmarks/runtime_peers.py` says what is compared).
trips: milliseconds from `delay` to the result with everything switched on, beside a plain Celery task on the same worker.
soak:  10,000 coroutines on a Redis client that they share: errors, memory and file descriptors of the worker.
kills: 1,000 charged tasks, and 1,000 plain Celery tasks among them, while workers are killed with SIGKILL: are balance and committed
       charges what was granted, and how many tasks never ended?

Needs a Redis server as the tests do. Figures are of one machine in one run: compare within a run only.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import redis

from benchmarks.turns import by_turns, calls, median_ratio
from celery_best_practices import AuthContext, as_user, check_balance, grant
from celery_best_practices.auth import HEADER, sign
from tests.runtime.servers import RedisServer, redis_binary, until, worker

APP = "benchmarks.runtime_app"


def traced(task: Any, argument: Callable[[int], int], header: str) -> Callable[[int], Any]:
    """What a worker does with a message for `task`, from Celery's tracer on; each number is a task id of its own."""
    from celery.app.trace import build_tracer

    trace = build_tracer(task.name, task.app.tasks[task.name], app=task.app)

    def call(number: int) -> Any:
        request: dict[str, Any] = {"id": f"{task.name}{number}", "retries": 0, "delivery_info": {}, "ignore_result": True}
        return trace(request["id"], (argument(number), task.name), {}, request | {"headers": {HEADER: header}, HEADER: header})

    return call


def costs(server: RedisServer, log: Path) -> None:
    from benchmarks import runtime_app as sample

    header = sign(AuthContext("ada", ["user"]).identity())
    grant("ada", "c", 10**9)
    client = redis.Redis.from_url(f"{server.url}/1")
    client.set("bare", "v" * 200)
    found = by_turns(
        {
            "GET": calls(lambda _: client.get("bare")),
            "plain": calls(traced(sample.plain, lambda number: number, header)),
            "a default configuration": calls(traced(sample.default, lambda number: number, header)),
            "a cache hit": calls(traced(sample.cached, lambda _: -1, header)),
            "a cache miss": calls(traced(sample.cached, lambda number: number, header)),
            "everything, hit": calls(traced(sample.everything, lambda _: -1, header)),
            "everything, miss": calls(traced(sample.everything, lambda number: number, header)),
        }
    )
    get, plain = found.pop("GET"), found.pop("plain")
    print(f"bare redis-py GET {median(get):.0f} us; plain Celery run {median(plain):.0f} us; added by")
    for name, times in found.items():
        print(f"  {name}: {median(a - b for a, b in zip(times, plain)):.0f} us, {median_ratio(times, get, plain):.2f} x GET")


def peers(server: RedisServer, log: Path) -> None:
    from benchmarks import runtime_peers

    runtime_peers.peers(server, log)


def trips(server: RedisServer, log: Path) -> None:
    from benchmarks import runtime_app as sample

    grant("ada", "c", 10**9)
    with worker(APP, "benchmark", "threads", "-c", "2", env=dict(os.environ), log=log), as_user(AuthContext("ada", ["user"])):
        times: dict[str, list[float]] = {"plain": [], "everything": []}
        for number in range(400):
            for task in (sample.plain, sample.everything):
                start = time.perf_counter()
                task.delay(number, "k").get(timeout=10)
                times[task.name].append(time.perf_counter() - start)
    plain, everything = (median(found) * 1e3 for found in times.values())
    print(f"round trip: plain {plain:.2f} ms, everything on (miss) {everything:.2f} ms: {everything / plain:.2f} x")


def soak(server: RedisServer, log: Path) -> None:
    from benchmarks import runtime_app as sample

    client = redis.Redis.from_url(f"{server.url}/2")
    for pool, concurrency in (("threads", "50"), ("prefork", "2"), ("gevent", "50")):
        with worker(APP, "benchmark", pool, "-c", concurrency, env=dict(os.environ), log=log) as process:
            seen, sent = [], 0
            for goal in (2000, 4000, 6000, 8000, 10000):
                while sent < goal:
                    sample.count.apply_async((pool,), ignore_result=True)
                    sent += 1
                until(lambda pool=pool, goal=goal: int(client.get(pool) or 0) >= goal, within=300, what=f"{goal} runs")
                shared = sum(connection["db"] == "2" for connection in client.client_list()) - 1
                seen.append((goal, _megabytes(process.pid), _descriptors(process.pid) - shared, shared))
            errors = log.read_text().count("ERROR")
        (_, warm, before, _), (_, end, after, _) = seen[0], seen[-1]
        print(f"soak on {pool}: {errors} errors; from 2,000 to 10,000 tasks {end - warm:+.1f} MB, {after - before:+d} files")
        for goal, megabytes, files, shared in seen:
            print(f"  {goal}: {megabytes:.1f} MB, {files} files and {shared} connections of the shared client")


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]


def _megabytes(pid: int) -> float:
    return sum(int(Path(f"/proc/{member}/statm").read_text().split()[1]) for member in _family(pid)) * os.sysconf("SC_PAGESIZE") / 1e6


def _descriptors(pid: int) -> int:
    return sum(len(os.listdir(f"/proc/{member}/fd")) for member in _family(pid))


def kills(server: RedisServer, log: Path) -> None:
    from benchmarks import runtime_app as sample

    count, most, deadline = 1000, 25, time.monotonic() + 600
    granted = grant("ada", "kills", sample.COST * count)
    broker = redis.Redis.from_url(f"{server.url}/0", decode_responses=True)
    ledger = redis.Redis.from_url(f"{server.url}/1", decode_responses=True)
    sent: dict[str, list[str]] = {"charged": [], "uncharged": []}
    with as_user(AuthContext("ada")):
        for number in range(count):
            for task in (sample.charged, sample.uncharged):
                sent[task.name].append(task.delay(number).id)

    def waiting() -> int:
        return broker.llen("benchmark") + broker.hlen("unacked")

    killed = 0
    while waiting() and time.monotonic() < deadline:
        with worker(APP, "benchmark", "prefork", "-c", "2", env=dict(os.environ), log=log) as process:
            if killed < most:
                time.sleep(random.uniform(0.2, 1.5))
                os.killpg(process.pid, signal.SIGKILL)
                killed += 1
            else:
                until(lambda: not waiting(), within=300, what="all messages are acknowledged")
    print(f"kills: {killed} workers killed, {waiting()} messages left")
    for name, ids in sent.items():
        ended = [id for id in ids if broker.exists(f"celery-task-meta-{id}")]
        print(f"  {name}: {len(ended)} of {count} ended, {count - len(ended)} lost by the broker")
    states = Counter(ledger.hget(f"crb:ledger:{id}", "state") for id in sent["charged"])
    balance, committed = check_balance("ada", "kills"), sample.COST * states["committed"]
    print(f"  ledger {dict(states)}: balance {balance} + committed {committed} = {balance + committed}; granted {granted}")


def main() -> None:
    binary = redis_binary()
    if binary is None:
        sys.exit("No Redis server: see tests/runtime/servers.py.")
    measures: dict[str, Callable[[RedisServer, Path], None]] = {
        "costs": costs,
        "peers": peers,
        "trips": trips,
        "soak": soak,
        "kills": kills,
    }
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
