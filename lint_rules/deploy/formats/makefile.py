"""Which commands does a Makefile run?

Each recipe line is handed to a shell after make has put in its variables. Both branches of a conditional are read; a variable that they set
differently is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct, field

from lint_rules.deploy.formats import Neighbours, Said
from lint_rules.deploy.model import Start, Variable
from lint_rules.deploy.notations.literals import concatenated
from lint_rules.deploy.text import Source, Text

MOST = 100
"""References that are followed for one line; those beyond stay as they are written."""
LONGEST = 10_000
"""Characters of a variable's value; a longer one is left as it is written."""

_CONDITIONAL = re.compile(r"\s*(?:(?P<opens>ifeq|ifneq|ifdef|ifndef)\b|(?P<other>else)\b|(?P<closes>endif)\b)")
_BLOCK = re.compile(r"\s*(?:override\s+|export\s+)*define\s")
_BLOCK_END = re.compile(r"\s*endef\b")
_ASSIGNMENT = re.compile(
    r"\s*(?P<words>(?:(?:export|override|private)\s+)*)(?P<name>[\w.-]+)\s*(?P<kind>:{1,3}=|\?=|\+=|!=|=)\s*(?P<value>.*)"
)
_EXPORT = re.compile(r"\s*export\s+([\w.\s-]+)")
_RULE = re.compile(r"(?P<targets>[^\s:=#][^:=#]*?)\s*&?::?(?!=)(?P<rest>.*)")
_REFERENCE = re.compile(r"\$(?:\$|@|\(([\w.-]+)\)|\{([\w.-]+)\})")
_COMMENT = re.compile(r"(?<!\\)#.*")
_PREFIX = re.compile(r"[@+\-\s]*")
_CONTINUED = re.compile(r"[ \t]*\\\n[ \t]*")


class _Read(Struct):
    """What has been read so far."""

    values: dict[str, str] = field(default_factory=dict)
    """Variables as written, references and all."""
    doubtful: set[str] = field(default_factory=set)
    """Variables whose value depends on a conditional."""
    exported: dict[str, int] = field(default_factory=dict)
    """Variables of the environment of the recipes, and the row that says so."""
    of_targets: dict[str, dict[str, str]] = field(default_factory=dict)
    recipes: list[tuple[str, Text]] = field(default_factory=list)
    """Target and line."""
    depth: int = 0
    """Of conditionals around the line."""


def starts(source: Source, _neighbours: Neighbours) -> Iterator[Said]:
    """The recipe lines, each with its target; make runs a target when asked for."""
    read = _read(source)
    environment = {name: value for name in read.exported if (value := _known(name, read.values, read.doubtful)) is not None}
    for name, value in environment.items():
        yield Variable(name, value, source.file, read.exported[name])
    for target, line in read.recipes:
        own = read.of_targets.get(target)
        values, doubtful = (read.values | own, read.doubtful - own.keys()) if own else (read.values, read.doubtful)
        shell = _filled_in(line, values, doubtful, target)
        yield Start(source.file, shell=shell, environment=environment, service=target, optional=True)


def _read(source: Source) -> _Read:
    read = _Read()
    target: str | None = None
    in_block = False
    for row, line in _lines(source):
        conditional = _CONDITIONAL.match(line.value)
        if in_block or _BLOCK.match(line.value):
            in_block = not _BLOCK_END.match(line.value)
        elif line.value.startswith("\t") and target is not None:
            read.recipes += _recipe(target, line)
        elif conditional:
            read.depth += bool(conditional["opens"]) - bool(conditional["closes"])
        elif not line.value.lstrip().startswith("#"):
            target = _directive(read, row, line, target)
    return read


def _lines(source: Source) -> Iterator[tuple[int, Text]]:
    """The lines with their rows; those that go on are one, with backslash and line end."""
    start, row = 0, 1
    while start < len(source.text):
        end, rows = start, 1
        while (end := source.text.find("\n", end)) >= 0 and source.text[end - 1] == "\\" and end > start:
            end, rows = end + 1, rows + 1
        end = end if end >= 0 else len(source.text)
        yield row, source.cut(start, end)
        start, row = end + 1, row + rows


