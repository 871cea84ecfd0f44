"""Workers and servers are killed in the middle of charged tasks: nothing is charged twice, nothing stays reserved, the books balance."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery

from celery_best_practices import AuthContext, as_user, check_balance, configure, grant
from tests.runtime.conftest import SECRET
from tests.runtime.outliving import COST
from tests.runtime.servers import RedisServer, needed_redis_binary, until, worker

APP, QUEUE = "tests.runtime.outliving", "outliving"
TASKS = 60


class Books:
    """Charged tasks of one user, sent to a Redis of their own, and what became of them."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.broker = redis.Redis.from_url(f"{server.url}/0", decode_responses=True)
        self.ledger = redis.Redis.from_url(f"{server.url}/1", decode_responses=True)
        self.env = {"CRB_TEST_BROKER": f"{server.url}/0", "CRB_REDIS_URL": f"{server.url}/1", "CRB_SECRET": SECRET}
        configure(redis_url=f"{server.url}/1", secret=SECRET)
        self.granted = grant("ada", "lives", COST * TASKS)
        app = Celery(broker=f"{server.url}/0", set_as_current=False)
        with as_user(AuthContext("ada")):
            self.ids = [app.send_task("charged", (number,), queue=QUEUE).id for number in range(TASKS)]
        app.close()

    def waiting(self) -> int:
        """Messages that are queued or not acknowledged."""
        return int(self.broker.llen(QUEUE)) + int(self.broker.hlen("unacked"))

    def states(self) -> Counter[str]:
        """Ledger entries by state."""
        return Counter(self.ledger.hget(key, "state") for key in self.ledger.scan_iter("crb:ledger:*"))

    def check(self, *, lost_at_most: int) -> None:
        """Every task has ended and costs what its result says, and no credit is missing.

        lost_at_most: messages that the broker may have lost (docs/runtime/operations.md, "What can be lost").
        """
        until(lambda: check_balance("ada", "lives") and not self.ledger.zcard("crb:deadlines"), within=10, what="nothing is reserved")
        ended = 0
        for number, id in enumerate(self.ids):
            if self.broker.exists(f"celery-task-meta-{id}"):
                assert self.ledger.hget(f"crb:ledger:{id}", "state") == ("committed" if number % 10 else "refunded")
                ended += 1
        assert ended >= TASKS - lost_at_most
        assert check_balance("ada", "lives") + COST * self.states()["committed"] == self.granted


@pytest.fixture
def books() -> Iterator[Books]:
    binary = needed_redis_binary()
    server = RedisServer(binary, "--appendonly", "yes", "--appendfsync", "always")
    server.start()
    try:
        yield Books(server)
    finally:
        configure(redis_url=None, secret=None)
        server.remove()


def test_workers_are_killed(books: Books, tmp_path: Path) -> None:
    moments = random.Random()
    reserved = kills = 0
    while books.waiting():
        with worker(APP, QUEUE, "prefork", "-c", "2", env=books.env, log=tmp_path / "log") as process:
            if kills < 5:
                time.sleep(moments.uniform(0.1, 0.4))
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
                reserved += books.states()["reserved"]
            else:
                until(lambda: not books.waiting(), within=30, what="all messages are acknowledged")
    assert kills >= 3
    assert reserved, "no kill struck a run"
    books.check(lost_at_most=kills)


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_redis_is_killed_and_started_again(books: Books, tmp_path: Path, pool: str) -> None:
    """Broker, results and ledger at once. Celery 5.7 itself may end at that (consumer.py), so the worker is started again as a supervisor would."""
    stops, end = [10, 25], time.monotonic() + 60
    while books.waiting():
        with worker(APP, QUEUE, pool, "-c", "2", env=books.env, log=tmp_path / "log") as process:
            while process.poll() is None and books.waiting():
                if stops and books.states()["committed"] >= stops[0]:
                    stops.pop(0)
                    books.server.stop()
                    time.sleep(0.5)
                    books.server.start()
                assert time.monotonic() < end
                time.sleep(0.05)
    assert not stops
    books.check(lost_at_most=2)
