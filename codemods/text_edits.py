"""A file as its reader sees it (`\\n` line ends, no byte order mark), edited character by character; all other bytes stay what they are."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property

from msgspec import Struct

from codemods.change import Refused
from lint_rules.deploy.text import Source

MARK = "\ufeff"
_LINE_END = re.compile(r"\r\n?|\n")


class TextEdit(Struct, frozen=True, order=True):
    """The characters from `start` to before `end` become `text`."""

    start: int
    end: int
    text: str = ""

    def touches(self, start: int, end: int) -> bool:
        """Whether some characters overlap with it or stand next to it."""
        return start <= self.end and self.start <= end


class Written:
    """The bytes of a file, and its text."""

    def __init__(self, file: str, data: bytes) -> None:
        """Decode the bytes.

        Raises:
            Refused: they are no UTF-8.
        """
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise Refused("the file is not valid UTF-8") from None
        self.mark = MARK if text.startswith(MARK) else ""
        self.raw = text[len(self.mark) :]
        self.source = Source(file, _LINE_END.sub("\n", self.raw))

    @cached_property
    def _long_ends(self) -> list[int]:
        """The offsets, in the text, of line ends that are two characters in the file."""
        found: list[int] = []
        for end in _LINE_END.finditer(self.raw):
            if len(end[0]) == 2:
                found.append(end.start() - len(found))
        return found

    def place(self, offset: int) -> int:
        """The offset in the file (in code points, behind the byte order mark) of a character of the text."""
        return offset + bisect_left(self._long_ends, offset)

    def edited(self, edits: Iterable[TextEdit]) -> bytes:
        """The bytes with edits made, which must not overlap; new lines end as those around them."""
        parts = [self.mark]
        done = 0
        for edit in sorted(edits):
            start, end = self.place(edit.start), self.place(edit.end)
            parts += [self.raw[done:start], edit.text.replace("\n", self._line_end(start))]
            done = end
        return "".join([*parts, self.raw[done:]]).encode()

    def _line_end(self, start: int) -> str:
        found = _LINE_END.search(self.raw, start) or _LINE_END.search(self.raw)
        return found[0] if found else "\n"


def shifted(edits: Sequence[TextEdit]) -> list[TextEdit]:
    """For each edit, where its text stands once all are made, and what it took the place of is left out."""
    found = []
    moved = 0
    for edit in sorted(edits):
        found.append(TextEdit(edit.start + moved, edit.start + moved + len(edit.text), edit.text))
        moved += len(edit.text) - (edit.end - edit.start)
    return found
