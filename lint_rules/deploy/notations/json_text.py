"""How does a JSON document read, with the place of each of its strings? Comments and trailing commas are allowed, as editors allow them."""

from __future__ import annotations

import json
import re

from lint_rules.deploy.formats import Broken
from lint_rules.deploy.notations.literals import Quoted, Value, concatenated
from lint_rules.deploy.text import Text

DEEPEST = 100
"""Levels of nesting that are read."""

_SPACE = re.compile(r"(?:\s|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)*")
_STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_SCALAR = re.compile(r"true|false|null|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_PIECES = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\.|[^\\]+", re.DOTALL)


def read_json(text: Text) -> Value:
    """The document.

    Raises:
        Broken: it is no JSON.
    """
    reader = _Reader(text)
    value = reader.value(0)
    if reader.skip_space() < len(text):
        raise reader.broken("something follows after its end")
    return value


class _Reader:
    def __init__(self, text: Text) -> None:
        self.text = text
        self.at = 0

    def skip_space(self) -> int:
        found = _SPACE.match(self.text.value, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def broken(self, what: str) -> Broken:
        known = self.text[self.at : self.at + 1].span or self.text[: self.at].span
        return Broken(f"it is no valid JSON: {what}", known.end_row if known else 1)

    def value(self, depth: int) -> Value:
        if depth > DEEPEST:
            raise self.broken("it is nested too deeply to be read")
        self.skip_space()
        first = self.text.value[self.at : self.at + 1]
        if first == "{":
            return self._object(depth)
        if first == "[":
            return self._array(depth)
        if first == '"':
            return self._string()
        found = _SCALAR.match(self.text.value, self.at)
        if not found:
            raise self.broken(f"a value was expected, not {first!r}" if first else "it ends where a value was expected")
        self.at = found.end()
        scalar: Value = json.loads(found[0]) if len(found[0]) < 100 else None
        return scalar

    def _object(self, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        self.at += 1
        while not self._ends("}"):
            if not self.text.value.startswith('"', self.at):
                raise self.broken("a name in double quotes was expected")
            name = self._string().value
            self.skip_space()
            if not self.text.value.startswith(":", self.at):
                raise self.broken(f"a colon was expected after {name!r}")
            self.at += 1
            found[name] = self.value(depth + 1)
            self._separator("}")
        return found

    def _array(self, depth: int) -> list[Value]:
        found: list[Value] = []
        self.at += 1
        while not self._ends("]"):
            found.append(self.value(depth + 1))
            self._separator("]")
        return found

    def _ends(self, closing: str) -> bool:
        self.skip_space()
        if self.text.value.startswith(closing, self.at):
            self.at += 1
            return True
        return False

    def _separator(self, closing: str) -> None:
        self.skip_space()
        if self.text.value.startswith(",", self.at):
            self.at += 1
        elif not self.text.value.startswith(closing, self.at):
            raise self.broken(f"a comma or {closing!r} was expected")

    def _string(self) -> Quoted:
        found = _STRING.match(self.text.value, self.at)
        if not found:
            raise self.broken("a string is not closed")
        span = self.text[found.start() : found.end()].span
        if span is None:  # a variable's value: no document is made of those
            raise self.broken("it does not stand in the file")
        self.at = found.end()
        inner = self.text[found.start(1) : found.end(1)]
        return Quoted(
            concatenated(inner.source, (_unescaped(inner[each.start() : each.end()]) for each in _PIECES.finditer(inner.value))), span
        )


def _unescaped(piece: Text) -> Text:
    if not piece.value.startswith("\\"):
        return piece
    try:
        said = json.loads(f'"{piece.value}"')
    except ValueError:  # an escape that JSON does not have
        said = piece.value[1:]
    return Text.of_nowhere(piece.source, said.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
