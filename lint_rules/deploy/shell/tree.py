"""What is shell text made of? Words of parts, and commands of words, as `syntax` finds them and `running` runs them."""

from __future__ import annotations

from typing import Union

from msgspec import Struct, field

from lint_rules.deploy.text import Text


class Literal(Struct, frozen=True, eq=False):
    """Characters that stand for themselves."""

    text: Text
    quoted: bool


class Parameter(Struct, frozen=True, eq=False):
    """`$NAME`, `${NAME[index]operator argument}`."""

    name: str
    """A variable's name, the number of a positional parameter, `@`, `*` or `#`."""
    index: str
    """`@`, `*` or a number; "" where it has none."""
    operator: str
    argument: Union[ShellWord, None]
    quoted: bool
    raw: Text


class Opaque(Struct, frozen=True, eq=False):
    """What is only known at run time: `$(command)`, arithmetic, a place that a template fills in."""

    raw: Text
    quoted: bool


Part = Union[Literal, Parameter, Opaque]


class ShellWord(Struct, eq=False):
    """A word as it is written."""

    parts: list[Part]
    raw: Text

    @property
    def literal(self) -> str | None:
        """What it says where it has neither quotes nor anything to be put in."""
        texts = [part.text.value for part in self.parts if isinstance(part, Literal) and not part.quoted]
        return "".join(texts) if len(texts) == len(self.parts) else None


class Assignment(Struct, frozen=True, eq=False):
    """`NAME=value`, `NAME+=value`, `NAME=(values)`; a value of None is one that cannot be told (`NAME[2]=x`)."""

    name: str
    value: Union[ShellWord, list[ShellWord], None]
    appended: bool


class Simple(Struct, eq=False):
    """Assignments, then the words of a command (either may be missing)."""

    assignments: list[Assignment] = field(default_factory=list)
    words: list[ShellWord] = field(default_factory=list)
    declared: list[Assignment] = field(default_factory=list)
    """Of `export`, `local` and their like."""


class Pipeline(Struct, eq=False):
    """Commands that are joined by `|`."""

    parts: list[Command] = field(default_factory=list)
    negated: bool = False


class AndOr(Struct, eq=False):
    """Pipelines that are joined by `&&` and `||`; the operator of each stands before it, that of the first is `&&`."""

    parts: list[tuple[str, Pipeline]] = field(default_factory=list)
    background: bool = False


class Commands(Struct, eq=False):
    """Commands that run one after the other."""

    items: list[AndOr] = field(default_factory=list)
    subshell: bool = False


class If(Struct, eq=False):
    """Conditions with what each guards; that of `else` is None."""

    clauses: list[tuple[Union[Commands, None], Commands]] = field(default_factory=list)


class While(Struct, eq=False):
    """`while` and `until`."""

    condition: Commands
    body: Commands


class For(Struct, eq=False):
    """`for NAME in words` and `select`; words of None are those of the caller, a name of "" stands for `for ((…))`."""

    name: str
    words: Union[list[ShellWord], None]
    body: Commands


class Case(Struct, eq=False):
    """A word, and for each clause its patterns and commands."""

    subject: ShellWord
    clauses: list[tuple[list[ShellWord], Commands]] = field(default_factory=list)


class Function(Struct, eq=False):
    """A definition."""

    name: str
    body: Commands


Command = Union[Simple, Commands, If, While, For, Case, Function]
