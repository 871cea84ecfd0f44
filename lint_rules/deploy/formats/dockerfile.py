"""What does a container start that is made from a Dockerfile? (ENTRYPOINT and CMD of its last stage; other stages may be a target)"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Union

import msgspec
from msgspec import Struct, field

from lint_rules.deploy.formats import Broken, Neighbours, Said
from lint_rules.deploy.model import Start, Variable, Word
from lint_rules.deploy.notations.json_text import read_json
from lint_rules.deploy.notations.literals import concatenated, words
from lint_rules.deploy.redis_image import server_of
from lint_rules.deploy.text import Source, Text

_ESCAPE = re.compile(r"(?:#[ \t]*\w+[ \t]*=.*\n)*?#[ \t]*escape[ \t]*=[ \t]*([\\`])", re.IGNORECASE)
_INSTRUCTION = re.compile(r"\s*([A-Za-z]+)\s+(?=\S)")
_HEREDOC = re.compile(r"(?<!\S)\d*<<(-?)([\"']?)([A-Za-z_]\w*)\2")
_FROM = re.compile(r"(?:--\S+\s+)*(\S+)(?:\s+as\s+(\S+))?", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?:(:?[-+])([^{}]*))?\}|(\w+))")


class _Stage(Struct, frozen=True):
    """A stage as far as it has been read."""

    image: str = ""
    name: str = ""
    entrypoint: Union[Text, None] = None
    command: Union[Text, None] = None
    own: bool = False
    """Whether it has an ENTRYPOINT or CMD of its own."""
    environment: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    """Defaults of ARG: known to the build, not to the container."""


def starts(source: Source, _neighbours: Neighbours) -> Iterator[Said]:
    """The command of each stage that has one. ENTRYPOINT, CMD and ENV are inherited from a stage that a stage is made from."""
    stages: list[_Stage] = []
    by_name: dict[str, _Stage] = {}
    defaults: dict[str, str] = {}
    for name, rest in _instructions(source):
        if name == "FROM":
            by_name |= {stage.name.lower(): stage for stage in stages[-1:]}
            stages.append(_stage(rest, by_name, defaults))
        elif name == "ARG" and not stages:
            defaults |= _assigned(rest, defaults)
        elif stages:
            if name == "ENV":
                yield from _variables(rest, stages[-1])
            stages[-1] = _after(stages[-1], name, rest, defaults)
    for stage in stages:
        last = stage is stages[-1]
        if last or (stage.own and (stage.entrypoint, stage.command) != (stages[-1].entrypoint, stages[-1].command)):
            yield from _start(source, stage, optional=not last)


# ── Instructions ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _instructions(source: Source) -> Iterator[tuple[str, Text]]:
    """Name and arguments of each instruction. Lines that go on are joined, comments and empty lines between them left out."""
    directive = _ESCAPE.match(source.text)
    goes_on = re.compile(rf"{re.escape(directive[1] if directive else chr(92))}[ \t]*$")
    parts: list[Text] = []
    lines = source.whole.lines()
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        end = goes_on.search(line.value)
        if line.value.strip() and not line.value.lstrip().startswith("#"):
            parts.append(line[: end.start()] if end else line)
            if not end or at == len(lines):
                text = concatenated(source, parts)
                parts = []
                instruction = _INSTRUCTION.match(text.value)
                if instruction:
                    at = _after_documents(text.value, lines, at)
                    yield instruction[1].upper(), text[instruction.end() :].stripped()


def _after_documents(instruction: str, lines: list[Text], at: int) -> int:
    """The line after the here-documents of an instruction whose own lines end before `at`."""
    for document in _HEREDOC.finditer(instruction) if instruction.lstrip()[:4].upper() in ("RUN ", "COPY", "ADD ") else ():
        for number in range(at, len(lines)):
            line = lines[number].value
            if (line.lstrip("\t") if document[1] else line) == document[3]:
                at = number + 1
                break
    return at


# ── Stages ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _stage(rest: Text, by_name: dict[str, _Stage], defaults: dict[str, str]) -> _Stage:
    said = _FROM.match(rest.value)
    image = _filled_in(said[1], defaults)[0] if said else ""
    base = by_name.get(image.lower()) if image else None
    if base is None:
        return _Stage(image, (said and said[2]) or "")
    return msgspec.structs.replace(base, name=(said and said[2]) or "", own=False, arguments={})


def _after(stage: _Stage, name: str, rest: Text, defaults: dict[str, str]) -> _Stage:
    replace = msgspec.structs.replace
    if name == "ENTRYPOINT":  # what was inherited as CMD were arguments of another program
        return replace(stage, entrypoint=rest, command=stage.command if stage.own else None, own=True)
    if name == "CMD":
        return replace(stage, command=rest, own=True)
    known = stage.arguments | stage.environment
    if name == "ARG":
        inherited = {rest.value: defaults[rest.value]} if rest.value in defaults else {}
        return replace(stage, arguments=stage.arguments | inherited | _assigned(rest, known))
    if name == "ENV":
        assigned = _assigned(rest, known)
        kept = {key: value for key, value in stage.environment.items() if key not in _names(rest)}
        return replace(stage, environment=kept | assigned)
    return stage


def _start(source: Source, stage: _Stage, optional: bool) -> Iterator[Start]:
    entrypoint = _exec_form(stage.entrypoint)
    command = _exec_form(stage.command)
    environment, service = stage.environment, stage.name
    if entrypoint is None and stage.entrypoint is not None:  # a shell that is given no arguments
        yield Start(source.file, shell=stage.entrypoint, environment=environment, service=service, optional=optional)
    elif not entrypoint and command is None and stage.command is not None:
        yield Start(source.file, shell=stage.command, environment=environment, service=service, optional=optional)
    elif entrypoint or command:
        shell = (
            (Word("/bin/sh", None), Word("-c", None), Word(stage.command.value, stage.command.span)) if stage.command is not None else ()
        )
        together = (*(entrypoint or _of_image(stage, command)), *(command if command is not None else shell))
        yield Start(source.file, words=together, environment=environment, service=service, optional=optional)


def _exec_form(text: Text | None) -> tuple[Word, ...] | None:
    """The words of a JSON array; what is none is shell text."""
    if text is None or not text.value.startswith("["):
        return None
    try:
        value = read_json(text)
    except Broken:
        return None
    return () if value == [] else words(value)


def _of_image(stage: _Stage, command: tuple[Word, ...] | None) -> tuple[Word, ...]:
    """What the entry point of a Redis image puts before options, or the name of a configuration file."""
    server = server_of(stage.image)
    first = command[0].text if command else ""
    return (Word(server, None),) if server is not None and (first.startswith("-") or first.endswith(".conf")) else ()


# ── Variables ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _variables(rest: Text, stage: _Stage) -> Iterator[Variable]:
    span = rest.span
    for name, value in _assigned(rest, stage.arguments | stage.environment).items():
        yield Variable(name, value, rest.source.file, span.row if span else 1, stage.name)


_PIECES = re.compile(
    r"""(?P<space>\s+)|(?P<name>\w+)=|'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|\\(?P<escaped>.)|\$\{[^{}]*\}|[^\s'"\\$]+|\$\w+|.""",
    re.DOTALL,
)


