"""What a migration did, would do and left, for people and for machines."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from codemods.plan import Change, Migration
from codemods.registry import all_codemods
from codemods.rewriting import Refusal
from lint_rules.findings import Finding
from lint_rules.source.decode import Unreadable, decode

Row = dict[str, Any]
Shown = Callable[[str], str]
"""A file relative to the root, as the user would write it."""


def diff(name: str, before: bytes, after: bytes) -> str:
    """A unified diff of two texts of a file."""
    old, new = (_text(each).splitlines(keepends=True) for each in (before, after))
    lines = difflib.unified_diff(old, new, f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _text(data: bytes) -> str:
    try:
        return decode(data)
    except Unreadable:
        return data.decode("utf-8", "replace")


def rows(migration: Migration, shown: Shown, unwritten: dict[str, str], written: bool) -> Row:
    """A migration as JSON (docs/migrating.md)."""
    return {
        "written": written,
        "files": [
            {
                "filename": shown(file),
                "fixes": [{**_row(finding, shown), "alters": list(all_codemods()[finding.code].alters)} for finding in change.applied],
                "error": unwritten.get(file),
            }
            for file, change in migration.changes.items()
        ],
        "refused": [{**_row(refusal.finding, shown), "reason": refusal.reason} for refusal in migration.refused if not refusal.choices],
        "undecided": [
            {**_row(refusal.finding, shown), "reason": refusal.reason, "choices": list(refusal.choices)}
            for refusal in migration.refused
            if refusal.choices
        ],
        "unsafe": [_row(finding, shown) for finding in migration.waiting_for_unsafe],
        "failed": [{"filename": shown(each.file), "check": each.check, "reason": each.reason} for each in migration.failures],
        "revealed": [_row(finding, shown) for finding in migration.revealed],
    }


def _row(finding: Finding, shown: Shown) -> Row:
    return {
        "code": finding.code,
        "name": finding.name,
        "filename": shown(finding.place.file),
        "row": finding.place.row,
        "end_row": finding.place.end_row,
        "task": finding.task,
        "message": finding.message,
    }


def text(migration: Migration, shown: Shown, unwritten: dict[str, str], written: bool, quiet: bool = False) -> Iterator[str]:
    """A migration in words."""
    changes = migration.changes
    for file, change in changes.items():
        if file in unwritten:
            yield f"{shown(file)}: not written: {unwritten[file]}"
        elif not quiet:
            yield f"{shown(file)}: {_fixes(change)}"
    for failure in migration.failures:
        yield f"{shown(failure.file)}: not rewritten, its proof failed ({failure.check}): {failure.reason}"
    yield from _left("Left as it is, for a reason", [each for each in migration.refused if not each.choices], shown)
    yield from _left("Needs a decision (--interactive asks, or set it in [tool.crb] workload)", _undecided(migration), shown)
    if migration.revealed:
        yield "Reported from now on (code that did not run before, or findings that moved):"
        yield from (f"  {shown(each.place.file)}:{each.place.row} {each.code} {each.message}" for each in migration.revealed)
    if migration.waiting_for_unsafe:
        counts = Counter(finding.code for finding in migration.waiting_for_unsafe)
        yield f"Needs --unsafe: {_counted(counts)}"
    good = [change for file, change in changes.items() if file not in unwritten]
    fixes = sum(len(change.applied) for change in good)
    did = "rewritten" if written else "would be rewritten"
    yield (
        f"{len(good)} {'file' if len(good) == 1 else 'files'} {did}, {fixes} {'fix' if fixes == 1 else 'fixes'}."
        if good
        else ("Nothing to rewrite.")
    )


def _undecided(migration: Migration) -> list[Refusal]:
    return [refusal for refusal in migration.refused if refusal.choices]


def _left(title: str, refused: Sequence[Refusal], shown: Shown) -> Iterator[str]:
    if refused:
        yield f"{title}:"
    for refusal in refused:
        finding = refusal.finding
        what = f" {finding.task}" if finding.task else ""
        yield f"  {shown(finding.place.file)}:{finding.place.row} {finding.code}{what}: {refusal.reason}"


def _fixes(change: Change) -> str:
    return _counted(Counter(finding.code for finding in change.applied))


def _counted(counts: Counter[str]) -> str:
    return ", ".join(code if count == 1 else f"{code} x{count}" for code, count in sorted(counts.items()))
