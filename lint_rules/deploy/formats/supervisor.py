"""What does an INI file of a process controller start? (supervisor's programs, circus' watchers, uWSGI's attached daemons)"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lint_rules.deploy.formats import Neighbours, Said
from lint_rules.deploy.model import Start, Variable
from lint_rules.deploy.notations.ini import Section, read_ini
from lint_rules.deploy.notations.literals import concatenated
from lint_rules.deploy.notations.splitting import TEMPLATE, split
from lint_rules.deploy.text import Source, Text

_EXPANSION = re.compile(r"%%|%\((\w+)\)[#0 +-]*\d*[sd]")
_UNKNOWN = rf"{TEMPLATE}|%\(\w+\)[#0 +-]*\d*[sd]|\$\([^()]*\)"
_INLINE_COMMENT = re.compile(r"\s[;#][^\n]*")
_ASSIGNED = re.compile(r"""(\w+)\s*=\s*("[^"]*"|'[^']*'|[^,\s"']*)""")
_DAEMON = re.compile(r"(?:legion-|smart-)*attach-daemon2?", re.IGNORECASE)


def starts(source: Source, _neighbours: Neighbours) -> Iterator[Said]:
    """The processes, by the sections that the file has; a file without such sections starts nothing."""
    sections = read_ini(source, flat=frozenset({"uwsgi"}))
    environments = [section for section in sections if section.name.partition(":")[0] == "env"]
    everywhere = _assigned([section for section in sections if section.name == "supervisord"], "")
    for section in sections:
        kind, _, name = section.name.partition(":")
        if kind == "program" and name:
            yield from _of_program(section, name.strip(), everywhere)
        elif kind == "watcher" and name:
            yield from _of_watcher(section, name.strip(), [each for each in environments if _is_environment(each.name, name.strip())])
        elif kind == "uwsgi":
            yield from _of_uwsgi(section)


def _of_program(section: Section, name: str, everywhere: list[Variable]) -> Iterator[Said]:
    """supervisor runs no shell; `%(ENV_X)s` is its own environment's, `%%` a percent sign."""
    variables = [*everywhere, *_assigned([section], name)]
    yield from variables[len(everywhere) :]
    command = section.last("command")
    if command is None:
        return
    known = {"program_name": name, "group_name": name}
    words = split(_expanded(_uncommented(command), known), _UNKNOWN)
    autostart = section.last("autostart")
    off = autostart is not None and _uncommented(autostart).value.strip().lower() in ("false", "0", "no", "off")
    environment = {each.name: each.value for each in variables}
    yield Start(command.source.file, words=words, environment=environment, service=name, optional=off)


def _of_watcher(section: Section, name: str, environments: list[Section]) -> Iterator[Said]:
    """`cmd` and `args`; variables stand in `[env]` and `[env:name]`."""
    command, arguments = section.last("cmd"), section.last("args")
    if command is None:
        return
    environment = {}
    for each in environments:
        for entry in each.entries:
            if not re.search(r"\$\(|\$\w", entry.value.value):
                environment[entry.name] = entry.value.value
                yield Variable(entry.name, entry.value.value, entry.value.source.file, entry.row, name)
    words = split(command, _UNKNOWN) + (split(arguments, _UNKNOWN) if arguments is not None else ())
    off = section.last("autostart")
    optional = off is not None and off.value.lower() in ("false", "0", "no", "off")
    yield Start(command.source.file, words=words, environment=environment, service=name, optional=optional)


def _is_environment(section: str, watcher: str) -> bool:
    names = section.partition(":")[2]
    return not names or watcher in {name.strip() for name in names.split(",")}


def _of_uwsgi(section: Section) -> Iterator[Said]:
    """`attach-daemon = command`; the smart kinds have a pidfile before it, the legion kinds the name of a legion."""
    environment = {}
    for value in section.all("env"):
        name, _, said = value.value.partition("=")
        environment[name.strip()] = said.strip()
    for entry in section.entries:
        if not _DAEMON.fullmatch(entry.name):
            continue
        before = entry.name.lower().count("legion-") + entry.name.lower().count("smart-")
        command = re.fullmatch(rf"(?:\S+\s+){{{before}}}(?s:(.+))", entry.value.value)
        if entry.name.endswith("2"):
            command = re.search(r"\bcmd=([^,]+)", entry.value.value)
        if command:
            yield Start(entry.value.source.file, shell=entry.value[command.start(1) : command.end(1)], environment=environment)


def _assigned(sections: list[Section], service: str) -> list[Variable]:
    """The variables of `environment=A="b",C=d`; those of the machine's environment are left out."""
    return [
        Variable(each[1], each[2].strip("\"'").replace("%%", "%"), entry.value.source.file, entry.row, service)
        for section in sections
        for entry in section.entries
        if entry.name.lower() == "environment"
        for each in _ASSIGNED.finditer(entry.value.value)
        if not re.search(r"%\(|\{\{", each[2])
    ]


def _uncommented(value: Text) -> Text:
    parts, start = [], 0
    for comment in _INLINE_COMMENT.finditer(value.value):
        parts.append(value[start : comment.start()])
        start = comment.end()
    return concatenated(value.source, (*parts, value[start:]))


def _expanded(value: Text, known: Mapping[str, str]) -> Text:
    parts, start = [], 0
    for found in _EXPANSION.finditer(value.value):
        parts.append(value[start : found.start()])
        if found[1] is None:
            parts.append(value[found.start() : found.start() + 1])
        elif found[1] in known:
            parts.append(Text.of_nowhere(value.source, known[found[1]]))
        else:
            parts.append(value[found.start() : found.end()])
        start = found.end()
    return concatenated(value.source, (*parts, value[start:]))