def _names(rest: Text) -> set[str]:
    return {name for name, _ in _assignments(rest.value)}


def _assigned(rest: Text, known: dict[str, str]) -> dict[str, str]:
    """The variables that get a known value. The values refer to variables as they were before the instruction."""
    found = {}
    for name, pieces in _assignments(rest.value):
        filled = [(piece, True) if literal else _filled_in(piece, known) for piece, literal in pieces]
        if all(sure for _, sure in filled):
            found[name] = "".join(piece for piece, _ in filled)
    return found


def _assignments(text: str) -> list[tuple[str, list[tuple[str, bool]]]]:
    """Names, and the pieces of their values; of each piece whether it is taken literally."""
    old = re.fullmatch(r"(\w+)[ \t]+(?s:(.*))", text)
    if old:  # `ENV NAME value`: the rest of the line
        return [(old[1], [_piece(piece) for piece in _PIECES.finditer(old[2])])]
    found: list[tuple[str, list[tuple[str, bool]]]] = []
    inside = False
    for piece in _PIECES.finditer(text):
        if piece["space"] is not None:
            inside = False
        elif inside:
            found[-1][1].append(_piece(piece))
        elif piece["name"] is not None:
            found.append((piece["name"], []))
            inside = True
    return found


def _piece(piece: re.Match[str]) -> tuple[str, bool]:
    for kind in ("single", "escaped"):
        if piece[kind] is not None:
            return piece[kind], True
    return piece["double"] if piece["double"] is not None else piece[0], False


def _filled_in(text: str, known: dict[str, str]) -> tuple[str, bool]:
    """The text with its variables, and whether all of them are known."""
    sure = True

    def value(found: re.Match[str]) -> str:
        nonlocal sure
        name = found[1] or found[4]
        if found[2] in (":-", "-"):
            return known.get(name) or found[3]
        if found[2] in (":+", "+") and name in known:
            return str(found[3])
        sure = sure and found[2] is None and name in known
        return known.get(name, found[0])

    return _VARIABLE.sub(value, text), sure
