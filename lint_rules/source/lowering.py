"""The libcst transformer behind `grammar`: new syntax to old syntax that gives the same facts at the same rows and columns.

What replaces a piece of code has the length of that piece: type parameters become blanks, and an f-string that this interpreter cannot read
becomes `~( a , b )` with its expressions where they stood.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

import libcst as cst


class Lowering(cst.CSTTransformer):
    """See the module's docstring."""

    def leave_ExceptHandler(self, original_node: cst.ExceptHandler, updated_node: cst.ExceptHandler) -> cst.ExceptHandler:
        kind = updated_node.type
        if isinstance(kind, cst.Tuple) and not kind.lpar:
            return updated_node.with_changes(type=_in_parentheses(kind), whitespace_after_except=cst.SimpleWhitespace(""))
        return updated_node

    def leave_ExceptStarHandler(self, original_node: cst.ExceptStarHandler, updated_node: cst.ExceptStarHandler) -> cst.ExceptStarHandler:
        kind = updated_node.type
        if isinstance(kind, cst.Tuple) and not kind.lpar:
            return updated_node.with_changes(type=_in_parentheses(kind), whitespace_after_star=cst.SimpleWhitespace(""))
        return updated_node

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        parameters = original_node.type_parameters
        if parameters is None:
            return updated_node
        return updated_node.with_changes(type_parameters=None, whitespace_before_params=_blanks(_code(parameters)))

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        parameters = original_node.type_parameters
        if parameters is None:
            return updated_node
        return updated_node.with_changes(type_parameters=None, whitespace_after_name=_blanks(_code(parameters)))

    def leave_TypeAlias(self, original_node: cst.TypeAlias, updated_node: cst.TypeAlias) -> cst.Assign:
        dropped = "type " + ("" if original_node.type_parameters is None else _code(original_node.type_parameters))
        target = cst.AssignTarget(updated_node.name, whitespace_before_equal=_blanks(dropped + " "))
        return cst.Assign(targets=[target], value=updated_node.value)

    def visit_FormattedString(self, node: cst.FormattedString) -> bool:
        return False

    def leave_FormattedString(self, original_node: cst.FormattedString, updated_node: cst.FormattedString) -> cst.BaseExpression:
        return _readable(original_node)

    def visit_TemplatedString(self, node: cst.TemplatedString) -> bool:
        return False

    def leave_TemplatedString(self, original_node: cst.TemplatedString, updated_node: cst.TemplatedString) -> cst.BaseExpression:
        return _readable(original_node)

    def visit_ConcatenatedString(self, node: cst.ConcatenatedString) -> bool:
        return False

    def leave_ConcatenatedString(self, original_node: cst.ConcatenatedString, updated_node: cst.ConcatenatedString) -> cst.BaseExpression:
        return _readable(original_node)


class _Text(cst.Name):
    """Any text in the place of an expression."""

    def _validate(self) -> None:
        pass


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def _in_parentheses(kind: cst.Tuple) -> cst.Tuple:
    return kind.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _blanks(text: str) -> cst.SimpleWhitespace:
    return cst.SimpleWhitespace("\\\n".join(" " * len(line) for line in text.split("\n")))


def _readable(node: cst.FormattedString | cst.TemplatedString | cst.ConcatenatedString) -> cst.BaseExpression:
    """The string itself where this interpreter reads it, else a text of the same extent with its expressions."""
    text = _code(node)
    try:
        ast.parse(f"({text}\n)")
        return node
    except (SyntaxError, ValueError):
        pass
    kept = list(re.sub(r"[^\n]", " ", text))
    for start, piece in _pieces(node, 0):
        kept[start : start + len(piece)] = piece
    kept[:2] = "~("
    kept[-1] = ")"
    return _Text("".join(kept))


def _pieces(node: cst.CSTNode, offset: int) -> Iterator[tuple[int, str]]:
    """The expressions inside a string, each with a comma behind it, and where they start in the string's text."""
    if isinstance(node, cst.ConcatenatedString):
        yield from _pieces(node.left, offset)
        yield from _pieces(node.right, offset + len(_code(node.left)) + len(_code(node.whitespace_between)))
    elif isinstance(node, (cst.FormattedString, cst.TemplatedString)):
        parentheses = sum(len(_code(part)) for part in node.lpar)
        yield from _parts(node.parts, offset + parentheses + len(node.start))


def _parts(parts: Sequence[cst.CSTNode], offset: int) -> Iterator[tuple[int, str]]:
    for part in parts:
        if isinstance(part, (cst.FormattedStringExpression, cst.TemplatedStringExpression)):
            start = offset + 1 + len(_code(part.whitespace_before_expression))
            expression = part.expression.visit(Lowering())
            assert isinstance(expression, cst.BaseExpression)
            yield start, _code(expression) + ","
            if part.format_spec:
                text = _code(part)
                spec = "".join(_code(piece) for piece in part.format_spec)
                yield from _parts(part.format_spec, offset + len(text) - 1 - len(spec))
        offset += len(_code(part))
