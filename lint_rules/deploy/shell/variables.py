"""Which value has a shell variable at some place of the script? Branches that may or may not run leave only what they agree on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Union

from msgspec import Struct

from lint_rules.deploy.text import Text
from lint_rules.deploy.written import Written

POSITIONALS = "@"
"""The name that the positional parameters are kept under, as an array."""


class Chunk(Struct, frozen=True, eq=False):
    """A piece of a value."""

    text: Text
    known: bool = True
    many: bool = False
    """Whether it may be several words, or none: it is unknown and not quoted."""
    whole: Union[Written, None] = None
    """The word that it is, where it is one that is handed on."""


MOST_WORK = 500_000
"""Characters that are put into words and values, roughly, before the rest of a text is left unread: loops and functions multiply them."""

MOST_WORK_PER_CHARACTER = 30
"""The same for each character of the text."""


class Exhausted(Exception):
    """A script asks for too much work."""


Scalar = tuple[Chunk, ...]
Value = Union[Scalar, list[Written], None]
"""Chunks of text, the words of an array; None is a value that cannot be told."""


class Variable(Struct, frozen=True, eq=False):
    """A value, and whether programs that the shell starts see it."""

    value: Value
    exported: bool = False

    @property
    def text(self) -> str | None:
        """Its text where it is known."""
        if isinstance(self.value, tuple) and all(chunk.known for chunk in self.value):
            return "".join(chunk.text.value for chunk in self.value)
        return None

    def agrees(self, other: Variable) -> bool:
        """Whether both say the same, and it is known."""
        if self.exported != other.exported:
            return False
        if isinstance(self.value, list) and isinstance(other.value, list):
            mine, theirs = ([(word.value, word.known) for word in each] for each in (self.value, other.value))
            return mine == theirs
        return self.text is not None and self.text == other.text


Changes = dict[str, Union[Variable, None]]
"""What a branch assigned; None where it unset the variable."""


class Variables:
    """The variables at the place that is being run."""

    def __init__(self, environment: Mapping[str, str], hidden: frozenset[str], text: Text) -> None:
        """`environment` is what the shell that runs the text was started with; of `hidden` ones the values are unknown."""
        self.exports_all = False
        """Whether all that is assigned is exported (`set -a`)."""
        self._now: dict[str, Variable] = {}
        for name, value in environment.items():
            self._now[name] = Variable((Chunk(Text.of_nowhere(text.source, value)),), exported=True)
        for name in hidden:
            self._now[name] = Variable(None, exported=True)
        self._given = dict(self._now)
        self._before: list[Changes] = []
        self._exports: tuple[dict[str, str], frozenset[str]] | None = None
        self._work_left = MOST_WORK + MOST_WORK_PER_CHARACTER * len(text)

    def spend(self, work: int) -> None:
        """Count work that is done.

        Raises:
            Exhausted: it is too much.
        """
        self._work_left -= work
        if self._work_left < 0:
            raise Exhausted

    def get(self, name: str) -> Variable | None:
        """None where nothing is known to have set it."""
        return self._now.get(name)

    def set(self, name: str, variable: Variable | None) -> None:
        """Give it a value, or forget it."""
        old = self._now.get(name)
        if self._before:
            self._before[-1].setdefault(name, old)
        if variable is None:
            self._now.pop(name, None)
        else:
            self._now[name] = variable
        if (old is not None and old.exported) or (variable is not None and variable.exported):
            self._exports = None

    def assign(self, name: str, value: Value, exported: bool = False) -> None:
        """Give it a value; once exported it stays so."""
        old = self._now.get(name)
        self.set(name, Variable(value, exported or self.exports_all or (old is not None and old.exported)))

    def forget(self) -> None:
        """No longer know anything that the script itself has set: a file was read that may have set it otherwise."""
        self.spend(len(self._now))
        for name, variable in [*self._now.items()]:
            if name != POSITIONALS and self._given.get(name) is not variable:
                self.set(name, Variable(None, variable.exported))

    def exports(self) -> tuple[Mapping[str, str], frozenset[str]]:
        """What a program that is started here sees: the variables with known text, and the names of the others."""
        if self._exports is None:
            self.spend(20 * len(self._now))
            exported = {name: each.text for name, each in self._now.items() if each.exported and name != POSITIONALS}
            known = {name: text for name, text in exported.items() if text is not None}
            self._exports = known, frozenset(exported.keys() - known.keys())
        return self._exports

    # ── Branches ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self) -> None:
        """A branch begins."""
        self._before.append({})

    def end(self) -> Changes:
        """The branch ends: what it changed, which is taken back."""
        before = self._before.pop()
        changes = {name: self._now.get(name) for name in before}
        for name, old in before.items():
            if old is None:
                self._now.pop(name, None)
            else:
                self._now[name] = old
            changed = changes[name]
            if (old is not None and old.exported) or (changed is not None and changed.exported):
                self._exports = None
        return changes

    def merge(self, alternatives: list[Changes]) -> None:
        """One of the alternatives was run, and it is not known which."""
        said: dict[str, list[Variable | None]] = {}
        for changes in alternatives:
            for name, variable in changes.items():
                said.setdefault(name, []).append(variable)
        for name, variables in said.items():
            if len(variables) < len(alternatives):
                variables.append(self._now.get(name))
            first = variables[0]
            if all(_agree(first, each) for each in variables):
                self.set(name, first)
            else:
                self.set(name, Variable(None, any(each is not None and each.exported for each in variables)))


def _agree(left: Variable | None, right: Variable | None) -> bool:
    return left is right or (left is not None and right is not None and left.agrees(right))
