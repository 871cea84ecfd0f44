"""Where does a new import go, and what is left of the lines around one that goes away?

The order is isort's with its defaults, as far as the file shows no other: sections (future, standard library, others, own, relative)
with a blank line between them, `import a` before `from a import b`, then by name. Comments on lines of their own always stay.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, NamedTuple, TypeGuard

import libcst as cst
from libcst.helpers import get_full_name_for_node

_WIDTH = 88  # ruff's and black's; a longer import in the file shows that there it is more
_BLANK = cst.EmptyLine(indent=False)
_LINE_END = cst.TrailingWhitespace()
_DELIBERATE = re.compile(r"#\s*noqa\b(?!\s*:)|#\s*noqa\s*:[\w\s,]*\bF(4(01?)?)?\b|\bunused-import\b", re.IGNORECASE)

AnyImport = cst.Import | cst.ImportFrom
Space = cst.BaseParenthesizableWhitespace


class Bound(NamedTuple):
    """One name of an import statement: what it binds, and the dotted path that it imports."""

    alias: cst.ImportAlias
    name: str
    path: str


def bound(statement: cst.CSTNode) -> Iterator[Bound]:
    """What an import binds: `import a.b` binds `a`; `*` nothing that is known; other nodes nothing."""
    if not isinstance(statement, cst.Import | cst.ImportFrom | cst.LazyImport | cst.LazyImportFrom):
        return
    source = source_of(statement)
    for alias in () if isinstance(statement.names, cst.ImportStar) else statement.names:
        named = alias.evaluated_name
        local = named if source is not None else named.partition(".")[0]
        yield Bound(alias, alias.evaluated_alias or local, named if source is None else joined(source, named))


def source_of(statement: cst.CSTNode) -> str | None:
    """The `..a.b` of `from ..a.b import c`; None for other nodes."""
    if not isinstance(statement, cst.ImportFrom | cst.LazyImportFrom):
        return None
    return "." * len(statement.relative) + ((statement.module and get_full_name_for_node(statement.module)) or "")


def joined(module: str, name: str) -> str:
    """The dotted path of a name in a module."""
    return module + name if module.endswith(".") else f"{module}.{name}"


def is_imports(statement: cst.CSTNode | None) -> bool:
    """Whether it is a line of nothing but imports."""
    return isinstance(statement, cst.SimpleStatementLine) and all(isinstance(each, AnyImport) for each in statement.body)


def is_docstring(statement: cst.CSTNode | None) -> bool:
    """Whether it is a string on its own (that it stands first is the caller's to know)."""
    first = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
    return isinstance(first, cst.Expr) and isinstance(first.value, cst.SimpleString | cst.ConcatenatedString)


@dataclass(eq=False)
class Row:
    """A statement of a module and the lines above it. The last row has no statement: its lines are those below everything."""

    leading: list[cst.EmptyLine]
    statement: cst.SimpleStatementLine | cst.BaseCompoundStatement | None


class Rows:
    """The rows of a module, while its imports are edited; `own` are the packages of its own project, where they are known."""

    def __init__(self, module: cst.Module, own: Collection[str]) -> None:
        self._module = module
        self._own = own
        self._rows = [*(Row([*each.leading_lines], each) for each in module.body), Row([*module.footer], None)]
        self._rows[0].leading[:0] = module.header
        self._first = [*self._rows]
        imports = [each.body[0] for each in module.body if isinstance(each, cst.SimpleStatementLine) and is_imports(each)]
        self._width = max([_WIDTH, *(len(code) for code in map(self._code, imports) if "\n" not in code)])
        froms = [(source_of(each), [*bound(each)]) for each in imports if isinstance(each, cst.ImportFrom)]
        plain = [source for source, names in froms if all(one.alias.asname is None for one in names)]
        self._merges = len(plain) == len({*plain}) or any(len(names) > 1 for _, names in froms)  # else it is one statement a name

    def tree(self) -> cst.Module:
        """The module with these rows."""
        body = [row.statement.with_changes(leading_lines=row.leading) for row in self._rows if row.statement]
        end = self._rows[-1].leading
        ended = bool(body or end) and (self._module.has_trailing_newline or not self._module.body)
        return self._module.with_changes(header=(), body=body, footer=end, has_trailing_newline=ended)

    def _code(self, node: cst.CSTNode) -> str:
        return self._module.code_for_node(node)

    # ── adding ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def add(self, module: str, name: str | None, use: int | None) -> None:
        """Add `from module import name`, or `import module`, above row `use` of the module as it came (None: nowhere is it used)."""
        end = len(self._rows) if use is None else self._rows.index(self._first[use])
        if not name or not self._merges or not any(self._merge(row, module, name) for row in self._rows[:end]):
            self._insert(Row([], self._line(module, [name] if name else [])), end)

    def _line(self, module: str, names: Sequence[str]) -> cst.SimpleStatementLine:
        code = f"from {module} import {', '.join(names)}" if names else f"import {module}"
        if names and len(code) > self._width:
            indent, end = self._module.default_indent, self._module.default_newline
            code = f"from {module} import ({end}{''.join(f'{indent}{name},{end}' for name in names)})"
        line = cst.parse_statement(code, self._module.config_for_parsing)
        assert isinstance(line, cst.SimpleStatementLine)
        return line

    def _merge(self, row: Row, module: str, name: str) -> bool:
        """Put the name into a from-import of that module in this row, if there is one that has names without `as`."""
        line = row.statement
        if not isinstance(line, cst.SimpleStatementLine):
            return False
        for each in line.body:
            if isinstance(each, cst.ImportFrom) and source_of(each) == module and any(one.alias.asname is None for one in bound(each)):
                grown: cst.BaseSmallStatement = _with_name(each, name)
                code = self._code(grown)
                if len(code) > self._width and "\n" not in code and len(line.body) == 1 and not _comment(line.trailing_whitespace):
                    names = [self._code(one.alias.with_changes(comma=cst.MaybeSentinel.DEFAULT)) for one in bound(grown)]
                    grown = self._line(module, names).body[0]
                row.statement = line.with_changes(body=[grown if one is each else one for one in line.body])
                return True
        return False

    def _insert(self, new: Row, end: int) -> None:
        """A statement of its own: in the last block of imports above row `end` and all definitions that has imports of its section."""
        blocks = self._blocks(takewhile(lambda row: not isinstance(row.statement, cst.FunctionDef | cst.ClassDef), self._rows[:end]))
        section = self._section(new)
        of_section = [block for block in blocks if any(section in map(self._section, group) for group in block)]
        if not blocks:
            self._insert_above(new, 1 if is_docstring(self._rows[0].statement) else 0)
        elif of_section:
            self._insert_into(new, of_section[-1])
        elif later := [group[0] for group in blocks[-1] if min(map(self._section, group)) > section]:
            self._insert_above(new, self._rows.index(later[0]))
        else:
            new.leading = [_BLANK]
            self._insert_below(new, blocks[-1][-1][-1])

    def _blocks(self, rows: Iterable[Row]) -> list[list[list[Row]]]:
        """The imports that follow each other with nothing else between, in groups between blank lines.

        The blank line that ruff and black's profile of isort put above a comment separates no groups.
        """
        blocks: list[list[list[Row]]] = []
        above: Row | None = None
        for row in rows:
            if is_imports(row.statement):
                comments = [bool(line.comment) for line in row.leading]
                if above is None or not is_imports(above.statement):
                    blocks.append([[]])
                elif not all(comments) and not (
                    any(comments) and self._section(above) == self._section(row) and _ordered([above, row], _IMPORT_ORDERS[0])
                ):
                    blocks[-1].append([])
                blocks[-1][-1].append(row)
            above = row
        return blocks

    def _section(self, row: Row) -> int:
        root = _from(row)[1].partition(".")[0]
        return 0 if root == "__future__" else 1 if root in sys.stdlib_module_names else 4 if not root else 3 if root in self._own else 2

    def _insert_into(self, new: Row, block: Sequence[Sequence[Row]]) -> None:
        """Into the first group of its section, where the order that most groups of the block are in puts it."""
        order = max(_IMPORT_ORDERS, key=lambda order: sum(_ordered(group, order) for group in block))
        section = self._section(new)
        group = next(group for group in block if section in map(self._section, group))
        if not _ordered(group, order):
            group = [row for row in group if self._section(row) == section]
        place = bisect(group, order(new), key=order) if _ordered(group, order) else len(group)
        if place:
            self._insert_below(new, group[place - 1])
        else:
            first = self._rows.index(group[0])
            cut = self._own_lines(first) if len(group) == 1 else len(group[0].leading)
            own = group[0].leading[cut:]
            new.leading, group[0].leading = group[0].leading[:cut], [_BLANK, *own] if own else []
            self._rows.insert(first, new)

    def _insert_below(self, new: Row, row: Row) -> None:
        place = self._rows.index(row) + 1
        self._rows.insert(place, new)
        if not is_imports(self._rows[place + 1].statement):
            _space(self._rows[place + 1])

    def _insert_above(self, new: Row, place: int) -> None:
        """As a group of its own."""
        row, cut = self._rows[place], self._own_lines(place)
        above, row.leading = row.leading[:cut], row.leading[cut:]
        above = above[: len(above) - len(_blanks(above[::-1]))]
        new.leading = [*above, _BLANK] if above or place else []
        self._rows.insert(place, new)
        _space(row)

    def _own_lines(self, place: int) -> int:
        """Where the comments begin that belong to a row; those of a file's head, and with a blank line below, belong to none."""
        leading = self._rows[place].leading
        blanks = [i for i, line in enumerate(leading, 1) if not line.comment]
        if self._rows[place].statement is None or (place == 0 and not blanks):
            return len(leading)
        return max(blanks, default=0)

    # ── removing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def drop(self, unwanted: Callable[[Bound], bool]) -> None:
        """Remove names from the imports, but those of which a comment or `x as x` says that they stand there on purpose."""
        for row in [*self._rows]:
            line = row.statement
            if not isinstance(line, cst.SimpleStatementLine):
                continue
            rest = {each: _without(each, unwanted, _comment(line.trailing_whitespace)) for each in line.body}
            kept = [each for each in rest.values() if each]
            row.leading += [comment for each in line.body if not rest[each] for comment in _inner_comments(each)]
            if not kept:
                place = self._rows.index(row)
                self._rows[place + 1].leading = _closed(row.leading, self._rows[place + 1], first=place == 0)
                del self._rows[place]
            elif kept != [*line.body]:
                if len(kept) < len(line.body):
                    kept[-1] = kept[-1].with_changes(semicolon=line.body[-1].semicolon)
                row.statement = line.with_changes(body=kept)


# ── the lines between statements ─────────────────────────────────────────────────────────────────────────────────────


def _blanks(lines: Sequence[cst.EmptyLine]) -> list[cst.EmptyLine]:
    """The blank lines that come first."""
    return [*takewhile(lambda line: not line.comment, lines)]


def _space(row: Row) -> None:
    """Give the row below imports the blank lines that isort and ruff want."""
    wanted = 2 if isinstance(row.statement, cst.FunctionDef | cst.ClassDef) else 1
    blanks = _blanks(row.leading)
    if row.statement and (len(blanks) < wanted or (wanted == 1 and len(blanks) == len(row.leading))):
        row.leading = [_BLANK] * wanted + row.leading[len(blanks) :]


def _closed(above: list[cst.EmptyLine], below: Row, first: bool) -> list[cst.EmptyLine]:
    """The lines above the next row once the row between is gone: all comments, and the larger one of two distances."""
    last = len(above) - len(_blanks(above[::-1]))
    kept, tail = above[:last], above[last:]
    blanks = _blanks(below.leading)
    rest = below.leading[len(blanks) :]
    if below.statement is None and not rest:
        return kept
    if first and (not kept or is_imports(below.statement)):
        return [*kept, *tail, *rest]
    if kept and is_imports(below.statement):  # isort wants no blank line between a comment and the import that follows
        head = _blanks(kept)
        return [*max(head, blanks, key=len), *kept[len(head) :], *tail, *rest]
    return [*kept, *max(tail, blanks, key=len), *rest]


# ── the names of one statement ───────────────────────────────────────────────────────────────────────────────────────


def _comment(line: cst.TrailingWhitespace) -> str:
    return line.comment.value if line.comment else ""


def _ends_line(gap: Space) -> TypeGuard[cst.ParenthesizedWhitespace]:
    return isinstance(gap, cst.ParenthesizedWhitespace)


def _gaps(statement: AnyImport) -> list[Space]:
    """The white space before, between and after the names: one more than there are names."""
    lpar, rpar = (statement.lpar, statement.rpar) if isinstance(statement, cst.ImportFrom) else (None, None)
    aliases = [one.alias for one in bound(statement)]
    gaps = [alias.comma.whitespace_after for alias in aliases if isinstance(alias.comma, cst.Comma)]
    if len(gaps) < len(aliases):
        gaps.append(rpar.whitespace_before if rpar else cst.SimpleWhitespace(""))
    return [lpar.whitespace_after if lpar else statement.whitespace_after_import, *gaps]


def _inner_comments(statement: cst.BaseSmallStatement) -> Iterator[cst.EmptyLine]:
    """The comments on lines of their own between its names, as they stand outside of it."""
    for gap in _gaps(statement) if isinstance(statement, AnyImport) else ():
        for line in gap.empty_lines if _ends_line(gap) else ():
            if line.comment:
                yield line.with_changes(whitespace=cst.SimpleWhitespace(""))


def _with(statement: AnyImport, aliases: Sequence[cst.ImportAlias], gaps: Sequence[Space]) -> AnyImport:
    """The statement with other names; whether the last one has a comma stays."""
    old = [one.alias for one in bound(statement)]
    commas = [alias.comma if isinstance(alias.comma, cst.Comma) else cst.Comma() for alias in aliases]
    names = [
        alias.with_changes(comma=comma.with_changes(whitespace_after=gap))
        for alias, comma, gap in zip(aliases, commas, gaps[1:], strict=True)
    ]
    if not isinstance(old[-1].comma, cst.Comma):
        names[-1] = names[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    if not isinstance(statement, cst.ImportFrom) or statement.lpar is None or statement.rpar is None:
        return statement.with_changes(names=names, whitespace_after_import=gaps[0])
    rpar = statement.rpar if isinstance(old[-1].comma, cst.Comma) else statement.rpar.with_changes(whitespace_before=gaps[-1])
    return statement.with_changes(names=names, lpar=statement.lpar.with_changes(whitespace_after=gaps[0]), rpar=rpar)


def _with_name(statement: AnyImport, name: str) -> AnyImport:
    """The statement with one more name, in the order and in the layout that its names have."""
    aliases, gaps = [one.alias for one in bound(statement)], _gaps(statement)
    names = [alias.evaluated_name for alias in aliases]
    order = next((order for order in _NAME_ORDERS if names == sorted(names, key=order)), None)
    place = bisect(names, order(name), key=order) if order else len(names)
    inner = [gap for gap in gaps[1:-1] if _ends_line(gap)] or [gap for gap in gaps[:1] if _ends_line(gap) and len(names) == 1]
    gap = gaps[place]
    between: Space = gap if 0 < place < len(names) else inner[0] if inner else cst.SimpleWhitespace(" ")
    before, after = (gap, between) if place < len(names) else (between, gap)
    if _ends_line(gap) and _ends_line(between):
        plain = between.with_changes(first_line=_LINE_END, empty_lines=[])
        if place < len(names):  # the end of its line belongs to what stands before, the lines of their own to what follows
            before, after = gap.with_changes(empty_lines=[]), plain.with_changes(empty_lines=gap.empty_lines)
        else:
            before, after = plain.with_changes(first_line=gap.first_line), gap.with_changes(first_line=_LINE_END)
    aliases.insert(place, cst.ImportAlias(cst.Name(name)))
    return _with(statement, aliases, [*gaps[:place], before, after, *gaps[place + 1 :]])


def _without(statement: cst.BaseSmallStatement, unwanted: Callable[[Bound], bool], comment: str) -> cst.BaseSmallStatement | None:
    """The statement without the unwanted names, None if it has no other; `comment` stands at the end of its line."""
    names = [*bound(statement)]
    if not isinstance(statement, AnyImport) or not names or source_of(statement) == "__future__":
        return statement
    gaps = _gaps(statement)
    comments = [_comment(gap.first_line) if _ends_line(gap) else None for gap in gaps]
    for i in reversed(range(len(names))):
        alias = names[i].alias
        said = [comment, comments[0], next((each for each in comments[i + 1 :] if each is not None), "")]
        deliberate = alias.evaluated_alias == alias.evaluated_name or any(_DELIBERATE.search(each or "") for each in said)
        if unwanted(names[i]) and not deliberate:
            gaps[i : i + 2] = [_one_gap(gaps[i], gaps[i + 1], last=i == len(names) - 1)]
            del names[i]
    if len(names) == len(comments) - 1:
        return statement
    return _with(statement, [each.alias for each in names], gaps) if names else None


def _one_gap(before: Space, after: Space, last: bool) -> Space:
    """What is left of the white space around a name that is gone: of comments only the one at the end of its own line goes."""
    if not _ends_line(before):
        return after if last or (_ends_line(after) and (not before.empty or after.empty_lines)) else before
    if not _ends_line(after):
        return after if last and not before.first_line.comment and not before.empty_lines else before
    return before.with_changes(empty_lines=[*before.empty_lines, *after.empty_lines], indent=after.indent, last_line=after.last_line)


# ── the order of names and of statements ─────────────────────────────────────────────────────────────────────────────


def _natural(text: str) -> list[tuple[str, int]]:
    return [("0", int(part)) if part.isdecimal() else (part, 0) for part in re.findall(r"\d+|\D", text)]


def _by_type(name: str) -> Any:
    """Constants, then classes, then the rest."""
    return 0 if len(name) > 1 and name.isupper() else 1 if name[0].isupper() else 2, _natural(name.lower()), _natural(name)


_NAME_ORDERS: tuple[Callable[[str], Any], ...] = (_by_type, lambda name: _by_type(name)[1:], _natural)


def _from(row: Row) -> tuple[bool, str, str]:
    """Of the first import of a row: whether it is `from`, its module, the first name."""
    assert isinstance(row.statement, cst.SimpleStatementLine)
    source = source_of(row.statement.body[0])
    name = next((one.alias.evaluated_name for one in bound(row.statement.body[0])), "")
    return (False, name, "") if source is None else (True, source, name)


def _module(row: Row) -> Any:
    _, module, name = _from(row)
    level = len(module) - len(module.lstrip("."))
    return -level, _natural(module.lower()), _natural(module), _by_type(name) if name else ()


_IMPORT_ORDERS: tuple[Callable[[Row], Any], ...] = (
    lambda row: (_from(row)[0], _module(row)),
    lambda row: (_module(row), _from(row)[0]),
    lambda row: (not _from(row)[0], _module(row)),
)


def _ordered(rows: Sequence[Row], order: Callable[[Row], Any]) -> bool:
    return [*rows] == sorted(rows, key=order)
