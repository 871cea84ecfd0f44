"""Which figures does a worker export? Runs, run times and what happened at the gate, for Prometheus, on every pool.

Celery has no `celery.contrib.monitoring`. What a broker knows (queue lengths, workers that are up) is for an exporter of its own, such
as celery-exporter; this is what only the process that runs the task knows. Prefork children cannot be asked over HTTP: they write into
the directory of prometheus_client's multiprocess mode, and the worker's main process serves what all of them wrote.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from celery.signals import task_postrun, task_prerun, worker_init, worker_process_shutdown, worker_ready, worker_shutdown

from celery_best_practices.outcomes import listen

log = logging.getLogger("celery_best_practices")

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
PORT = 9808


def setup_metrics(app: Any, port: int = PORT) -> None:
    """Export figures of `app`'s workers at `http://<worker>:<port>/metrics`; call it where the application is made.

    celery_task_runs_total{task,state}, celery_task_seconds{task} (histogram), celery_task_gate_total{task,outcome} with the outcomes of
    `outcomes.OUTCOMES`. port: of each worker; 0: any free one, which the log tells. Processes that are no workers export nothing.

    The directory of the multiprocess mode is PROMETHEUS_MULTIPROC_DIR (one for each worker, emptied when it starts), else a temporary one.
    Raises ModuleNotFoundError without prometheus-client. A worker does not start where prometheus_client was imported before that
    directory was known: set PROMETHEUS_MULTIPROC_DIR there.
    """
    if find_spec("prometheus_client") is None:
        raise ModuleNotFoundError("setup_metrics needs prometheus-client: pip install prometheus-client.")

    def begin(sender: Any, **_: Any) -> None:
        if sender.app is app:
            _Metrics(app, port).connect()

    worker_init.connect(begin, weak=False)


def _make_directory() -> None:
    """Empty the directory, or make one."""
    if DIRECTORY in os.environ:
        for path in Path(os.environ[DIRECTORY]).glob("*.db"):
            path.unlink()
        return
    if "prometheus_client" in sys.modules:
        raise SystemExit(f"setup_metrics: prometheus_client was imported without a {DIRECTORY}, so processes cannot be counted: set it.")
    made = os.environ[DIRECTORY] = tempfile.mkdtemp(prefix="celery-metrics-")
    worker_shutdown.connect(lambda **_: shutil.rmtree(made, ignore_errors=True), weak=False)


class _Metrics:
    """The figures of one process, and the server of the main one."""

    def __init__(self, app: Any, port: int) -> None:
        _make_directory()
        from prometheus_client import Counter, Histogram

        self.app, self.port = app, port
        self.runs = Counter("celery_task_runs", "Runs of a task, by how they ended.", ["task", "state"])
        self.seconds = Histogram("celery_task_seconds", "Seconds that runs of a task took.", ["task"])
        self.gate = Counter("celery_task_gate", "What happened before runs: cache, limit, credits, permission.", ["task", "outcome"])

    def connect(self) -> None:
        worker_ready.connect(self._serve, weak=False)
        worker_process_shutdown.connect(self._process_ends, weak=False)
        task_prerun.connect(self._begin, weak=False)
        task_postrun.connect(self._end, weak=False)
        listen(lambda task, outcome: self.gate.labels(task, outcome).inc())

    def _serve(self, sender: Any = None, **_: Any) -> None:
        from prometheus_client import CollectorRegistry, start_http_server
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        server, _thread = start_http_server(self.port, registry=registry)
        log.info("Metrics are served at port %s.", server.server_port)

    def _process_ends(self, pid: int | None = None, **_: Any) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid or os.getpid())  # type: ignore[no-untyped-call]

    def _begin(self, task: Any = None, **_: Any) -> None:
        if task.app is self.app:
            task.request._began = time.monotonic()

    def _end(self, task: Any = None, state: str | None = None, **_: Any) -> None:
        if task.app is self.app:
            self.runs.labels(task.name, state or "LOST").inc()
            if (began := vars(task.request).get("_began")) is not None:
                self.seconds.labels(task.name).observe(time.monotonic() - began)
