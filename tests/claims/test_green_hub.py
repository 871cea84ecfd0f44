"""What holds up every other greenlet of a gevent worker, and what gives way: a task that counts stands still, or goes on."""

from __future__ import annotations

import http.server
import os
import socketserver
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.claims.app import app, notes
from tests.claims.workers import MOMENT, PATIENCE, Worker, Workers, claim, new_key, outcome, release, started
from tests.runtime.servers import until

WATCHED = 0.6
"""Seconds in which a free counter takes some thirty steps, and at least three on a busy machine."""


@pytest.fixture(scope="module")
def worker(workers: Workers) -> Worker:
    return workers.start("-P", "gevent", "-c", "4")


@contextmanager
def locked_database(folder: Path) -> Iterator[str]:
    file = str(folder / "locked.sqlite3")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield file


@contextmanager
def silent_pipe(folder: Path) -> Iterator[str]:
    file = folder / "pipe"
    os.mkfifo(file)
    descriptor = os.open(file, os.O_RDWR)
    yield str(file)
    os.write(descriptor, b".")


@contextmanager
def missing_file(folder: Path) -> Iterator[str]:
    file = folder / "there"
    yield str(file)
    file.touch()


@contextmanager
def empty_list(folder: Path) -> Iterator[str]:
    yield folder.name
    notes.rpush(folder.name, 1)


@contextmanager
def slow_site(folder: Path) -> Iterator[str]:
    """A site that answers in the end."""
    go = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            go.wait(PATIENCE)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            go.set()
            server.shutdown()


BLOCKING = {"a loop": missing_file, "sqlite3": locked_database, "os.system": missing_file, "ctypes": silent_pipe}
COOPERATIVE = {
    "time.sleep": missing_file,
    "subprocess": missing_file,
    "thread pool": missing_file,
    "redis": empty_list,
    "urllib": slow_site,
    "httpx": slow_site,
    "requests": slow_site,
}


@pytest.mark.parametrize("way", [*BLOCKING, *COOPERATIVE])
def test_others_while_a_task_waits(worker: Worker, tmp_path: Path, way: str) -> None:
    rule = "CRB214, docs/pools.md" if way == "sqlite3" else "docs/pools.md"
    what = f"{rule}: {way} {'holds up' if way in BLOCKING else 'gives way to'} the other greenlets of a gevent worker"
    counter, waiter = new_key(), new_key()
    results = [worker.send("tick", counter)]
    until(lambda: ticks(counter), within=PATIENCE, what=f"{what}: the counter starts")
    with {**BLOCKING, **COOPERATIVE}[way](tmp_path) as where:
        results.append(worker.send("wait", waiter, way, where))
        started(waiter, what)
        before = ticks(counter)
        if way in COOPERATIVE:
            until(lambda: ticks(counter) > before + 3, within=PATIENCE, what=what)
            claim(not results[1].ready(), what)
        else:
            time.sleep(WATCHED)
            claim(ticks(counter) <= before + 2, f"{what}, but another took {ticks(counter) - before} steps")
    claim(outcome(results[1], what) == "completed", f"{what}: the task completes")
    release(counter)
    claim(outcome(results[0], what) is None, f"{what}: the counter goes on")


def test_inspect_while_a_task_computes(worker: Worker, tmp_path: Path) -> None:
    row, key = "docs/pools.md `inspect` on gevent: no answer while a task computes", new_key()
    inspect = app.control.inspect(destination=[worker.node], timeout=MOMENT)
    until(inspect.ping, within=PATIENCE, what=f"{row}, but while none does")
    with missing_file(tmp_path) as file:
        result = worker.send("wait", key, "a loop", file)
        started(key, row)
        claim(not inspect.ping(), row)
    outcome(result, row)


def ticks(key: str) -> int:
    return int(notes.get(f"{key}:ticks") or 0)
