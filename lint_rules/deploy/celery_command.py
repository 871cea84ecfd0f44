"""Does a command of the `celery` program start workers or beat, and with which options?

The options are those of Celery 5.7 (`celery worker --help`), parsed as click does; what only older versions know is read, too: the
application after the subcommand, `--maxtasksperchild`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Union

from msgspec import Struct

from lint_rules.deploy.celery_multi import nodes
from lint_rules.deploy.model import Option
from lint_rules.deploy.wrappers import program
from lint_rules.deploy.written import Written
from lint_rules.facts.model import Span

_WORKER_VALUED = {
    "-n": "hostname",
    "-S": "statedb",
    "-l": "loglevel",
    "-O": "optimization",
    "-c": "concurrency",
    "-P": "pool",
    "-Q": "queues",
    "-X": "exclude-queues",
    "-I": "include",
    "-s": "schedule-filename",
    "-f": "logfile",
    "--schedule": "schedule-filename",
    "--maxtasksperchild": "max-tasks-per-child",
}
_WORKER_VALUED |= {
    f"--{name}": name
    for name in (
        *("hostname", "statedb", "loglevel", "optimization", "prefetch-multiplier", "concurrency", "pool", "time-limit", "soft-time-limit"),
        *("max-tasks-per-child", "pool-start-method", "max-memory-per-child", "queues", "exclude-queues", "include", "heartbeat-interval"),
        *("autoscale", "schedule-filename", "scheduler", "logfile", "pidfile", "uid", "gid", "umask", "executable"),
    )
}
_WORKER_FLAGS = {"-D": "detach", "-E": "task-events", "-B": "beat", "--events": "task-events", "--discard": "purge"}
_WORKER_FLAGS |= {
    f"--{name}": name
    for name in ("detach", "disable-prefetch", "task-events", "purge", "without-gossip", "without-mingle", "without-heartbeat", "beat")
}
_GLOBAL_VALUED = {"-A": "app", "-b": "broker"}
_GLOBAL_VALUED |= {f"--{name}": name for name in ("app", "broker", "result-backend", "loader", "config", "workdir")}
_GLOBAL_FLAGS = {"-C": "no-color", "-q": "quiet", "-h": "help"}
_GLOBAL_FLAGS |= {f"--{name}": name for name in ("no-color", "quiet", "version", "skip-checks", "help")}

VALUED = {**_WORKER_VALUED, **_GLOBAL_VALUED}
"""Options of `celery` and `celery worker` that have a value, and their long names."""

FLAGS = {**_WORKER_FLAGS, **_GLOBAL_FLAGS}
"""Those that have none."""

_OF_CELERY = {*_GLOBAL_VALUED.values(), *_GLOBAL_FLAGS.values()}
_APP_VARIABLES = ("APP", "CELERY_APP")
"""Where `-A` is not given, click looks here, in this order."""

_ENVIRONMENT = {
    f"CELERY_WORKER_{name.upper().replace('-', '_')}": name
    for name in sorted({*_WORKER_VALUED.values(), *_WORKER_FLAGS.values()} - {"beat"})
}
"""The variables that click reads options from that are not given (CELERY_WORKER_BEAT has no effect)."""

_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})


class Invocation(Struct, frozen=True):
    """A worker (a node of `celery multi`) or beat."""

    kind: str
    """ "worker" or "beat"."""
    app: Union[str, None]
    options: Mapping[str, Option]
    open: bool = False
    """Whether words that are only known at run time may hold more options."""
    node: str = ""


def invocations(words: Sequence[Written], environment: Mapping[str, str], hidden: frozenset[str]) -> Iterator[Invocation]:
    """What a command starts whose program (the first word) is `celery`; `hidden` are variables whose values are unknown."""
    place = _subcommand(words)
    if place is None:
        return
    before, command, after = words[1:place], words[place].value, words[place + 1 :]
    if command == "multi":
        for node, arguments in nodes(before, after):
            yield from _of_worker({}, arguments, environment, hidden, node)
    elif command == "worker":
        yield from _of_worker(parsed(before)[0], after, environment, hidden)
    elif command == "beat":
        given, _ = parsed((*before, *after))
        if "help" not in given and "version" not in given:
            yield Invocation("beat", _app(given, environment), {})


def within(words: Sequence[Written]) -> int | None:
    """Where the words of another program's command go on with `celery worker` or `celery beat`; None where they do not.

    A project's own command line (`shop celery worker -B`) has Celery's as a part of it.
    """
    for place, word in enumerate(words[1:], 1):
        if program(word) == "celery":
            subcommand = _subcommand(words[place:])
            starts = subcommand is not None and words[place + subcommand].value in ("worker", "beat", "multi")
            return place if starts else None
    return None


def is_celery(words: Sequence[Written]) -> bool:
    """Whether the program is Celery's."""
    return program(words[0]) == "celery"


