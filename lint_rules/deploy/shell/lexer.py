"""Which words does shell text have? Quotes, escapes and expansions of POSIX shells and bash, one word at a time."""

from __future__ import annotations

import re

from lint_rules.deploy.shell.tree import Literal, Opaque, Parameter, Part, ShellWord
from lint_rules.deploy.text import NOWHERE, Text

DEEPEST = 30
"""Expansions and compound commands within each other; text that nests deeper is read up to there."""

_DEEPEST_SKIPPED = 200
"""The same for what is passed over."""

TEMPLATE = (
    r"\{\{.{0,200}?\}\}|\{%.{0,200}?%\}|<%.{0,200}?%>|%\(\w{1,100}\)[sd]"
    r"|\{[A-Za-z_](?:[\w.]|\[[^\]{}\s]{0,40}\]|\([^(){}\s]{0,40}\)){0,100}(?:![rsa])?(?::[^{}\s]{0,40})?\}"
)
"""What is filled in before a shell sees the text: by jinja, helm, ERB, `%`, `str.format` and f-strings."""

_BRACES = r"\{[^{}\s]{0,300}(?:,|\.\.)[^{}\s]{0,300}\}"
"""`{a,b}` and `{1..3}` make several words."""

_FILLED = re.compile(TEMPLATE)
_FILLED_OR_BRACES = re.compile(f"{TEMPLATE}|{_BRACES}")
_SPACE = re.compile(r"(?:[ \t]|\\\n)+")
_PLAIN = re.compile(r"[^\s\"'\\$`;&|<>(){}%]+")
_PLAIN_IN_QUOTES = re.compile(r"[^\"\\$`{%<]+")
_PLAIN_IN_BRACES = re.compile(r"[^\"'\\$`{}%]+")
_ENDS_WORD = frozenset(" \t\n;&|<>()")
_NAME = re.compile(r"([A-Za-z_]\w*|\d+|[@*#?$!-])")
_IN_BRACES = re.compile(r"([A-Za-z_]\w*|\d+|[@*#?$!-])(?:\[([^\]\n]{0,100})\])?(:?[-=+?]|##?|%%?|:|//?|\^\^?|,,?|@)?")
_ESCAPES = re.compile(r"\\(?:([abefnrtvE\\'\"?])|x([0-9a-fA-F]{1,2})|([0-7]{1,3}))")
_ESCAPED = {"a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_BACKTICKS = re.compile(r"[^`\\]*(?:\\.[^`\\]*)*`", re.DOTALL)
_ANSI = re.compile(r"[^'\\]*(?:\\.[^'\\]*)*'", re.DOTALL)
_NESTING = re.compile(r"[\"'\\`(){}#]|\$[({]")


class Unfinished(Exception):
    """The text ends within a quote or an expansion, or nests too deeply: what was read before counts."""


