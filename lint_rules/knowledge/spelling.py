"""Which known name is a misspelt one meant to be?"""

from __future__ import annotations

from collections.abc import Iterable

LONG = 12
"""Characters from which a name may have two mistakes; a shorter one may have one."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The only known name that is closest, by one or two letters that are wrong, missing, too many or swapped; None where there is none."""
    most = 2 if len(name) >= LONG else 1
    found: dict[int, list[str]] = {}
    for each in known:
        if abs(len(each) - len(name)) <= most and (distance := mistakes(name, each)) <= most:
            found.setdefault(distance, []).append(each)
    best = found[min(found)] if found else []
    return best[0] if len(best) == 1 else None


def mistakes(written: str, meant: str) -> int:
    """The least number of letters to change, add, drop or swap with their neighbour (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for i, letter in enumerate(written, 1):
        above, before = before, row
        row = [i]
        for j, other in enumerate(meant, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == meant[j - 2] and written[i - 2] == other:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
    return row[-1]
