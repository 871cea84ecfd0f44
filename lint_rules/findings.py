"""What the linter says: findings, where they stand, and how sure their fix is."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from lint_rules.facts.model import Span


class Severity(StrEnum):
    """ERROR will misbehave, WARNING is risky, INFO is a convention."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class FixKind(StrEnum):
    """SAFE fixes keep the behaviour (or it was broken before), UNSAFE ones need `--unsafe`."""

    SAFE = "safe"
    UNSAFE = "unsafe"


class Place(Struct, frozen=True):
    """A piece of a file. Rows from 1, columns from 0 (people are shown columns from 1).

    `first` and `last` are the rows on which a comment silences the finding: those of the statement's header.
    """

    file: str
    row: int
    column: int
    end_row: int
    end_column: int
    first: int
    last: int

    @classmethod
    def of(cls, file: str, span: Span, header: Span | None = None) -> Place:
        """A span of a file; comments count on its own rows and on those of `header`."""
        first, last = span.row, span.end_row
        if header is not None:
            first, last = min(first, header.row), max(last, header.end_row)
        return cls(file, span.row, span.column, span.end_row, span.end_column, first, last)

    @classmethod
    def row_of(cls, file: str, row: int, column: int = 0) -> Place:
        """A place of which only the row matters."""
        return cls(file, row, column, row, column, row, row)


class Related(Struct, frozen=True):
    """Another place that helps to understand a finding."""

    file: str
    row: int
    message: str


class Report(Struct, frozen=True):
    """What a rule yields; the engine adds the rule's code, name and severity."""

    place: Place
    message: str
    task: str | None = None
    related: tuple[Related, ...] = ()
    fix: FixKind | None = None
    severity: Severity | None = None


class Finding(Struct, frozen=True):
    """A report with the rule that made it."""

    code: str
    name: str
    severity: Severity
    message: str
    place: Place
    task: str | None = None
    related: tuple[Related, ...] = ()
    fix: FixKind | None = None

    @property
    def order(self) -> tuple[str, int, int, str, str]:
        """Findings are listed by file, place and code."""
        return (self.place.file, self.place.row, self.place.column, self.code, self.message)
