"""The codemods and how they are declared: one function a file, in `rewrites` with `@codemod("CRB109", alters=("rate_limit",))` above it, or
in `deployment_rewrites` with `@command_codemod("CRB203", alters=("concurrency",))`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

from msgspec import Struct

from codemods.change import Rewrite
from codemods.command_literals import rewrite as rewrite_literals
from codemods.command_site import CommandRewrite

if TYPE_CHECKING:
    from lint_rules.findings import Finding
    from lint_rules.project.project import Project
    from lint_rules.project.tasks import Task

FileToEdit = Callable[["Finding", "Task | None", "Project"], str]


class Codemod(Struct, frozen=True, eq=False):
    """One codemod, and what the proof is to allow it."""

    code: str
    """Of the rule whose findings it mends."""
    name: str
    """Of the rule and of the file, in snake case."""
    rewrite: Rewrite | None
    """What it does in Python code, if anything."""
    changes: CommandRewrite | None
    """What it does to a command or a Redis server of the deployment, if anything."""
    alters: tuple[str, ...]
    """What of a task's manifest it changes on purpose: single options, or "options", "parameters", "tasks" (more of them). What of a
    command or a Redis server: options, directives."""
    reveals: tuple[str, ...]
    """Prefixes of the codes that may speak afterwards: of code that did not run before, of settings without effect."""
    settles: tuple[str, ...]
    """Prefixes of other codes whose findings it mends along with its own: in the same file, and in any for a command."""
    drops_comments: bool
    """Whether the comment itself is what it removes."""
    file_to_edit: FileToEdit
    """Which file it edits for a finding."""

    @property
    def doc(self) -> str:
        """What it does, in a sentence."""
        return (self.changes or self.rewrite).__doc__ or ""


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
            _add(Codemod(code, _name(rewrite), rewrite, None, alters, reveals, settles, drops_comments, file_to_edit))
        return rewrite

    return register


def command_codemod(
    code: str,
    *,
    alters: tuple[str, ...],
    reveals: tuple[str, ...] = (),
    settles: tuple[str, ...] = (),
    in_python: bool = True,
    file_to_edit: FileToEdit = lambda finding, task, project: finding.place.file,
) -> Callable[[CommandRewrite], CommandRewrite]:
    """Register the decorated function as the codemod of a rule about commands, of deployment files and (`in_python`) of Python code."""

    def register(changes: CommandRewrite) -> CommandRewrite:
        rewrite = partial(rewrite_literals, changes) if in_python else None
        _add(Codemod(code, _name(changes), rewrite, changes, alters, reveals, settles, False, file_to_edit))
        return changes

    return register


def _name(function: Callable[..., object]) -> str:
    return function.__module__.rpartition(".")[2]


def _add(new: Codemod) -> None:
    if new.code in _CODEMODS:
        raise ValueError(f"{new.code} has two codemods: {_CODEMODS[new.code].name} and {new.name}")
    _CODEMODS[new.code] = new


def all_codemods() -> dict[str, Codemod]:
    """Every codemod by the code it mends, in order."""
    _import_all()
    return dict(sorted(_CODEMODS.items()))


@cache
def _import_all() -> None:
    for name in ("codemods.rewrites", "codemods.deployment_rewrites"):
        package = importlib.import_module(name)
        for found in pkgutil.iter_modules(package.__path__, f"{name}."):
            importlib.import_module(found.name)
