"""Workers as processes: each is started with the words of a real command line, and says what it has become."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import celery
import pytest
from celery.result import AsyncResult

from tests.claims.app import app, notes
from tests.runtime.servers import ROOT, die_with_parent, until

PATIENCE = 90
"""Seconds for what must happen, on however busy a machine."""
MOMENT = 1.0
"""Seconds in which nothing happens, where nothing should."""


def claim(holds: object, what: str) -> None:
    """Fail with the claim that the installed Celery does not bear out."""
    if not holds:
        pytest.fail(f"no longer so with Celery {celery.__version__}: {what}")


@dataclass
class Worker:
    """A worker process; its default queue is its name."""

    name: str
    log: Path
    report: Path
    process: subprocess.Popen[bytes]

    @property
    def node(self) -> str:
        return f"{self.name}@test"

    def became(self, claimed: str) -> dict[str, Any]:
        """What the worker says of itself when it is ready; fails with the claim if it ends before."""
        until(lambda: self.report.exists() or self.process.poll() is not None, within=PATIENCE, what=f"{self.name}: ready or ended")
        claim(self.report.exists(), f"{claimed}: {' '.join(map(str, self.process.args))} ended:\n{self.log.read_text()}")
        became: dict[str, Any] = json.loads(self.report.read_text())
        return became

    def refused(self, because: str, claimed: str) -> None:
        """Wait for the worker to end, and look for the reason in what it wrote."""
        until(lambda: self.report.exists() or self.process.poll() is not None, within=PATIENCE, what=f"{claimed}: ready or ended")
        claim(not self.report.exists(), f"{claimed}: it starts")
        claim(self.process.returncode != 0 and because in self.log.read_text(), f"{claimed}:\n{self.log.read_text()}")

    def send(self, task: str, *args: Any, **options: Any) -> AsyncResult:
        return app.send_task(task, args, **{"queue": self.name, **options})

    def waiting(self) -> int:
        """How many messages nobody has taken."""
        return int(notes.llen(self.name))

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Workers:
    """Starts workers and does not wait for them, so that several start at once."""

    broker: str
    directory: Path
    started: list[Worker] = field(default_factory=list)

    def start(
        self,
        *options: str,
        python: str | None = None,
        settings: dict[str, Any] | None = None,
        broker: str | None = None,
        env: dict[str, str] | None = None,
    ) -> Worker:
        """`celery -A tests.claims.app worker` with options, or a line of Python in which NODE is the worker's name."""
        name = uuid4().hex[:8]
        log, report = self.directory / f"{name}.log", self.directory / f"{name}.json"
        quick = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "INFO", "-n", f"{name}@test"]
        command = ["-m", "celery", "-A", "tests.claims.app", "worker", *quick, *options]
        if python is not None:
            command = ["-c", python.replace("NODE", f"{name}@test")]
        environment = {
            **os.environ,
            "CRB_CLAIMS_BROKER": broker or self.broker,
            "CRB_CLAIMS_NOTES": self.broker,
            "CRB_CLAIMS_REPORT": str(report),
            "CRB_CLAIMS_SETTINGS": json.dumps({"task_default_queue": name, **(settings or {})}),
            **(env or {}),
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *command],
                env=environment,
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        worker = Worker(name, log, report, process)
        self.started.append(worker)
        return worker

    def stop(self) -> None:
        for worker in self.started:
            worker.stop()


def new_key() -> str:
    """A name for what one test's tasks note."""
    return uuid4().hex


def started(key: str, what: str) -> None:
    """Wait until the task has started."""
    until(lambda: notes.exists(f"{key}:started"), within=PATIENCE, what=f"{what}: the task starts")


def release(key: str) -> None:
    """Let the tasks that hold `key` end."""
    notes.set(f"{key}:release", 1)


def outcome(result: AsyncResult, what: str) -> Any:
    """What a task returned, or the name of what it raised."""
    until(result.ready, within=PATIENCE, what=f"{what}: the task ends")
    return type(result.result).__name__ if isinstance(result.result, BaseException) else result.result


def asked(request: Callable[..., object], *args: Any, worker: Worker, what: str, **options: Any) -> None:
    """Send a control command until it is answered: a worker may be ready before it listens to commands."""
    until(
        lambda: request(*args, destination=[worker.node], reply=True, timeout=MOMENT, **options),
        within=PATIENCE,
        what=f"{what}: the worker answers",
    )