class Lexer:
    """A place in the text that moves on."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.value = text.value
        self.place = 0
        self.depth = 0

    def skip_space(self) -> None:
        """Move to the next character of the line that is no space, over lines that go on."""
        found = _SPACE.match(self.value, self.place)
        if found is not None:
            self.place = found.end()

    def word(self) -> ShellWord:
        """The word that starts here; without parts where none does."""
        start = self.place
        parts = self._parts("", False)
        return ShellWord(parts, self.text[start : self.place])

    def _parts(self, closing: str, quoted: bool) -> list[Part]:
        """The parts up to `closing`, which is passed over; up to the end of the word where that is ""."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unfinished
        plain = _PLAIN_IN_QUOTES if closing == '"' else _PLAIN_IN_BRACES if closing else _PLAIN
        parts: list[Part] = []
        while True:
            found = plain.match(self.value, self.place)
            if found is not None:
                parts.append(self._literal(self.place, found.end(), quoted))
                self.place = found.end()
            character = self.value[self.place : self.place + 1]
            if character == closing:
                self.place += len(closing)
                break
            if not closing and (character in _ENDS_WORD) and not self._substitutes_process():
                break
            if not character:
                raise Unfinished
            self._part(parts, character, quoted)
        self.depth -= 1
        return parts

    def _substitutes_process(self) -> bool:
        """Whether `<(command)` or a template's `<%` stands here, which are parts of a word."""
        return self.value.startswith(("<(", ">(", "<%"), self.place)

    def _part(self, parts: list[Part], character: str, quoted: bool) -> None:
        start = self.place
        if character == "\\":
            self._escape(parts, quoted)
        elif character == '"':
            self.place += 1
            inner = self._parts('"', True)
            parts.extend(inner or [self._literal(start, start, True)])
        elif character == "'" and not quoted:
            end = self._find("'", start + 1)
            self._quoted(parts, start + 1, end)
            self.place = end + 1
        elif character == "`":
            self._opaque(parts, self._match(_BACKTICKS, start + 1), quoted)
        elif character == "$":
            self._dollar(parts, quoted)
        elif character in "<>" and not quoted and self.value.startswith("(", start + 1):
            self._opaque(parts, self._closed(start + 2, ")"), quoted)
        else:
            filled = (_FILLED if quoted else _FILLED_OR_BRACES).match(self.value, start)
            if filled is not None:
                self._opaque(parts, filled.end(), quoted)
            else:
                parts.append(self._literal(start, start + 1, quoted))
                self.place += 1

    def _literal(self, start: int, end: int, quoted: bool) -> Literal:
        return Literal(self.text[start:end], quoted)

    def _opaque(self, parts: list[Part], end: int, quoted: bool) -> None:
        parts.append(Opaque(self.text[self.place : end], quoted))
        self.place = end

    def _quoted(self, parts: list[Part], start: int, end: int) -> None:
        """What stands between single quotes: templates are filled in there, too."""
        place = start
        for filled in _FILLED.finditer(self.value, start, end):
            parts += [self._literal(place, filled.start(), True), Opaque(self.text[filled.start() : filled.end()], True)]
            place = filled.end()
        parts.append(self._literal(place, end, True))

    def _escape(self, parts: list[Part], quoted: bool) -> None:
        start = self.place
        following = self.value[start + 1 : start + 2]
        self.place += 2
        if following == "\n":
            return
        kept = not following or (quoted and following not in '$`"\\}')
        parts.append(self._literal(start if kept else start + 1, min(start + 2, len(self.value)), True))

    def _dollar(self, parts: list[Part], quoted: bool) -> None:
        start = self.place
        if self.value.startswith("$(", start):
            self._opaque(parts, self._closed(start + 2, ")"), quoted)
        elif self.value.startswith("${", start):
            self._braces(parts, quoted)
        elif self.value.startswith("$'", start) and not quoted:
            end = self._match(_ANSI, start + 2)
            parts.append(Literal(self._unescaped(start + 2, end - 1), True))
            self.place = end
        elif self.value.startswith('$"', start) and not quoted:
            self.place += 1
        elif found := _NAME.match(self.value, start + 1):
            end = found.end() if not found[1].isdigit() else start + 2
            parts.append(Parameter(self.value[start + 1 : end], "", "", None, quoted, self.text[start:end]))
            self.place = end
        else:
            parts.append(self._literal(start, start + 1, quoted))
            self.place += 1

    def _braces(self, parts: list[Part], quoted: bool) -> None:
        start = self.place
        filled = _FILLED.match(self.value, start + 1) if self.value.startswith("{{", start + 1) else None
        if filled is not None:
            self._opaque(parts, filled.end(), quoted)
            return
        found = _IN_BRACES.match(self.value, start + 2)
        after = found.end() if found is not None else start + 2
        simple = found is not None and (found[3] is not None or self.value.startswith("}", after))
        if found is None or not simple or (found[1] in "#!" and not self.value.startswith("}", start + 3)):
            self._opaque(parts, self._closed(start + 2, "}"), quoted)
            return
        self.place = after
        inner = self._parts("}", quoted)
        argument = ShellWord(inner, self.text[after : self.place - 1]) if found[3] else None
        parts.append(Parameter(found[1], found[2] or "", found[3] or "", argument, quoted, self.text[start : self.place]))

    def _unescaped(self, start: int, end: int) -> Text:
        """What `$'…'` says; characters of escapes stand nowhere as such."""
        value: list[str] = []
        offsets: list[int] = []
        place = start
        for escape in _ESCAPES.finditer(self.value, start, end):
            value += [self.value[place : escape.start()], _escaped(escape)]
            offsets += [*self.text.offsets[place : escape.start()], NOWHERE]
            place = escape.end()
        offsets += self.text.offsets[place:end]
        return Text(self.text.source, "".join(value) + self.value[place:end], tuple(offsets))

    def _find(self, character: str, start: int) -> int:
        end = self.value.find(character, start)
        if end < 0:
            raise Unfinished
        return end

    def _match(self, pattern: re.Pattern[str], start: int) -> int:
        found = pattern.match(self.value, start)
        if found is None:
            raise Unfinished
        return found.end()

    def _closed(self, start: int, closing: str) -> int:
        """The place after the bracket that closes one opened before `start`."""
        stack = [closing]
        place = start
        while stack:
            if len(stack) > _DEEPEST_SKIPPED:
                raise Unfinished
            found = _NESTING.search(self.value, place)
            if found is None:
                raise Unfinished
            token, place = found[0], found.end()
            within = stack[-1]
            if token == "\\":
                place += 1
            elif token == within:
                stack.pop()
            elif token in ("$(", "${"):
                stack.append(")" if token == "$(" else "}")
            elif token == "`" and "`" not in stack:
                stack.append(token)
            elif within == '"' or token in ("`", ")", "}"):
                pass
            elif token == '"':
                stack.append(token)
            elif token == "'" and (within == ")" or '"' not in stack):
                place = self._find("'", place) + 1
            elif token == "(" and within != "}":
                stack.append(")")
            elif token == "#" and within == ")" and self.value[place - 2 : place - 1] in " \t\n;":
                place = self._find("\n", place)
        return place


def _escaped(escape: re.Match[str]) -> str:
    if escape[1]:
        return _ESCAPED.get(escape[1], escape[1])
    return chr(int(escape[2], 16)) if escape[2] else chr(int(escape[3], 8))
