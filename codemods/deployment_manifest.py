"""What a project starts: workers with their options, beats, Redis servers, and their variables. A migration must not change it unsaid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Union

from msgspec import Struct

from lint_rules.deploy.model import BeatCommand, Command, RedisServer, Word
from lint_rules.facts.model import Span
from lint_rules.project.project import Project

Key = tuple[str, str, int]
"""What it is ("worker", "beat", "redis"), its file, and how many of those the file has before it."""


class Outcome(Struct, frozen=True):
    """What an option, or a directive, of a command is to be after a fix."""

    key: Key
    name: str
    value: Union[str, None]
    """None where it is gone."""


class Entry(Struct, frozen=True):
    """A command as those know it who start it."""

    told: tuple[object, ...]
    options: Mapping[str, object]
    """Name -> value, whether it is known, and where it comes from."""
    words: tuple[Word, ...]
    spans: Mapping[str, Span | None]

    def rest(self, without: set[str]) -> list[str]:
        """The words that are no part of some options."""
        left_out = [span for name, span in self.spans.items() if name in without and span is not None]
        return [word.text for word in self.words if not any(_covers(span, word.span) for span in left_out)]


def commands(project: Project) -> dict[Key, Command]:
    """All commands of deployment files and of Python code."""
    started = project.started
    kinds: list[tuple[str, list[Command]]] = [
        ("worker", [*project.workers]),
        ("beat", [*project.deployment.beats, *(each for each in started if isinstance(each, BeatCommand))]),
        ("redis", [*project.deployment.redis, *(each for each in started if isinstance(each, RedisServer))]),
    ]
    found: dict[Key, Command] = {}
    count: dict[tuple[str, str], int] = {}
    for kind, those in kinds:
        for command in those:
            place = count.get((kind, command.file), 0)
            found[kind, command.file, place] = command
            count[kind, command.file] = place + 1
    return found


def key_of(command: Command, project: Project) -> Key:
    """The key of a command of the project."""
    return next(key for key, each in commands(project).items() if each is command)


def differences(
    before: Project, after: Project, outcomes: Mapping[tuple[Key, str], str | None], altered: Mapping[str, set[str]]
) -> Iterator[tuple[str, str]]:
    """File and a clause in words for everything that differs, but for `outcomes`, and in Python files the options in `altered`."""
    old, new = ({key: _entry(command) for key, command in commands(project).items()} for project in (before, after))
    if [*old] != [*new]:
        file = next(key[1] for key in [*old, *new] if key not in old or key not in new)
        yield file, "it starts more or fewer commands than before"
        return
    for key, entry in old.items():
        yield from ((key[1], reason) for reason in _compared(key, entry, new[key], outcomes, altered.get(key[1], set())))
    variables, others = (
        [(each.file, each.service, each.name, each.value) for each in project.deployment.variables] for project in (before, after)
    )
    if variables != others:
        changed = next((one or other for one, other in zip([*variables, None], [*others, None]) if one != other), None)
        yield (changed[0] if changed else ""), "a variable that it sets has changed"


def _compared(key: Key, old: Entry, new: Entry, outcomes: Mapping[tuple[Key, str], str | None], altered: set[str]) -> Iterator[str]:
    what = {"worker": "worker", "beat": "beat", "redis": "Redis server"}[key[0]]
    wanted = {name: value for (each, name), value in outcomes.items() if each == key}
    free = altered if key[1].endswith(".py") else set()
    if old.told != new.told:
        yield f"the {what} is not started as before: {old.told} has become {new.told}"
    for name in sorted((old.options.keys() | new.options.keys()) - free):
        was, now = old.options.get(name), new.options.get(name)
        if name in wanted:
            found = now[0] if isinstance(now, tuple) else None
            if found != wanted[name]:
                yield f"{name} of the {what} is {found!r} and was to become {wanted[name]!r}"
        elif was != now:
            yield f"{name} of the {what} was {was!r} and is {now!r}"
    names = {*wanted} | free
    if old.rest(names) != new.rest(names):
        yield f"the words of the {what} have changed: {' '.join(old.rest(names))!r} has become {' '.join(new.rest(names))!r}"


def _entry(command: Command) -> Entry:
    if isinstance(command, RedisServer):
        told: tuple[object, ...] = (command.form, command.service, command.conf, command.optional)
        return Entry(told, {each.name: _said(command, each.name) for each in command.directives}, (), {})
    told = (command.app, dict(command.environment), command.service)
    words = () if command.file.endswith(".py") else command.words
    if isinstance(command, BeatCommand):
        return Entry(told, {}, words, {})
    return Entry(
        (*told, command.form, command.optional, command.node, command.open),
        {name: (each.value, each.known, each.source) for name, each in command.options.items()},
        words,
        {name: each.span for name, each in command.options.items()},
    )


def _said(server: RedisServer, name: str) -> tuple[object, ...]:
    """The value that counts, and all that the server says of a directive."""
    found = server.all(name)
    return (" ".join(found[-1].values), found[-1].known, *(each.values for each in found[:-1]))


def _covers(outer: Span, inner: Span | None) -> bool:
    return (
        inner is not None
        and (outer.row, outer.column) <= (inner.row, inner.column)
        and (inner.end_row, inner.end_column) <= (outer.end_row, outer.end_column)
    )
