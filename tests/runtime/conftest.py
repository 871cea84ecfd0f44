"""Fixtures: one Redis for the session, and one worker for each pool that a test asks for."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import redis

from celery_best_practices import configure
from tests.runtime import sample
from tests.runtime.servers import redis_server, worker

SECRET = "a secret of the tests, long enough"

POOLS = {
    "prefork": ("-c", "2"),
    "threads": ("-c", "8"),
    "solo": (),
    "gevent": ("-c", "8"),
}


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis that the tests may fill: $CRB_TEST_REDIS_URL, else a server started for them."""
    with redis_server() as url:
        try:
            yield url
        finally:
            gc.collect()  # results say goodbye to the server, and would look for it long after it is gone


@pytest.fixture(scope="session")
def worker_env(redis_url: str) -> dict[str, str]:
    """The environment of the sample application's workers; this process uses the same broker."""
    sample.app.conf.update(broker_url=f"{redis_url}/0", result_backend=f"{redis_url}/0")
    return {"CRB_TEST_BROKER": f"{redis_url}/0", "CRB_REDIS_URL": f"{redis_url}/3", "CRB_SECRET": SECRET}


@pytest.fixture(scope="session")
def start_worker(worker_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Start the worker of a pool once; gives the queue that it serves and, besides, `<queue>.other`."""
    with ExitStack() as stack:
        started: set[str] = set()

        def start(pool: str) -> str:
            if pool not in started:
                log = tmp_path_factory.mktemp("workers") / f"{pool}.log"
                stack.enter_context(worker("tests.runtime.sample", f"{pool},{pool}.other", pool, *POOLS[pool], env=worker_env, log=log))
                started.add(pool)
            return pool

        yield start


@pytest.fixture(scope="session")
def log_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """What the worker of a pool has logged."""
    return lambda pool: next(tmp_path_factory.getbasetemp().glob(f"workers*/{pool}.log")).read_text()


@pytest.fixture
def store(redis_url: str) -> redis.Redis:
    """Where the sample's tasks write what the tests want to know."""
    return redis.Redis.from_url(redis_url, db=1, decode_responses=True)


@pytest.fixture
def gate_redis(redis_url: str) -> Iterator[redis.Redis]:
    """An empty database for cache, limits and credits, and a secret: configured for this process."""
    client = redis.Redis.from_url(redis_url, db=3, decode_responses=True)
    client.flushdb()
    configure(redis_url=f"{redis_url}/3", secret=SECRET)
    yield client
    configure(redis_url=None, secret=None)


@pytest.fixture(params=list(POOLS))
def queue(request: pytest.FixtureRequest, start_worker: Callable[[str], str]) -> str:
    """The queue of a running worker, on each pool in turn."""
    return start_worker(request.param)
