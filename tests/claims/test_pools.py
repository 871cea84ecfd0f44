"""Each row of the table of docs/pools.md, on each pool: what the rules call ignored is ignored, and the rest works."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

import pytest
from celery.result import AsyncResult

from lint_rules.knowledge.pools import GREEN, IGNORED
from tests.claims.app import app, notes
from tests.claims.workers import MOMENT, PATIENCE, Worker, Workers, asked, claim, new_key, outcome, release, started
from tests.runtime.servers import until

POOLS = ["prefork", "solo", "threads", *(name for name in GREEN if find_spec(name))]
ENOUGH = 40
"""Slots of a worker that only `-c` or `--autoscale` could give are waited for so long."""


@dataclass(frozen=True)
class Fleet:
    """The workers of a pool: `-c 3`; limits as options; limits as settings, autoscaling and beat."""

    plain: Worker
    limited: Worker
    scaled: Worker
    beats: str
    """The queue that beat sends to."""
    children: dict[str, list[AsyncResult]]
    """An option that limits children, and two tasks that tell their process."""


def honours(pool: str, option: str) -> bool:
    return option not in IGNORED.get(pool, ())


def soft_and_hard(pool: str) -> tuple[float, float]:
    """Limits in seconds; where both count, there is time to notice the first."""
    return (0.3, 3.0) if honours(pool, "soft-time-limit") else (0.3, 0.6)


@pytest.fixture(scope="module")
def fleets(workers: Workers) -> dict[str, Fleet]:
    """All pools' workers, starting."""
    return {pool: fleet(workers, pool) for pool in POOLS}


def fleet(workers: Workers, pool: str) -> Fleet:
    soft, hard = map(str, soft_and_hard(pool))
    beats = new_key()
    schedule = {"beat": {"task": "note", "schedule": 0.5, "args": ["beat", 1], "options": {"queue": beats}}}
    settings = {"task_soft_time_limit": float(soft), "task_time_limit": float(hard), "beat_schedule": schedule}
    beat = () if pool in GREEN else ("-B", "-s", str(workers.directory / beats))
    scale = () if pool == "threads" else ("--autoscale=4,1",)
    memory = () if pool == "prefork" else ("--max-memory-per-child=1",)
    limits = (f"--soft-time-limit={soft}", f"--time-limit={hard}", "--max-tasks-per-child=1", *memory)
    plain = workers.start("-P", pool, "-c", "3", env={"CRB_CLAIMS_SOFT": soft, "CRB_CLAIMS_HARD": hard})
    limited = workers.start("-P", pool, "-c", "1", *limits)
    by_memory = limited if memory else workers.start("-P", pool, "-c", "1", "--max-memory-per-child=1")
    scaled = workers.start("-P", pool, *scale, *beat, settings=settings)
    children = {
        f"--max-{what}-per-child": [worker.send("process"), worker.send("process")]
        for what, worker in (("tasks", limited), ("memory", by_memory))
    }
    return Fleet(plain, limited, scaled, beats, children)


@pytest.fixture(scope="module", autouse=True)
def scaled_threads(workers: Workers) -> Worker:
    return workers.start("-P", "threads", "--autoscale=4,1")


@pytest.fixture(scope="module", autouse=True)
def green_beats(workers: Workers) -> dict[str, Worker]:
    return {pool: workers.start("-P", pool, "-B", "-s", str(workers.directory / pool)) for pool in POOLS if pool in GREEN}


def at_once(worker: Worker, number: int, patience: float, row: str) -> set[int] | None:
    """The processes of so many tasks that ran at the same time; None if they did not."""
    key = new_key()
    results = [worker.send("meet", key, number, patience, soft_time_limit=PATIENCE, time_limit=PATIENCE + 1) for _ in range(number)]
    processes = [outcome(result, row) for result in results]
    return None if None in processes else {*processes}


@pytest.mark.parametrize("pool", POOLS)
def test_concurrency(fleets: dict[str, Fleet], pool: str) -> None:
    row, worker = f"CRB203, docs/pools.md `-c 3` on {pool}", fleets[pool].plain
    claim(worker.became(row)["concurrency"] == 3, f"{row}: the worker says that its concurrency is 3")
    if honours(pool, "concurrency"):
        processes = at_once(worker, 3, ENOUGH, row)
        claim(
            processes and len(processes) == (3 if pool == "prefork" else 1),
            f"{row}: three tasks run at once, only on prefork in processes of their own",
        )
        claim(at_once(worker, 4, MOMENT, row) is None, f"{row}: a fourth task waits")
    else:
        claim(at_once(worker, 2, MOMENT, row) is None, f"{row}: ignored, one task at a time")


@pytest.mark.parametrize("pool", POOLS)
def test_inspect_while_a_task_runs(fleets: dict[str, Fleet], pool: str) -> None:
    row, worker, key = f"docs/pools.md `inspect` on {pool}", fleets[pool].plain, new_key()
    result = worker.send("hold", key)
    started(key, row)
    if pool == "solo":
        claim(not answers(worker, MOMENT), f"{row}: no answer while a task runs")
    else:
        until(lambda: answers(worker, MOMENT), within=PATIENCE, what=f"{row}: answers while a task runs")
        claim(not notes.exists(f"{key}:finished"), f"{row}: answers while a task runs")
    release(key)
    claim(outcome(result, row) == "completed", f"{row}: the task completes")
    until(lambda: answers(worker, MOMENT), within=PATIENCE, what=f"{row}: answers when idle")


def answers(worker: Worker, patience: float) -> bool:
    return bool(app.control.inspect(destination=[worker.node], timeout=patience).ping())


