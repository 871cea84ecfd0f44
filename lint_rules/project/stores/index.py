"""The caches and Redis clients of a project, and what is stored in them: made when a rule first asks."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from lint_rules.project.stores.calls import store_calls
from lint_rules.project.stores.candidates import candidates, words_of
from lint_rules.project.stores.decorators import decorated
from lint_rules.project.stores.forwarding import forwarded, forwarders
from lint_rules.project.stores.keys import KeyReader
from lint_rules.project.stores.model import CacheUse, StoreCall
from lint_rules.project.stores.receivers import Receivers
from lint_rules.project.stores.uses import uses_of

if TYPE_CHECKING:
    from lint_rules.project.project import Project


SHORTEST_NAME = 8
"""Letters of a function's name that other files are searched for."""


class Stores:
    """What `project.stores` is."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.receivers = Receivers(project.resolver, project.settings)

    def prepare(self) -> None:
        """Begin to look for the files, while others are worked on."""
        if "files" not in vars(self):
            self._project.index.begin_naming(words_of(self._project))

    @cached_property
    def files(self) -> list[str]:
        """The files that may talk to a store."""
        return candidates(self._project, self.receivers)

    @cached_property
    def keys(self) -> KeyReader:
        """Reads keys."""
        return KeyReader(self._project.resolver)

    @cached_property
    def calls(self) -> list[StoreCall]:
        """Every command on a store of known type, by file and row."""
        return store_calls(self._project, self.receivers, self.files)

    @cached_property
    def forwarded(self) -> list[StoreCall]:
        """Calls of functions of the project that hand a key on, as calls of the store."""
        found = forwarders(self.calls)
        names = sorted({each.name for each in found if each.stores and len(each.name) >= SHORTEST_NAME})
        elsewhere = self._project.index.naming(names) if names else []
        self._project.index.load(elsewhere)
        return list(forwarded(self._project, found, sorted({*self.files, *elsewhere})))

    @cached_property
    def uses(self) -> list[CacheUse]:
        """What is stored under which key and what for, by file and row; then what decorators cache."""
        found = uses_of(self._project, [*self.calls, *self.forwarded], self.keys)
        return [*found, *decorated(self._project, self.files, found, self.keys)]
