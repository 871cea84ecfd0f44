"""What does a systemd unit start? (systemd.service(5), systemd.exec(5))

systemd runs no shell: it splits the line itself, puts in `${NAME}`, and splits the value of a `$NAME` that is a word of its own.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from lint_rules.deploy.formats import Neighbours, Said
from lint_rules.deploy.formats.environment_file import variables_of
from lint_rules.deploy.model import Start, Variable, Word
from lint_rules.deploy.notations.literals import concatenated
from lint_rules.deploy.notations.splitting import TEMPLATE, split
from lint_rules.deploy.text import Source, Text

_SECTION = re.compile(r"\s*\[(\w+)\]\s*")
_SETTING = re.compile(r"\s*([A-Za-z]+)[ \t]*=[ \t]*(?s:(.*))")
_COMMENT = re.compile(r"\s*[#;]")
_PREFIXES = re.compile(r"[-@:+!|]*")
_VARIABLE = re.compile(r"\$\$|\$\{(\w+)\}")
_WORD_VARIABLE = re.compile(r"\$(\w+)")
_UNKNOWN = rf"{TEMPLATE}|(?<!%)%[a-zA-Z]"
"""Specifiers (`%i` is the instance) are filled in when the unit starts; `%%` is a percent sign."""


class _Unit(Struct):
    """What the settings of a unit say so far."""

    commands: list[Text] = field(default_factory=list)
    variables: dict[str, Variable] = field(default_factory=dict)
    from_files: dict[str, Variable] = field(default_factory=dict)
    """These win over `Environment=`."""


def starts(source: Source, neighbours: Neighbours) -> Iterator[Said]:
    """What `ExecStart=` of its service says, in the environment that the unit sets."""
    name = posixpath.basename(source.file)
    if any(line.strip() == "[Service]" for line in source.text.split("\n")):
        yield from unit_starts(source.whole, neighbours, re.split(r"@?\.service", name)[0])


def unit_starts(text: Text, neighbours: Neighbours, service: str, optional: bool = False) -> Iterator[Said]:
    """The same of a text that may be a piece of a unit: where no section is named, all settings count."""
    unit = _Unit()
    for name, value in _settings(text):
        if name == "ExecStart":
            unit.commands = [*unit.commands, value] if value.value.strip() else []  # nothing: those before do not count
        elif name == "Environment":
            unit.variables = {**unit.variables, **{each.name: each for each in _assigned(value, service)}} if value.value.strip() else {}
        elif name == "EnvironmentFile":
            unit.from_files |= {each.name: each for each in _read(value.value.strip(), text.source.file, neighbours, service)}
    yield from unit.variables.values()
    yield from unit.from_files.values()
    environment = {each.name: each.value for each in (*unit.variables.values(), *unit.from_files.values())}
    for command in unit.commands:
        for words in _commands(split(command, _UNKNOWN), environment):
            yield Start(text.source.file, words=words, environment=environment, service=service, optional=optional)


def _settings(text: Text) -> Iterator[tuple[str, Text]]:
    """The settings of the service section."""
    counts = True
    for line in _lines(text):
        section = _SECTION.fullmatch(line.value)
        setting = _SETTING.fullmatch(line.value)
        if section:
            counts = section[1] == "Service"
        elif setting and counts:
            yield setting[1], line[setting.start(2) :]


def _lines(text: Text) -> Iterator[Text]:
    """The lines; a backslash at the end is a space, and comments do not end a line that goes on."""
    parts: list[Text] = []
    for line in text.lines():
        if _COMMENT.match(line.value):
            continue
        if line.value.endswith("\\"):
            parts += (line[:-1], Text.of_nowhere(line.source, " "))
            continue
        yield concatenated(line.source, (*parts, line))
        parts = []
    if parts:
        yield concatenated(text.source, parts)


def _assigned(value: Text, service: str) -> Iterator[Variable]:
    for word in split(value, _UNKNOWN):
        name, equals, said = word.text.partition("=")
        if equals and word.known and word.span is not None:
            yield Variable(name, said.replace("%%", "%"), value.source.file, word.span.row, service)


def _read(path: str, file: str, neighbours: Neighbours, service: str) -> Iterable[Variable]:
    """The variables of an environment file. Its path is one of the machine; a project ships the file beside the unit."""
    found = neighbours.beside(file, posixpath.basename(path)) if posixpath.basename(path) else None
    variables = variables_of(found, expand=False) if found is not None else []
    return [Variable(name, value, found.file, row, service) for name, value, row in variables if found is not None]


def _commands(words: tuple[Word, ...], environment: dict[str, str]) -> Iterator[tuple[Word, ...]]:
    """The commands of one line; `;` as a word stands between them."""
    command: list[Word] = []
    for word in (*words, None):
        if word is not None and word.text != ";":
            command.append(word)
        elif command:
            yield tuple(_ready(command, environment))
            command = []


def _ready(command: list[Word], environment: dict[str, str]) -> Iterator[Word]:
    """The words as the program gets them."""
    prefixes = _PREFIXES.match(command[0].text)
    prefix = prefixes[0] if prefixes else ""
    yield Word(command[0].text[len(prefix) :], command[0].span, command[0].known)
    for word in command[2:] if "@" in prefix else command[1:]:  # with `@` the second word is the name that the process is given
        yield from [word] if ":" in prefix else _substituted(word, environment)


def _substituted(word: Word, environment: dict[str, str]) -> Iterator[Word]:
    alone = _WORD_VARIABLE.fullmatch(word.text)
    if alone and alone[1] in environment:
        yield from (Word(part, word.span) for part in environment[alone[1]].split())
    elif any(character.isspace() for character in word.text):
        yield word  # for a shell (`sh -c "…"`), which knows the same variables and can tell where they stand
    else:
        text = _VARIABLE.sub(lambda found: "$" if found[1] is None else environment.get(found[1], found[0]), word.text).replace("%%", "%")
        known = word.known and alone is None and all(each[1] is None or each[1] in environment for each in _VARIABLE.finditer(word.text))
        yield Word(text, word.span, known)
