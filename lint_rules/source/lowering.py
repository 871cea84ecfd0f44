"""The libcst transformer behind `grammar`: new syntax to old syntax that gives the same facts at the same rows and columns.

What replaces a piece of code has the length of that piece: type parameters become blanks, the commas of `except A, B` bars, and an f-string
that this interpreter cannot read becomes `~( a , b )` with its expressions where they stood.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

import libcst as cst
from libcst._nodes.internal import CodegenState


class Lowering(cst.CSTTransformer):
    """See the module's docstring. `indents` is the indentation around the code, block by block."""

    def __init__(self, default_indent: str, indents: Iterable[str] = ()) -> None:
        super().__init__()
        self.default_indent = default_indent
        self.indents = list(indents)

    def visit_IndentedBlock(self, node: cst.IndentedBlock) -> None:
        self.indents.append(self.default_indent if node.indent is None else node.indent)

    def leave_IndentedBlock(self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock) -> cst.IndentedBlock:
        self.indents.pop()
        return updated_node

    def leave_ExceptHandler(self, original_node: cst.ExceptHandler, updated_node: cst.ExceptHandler) -> cst.ExceptHandler:
        kind = updated_node.type
        return updated_node.with_changes(type=self._one_of(kind)) if isinstance(kind, cst.Tuple) and not kind.lpar else updated_node

    def leave_ExceptStarHandler(self, original_node: cst.ExceptStarHandler, updated_node: cst.ExceptStarHandler) -> cst.ExceptStarHandler:
        kind = updated_node.type
        return updated_node.with_changes(type=self._one_of(kind)) if isinstance(kind, cst.Tuple) and not kind.lpar else updated_node

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        return updated_node.with_changes(**self._without_type_parameters(original_node))

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        return updated_node.with_changes(**self._without_type_parameters(original_node))

    def leave_TypeAlias(self, original_node: cst.TypeAlias, updated_node: cst.TypeAlias) -> cst.Assign:
        node = original_node
        parts = [node.whitespace_after_type, node.whitespace_after_name, node.type_parameters, node.whitespace_after_type_parameters]
        dropped = "type" + "".join(self._code(part) for part in parts if isinstance(part, cst.CSTNode))
        target = cst.AssignTarget(updated_node.name, _blanks(dropped), updated_node.whitespace_after_equals)
        return cst.Assign(targets=[target], value=updated_node.value, semicolon=updated_node.semicolon)

    def visit_FormattedString(self, node: cst.FormattedString) -> bool:
        return False

    def leave_FormattedString(self, original_node: cst.FormattedString, updated_node: cst.FormattedString) -> cst.BaseExpression:
        return self._readable(original_node)

    def visit_TemplatedString(self, node: cst.TemplatedString) -> bool:
        return False

    def leave_TemplatedString(self, original_node: cst.TemplatedString, updated_node: cst.TemplatedString) -> cst.BaseExpression:
        return self._readable(original_node)

    def visit_ConcatenatedString(self, node: cst.ConcatenatedString) -> bool:
        return False

    def leave_ConcatenatedString(self, original_node: cst.ConcatenatedString, updated_node: cst.ConcatenatedString) -> cst.BaseExpression:
        return self._readable(original_node)

    def _code(self, node: cst.CSTNode) -> str:
        """The text of a node; its further rows keep the indentation that stands in the file."""
        state = CodegenState(self.default_indent, "\n", indent_tokens=list(self.indents))
        node._codegen(state)
        return "".join(state.tokens)

    def _without_type_parameters(self, node: cst.FunctionDef | cst.ClassDef) -> dict[str, cst.CSTNode | None]:
        if node.type_parameters is None:
            return {}
        parts = (node.whitespace_after_name, node.type_parameters, node.whitespace_after_type_parameters)
        return {
            "whitespace_after_name": _blanks("".join(self._code(part) for part in parts)),
            "type_parameters": None,
            "whitespace_after_type_parameters": cst.SimpleWhitespace(""),
        }

    def _one_of(self, kind: cst.Tuple) -> cst.BaseExpression:
        """`A, B` as `A| B`."""
        text = ""
        for place, element in enumerate(kind.elements):
            text += self._code(element.value)
            if isinstance(element.comma, cst.Comma):
                text += self._code(element.comma).replace(",", "|" if place < len(kind.elements) - 1 else " ", 1)
        return _Text(text)

    def _readable(self, node: cst.FormattedString | cst.TemplatedString | cst.ConcatenatedString) -> cst.BaseExpression:
        """The string itself where this interpreter reads it, else a text of the same extent with its expressions."""
        text = self._code(node)
        try:
            ast.parse(f"({text}\n)")
            return node
        except (SyntaxError, ValueError):
            pass
        kept = list(re.sub(r"[^\n]", " ", text))
        for start, piece in self._pieces(node, 0):
            kept[start : start + len(piece)] = piece
        kept[:2] = "~("
        kept[-1] = ")"
        return _Text("".join(kept))

    def _pieces(self, node: cst.CSTNode, offset: int) -> Iterator[tuple[int, str]]:
        """The expressions inside a string, each with a comma behind it, and where they start in the string's text."""
        if isinstance(node, cst.ConcatenatedString):
            yield from self._pieces(node.left, offset)
            yield from self._pieces(node.right, offset + len(self._code(node.left)) + len(self._code(node.whitespace_between)))
        elif isinstance(node, (cst.FormattedString, cst.TemplatedString)):
            parentheses = sum(len(self._code(part)) for part in node.lpar)
            yield from self._parts(node.parts, offset + parentheses + len(node.start))

    def _parts(self, parts: Sequence[cst.CSTNode], offset: int) -> Iterator[tuple[int, str]]:
        for part in parts:
            if isinstance(part, (cst.FormattedStringExpression, cst.TemplatedStringExpression)):
                start = offset + 1 + len(self._code(part.whitespace_before_expression))
                expression = part.expression.visit(Lowering(self.default_indent, self.indents))
                assert isinstance(expression, cst.BaseExpression)
                yield start, self._code(expression) + ","
                if part.format_spec:
                    text = self._code(part)
                    spec = "".join(self._code(piece) for piece in part.format_spec)
                    yield from self._parts(part.format_spec, offset + len(text) - 1 - len(spec))
            offset += len(self._code(part))


class _Text(cst.Name):
    """Any text in the place of an expression."""

    def _validate(self) -> None:
        pass


def _blanks(text: str) -> cst.SimpleWhitespace:
    return cst.SimpleWhitespace("\\\n".join(" " * len(line) for line in text.split("\n")))
