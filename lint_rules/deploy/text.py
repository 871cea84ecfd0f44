"""Text that knows where in its file each of its characters stands, through unquoting, joining and cutting."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property

from lint_rules.facts.model import Span

NOWHERE = -1
"""The offset of a character that the file does not contain as such: of a variable's value, of an escape."""


class Source:
    """The text of one file (`\\n` line ends). `file` is its path relative to the root."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        place = self.text.find("\n")
        while place >= 0:
            starts.append(place + 1)
            place = self.text.find("\n", place + 1)
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """Row (from 1) and column (from 0) of a character."""
        row = bisect_right(self._starts, offset)
        return row, offset - self._starts[row - 1]

    def offset(self, row: int, column: int) -> int:
        """The offset of a row (from 1) and column (from 0)."""
        return self._starts[row - 1] + column

    def span(self, start: int, end: int) -> Span:
        """The span of the characters from `start` to before `end`."""
        return Span(*self.position(start), *self.position(end))

    def cut(self, start: int, end: int) -> Text:
        """The characters from `start` to before `end`, as they stand."""
        return Text(self, self.text[start:end], tuple(range(start, end)))

    @property
    def whole(self) -> Text:
        """All of it."""
        return self.cut(0, len(self.text))


class Text:
    """Some text of a source. Immutable; slices and sums keep the places."""

    __slots__ = ("offsets", "source", "value")

    def __init__(self, source: Source, value: str, offsets: tuple[int, ...]) -> None:
        assert len(value) == len(offsets)
        self.source = source
        self.value = value
        self.offsets = offsets
        """For each character its offset in the file, or `NOWHERE`."""

    @classmethod
    def of_nowhere(cls, source: Source, value: str) -> Text:
        """Text that the file does not contain as such."""
        return cls(source, value, (NOWHERE,) * len(value))

    @classmethod
    def together(cls, source: Source, parts: Iterable[Text]) -> Text:
        """The parts as one text of `source`: characters of other files stand nowhere in it."""
        value: list[str] = []
        offsets: list[int] = []
        for part in parts:
            value.append(part.value)
            offsets += part.offsets if part.source is source else (NOWHERE,) * len(part)
        return cls(source, "".join(value), tuple(offsets))

    def __str__(self) -> str:
        return self.value

    def __repr__(self) -> str:
        return f"Text({self.value!r})"

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, piece: slice) -> Text:
        return Text(self.source, self.value[piece], self.offsets[piece])

    def __add__(self, other: Text) -> Text:
        return Text(self.source, self.value + other.value, self.offsets + other.offsets)

    def joined(self, parts: Iterable[Text]) -> Text:
        """The parts with this text between them."""
        found: Text | None = None
        for part in parts:
            found = part if found is None else found + self + part
        return found if found is not None else self[:0]

    def stripped(self) -> Text:
        """Without white space at either end."""
        start = len(self.value) - len(self.value.lstrip())
        return self[start : start + len(self.value.strip())]

    def lines(self) -> list[Text]:
        """The lines, without their ends."""
        found, start = [], 0
        for line in self.value.split("\n"):
            found.append(self[start : start + len(line)])
            start += len(line) + 1
        return found

    @property
    def stands(self) -> bool:
        """Whether the file contains it as such: some characters, one after the other."""
        first = self.offsets[0] if self.offsets else NOWHERE
        return first != NOWHERE and self.offsets == tuple(range(first, first + len(self.offsets)))

    @property
    def span(self) -> Span | None:
        """Where it stands, from its first known character to its last; None where no character is known."""
        known = [offset for offset in self.offsets if offset != NOWHERE]
        return self.source.span(min(known), max(known) + 1) if known else None
