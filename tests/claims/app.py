"""The application whose workers are watched: its settings come from the environment, and its tasks tell Redis what they see."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import httpx
import redis
import requests
from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from celery.signals import worker_ready

BROKER = os.environ.get("CRB_CLAIMS_BROKER", "memory://")
NOTES = os.environ.get("CRB_CLAIMS_NOTES", "redis://")
LONGEST = 60
"""Seconds after which a task that nobody ends does so by itself."""
SOFT, HARD = (float(os.environ.get(name, "0")) or None for name in ("CRB_CLAIMS_SOFT", "CRB_CLAIMS_HARD"))

app = Celery("claims", broker=BROKER, backend=NOTES, set_as_current=False)
app.conf.update(
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"polling_interval": 0.05},
)
app.conf.update(json.loads(os.environ.get("CRB_CLAIMS_SETTINGS", "{}")))

notes = redis.Redis.from_url(NOTES, decode_responses=True)


@worker_ready.connect(weak=False)
def report(sender: Any, **_: Any) -> None:
    """Write what the worker has become to the file that its starter waits for."""
    scaler = getattr(sender.controller, "autoscaler", None)
    became = {
        "pool": type(sender.pool).__module__.removeprefix("celery.concurrency.").replace("thread", "threads"),
        "socket": socket.socket.__module__,
        "concurrency": sender.controller.concurrency,
        "autoscale": scaler and [scaler.max_concurrency, scaler.min_concurrency],
        "queues": [*app.amqp.queues.consume_from],
    }
    file = Path(os.environ["CRB_CLAIMS_REPORT"])
    file.with_suffix(".part").write_text(json.dumps(became))
    file.with_suffix(".part").rename(file)


def until_released(key: str, done: Callable[[], object] = lambda: False) -> bool:
    """Wait until the test says so, or `done`."""
    end = time.monotonic() + LONGEST
    while time.monotonic() < end and not notes.exists(f"{key}:release"):
        if done():
            return True
        time.sleep(0.02)
    return False


@app.task(name="note")
def note(key: str, what: Any) -> None:
    notes.rpush(key, what)


@app.task(name="process")
def process() -> int:
    return os.getpid()


@app.task(name="modules")
def modules() -> str:
    return socket.socket.__module__


@app.task(name="meet")
def meet(key: str, number: int, patience: float) -> int | None:
    """The process that this ran in when `number` of these ran at the same time, else None."""
    notes.incr(key)
    end = time.monotonic() + patience
    while int(notes.get(key) or 0) < number:
        if time.monotonic() > end:
            return None
        time.sleep(0.02)
    return os.getpid()


@app.task(name="hold")
def hold(key: str) -> str:
    """Run until released."""
    notes.set(f"{key}:started", 1)
    until_released(key)
    notes.set(f"{key}:finished", 1)
    return "completed"


def _outlast(key: str, seconds: float) -> str:
    """Sleep through soft limits, noting them."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            time.sleep(0.02)
        except SoftTimeLimitExceeded:
            notes.set(f"{key}:soft", 1)
    return "completed"


outlast = app.task(name="outlast")(_outlast)
limited = app.task(name="limited", soft_time_limit=SOFT, time_limit=HARD)(_outlast)
"""The same with limits in its declaration."""


@app.task(name="compute")
def compute(seconds: float) -> bool:
    """Compute for so long; whether nothing stopped it shows in the log, since any call to Redis would be a place to stop at."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))
    os.write(2, b"computed to the end\n")
    return True


@app.task(name="tick")
def tick(key: str) -> None:
    """Count until released."""
    until_released(key, done=lambda: notes.incr(f"{key}:ticks") < 0)


def _until_there(file: str) -> None:
    while not os.path.exists(file):
        sum(range(1000))


def _sqlite(file: str) -> None:
    with sqlite3.connect(file, timeout=LONGEST) as connection:
        connection.execute("BEGIN EXCLUSIVE")


def _c_call(file: str) -> None:
    ctypes.CDLL(None).read(os.open(file, os.O_RDONLY), ctypes.create_string_buffer(1), 1)


def _sleep(file: str) -> None:
    while not os.path.exists(file):
        time.sleep(0.02)


def _thread(file: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_sleep, file).result()


SHELL = 'while [ ! -e "$0" ]; do sleep 0.02; done'

WAYS: dict[str, Callable[[str], object]] = {
    "a loop": _until_there,
    "sqlite3": _sqlite,
    "os.system": lambda file: os.system(f"while [ ! -e {file} ]; do sleep 0.02; done"),
    "ctypes": _c_call,
    "time.sleep": _sleep,
    "subprocess": lambda file: subprocess.run(["sh", "-c", SHELL, file], check=True),
    "thread pool": _thread,
    "redis": lambda key: notes.blpop([key], LONGEST),
    "urllib": lambda url: urlopen(url, timeout=LONGEST).read(),
    "httpx": lambda url: httpx.get(url, timeout=LONGEST),
    "requests": lambda url: requests.get(url, timeout=LONGEST),
}
"""Ways to wait for something that the test does."""


@app.task(name="wait")
def wait(key: str, way: str, where: str) -> str:
    """Wait for the test, in one of the ways."""
    notes.set(f"{key}:started", 1)
    with suppress(sqlite3.OperationalError):
        WAYS[way](where)
    return "completed"
