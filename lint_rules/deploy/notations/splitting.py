"""Into which words is a line split that no shell reads?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lint_rules.deploy.model import Word
from lint_rules.deploy.notations.literals import concatenated
from lint_rules.deploy.text import Text
from lint_rules.facts.model import Span

TEMPLATE = r"\{\{[^{}]*\}\}|\{%[^%]*%\}"
"""A place that a template language (jinja, helm) fills in."""

_ESCAPED = re.compile(r'\\(?=["\\])')


def split(text: Text, unknown: str = TEMPLATE) -> tuple[Word, ...]:
    """The words of a line; see `parts` for how it is split. What matches `unknown` makes its word unknown."""
    return tuple(Word(part.value, span, re.search(unknown, part.value) is None) for part, span in parts(text, unknown))


def parts(text: Text, unknown: str) -> Iterator[tuple[Text, Span | None]]:
    """The words as text, and where they stand with their quotes: quotes and backslashes count as for `shlex.split`.

    What matches `unknown` is only known at run time: it is never cut, and stays as written. A quote that is not closed is a character
    like any other.
    """
    pieces = re.compile(
        rf"""(?P<space>\s+)|'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|\\(?P<escaped>.)|(?:{unknown})|[\w./,=:@-]+|.""", re.DOTALL
    )
    said: list[Text] = []
    start = 0
    for piece in (*pieces.finditer(text.value), None):
        if piece is not None and piece["space"] is None:
            start = start if said else piece.start()
            said.append(_unquoted(text, piece))
        elif said:
            yield concatenated(text.source, said), text[start : piece.start() if piece else len(text)].span
            said = []


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
