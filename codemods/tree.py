"""One file as libcst reads it: its nodes by place, and the scopes around them."""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from codemods.arguments import Space
from codemods.change import Refused
from codemods.imports import Imports
from lint_rules.facts.model import Span
from lint_rules.findings import Place

NARROW, WIDE = 88, 120
"""The columns that a line may take at least and at most."""

Node = TypeVar("Node", bound=cst.CSTNode)
ScopeNode = cst.FunctionDef | cst.ClassDef | cst.Lambda


class Tree:
    """A parsed file. Rows count from 1, columns from 0 in code points, as in the facts."""

    def __init__(self, data: bytes, line_length: int | None = None) -> None:
        """Parse the bytes of a file.

        Raises:
            Refused: libcst cannot read them, or would not write the same bytes back.
        """
        try:
            module = cst.parse_module(data)
        except cst.ParserSyntaxError as error:
            raise Refused(f"libcst cannot parse the file: {error.message.rstrip('.')} (line {error.raw_line})") from None
        except (RecursionError, UnicodeError, LookupError) as error:
            raise Refused(f"libcst cannot parse the file: {error}") from None
        if module.bytes != data:
            raise Refused("the file does not survive being read and written back by libcst (form feeds, or lone carriage returns)")
        self.data = data
        self._line_length = line_length
        self.module = module

    @cached_property
    def _ranges(self) -> dict[cst.CSTNode, CodeRange]:
        return dict(MetadataWrapper(self.module, unsafe_skip_copy=True).resolve(PositionProvider))

    @cached_property
    def _by_place(self) -> dict[tuple[type, int, int, int, int], cst.CSTNode]:
        return {
            (type(node), place.start.line, place.start.column, place.end.line, place.end.column): node
            for node, place in self._ranges.items()
            if isinstance(node, (cst.Call, cst.FunctionDef, cst.ClassDef))
        }

    @cached_property
    def _decorators(self) -> dict[tuple[int, int], cst.Decorator]:
        found = {}
        for node in self._ranges:
            if isinstance(node, cst.Decorator):
                start = self._ranges[node.decorator].start
                found[start.line, start.column] = node
        return found

    @cached_property
    def _parents(self) -> dict[int, cst.CSTNode]:
        found: dict[int, cst.CSTNode] = {}
        pending: list[cst.CSTNode] = [self.module]
        while pending:
            node = pending.pop()
            for child in node.children:
                found[id(child)] = node
                pending.append(child)
        return found

    @cached_property
    def imports(self) -> Imports:
        """What the module's imports bind."""
        return Imports(self.module)

    @cached_property
    def quote(self) -> str:
        """The quotes that most strings of the file are in."""
        text = self.data.replace(b'"""', b"").replace(b"'''", b"")
        return "'" if text.count(b"'") > text.count(b'"') else '"'

    @cached_property
    def width(self) -> int:
        """The columns in which lines are written: what the project says, else what nearly all lines of the file keep to."""
        if self._line_length is not None:
            return self._line_length
        lengths = sorted(map(len, self._lines))
        return min(max(NARROW, lengths[len(lengths) * 99 // 100]), WIDE)

    @cached_property
    def _lines(self) -> list[str]:
        return self.data.decode(self.module.encoding).replace("\r\n", "\n").split("\n")

    def rows(self, node: cst.CSTNode) -> tuple[int, int]:
        """First and last row of a node; a function begins with its first decorator."""
        place = self._ranges[node]
        first = place.start.line
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)) and node.decorators:
            first = self._ranges[node.decorators[0]].start.line
        return first, place.end.line

    def region(self, node: cst.CSTNode) -> tuple[int, int]:
        """First and last row of the statement that an edit of the node changes: of a compound one its header, unless it is the node."""
        chain = [node, *self.around(node)]
        for inner, outer in zip([None, *chain], chain):
            if isinstance(outer, (cst.SimpleStatementLine, cst.SimpleStatementSuite)) or (
                outer is node and isinstance(outer, cst.BaseStatement)
            ):
                return self.rows(outer)
            if isinstance(outer, cst.BaseCompoundStatement) and not isinstance(inner, cst.BaseSuite):
                first, last = self.rows(outer)
                body = outer.body.body[0] if not isinstance(outer, cst.Match) and outer.body.body else None
                return first, max(self._ranges[outer].start.line, self.rows(body)[0] - 1) if body is not None else last
        return self.rows(node)

    def column(self, node: cst.CSTNode) -> int:
        """The column at which a node begins."""
        return self._ranges[node].start.column

    def space(self, node: cst.CSTNode, before: int = 0) -> Space:
        """What a call may take that is written where a node begins, `before` columns further on."""
        start, end = self._ranges[node].start, self._ranges[node].end
        line, behind = self._lines[start.line - 1], self._lines[end.line - 1][end.column :]
        statement = node if isinstance(node, cst.Decorator) else self.statement_around(node)
        around = line[: len(line) - len(line.lstrip())][self.column(statement) :] if statement is not None else ""
        return Space(self.width - start.column - before - len(behind), self.module.default_indent, around)

    def decorator(self, span: Span) -> cst.Decorator:
        """The decorator whose expression stands at a span.

        Raises:
            Refused: there is none.
        """
        node = self._decorators.get((span.row, span.column))
        if node is not None:
            return node
        raise Refused("the decorator cannot be found in libcst's tree")

    def call(self, span: Span | Place) -> cst.Call:
        """The call that stands at a span.

        Raises:
            Refused: there is none.
        """
        found = self._by_place.get((cst.Call, span.row, span.column, span.end_row, span.end_column))
        if not isinstance(found, cst.Call):
            raise Refused("the call cannot be found in libcst's tree")
        return found

    def function(self, row: int) -> cst.FunctionDef:
        """The function whose `def` stands on a row.

        Raises:
            Refused: there is none.
        """
        for node, place in self._ranges.items():
            if isinstance(node, cst.FunctionDef) and place.start.line == row:
                return node
        raise Refused("the function cannot be found in libcst's tree")

    def routes(self, row: int) -> cst.Dict:
        """The dict that is given as `task_routes` in the statement on a row.

        Raises:
            Refused: there is none.
        """
        pending = [self.statement(row)]
        while pending:
            node = pending.pop()
            holder = self.parent(node)
            if isinstance(node, cst.Dict) and holder is not None:
                named = self.code(holder).replace("[", ".").lower() if not isinstance(holder, cst.Arg) or holder.keyword else ""
                if "routes" in named.partition("{")[0]:
                    return node
            pending += node.children
        raise Refused("task_routes cannot be found in libcst's tree")

    def comment(self, row: int, column: int) -> cst.Comment:
        """The comment that a place lies in.

        Raises:
            Refused: there is none.
        """
        for node, place in self._ranges.items():
            if (
                isinstance(node, cst.Comment)
                and place.start.line == row
                and place.start.column <= column < place.start.column + len(node.value)
            ):
                return node
        raise Refused("the comment cannot be found in libcst's tree")

    def statement(self, row: int) -> cst.CSTNode:
        """The innermost statement of one line or more that a row belongs to.

        Raises:
            Refused: there is none.
        """
        found = [
            (place.end.line - place.start.line, node)
            for node, place in self._ranges.items()
            if isinstance(node, (cst.SimpleStatementLine, cst.SimpleStatementSuite)) and place.start.line <= row <= place.end.line
        ]
        if not found:
            raise Refused("the statement cannot be found in libcst's tree")
        return min(found, key=lambda pair: pair[0])[1]

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The node around a node, None for the module."""
        return self._parents.get(id(node))

    def around(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        """The nodes around a node, innermost first."""
        found = []
        parent = self.parent(node)
        while parent is not None:
            found.append(parent)
            parent = self.parent(parent)
        return found

    def within(self, node: cst.CSTNode, kind: type[Node]) -> Node | None:
        """The innermost node of a kind around a node."""
        return next((each for each in self.around(node) if isinstance(each, kind)), None)

    def statement_around(self, node: cst.CSTNode) -> cst.BaseStatement | None:
        """The innermost statement around a node; of a decorator the function that it decorates."""
        return next((each for each in self.around(node) if isinstance(each, cst.BaseStatement)), None)

    def scopes(self, node: cst.CSTNode) -> tuple[ScopeNode, ...]:
        """The functions and classes around a node, outermost first; a decorator stands outside of what it decorates."""
        found: list[ScopeNode] = []
        inner = node
        for outer in self.around(node):
            if isinstance(outer, (cst.FunctionDef, cst.ClassDef, cst.Lambda)) and not isinstance(inner, cst.Decorator):
                found.append(outer)
            inner = outer
        return tuple(reversed(found))

    def code(self, node: cst.CSTNode) -> str:
        """The source text of a node."""
        return self.module.code_for_node(node)
