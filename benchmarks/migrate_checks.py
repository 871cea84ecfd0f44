"""Whether a rewritten file differs from the old one only where a change was reported, told from the two files alone.

Nothing here comes from the codemods: the lines are compared with difflib, the syntax trees statement by statement. A reported change may
touch the statements that its rows lie in (of a compound statement: decorators and header), and imports at module level.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from lint_rules.source.decode import Unreadable, decode
from lint_rules.source.grammar import parse

Rows = tuple[int, int]
"""First and last row, from 1."""

BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(frozen=True)
class Violation:
    """Something that a migration must not do."""

    check: str
    file: str
    row: int
    """Of the old file where nothing else is said; 0 where there is none."""
    what: str


@dataclass(frozen=True)
class Source:
    """A file that could be read."""

    tree: ast.Module
    lines: list[bytes]
    """With their line ends."""


def file_violations(file: str, old: bytes, new: bytes, reported: Iterable[Rows], *, drops_comments: bool = False) -> list[Violation]:
    """Everything that is wrong with one rewritten file; `reported` are rows of the old one."""
    found = list(layout_violations(file, old, new))
    try:
        before = read(old)
    except Unreadable as error:
        return [*found, Violation("parse", file, error.row, f"rewritten although it could not be read before: {error.reason}")]
    try:
        after = read(new)
    except Unreadable as error:
        return [*found, Violation("parse", file, error.row, f"row of the new file: {error.reason}")]
    if (broken := _compile_error(new)) and not _compile_error(old):
        found.append(Violation("parse", file, broken[0], f"row of the new file: does not compile: {broken[1]}"))
    reached = reach(before.tree, reported)
    found += diff_violations(file, before, after, reached)
    found += tree_violations(file, before, after, reached)
    found += import_violations(file, before, after, reached)
    if not drops_comments:
        found += comment_violations(file, old, new)
    return found


def read(data: bytes) -> Source:
    """Decode and parse a file.

    Raises:
        Unreadable: it cannot be.
    """
    return Source(parse(decode(data))[0], data.splitlines(keepends=True))


def _compile_error(data: bytes) -> tuple[int, str] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(data, "rewritten", "exec", dont_inherit=True)
        except SyntaxError as error:
            return error.lineno or 0, error.msg
        except (ValueError, RecursionError, MemoryError) as error:
            return 0, str(error)
    return None


# ── layout ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def layout_violations(file: str, old: bytes, new: bytes) -> Iterator[Violation]:
    """Byte order mark, encoding, line ends, final newline and the character that lines are indented with."""
    was, now = _encoding(old), _encoding(new)
    if was != now:
        yield Violation("layout", file, 1, f"the encoding was {was} and is {now}")
    known = {_end(line) for line in old.splitlines(keepends=True) if _end(line)}
    for row, line in enumerate(new.splitlines(keepends=True), start=1):
        if known and _end(line) and _end(line) not in known:
            yield Violation("layout", file, row, f"row of the new file: ends in {_end(line)!r}, which no line did before")
            break
    if old and old.endswith((b"\n", b"\r")) != new.endswith((b"\n", b"\r")):
        yield Violation("layout", file, old.count(b"\n"), "the newline at the end of the file came or went")
    if b"\n\t" in old and b"\n " not in old and b"\n " in new:
        yield Violation("layout", file, new[: new.index(b"\n ")].count(b"\n") + 2, "row of the new file: indented with spaces among tabs")


def _encoding(data: bytes) -> str:
    try:
        return tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except SyntaxError as error:
        return str(error)


def _end(line: bytes) -> bytes:
    return line[len(line.rstrip(b"\r\n")) :]


def comment_violations(file: str, old: bytes, new: bytes) -> Iterator[Violation]:
    """Comments that are in the new file no more."""
    left = Counter(text for text, _ in _comments(new))
    for text, row in _comments(old):
        left[text] -= 1
        if left[text] == -1:
            yield Violation("comments", file, row, f"lost: {text}")


def _comments(data: bytes) -> list[tuple[str, int]]:
    """The comments of a file and their rows; none where the interpreter cannot split it into tokens."""
    try:
        tokens = list(tokenize.tokenize(io.BytesIO(data).readline))
    except (tokenize.TokenError, SyntaxError):
        return []
    return [(token.string, token.start[0]) for token in tokens if token.type == tokenize.COMMENT]


# ── what a reported change may touch ─────────────────────────────────────────────────────────────────────────────────


def reach(tree: ast.Module, reported: Iterable[Rows]) -> list[Rows]:
    """The rows of the statements that reported rows lie in."""
    own = [_own_rows(node) for node in ast.walk(tree) if isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case))]
    return sorted({rows for low, high in reported for rows in own if rows[0] <= high and low <= rows[1]})


def _first_row(node: ast.AST) -> int:
    if isinstance(node, ast.match_case):
        return node.pattern.lineno
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.decorator_list:
        return node.decorator_list[0].lineno
    assert isinstance(node, (ast.stmt, ast.ExceptHandler))
    return node.lineno


def _own_rows(node: ast.AST) -> Rows:
    """The rows of a statement without the blocks in it."""
    first = _first_row(node)
    body = getattr(node, "body", None) or getattr(node, "cases", None)
    if isinstance(body, list):
        return first, max(_first_row(body[0]) - 1, first)
    return first, getattr(node, "end_lineno", None) or first


def _imports(tree: ast.Module) -> list[ast.stmt]:
    """The imports at module level, those in `if` and `try` there included."""
    found: list[ast.stmt] = []
    pending: list[ast.stmt] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.append(node)
        elif isinstance(node, (ast.If, ast.Try)):
            inner = [*node.body, *node.orelse]
            if isinstance(node, ast.Try):
                inner += [*node.finalbody, *(each for handler in node.handlers for each in handler.body)]
            pending += inner
    return found


def imported_names(tree: ast.Module) -> dict[str, str]:
    """The names that imports at module level bind, with what they stand for; a star import is a name of its own."""
    found = {}
    for node in _imports(tree):
        origin = f"{'.' * node.level}{node.module or ''}." if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else ():
            name = f"* of {origin}" if alias.name == "*" else alias.asname or (alias.name if origin else alias.name.partition(".")[0])
            found[name] = origin + alias.name
    return found


def import_violations(file: str, old: Source, new: Source, reached: Sequence[Rows]) -> Iterator[Violation]:
    """Imports that are gone or stand for something else although nothing that was changed used them."""
    changed = b"".join(old.lines[row - 1] for low, high in reached for row in range(low, high + 1)).decode(errors="replace")
    now = imported_names(new.tree)
    for name, origin in imported_names(old.tree).items():
        if now.get(name) != origin and (name in now or not re.search(rf"\b{re.escape(name)}\b", changed)):
            what = f"stands for {now[name]}" if name in now else "is gone, and no changed statement used it"
            yield Violation("imports", file, 0, f"the import of {name} ({origin}) {what}")


# ── lines ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def diff_violations(file: str, old: Source, new: Source, reached: Sequence[Rows]) -> Iterator[Violation]:
    """Changed lines that lie neither in what a reported change may touch nor among the imports."""
    imports = _rows_of(_imports(old.tree))
    imports_now = _rows_of(_imports(new.tree))
    touched = {row for low, high in reached for row in range(low, high + 1)}
    code = [node for node in old.tree.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    before_code = min((_first_row(node) for node in code), default=len(old.lines) + 1)
    for kind, low, high, new_low, new_high in SequenceMatcher(None, old.lines, new.lines, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        gone = [row for row in range(low + 1, high + 1) if old.lines[row - 1].strip()]
        come = [row for row in range(new_low + 1, new_high + 1) if new.lines[row - 1].strip()]
        for row in gone:
            if row not in touched and row not in imports:
                yield Violation("diff", file, row, f"changed, which no fix asked for: {_shown(old.lines[row - 1])}")
                break
        above, below = _filled(old.lines, low, -1), _filled(old.lines, high + 1, 1)
        near = {*range(low, high + 2), above, below}
        beside_change = not near.isdisjoint(touched)
        beside_import = not near.isdisjoint(imports) or low < before_code
        strange = [row for row in come if row not in imports_now] if beside_import else come
        if not beside_change and (strange or not (come or beside_import)):
            row = strange[0] if strange else new_low + 1
            shown = _shown(new.lines[row - 1]) if row <= len(new.lines) else ""
            yield Violation("diff", file, low + 1, f"inserted where no fix is: {shown}")


def _rows_of(nodes: Iterable[ast.stmt]) -> set[int]:
    return {row for node in nodes for row in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def _filled(lines: Sequence[bytes], row: int, step: int) -> int:
    """The nearest row that is not blank, from `row` on."""
    while 1 <= row <= len(lines) and not lines[row - 1].strip():
        row += step
    return row


def _shown(line: bytes) -> str:
    return line.decode(errors="replace").strip()[:80]


# ── trees ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def tree_violations(file: str, old: Source, new: Source, reached: Sequence[Rows]) -> Iterator[Violation]:
    """Statements that differ although no reported change lies in them."""
    for (low, high), what in _differences(old.tree.body, new.tree.body, (0, len(old.lines) + 1), at_top=True):
        if not any(first <= high and low <= last for first, last in reached):
            yield Violation("tree", file, low, what)


def _differences(old: Sequence[ast.stmt], new: Sequence[ast.stmt], around: Rows, *, at_top: bool) -> Iterator[tuple[Rows, str]]:
    """Where two lists of statements differ, rows of the old one; `around` are the rows before and after the list."""
    ours, theirs = [ast.dump(node) for node in old], [ast.dump(node) for node in new]
    for kind, low, high, new_low, new_high in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        gone = [node for node in old[low:high] if not (at_top and isinstance(node, (ast.Import, ast.ImportFrom)))]
        come = [node for node in new[new_low:new_high] if not (at_top and isinstance(node, (ast.Import, ast.ImportFrom)))]
        pairs, lost, added = _paired(gone, come)
        for one, other in pairs:
            yield from _inside(one, other, at_top=at_top)
        for node in lost:
            yield (_first_row(node), node.end_lineno or node.lineno), f"gone: {_head(node)}"
        # what was added belongs to the statements beside it: from the last row above to the first below
        above = _last_row(gone[-1]) if gone else _last_row(old[low - 1]) if low else around[0]
        below = _first_row(old[high]) if high < len(old) else around[1]
        for node in added:
            yield (above, below), f"added: {_head(node)}"


def _paired(gone: Sequence[ast.stmt], come: Sequence[ast.stmt]) -> tuple[list[tuple[ast.stmt, ast.stmt]], list[ast.stmt], list[ast.stmt]]:
    """Old and new statements that belong together (by name, or by their places where as many come as go), and those left over."""
    named = {name: node for node in come if (name := getattr(node, "name", None))}
    pairs = [(node, named[name]) for node in gone if (name := getattr(node, "name", None)) in named]
    used = {id(node) for pair in pairs for node in pair}
    lost, added = ([node for node in nodes if id(node) not in used] for nodes in (gone, come))
    if len(lost) == len(added):
        return [*pairs, *zip(lost, added, strict=True)], [], []
    return pairs, lost, added


def _inside(one: ast.AST, other: ast.AST, *, at_top: bool) -> Iterator[tuple[Rows, str]]:
    """Where two statements differ: in their headers, in their blocks."""
    if ast.dump(one) == ast.dump(other):
        return
    blocks = [name for name in BLOCKS if isinstance(getattr(one, name, None), list)]
    same_kind = type(one) is type(other) or isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))
    if not blocks or not same_kind or any(not isinstance(getattr(other, name, None), list) for name in blocks):
        yield (_first_row(one), _last_row(one)), f"differs: {_head(one)}"
        return
    if type(one) is not type(other) or _header(one) != _header(other):
        yield _own_rows(one), f"its first lines differ: {_head(one)}"
    at_top = at_top and isinstance(one, (ast.If, ast.Try))
    for name in blocks:
        ours, theirs = getattr(one, name), getattr(other, name)
        if name not in ("handlers", "cases"):
            yield from _differences(ours, theirs, (_own_rows(one)[1], _last_row(one)), at_top=at_top)
        elif len(ours) == len(theirs):
            for each, its in zip(ours, theirs, strict=True):
                yield from _inside(each, its, at_top=at_top)
        else:
            yield (_first_row(one), _last_row(one)), f"has more or fewer branches: {_head(one)}"


def _header(node: ast.AST) -> list[str]:
    fields = [value for name, value in ast.iter_fields(node) if name not in BLOCKS]
    return [
        ast.dump(each) if isinstance(each, ast.AST) else repr(each)
        for value in fields
        for each in (value if isinstance(value, list) else [value])
    ]


def _last_row(node: ast.AST) -> int:
    if isinstance(node, ast.match_case):
        return _last_row(node.body[-1])
    return getattr(node, "end_lineno", None) or _first_row(node)


def _head(node: ast.AST) -> str:
    name = getattr(node, "name", None)
    return f"{type(node).__name__} {name}" if name else ast.unparse(node).partition("\n")[0][:80]
