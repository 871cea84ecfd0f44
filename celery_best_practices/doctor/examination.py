"""What is wrong with the live cluster? Ask workers and Redis, compare with what the code expects."""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis
from kombu.exceptions import KombuError

from celery_best_practices.doctor import queue_checks, redis_checks, worker_checks
from celery_best_practices.doctor.application import CannotExamine
from celery_best_practices.doctor.backlog import Backlog, Reading, Waiting, ask_backlog
from celery_best_practices.doctor.cluster import Worker, ask_workers
from celery_best_practices.doctor.expected import ExpectedTask, expected_tasks
from celery_best_practices.doctor.findings import SEVERITIES, Finding, NotChecked, Questions
from celery_best_practices.doctor.redis_server import BROKER, RedisServer, ask_redis, other_servers, shown_url
from celery_best_practices.operations import declaration_of

ON_REDIS = ("the broker's eviction, persistence and replicas", "backlog and priorities", "unacknowledged messages and visibility timeout")

LOOK_ON = {"polling_interval": 0.05, "ack_emulation": False}
"""Transport options of who only looks on: a read that blocks can swallow the answer to the next request, so none does for long; and
kombu lets everybody who reads from Redis put overdue messages back into their queues, which is for workers to do."""

Seen = Callable[[], tuple[Mapping[str, str], list[str]]]
"""Gives task name -> workload of what tasks were seen to do, and what could not be read."""


@dataclass(frozen=True)
class Examination:
    """What was asked and answered, and what it comes to."""

    app: str
    broker: str
    """Its URL without password."""
    tasks: tuple[ExpectedTask, ...]
    workers: tuple[Worker, ...]
    backlog: Backlog | None
    servers: tuple[RedisServer, ...]
    findings: tuple[Finding, ...]
    """The worst first."""
    not_checked: tuple[NotChecked, ...]


def examine(app: Any, *, name: str, seen: Seen, timeout: float = 2.0, threshold: int = 1000) -> Examination:
    """Ask the cluster of `app` for at most some `timeout` seconds a question.

    name: of the application, for the report; seen: see `Seen`; threshold: messages in a queue that are too many.

    Raises CannotExamine when the broker does not answer.
    """
    questions = Questions()
    tasks, findings = expected_tasks(app, _seen(app, seen, questions), questions)
    with _broker(app, timeout) as connection:
        questions.refusals = (redis.RedisError, KombuError, OSError, *connection.connection_errors, *connection.channel_errors)
        workers: list[Worker] | None = None
        if connection.transport.driver_type == "memory":
            questions.skip("workers", "memory:// is a broker inside one process: only that process reaches its workers")
        else:
            workers = questions.ask("workers", lambda: ask_workers(app, connection, timeout, questions))
        backlog, servers = _ask_redis(app, connection, tasks, workers or [], questions)
        readings = _readings(connection.default_channel, workers or []) if backlog else {}
    servers += other_servers(app, timeout, questions)
    findings += _worker_findings(app, workers, tasks, backlog)
    if backlog:
        findings += queue_checks.priorities(backlog, readings, queue_checks.consumers(workers or []))
        findings += queue_checks.backlogs(backlog.waiting, threshold)
        findings += queue_checks.visibility(backlog, tasks)
    findings += redis_checks.eviction(servers, any(task.costs_credits for task in tasks))
    findings += redis_checks.durability(servers, connection.transport_cls == "sentinel")
    findings += redis_checks.sharing(servers)
    findings += worker_checks.clocks({f"the {server.purpose}'s Redis": server.skew for server in servers})
    return Examination(
        app=name,
        broker=shown_url(app.conf.broker_read_url or connection.as_uri()),
        tasks=tuple(tasks),
        workers=tuple(workers or ()),
        backlog=backlog,
        servers=tuple(servers),
        findings=tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))),
        not_checked=tuple(questions.unanswered),
    )


def _seen(app: Any, seen: Seen, questions: Questions) -> Mapping[str, str]:
    if all(declaration_of(task)[0] for name, task in app.tasks.items() if not name.startswith("celery.")):
        return {}
    try:
        workloads, problems = seen()
    except Exception as error:  # reading the source is a bonus: whatever goes wrong there, the cluster is examined
        questions.skip("workloads of tasks that declare none", f"the code could not be analysed ({type(error).__name__}: {error})")
        return {}
    for problem in problems:
        questions.skip("workloads of tasks that declare none", problem)
    return workloads


