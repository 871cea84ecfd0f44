"""How does a TOML document read, with the place of each of its strings?

tomllib says what the document means, a scan of the (then valid) text finds where its strings stand.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any, Union

from lint_rules.deploy.formats import Broken
from lint_rules.deploy.notations.literals import Quoted, Value, concatenated
from lint_rules.deploy.text import Source, Text

Path = tuple[Union[str, int], ...]

_SPACE = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_BARE = re.compile(r"[\w-]+")
_OTHER = re.compile(r"[^,\]}\n#]*")
_STRINGS = {
    '"""': re.compile(r'"""((?:[^"\\]|\\.|"{1,2}(?!"))*"{0,2}?)"""(?!")', re.DOTALL),
    "'''": re.compile(r"'''((?:[^']|'{1,2}(?!'))*'{0,2}?)'''(?!')", re.DOTALL),
    '"': re.compile(r'"((?:[^"\\\n]|\\.)*)"'),
    "'": re.compile(r"'([^'\n]*)'"),
}
_PIECES = re.compile(r"\\[ \t]*\n[ \t\n]*|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\x[0-9a-fA-F]{2}|\\.|[^\\]+")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}
_ROW = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


def read_toml(source: Source) -> dict[str, Value]:
    """The document.

    Raises:
        Broken: it is no TOML.
    """
    try:
        document = tomllib.loads(source.text)
        scan = _Scan(source)
        scan.document()
        return {name: _placed(value, (name,), scan.found) for name, value in document.items()}
    except tomllib.TOMLDecodeError as error:
        row = _ROW.search(str(error))
        said = _ROW.sub("", str(error))
        raise Broken(f"it is no valid TOML: {said}", int(row[1]) if row and row[1] else source.position(len(source.text))[0]) from None
    except RecursionError:
        raise Broken("it is nested too deeply to be read") from None


def _placed(value: Any, path: Path, found: dict[Path, Quoted]) -> Value:
    if isinstance(value, dict):
        return {name: _placed(each, (*path, name), found) for name, each in value.items()}
    if isinstance(value, list):
        return [_placed(each, (*path, index), found) for index, each in enumerate(value)]
    if isinstance(value, str):
        quoted = found.get(path)
        return quoted if quoted is not None and quoted.value == value else None
    return value if isinstance(value, (bool, int, float)) else None


class _Scan:
    """The strings of a valid document by their path of names and indexes."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.at = 0
        self.found: dict[Path, Quoted] = {}
        self._lengths: dict[Path, int] = {}
        """Of each array of tables the number of tables so far."""

    def document(self) -> None:
        table: Path = ()
        while self._skip() < len(self.text):
            if self.text.startswith("[", self.at):
                table = self._header()
            else:
                self._entry(table)

    def _skip(self) -> int:
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at
        return self.at

    def _takes(self, character: str) -> bool:
        self._skip()
        if self.text.startswith(character, self.at):
            self.at += len(character)
            return True
        return False

    def _header(self) -> Path:
        several = self._takes("[[") or not self._takes("[")
        path: Path = ()
        for name in self._name():
            path = self._in_array((*path, name))
        if several:
            path = path[:-1] if path and isinstance(path[-1], int) else path
            self._lengths[path] = self._lengths.get(path, 0) + 1
            path = self._in_array(path)
        self._takes("]]" if several else "]")
        return path

    def _in_array(self, path: Path) -> Path:
        """The path of the last table of an array of tables; any other path as it is."""
        return (*path, self._lengths[path] - 1) if path in self._lengths else path

    def _entry(self, table: Path) -> None:
        path = (*table, *self._name())
        self._takes("=")
        self._value(path)

    def _name(self) -> tuple[str, ...]:
        """A name, perhaps dotted."""
        names = [self._part()]
        while self._takes("."):
            names.append(self._part())
        return tuple(names)

    def _part(self) -> str:
        self._skip()
        if self.text[self.at : self.at + 1] in ('"', "'"):
            return self._string().value
        bare = _BARE.match(self.text, self.at)
        self.at = bare.end() if bare else self.at + 1
        return bare[0] if bare else ""

    def _value(self, path: Path) -> None:
        self._skip()
        if self.text[self.at : self.at + 1] in ('"', "'"):
            self.found[path] = self._string()
        elif self._takes("["):
            index = 0
            while not self._takes("]") and self.at < len(self.text):
                self._value((*path, index))
                self._takes(",")
                index += 1
        elif self._takes("{"):
            while not self._takes("}") and self.at < len(self.text):
                self._entry(path)
                self._takes(",")
        else:
            other = _OTHER.match(self.text, self.at)
            self.at = max(other.end() if other else 0, self.at + 1)

    def _string(self) -> Quoted:
        opening = next(quotes for quotes in _STRINGS if self.text.startswith(quotes, self.at))
        literal = _STRINGS[opening].match(self.text, self.at)
        if literal is None:
            raise Broken("it is no valid TOML: a string is not closed", self.source.position(self.at)[0])
        self.at = literal.end()
        first_line_end = len(opening) == 3 and literal[1].startswith("\n")
        inner = self.source.cut(literal.start(1) + first_line_end, literal.end(1))
        if opening.startswith('"'):
            inner = concatenated(self.source, (_unescaped(inner[each.start() : each.end()]) for each in _PIECES.finditer(inner.value)))
        return Quoted(inner, self.source.span(literal.start(), literal.end()))


def _unescaped(piece: Text) -> Text:
    said = piece.value
    if not said.startswith("\\"):
        return piece
    if "\n" in said:  # a line that goes on: neither its end nor the indentation is part of the string
        return piece[:0]
    code = said[2:]
    return Text.of_nowhere(piece.source, chr(int(code, 16)) if code else _ESCAPES.get(said[1:], said[1:]))