@pytest.mark.parametrize("pool", POOLS)
def test_revoke_terminate(fleets: dict[str, Fleet], pool: str) -> None:
    row, worker, key = f"docs/pools.md `revoke(terminate=True)` on {pool}", fleets[pool].plain, new_key()
    result = worker.send("hold", key)
    started(key, row)
    if pool == "solo":
        silent = not app.control.revoke(result.id, terminate=True, destination=[worker.node], reply=True, timeout=MOMENT)
        claim(silent, f"{row}: no answer before the task is done")
    else:
        asked(app.control.revoke, result.id, terminate=True, worker=worker, what=row)
    if pool in ("solo", "threads"):
        release(key)
        until(lambda: notes.exists(f"{key}:finished"), within=PATIENCE, what=f"{row}: the task is completed")
        claim(outcome(result, row) == "completed", f"{row}: the task is completed")
    else:
        claim(outcome(result, row) == "TaskRevokedError", f"{row}: the task is ended")
        release(key)
        claim(outcome(worker.send("modules"), row) and not notes.exists(f"{key}:finished"), f"{row}: the task is ended, the worker lives")


@pytest.mark.parametrize("pool", POOLS)
def test_time_limits(fleets: dict[str, Fleet], pool: str) -> None:
    row, (soft, hard) = f"CRB203, docs/pools.md time limits on {pool}", soft_and_hard(pool)
    honours_soft, honours_hard = honours(pool, "soft-time-limit"), honours(pool, "time-limit")
    seconds = PATIENCE if honours_hard else 3 * hard
    limits = {"soft_time_limit": soft, "time_limit": hard}
    keys = {form: new_key() for form in ("apply_async", "declaration", "command line", "settings")}
    own = fleets[pool]
    results = {
        "apply_async": own.plain.send("outlast", keys["apply_async"], seconds, **limits),
        "declaration": own.plain.send("limited", keys["declaration"], seconds),
        "command line": own.limited.send("outlast", keys["command line"], seconds),
        "settings": own.scaled.send("outlast", keys["settings"], seconds),
    }
    for form, result in results.items():
        ended = outcome(result, row)
        claim(
            bool(notes.exists(f"{keys[form]}:soft")) is honours_soft,
            f"{row}: soft limit by {form} {'counts' if honours_soft else 'is ignored'}",
        )
        claim(
            ended == ("TimeLimitExceeded" if honours_hard else "completed"),
            f"{row}: hard limit by {form} {'counts' if honours_hard else 'is ignored'}, but the task {ended}",
        )


def test_a_hard_limit_on_gevent_does_not_stop_a_computation(fleets: dict[str, Fleet]) -> None:
    worker = fleets["gevent"].plain
    worker.send("compute", 1.5, time_limit=0.3)
    row = "docs/pools.md hard time limit on gevent: nothing stops a task that computes"
    until(lambda: b"computed to the end" in worker.log.read_bytes(), within=PATIENCE, what=row)


@pytest.mark.parametrize("pool", POOLS)
def test_limits_per_child(fleets: dict[str, Fleet], pool: str) -> None:
    for option, results in fleets[pool].children.items():
        row = f"CRB203, docs/pools.md `{option}` on {pool}"
        processes = [outcome(result, row) for result in results]
        if honours(pool, option.removeprefix("--")):
            claim(len({*processes}) == 2, f"{row}: a new process after each task, but {processes}")
        else:
            claim({*processes} == {fleets[pool].limited.process.pid}, f"{row}: ignored, but {processes}")


@pytest.mark.parametrize("pool", [pool for pool in POOLS if pool != "threads"])
def test_autoscale(fleets: dict[str, Fleet], pool: str) -> None:
    row, worker = f"CRB203, docs/pools.md `--autoscale=4,1` on {pool}", fleets[pool].scaled
    claim(worker.became(row)["autoscale"] == [4, 1], f"{row}: accepted")
    if honours(pool, "autoscale"):
        claim(at_once(worker, 4, ENOUGH, row), f"{row}: four tasks run at once")
    else:
        claim(at_once(worker, 2, MOMENT, row) is None, f"{row}: ignored, one task at a time")


def test_autoscale_on_threads(scaled_threads: Worker) -> None:
    row, worker = "CRB204, docs/pools.md `--autoscale=4,1` on threads", scaled_threads
    worker.became(f"{row}: the worker starts")
    claim(outcome(worker.send("modules"), row) == "socket", f"{row}: nothing looks wrong before there is more than one task")
    for _ in range(3):
        worker.send("meet", new_key(), 2, MOMENT)
    until(lambda: worker.process.poll() is not None, within=PATIENCE, what=f"{row}: the worker dies at the first scale-up")
    claim("object has no attribute 'grow'" in worker.log.read_text(), f"{row}: AttributeError: grow\n{worker.log.read_text()}")


@pytest.mark.parametrize("pool", [pool for pool in POOLS if pool not in GREEN])
def test_beat_in_the_worker(fleets: dict[str, Fleet], pool: str) -> None:
    beats = fleets[pool].beats
    until(lambda: notes.llen(beats), within=PATIENCE, what=f"CRB215, docs/pools.md `-B` on {pool}: beat sends")


@pytest.mark.parametrize("pool", [pool for pool in POOLS if pool in GREEN])
def test_beat_in_a_green_worker(green_beats: dict[str, Worker], pool: str) -> None:
    green_beats[pool].refused(
        "-B option doesn't work with eventlet/gevent pools", f"CRB215, docs/pools.md `-B` on {pool}: refused at start"
    )
