"""A word of a command while the command is being read: what it says, and where it was written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from shlex import quote

from msgspec import Struct

from lint_rules.deploy.model import Word
from lint_rules.deploy.text import NOWHERE, Source, Text
from lint_rules.facts.model import Span


class Written(Struct, frozen=True, eq=False):
    """A word with the places of its characters, so that parts of it can be read on (`--pool=gevent`, `bash -c "celery …"`)."""

    text: Text
    """After quotes and known variables; what is not known before run time stays as written."""
    raw: Text
    """As it stands in the file, quotes included; empty where it stands nowhere as such."""
    place: Text
    """What stands in the command for it: `$OPTIONS` for each word of the variable."""
    home: object
    """The same for all words that were written as one command (or list, where they are handed on by `"$@"` and arrays)."""
    known: bool = True
    """False where a part of it is only known at run time."""
    many: bool = False
    """Whether it may stand for several words, or none: it is unknown and not quoted."""

    @property
    def value(self) -> str:
        """What it says, as plain text."""
        return self.text.value

    @property
    def said(self) -> str:
        """What it says where that is known, else "" (which is no option, program or file)."""
        return self.text.value if self.known else ""

    @property
    def span(self) -> Span | None:
        """Where it stands, quotes included; None where a part of it is the value of a variable or the like."""
        return self.raw.span if NOWHERE not in self.raw.offsets else None

    @property
    def word(self) -> Word:
        """The same for those who only look."""
        return Word(self.value, self.span, self.known)

    def seen_from(self, source: Source) -> Written:
        """The word as one of the file `source`: in another one its places say nothing."""
        if self.place.source is source:
            return self
        nothing = Text.of_nowhere(source, "")
        return Written(Text.of_nowhere(source, self.value), nothing, nothing, self.home, self.known, self.many)

    def after(self, start: int, end: int | None = None) -> Written:
        """A part of it as a word."""
        part = self.text[start:end]
        return Written(part, part if part.stands else part[:0], self.place, self.home, self.known)


def written(words: Sequence[Word], source: Source) -> tuple[Written, ...]:
    """The words of a file's own notation (a JSON array, say), with the places of their characters as far as they can be told."""
    home = object()
    found = []
    for word in words:
        raw = Text(source, "", ())
        if word.span is not None:
            at = word.span
            raw = source.cut(source.offset(at.row, at.column), source.offset(at.end_row, at.end_column))
        found.append(Written(_placed(word.text, raw), raw, raw, home, word.known, not word.known))
    return tuple(found)


def shell_line(words: Iterable[Written]) -> str:
    """The words as one line, as a shell would take them; what is unknown stays as written."""
    return " ".join(quote(word.value) if word.known else word.value for word in words)


_UNSAID = frozenset("\"'\\ \t\n")
"""Characters of the raw form that quoting adds or takes away."""

_LONGEST_UNSAID = 200
"""So many of them in a row at most: a line that goes on, with its indentation."""


def _placed(text: str, raw: Text) -> Text:
    """`text` with the places of its characters in its raw form."""
    start = raw.value.find(text)
    if start >= 0:
        return raw[start : start + len(text)]
    offsets = []
    place = 0
    for character in text:
        here = place
        end = min(len(raw), place + _LONGEST_UNSAID)
        while here < end and raw.value[here] != character and raw.value[here] in _UNSAID:
            here += 1
        if here < end and raw.value[here] == character:
            offsets.append(raw.offsets[here])
            place = here + 1
        else:
            offsets.append(NOWHERE)
    return Text(raw.source, text, tuple(offsets))
