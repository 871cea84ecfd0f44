"""The proof: what must hold of a rewritten file before it is written. Each check gives a clause for what does not."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from msgspec import Struct

from codemods.manifest import differences, manifest
from codemods.registry import all_codemods
from codemods.rewriting import Rewritten, Rows, task_of
from lint_rules.analysis import Analysis
from lint_rules.findings import Finding
from lint_rules.source.decode import Unreadable, decode
from lint_rules.source.grammar import parse

Key = tuple[str, str, str]

ANYWHERE = ""
"""In the place of a file: a command has to do with tasks in all of them."""


class Failure(Struct, frozen=True):
    """A check that failed: which, of which file, and what it found."""

    check: str
    file: str
    reason: str


# ── one round over one file ──────────────────────────────────────────────────────────────────────────────────────────


def check_text(before: bytes, result: Rewritten) -> Iterator[Failure]:
    """What is wrong with the new text of a file by itself."""
    file, after = result.file, result.data
    try:
        old_text, new_text = decode(before), decode(after)
        old, new = parse(old_text)[0], parse(new_text)[0]
    except Unreadable as error:
        yield Failure("parse", file, f"the new text cannot be parsed: {error.reason} (line {error.row})")
        return
    if _compiles(old_text) and not _compiles(new_text):
        yield Failure("compile", file, "the new text does not compile, the old one does")
    for first, last in _changed_rows(old.body, new.body, len(old_text.split("\n"))):
        if not any(low <= first and last <= high for low, high in result.rows):
            yield Failure("outside", file, f"the code of lines {first} to {last} changed, which no fix asked for")
            return
    gone = Counter(_imports(old)) - Counter(_imports(new))
    for text, name in gone:
        if name not in result.released:
            yield Failure("imports", file, f"the import {text!r} is gone, which no fix has to do with")
            return
    if not any(all_codemods()[finding.code].drops_comments for finding in result.applied):
        lost = Counter(_comments(old_text, _rows_of_imports(old, gone))) - Counter(_comments(new_text))
        if lost:
            yield Failure("comments", file, f"the comment {next(iter(lost))!r} is lost")


def same_code(before: bytes, after: bytes) -> bool:
    """Whether two texts have the same syntax tree: what a formatter may change."""
    try:
        one, other = parse(decode(before))[0], parse(decode(after))[0]
    except Unreadable:
        return False
    return _dump(one) == _dump(other)


def _imports(module: ast.Module) -> Iterator[tuple[str, str]]:
    """The module-level imports as text, each with the name that it binds."""
    for statement in module.body:
        yield from _imports_in(statement)


def _imports_in(statement: ast.stmt) -> Iterator[tuple[str, str]]:
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        source = "." * statement.level + (statement.module or "") if isinstance(statement, ast.ImportFrom) else ""
        for each in statement.names:
            yield f"{source} {each.name} {each.asname or ''}".strip(), each.asname or each.name.partition(".")[0]


def _compiles(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "<rewritten>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def _rows_of_imports(module: ast.Module, gone: Container[tuple[str, str]]) -> set[int]:
    """The rows of imports that are gone: what is said there goes with them."""
    return {
        row
        for statement in module.body
        if any(each in gone for each in _imports_in(statement))
        for row in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    }


def _comments(text: str, without: Container[int] = ()) -> Iterator[str]:
    """The comments of a text, but for those on some rows."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and token.start[0] not in without:
                yield token.string
    except (tokenize.TokenError, SyntaxError):
        return


def _dump(node: ast.AST) -> str:
    return ast.dump(node)


