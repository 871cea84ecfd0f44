"""How far is another machine's clock from ours? Told from one reading that was made between two of ours."""

from __future__ import annotations

import time
from typing import Any


def skew(theirs: float, before: float, after: float) -> float:
    """Seconds that their clock is at least ahead of ours (below 0: behind), when they read it between our `before` and `after`."""
    return max(theirs - after, 0.0) or min(theirs - before, 0.0)


def worker_skews(app: Any, connection: Any, names: list[str], timeout: float) -> dict[str, float]:
    """Worker -> skew, of the workers that send a heartbeat event when they are asked to (all but those that send no events at all).

    Timestamps are taken as sent: Celery's own event receiver shifts those of workers in other time zones.
    """
    found: dict[str, float] = {}
    asked = 0.0

    def on_event(body: Any, _: Any) -> None:
        for event in body if isinstance(body, list) else [body]:
            if event.get("type") == "worker-heartbeat" and event.get("hostname") in names and event["hostname"] not in found:
                found[event["hostname"]] = skew(event["timestamp"], asked, time.time())

    with connection.channel() as channel:
        receiver = app.events.Receiver(channel)
        with connection.Consumer([receiver.queue], channel=channel, callbacks=[on_event], no_ack=True, accept=receiver.accept):
            _drain(connection, 0.1)  # the subscription is made by listening
            found.clear()
            asked = time.time()
            app.control.broadcast("heartbeat", destination=names, connection=connection, channel=channel)
            while len(found) < len(names) and (left := asked + timeout - time.time()) > 0:
                _drain(connection, left)
    return found


def _drain(connection: Any, timeout: float) -> None:
    try:
        connection.drain_events(timeout=timeout)
    except TimeoutError:
        return
