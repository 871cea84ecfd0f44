"""What does the project patch: the standard library for gevent or eventlet, a database driver, grpc?"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from lint_rules.facts.model import Attr, Ref
from lint_rules.project.modules import Module
from lint_rules.project.requirements import names_package
from lint_rules.project.values import External

if TYPE_CHECKING:
    from lint_rules.project.project import Project

CALLS = {
    "gevent.monkey.patch_all": "library",
    "gevent.monkey.patch_socket": "library",
    "eventlet.monkey_patch": "library",
    "eventlet.patcher.monkey_patch": "library",
    "psycogreen.gevent.patch_psycopg": "psycopg2",
    "psycogreen.eventlet.patch_psycopg": "psycopg2",
    "psycopg2.extensions.set_wait_callback": "psycopg2",
    "pymysql.install_as_MySQLdb": "MySQLdb",
    "grpc.experimental.gevent.init_gevent": "grpc",
    "grpc.experimental.eventlet.init_eventlet": "grpc",
}
"""Calls that make something cooperative, and what (`library` is the standard library)."""

MOST = 400
"""Modules that are looked at on the way of imports from an entry point."""


class Patches:
    """The patching that can be seen in a project."""

    def __init__(self, project: Project) -> None:
        self.project = project

    @cached_property
    def files(self) -> dict[str, frozenset[str]]:
        """What is patched -> the files that do it."""
        index = self.project.index
        last = {path.rpartition(".")[2] for path in CALLS}
        found: dict[str, set[str]] = {}
        files = index.naming(sorted(last))
        index.load(files)
        for file in files:
            module = index.module(file)
            for what in _patched(self.project, module, last) if module is not None else ():
                found.setdefault(what, set()).add(file)
        return {what: frozenset(files) for what, files in found.items()}

    def anywhere(self, what: str) -> bool:
        """Whether some file of the project patches it, or the project requires what does nothing else."""
        project = self.project
        return what in self.files or (what == "psycopg2" and names_package(project.root, project.requirement_files, ["psycogreen"]))

    def on_the_way(self, entry: str) -> bool:
        """Whether the standard library is patched by a file, by what it imports, or by the packages that it lies in."""
        patching = self.files.get("library", frozenset())
        return bool(patching) and not patching.isdisjoint(self._imported(entry))

    def _imported(self, entry: str) -> set[str]:
        """The files of the project that run when a file is imported."""
        index = self.project.index
        seen: set[str] = set()
        pending = [entry]
        while pending and len(seen) < MOST:
            file = pending.pop()
            if file in seen:
                continue
            seen.add(file)
            pending += _packages(file, index.files)
            index.load([file])
            module = index.module(file)
            for item in module.facts.body.imports if module is not None else ():
                target = index.absolute(file, item.module, item.level)
                names = [target, item.submodule, f"{target}.{item.attribute}" if item.attribute else None] if target else []
                pending += [other for name in names if name and (other := index.find(name, file)) is not None]
        return seen


def _packages(file: str, files: Iterable[str]) -> list[str]:
    """The `__init__.py` of the packages that a file lies in."""
    found = []
    folder = posixpath.dirname(file)
    while folder and (init := f"{folder}/__init__.py") in files:
        found.append(init)
        folder = posixpath.dirname(folder)
    return found


def _patched(project: Project, module: Module, last: set[str]) -> Iterator[str]:
    for qualname in ("", *module.functions):
        for call in module.scope(qualname).calls:
            if not isinstance(call.func, (Ref, Attr)) or call.func.path.rpartition(".")[2] not in last:
                continue
            frame = project.resolver.frame(module.file, qualname)
            for value in project.values(call.func, frame) if frame is not None else ():
                if isinstance(value, External) and value.path in CALLS:
                    yield CALLS[value.path]