def _changed_rows(old: Sequence[ast.stmt], new: Sequence[ast.stmt], end: int, top: bool = True) -> Iterator[Rows]:
    """Rows of the statements in `old` that are not the same in `new`; imports at module level are free to change."""
    ours, theirs = [_dump(each) for each in old], [_dump(each) for each in new]
    for start, stop, other_start, other_stop in _different(ours, theirs):
        gone = [each for each in old[start:stop] if not (top and isinstance(each, (ast.Import, ast.ImportFrom)))]
        come = [each for each in new[other_start:other_stop] if not (top and isinstance(each, (ast.Import, ast.ImportFrom)))]
        if len(gone) == len(come):
            for one, other in zip(gone, come):
                yield from _inside(one, other, end)
        elif gone:
            yield from ((_first_row(each), each.end_lineno or end) for each in gone)
        else:
            row = _first_row(old[start]) if start < len(old) else end
            yield row, row


def _different(ours: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """The runs in which two lists differ: item by item where they are of a length and no other way shows fewer differences."""
    runs = [each[1:] for each in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes() if each[0] != "equal"]
    if len(ours) == len(theirs):
        single = [(place, place + 1, place, place + 1) for place, one in enumerate(ours) if one != theirs[place]]
        if len(single) <= sum(max(stop - start, other_stop - other_start) for start, stop, other_start, other_stop in runs):
            return single
    return runs


def _inside(one: ast.AST, other: ast.AST, end: int) -> Iterator[Rows]:
    """Rows in which two statements (or branches of one) differ: of the statements in them where only those do."""
    if _dump(one) == _dump(other):
        return
    blocks = [name for name in one._fields if _is_block(getattr(one, name)) or _is_block(getattr(other, name, None))]
    branches = [name for name in ("handlers", "cases") if hasattr(one, name)]
    same_shape = type(one) is type(other) and all(len(getattr(one, name)) == len(getattr(other, name)) for name in branches)
    if not same_shape or not (blocks or branches):
        yield _first_row(one), getattr(one, "end_lineno", None) or end
        return
    header, header_of_other = (
        [(name, _dumped(value)) for name, value in ast.iter_fields(each) if name not in blocks and name not in branches]
        for each in (one, other)
    )
    if header != header_of_other:
        inside = [node for name in blocks + branches for part in getattr(one, name) for node in ast.walk(part)]
        own = [node for node in ast.walk(one) if node not in set(inside) and node is not one]
        yield _first_row(one), max([_first_row(one), *(getattr(node, "end_lineno", 0) or 0 for node in own)])
    for name in blocks:
        yield from _changed_rows(getattr(one, name), getattr(other, name), getattr(one, "end_lineno", None) or end, top=False)
    for name in branches:
        for branch, other_branch in zip(getattr(one, name), getattr(other, name)):
            yield from _inside(branch, other_branch, end)


def _is_block(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(each, ast.stmt) for each in value)


def _dumped(value: object) -> object:
    if isinstance(value, list):
        return [_dumped(each) for each in value]
    return _dump(value) if isinstance(value, ast.AST) else value


def _first_row(node: ast.AST) -> int:
    decorators = getattr(node, "decorator_list", None)
    first = decorators[0] if decorators else node.pattern if isinstance(node, ast.match_case) else node
    return int(getattr(first, "lineno", 1))


# ── the whole project ────────────────────────────────────────────────────────────────────────────────────────────────


def check_project(before: Analysis, after: Analysis, applied: Sequence[Finding], files: Iterable[str]) -> Iterator[Failure]:
    """What the rewritten files did to the project: findings that stay or come, tasks that changed."""
    changed = set(files)
    for file, reason in _unreadable(before, after):
        yield Failure("parse", file, reason)
    yield from _check_findings(before, after, applied)
    yield from _check_tasks(before, after, applied, changed)


def revealed(before: Analysis, after: Analysis) -> list[Finding]:
    """Findings that were not there before."""
    key = _keys(before, after)
    return _more(after.findings, Counter(key(finding) for finding in before.findings), key)


def silenced(before: Analysis, after: Analysis, applied: Sequence[Finding]) -> list[Finding]:
    """Findings that are gone although nothing mended them."""
    key = _keys(before, after)
    return _more(before.findings, Counter(key(finding) for finding in (*after.findings, *applied)), key)


def _more(findings: Iterable[Finding], known: Counter[Key], key: Callable[[Finding], Key]) -> list[Finding]:
    """The findings that come more often than they are known."""
    left = known.copy()
    found = []
    for finding in findings:
        left[key(finding)] -= 1
        if left[key(finding)] < 0:
            found.append(finding)
    return found


def _check_findings(before: Analysis, after: Analysis, applied: Sequence[Finding]) -> Iterator[Failure]:
    key = _keys(before, after)
    there, still = (Counter(key(finding) for finding in each.findings) for each in (before, after))
    for each, mended in Counter(key(finding) for finding in applied).items():
        if each in there and still[each] > max(there[each] - mended, 0):
            yield Failure("mended", each[1], f"{each[0]} still speaks of {each[2]} after its fix")
    settled: dict[str, set[str]] = {}
    for finding in applied:
        codemod = all_codemods()[finding.code]
        settled.setdefault(ANYWHERE if codemod.changes is not None else finding.place.file, set()).update(codemod.settles)
    for finding in silenced(before, after, applied):
        if not finding.code.startswith((*settled.get(finding.place.file, ()), *settled.get(ANYWHERE, ()))):
            yield Failure("silenced", finding.place.file, f"{finding.code} no longer speaks though nothing mended it: {finding.message}")
    allowed = ("CRB002", *(prefix for finding in applied for prefix in all_codemods()[finding.code].reveals))
    for finding in revealed(before, after):
        if not finding.code.startswith(allowed):
            reason = f"{finding.code} speaks at line {finding.place.row} that did not before: {finding.message}"
            yield Failure("new", finding.place.file, reason)


def _check_tasks(before: Analysis, after: Analysis, applied: Sequence[Finding], changed: set[str]) -> Iterator[Failure]:
    old, new = manifest(before.project), manifest(after.project)
    allowed: dict[tuple[str, str], set[str]] = {}
    anywhere: dict[str, set[str]] = {}
    by_settings: set[str] = set()
    for finding in applied:
        alters = all_codemods()[finding.code].alters
        if finding.task is None:  # of a route, or of a default of all tasks
            by_settings.update(alters)
        task = task_of(finding, before.project.tasks)
        if task is not None:
            allowed.setdefault((task.file, task.qualname), set()).update(alters)
        anywhere.setdefault(finding.place.file, set()).update(alters)
    for (file, function, _), what, reason in differences(old, new):
        if what == "tasks" and "tasks" in anywhere.get(file, ()):
            continue
        may = allowed.get((file, function), set()) | by_settings
        if what not in may and not ("options" in may and what not in ("name", "parameters", "tasks")):
            yield Failure("tasks", file if file in changed or not changed else sorted(changed)[0], reason)


def _unreadable(before: Analysis, after: Analysis) -> Iterator[tuple[str, str]]:
    known = {finding.place.file for finding in before.findings if finding.code == "CRB001"}
    for finding in after.findings:
        if finding.code == "CRB001" and finding.place.file not in known:
            yield finding.place.file, finding.message


def _keys(*analyses: Analysis) -> Callable[[Finding], Key]:
    """What tells findings apart in several states of a project: neither rows, which move, nor the words for a declaration, which change."""
    functions = {task.name: f"{task.file}:{task.qualname}" for analysis in analyses for task in analysis.project.tasks}

    def key(finding: Finding) -> Key:
        subject = functions.get(finding.task or "") or re.sub(r":\d+", "", finding.message)
        return finding.code, finding.place.file, subject

    return key


def by_file(failures: Iterable[Failure], files: Iterable[str]) -> Mapping[str, list[Failure]]:
    """The rewritten files that failures are about; one that is about none of them is about all."""
    known = list(files)
    found: dict[str, list[Failure]] = {}
    for failure in failures:
        for file in [failure.file] if failure.file in known else known:
            found.setdefault(file, []).append(failure)
    return found
