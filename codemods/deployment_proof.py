"""The proof of deployment files: what must hold of one before it is written, besides what must hold of the whole project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from posixpath import basename

from codemods.change import Refused
from codemods.deployment_manifest import Key, differences
from codemods.registry import all_codemods
from codemods.rewriting import Rewritten
from codemods.text_edits import TextEdit, Written, shifted
from codemods.verify import Failure
from lint_rules.analysis import Analysis
from lint_rules.deploy.formats import Broken, format_of
from lint_rules.deploy.notations.json_text import read_json
from lint_rules.deploy.notations.literals import Quoted, Value
from lint_rules.deploy.notations.toml_text import read_toml
from lint_rules.deploy.notations.yaml_nodes import YamlNode, documents
from lint_rules.deploy.text import NOWHERE, Source
from lint_rules.findings import Finding

Leaf = tuple[tuple[str, ...], object, int, int]
"""The keys that lead to a value, the value, and from where to where it stands (-1 for a value without a place)."""

LAYOUT = frozenset(" \t\n\\,-")
"""What stands between the words of a command, and the items of a list."""

STRUCTURED = {"yaml_file": "YAML", "package_json": "JSON", "vscode_tasks": "JSON", "pyproject": "TOML", "fly_toml": "TOML"}
"""Formats whose whole content can be compared, and what they are written in."""


def check_deployment_text(before: bytes, result: Rewritten) -> Iterator[Failure]:
    """What is wrong with the new text of a file by itself."""
    try:
        old, new = Written(result.file, before), Written(result.file, result.data)
    except Refused as error:
        yield Failure("parse", result.file, str(error))
        return
    alters = {name for finding in result.applied for name in all_codemods()[finding.code].alters}
    for outcome in result.outcomes:
        if outcome.name not in alters:
            yield Failure("commands", result.file, f"a fix changes {outcome.name}, which it is not there for")
            return
    if _outside(before, old, result.edits) != _outside(result.data, new, shifted(result.edits)):
        yield Failure("outside", result.file, "bytes changed that no fix asked for")
        return
    for edit in result.edits:
        if not _keeps_to(edit, result.places, old.source):
            row = old.source.position(edit.start)[0]
            yield Failure("outside", result.file, f"line {row} changed, which no fix asked for")
            return
    try:
        leaves = list(_untouched(old.source, result.edits))
    except Broken:  # a part of it that is read for nothing
        return
    try:
        others = list(_untouched(new.source, shifted(result.edits)))
    except Broken as error:
        yield Failure("parse", result.file, f"the new text cannot be read: {error.reason} (line {error.row})")
        return
    if leaves != others:
        yield Failure("outside", result.file, "values changed that no fix asked for")


def check_commands(
    before: Analysis, after: Analysis, applied: Iterable[Finding], outcomes: Mapping[tuple[Key, str], str | None]
) -> Iterator[Failure]:
    """What the rewritten files start that is not what they started before."""
    altered: dict[str, set[str]] = {}
    for finding in applied:
        altered.setdefault(finding.place.file, set()).update(all_codemods()[finding.code].alters)
    for file, reason in differences(before.project, after.project, outcomes, altered):
        yield Failure("commands", file, reason)


def _outside(data: bytes, written: Written, edits: Sequence[TextEdit]) -> list[bytes]:
    """The bytes before, between and behind edits."""

    def offset(place: int) -> int:
        return len((written.mark + written.raw[: written.place(place)]).encode())

    starts = [0, *(offset(edit.end) for edit in edits)]
    ends = [*(offset(edit.start) for edit in edits), len(data)]
    return [data[start:end] for start, end in zip(starts, ends)]


def _keeps_to(edit: TextEdit, places: Sequence[tuple[int, int]], source: Source) -> bool:
    """Whether an edit is one of an option or a directive, and takes only the space, the comma or the dash of a list with it."""
    touched = [(start, end) for start, end in places if edit.touches(start, end)]
    others = [place for place in range(edit.start, edit.end) if not any(start <= place < end for start, end in touched)]
    return all(source.text[place] in LAYOUT for place in others) and (bool(touched) or _is_behind(edit, places, source))


def _is_behind(edit: TextEdit, places: Sequence[tuple[int, int]], source: Source) -> bool:
    """Whether nothing but space stands between an edit and the option or directive before it."""
    return any(end <= edit.start and not source.text[end : edit.start].strip() for _, end in places)


def _untouched(source: Source, edits: Sequence[TextEdit]) -> Iterator[tuple[tuple[str, ...], object]]:
    """The values of a document that edits keep away from, each with the keys that lead to it."""
    for path, value, start, end in _leaves(source):
        if start == NOWHERE or not any(edit.touches(start, end) for edit in edits):
            yield path, value


def _leaves(source: Source) -> Iterator[Leaf]:
    """All values of a document, where its format is one whose documents can be read whole.

    Raises:
        Broken: it cannot be read.
    """
    kind = STRUCTURED.get(format_of(basename(source.file)) or "")
    if kind == "YAML":
        for root in documents(source, lambda text: True):
            yield from _of_yaml(root, ())
    elif kind == "JSON":
        yield from _of_value(read_json(source.whole), ())
    elif kind == "TOML":
        yield from _of_value(read_toml(source), ())


def _of_yaml(node: YamlNode, path: tuple[str, ...]) -> Iterator[Leaf]:
    for key, each in node.entries.items():
        yield from _of_yaml(each, (*path, key))
    for each in node.elements:
        yield from _of_yaml(each, (*path, "[]"))
    text = node.text
    if text is not None:
        known = [offset for offset in text.offsets if offset != NOWHERE]
        yield path, text.value, min(known, default=NOWHERE), max(known, default=NOWHERE - 1) + 1


def _of_value(value: Value, path: tuple[str, ...]) -> Iterator[Leaf]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _of_value(each, (*path, key))
    elif isinstance(value, list):
        for each in value:
            yield from _of_value(each, (*path, "[]"))
    elif isinstance(value, Quoted):
        known = [offset for offset in value.text.offsets if offset != NOWHERE]
        yield path, value.value, min(known, default=NOWHERE), max(known, default=NOWHERE - 1) + 1
    else:
        yield path, value, NOWHERE, NOWHERE
