"""Through which driver does database work go: what an ORM is configured with, as far as the code and the requirements say?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from lint_rules.facts.model import Binding, Call
from lint_rules.project.displays import entries
from lint_rules.project.frames import Frame
from lint_rules.project.requirements import names_package
from lint_rules.project.values import External

if TYPE_CHECKING:
    from lint_rules.project.project import Project

DRIVERS = frozenset({"psycopg2", "psycopg", "MySQLdb", "pymysql", "sqlite3", "asyncpg", "aiosqlite", "aiomysql", "pyodbc"})
"""Drivers that are called without an ORM."""

DIALECTS = {
    "postgresql+psycopg2": "psycopg2",
    "postgresql+psycopg": "psycopg",
    "postgresql+asyncpg": "asyncpg",
    "mysql": "MySQLdb",
    "mysql+mysqldb": "MySQLdb",
    "mysql+pymysql": "pymysql",
    "sqlite": "sqlite3",
    "sqlite+pysqlite": "sqlite3",
    "sqlite+aiosqlite": "aiosqlite",
}
"""Scheme of a SQLAlchemy URL -> driver; which driver `postgresql://` means depends on what is installed."""

BACKENDS = ("django.db.backends", "django.contrib.gis.db.backends", "django_prometheus.db.backends")
"""Packages of Django backends that use the driver as it is (others are there to change that: for gevent, say)."""

ENGINES = ("sqlalchemy.create_engine", "sqlalchemy.engine_from_config", "sqlalchemy.ext.asyncio.create_async_engine")


class Drivers:
    """The database drivers of a project."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def behind(self, path: str) -> str | None:
        """The driver that a call of a library path ends up in; None where that is not known."""
        library = path.partition(".")[0].partition("(")[0]
        if library in DRIVERS:
            return library
        if library == "django":
            return self._django
        if library in ("sqlalchemy", "sqlmodel", "flask_sqlalchemy"):
            return self._sqlalchemy
        return None

    @cached_property
    def engines(self) -> list[tuple[Call, Frame]]:
        """The calls that make a SQLAlchemy engine, in the modules that tasks lead to."""
        found = []
        for module in self.project.index.loaded():
            if module.file not in self.project.followed:
                continue
            for qualname in ("", *module.functions):
                for call in module.scope(qualname).calls:
                    path = getattr(call.func, "path", "")
                    if not path.endswith(("create_engine", "engine_from_config", "create_async_engine")):
                        continue
                    frame = self.project.resolver.frame(module.file, qualname)
                    if frame is not None and any(
                        isinstance(value, External) and self.project.knowledge.canonical(value.path) in ENGINES
                        for value in self.project.values(call.func, frame)
                    ):
                        found.append((call, frame))
        return found

    def databases(self) -> list[tuple[Binding, Frame]]:
        """The assignments of Django's DATABASES."""
        found = []
        for file in self.project.index.settings_files():
            frame = self.project.loading(lambda file=file: self.project.resolver.frame(file))  # type: ignore[misc]
            for binding in frame.scope.bindings if frame is not None else ():
                if frame is not None and binding.target.partition("[")[0] == "DATABASES":
                    found.append((binding, frame))
        return found

    @cached_property
    def _django(self) -> str | None:
        return _only(driver for binding, frame in self.databases() for driver in self._of_databases(binding, frame))

    def _of_databases(self, binding: Binding, frame: Frame) -> Iterator[str | None]:
        resolver = self.project.resolver
        aliases = self.project.loading(lambda: entries(resolver, binding.value, frame, binding.row))
        if binding.target != "DATABASES" or aliases is None:
            yield None
            return
        for alias in aliases:
            options = self.project.loading(lambda alias=alias: entries(resolver, alias.value, alias.frame, alias.row))  # type: ignore[misc]
            engines = [each for each in options or () if self.project.literal(each.key, each.frame) == "ENGINE"]
            yield self._of_backend(self.project.literal(engines[0].value, engines[0].frame)) if engines else None

    def _of_backend(self, backend: object) -> str | None:
        package, _, name = backend.rpartition(".") if isinstance(backend, str) else ("", "", "")
        if package not in BACKENDS:
            return None
        if name in ("postgresql", "postgresql_psycopg2", "postgis"):
            return self._postgresql
        if name == "mysql":
            return self._mysql
        return "sqlite3" if name in ("sqlite3", "spatialite") else None

    @cached_property
    def _sqlalchemy(self) -> str | None:
        return _only(driver for call, frame in self.engines for driver in self._of_engine(call, frame))

    def _of_engine(self, call: Call, frame: Frame) -> Iterator[str | None]:
        url = call.args[0] if call.args else call.keyword("url")
        urls = self.project.urls.of(url, frame, call.span.row)
        for each in urls:
            scheme = each.scheme.partition("{")[0]
            if scheme in ("postgresql", "postgres"):
                yield self._postgresql
            else:
                yield self._mysql if DIALECTS.get(scheme) == "MySQLdb" else DIALECTS.get(scheme)
        if not urls:
            yield None

    @cached_property
    def _postgresql(self) -> str | None:
        """psycopg2 or psycopg (3), whichever of them alone the project requires."""
        required = [name for name in ("psycopg2", "psycopg") if self._requires(name, f"{name}-binary", f"{name}-c")]
        return required[0] if len(required) == 1 else None

    @property
    def _mysql(self) -> str:
        return "pymysql" if self.project.patches.anywhere("MySQLdb") else "MySQLdb"

    def _requires(self, *names: str) -> bool:
        return names_package(self.project.root, self.project.requirement_files, names)


def _only(found: Iterator[str | None]) -> str | None:
    """The one driver that all agree on."""
    drivers = set(found)
    return drivers.pop() if len(drivers) == 1 else None
