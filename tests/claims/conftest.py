"""Fixtures: one Redis for the session, and for each module a starter of workers."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
import redis

from tests.claims import app as sample
from tests.claims.workers import Workers
from tests.runtime.servers import redis_server


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis that the tests may fill; the tests and all workers talk to it."""
    with redis_server() as url:
        sample.app.conf.update(broker_url=f"{url}/5", result_backend=f"{url}/5")
        sample.notes.connection_pool = redis.ConnectionPool.from_url(f"{url}/5", decode_responses=True)
        try:
            yield url
        finally:
            sample.notes.close()
            gc.collect()  # results say goodbye to the server, and would look for it long after it is gone


@pytest.fixture(scope="module")
def workers(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Starts workers that live as long as the module's tests."""
    made = Workers(f"{redis_url}/5", tmp_path_factory.mktemp("workers"))
    try:
        yield made
    finally:
        made.stop()
