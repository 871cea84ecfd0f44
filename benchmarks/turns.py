"""How are calls of some microseconds compared on a machine that is never quiet? By turns, and by ratios within a round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

ROUNDS, CALLS = 60, 60

Series = Callable[[Iterable[int]], list[float]]
"""Makes a call for each number and gives the seconds that each took."""


def calls(call: Callable[[int], Any]) -> Series:
    """The series of a function."""

    def series(numbers: Iterable[int]) -> list[float]:
        times = []
        for number in numbers:
            start = time.perf_counter()
            call(number)
            times.append(time.perf_counter() - start)
        return times

    return series


def by_turns(competitors: Mapping[str, Series]) -> dict[str, list[float]]:
    """For each competitor the median of each round, in microseconds: `ROUNDS` rounds of `CALLS` calls each."""
    found: dict[str, list[float]] = {name: [] for name in competitors}
    for round_ in range(ROUNDS):
        numbers = range(round_ * CALLS, (round_ + 1) * CALLS)
        for name, series in competitors.items():
            found[name].append(statistics.median(series(numbers)) * 1e6)
    return found


def median_ratio(of: Sequence[float], to: Sequence[float], without: Sequence[float] | None = None) -> float:
    """The median over rounds of `of` (less what `without` took in the same round) / `to`."""
    without = without or [0.0] * len(of)
    return statistics.median((a - c) / b for a, b, c in zip(of, to, without))
