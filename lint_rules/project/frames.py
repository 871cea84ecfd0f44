"""Where names are looked up: one function, class body or module, as seen from one receiver."""

from __future__ import annotations

from lint_rules.facts.model import Function, Scope
from lint_rules.project.modules import Module
from lint_rules.project.values import Bound, ClassValue, Instance, Values

DEEPEST = 80
"""Evaluations inside evaluations; beyond it the answer is UNKNOWN."""


class Frame:
    """One function (or module or class body) as seen from one receiver: where its names are looked up."""

    __slots__ = (
        "arguments",
        "called_unseen",
        "function",
        "key",
        "memo",
        "module",
        "parent",
        "properties",
        "qualname",
        "receiver",
        "scope",
        "truths",
    )

    def __init__(self, module: Module, qualname: str, receiver: Instance | ClassValue | None, parent: Frame | None) -> None:
        self.module = module
        self.qualname = qualname
        self.receiver = receiver
        self.parent = parent
        self.key = (module.file, qualname, receiver)
        self.function: Function | None = module.functions.get(qualname)
        self.scope: Scope = module.scope(qualname)
        self.arguments: dict[str, Values] = {}
        """What callers were seen to pass, by parameter name."""
        self.truths: dict[str, set[bool | None]] = {}
        """Whether callers were seen to pass something true or false, by parameter name; None where that cannot be seen."""
        self.called_unseen = False
        """Whether it also runs in ways that show no arguments: as a task, a callback, a decorator's wrapper."""
        self.properties: dict[Bound, None] = {}
        """Properties of the project that expressions of this frame read: reading one runs it."""
        self.memo: dict[str | int, Values] = {}
