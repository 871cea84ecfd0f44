"""Findings and tasks for people: `full` with the line and its evidence, `concise` with a line each."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator

TYPE_CHECKING = False  # importing typing would take a tenth of a replayed run
if TYPE_CHECKING:
    from typing import Any

    Row = dict[str, Any]

NOUNS = {"error": "error", "warning": "warning", "info": "convention"}

COLOURS = {"error": "31", "warning": "33", "info": "36", "bold": "1", "dim": "2"}


class Paint:
    """ANSI colours, or none."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, text: str, colour: str) -> str:
        return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if self.on else text


def concise(rows: list[Row], paint: Paint) -> Iterator[str]:
    """`file:row:column: CODE message`."""
    for row in rows:
        place = row["location"]
        yield f"{paint(row['filename'], 'bold')}:{place['row']}:{place['column']}: {paint(row['code'], row['severity'])} {row['message']}"


def full(rows: list[Row], paint: Paint, source: Callable[[str], list[str]]) -> Iterator[str]:
    """Each finding with the line it stands on and the places of its evidence; `source` gives a file's lines."""
    for row in rows:
        place, end = row["location"], row["end_location"]
        yield f"{paint(row['code'], row['severity'])} {paint(row['name'], 'bold')} ({row['severity']}): {row['message']}"
        yield f"  {paint('-->', 'dim')} {row['filename']}:{place['row']}:{place['column']}"
        lines = source(row["filename"])
        if 0 < place["row"] <= len(lines):
            line = lines[place["row"] - 1].expandtabs(1)
            last = end["column"] if end["row"] == place["row"] else len(line) + 1
            width = max(min(last, len(line) + 1) - place["column"], 1)
            number = str(place["row"])
            yield f"   {number} {paint('|', 'dim')} {line[:200]}"
            if place["column"] <= 200:
                mark = " " * (place["column"] - 1) + paint("^" * min(width, 120), row["severity"])
                yield f"   {' ' * len(number)} {paint('|', 'dim')} {mark}"
        for each in row["related"]:
            yield f"   {paint('=', 'dim')} {each['filename']}:{each['location']['row']}: {each['message']}"
        if row["fix"]:
            yield f"   {paint('=', 'dim')} fix: {row['fix']}"
        yield ""


def summary(rows: list[Row], tasks: int, suppressed: int) -> str:
    """One line that closes a run."""
    looked = _counted(tasks, "task")
    silent = f", {suppressed} suppressed" if suppressed else ""
    if not rows:
        return f"No findings in {looked}{silent}."
    counts = Counter(row["severity"] for row in rows)
    kinds = ", ".join(_counted(counts[kind], name) for kind, name in NOUNS.items() if counts[kind])
    fixable = Counter(row["fix"] for row in rows)
    fixes = ", ".join(f"{fixable[kind]} with {kind} fixes" for kind in ("safe", "unsafe") if fixable[kind])
    return f"Found {_counted(len(rows), 'finding')} in {looked} ({kinds}{silent}{'; ' + fixes if fixes else ''})."


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def statistics(rows: list[Row]) -> Iterator[str]:
    """How often each rule spoke."""
    counts = Counter((row["code"], row["name"]) for row in rows)
    for (code, name), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        yield f"{count:6}  {code}  {name}"


def tasks(rows: list[Row], paint: Paint) -> Iterator[str]:
    """A line for each task and one for each piece of evidence."""
    from lint_rules.project.workload import WORKLOADS  # `check` prints without loading the engine

    for row in rows:
        declared = f" declared {row['declared']}" if row["declared"] else ""
        kind = "async " if row["async"] else ""
        yield f"{paint(row['workload'], 'bold'):8} {row['name']}  {kind}{row['declaration']}{declared}  {row['filename']}:{row['row']}"
        for each in row["evidence"]:
            chain = "".join(f"{step} -> " for step in each["chain"])
            yield f"         {paint(each['effect'], 'dim')}: {chain}{each['call']} ({each['filename']}:{each['row']})"
    counts = Counter(row["workload"] for row in rows)
    yield f"{len(rows)} tasks: " + ", ".join(f"{counts[kind]} {kind}" for kind in WORKLOADS if counts[kind]) if rows else "No tasks found."


def lines_of(root: str) -> Callable[[str], list[str]]:
    """A reader of source lines that never fails: what cannot be read has no lines."""
    kept: dict[str, list[str]] = {}

    def lines(file: str) -> list[str]:
        if file not in kept:
            try:
                with open(os.path.join(root, file), encoding="utf-8", errors="replace") as handle:
                    kept[file] = handle.read(8_000_000).split("\n")
            except OSError:
                kept[file] = []
        return kept[file]

    return lines
