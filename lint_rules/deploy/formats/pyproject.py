"""Which commands do the task runners run that a pyproject.toml configures? (poe, PDM, hatch, taskipy, rye, pixi)"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from lint_rules.deploy.formats import Neighbours, Said
from lint_rules.deploy.formats.environment_file import variables_of
from lint_rules.deploy.model import Start, Variable, Word
from lint_rules.deploy.notations.literals import Quoted, Value, array, concatenated, strings, table, words
from lint_rules.deploy.notations.toml_text import read_toml
from lint_rules.deploy.text import Source, Text

_SEVERAL = ("sequence", "parallel", "composite")
_ARGUMENTS = re.compile(r"\{args(?::([^{}]*))?\}")
"""What hatch and PDM replace by the arguments of the call, or by the default that stands in it."""
_LINE_END = re.compile(r"\\?\n")


class _Tasks(Struct, frozen=True):
    """A table of tasks."""

    tasks: dict[str, Value]
    holder: dict[str, Value]
    """The table whose environment they share."""
    argv: bool = False
    """Whether a task that is a list is one command; else it is several, one after the other."""


def starts(source: Source, neighbours: Neighbours) -> Iterator[Said]:
    """The tasks; each runs when asked for."""
    for tasks in _tables(table(read_toml(source).get("tool"))):
        shared = _variables(source, tasks.holder, neighbours, "")
        yield from shared
        for name, task in tasks.tasks.items():
            own = _variables(source, table(task), neighbours, name)
            yield from own
            environment = {each.name: each.value for each in (*shared, *own)}
            for command in _commands(task, tasks):
                shell, argv = (command, ()) if isinstance(command, Text) else (None, command)
                yield Start(source.file, shell=shell, words=argv, environment=environment, service=name, optional=True)


def _tables(tool: dict[str, Value]) -> Iterator[_Tasks]:
    poe, pdm, hatch, taskipy, rye, pixi = (table(tool.get(runner)) for runner in ("poe", "pdm", "hatch", "taskipy", "rye", "pixi"))
    yield _Tasks(table(poe.get("tasks")), poe)
    scripts = table(pdm.get("scripts"))
    yield _Tasks(scripts, table(scripts.get("_")), argv=True)
    yield _Tasks(table(taskipy.get("tasks")), {})
    yield _Tasks(table(rye.get("scripts")), {}, argv=True)
    for environment in map(table, table(hatch.get("envs")).values()):
        yield _Tasks(table(environment.get("scripts")), environment)
    for feature in (pixi, *map(table, table(pixi.get("feature")).values())):
        yield _Tasks(table(feature.get("tasks")), table(feature.get("activation")), argv=True)


def _commands(task: Value, tasks: _Tasks) -> Iterator[Text | tuple[Word, ...]]:
    """What a task runs: shell text, or words."""
    argv = words(task) if tasks.argv else None
    if argv is not None:
        yield argv
    elif isinstance(task, Quoted):
        yield _one_line(task.text)
    elif isinstance(task, list):
        yield from _in_turn(task, tasks)
    elif isinstance(task, dict):
        yield from _of_table(task, tasks)


def _of_table(task: dict[str, Value], tasks: _Tasks) -> Iterator[Text | tuple[Word, ...]]:
    shell, command = task.get("shell"), task.get("cmd")
    if isinstance(shell, Quoted):
        yield shell.text
    if isinstance(command, Quoted):
        yield _one_line(command.text)
    argv = words(command)
    if argv is not None:
        yield argv
    for key in _SEVERAL:
        yield from _in_turn(array(task.get(key)), tasks)


def _in_turn(several: list[Value], tasks: _Tasks) -> Iterator[Text | tuple[Word, ...]]:
    """The commands of a list; an entry that begins with the name of a task refers to it, `- ` lets the command fail."""
    for each in several:
        if isinstance(each, Quoted):
            command = each.text[2:] if each.value.startswith("- ") else each.text
            if command.value.split() and command.value.split()[0] not in tasks.tasks:
                yield _one_line(command)
        elif isinstance(each, dict):
            yield from _of_table(each, tasks)


def _one_line(command: Text) -> Text:
    """A command as its runner sees it: lines joined, without arguments of the call."""
    parts: list[Text] = []
    start = 0
    for found in sorted((*_LINE_END.finditer(command.value), *_ARGUMENTS.finditer(command.value)), key=lambda found: found.start()):
        default = command[found.start(1) : found.end(1)] if found.lastindex else command[:0]
        parts += (command[start : found.start()], Text.of_nowhere(command.source, " ") if "\n" in found[0] else default)
        start = found.end()
    return concatenated(command.source, (*parts, command[start:]))


def _variables(source: Source, holder: dict[str, Value], neighbours: Neighbours, service: str) -> list[Variable]:
    """The variables that a table sets (`NAME = "x"`, `NAME.default = "x"`), after those of the files it names."""
    found = []
    for key in ("envfile", "env_file", "env-file"):
        paths = holder.get(key)
        for path in (each for each in (paths, *array(paths)) if isinstance(each, Quoted)):
            file = neighbours.beside(source.file, path.value)
            found += [Variable(name, value, file.file, row, service) for name, value, row in variables_of(file)] if file is not None else []
    for key in ("env", "env-vars"):
        for name, value in table(holder.get(key)).items():
            said = strings(value).get("default", value)
            if isinstance(said, Quoted) and "$" not in said.value:
                found.append(Variable(name, said.value, source.file, said.span.row, service))
    return found
