"""Small expressions taken apart and put together."""

from __future__ import annotations

import libcst as cst

OPPOSITE: dict[type[cst.BaseCompOp], type[cst.BaseCompOp]] = {
    cst.Equal: cst.NotEqual,
    cst.NotEqual: cst.Equal,
    cst.Is: cst.IsNot,
    cst.IsNot: cst.Is,
    cst.In: cst.NotIn,
    cst.NotIn: cst.In,
}
"""Comparisons that are each other's negation for every type (`<` and `>=` are not: NaN, sets)."""

BINDS_LOOSELY = (cst.BooleanOperation, cst.IfExp, cst.Lambda, cst.NamedExpr, cst.Yield)


def root_name(expression: cst.BaseExpression) -> str:
    """The first name of a dotted expression, "" where it does not begin with one."""
    while isinstance(expression, (cst.Attribute, cst.Call)):
        expression = expression.value if isinstance(expression, cst.Attribute) else expression.func
    return expression.value if isinstance(expression, cst.Name) else ""


def negated(expression: cst.BaseExpression) -> cst.BaseExpression:
    """`not expression`, written as people would."""
    if isinstance(expression, cst.UnaryOperation) and isinstance(expression.operator, cst.Not):
        return expression.expression
    if isinstance(expression, cst.Comparison) and len(expression.comparisons) == 1:
        target = expression.comparisons[0]
        opposite = OPPOSITE.get(type(target.operator))
        if opposite is not None:
            return expression.with_changes(comparisons=[target.with_changes(operator=opposite())])
    if isinstance(expression, BINDS_LOOSELY) and not expression.lpar:
        expression = parenthesised(expression)
    return cst.UnaryOperation(cst.Not(), expression)


def parenthesised(expression: cst.BaseExpression) -> cst.BaseExpression:
    """The expression in brackets of its own."""
    return expression.with_changes(lpar=[cst.LeftParen(), *expression.lpar], rpar=[*expression.rpar, cst.RightParen()])


def awaited(call: cst.BaseExpression, parent: cst.CSTNode | None) -> cst.BaseExpression:
    """`await call`, in brackets where it has them already, or what stands around binds more tightly."""
    found = cst.Await(call.with_changes(lpar=[], rpar=[]) if call.lpar else call)
    if call.lpar or isinstance(parent, (cst.Attribute, cst.Subscript, cst.Call, cst.Await)):
        return parenthesised(found)
    return found
