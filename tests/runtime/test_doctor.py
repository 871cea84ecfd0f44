"""`crb doctor` says what is wrong with a live cluster, keeps quiet where nothing is, and names what it could not ask."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import redis
from celery import Celery

from celery_best_practices import (
    CPUTaskConfig,
    DBTaskConfig,
    IOTaskConfig,
    configure,
    run_cpu_task_with_best_practices,
    run_db_task_with_best_practices,
    run_io_task_with_best_practices,
)
from celery_best_practices.doctor import main
from celery_best_practices.doctor.backlog import Reading
from celery_best_practices.doctor.clock import skew
from celery_best_practices.doctor.cluster import Worker, _worker
from celery_best_practices.doctor.expected import ExpectedTask
from celery_best_practices.doctor.findings import seconds
from celery_best_practices.doctor.redis_checks import durability
from celery_best_practices.doctor.redis_server import RedisServer as Facts
from celery_best_practices.doctor.worker_checks import clocks, prefetch
from tests.runtime.conftest import POOLS
from tests.runtime.servers import ROOT, RedisServer, free_port, needed_redis_binary, until, worker

CRB = str(Path(sys.executable).with_name("crb"))
APP = f"{__name__}:app"
app = Celery("examined", set_as_current=False)
"""The application that is examined, made anew for each test."""

Examine = Callable[..., dict[str, Any]]
DECLARE: dict[str, tuple[Any, Any]] = {
    "cpu": (run_cpu_task_with_best_practices, CPUTaskConfig),
    "io": (run_io_task_with_best_practices, IOTaskConfig),
    "db": (run_db_task_with_best_practices, DBTaskConfig),
}


def made(url: str, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Celery:
    """The application of a test, without the sample's shared tasks."""
    new = Celery("examined", broker=url, set_as_current=False)
    new.conf.update(task_default_queue="threads", **settings)
    for name in [name for name in new.tasks if not name.startswith("celery.")]:
        new.tasks.pop(name)
    monkeypatch.setattr(sys.modules[__name__], "app", new, raising=False)
    return new


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)


def declare(name: str, workload: str | None = None, *, celery: dict[str, Any] | None = None, **config: Any) -> Any:
    def task() -> None: ...

    task.__qualname__ = name
    options = {"name": name, "shared": False, **(celery or {})}
    if workload is None:
        return app.task(**options)(task)
    decorator, kind = DECLARE[workload]
    return decorator(config=kind(**config), app=app, **options)(task)


