"""Which sections and entries does an INI file have?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from lint_rules.deploy.notations.literals import concatenated
from lint_rules.deploy.text import Source, Text

_SECTION = re.compile(r"\[(.+)\]")
_ENTRY = re.compile(r"\s*([\w.:-]+?)\s*[=:]\s*(.*)")
_COMMENT = re.compile(r"\s*(?:[;#]|\{%|$)")
"""Comments, lines of a template language, and nothing."""


class Entry(Struct, frozen=True):
    """`name = value`; the value may go on over indented lines."""

    name: str
    value: Text
    row: int


class Section(Struct, frozen=True):
    """`[name]` and what stands under it."""

    name: str
    row: int
    entries: tuple[Entry, ...]

    def last(self, name: str) -> Text | None:
        """The value of that name that counts."""
        found = [entry.value for entry in self.entries if entry.name.lower() == name]
        return found[-1] if found else None

    def all(self, name: str) -> list[Text]:
        """All values of that name."""
        return [entry.value for entry in self.entries if entry.name.lower() == name]


def read_ini(source: Source, flat: frozenset[str] = frozenset()) -> list[Section]:
    """The sections. In those named in `flat` an indented line is an entry like any other and continues nothing."""
    return [Section(name, row, tuple(_entries(lines, name in flat))) for name, row, lines in _sections(source)]


def _sections(source: Source) -> Iterator[tuple[str, int, list[tuple[int, Text]]]]:
    name, row = "", 0
    lines: list[tuple[int, Text]] = []
    for number, line in enumerate(source.whole.lines(), 1):
        header = _SECTION.match(line.value)
        if header:
            if row:
                yield name, row, lines
            name, row, lines = header[1].strip(), number, []
        elif not _COMMENT.match(line.value):
            lines.append((number, line))
    if row:
        yield name, row, lines


def _entries(lines: list[tuple[int, Text]], flat: bool) -> Iterator[Entry]:
    name, row = "", 0
    parts: list[Text] = []
    for number, line in (*lines, (0, None)):
        if line is not None and parts and not flat and line.value[0].isspace():
            parts += (Text.of_nowhere(line.source, "\n"), line)
            continue
        if parts:
            yield Entry(name, concatenated(parts[0].source, parts).stripped(), row)
        entry = _ENTRY.fullmatch(line.value) if line is not None else None
        parts = [line[entry.start(2) :]] if entry and line is not None else []
        name, row = (entry[1], number) if entry else ("", 0)
