"""What a Redis does with queues when its memory is full, and when it restarts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from tests.claims.workers import PATIENCE, claim
from tests.runtime.servers import RedisServer, needed_redis_binary, until

PAYLOAD = "x" * 20_000
KEPT, MOST = 20, 2_000
"""Messages of a queue that should survive, and messages of another that are enough to fill the memory."""


@pytest.fixture
def broker() -> Iterator[Callable[..., RedisServer]]:
    """Start a Redis with options of its own."""
    binary = needed_redis_binary()
    started: list[RedisServer] = []

    def start(*options: str) -> RedisServer:
        started.append(RedisServer(binary, *options))
        started[-1].start()
        return started[-1]

    yield start
    for server in started:
        server.remove()


@pytest.fixture
def sends() -> Iterator[Callable[[RedisServer, str], None]]:
    """Send a task to a queue of a Redis."""
    apps: dict[str, Celery] = {}

    def send(server: RedisServer, queue: str) -> None:
        app = apps.setdefault(server.url, Celery("producer", broker=server.url, set_as_current=False))
        app.send_task("any", (PAYLOAD,), queue=queue)

    yield send
    for app in apps.values():
        app.close()


def fill(server: RedisServer, send: Callable[[RedisServer, str], None], until_gone: str) -> bool:
    """Send to a second queue until Redis has dropped the first; whether it has."""
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        for _ in range(MOST):
            send(server, "reports")
            if not client.exists(until_gone):
                return True
    return False


def limited_to(server: RedisServer, policy: str, send: Callable[[RedisServer, str], None]) -> None:
    """Send some tasks, then leave two more megabytes."""
    for _ in range(KEPT):
        send(server, "emails")
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        until(lambda: client.object("idletime", "emails") >= 2, within=PATIENCE, what="the queue was not used for two seconds")
        client.config_set("maxmemory-policy", policy)
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 2_000_000)


def test_an_evicting_broker_loses_a_whole_queue(broker: Callable[..., RedisServer], sends: Callable[[RedisServer, str], None]) -> None:
    server = broker("--maxmemory-samples", "10")
    limited_to(server, "allkeys-lru", sends)
    claim(fill(server, sends, until_gone="emails"), "CRB605: on allkeys-lru a whole queue vanishes, and sending raises nothing")


@pytest.mark.parametrize("policy", ["noeviction", "volatile-lru"])
def test_a_full_broker_raises(broker: Callable[..., RedisServer], sends: Callable[[RedisServer, str], None], policy: str) -> None:
    row = f"CRB605: on {policy} sending raises when the memory is full, and no queue is lost"
    server = broker()
    limited_to(server, policy, sends)
    try:
        lost = fill(server, sends, until_gone="emails")
    except OperationalError as error:
        claim("maxmemory" in str(error), f"{row}, but {error}")
    else:
        claim(False, f"{row}, but nothing was raised, and the other queue is {'lost' if lost else 'still there'}")
    with redis.Redis.from_url(server.url) as client:
        claim(client.llen("emails") == KEPT, row)


@pytest.mark.parametrize(("appendonly", "left"), [("no", 0), ("yes", KEPT)])
def test_a_restart(broker: Callable[..., RedisServer], sends: Callable[[RedisServer, str], None], appendonly: str, left: int) -> None:
    server = broker("--appendonly", appendonly)
    for _ in range(KEPT):
        sends(server, "emails")
    server.stop()
    server.start()
    with redis.Redis.from_url(server.url) as client:
        found = client.llen("emails")
    claim(
        found == left, f'CRB604: after a restart with save "" and appendonly {appendonly}, {left} of {KEPT} messages are left, but {found}'
    )
