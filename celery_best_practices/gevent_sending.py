"""How does a coroutine send tasks under gevent? On connections of its loop's thread.

Sockets belong to the hub they were used with first: a connection of the application's pool fails in the thread of a loop with
"Cannot switch to a different thread".
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from gevent.monkey import get_original
from kombu.pools import ProducerPool

MAX_CONNECTIONS = 4
"""Enough: a send blocks the loop, so only code in `asyncio.to_thread` sends at the same time."""


class _OwnProducers:
    """An application's `producer_or_acquire`, with a pool of its own in each native thread but the one it is made in."""

    def __init__(self, app: Any) -> None:
        self.app, self.original = app, app.producer_or_acquire
        self.native_thread = get_original("_thread", "get_ident")
        self.home = self.native_thread()
        self.local = get_original("threading", "local")()

    def __call__(self, producer: Any = None) -> AbstractContextManager[Any]:
        if producer is not None or self.native_thread() == self.home:
            return self.original(producer)  # type: ignore[no-any-return]
        if not hasattr(self.local, "producers"):
            connections = self.app.connection_for_write().Pool(limit=MAX_CONNECTIONS)
            self.local.producers = ProducerPool(connections, limit=MAX_CONNECTIONS)  # type: ignore[no-untyped-call]
        return self.local.producers.acquire(block=True)  # type: ignore[no-any-return]


def own_connections_by_thread(app: Any) -> None:
    """Let what other native threads than this one send with `app` go over connections of their own."""
    if not isinstance(app.producer_or_acquire, _OwnProducers):
        app.producer_or_acquire = _OwnProducers(app)
