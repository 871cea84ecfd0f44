"""Which files may talk to a cache or Redis?"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from lint_rules.facts.model import Ref, Result
from lint_rules.project.modules import Module
from lint_rules.project.stores.receivers import Receivers
from lint_rules.project.values import Bound

if TYPE_CHECKING:
    from lint_rules.project.project import Project

WORDS = (
    *("cache.", "cache import", "caching", "cachetools", "cachelib", "redis.", "redis(", "redis_", "_redis", "from redis "),
    *("valkey", "cashews", "dogpile"),
)
"""A file that talks to a cache has one of them in it. (Not "cache" alone, which is in every `cached_property`, nor "redis", which is in
"redistribute" and so in licences.)"""

MOST_MAKERS = 6
"""Calls in a function that may be there only to give a client."""


def words_of(project: Project) -> list[str]:
    """The words to look for, those of the configuration included."""
    globs = (*project.settings.redis_clients, *project.settings.cache_objects)
    return [*WORDS, *(parts[-1] for glob in globs if (parts := [part for part in glob.split(".") if "*" not in part]))]


def candidates(project: Project, receivers: Receivers) -> list[str]:
    """The files that name a cache or Redis, and those that take a client from one of them under another name; they are loaded."""
    found = dict.fromkeys(project.index.naming(words_of(project)))
    project.index.load(found)
    searched: set[str] = set()
    new = list(found)
    while new:
        names = {name for file in new for name in _other_names(project, receivers, project.module(file))} - searched
        searched |= names
        new = [file for file in _importing(project, names) if file not in found]
        found.update(dict.fromkeys(new))
    return sorted(found)


def _importing(project: Project, names: Collection[str]) -> list[str]:
    """The files that may import one of the names, or reach it through its module; they are loaded."""
    written = [f"import {name}{end}" for name in names for end in ("\n", " ", ",", ")")]
    written += [f", {name}{end}" for name in names for end in ("\n", ",", ")")]
    written += [text for name in names for text in (f"    {name},", f".{name}.", f".{name}(")]
    found = project.index.naming(written) if written else []
    project.index.load(found)
    return found


def _other_names(project: Project, receivers: Receivers, module: Module | None) -> Iterable[str]:
    """The names in a module that stand for a client, or give one, and say nothing of it."""
    frame = project.resolver.frame(module.file) if module is not None else None
    if module is None or frame is None:
        return
    for name in module.bindings(""):
        if name.isidentifier() and not _says_so(name) and _made_by_call(module, name):
            if project.loading(lambda name=name: receivers.of(Ref(name), frame)) is not None:  # type: ignore[misc]
                yield name
    for function in module.facts.functions:
        if function.parent or _says_so(function.name) or len(function.body.calls) > MOST_MAKERS or not function.returns_value:
            continue
        bound = Bound(module.file, function.qualname)
        given = project.loading(lambda bound=bound: project.resolver.returned(bound)) if function.body.calls else ()  # type: ignore[misc]
        if any(project.loading(lambda value=value: receivers.of_value(value)) is not None for value in given):  # type: ignore[misc]
            yield function.name


def _made_by_call(module: Module, name: str) -> bool:
    return any(isinstance(module.facts.body.bindings[index].value, Result) for index in module.bindings("")[name])


def _says_so(name: str) -> bool:
    return any(word in name.lower() for word in ("cache", "redis", "valkey"))
