"""What stands around a piece of a deployment file: an item of a list, a comment, a template that decides?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from codemods.change import Refused
from codemods.command_site import Change
from lint_rules.deploy.text import Source
from lint_rules.facts.model import Span

ITEM = re.compile(r"[ \t]*- +(?P<properties>(?:[&!]\S+ +)*)")
COMMENT = re.compile(r"(?:(?<=[\s,\[])|^)(?:#|//)[^\n]*\Z", re.MULTILINE)
"""One that ends the last line of a text."""

CONTROL = re.compile(r"\{%|\{\{-?\s*(?:if|else|end|range|with|define|block)\b")


class Place(Struct, frozen=True):
    """A piece of a source, by offsets."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        """The characters."""
        return self.source.text[self.start : self.end]

    @property
    def before(self) -> str:
        """What stands before it on its line."""
        return self.source.text[self.source.text.rfind("\n", 0, self.start) + 1 : self.start]

    @property
    def behind(self) -> str:
        """What stands behind it on its last line."""
        end = self.source.text.find("\n", self.end)
        return self.source.text[self.end : end if end >= 0 else len(self.source.text)]

    @property
    def above(self) -> str:
        """The line above it, without the space around that."""
        return self.source.text[: self.start - len(self.before)].rstrip("\n").rpartition("\n")[2].strip()

    @property
    def quoted(self) -> bool:
        """Whether quotes stand around it, or are its first and last characters."""
        around = self.source.text[max(self.start - 1, 0) : self.end + 1]
        return any(text[:1] in ("'", '"') and text[-1:] == text[:1] for text in (around, self.text))

    @property
    def in_block(self) -> bool:
        """Whether it begins an item of a block list."""
        return ITEM.fullmatch(self.before) is not None

    @property
    def in_brackets(self) -> bool:
        """Whether it is an item of a list in brackets."""
        return self.left[-1:] in (",", "[") and self.source.text[self.right : self.right + 1] in (",", "]")

    @property
    def left(self) -> str:
        """All that stands before it, but for white space, line ends that do not count, and comments that end lines above."""
        text = self.source.text[: self.start]
        while True:
            shorter = text.rstrip()
            if shorter.endswith("\\") and text.startswith("\n", len(shorter)):
                shorter = shorter[:-1]
            elif "\n" in text[len(shorter) :]:
                shorter = COMMENT.sub("", shorter)
            if shorter == text:
                return text
            text = shorter

    @property
    def right(self) -> int:
        """The first character behind it that is no white space (nor a line end that does not count)."""
        return past_space(self.source.text, self.end)


def past_space(text: str, start: int) -> int:
    """The first character from `start` on that is no white space (nor a line end that does not count)."""
    while text[start : start + 1].isspace() or text.startswith("\\\n", start):
        start += 1
    return start


def place_of(source: Source, span: Span) -> Place:
    """The piece that a span covers.

    Raises:
        Refused: the file has no such place any more.
    """
    try:
        return Place(source, source.offset(span.row, span.column), source.offset(span.end_row, span.end_column))
    except IndexError:
        raise Refused("the file was changed while it was read; run again") from None


def refuse_control(source: Source, span: Span) -> None:
    """Refuse to edit a command whose lines a template puts together.

    Raises:
        Refused: a `{% … %}` or an `{{ if … }}` stands in them.
    """
    place = place_of(source, span)
    if CONTROL.search(place.before + place.text + place.behind):
        raise Refused("a template decides what of the command is written")


def refuse_commented(change: Change, source: Source, command: Span) -> None:
    """Refuse to change what a comment speaks of: one behind it, or one right above its line or its command.

    Raises:
        Refused: the comment names the option or the directive.
    """
    span = change.subject.span or command
    lines = source.text.split("\n")
    first = command.row - 1 if command.row > 1 and lines[command.row - 2].rstrip().endswith(":") else command.row  # the key of a list
    rows = {*_comments_above(lines, span.row), *_comments_above(lines, first)}
    said = [lines[row - 1] for row in sorted(rows)]
    said += [lines[row - 1].partition(" #")[2] for row in {span.end_row, command.end_row}]
    names = "|".join(re.escape(name) for name in (change.subject.name, change.name) if name)
    if any(re.search(rf"(?<![\w-])(?:--)?(?:{names})(?![\w-])", line) for line in said):
        raise Refused("a comment speaks of it")


def _comments_above(lines: Sequence[str], row: int) -> Iterator[int]:
    """The rows of the comment lines right above a row."""
    row -= 1
    while row > 0 and lines[row - 1].lstrip().startswith(("#", ";", "//")):
        yield row
        row -= 1
