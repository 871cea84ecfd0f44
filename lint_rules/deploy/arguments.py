"""Which command is a list of arguments, or a line that is split into them without a shell?"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from typing import Union

from msgspec import Struct

from lint_rules.deploy.interpolation import UNKNOWN, is_known
from lint_rules.deploy.literals import concatenated
from lint_rules.deploy.model import Word
from lint_rules.deploy.text import Text
from lint_rules.facts.model import Span

SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "ksh"})

_PIECE = re.compile(
    rf"""(?P<space>\s+)|'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|\\(?P<escaped>.)|(?:{UNKNOWN})|[\w./,=:@-]+|.""", re.DOTALL
)
_ESCAPED = re.compile(r'\\(?=["\\])')


class Argument(Struct, frozen=True, eq=False):
    """One argument, and where it stands with its quotes (None where it does not)."""

    text: Text
    span: Union[Span, None]

    @property
    def word(self) -> Word:
        """The argument as a word of a command."""
        return Word(self.text.value, self.span, is_known(self.text.value))


def split(text: Text) -> tuple[Argument, ...]:
    """The arguments of a line: quotes and backslashes count as for `shlex.split`; what is only known at run time is never cut."""
    found: list[Argument] = []
    said: list[Text] = []
    start = 0
    for piece in _PIECE.finditer(text.value):
        if piece["space"] is None:
            start = start if said else piece.start()
            said.append(_unquoted(text, piece))
        elif said:
            found.append(_argument(text, start, piece.start(), said))
            said = []
    if said:
        found.append(_argument(text, start, len(text), said))
    return tuple(found)


def _argument(text: Text, start: int, end: int, said: Iterable[Text]) -> Argument:
    return Argument(concatenated(text.source, said), text[start:end].span)


def _unquoted(text: Text, piece: re.Match[str]) -> Text:
    for group in ("single", "escaped"):
        if piece[group] is not None:
            return text[slice(*piece.span(group))]
    if piece["double"] is None:
        return text[slice(*piece.span())]
    inner = text[slice(*piece.span("double"))]
    kept: list[Text] = []
    place = 0
    for escape in _ESCAPED.finditer(inner.value):
        if escape.start() >= place:
            kept.append(inner[place : escape.start()])
            place = escape.end()
            kept.append(inner[place : place + 1])
            place += 1
    return concatenated(text.source, [*kept, inner[place:]])


def script(arguments: Sequence[Argument]) -> Text | None:
    """The script of `sh -c script` (behind whatever: `tini -- bash -lc script`); None where no shell is called that way."""
    for place, argument in enumerate(arguments):
        if posixpath.basename(argument.text.value) in SHELLS:
            for flag, given in zip(arguments[place + 1 :], arguments[place + 2 :]):
                if re.fullmatch(r"-[a-z]*c", flag.text.value):
                    return given.text
                if not flag.text.value.startswith("-") and flag.text.value != "pipefail":
                    break
    return None
