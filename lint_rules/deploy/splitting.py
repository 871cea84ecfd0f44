"""Into which words is a line split that no shell reads?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lint_rules.deploy.model import Word
from lint_rules.deploy.text import Text

TEMPLATE = r"\{\{[^{}]*\}\}|\{%[^%]*%\}"
"""A place that a template language (jinja, helm) fills in."""

_WITHIN_QUOTES = re.compile(r'\\(["\\])')


def split(text: Text, unknown: str = TEMPLATE) -> tuple[Word, ...]:
    """The words, as `shlex.split` makes them of quotes and backslashes.

    What matches `unknown` is only known at run time: it is never cut, stays as written and makes its word unknown. A quote that is not
    closed is a character like any other.
    """
    return tuple(_words(text, unknown))


def _words(text: Text, unknown: str) -> Iterator[Word]:
    pieces = re.compile(rf"""(?P<space>\s+)|'[^']*'|"(?:[^"\\]|\\.)*"|\\.|(?P<unknown>{unknown})|[\w./,=:@-]+|.""", re.DOTALL)
    said: list[str] = []
    start = 0
    for piece in (*pieces.finditer(text.value), None):
        if piece is not None and piece["space"] is None:
            start = start if said else piece.start()
            said.append(piece[0] if piece["unknown"] is not None else _unquoted(piece[0]))
        elif said:
            word = "".join(said)
            yield Word(word, text[start : piece.start() if piece else None].span, re.search(unknown, word) is None)
            said = []


def _unquoted(piece: str) -> str:
    if len(piece) > 1 and piece[0] == piece[-1] == "'":
        return piece[1:-1]
    if len(piece) > 1 and piece[0] == piece[-1] == '"':
        return _WITHIN_QUOTES.sub(r"\1", piece[1:-1])
    return piece[1:] if len(piece) == 2 and piece[0] == "\\" else piece
