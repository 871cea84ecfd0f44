"""Which text does an expression give, as far as reading tells?"""

from __future__ import annotations

import re

from msgspec import Struct

from lint_rules.facts.model import Call, Const, Expr, Formatted, Ref, Result, Template
from lint_rules.facts.templates import LONGEST_TEXT
from lint_rules.project.frames import Frame
from lint_rules.project.interpolation import conversion, literal
from lint_rules.project.origins import origin
from lint_rules.project.resolver import Resolver
from lint_rules.project.tasks import rendered
from lint_rules.project.values import External

FARTHEST = 8
"""Names behind names that are followed."""

ENVIRONMENT = frozenset({"os.getenv", "os.environ.get"})


class Piece(Struct, frozen=True):
    """A part of a text; what is not known before run time is written `{expression}`."""

    text: str
    known: bool = True


def pieces(resolver: Resolver, expr: Expr | None, frame: Frame, hops: int = 0) -> list[Piece]:
    """The parts of the text that an expression gives.

    More careful than `evaluate`: a parameter, and a name that is assigned several times, is unknown.
    A variable of the environment with a default is that default.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    if isinstance(expr, Template) and hops < FARTHEST:
        found = [piece for part in expr.parts for piece in pieces(resolver, part, frame, hops + 1)]
        if sum(len(piece.text) for piece in found) <= LONGEST_TEXT * FARTHEST:
            return found
    elif isinstance(expr, Const):
        return [Piece(str(expr.value))]
    elif isinstance(expr, Formatted):
        inner = pieces(resolver, expr.base, frame, hops + 1)
        value = literal(resolver, expr.base, frame) if all(piece.known for piece in inner) else None
        text = None if value is None else conversion(value, expr.how)
        return [_unknown(expr.base, frame) if text is None else Piece(text)]
    elif isinstance(expr, Ref) and hops < FARTHEST:
        return _named(resolver, expr, frame, hops)
    elif isinstance(expr, Result) and hops < FARTHEST:
        return _called(resolver, expr, frame.scope.calls[expr.index], frame, hops)
    return [_unknown(expr, frame)]


def _named(resolver: Resolver, expr: Ref, frame: Frame, hops: int) -> list[Piece]:
    behind = origin(resolver, expr.path, frame)
    if behind is not None:
        found = pieces(resolver, behind[0].value, behind[1], hops + 1)
        if any(piece.known for piece in found):
            return found
    elif "." in expr.path:
        value = literal(resolver, expr, frame)
        if value is not None:
            return [Piece(str(value.value))]
    return [_unknown(expr, frame)]


def _called(resolver: Resolver, expr: Result, call: Call, frame: Frame, hops: int) -> list[Piece]:
    values = resolver.evaluate(call.func, frame)
    path = values[0].path if len(values) == 1 and isinstance(values[0], External) else ""
    if path == "builtins.str" and len(call.args) == 1 and not call.starred:
        return pieces(resolver, call.args[0], frame, hops + 1)
    if path in ENVIRONMENT and len(call.args) == 2 and isinstance(call.args[1], Const) and call.args[1].value is not None:
        return [Piece(str(call.args[1].value))]
    return [_unknown(expr, frame)]


def _unknown(expr: Expr | None, frame: Frame) -> Piece:
    """`{core_count}`, `{uuid.uuid4().hex}`: without anything that would end a word of a command."""
    shown = re.sub(r"\(.*\)", "()", rendered(expr, frame.scope.calls))
    return Piece("{" + re.sub(r"[^\w.()\[\]]", "", shown) + "}", known=False)
