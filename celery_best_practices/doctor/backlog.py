"""What waits on a Redis broker? Messages by queue and priority, and those that workers have fetched and not acknowledged.

A queue is a list for each priority step: `emails`, `emails\\x06\\x163`... A message under a step or separator that its workers do not
read is never delivered (research/celery-facts.md 1). Fetched messages are in a hash, `unacked`, until they are acknowledged or the
visibility timeout has passed (7).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import redis

from celery_best_practices.doctor.findings import Questions

ROUNDS, ROUND, SCAN_SECONDS = 500, 1000, 3.0
"""How much of a database is looked through at most: rounds, keys in each, and for how long."""

BINDINGS = "_kombu.binding."
SEPARATORS = ("\x06\x16", ":")


@dataclass(frozen=True)
class Reading:
    """The lists of a queue that a worker reads, or a publisher writes: its priority steps and what stands before them in a key."""

    steps: tuple[int, ...]
    sep: str

    @classmethod
    def of(cls, channel: Any, options: Mapping[str, Any]) -> Reading:
        """By the transport options of a worker, with the defaults of this process' transport."""
        kind = type(channel)
        return cls(tuple(sorted(options.get("priority_steps") or kind.priority_steps)), options.get("sep") or kind.sep)

    def keys(self, queue: str) -> dict[str, int]:
        """Key -> step."""
        return {f"{queue}{self.sep}{step}" if step else queue: step for step in self.steps}


@dataclass(frozen=True)
class Waiting:
    """Messages in one list of a queue."""

    queue: str
    priority: int
    count: int
    key: str


@dataclass(frozen=True)
class Unacked:
    """Messages that workers have fetched and not acknowledged: running, prefetched, or waiting for their time."""

    count: int
    oldest: float | None
    """Seconds since the oldest was fetched."""


@dataclass(frozen=True)
class Backlog:
    """What a Redis broker holds."""

    waiting: tuple[Waiting, ...]
    """For each queue all priorities of the application, and other ones that hold messages."""
    unacked: Unacked | None
    visibility_timeout: float
    reading: Reading
    """As this application publishes."""
    control_queues: Mapping[str, str]
    """Workers that have, or had when they were killed, a control queue -> the `sep` they were started with."""


def ask_backlog(channel: Any, client: Any, queues: Iterable[str], control: str, questions: Questions) -> Backlog:
    """What waits in `queues`, and in all others that were ever declared on this broker.

    control: what the names of the workers' control queues end with.
    """
    prefix = channel.global_keyprefix
    reading = Reading(tuple(channel.priority_steps), channel.sep)
    bound = questions.ask("queues that were declared by others", lambda: _bound(client, prefix, reading.sep, questions)) or {}
    own, names = set(queues), {*queues, *(queue for queue in bound if queue and not queue.endswith(control))}
    expected = {key: (queue, step) for queue in sorted(names) for key, step in reading.keys(queue).items()}
    lengths = questions.ask("messages that wait in queues", lambda: _lengths(client, prefix, list(expected))) or {}
    used = {expected[key][0] for key, count in lengths.items() if count}
    waiting = [Waiting(*expected[key], count, key) for key, count in lengths.items() if expected[key][0] in own | used]
    waiting += (
        questions.ask("messages under priorities that nobody reads", lambda: _strays(client, prefix, names, expected, reading, questions))
        or []
    )
    return Backlog(
        waiting=tuple(sorted(waiting, key=lambda each: (each.queue, each.priority, each.key))),
        unacked=questions.ask("unacknowledged messages", lambda: _unacked(client, prefix, channel)),
        visibility_timeout=float(channel.visibility_timeout),
        reading=reading,
        control_queues={
            queue.removesuffix(control): sep
            for queue, sep in bound.items()
            if queue.endswith(control) and not queue.endswith(f".reply{control}")
        },
    )


def _bound(client: Any, prefix: str, own: str, questions: Questions) -> dict[str, str]:
    """The queues in kombu's binding tables -> the separator they were bound with; a member is routing key, pattern and queue."""
    tables = _scan(client, prefix + BINDINGS, "set", "queues that were declared by others", questions)
    members = [member.decode(errors="replace") for table in tables for member in client.smembers(table)]
    found: dict[str, str] = {}
    for member in members:
        sep = next((sep for sep in (SEPARATORS[0], own, *SEPARATORS) if sep in member), own)
        found[member.rpartition(sep)[2]] = sep
    return found


def _scan(client: Any, prefix: str, kind: str, what: str, questions: Questions) -> list[bytes]:
    """Keys of a kind that begin with `prefix`, as far as the bounds allow."""
    pattern = re.sub(r"([*?\[\]\\])", r"\\\1", prefix) + "*"
    found, cursor, end = [], 0, time.monotonic() + SCAN_SECONDS
    for _ in range(ROUNDS):
        cursor, keys = client.scan(cursor, match=pattern, count=ROUND, _type=kind)
        found += keys
        if cursor == 0:
            return found
        if time.monotonic() > end:
            break
    questions.skip(f"{what} (the rest)", f"the broker's database has too many keys to look through all ({client.dbsize()})")
    return found


def _lengths(client: Any, prefix: str, keys: list[str]) -> dict[str, int]:
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.llen(prefix + key)
        answers = pipe.execute(raise_on_error=False)
    if keys and all(isinstance(answer, redis.RedisError) for answer in answers):
        raise answers[0]
    return {key: answer for key, answer in zip(keys, answers) if isinstance(answer, int)}


def _strays(
    client: Any, prefix: str, queues: set[str], expected: Mapping[str, Any], reading: Reading, questions: Questions
) -> list[Waiting]:
    """Lists that look like a priority of a queue, are none that this application publishes to, and hold messages."""
    seps = "|".join(re.escape(sep) for sep in {*SEPARATORS, reading.sep} if sep)
    shape = re.compile(rf"(?P<queue>.+?)(?:{seps})(?P<step>\d)", re.DOTALL)
    found = []
    for raw in _scan(client, prefix, "list", "messages under priorities that nobody reads", questions):
        key = raw.decode(errors="replace").removeprefix(prefix)
        match = shape.fullmatch(key)
        if match and key not in expected and key not in queues and match["queue"] in queues and _is_message(client.lindex(raw, -1)):
            found.append(Waiting(match["queue"], int(match["step"]), client.llen(raw), key))
    return found


def _is_message(text: bytes | None) -> bool:
    """Whether it is a message of kombu: an application may keep lists of its own in the database."""
    try:
        message = json.loads(text or b"")
    except ValueError:
        return False
    return isinstance(message, dict) and "delivery_tag" in message.get("properties", ())


def _unacked(client: Any, prefix: str, channel: Any) -> Unacked:
    oldest = client.zrange(prefix + channel.unacked_index_key, 0, 0, withscores=True)
    return Unacked(client.hlen(prefix + channel.unacked_key), max(time.time() - oldest[0][1], 0.0) if oldest else None)
