"""What does a text say once `$NAME` and `${NAME:-default}` are filled in, the way Docker Compose fills its files in?"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lint_rules.deploy.notations.literals import concatenated
from lint_rules.deploy.notations.splitting import TEMPLATE
from lint_rules.deploy.text import Text

UNKNOWN = rf"{TEMPLATE}|\$\{{[^{{}}]*\}}|\$\(\w+\)|\$[A-Za-z_]\w*"
"""What stays as written because it is only known at run time."""

_UNKNOWN = re.compile(UNKNOWN)
_BRACES = re.compile(r"\$\$|\$\{|\}")
_NAME = re.compile(r"[A-Za-z_]\w*")
_OPERATOR = re.compile(r":?[-?+]|\Z")


def is_known(text: str) -> bool:
    """Whether nothing in the text is left to be filled in."""
    return _UNKNOWN.search(text) is None


def interpolated(text: Text, values: Mapping[str, str]) -> Text:
    """The text with the variables of `values` filled in, and the defaults of others. What is left stays as written; `$$` is a dollar."""
    return _filled(text, 0, len(text), values, _closing(text.value)) if "$" in text.value else text


def _closing(value: str) -> dict[int, int]:
    """For each `${` where its `}` is."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for brace in _BRACES.finditer(value):
        if brace[0] == "${":
            opened.append(brace.start())
        elif brace[0] == "}" and opened:
            found[opened.pop()] = brace.start()
    return found


def _filled(text: Text, start: int, end: int, values: Mapping[str, str], closing: Mapping[int, int]) -> Text:
    parts: list[Text] = []
    place = start
    while (dollar := text.value.find("$", place, end)) >= 0:
        parts.append(text[place:dollar])
        name = _NAME.match(text.value, dollar + 1, end)
        if text.value.startswith("$$", dollar, end):
            part, place = text[dollar : dollar + 1], dollar + 2
        elif dollar in closing:
            place = closing[dollar] + 1
            part = _braced(text, dollar, closing[dollar], values, closing)
        elif name is not None:
            place = name.end()
            part = Text.of_nowhere(text.source, values[name[0]]) if name[0] in values else text[dollar:place]
        else:
            part, place = text[dollar : dollar + 1], dollar + 1
        parts.append(part)
    return concatenated(text.source, [*parts, text[place:end]])


def _braced(text: Text, dollar: int, close: int, values: Mapping[str, str], closing: Mapping[int, int]) -> Text:
    written = text[dollar : close + 1]
    name = _NAME.match(text.value, dollar + 2, close)
    operator = _OPERATOR.match(text.value, name.end(), close) if name is not None else None
    if name is None or operator is None:
        return written
    value = values.get(name[0])
    said = bool(value) if operator[0].startswith(":") else value is not None
    if operator[0].endswith("-") and not said:
        return _filled(text, operator.end(), close, values, closing)
    if operator[0].endswith("+") and value is not None:
        return _filled(text, operator.end(), close, values, closing) if said else text[:0]
    return Text.of_nowhere(text.source, value) if said and value is not None else written
