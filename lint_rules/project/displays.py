"""Dicts and lists that are written out in the code, wherever: behind names, joined with others, made with `dict(...)`."""

from __future__ import annotations

from msgspec import Struct

from lint_rules.facts.model import Call, Const, Expr, Map, OneOf, Ref, Result, Seq
from lint_rules.project.enumerations import member_value
from lint_rules.project.frames import Frame
from lint_rules.project.origins import origin
from lint_rules.project.resolver import Resolver
from lint_rules.project.values import External, Instance, Literal

DEEPEST = 6


class Entry(Struct, frozen=True, eq=False):
    """One entry of a dict, or one item of a list (then `key` is None); both are to be evaluated in `frame`."""

    key: Expr | None
    value: Expr
    frame: Frame
    row: int

    @property
    def file(self) -> str:
        """The file it stands in."""
        return self.frame.module.file


def written(resolver: Resolver, expr: Expr | None, frame: Frame) -> tuple[Expr | None, Frame]:
    """What stands behind a name: the expression of its only assignment.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    if isinstance(expr, Ref):
        found = origin(resolver, expr.path, frame)
        if found is not None:
            return found[0].value, found[1]
    return expr, frame


def entries(resolver: Resolver, expr: Expr | None, frame: Frame, row: int, depth: int = 0) -> list[Entry] | None:
    """The entries of a dict, in order; None where they are not all written out.

    `row` is where the expression stands: that of entries whose own row is not known.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    expr, frame = written(resolver, expr, frame)
    if depth > DEEPEST:
        return None
    found: list[Entry] = []
    if isinstance(expr, Map):
        for key, value, place in zip(expr.keys, expr.values, expr.rows):
            if key is not None:
                found.append(Entry(key, value, frame, place))
            else:
                inner = entries(resolver, value, frame, place, depth + 1)
                if inner is None:
                    return None
                found += inner
        return found
    if isinstance(expr, Result):
        call = frame.scope.calls[expr.index]
        if External("builtins.dict") not in resolver.evaluate(call.func, frame) or call.starred:
            return None
        for argument in call.args:
            inner = entries(resolver, argument, frame, call.span.row, depth + 1)
            if inner is None:
                return None
            found += inner
        for name, value in call.keywords:
            if name:
                found.append(Entry(Const(name), value, frame, call.span.row))
            else:
                inner = entries(resolver, value, frame, call.span.row, depth + 1)
                if inner is None:
                    return None
                found += inner
        return found
    return None


def items(resolver: Resolver, expr: Expr | None, frame: Frame, row: int) -> list[Entry] | None:
    """The items of a list or tuple; None where they are not all written out.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    expr, frame = written(resolver, expr, frame)
    if not isinstance(expr, Seq) or expr.kind not in ("list", "tuple", "set"):
        return None
    return [Entry(None, item, frame, row) for item in expr.items]


def text_of(resolver: Resolver, expr: Expr | None, frame: Frame) -> str | None:
    """The only text that an expression can be.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    found = resolver.evaluate(expr, frame)
    if len(found) == 1 and isinstance(found[0], (Instance, External)):
        found = (member_value(resolver, expr, frame) or found[0],)
    if len(found) == 1 and isinstance(found[0], Literal) and isinstance(found[0].value, str):
        return found[0].value
    return None


def options_of(expr: Expr | None) -> tuple[Expr, ...]:
    """The expressions that one expression chooses from: `a if c else b`, `a or b`."""
    return expr.options if isinstance(expr, OneOf) else () if expr is None else (expr,)


def call_of(expr: Expr | None, frame: Frame) -> Call | None:
    """The call that an expression is."""
    return frame.scope.calls[expr.index] if isinstance(expr, Result) else None