@pytest.fixture
def examine(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Examine:
    """Runs the doctor in this process, and gives its JSON with the exit code under `code`."""
    timeout = "0.1" if "alone" in request.fixturenames else "0.3"  # where nobody works it is always waited for

    def run(*options: str, seen: Any = None, name: str = APP) -> dict[str, Any]:
        capsys.readouterr()
        code = main(["--app", name, "--output-format", "json", "--timeout", timeout, *options], seen=seen)
        out, err = capsys.readouterr()
        return {"code": code, "out": out, "err": err, **(json.loads(out) if out else {})}

    return run


def found(result: dict[str, Any], name: str) -> dict[str, str]:
    """Subject -> severity of the findings of a name."""
    return {each["subject"]: each["severity"] for each in result["findings"] if each["name"] == name}


def message(result: dict[str, Any], name: str) -> str:
    (text,) = [each["message"] for each in result["findings"] if each["name"] == name]
    return str(text)


def named(pool: str) -> str:
    """The name of the session's worker of a pool."""
    return f"{pool},{pool}.other@test"


def unasked(result: dict[str, Any]) -> dict[str, str]:
    return {each["what"]: each["why"] for each in result["not_checked"]}


# ── with the workers of the session ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def live(redis_url: str, worker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Celery:
    """An application whose broker is that of the sample's workers."""
    return made(f"{redis_url}/0", monkeypatch)


@pytest.fixture
def broker(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, db=0)


def test_pools_are_compared_with_workloads(live: Celery, start_worker: Callable[[str], str], examine: Examine) -> None:
    for pool in POOLS:
        start_worker(pool)
        for workload in DECLARE:
            declare(f"{workload}.{pool}", workload, queue=pool)
    result = examine()
    workers = {each["name"]: each for each in result["workers"]}
    assert {named(pool): pool for pool in POOLS}.items() <= {name: each["pool"] for name, each in workers.items()}.items()
    assert workers[named("prefork")]["queues"] == ["prefork", "prefork.other"]
    assert (workers[named("threads")]["concurrency"], workers[named("threads")]["prefetch"]) == (8, 8)
    unsuited = {
        re.search(r": (\w+\.\w+)\) on the pool", each["message"])[1]: each["severity"]  # type: ignore[index]
        for each in result["findings"]
        if each["name"] == "pool-unsuited"
    }
    assert unsuited == {
        "cpu.gevent": "warning",
        "cpu.threads": "warning",
        "io.solo": "warning",
        "db.gevent": "info",
        "io.prefork": "info",
    }
    assert found(result, "queue-without-worker") == found(result, "no-worker-answers") == {}


def test_what_the_code_does_counts_where_nothing_is_declared(live: Celery, start_worker: Callable[[str], str], examine: Examine) -> None:
    start_worker("threads")
    for name in ("plain", "clear", "dark"):
        declare(name)
    declare("declared", "io")
    workloads = {"plain": "cpu", "clear": "io", "dark": "unknown", "declared": "cpu"}
    result = examine(seen=lambda: (workloads, ["tasks.py: cannot be read"]))
    assert "by what their code does: plain)" in message(result, "pool-unsuited")
    assert unasked(result)["workloads of tasks that declare none"] == "tasks.py: cannot be read"
    assert found(examine(), "pool-unsuited") == {}


def test_analysis_that_fails_stops_nothing(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    made("memory://", monkeypatch)
    declare("plain")
    result = examine(seen=lambda: 1 / 0)
    assert "ZeroDivisionError" in unasked(result)["workloads of tasks that declare none"]
    assert result["code"] == 0


def test_queues_that_nobody_reads(live: Celery, start_worker: Callable[[str], str], broker: redis.Redis, examine: Examine) -> None:
    start_worker("threads")
    declare("read", "io", queue="threads")
    task = declare("lost", "io", queue="doctor.lost")
    first = examine()
    assert found(first, "queue-without-worker") == {"doctor.lost": "warning"}
    assert "calls of lost go there and would wait for ever" in message(first, "queue-without-worker")
    task.delay()
    task.apply_async(priority=6)
    app.tasks["read"].apply_async(queue="doctor.typo")
    result = examine()
    assert found(result, "queue-without-worker").keys() == {"doctor.lost", "doctor.typo"}
    assert result["code"] == 1
    counts = {(each["name"], each["priority"]): (each["waiting"], each["workers"], each["tasks"]) for each in result["queues"]}
    assert counts["doctor.lost", 0] == (1, [], ["lost"])
    assert counts["doctor.lost", 6] == (1, [], ["lost"])
    assert counts["doctor.typo", 0] == (1, [], [])
    assert counts["threads", 0] == (0, [named("threads")], ["read"])
    broker.delete("doctor.lost", "doctor.lost\x06\x166", "doctor.typo", "_kombu.binding.doctor.lost", "_kombu.binding.doctor.typo")


def test_a_busy_solo_worker_is_named(
    live: Celery, start_worker: Callable[[str], str], log_of: Callable[[str], str], examine: Examine
) -> None:
    from tests.runtime import sample

    start_worker("threads")
    declare("waits", "db", queue=start_worker("solo"))
    busy = sample.unlimited_sleeper.apply_async(("doctor", 2), queue="solo")
    until(lambda: busy.id in log_of("solo"), within=5, what="the worker is busy")
    result = examine()
    assert named("solo") in message(result, "worker-silent")
    assert found(result, "worker-silent").popitem()[1] == "info"
    assert found(result, "queue-without-worker") == {"solo": "warning"}
    assert "unless one of those that did not answer does" in message(result, "queue-without-worker")
    until(lambda: live.control.inspect([named("solo")], timeout=0.5).ping(), within=10, what="the worker has time")


def test_priorities_that_workers_do_not_read(
    live: Celery, start_worker: Callable[[str], str], broker: redis.Redis, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_worker("threads")
    task = declare("t", "io", queue="threads")
    broker.rpush("threads:5", "not a message")
    assert found(examine(), "priority-steps-differ") == {}
    ten = made(live.conf.broker_url, monkeypatch, broker_transport_options={"priority_steps": list(range(10))})
    task = declare("t", "io", queue="threads")
    task.apply_async(priority=5)
    task.apply_async(priority=5)
    result = examine()
    assert {named("threads"), "threads"} <= found(result, "priority-steps-differ").keys()
    assert set(found(result, "priority-steps-differ").values()) == {"error"}
    (worker_says,) = [
        each["message"] for each in result["findings"] if each["subject"] == named("threads") and each["name"] == "priority-steps-differ"
    ]
    assert "priorities 1, 2, 4, 5, 7, 8" in worker_says
    ten.close()
    made(live.conf.broker_url, monkeypatch)
    result = examine()
    assert found(result, "priority-steps-differ") == {"threads": "error"}
    assert "2 messages of the queue 'threads' will never be read" in message(result, "priority-steps-differ")
    assert [each for each in result["queues"] if each["priority"] == 5] == [
        {
            "name": "threads",
            "priority": 5,
            "waiting": 2,
            "key": "threads\x06\x165",
            "published": False,
            "workers": [named("threads")],
            "tasks": [],
        }
    ]
    made(live.conf.broker_url, monkeypatch, broker_transport_options={"sep": ":"})
    result = examine()
    assert result["workers"] == []
    assert set(found(result, "sep-differs").values()) == {"warning"}
    assert "('\\x06\\x16', here ':')" in message(result, "sep-differs")
    assert found(result, "priority-steps-differ") == {"threads": "error"}
    broker.delete("threads:5", "threads\x06\x165")


def test_stuck_tasks(live: Celery, start_worker: Callable[[str], str], examine: Examine) -> None:
    from tests.runtime import sample

    start_worker("threads")
    sample.unlimited_sleeper.apply_async(("doctor", 2), queue="threads")
    name = sample.unlimited_sleeper.name
    live.conf.task_time_limit = 0.3
    declare(name)
    until(lambda: found(examine(), "task-stuck") == {name: "warning"}, within=5, what="the task is over its limit")
    live.tasks[name].time_limit = None
    assert found(examine(), "task-stuck") == {}


# ── a worker of its own: clock, events, prefetch ─────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def odd_worker(worker_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A worker that is an hour ahead, sends events and fetches much."""
    place = tmp_path_factory.mktemp("odd")
    (place / "sitecustomize.py").write_text("import time\nreal = time.time\ntime.time = lambda: real() + 3600\n")
    env = {**worker_env, "PYTHONPATH": str(place)}
    options = ("-c", "2", "--prefetch-multiplier", "4", "-E")
    with worker("tests.runtime.sample", "odd", "threads", *options, env=env, log=place / "log"):
        yield


@pytest.mark.usefixtures("odd_worker")
def test_clocks_and_prefetch(live: Celery, start_worker: Callable[[str], str], examine: Examine) -> None:
    start_worker("threads")
    declare("short", "io", queue="odd")
    result = examine("--timeout", "0.5")
    assert found(result, "clock-skew") == {"odd@test": "warning"}
    assert re.search(r"The clock of odd@test is (1 h|60 min|36\d\d s) ahead of", message(result, "clock-skew"))
    assert [why for what, why in unasked(result).items() if what.startswith("clocks of ")] == [
        "no heartbeat came: workers without gossip, heartbeat and -E send no events"
    ]
    assert found(result, "prefetch-too-high") == {}
    declare("long", "io", queue="odd", timeout=120)
    declare("elsewhere", "io", queue="threads", timeout=120)
    result = examine()
    assert found(result, "prefetch-too-high") == {"odd@test": "warning"}
    assert "fetches up to 8 messages for 2 tasks at once, and messages wait behind long tasks (long: 2 min)" in message(
        result, "prefetch-too-high"
    )
    declare("urgent", "io", queue="odd", task_priority=0)
    assert "priorities are delayed" in next(each["message"] for each in examine()["findings"] if each["subject"] == "odd@test")


def test_prefetch_is_told_by_what_workers_say() -> None:
    pool = {"max-concurrency": 2}
    answers: dict[str, Any] = {"active_queues": [], "active": [], "scheduled": [1, 2, 3], "conf": {}}

    def says(**stats: Any) -> int | None:
        return _worker("w", {**answers, "stats": {"pool": pool, **stats}}, None).prefetch

    assert says(prefetch_count=8) == 5  # three messages wait for their time
    assert says(prefetch_count=0) == 0
    assert says() is None
    assert (
        _worker("w", {**answers, "stats": {"pool": pool, "prefetch_count": 8}, "conf": {"worker_disable_prefetch": True}}, None).prefetch
        == 2
    )
    assert _worker("w", {**answers, "stats": None, "active_queues": None, "active": None}, None).queues is None
    broadcast = {**answers, "stats": {}, "active_queues": [{"name": "news.1f3a", "alias": "news"}, {"name": "q", "alias": None}]}
    assert _worker("w", broadcast, None).queues == ("news", "q")
    solo = Worker("w", ("q",), "solo", 1, 0, (), {}, None)
    (finding,) = prefetch([solo], [ExpectedTask("t", "q", None, False, 60, False, False, False)], set())
    assert "any number of messages for 1 task" in finding.message
    assert "-c 1" in finding.message


def test_skew_is_what_no_delay_explains() -> None:
    assert skew(10.5, 10, 11) == 0
    assert skew(12, 10, 11) == 1
    assert skew(8, 10, 11) == -2
    assert [each.subject for each in clocks({"a": 1.5, "b": -1.5, "c": 0.9, "d": None})] == ["a", "b"]


# ── with a Redis of its own ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A Redis that the test may configure, without workers."""
    binary = needed_redis_binary()
    started = RedisServer(binary)
    started.start()
    yield started
    started.remove()


@pytest.fixture
def alone(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """An application that nobody works for, its broker empty and as Redis is by default; gives a client of it."""
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
        for name, value in {"maxmemory": 0, "maxmemory-policy": "noeviction", "appendonly": "no", "save": "3600 1"}.items():
            client.config_set(name, value)
        made(f"{server.url}/0", monkeypatch)
        yield client
        app.close()
        configure(redis_url=None, secret=None)


def test_nobody_works(alone: redis.Redis, examine: Examine) -> None:
    task = declare("t", "io", queue="q")
    assert "No worker answers: nothing runs" in message(examine(), "no-worker-answers")
    task.delay()
    result = examine()
    assert result["code"] == 1
    assert "No worker answers, and 1 message waits: " in message(result, "no-worker-answers")
    assert found(result, "queue-without-worker") == {}
    assert examine("--exit-zero")["code"] == 0


EVICTION = [
    ({}, {}),
    ({"maxmemory-policy": "allkeys-lru"}, {"broker-may-evict": "info"}),
    ({"maxmemory": 10**8, "maxmemory-policy": "allkeys-lru"}, {"broker-may-evict": "error"}),
    ({"maxmemory": 10**8, "maxmemory-policy": "volatile-lru"}, {"broker-may-evict": "warning"}),
    ({"maxmemory": 10**8}, {}),
    ({"save": ""}, {"broker-not-persistent": "warning"}),
    ({"save": "", "appendonly": "yes"}, {}),
]


@pytest.mark.parametrize(("settings", "expected"), EVICTION)
def test_a_broker_that_loses_messages(alone: redis.Redis, examine: Examine, settings: dict[str, Any], expected: dict[str, str]) -> None:
    for name, value in settings.items():
        alone.config_set(name, value)
    result = examine()
    assert {each["name"]: each["severity"] for each in result["findings"]} == {
        "no-worker-answers": "error",
        "broker-without-replica": "info",
        **expected,
    }
    assert result["not_checked"] == []


def test_who_else_uses_the_brokers_redis(
    alone: redis.Redis, server: RedisServer, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(redis_url=f"redis://localhost:{server.port}/3")
    caches = {"default": {"LOCATION": [f"{server.url}/0"]}, "local": {"BACKEND": "locmem"}, "other": {"LOCATION": f"{server.url}/2"}}
    django = ModuleType("django.conf")
    django.settings = SimpleNamespace(configured=True, CACHES=caches)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "django.conf", django)
    app.conf.result_backend = f"{server.url}/0"
    result = examine()
    assert found(result, "broker-shares-database") == {"result backend": "info", "Django cache 'default'": "warning"}
    assert found(result, "broker-shares-server") == {}
    assert [each["purpose"] for each in result["redis"]] == [
        "broker",
        "runtime",
        "result backend",
        "Django cache 'default'",
        "Django cache 'other'",
    ]
    alone.config_set("maxmemory", 10**8)
    result = examine()
    assert found(result, "broker-shares-server") == {"runtime": "warning", "Django cache 'other'": "warning"}
    assert found(result, "cache-never-evicts") == {"runtime": "info", "Django cache 'default'": "info", "Django cache 'other'": "info"}
    configure(redis_url=f"{server.url}/0")
    assert "runtime" in found(examine(), "broker-shares-database")


def test_a_runtime_redis_that_loses_credits(alone: redis.Redis, redis_url: str, server: RedisServer, examine: Examine) -> None:
    configure(redis_url=f"{server.url}/3")
    alone.config_set("maxmemory", 10**8)
    alone.config_set("maxmemory-policy", "allkeys-lru")
    assert found(examine(), "ledger-may-evict") == {}
    declare("costs", "io", credit_type="c")
    assert found(examine(), "ledger-may-evict") == {"runtime": "error"}
    alone.config_set("maxmemory-policy", "volatile-lru")
    assert found(examine(), "ledger-may-evict") == {"runtime": "info"}
    alone.config_set("maxmemory-policy", "noeviction")
    assert found(examine(), "ledger-may-evict") == {}
    app.conf.broker_url = f"{redis_url}/5"
    assert found(examine(), "broker-shares-server") == {}


def test_another_redis_that_does_not_answer_is_not_checked(alone: redis.Redis, examine: Examine) -> None:
    port = free_port()
    configure(redis_url=f"redis://:pa55word@127.0.0.1:{port}/3")
    app.conf.result_backend = "redis://:pa55/word@127.0.0.1:1/x"
    result = examine()
    assert "Connection refused" in unasked(result)[f"Redis of the runtime (redis://:**@127.0.0.1:{port}/3)"]
    assert unasked(result)["Redis of the result backend (redis://…)"] == "its URL cannot be read"
    assert "pa55" not in result["out"]


def test_backlog(alone: redis.Redis, examine: Examine) -> None:
    task = declare("t", "io", queue="q")
    for priority in (0, 0, 3, 9):
        task.apply_async(priority=priority)
    assert found(examine(), "backlog") == found(examine("--backlog", "4"), "backlog") == {}
    result = examine("--backlog", "3")
    assert found(result, "backlog") == {"q": "warning"}
    assert "4 messages wait in the queue 'q' (2 with priority 0, 1 with priority 3, 1 with priority 9)" in message(result, "backlog")
    assert {each["priority"]: each["waiting"] for each in result["queues"] if each["name"] == "q"} == {0: 2, 3: 1, 6: 0, 9: 1}


def test_keys_with_a_prefix(alone: redis.Redis, server: RedisServer, examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"global_keyprefix": "shop[1]:", "priority_steps": [0, 5], "sep": ":"}
    made(f"{server.url}/0", monkeypatch, broker_transport_options=options)
    task = declare("t", "io", queue="a:q")
    for priority in (0, 5):
        task.apply_async(priority=priority)
    alone.rpush("other", 1)
    assert {(each["name"], each["key"]): each["waiting"] for each in examine()["queues"] if each["waiting"]} == {
        ("a:q", "a:q"): 1,
        ("a:q", "a:q:5"): 1,
    }
    made(f"{server.url}/0", monkeypatch, broker_transport_options={"global_keyprefix": "shop[1]:", "priority_steps": [0, 5]})
    declare("t", "io", queue="a:q")
    assert found(examine(), "priority-steps-differ") == {"a:q": "error"}


def test_messages_that_are_delivered_again(alone: redis.Redis, examine: Examine) -> None:
    for name, late, limit in (("early", False, 7200), ("short", True, 600), ("unlimited", True, None)):
        declare(name, "db", celery={"acks_late": late, "time_limit": limit})
    declare("q", "io", queue="q").delay()
    with app.connection_for_read() as connection:
        connection.SimpleQueue("q").get(timeout=5)
        result = examine()
        assert result["unacked"]["count"] == 1
        assert 0 <= result["unacked"]["oldest_seconds"] < 5
        assert found(result, "unacked-overdue") == found(result, "visibility-timeout-too-short") == {}
        app.conf.broker_transport_options = {"visibility_timeout": 0.01}
        time.sleep(0.02)
        result = examine()
        assert found(result, "unacked-overdue") == {"unacked": "warning"}
        assert found(result, "visibility-timeout-too-short") == {"short": "warning"}
        assert (alone.hlen("unacked"), alone.llen("q")) == (1, 0)  # it only looks on
    app.conf.broker_transport_options = {}
    declare("long", "db", celery={"acks_late": True}, timeout=7200)
    assert "long may run for 2 h" in message(examine(), "visibility-timeout-too-short")


def test_what_may_not_be_asked_is_named(alone: redis.Redis, server: RedisServer, examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    alone.execute_command("ACL", "SETUSER", "nurse", "reset", "on", ">pa55word", "~*", "&*", "+@all", "-config")
    made(f"redis://nurse:pa55word@127.0.0.1:{server.port}/0", monkeypatch)
    alone.config_set("maxmemory", 10**8)
    alone.config_set("maxmemory-policy", "allkeys-lru")
    result = examine()
    assert found(result, "broker-may-evict") == {"broker": "error"}  # INFO tells as much
    (what, why) = next(each for each in unasked(result).items() if "CONFIG" in each[0])
    assert what == "CONFIG GET save of the broker's Redis"
    assert "no permissions" in why
    assert "pa55word" not in result["out"]
    assert result["broker"] == f"redis://nurse:**@127.0.0.1:{server.port}/0"
    alone.execute_command("ACL", "SETUSER", "nurse", "-info", "+config", "-scan", "-hlen")
    result = examine()
    assert found(result, "broker-may-evict") == {"broker": "error"}  # CONFIG tells as much
    assert {what.partition(" of the")[0] for what in unasked(result)} == {
        "INFO",
        "queues that were declared by others",
        "messages under priorities that nobody reads",
        "unacknowledged messages",
    }
    alone.execute_command("ACL", "SETUSER", "nurse", "-@all", "+ping", "+hello", "+client", "+select", "+auth")
    result = examine()
    assert "workers" in unasked(result)
    assert "messages that wait in queues" in unasked(result)
    assert {each["name"] for each in result["findings"]} == set()
    assert result["code"] == 0
    monkeypatch.setattr(app.conf, "broker_url", f"redis://nurse:wrong55@127.0.0.1:{server.port}/0")
    result = examine()
    assert result["code"] == 2
    assert "does not answer" in result["err"]
    assert "wrong55" not in result["err"]


def test_a_renamed_config_command(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = needed_redis_binary()
    managed = RedisServer(binary, "--rename-command", "CONFIG", "", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lfu")
    try:
        managed.start()
        made(managed.url, monkeypatch)
        result = examine()
        assert found(result, "broker-may-evict") == {"broker": "error"}
        assert "unknown command" in unasked(result)["CONFIG GET save of the broker's Redis"].lower()
    finally:
        managed.remove()


def test_replicas(alone: redis.Redis, server: RedisServer, examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    replica = RedisServer(server.binary, "--replicaof", "127.0.0.1", str(server.port), "--repl-diskless-sync-delay", "0")
    try:
        replica.start()
        with redis.Redis.from_url(replica.url) as client:
            until(lambda: client.info()["master_link_status"] == "up", within=15, what="the replica follows")
            until(lambda: alone.info().get("slave0", {}).get("state") == "online", within=15, what="the master knows")
            assert found(examine(), "broker-without-replica") == found(examine(), "replica-disconnected") == {}
            made(f"{replica.url}/0", monkeypatch)
            result = examine()
            assert found(result, "broker-on-replica") == {"broker": "error"}
            assert found(result, "replica-disconnected") == {}
            assert "workers" in unasked(result)
            client.replicaof("127.0.0.1", free_port())
            made(f"{server.url}/0", monkeypatch)
            configure(redis_url=f"{replica.url}/3")
            assert found(examine(), "replica-disconnected") == {"runtime": "warning"}
    finally:
        replica.remove()


def test_cluster_nodes_and_sentinels() -> None:
    node = Facts("broker", "redis://h/0", 0, None, "master", True, 0, "noeviction", True, None, {}, None, None)
    assert [each.name for each in durability([node], sentinel=False)] == ["broker-on-cluster"]
    single = Facts("broker", "redis://h/0", 0, None, "master", False, 0, "noeviction", True, None, {"h:1": "wait_bgsave"}, None, None)
    assert [each.name for each in durability([single], sentinel=False)] == ["replica-disconnected"]
    guarded = Facts("broker", "sentinel://h/0", 0, None, "master", False, 0, "noeviction", True, None, {}, None, None)
    assert list(durability([guarded], sentinel=True)) == []


# ── routes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_routes_that_cannot_be_told(alone: redis.Redis, server: RedisServer, examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    def route(name: str, args: Any, *_: Any, **__: Any) -> dict[str, str]:
        return {"queue": "q" if name == "clear" else args[0]}

    made(f"{server.url}/0", monkeypatch, task_routes=(route,))
    declare("clear")
    declare("by_argument")
    result = examine()
    assert "IndexError" in unasked(result)["queue of the task by_argument"]
    assert "clear" in {task for each in result["queues"] for task in each["tasks"]}
    made(f"{server.url}/0", monkeypatch, task_create_missing_queues=False, task_routes={"t": "absent"})
    declare("t")
    result = examine()
    assert found(result, "queue-not-declared") == {"t": "error"}
    assert "'absent' missing from task_queues" in message(result, "queue-not-declared")


# ── applications and brokers that are not there ──────────────────────────────────────────────────────────────────────

BROKEN = {
    "shop.absent": ("", "there is no module 'shop.absent' in "),
    "absent:app": ("", "there is no module 'absent' in "),
    "shop.needs": (
        "import celery\nimport absent_library\n",
        "cannot be imported: ModuleNotFoundError: No module named 'absent_library' (.*needs.py:2)",
    ),
    "shop.fails": ("def f():\n    raise ValueError('no key')\n\nf()\n", r"cannot be imported: ValueError: no key (.*fails.py:2)"),
    "shop.leaves": ("raise SystemExit(3)", "cannot be imported: SystemExit: 3 (.*leaves.py:1)"),
    "shop.syntax": ("x = = 1", "cannot be imported: SyntaxError: invalid syntax (syntax.py, line 1)"),
    "shop.odd:app": ("app = 1", "is 1, not a Celery application: write --app package.module:attribute."),
    "shop.odd:other": ("", "the module has no attribute 'other'."),
    "shop.tasks_fail": (
        "from celery import Celery\napp = Celery('x', broker='memory://', include=['shop.fails'], set_as_current=False)\n",
        r"cannot be imported: ValueError: no key (.*fails.py:2)",
    ),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    write(
        tmp_path,
        {
            "pyproject.toml": "",
            "shop/__init__.py": "",
            **{f"{name.split(':')[0].replace('.', '/')}.py": text for name, (text, _) in BROKEN.items() if text},
        },
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.usefixtures("project")
def test_applications_that_cannot_be_loaded(name: str, examine: Examine) -> None:
    result = examine(name=name)
    assert (result["code"], result["out"]) == (2, "")
    assert result["err"].startswith(f"crb: --app {name}")
    assert result["err"].count("\n") == 1
    assert re.search(re.escape(BROKEN[name][1]).replace(r"\.\*", ".*"), result["err"]), result["err"]


def test_brokers_that_do_not_answer(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        urls = {
            f"redis://:pa55word@127.0.0.1:{free_port()}/0": "Connection refused",
            f"redis://127.0.0.1:{mute.getsockname()[1]}/0": "timed out",
            f"amqp://guest:pa55word@127.0.0.1:{free_port()}//": "Connection refused",
            "redis://:pa55/word@127.0.0.1/0": "special characters in a password must be %-encoded",
            "redis+socket:///absent/redis.sock": "No such file",
        }
        for url, why in urls.items():
            made(url, monkeypatch)
            start = time.monotonic()
            result = examine()
            assert time.monotonic() - start < 2, url
            assert (result["code"], result["out"]) == (2, ""), url
            assert why in result["err"], result["err"]
            assert result["err"].count("\n") == 1
            assert "pa55" not in result["err"]


def test_other_brokers_than_redis(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    made("memory://", monkeypatch)
    result = examine()
    assert (result["code"], result["findings"], result["queues"]) == (0, [], [])
    assert unasked(result)["backlog and priorities"] == "the broker is memory, not Redis"
    assert "inside one process" in unasked(result)["workers"]


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────────────

SHOP = {
    "shop/fails.py": "",
    "shop/app.py": "import os\nfrom celery import Celery\nprint('noise')\napp = Celery('shop', broker=os.environ['BROKER'], include=['shop.tasks'])\n"
    "app.conf.task_default_queue = 'threads'\n",
    "shop/tasks.py": "import hashlib\nfrom celery import shared_task\n\n@shared_task\ndef hashes(text):\n"
    "    return hashlib.pbkdf2_hmac('sha256', text, b'salt', 10**6)\n",
}


def test_the_command_knows_what_the_code_does(worker_env: dict[str, str], start_worker: Callable[[str], str], project: Path) -> None:
    start_worker("threads")
    write(project, SHOP)
    env = {**os.environ, "BROKER": worker_env["CRB_TEST_BROKER"], "CRB_REDIS_URL": "", "NO_COLOR": "1"}
    done = subprocess.run([CRB, "doctor", "--app", "shop.app", "--timeout", "0.5"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "noise" not in done.stdout
    assert re.search(
        r"warning pool-unsuited: Worker threads,threads\.other@test runs cpu tasks \(by what their code does: shop\.tasks\.hashes\)",
        done.stdout,
    )
    assert re.search(r"threads,threads\.other@test +threads x 8 +fetches 8 +runs 0 +reads threads, threads\.other", done.stdout)
    assert re.search(r"\nFound \d+ findings \(.*\)", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["doctor", "--help"], 0, "--backlog N"),
        (["doctor"], 2, "required: -A/--app"),
        (["doctor", "--app", "x", "--timeout", "0"], 2, "above 0"),
        (["doctor", "--app", "x", "--nonsense"], 2, "--nonsense"),
        (["check", "--nonsense"], 2, "unrecognized arguments: --nonsense"),
        (["doctor", "--app", "x"], 2, "crb: celery is not installed here: pip install 'celery-best-practices[runtime]'"),
    ],
)
def test_the_command_line_without_celery(arguments: list[str], code: int, says: str) -> None:
    program = "import sys\nsys.modules['celery'] = None\nfrom lint_rules.cli import main\nsys.exit(main(sys.argv[1:]))\n"
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == code
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_every_finding_is_described() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "celery_best_practices" / "doctor").glob("*.py"))
    names = set(re.findall(r'Finding\(\s*"([a-z-]+)"', sources))
    page = (ROOT / "docs" / "runtime" / "doctor.md").read_text()
    assert set(re.findall(r"^\| `([a-z-]+)` \| (?:error|warning|info)", page, re.MULTILINE)) == names
    assert len(names) > 20


def test_times_read_well() -> None:
    assert [seconds(value) for value in (0.5, 59, 60, 90, 3600, 3660, 7200, 200000)] == [
        "0.5 s",
        "59 s",
        "1 min",
        "90 s",
        "1 h",
        "61 min",
        "2 h",
        "2.31 d",
    ]


def test_readings_are_told_by_kombus_defaults() -> None:
    from kombu.transport.redis import Channel

    reading = Reading.of(Channel.__new__(Channel), {})
    assert list(reading.keys("q")) == ["q", "q\x06\x163", "q\x06\x166", "q\x06\x169"]
