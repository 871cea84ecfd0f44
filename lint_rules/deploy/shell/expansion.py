"""Which words does a program get for a word of shell text? Parameters, their defaults, arrays and the splitting of what is not quoted."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct, field

from lint_rules.deploy.shell.tree import Literal, Opaque, Parameter, Part, ShellWord
from lint_rules.deploy.shell.variables import POSITIONALS, Chunk, Scalar, Value, Variables
from lint_rules.deploy.text import Text
from lint_rules.deploy.written import Written

LONGEST = 20_000
"""Characters of a value: `A=$A$A` doubles them each time. Longer ones count as unknown."""

_SLICE = re.compile(r"\s*(\d{1,6})(?::(\d{1,6}))?")
_GLOB = re.compile(r"[*?\[]")
_SPACE = re.compile(r"\s+")


def expand(word: ShellWord, variables: Variables, home: object) -> list[Written]:
    """The words that a word becomes: one mostly, none or several by arrays and variables without quotes."""
    fields = _Fields()
    for part in word.parts:
        _add(part, variables, fields)
    found = fields.all()
    return [_written(chunks, word, home, alone=len(found) == 1) for chunks in found]


def scalar(word: ShellWord, variables: Variables) -> Value:
    """The value that a word has where it is not split: in assignments, as the subject of `case`."""
    fields = _Fields(splits=False)
    for part in word.parts:
        _add(part, variables, fields)
    chunks = tuple(chunk for chunks in fields.all() for chunk in chunks)
    return chunks if _size(chunks) <= LONGEST else None


def known_text(value: Value) -> str | None:
    """The text of a scalar, None where a part of it is unknown."""
    if isinstance(value, tuple) and all(chunk.known for chunk in value):
        return "".join(chunk.text.value for chunk in value)
    return None


class _Fields(Struct):
    """The words that are being put together."""

    splits: bool = True
    done: list[list[Chunk]] = field(default_factory=list)
    open: list[Chunk] | None = None

    def add(self, chunk: Chunk) -> None:
        """Characters of the word that is open."""
        if self.open is None:
            self.open = []
        self.open.append(chunk)

    def close(self) -> None:
        """The word ends."""
        if self.open is not None:
            self.done.append(self.open)
        self.open = None

    def split(self, chunks: Scalar) -> None:
        """A value that is not quoted: white space in it ends words."""
        for chunk in chunks:
            if not chunk.known or not self.splits:
                self.add(chunk)
                continue
            place = 0
            for space in _SPACE.finditer(chunk.text.value):
                if space.start() > place:
                    self.add(Chunk(chunk.text[place : space.start()]))
                self.close()
                place = space.end()
            if place < len(chunk.text):
                self.add(Chunk(chunk.text[place:]) if place else chunk)

    def splice(self, words: Sequence[Written], quoted: bool) -> None:
        """The words of an array."""
        for number, word in enumerate(words):
            if number and self.splits:
                self.close()
            elif number:
                self.add(Chunk(Text.of_nowhere(word.text.source, " ")))
            chunk = Chunk(word.text, word.known, word.many, word)
            if quoted or not word.known or not _SPACE.search(word.value):
                self.add(chunk)
            else:
                self.split((chunk,))

    def all(self) -> list[list[Chunk]]:
        self.close()
        return self.done


def _written(chunks: list[Chunk], word: ShellWord, home: object, alone: bool) -> Written:
    if len(chunks) == 1 and chunks[0].whole is not None:
        return chunks[0].whole
    text = Text.together(word.raw.source, (chunk.text for chunk in chunks))
    raw = word.raw if alone else text if text.stands else text[:0]
    known = all(chunk.known for chunk in chunks)
    return Written(text, raw, word.raw, home, known, len(chunks) == 1 and chunks[0].many)


def _add(part: Part, variables: Variables, fields: _Fields) -> None:
    variables.spend(1)
    if isinstance(part, Literal):
        variables.spend(len(part.text))
        fields.add(Chunk(part.text))
    elif isinstance(part, Opaque):
        fields.add(Chunk(part.raw, known=False, many=not part.quoted))
    else:
        _add_parameter(part, variables, fields)


def _add_parameter(part: Parameter, variables: Variables, fields: _Fields) -> None:
    value, is_set = _value(part, variables)
    variables.spend(_size(value))
    kind = part.operator.strip(":")
    if kind in ("-", "=", "+"):
        _add_alternative(part, value, is_set, variables, fields)
    elif is_set is None:
        _add_value(part, None, fields)
    else:
        changes = bool(part.operator) and kind != "?"
        _add_value(part, _changed(part, value, variables) if changes else value, fields)


def _add_alternative(part: Parameter, value: Value, is_set: bool | None, variables: Variables, fields: _Fields) -> None:
    """`${NAME:-default}`, `${NAME:=default}` and `${NAME:+alternative}`.

    A default counts where nothing sets the variable. That of `${NAME:-}` says no more than `$NAME`.
    """
    said = part.argument.parts if part.argument is not None else []
    adds = part.operator.endswith("+")
    filled = _is_filled(value, ":" in part.operator) if is_set else is_set
    if is_set is None and said and not adds:
        filled = False
    if filled is None:
        _add_value(part, None, fields)
    elif filled == adds:
        for each in said:
            if isinstance(each, Literal) and not each.quoted and not part.quoted:
                fields.split((Chunk(each.text),))
            else:
                _add(each, variables, fields)
        if part.operator.endswith("=") and part.argument is not None and not _is_positional(part):
            variables.assign(part.name, scalar(part.argument, variables))
    elif filled:
        _add_value(part, value, fields)


def _is_filled(value: Value, not_empty: bool) -> bool | None:
    """Whether a variable that is set counts as such, None where that cannot be told; with `not_empty` an empty one does not."""
    if value is None:
        return None
    if not not_empty or isinstance(value, list):
        return not not_empty or bool(value)
    if any(chunk.known and len(chunk.text) for chunk in value):
        return True
    return None if any(not chunk.known for chunk in value) else False


def _add_value(part: Parameter, value: Value, fields: _Fields) -> None:
    whole = part.name in ("@", "*") or part.index in ("@", "*")
    if value is None:
        fields.add(Chunk(part.raw, known=False, many=not part.quoted or part.name == "@" or part.index == "@"))
    elif isinstance(value, list):
        if part.quoted and "*" in (part.name, part.index):
            joined = _Fields(splits=False)
            joined.splice(value, quoted=True)
            for chunk in (joined.all() or [[]])[0]:
                fields.add(Chunk(chunk.text, chunk.known))
        else:
            fields.splice(value if whole else value[:1], part.quoted)
    elif part.quoted:
        for chunk in value or (Chunk(part.raw[:0]),):
            fields.add(Chunk(chunk.text, chunk.known))
    else:
        fields.split(value)


def _size(value: Value) -> int:
    return sum(len(each.text) for each in value or ())


def _is_positional(part: Parameter) -> bool:
    return part.name.isdigit() or part.name in ("@", "*")


def _value(part: Parameter, variables: Variables) -> tuple[Value, bool | None]:
    """The value, and whether it is set; None where nothing is known to set it, though the one who starts the script may."""
    name = POSITIONALS if _is_positional(part) or part.name == "#" else part.name
    variable = variables.get(name)
    if name == POSITIONALS:
        words = variable.value if variable is not None else None
        return _positional(part, words if isinstance(words, list) else None)
    if variable is None:
        return None, None
    value = variable.value
    if not part.index or not isinstance(value, list) or part.index in ("@", "*"):
        return value, True
    return list(value[int(part.index) : int(part.index) + 1]) if part.index.isdigit() else None, True


def _positional(part: Parameter, words: list[Written] | None) -> tuple[Value, bool]:
    """Those of a caller that is not known are set to something unknown: a script that reads them is there to be given some."""
    if words is None or part.name == "0":
        return None, True
    if part.name in ("@", "*"):
        return words, True
    if part.name == "#":
        counted = not any(word.many for word in words)
        return (Chunk(Text.of_nowhere(part.raw.source, str(len(words)))),) if counted else None, True
    number = int(part.name)
    if any(word.many for word in words[:number]):
        return None, True
    if number > len(words):
        return (), False
    word = words[number - 1]
    return (Chunk(word.text, word.known, word.many, word),), True


def _changed(part: Parameter, value: Value, variables: Variables) -> Value:
    """`${NAME#prefix}`, `${NAME%suffix}` and `${NAME:start:length}`, as far as they can be told."""
    argument = known_text(scalar(part.argument, variables)) if part.argument is not None else None
    if argument is None or value is None:
        return None
    if part.operator == ":":
        found = _SLICE.fullmatch(argument)
        return _sliced(value, int(found[1]), found[2], part) if found is not None else None
    text = known_text(value)
    if part.operator not in ("#", "##", "%", "%%") or text is None or _GLOB.search(argument) or isinstance(value, list):
        return None
    whole = Text.together(part.raw.source, (chunk.text for chunk in value))
    if part.operator[0] == "#":
        return (Chunk(whole[len(argument) :] if text.startswith(argument) else whole),)
    return (Chunk(whole[: len(whole) - len(argument)] if text.endswith(argument) else whole),)


def _sliced(value: Value, start: int, length: str | None, part: Parameter) -> Value:
    if isinstance(value, list):
        start = max(start - 1, 0) if part.name in ("@", "*") else start
        end = start + int(length) if length is not None else None
        return None if any(word.many for word in value[: end if end is not None else start]) else value[start:end]
    if known_text(value) is None or value is None:
        return None
    whole = Text.together(part.raw.source, (chunk.text for chunk in value))
    return (Chunk(whole[start : start + int(length) if length is not None else None]),)
