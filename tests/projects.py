"""Small projects written as text, and short ways to ask the engine about them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec

from lint_rules.analysis import read
from lint_rules.facts.model import Call, Function, ModuleFacts, Scope
from lint_rules.knowledge.tables import load
from lint_rules.project.modules import ModuleIndex, NotLoaded
from lint_rules.project.project import Project
from lint_rules.project.resolver import Resolver
from lint_rules.project.special_calls import SPECIAL_CALLS
from lint_rules.project.tasks import Task
from lint_rules.project.values import (
    Bound,
    ClassValue,
    Container,
    External,
    Instance,
    Literal,
    ModuleValue,
    Namespace,
    SuperOf,
    Value,
)
from lint_rules.report.rows import Row, task_rows
from lint_rules.rules.registry import all_rules
from lint_rules.settings import Settings, read_settings
from lint_rules.source.discovery import discover
from lint_rules.source.reading import Reader, facts_of

Files = Mapping[str, str | bytes]


def write(root: Path, files: Files) -> Path:
    """Write files below `root`; text is dedented."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else dedent(content).encode())
    return root


def settle(root: Path) -> Path:
    """Date everything below `root` an hour back: a run trusts only times that are not fresh."""
    for path in [*root.rglob("*"), root]:
        if not path.is_symlink():
            status = path.stat()
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - 3_600_000_000_000))
    return root


def found_in(root: Path, **settings: Any) -> list[str]:
    """The files that discovery lists."""
    return discover(str(root), Settings(**settings)).files


# ── facts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def facts(source: str | bytes) -> ModuleFacts:
    """The facts of a dedented text or of bytes as they are."""
    return facts_of(source if isinstance(source, bytes) else dedent(source).encode())


def scopes(module: ModuleFacts) -> list[Scope]:
    """All scopes of a module."""
    return [module.body, *(function.body for function in module.functions), *(class_.body for class_ in module.classes)]


def calls(module: ModuleFacts) -> list[Call]:
    """All calls of a module, in source order."""
    return sorted((call for scope in scopes(module) for call in scope.calls), key=lambda call: (call.span.row, call.span.column))


def function(module: ModuleFacts, qualname: str) -> Function:
    """The function of a qualified name."""
    return next(each for each in module.functions if each.qualname == qualname)


# ── projects ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def project_in(root: Path, files: Files, **settings: Any) -> Project:
    """The project of files; its settings are those of its pyproject.toml with `settings` in their place."""
    write(root, files)
    configured, _ = read_settings(root / "pyproject.toml", "pyproject.toml", all_rules)
    chosen = msgspec.structs.replace(configured, **settings)
    listing = discover(str(root), chosen)
    with Reader(root) as reader:
        reader.start(listing.files, chosen.task_decorators)
        return read(root, listing, chosen, reader)


def task(project: Project, name: str) -> Task:
    """The task whose function has that name."""
    (found,) = [each for each in project.tasks if each.function.name == name]
    return found


def row_of(project: Project, name: str) -> Row:
    """The row of a task in `crb tasks`, by the name of its function."""
    (found,) = [row for row in task_rows(project) if row["function"].rpartition(".")[2] == name]
    return found


def names(project: Project) -> list[str]:
    """The registered names of all tasks."""
    return [each.name for each in project.tasks]


class Meanings:
    """What names in a project stand for, as short texts."""

    def __init__(self, root: Path, files: Files, src: tuple[str, ...] = (".", "src")) -> None:
        write(root, files)
        listing = discover(str(root), Settings())
        index = ModuleIndex(listing.files, src, Reader(root))
        self.resolver = Resolver(index, load({}), SPECIAL_CALLS)

    def of(self, file: str, name: str, function: str = "") -> list[str]:
        """All that `name` can be in a module, or in a function of it."""
        while True:
            try:
                frame = self.resolver.frame(file, function)
                assert frame is not None
                return [self.shown(value) for value in self.resolver.name(name, frame)]
            except NotLoaded as needed:
                self.resolver.index.load([needed.file])

    def shown(self, value: Value) -> str:
        """A value as text: library paths as they are, `class m.C`, `m.C()`, `def m.f`, `module m`, `[items]`, `'constant'`."""
        index = self.resolver.index
        if isinstance(value, External):
            return value.path
        if isinstance(value, ClassValue):
            return f"class {index.name(value.file)}.{value.qualname}"
        if isinstance(value, Instance):
            return f"{index.name(value.cls.file)}.{value.cls.qualname}()"
        if isinstance(value, Bound):
            return f"def {index.name(value.file)}.{value.qualname}"
        if isinstance(value, ModuleValue):
            return f"module {index.name(value.file)}"
        if isinstance(value, Namespace):
            return f"namespace {value.name}"
        if isinstance(value, Container):
            return f"[{', '.join(self.shown(item) for item in value.items)}]"
        if isinstance(value, Literal):
            return repr(value.value)
        assert isinstance(value, SuperOf)
        return f"super of {value.cls.qualname}"
