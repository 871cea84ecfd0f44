"""Where does the project keep its caches, as far as that is Redis?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from lint_rules.facts.model import Expr, Ref
from lint_rules.project.broker import Url
from lint_rules.project.displays import Entry, entries, items, text_of
from lint_rules.project.frames import Frame
from lint_rules.project.origins import origin
from lint_rules.project.test_files import for_tests

if TYPE_CHECKING:
    from lint_rules.project.project import Project

NOT_THE_CACHE = frozenset({"celery", "broker", "result", "results", "backend"})


class Cache(Struct, frozen=True, eq=False):
    """A place that says where a cache is."""

    name: str
    """What the code calls it: `CACHES["default"]`, `SHOP_CACHE_URL`."""
    urls: tuple[Url, ...]
    """All that it can be: what the code says, and what the deployment gives to its environment variables."""
    file: str
    row: int
    origin: tuple[str, int] | None = None
    """Where the name that stands for the URL gets its value."""

    @property
    def deployed(self) -> list[Url]:
        """What counts: what the deployment gives, else what the code says."""
        return deployed(self.urls)


def deployed(urls: Iterable[Url]) -> list[Url]:
    """The URLs that the deployment gives to environment variables, where it gives any; else those in the code."""
    urls = [*urls]
    return [url for url in urls if not url.file.endswith(".py")] or urls


def caches(project: Project) -> list[Cache]:
    """The caches in Redis: Django's `CACHES`, and URLs that are called a cache's where the broker's is set, or in the environment."""
    files = _files(project)
    project.index.load(files)
    found = [cache for file in files for qualname in _scopes(project, file) for cache in _in_scope(project, file, qualname)]
    known = {url.variable for cache in found for url in cache.urls}
    for variable in project.deployment.variables:
        if variable.name not in known and _is_cache(variable.name) and not for_tests(variable.file):
            url = Url(variable.value, variable.file, variable.row, variable.name)
            if url.kind == "redis":
                found.append(Cache(variable.name, (url,), variable.file, variable.row))
    return found


def _files(project: Project) -> list[str]:
    """The files that Celery or Django has its settings in, and those in which the broker's URL stands."""
    files = {setting.file for setting in project.celery_settings} | {url.file for url in project.urls.broker_urls()}
    return sorted(file for file in {*files, *project.index.settings_files()} if file in project.index.files and not for_tests(file))


def _scopes(project: Project, file: str) -> list[str]:
    module = project.module(file)
    return ["", *module.functions, *module.classes] if module is not None else []


def _in_scope(project: Project, file: str, qualname: str) -> Iterator[Cache]:
    frame = project.resolver.frame(file, qualname)
    if frame is None:
        return
    for binding in frame.scope.bindings:
        name = binding.target.rpartition(".")[2]
        if name == "CACHES":
            yield from _django(project, binding.value, frame, binding.row)
        elif _is_cache(name):
            yield from _named(project, name, binding.value, frame, binding.row)
    for call in frame.scope.calls:
        for key, value in call.keywords:
            if key and _is_cache(key):
                yield from _named(project, key, value, frame, call.span.row)


def _named(project: Project, name: str, value: Expr, frame: Frame, row: int) -> Iterator[Cache]:
    urls = [url for url in project.urls.of(value, frame, row) if url.kind == "redis"]
    source = origin_of(project, value, frame)
    if urls or source is not None:
        file, row = (urls[0].file, urls[0].row) if urls and source is None else (frame.module.file, row)
        yield Cache(name, tuple(urls), file, row, source)


def origin_of(project: Project, value: Expr | None, frame: Frame) -> tuple[str, int] | None:
    """File and row of the assignment behind a name, through aliases and imports."""
    found = project.loading(lambda: origin(project.resolver, value.path, frame)) if isinstance(value, Ref) else None
    return (found[1].module.file, found[0].row) if found is not None else None


def _django(project: Project, value: Expr, frame: Frame, row: int) -> Iterator[Cache]:
    """The entries of `CACHES`."""
    resolver = project.resolver
    for alias in project.loading(lambda: entries(resolver, value, frame, row)) or ():
        fields = project.loading(lambda alias=alias: entries(resolver, alias.value, alias.frame, alias.row)) or ()  # type: ignore[misc]
        named = {project.loading(lambda each=each: text_of(resolver, each.key, each.frame)): each for each in fields}  # type: ignore[misc]
        location = named.get("LOCATION")
        if location is None or _database_elsewhere(project, named.get("OPTIONS")):
            continue
        several = project.loading(lambda at=location: items(resolver, at.value, at.frame, at.row))  # type: ignore[misc]
        places = [location] if several is None else several
        urls = [url for each in places for url in project.urls.of(each.value, each.frame, each.row) if url.kind == "redis"]
        key = project.loading(lambda alias=alias: text_of(resolver, alias.key, alias.frame))  # type: ignore[misc]
        backend = named.get("BACKEND")
        kind = project.loading(lambda at=backend: text_of(resolver, at.value, at.frame)) if backend is not None else None  # type: ignore[misc]
        source = origin_of(project, location.value, location.frame) if "redis" in (kind or "").lower() else None
        if urls or source is not None:
            yield Cache(f"CACHES[{key!r}]" if key else "CACHES", tuple(urls), location.file, location.row, source)


def _database_elsewhere(project: Project, options: Entry | None) -> bool:
    """Whether the options of a cache may name another database than its URL."""
    if options is None:
        return False
    found = project.loading(lambda: entries(project.resolver, options.value, options.frame, options.row))
    keys = [project.loading(lambda each=each: text_of(project.resolver, each.key, each.frame)) for each in found or ()]  # type: ignore[misc]
    return found is None or any(key is None or key.lower() == "db" for key in keys)


def _is_cache(name: str) -> bool:
    words = set(re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower().split("_"))
    return bool(words & {"cache", "caches", "caching"}) and not words & NOT_THE_CACHE
