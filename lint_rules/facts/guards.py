"""Which tests decide whether a place in the code is reached?"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from lint_rules.facts.model import Guard

MOST_TESTED = 20
"""Parts of a test that are searched for names."""


def guards(test: ast.expr, outcome: bool) -> Iterator[Guard]:
    """What must have come out a certain way for `test` to come out as `outcome`: all of `a and b` when it is true, of `a or b` when not."""
    pending = [(test, outcome)]
    while pending:
        part, truth = pending.pop()
        while isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not):
            part, truth = part.operand, not truth
        if isinstance(part, ast.BoolOp) and isinstance(part.op, ast.And if truth else ast.Or) and len(part.values) <= MOST_TESTED:
            pending += [(value, truth) for value in reversed(part.values)]
        else:
            yield _guard(part, truth)


def _guard(test: ast.expr, outcome: bool) -> Guard:
    if isinstance(test, ast.Name):
        return Guard(test.id, outcome, (test.id,), test.id)
    heads: dict[str, None] = {}
    pending: list[ast.AST] = [test]
    for _ in range(MOST_TESTED):
        if not pending:
            break
        part = pending.pop()
        if isinstance(part, ast.Name):
            heads[part.id] = None
        elif isinstance(part, (ast.Attribute, ast.Subscript, ast.Starred)):
            pending.append(part.value)
        elif not isinstance(part, ast.Constant):
            pending.extend(ast.iter_child_nodes(part))
    path, same = _tested(test)
    return Guard("", outcome is same, tuple(sorted(heads)), path)


def _tested(test: ast.expr) -> tuple[str, bool]:
    """The dotted name that a test is about ("" for none), and whether the test is true when that is true."""
    same = True
    if isinstance(test, ast.Compare):
        operator, other = test.ops[0], test.comparators[-1]
        none = isinstance(other, ast.Constant) and other.value is None
        if not none or len(test.ops) > 1 or not isinstance(operator, (ast.Is, ast.Eq, ast.IsNot, ast.NotEq)):
            return "", True
        test, same = test.left, isinstance(operator, (ast.IsNot, ast.NotEq))
    elif isinstance(test, ast.Call) and not test.args and not test.keywords:
        test = test.func
    if isinstance(test, ast.NamedExpr):
        test = test.target
    names: list[str] = []
    while isinstance(test, ast.Attribute):
        names.append(test.attr)
        test = test.value
    return (".".join([test.id, *reversed(names)]), same) if isinstance(test, ast.Name) else ("", True)
