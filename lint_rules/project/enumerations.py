"""Which number or text is a member of an enumeration?"""

from __future__ import annotations

from lint_rules.facts.model import Const, Expr, Ref, Result
from lint_rules.project.frames import Frame
from lint_rules.project.resolver import Resolver
from lint_rules.project.values import ClassValue, External, Literal

PLAIN = ("builtins.int", "builtins.str", "enum.IntEnum", "enum.StrEnum", "enum.IntFlag")
"""Bases whose members are numbers or texts themselves; those of others have theirs in `.value`."""


def member_value(resolver: Resolver, expr: Expr | None, frame: Frame) -> Literal | None:
    """The constant that `Level.HIGH` (of an IntEnum, a StrEnum and their like) or `Level.HIGH.value` is.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    if not isinstance(expr, Ref) or "." not in expr.path:
        return None
    path, asked = (expr.path[: -len(".value")], True) if expr.path.endswith(".value") else (expr.path, False)
    owner, _, name = path.rpartition(".")
    found = resolver.evaluate(Ref(owner), frame) if owner else ()
    cls = found[0] if len(found) == 1 else None
    if not isinstance(cls, ClassValue) or not resolver.inherits(cls, "enum.Enum"):
        return None
    if not asked and not any(resolver.inherits(cls, base) for base in PLAIN):
        return None
    return _members(resolver, cls).get(name)


def _members(resolver: Resolver, cls: ClassValue) -> dict[str, Literal]:
    """The members of an enumeration whose values are constants, or `auto()` after a number."""
    frame = resolver.frame(cls.file, cls.qualname)
    found: dict[str, Literal] = {}
    last: int | None = 0
    for binding in frame.scope.bindings if frame is not None else ():
        value = binding.value
        if isinstance(value, Const):
            found[binding.target] = Literal(value.value)
            last = value.value if isinstance(value.value, int) else None
        elif frame is not None and isinstance(value, Result) and last is not None:
            if resolver.evaluate(frame.scope.calls[value.index].func, frame) == (External("enum.auto"),):
                last += 1
                found[binding.target] = Literal(last)
    return found
