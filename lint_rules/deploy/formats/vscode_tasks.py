"""Which commands do the tasks.json and launch.json of an editor run?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lint_rules.deploy.formats import Neighbours, Said
from lint_rules.deploy.formats.environment_file import variables_of
from lint_rules.deploy.model import Start, Word
from lint_rules.deploy.notations.json_text import read_json
from lint_rules.deploy.notations.literals import Quoted, Value, array, strings, table
from lint_rules.deploy.notations.splitting import split
from lint_rules.deploy.text import Source

VARIABLE = r"\$\{[^{}]*\}"
"""`${workspaceFolder}`, `${input:queue}`: what the editor fills in."""

_IN_THE_PROJECT = re.compile(r"\$\{workspace(?:Folder|Root)\}/(.+)")


def starts(source: Source, neighbours: Neighbours) -> Iterator[Said]:
    """The tasks and configurations; each runs when asked for."""
    document = table(read_json(source.whole))
    for task in array(document.get("tasks")):
        yield from _of_task(source, table(task), _environment(document.get("options")))
    for configuration in array(document.get("configurations")):
        yield from _of_configuration(source, table(configuration), neighbours)


def _of_task(source: Source, task: dict[str, Value], environment: dict[str, str]) -> Iterator[Start]:
    command = _argument(task.get("command"))
    if command is None:
        return
    service = (strings(task).get("label") or strings(task).get("taskName") or command).value
    environment = {**environment, **_environment(task.get("options"))}
    kind = strings(task).get("type")
    arguments = _words(task.get("args"))
    if kind is not None and kind.value == "process":
        yield Start(source.file, words=(_word(command), *arguments), environment=environment, service=service, optional=True)
    elif arguments:
        yield Start(
            source.file, words=(*split(command.text, VARIABLE), *arguments), environment=environment, service=service, optional=True
        )
    else:
        yield Start(source.file, shell=command.text, environment=environment, service=service, optional=True)


def _of_configuration(source: Source, configuration: dict[str, Value], neighbours: Neighbours) -> Iterator[Start]:
    """A Python program (`program`) or module (`module`) that is run to be debugged."""
    said = strings(configuration)
    module, program = said.get("module"), said.get("program")
    if module is not None:
        command = [Word("python", None), Word("-m", None), _word(module)]
    elif program is not None:
        command = [Word("python", None), _word(program)] if program.value.endswith(".py") else [_word(program)]
    else:
        return
    environment = _environment_file(source, said.get("envFile"), neighbours)
    environment |= {name: each.value for name, each in strings(configuration.get("env")).items() if "${" not in each.value}
    name = said["name"].value if "name" in said else ""
    words = (*command, *_words(configuration.get("args")))
    yield Start(source.file, words=words, environment=environment, service=name, optional=True)


def _environment_file(source: Source, path: Quoted | None, neighbours: Neighbours) -> dict[str, str]:
    inside = _IN_THE_PROJECT.fullmatch(path.value) if path is not None else None
    file = neighbours.beside(source.file, f"../{inside[1]}") if inside else None
    return {name: value for name, value, _ in variables_of(file)} if file is not None else {}


def _environment(options: Value) -> dict[str, str]:
    return {name: each.value for name, each in strings(table(options).get("env")).items() if "${" not in each.value}


def _words(arguments: Value) -> tuple[Word, ...]:
    if isinstance(arguments, Quoted):
        return split(arguments.text, VARIABLE)
    found = [_argument(each) for each in array(arguments)]
    return tuple(_word(each) for each in found if each is not None)


def _argument(value: Value) -> Quoted | None:
    """A string, or the `value` of `{"value": ..., "quoting": ...}`."""
    return value if isinstance(value, Quoted) else strings(value).get("value")


def _word(quoted: Quoted) -> Word:
    return Word(quoted.value, quoted.span, re.search(VARIABLE, quoted.value) is None)