def _subcommand(words: Sequence[Written]) -> int | None:
    """The place of the subcommand. Options before it may be hidden in unknown words."""
    place = 1
    while place < len(words):
        said = words[place].said
        if said and not said.startswith("-"):
            return place
        place += 2 if said in _GLOBAL_VALUED else 1
    return None


def _of_worker(
    before: Mapping[str, Option], arguments: Sequence[Written], environment: Mapping[str, str], hidden: frozenset[str], node: str = ""
) -> Iterator[Invocation]:
    """A worker with these arguments; `before` are the options before the subcommand, none of which is the worker's."""
    said, is_open = parsed(arguments)
    given = {**before, **said}
    if "help" in given or "version" in given:
        return
    options = {name: option for name, option in given.items() if name not in _OF_CELERY}
    for variable, name in _ENVIRONMENT.items():
        option = _of_variable(variable, name, environment, hidden)
        if option is not None and name not in options:
            options[name] = option
    yield Invocation("worker", _app(given, environment), options, is_open, node)


def _app(given: Mapping[str, Option], environment: Mapping[str, str]) -> str | None:
    option = given.get("app")
    if option is not None and option.value is not None:
        return option.value.removeprefix("=")  # Celery 4 took `-A=proj`
    return next((environment[name] for name in _APP_VARIABLES if environment.get(name)), None)


def _of_variable(variable: str, name: str, environment: Mapping[str, str], hidden: frozenset[str]) -> Option | None:
    flag = name in _WORKER_FLAGS.values()
    if variable in hidden:
        return Option(name, known=False, source="environment")
    value = environment.get(variable)
    if not value or (flag and value.lower() not in _TRUE):
        return None
    return Option(name, None if flag else value, source="environment")


# ── Options ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def parsed(words: Sequence[Written]) -> tuple[dict[str, Option], bool]:
    """The options among the words, and whether unknown words may hold others."""
    options: dict[str, Option] = {}
    hides = False
    place = 0
    while place < len(words):
        word = words[place]
        if word.said == "--":
            break
        following = words[place + 1] if place + 1 < len(words) else None
        if word.value.startswith("--"):
            found, taken = _long(word, following)
        elif word.value.startswith("-") and word.value != "-":
            found, taken = _short(word, following)
        else:
            found, taken = (), False
        hides = hides or (not found and not word.known)
        options.update((option.name, option) for option in found)
        place += 2 if taken else 1
    return options, hides


_Found = tuple[Sequence[Option], bool]
"""Options, and whether they take the next word as well."""


def _long(word: Written, following: Written | None) -> _Found:
    flag, equals, _ = word.value.partition("=")
    if flag in FLAGS:
        return (Option(FLAGS[flag], span=word.span),), False
    if flag not in VALUED:
        return (), False
    if equals:
        return (_option(flag, word, word.after(len(flag) + 1)),), False
    return ((_option(flag, word, following, apart=True),), True) if following is not None else ((), False)


def _short(word: Written, following: Written | None) -> _Found:
    """`-c 2`, `-c2`, and flags in one word: `-EB`, `-Ec2`."""
    found: list[Option] = []
    for place, letter in enumerate(word.value[1:], 1):
        flag = f"-{letter}"
        if flag in FLAGS:
            found.append(Option(FLAGS[flag], span=word.span))
            continue
        if flag in VALUED and place + 1 < len(word.value):
            found.append(_option(flag, word, word.after(place + 1), glued=True))
        elif flag in VALUED and following is not None:
            return (*found, _option(flag, word, following, apart=True)), True
        break
    return found, False


def _option(flag: str, word: Written, value: Written, *, glued: bool = False, apart: bool = False) -> Option:
    """The option that `word` is; `apart` where its value is the next word."""
    span, end = word.span, value.span
    if apart and span is not None and end is not None and value.home is word.home and (end.row, end.column) > (span.row, span.column):
        span = Span(span.row, span.column, end.end_row, end.end_column)
    return Option(
        VALUED[flag],
        value.value,
        known=value.known,
        glued=glued,
        span=span,
        value_span=value.text.span if value.text.stands else None,
    )