def _directive(read: _Read, row: int, line: Text, target: str | None) -> str | None:
    """Take a line that is no recipe; the target that following recipe lines belong to."""
    joined = _CONTINUED.sub(" ", _COMMENT.sub("", line.value))
    assignment = _ASSIGNMENT.fullmatch(joined)
    rule = _RULE.fullmatch(joined)
    if assignment:
        _assign(read, assignment)
        if "export" in assignment["words"]:
            read.exported.setdefault(assignment["name"], row)
    elif exported := _EXPORT.fullmatch(joined):
        for name in exported[1].split():
            read.exported.setdefault(name, row)
    elif rule:
        targets = _expanded(rule["targets"], read.values, read.doubtful).split()
        target = targets[0] if targets else None
        of_target = _ASSIGNMENT.fullmatch(rule["rest"])
        if target is not None and of_target:
            values = read.of_targets.setdefault(target, {})
            values[of_target["name"]] = _value(of_target, {**read.values, **values}, read.doubtful)
            return None
        semicolon = line.value.find(";")
        if target is not None and semicolon >= 0 and ";" in rule["rest"]:
            read.recipes += _recipe(target, line[semicolon + 1 :])
    return target


def _recipe(target: str, line: Text) -> list[tuple[str, Text]]:
    """A recipe line without its tabs and the prefixes `@`, `-` and `+`."""
    prefix = _PREFIX.match(line.value)
    command = line[prefix.end() if prefix else 0 :]
    return [(target, command)] if command.value and not command.value.startswith("#") else []


# ── Variables ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _assign(read: _Read, assignment: re.Match[str]) -> None:
    name = assignment["name"]
    value = _value(assignment, read.values, read.doubtful)
    if read.depth and read.values.get(name) != value:
        read.doubtful.add(name)
    elif not read.depth and assignment["kind"] not in ("?=", "+="):
        read.doubtful.discard(name)
    read.values[name] = value


def _value(assignment: re.Match[str], values: dict[str, str], doubtful: set[str]) -> str:
    name, kind, value = assignment["name"], assignment["kind"], assignment["value"].rstrip()
    if kind == "?=":
        return values.get(name, value)
    if kind == "+=":
        return f"{values[name]} {value}"[:LONGEST] if name in values else value
    if kind == "!=":
        return f"$(shell {value})"
    return _expanded(value, values, doubtful, dollars="$$") if kind.startswith(":") else value


def _known(name: str, values: dict[str, str], doubtful: set[str]) -> str | None:
    """The value of a variable, None where a part of it is not known."""
    if name in doubtful or name not in values:
        return None
    value = _expanded(f"$({name})", values, doubtful)
    return value if "$(" not in value and "${" not in value else None


def _expanded(text: str, values: dict[str, str], doubtful: set[str], dollars: str = "$") -> str:
    """The text with known variables in it. `dollars` is what becomes of `$$`: kept where the result is expanded once more."""
    followed = 0
    around: list[str] = []

    def value(found: re.Match[str]) -> str:
        nonlocal followed
        name = found[1] or found[2]
        if found[0] == "$$":
            return dollars
        if name is None or name in doubtful or name in around or name not in values or followed == MOST:
            return found[0]
        followed += 1
        around.append(name)
        inner = _REFERENCE.sub(value, values[name])
        around.pop()
        return inner if len(inner) <= LONGEST else found[0]

    return _REFERENCE.sub(value, text)


def _filled_in(line: Text, values: dict[str, str], doubtful: set[str], target: str) -> Text:
    """The line as the shell gets it. What make is not known to put in stays as written; a shell would not know it either."""
    parts, start = [], 0
    for found in _REFERENCE.finditer(line.value):
        parts.append(line[start : found.start()])
        written = line[found.start() : found.end()]
        said = _expanded(found[0], values, doubtful) if found[0] != "$@" or "%" in target else target
        parts.append(written[:1] if found[0] == "$$" else written if said == found[0] else Text.of_nowhere(line.source, said))
        start = found.end()
    return concatenated(line.source, (*parts, line[start:]))
