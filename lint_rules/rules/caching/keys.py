"""Where does a finding about a key stand, and which keys are worth one of their own?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from lint_rules.findings import Place, Related
from lint_rules.project.project import Project
from lint_rules.project.stores.model import CacheUse, KeyTemplate

IN_PROCESS = frozenset({"cachetools", "diskcache"})
"""Caches of which each object is a store of its own: nobody else's keys are in it."""

MOST_RELATED = 5


class Keyed(Struct, frozen=True, eq=False):
    """A key where it is used first, and the other uses of the function that makes it."""

    use: CacheUse
    key: KeyTemplate
    others: tuple[CacheUse, ...] = ()

    @property
    def place(self) -> Place:
        """Where the key is written."""
        return place_of(self.use, self.key)

    @property
    def related(self) -> tuple[Related, ...]:
        """Where else the key is used."""
        found = {(each.file, each.row): Related(each.file, each.row, "the same key") for each in self.others}
        found.pop((self.place.file, self.place.row), None)
        return tuple(found.values())[:MOST_RELATED]


def place_of(use: CacheUse, key: KeyTemplate | None = None) -> Place:
    """Where a key is written: the assignment, else the call."""
    row = key.row if key is not None else use.row
    file = key.file if key is not None else use.file
    for call in use.calls:
        if call.file == file and call.call.span.row == row:
            return Place.of(file, call.call.span)
    return Place.row_of(file, row)


def keyed(project: Project, wanted: Callable[[CacheUse, KeyTemplate], bool]) -> Iterator[Keyed]:
    """The first wanted key of each use that calls make; keys that one function makes for a whole file are one."""
    groups: dict[object, list[tuple[CacheUse, KeyTemplate]]] = {}
    for use in project.stores.uses:
        key = next((each for each in use.keys if wanted(use, each)), None) if use.form == "calls" else None
        if key is not None:
            groups.setdefault((use.file, key.maker) if key.maker else id(use), []).append((use, key))
    for (use, key), *others in groups.values():
        yield Keyed(use, key, tuple(other for other, _ in others))
