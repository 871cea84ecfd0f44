"""How a green pool must be started: which command lines patch the libraries, and what becomes of the worker where none does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.util import find_spec

import pytest

from lint_rules.knowledge.pools import GREEN
from tests.claims.app import notes
from tests.claims.workers import MOMENT, PATIENCE, Worker, Workers, claim, new_key, outcome
from tests.runtime.servers import until

PYTHON = "from tests.claims.app import app; "
GREENS = [name for name in GREEN if find_spec(name)]


PATCH = {"gevent": "import gevent.monkey; gevent.monkey.patch_all(); ", "eventlet": "import eventlet; eventlet.monkey_patch(); "}


@dataclass(frozen=True)
class Forms:
    """Workers by what chooses their pool."""

    patch: dict[str, Worker]
    patch_nothing: dict[str, Worker]
    by_hand: Worker


@pytest.fixture(scope="module", params=GREENS)
def pool(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def forms(workers: Workers, pool: str) -> Forms:
    """All of them, starting."""
    main = f"{PYTHON} app.worker_main(['worker', '-P', '{pool}', '-c', '2', '-n', 'NODE'])"
    return Forms(
        {
            "-P GREEN": workers.start("-P", pool, "-c", "2"),
            "--pool GREEN": workers.start("--pool", pool, "-c", "2"),
            "--pool=GREEN": workers.start(f"--pool={pool}", "-c", "2"),
        },
        {
            "-PGREEN": workers.start(f"-P{pool}", "-c", "2"),
            "CELERY_WORKER_POOL": workers.start("-c", "2", env={"CELERY_WORKER_POOL": pool}),
            "worker_pool": workers.start("-c", "2", settings={"worker_pool": pool}),
            "worker_main": workers.start(python=main),
            "app.Worker": workers.start(python=f"{PYTHON} app.Worker(pool='{pool}', concurrency=2, hostname='NODE').start()"),
        },
        workers.start(python=PATCH[pool] + main),
    )


def test_forms_that_patch(forms: Forms, pool: str) -> None:
    for form, worker in forms.patch.items():
        row = f"CRB202, docs/pools.md `{form}` with {pool}"
        became = worker.became(row)
        claim(became["pool"] == pool and became["socket"].startswith(pool), f"{row}: patched, but {became}")
        claim(outcome(worker.send("modules"), row) == became["socket"], f"{row}: tasks run, and see patched sockets")


def test_forms_that_patch_nothing(forms: Forms, pool: str) -> None:
    unpatched = forms.patch_nothing
    keys = {form: new_key() for form in unpatched}
    for form, worker in unpatched.items():
        row = f"CRB202, docs/pools.md `{form}` with {pool}"
        became = worker.became(row)
        claim(became["pool"] == pool, f"{row}: selects the pool, but {became}")
        claim(became["socket"] == "socket", f"{row}: patches nothing, but {became}")
        worker.send("note", keys[form], "ran")
    for form, worker in unpatched.items():
        until(lambda worker=worker: not worker.waiting(), within=PATIENCE, what=f"CRB202 `{form}` with {pool}: the message is taken")
    time.sleep(2 * MOMENT)
    for form, worker in unpatched.items():
        claim(worker.process.poll() is None and not notes.exists(keys[form]), f"CRB202, docs/pools.md `{form}` with {pool}: the task hangs")
    warning = "The worker_pool setting shouldn't be used to select"
    warned = [form for form, worker in unpatched.items() if warning in worker.log.read_text()]
    claim(warned == ["worker_pool"], f"docs/pools.md: of these forms only worker_pool warns, but {warned} do")


def test_patching_by_hand_is_enough(forms: Forms, pool: str) -> None:
    row = f"docs/pools.md `worker_main` after patching with {pool}: tasks run"
    modules = outcome(forms.by_hand.send("modules"), row)
    claim(modules.startswith(pool), f"{row}, but sockets are of {modules}")


def test_a_glued_equals_sign(workers: Workers) -> None:
    workers.start("-P=gevent").refused("'=gevent' is not one of", "docs/pools.md `-P=gevent`: refused at start")
