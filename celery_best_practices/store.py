"""How does the runtime talk to Redis? One round trip a question, and no waiting for a server that is away.

redis-py's own defaults spend 4.6 s on each call when the server is down, and its client and pool a third of a call on loopback
(research/runtime.md 5): so its connections are used directly here. An outage costs one failed attempt a second and process.
What needs no answer is not waited for: the next question on that connection reads it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha1
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from celery_best_practices.runtime_settings import ConfigurationMissing, on_change, settings

log = logging.getLogger("celery_best_practices")

PAUSE = 1.0
"""Seconds after a failed attempt during which no other is made."""

Argument = str | bytes | int


class StoreDown(Exception):
    """Redis does not answer, or cannot do what it is there for."""


class Store:
    """The Redis of cache, limits and credits. Safe for threads; a process that forks forgets it."""

    def __init__(self, url: str, timeout: float) -> None:
        self._pool = redis.ConnectionPool.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0), decode_responses=False
        )
        self._idle: deque[_Connection] = deque()
        self._digests: dict[str, bytes] = {}
        self._known: set[str] = set()
        """Scripts that the server has."""
        self._down_until = 0.0

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run one of `scripts` and give its answer. Raises StoreDown."""
        words = (self._digest(script), len(keys), *keys, *arguments)
        try:
            answer = self.command("EVALSHA", *words)
        except redis.exceptions.NoScriptError:
            self._known.clear()
            answer = self.command("EVAL", script, *words[1:])
        self._known.add(script)
        return answer

    def send(self, script: str, keys: Sequence[str], arguments: Sequence[Argument], lost: Callable[[], None]) -> None:
        """Run one of `scripts` without waiting for its answer. Raises StoreDown.

        lost: called later, in whatever thread asks next, if it turns out that the script may not have been run.
        """
        if script in self._known:
            self._attempt(("EVALSHA", self._digest(script), len(keys), *keys, *arguments), lost)
        else:
            self.run(script, keys, arguments)

    def command(self, *words: Argument) -> Any:
        """Run one command and give the bare answer. Raises StoreDown."""
        return self._attempt(words, None)

    def close(self) -> None:
        """Read the answers that nobody waited for, and leave."""
        for connection in self._take_idle():
            with suppress(redis.RedisError):
                connection.catch_up()
            connection.close()

    def _digest(self, script: str) -> bytes:
        digest = self._digests.get(script)
        if digest is None:
            digest = self._digests[script] = sha1(script.encode(), usedforsecurity=False).hexdigest().encode()
        return digest

    def _attempt(self, words: tuple[Argument, ...], lost: Callable[[], None] | None) -> Any:
        if time.monotonic() < self._down_until:
            raise StoreDown("Redis did not answer a moment ago.")
        try:
            try:
                connection = self._idle.popleft()  # in turn, so that no answer waits for long
            except IndexError:
                return self._talk(_Connection(self._pool.connection_class(**self._pool.connection_kwargs)), words, lost)
            try:
                return self._talk(connection, words, lost)
            except redis.ConnectionError:  # it may be of before the server restarted, and all idle ones with it
                self._leave_server()
                return self._talk(connection, words, lost)
        except (redis.ConnectionError, redis.TimeoutError, redis.exceptions.ReadOnlyError, redis.exceptions.OutOfMemoryError) as error:
            self._leave_server()
            self._down_until = time.monotonic() + PAUSE
            log.warning("Redis is away: caches and limits let tasks run, tasks that cost credits wait: %s", error)
            raise StoreDown(f"Redis: {error}") from error

    def _talk(self, connection: _Connection, words: tuple[Argument, ...], lost: Callable[[], None] | None) -> Any:
        """One question on one connection, which is idle afterwards."""
        answer = None
        try:
            if lost is None:
                answer = connection.ask(words)
            else:
                connection.tell(words, lost)
        except redis.ResponseError:
            self._idle.append(connection)
            raise
        except BaseException:  # an answer may still come: nobody else must read it
            connection.close()
            raise
        self._idle.append(connection)
        return answer

    def _leave_server(self) -> None:
        """Forget what is known of the server: it may be another one by now."""
        self._known.clear()
        for connection in self._take_idle():
            connection.close()

    def _take_idle(self) -> Iterator[_Connection]:
        """All idle connections, out of the reach of other threads."""
        with suppress(IndexError):
            while True:
                yield self._idle.pop()


class _Connection:
    """A connection of redis-py, and whom to call if what was sent on it has not been run."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.unanswered: deque[Callable[[], None]] = deque()

    def ask(self, words: Sequence[Argument]) -> Any:
        self.raw.send_packed_command([_packed(words)], check_health=False)
        self.catch_up()
        return self.raw.read_response()

    def tell(self, words: Sequence[Argument], lost: Callable[[], None]) -> None:
        self.raw.send_packed_command([_packed(words)], check_health=False)
        self.unanswered.append(lost)

    def catch_up(self) -> None:
        """Read the answers that nobody waited for."""
        while self.unanswered:
            try:
                self.raw.read_response()
            except redis.ResponseError as error:
                log.warning("Redis refused the end of a run: %s", error)
                self.unanswered[0]()
            self.unanswered.popleft()

    def close(self) -> None:
        """Leave; whatever has no answer may not have been run."""
        self.raw.disconnect()
        while self.unanswered:
            self.unanswered.popleft()()


def _packed(words: Sequence[Argument]) -> bytes:
    """A command as Redis reads it (RESP)."""
    parts = [word if type(word) is bytes else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts])


_store: Store | None = None
_lock = threading.Lock()


def store() -> Store:
    """The store of this process. Raises ConfigurationMissing where no Redis is configured."""
    global _store
    if _store is None:
        with _lock:
            url = settings().redis_url
            if url is None:
                raise ConfigurationMissing("No Redis is configured: configure(redis_url=…) or CRB_REDIS_URL (a database of its own).")
            _store = Store(url, settings().redis_timeout)
    return _store


def leave() -> None:
    """Read the answers that nobody in this process waited for, and close its connections."""
    if _store is not None:
        _store.close()


def _forget() -> None:
    global _store, _lock
    _store, _lock = None, threading.Lock()


on_change(_forget)
os.register_at_fork(after_in_child=_forget)
