"""What became of calls at the gate? Whoever listens is told, in the process that ran the task."""

from __future__ import annotations

from collections.abc import Callable

OUTCOMES = ("hit", "miss", "uncacheable", "limited", "poor", "denied", "outage")
"""hit, miss: of the cache; uncacheable: arguments or result have no exact text; limited: over the rate limit; poor: too few
credits; denied: no role, no user or no valid signature; outage: Redis was away."""

_listeners: list[Callable[[str, str], None]] = []


def listen(listener: Callable[[str, str], None]) -> None:
    """Call `listener(task name, outcome)` for what happens from now on."""
    _listeners.append(listener)


def tell(task: str, outcome: str) -> None:
    """Tell the listeners."""
    for listener in _listeners:
        listener(task, outcome)
