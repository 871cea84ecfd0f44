"""What does work that need not be done cost, with us and with libraries that do a part of it?

All on one Redis, in this process and in turns, with the same arguments and (where values are kept) the same value:

- ours: what a run takes longer than a plain Celery run that makes the value: permission and signature checked, key built, value found,
  the hit counted, the value decoded. `everything` asks for a role, a rate limit and credits besides.
- dogpile.cache (value pickled): `region.get_or_create` with a key that is given, and a function decorated with `cache_on_arguments`.
- cashews (asynchronous only, value pickled): a coroutine decorated with `@cache(ttl=...)`, awaited in a loop that runs all the time.
- celery-once (keeps no values): a task of `QueueOnce` that is sent while its lock is taken, which costs two questions (SET NX, PTTL); and
  the part that every send pays: its key and a lock that is free (SET NX).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import redis

from benchmarks import runtime_app as sample
from benchmarks.runtime import traced
from benchmarks.turns import Series, by_turns, calls, median_ratio
from celery_best_practices import AuthContext, grant
from celery_best_practices.auth import sign
from tests.runtime.servers import RedisServer

ARGUMENTS = (-1, "cached")
"""Of all calls."""


def dogpile(url: str) -> dict[str, Series]:
    from dogpile.cache import make_region

    region = make_region().configure("dogpile.cache.redis", expiration_time=600, arguments={"url": url})
    decorated = region.cache_on_arguments()(sample.body)
    return {
        "dogpile.cache, get_or_create": calls(lambda _: region.get_or_create("key", lambda: sample.body(*ARGUMENTS))),
        "dogpile.cache, cache_on_arguments": calls(lambda _: decorated(*ARGUMENTS)),
    }


def cashews(url: str) -> dict[str, Series]:
    from cashews import Cache

    cache = Cache()
    cache.setup(url)

    @cache(ttl=600)
    async def decorated(number: int, text: str) -> dict[str, object]:
        return sample.body(number, text)

    async def timed(numbers: Iterable[int]) -> list[float]:
        times = []
        for _ in numbers:
            start = time.perf_counter()
            await decorated(*ARGUMENTS)
            times.append(time.perf_counter() - start)
        return times

    runner = asyncio.Runner()
    return {"cashews": lambda numbers: runner.run(timed(numbers))}


def celery_once(url: str) -> dict[str, Series]:
    from celery_once import QueueOnce

    sample.app.conf.ONCE = {"backend": "celery_once.backends.Redis", "settings": {"url": url, "default_timeout": 600}}
    task = sample.app.task(name="once", base=QueueOnce, once={"graceful": True})(sample.body)
    task = sample.app.tasks[task.name]
    task.once_backend.raise_or_lock(task.get_key(ARGUMENTS, {}), timeout=600)

    def take(number: int) -> None:
        task.once_backend.raise_or_lock(task.get_key((number, "free"), {}), timeout=600)

    return {"celery-once, lock taken": calls(lambda _: task.apply_async(ARGUMENTS)), "celery-once, lock free": calls(take)}


def ours() -> dict[str, Series]:
    header = sign(AuthContext("ada", ["user"]).identity())
    grant("ada", "c", 10**9)
    run: Callable[[Any], Series] = lambda task: calls(traced(task, lambda _: ARGUMENTS[0], header))  # noqa: E731
    return {"plain": run(sample.plain), "ours": run(sample.cached), "ours, everything": run(sample.everything)}


def peers(server: RedisServer, log: Path) -> None:
    """Print microseconds and ratios to a bare GET."""
    url = f"{server.url}/1"
    client = redis.Redis.from_url(url)
    client.set("bare", "v" * 200)
    found = by_turns({"GET": calls(lambda _: client.get("bare")), **ours(), **dogpile(url), **cashews(url), **celery_once(url)})
    get, plain = found.pop("GET"), found.pop("plain")
    versions = ", ".join(f"{name} {version(name)}" for name in ("celery-once", "dogpile.cache", "cashews"))
    print(f"work that need not be done, beside {versions}; bare GET {median(get):.0f} us")
    for name, times in found.items():
        without = plain if name.startswith("ours") else [0.0] * len(plain)
        print(f"  {name}: {median(a - b for a, b in zip(times, without)):.0f} us, {median_ratio(times, get, without):.2f} x GET")
