"""What do the string literals of a JSON or TOML document say, and where do they stand?"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TypeAlias

from msgspec import Struct

from lint_rules.deploy.model import Word
from lint_rules.deploy.text import Source, Text
from lint_rules.facts.model import Span


class Quoted(Struct, frozen=True):
    """A string literal."""

    text: Text
    """What it says; characters of escapes stand nowhere as such."""
    span: Span
    """The literal with its quotes."""

    @property
    def value(self) -> str:
        """What it says, as plain text."""
        return self.text.value

    @property
    def word(self) -> Word:
        """The literal as a word of a command."""
        return Word(self.value, self.span)


Value: TypeAlias = "Quoted | dict[str, Value] | list[Value] | bool | int | float | None"
"""A document, or a part of it. Numbers keep no place."""


def table(value: Value) -> dict[str, Value]:
    """The value where it is a table (an object), else an empty one."""
    return value if isinstance(value, dict) else {}


def array(value: Value) -> list[Value]:
    """The value where it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def strings(value: Value) -> dict[str, Quoted]:
    """The entries of a table that are strings."""
    return {name: each for name, each in table(value).items() if isinstance(each, Quoted)}


def words(value: Value) -> tuple[Word, ...] | None:
    """An array of strings as the words of a command; None where it is anything else."""
    items = array(value)
    found = tuple(item.word for item in items if isinstance(item, Quoted))
    return found if found and len(found) == len(items) else None


def concatenated(source: Source, parts: Iterable[Text]) -> Text:
    """The parts as one text (in linear time, however many they are)."""
    parts = [*parts]
    return Text(source, "".join(part.value for part in parts), tuple(chain.from_iterable(part.offsets for part in parts)))
