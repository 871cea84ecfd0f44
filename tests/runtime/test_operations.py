"""What operators are shown is what is so: figures, stuck tasks, settings, worker commands, metrics."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from celery import Celery

from celery_best_practices import (
    AuthContext,
    CPUTaskConfig,
    DBTaskConfig,
    IOTaskConfig,
    as_user,
    cache_stats,
    recommended_settings,
    run_cpu_task_with_best_practices,
    run_db_task_with_best_practices,
    run_io_task_with_best_practices,
    stuck_tasks,
    worker_commands,
)
from celery_best_practices.operations import CacheStats
from tests.runtime import sample
from tests.runtime.servers import ROOT, free_port, until, worker
from tests.runtime.tracing import new_app, run


@pytest.fixture
def app(redis_url: str) -> Iterator[Celery]:
    made = new_app(redis_url)
    yield made
    redis.Redis.from_url(made.conf.broker_url).flushdb()
    made.close()


@pytest.mark.usefixtures("gate_redis")
def test_cache_stats(app: Celery) -> None:
    def body(value: Any) -> Any:
        return object() if value == "odd" else value

    task = run_io_task_with_best_practices(config=IOTaskConfig(cache_ttl=60, rate_limit=3), app=app, shared=False, name="a:b")(body)
    for value in (1, 1, 1, 2, "odd", 3):
        run(task, value)
    assert cache_stats() == {"a:b": CacheStats(hits=2, misses=3, uncacheable=1, limited=1)}
    assert cache_stats()["a:b"].hit_rate == 0.4
    assert CacheStats().hit_rate == 0


@pytest.mark.usefixtures("gate_redis")
def test_stuck_tasks(start_worker: Callable[[str], str]) -> None:
    queue = start_worker("threads")
    sample.app.control.revoke(str(uuid4()))
    result = sample.unlimited_sleeper.apply_async((str(uuid4()), 3), queue=queue)
    until(lambda: any(stuck_tasks(sample.app, longer_than=0.5, timeout=0.5)), within=10, what="the task is stuck")
    (stuck,) = stuck_tasks(sample.app, longer_than=0.5, timeout=0.5)
    assert (stuck.id, stuck.name, stuck.limit) == (result.id, sample.unlimited_sleeper.name, 0.5)
    assert 0.5 < stuck.seconds < 10
    assert stuck_tasks(sample.app, timeout=0.5) == []


def declare(app: Celery, name: str, decorator: Any, config: Any) -> None:
    def task() -> None: ...

    task.__qualname__ = name
    decorator(config=config, app=app, shared=False, name=name)(task)


def test_worker_commands(app: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "named", app, raising=False)
    declare(app, "render", run_cpu_task_with_best_practices, CPUTaskConfig(queue="cpu"))
    declare(app, "scale", run_cpu_task_with_best_practices, CPUTaskConfig(queue="pictures"))
    declare(app, "fetch", run_io_task_with_best_practices, IOTaskConfig(queue="io"))
    declare(app, "store", run_db_task_with_best_practices, DBTaskConfig(queue="db"))
    declare(app, "routed", run_db_task_with_best_practices, DBTaskConfig())
    app.conf.task_routes = {"routed": {"queue": "db2"}}
    app.task(name="plain", shared=False)(lambda_named())
    for name in [name for name in app.tasks if name.startswith("tests.")]:
        app.tasks.pop(name)  # the sample's shared tasks
    cores = os.cpu_count()
    path = f"{__name__}:named"
    assert {command.workloads: command.command for command in worker_commands(app)} == {
        ("cpu",): f"celery -A {path} worker -Q cpu,pictures -P prefork -c {cores} --prefetch-multiplier 1 -O fair -n cpu@%h",
        ("io",): f"celery -A {path} worker -Q io -P threads -c 100 --prefetch-multiplier 1 -n io@%h",
        ("db",): f"celery -A {path} worker -Q db,db2 -P threads -c 20 --prefetch-multiplier 1 -n db@%h",
        ("undeclared",): f"celery -A {path} worker -Q celery -P prefork -c {cores} --prefetch-multiplier 1 -O fair -n celery@%h",
    }


def lambda_named() -> Any:
    def task() -> None: ...

    return task


def test_the_commands_of_the_sample_start_workers(worker_env: dict[str, str]) -> None:
    for command in worker_commands(sample.app):
        words = shlex.split(command.command)
        done = subprocess.run(
            [sys.executable, "-m", *words, "--help"],
            env={**os.environ, **worker_env},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_with_the_recommended_settings_all_ten_priorities_count(app: Celery, redis_url: str) -> None:
    app.conf.update(recommended_settings())
    task = run_io_task_with_best_practices(config=IOTaskConfig(task_priority=7), app=app, shared=False, name="t")(lambda_named())
    for priority in (9, 5, 3, 0, 1, 2, 4, 6, 8):
        task.apply_async(priority=priority)
    task.delay()
    app.task(name="plain", shared=False)(lambda_named()).delay()
    order = []
    with app.connection_for_read() as connection, connection.SimpleQueue("celery", no_ack=True) as queue:
        for _ in range(11):
            order.append(queue.get(timeout=5).properties["priority"])
    assert order == [0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9]
    assert app.conf.broker_transport_options["visibility_timeout"] == 3600
    assert recommended_settings(longest_task=7200)["broker_transport_options"]["visibility_timeout"] == 14400


@pytest.mark.usefixtures("gate_redis")
@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_metrics(worker_env: dict[str, str], tmp_path: Path, pool: str) -> None:
    port = free_port()
    env = {**worker_env, "CRB_TEST_METRICS": str(port)}
    with worker("tests.runtime.sample", f"metrics.{pool}", pool, "-c", "2", env=env, log=tmp_path / "log"):
        results = [sample.add.apply_async((1, 2), queue=f"metrics.{pool}") for _ in range(20)]
        results += [sample.cached.apply_async(("m", 0), queue=f"metrics.{pool}") for _ in range(5)]
        results += [sample.broken.apply_async(queue=f"metrics.{pool}"), sample.asks_who.apply_async(queue=f"metrics.{pool}")]
        for result in results:
            result.get(timeout=15, propagate=False, interval=0.02)
        with as_user(AuthContext("ada", ["user"])):
            sample.asks_who.apply_async(queue=f"metrics.{pool}").get(timeout=15)
        until(
            lambda: shown(port, 'celery_task_runs_total{state="SUCCESS",task="tests.runtime.sample.asks_who"}') == 1,
            within=5,
            what="it is counted",
        )
        name = "tests.runtime.sample"
        assert shown(port, f'celery_task_runs_total{{state="SUCCESS",task="{name}.add"}}') == 20
        assert shown(port, f'celery_task_runs_total{{state="FAILURE",task="{name}.broken"}}') == 1
        assert shown(port, f'celery_task_seconds_count{{task="{name}.add"}}') == 20
        assert shown(port, f'celery_task_gate_total{{outcome="hit",task="{name}.cached"}}') == 4
        assert shown(port, f'celery_task_gate_total{{outcome="miss",task="{name}.cached"}}') == 1
        assert shown(port, f'celery_task_gate_total{{outcome="denied",task="{name}.asks_who"}}') == 1


def shown(port: int, series: str) -> float | None:
    """The value of a series as scraped."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else None
