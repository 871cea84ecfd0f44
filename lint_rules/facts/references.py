"""Of which expressions is an expression made, and which names does it read?"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Attr, Computed, Element, Entered, Expr, Formatted, Item, Map, OneOf, Percent, Ref, Seq, Template


def references(*exprs: Expr) -> Iterator[str]:
    """The dotted names in expressions; calls in them are not looked into."""
    return (expr.path for expr in leaves(*exprs) if isinstance(expr, Ref))


def leaves(*exprs: Expr) -> Iterator[Expr]:
    """The names, calls and constants that expressions are made of, with those of tests between them."""
    pending = list(exprs)
    while pending:
        expr = pending.pop()
        if isinstance(expr, (Attr, Element, Entered, Formatted)):
            pending.append(expr.base)
        elif isinstance(expr, Item):
            pending += (expr.base, expr.key)
        elif isinstance(expr, Percent):
            pending += (expr.base, expr.given)
        elif isinstance(expr, Seq):
            pending += expr.items
        elif isinstance(expr, (Template, Computed)):
            pending += expr.parts
        elif isinstance(expr, OneOf):
            pending += (*expr.options, *([] if expr.tested is None else [expr.tested]))
        elif isinstance(expr, Map):
            pending += [*(key for key in expr.keys if key is not None), *expr.values]
        else:
            yield expr