def _worker_findings(app: Any, workers: list[Worker] | None, tasks: list[ExpectedTask], backlog: Backlog | None) -> Iterator[Finding]:
    if workers is None:
        return
    waiting: Iterable[Waiting] = backlog.waiting if backlog else ()
    silent = list(worker_checks.silence(workers, backlog.control_queues, backlog.reading.sep)) if backlog else []
    unsure = bool(silent) or any(worker.queues is None for worker in workers)
    yield from queue_checks.nobody_works(workers, tasks, waiting, unsure)
    yield from silent
    yield from worker_checks.pools(workers, tasks)
    yield from worker_checks.prefetch(workers, tasks, _prioritised(tasks, waiting))
    yield from worker_checks.stuck(app, workers)
    yield from worker_checks.clocks({worker.name: worker.skew for worker in workers})


def _prioritised(tasks: Iterable[ExpectedTask], waiting: Iterable[Waiting]) -> set[str]:
    """The queues whose messages have priorities: of tasks that carry one, and those in which different ones wait."""
    used: dict[str, set[int]] = defaultdict(set)
    for each in waiting:
        if each.count:
            used[each.queue].add(each.priority)
    return {task.queue for task in tasks if task.prioritised} | {queue for queue, found in used.items() if len(found) > 1}


def _ask_redis(
    app: Any, connection: Any, tasks: list[ExpectedTask], workers: list[Worker], questions: Questions
) -> tuple[Backlog | None, list[RedisServer]]:
    """What waits on the broker, and what its Redis says of itself."""
    if connection.transport.driver_type != "redis":
        for what in ON_REDIS:
            questions.skip(what, f"the broker is {connection.transport.driver_name or connection.transport_cls}, not Redis")
        return None, []
    channel = connection.default_channel
    client = redis.Redis(connection_pool=channel.pool)
    queues = {*app.amqp.queues, *(task.queue for task in tasks), *(queue for worker in workers for queue in worker.queues or ())}
    server = ask_redis(client, BROKER, shown_url(connection.as_uri(include_password=True)), questions)
    return ask_backlog(channel, client, queues, f".{app.conf.control_exchange}.pidbox", questions), [server] if server else []


def _readings(channel: Any, workers: Iterable[Worker]) -> dict[str, Reading]:
    return {worker.name: Reading.of(channel, worker.transport_options) for worker in workers if worker.transport_options is not None}


@contextmanager
def _broker(app: Any, timeout: float) -> Iterator[Any]:
    """A connection to the broker. Raises CannotExamine without waiting for a client's retries when nobody answers."""
    url = app.conf.broker_read_url or ""
    try:
        options = {"socket_timeout": timeout + 1, "socket_connect_timeout": timeout, **LOOK_ON}
        connection = app.connection_for_read(transport_options=options if "redis" in url or "sentinel" in url else {})
    except ValueError:
        raise CannotExamine(
            f"the broker's URL ({shown_url(url)}) cannot be read: special characters in a password must be %-encoded."
        ) from None
    with connection:
        shown = shown_url(url or connection.as_uri())
        try:
            if connection.transport_cls in ("redis", "rediss"):
                _knock(connection, timeout)
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=timeout)
            _ = connection.default_channel
        except (KombuError, redis.RedisError, *connection.connection_errors, *connection.channel_errors) as error:
            said = str(error).partition(" : <")[0]  # Sentinel's errors go on with the clients they tried
            raise CannotExamine(f"the broker {shown} does not answer: {said}. Is it running, and reachable from here?") from error
        except ImportError as error:
            raise CannotExamine(f"the client of the broker {shown} is not installed: {error}.") from error
        yield connection


def _knock(connection: Any, timeout: float) -> None:
    """Raise OSError unless something at the broker's address takes a connection and, without TLS, says anything."""
    host, port = connection.hostname or "127.0.0.1", connection.port or connection.transport.default_port
    if "://" in host:
        return  # a Unix socket
    with socket.create_connection((host, port), timeout) as probe:
        if not connection.ssl:
            probe.sendall(b"PING\r\n")
            probe.recv(1)
