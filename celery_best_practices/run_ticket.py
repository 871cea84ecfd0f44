"""What does an admitted run owe? Its result to the cache, its charge to the ledger, its lock to the next run."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from os import register_at_fork, urandom
from typing import Any

from celery.exceptions import Retry

from celery_best_practices import codec
from celery_best_practices.cache_key import NotCacheable
from celery_best_practices.outcomes import tell
from celery_best_practices.scripts import FINISH
from celery_best_practices.store import Argument, StoreDown, store

log = logging.getLogger("celery_best_practices")

_process = f"{urandom(12).hex()}-"
_runs = count()


def _new_process() -> None:
    global _process
    _process = f"{urandom(12).hex()}-"


register_at_fork(after_in_child=_new_process)

_unsettled: deque[tuple[str, str]] = deque(maxlen=100_000)
"""What became of charges (task id, outcome) that Redis may not know."""


@dataclass
class Ticket:
    """One run that has been let in."""

    task: str
    task_id: str
    key: str
    """Of the result; empty where it is not cached."""
    ttl: float
    longest: float
    """Seconds after which the run must have ended."""
    charged: bool
    hold: float
    """Seconds that a reservation lasts."""
    counter: str = ""
    """A counter to raise at the end."""

    def __post_init__(self) -> None:
        self.token = f"{_process}{next(_runs)}"
        self.lock = f"{self.key}:lock" if self.key else ""

    def succeeded(self, result: Any) -> None:
        """Store the result and commit the charge."""
        value = b""
        if self.key:
            try:
                value = codec.encode(result)
            except NotCacheable:
                self.counter = f"{self.task}:uncacheable"
                tell(self.task, "uncacheable")
        self._finish("commit", value, self.hold, wait=False)  # nothing that anybody sees next depends on it

    def failed(self) -> None:
        """Give the charge back."""
        self._finish("refund", b"", self.hold, wait=True)

    def retried(self, retry: Retry) -> None:
        """Keep the charge for the next run of this task id."""
        when = retry.when
        wait = (when - datetime.now(when.tzinfo)).total_seconds() if isinstance(when, datetime) else float(when or 0)
        self._finish("keep", b"", self.hold + wait, wait=True)

    def _finish(self, outcome: str, value: bytes, hold: float, *, wait: bool) -> None:
        if not (self.key or self.charged or self.counter):
            return
        ttl = int(self.ttl * 1000) or 1 if value else 0
        keys = [self.key, self.lock]
        arguments: list[Argument] = [self.token, outcome if self.charged else "", self.task_id, value, ttl, int(hold * 1e6), self.counter]

        def lost() -> None:
            if self.charged and outcome != "keep":
                _unsettled.append((self.task_id, outcome))

        try:
            if wait:
                store().run(FINISH, keys, arguments)
            else:
                store().send(FINISH, keys, arguments, lost)
        except StoreDown as error:
            log.warning("%s[%s] ended while Redis is away: %s", self.task, self.task_id, error)
            lost()


def settle() -> None:
    """Tell the ledger what became of charges that Redis may not know. Raises StoreDown where it is away."""
    while _unsettled:
        task_id, outcome = _unsettled.popleft()
        try:
            store().run(FINISH, ["", ""], ["", outcome, task_id, "", 0, 0, ""])
        except StoreDown:
            _unsettled.appendleft((task_id, outcome))
            raise
