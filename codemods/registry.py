"""The codemods and how they are declared: `@codemod("CRB109", alters=("rate_limit",))` above one function a file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from msgspec import Struct

from codemods.change import Rewrite

if TYPE_CHECKING:
    from lint_rules.findings import Finding
    from lint_rules.project.project import Project
    from lint_rules.project.tasks import Task

FileToEdit = Callable[["Finding", "Task | None", "Project"], str]


class Codemod(Struct, frozen=True, eq=False):
    """One codemod, and what the proof is to allow it."""

    code: str
    """Of the rule whose findings it mends."""
    rewrite: Rewrite
    alters: tuple[str, ...]
    """What of a task's manifest it changes on purpose: single options, or "options", "parameters", "tasks" (more of them)."""
    reveals: tuple[str, ...]
    """Prefixes of the codes that may speak afterwards: of code that did not run before."""
    settles: tuple[str, ...]
    """Other codes whose findings it mends along with its own."""
    drops_comments: bool
    """Whether the comment itself is what it removes."""
    file_to_edit: FileToEdit
    """Which file it edits for a finding."""

    @property
    def name(self) -> str:
        """Of the rule and of the file, in snake case."""
        return self.rewrite.__module__.rpartition(".")[2]


_CODEMODS: dict[str, Codemod] = {}


def codemod(
    *codes: str,
    alters: tuple[str, ...] = (),
    reveals: tuple[str, ...] = (),
    settles: tuple[str, ...] = (),
    drops_comments: bool = False,
    file_to_edit: FileToEdit = lambda finding, task, project: finding.place.file,
) -> Callable[[Rewrite], Rewrite]:
    """Register the decorated function as the codemod of the rules."""

    def register(rewrite: Rewrite) -> Rewrite:
        for code in codes:
            if code in _CODEMODS:
                raise ValueError(f"{code} has two codemods: {_CODEMODS[code].rewrite.__module__} and {rewrite.__module__}")
            _CODEMODS[code] = Codemod(code, rewrite, alters, reveals, settles, drops_comments, file_to_edit)
        return rewrite

    return register


def all_codemods() -> dict[str, Codemod]:
    """Every codemod by the code it mends, in order."""
    _import_all()
    return dict(sorted(_CODEMODS.items()))


@cache
def _import_all() -> None:
    package = importlib.import_module("codemods.rewrites")
    for found in pkgutil.iter_modules(package.__path__, "codemods.rewrites."):
        importlib.import_module(found.name)
