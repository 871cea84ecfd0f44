"""What deployment files start, as plain frozen values.

A reader in `formats` gives `Start`s and `RedisServer`s, `commands` makes workers, beats and Redis servers of the starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Union

from msgspec import Struct, field

from lint_rules.deploy.text import Text
from lint_rules.facts.model import Span


class Word(Struct, frozen=True):
    """One word of a command, after quotes and known variables."""

    text: str
    """What is not known before run time stays as written: `$QUEUE`, `{{ .Values.queue }}`, `{count}`."""
    span: Union[Span, None]
    """The characters in the file that the word was made from, quotes included; None where it stands nowhere as such."""
    known: bool = True
    """False where a part of it is only known at run time."""


class Start(Struct, frozen=True):
    """A command line that a file hands to a shell (`shell`) or to the system (`words`), and what it is run with."""

    file: str
    shell: Union[Text, None] = None
    words: tuple[Word, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that the file sets for it; values are known text (others are left out)."""
    service: str = ""
    """What the file calls the process: a compose service, a unit, a Procfile entry; "" where it has no name."""
    optional: bool = False
    """Whether it only runs when asked for: profiles of compose, a target of a Makefile."""


class Option(Struct, frozen=True):
    """An option of a command: `-P gevent`, `--pool=gevent`, `-Pgevent`, CELERY_WORKER_POOL=gevent, `app.Worker(pool="gevent")`."""

    name: str
    """Its long name without dashes: `pool`, `concurrency`, `max-tasks-per-child`."""
    value: Union[str, None] = None
    """None for a flag."""
    known: bool = True
    """False where the value is only known at run time."""
    source: str = "argument"
    """ "argument", "environment" (a CELERY_* variable) or "keyword" (of a Python call)."""
    glued: bool = False
    """Whether flag and value are one word without `=`: `-Pgevent`."""
    span: Union[Span, None] = None
    """Flag and value as they stand; None where they stand nowhere as such."""
    value_span: Union[Span, None] = None


class WorkerCommand(Struct, frozen=True, eq=False):
    """A command that starts a Celery worker (one node of it, for `celery multi`)."""

    file: str
    span: Span
    """The whole command in the file."""
    command: str
    """The command as one line, with known variables put in."""
    app: Union[str, None]
    """What `-A` names; for Python calls the dotted path of the application where it is known."""
    options: Mapping[str, Option]
    """By long name; the last of each counts, as it does for Celery."""
    form: str = "command"
    """ "command" (the `celery` program), "python" (`worker_main`, `start`, `Worker`, which patch nothing) or "wrapper" (a project's own
    program that ends in `celery worker`)."""
    words: tuple[Word, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    service: str = ""
    optional: bool = False
    started_from: tuple[tuple[str, int], ...] = ()
    """File and row of what starts the script that this command stands in."""
    node: str = ""
    """The node of `celery multi`."""
    open: bool = False
    """Whether more options may be hidden in words that are only known at run time: `celery worker $CELERY_OPTS`, `"$@"`."""

    def known(self, name: str) -> bool:
        """Whether it is known what the command says of an option (that it says nothing of it is known, too)."""
        option = self.options.get(name)
        return option.known if option is not None else not self.open

    def value(self, name: str) -> str | None:
        """The value of an option, None where it is not given or only known at run time."""
        option = self.options.get(name)
        return option.value if option is not None and option.known else None

    @property
    def row(self) -> int:
        """The first row of the command."""
        return self.span.row

    @property
    def pool(self) -> str | None:
        """The pool that is asked for (`processes` is prefork), None where none is or it is only known at run time (see `known`)."""
        said = self.value("pool")
        return "prefork" if said == "processes" else said

    @property
    def concurrency(self) -> int | None:
        """The number that `-c` gives."""
        said = self.value("concurrency")
        return int(said) if said is not None and said.lstrip("-").isdigit() else None

    @property
    def queues(self) -> tuple[str, ...] | None:
        """The queues that `-Q` names, None where it is absent or cannot be read."""
        return self._listed("queues")

    @property
    def queues_known(self) -> bool:
        """Whether it is known from the command which queues `-Q` and `-X` name (that they name none is known, too)."""
        excluded = self.options.get("exclude-queues")
        return self.known("queues") and (excluded is None or excluded.known)

    @property
    def excluded_queues(self) -> tuple[str, ...]:
        """The queues that `-X` names."""
        return self._listed("exclude-queues") or ()

    @property
    def autoscale(self) -> tuple[int, int] | None:
        """The greatest and the least number of processes that `--autoscale` gives."""
        said = self.value("autoscale")
        numbers = [int(part) for part in said.split(",") if part.strip().isdigit()] if said else []
        return (max(numbers), min(numbers) if len(numbers) > 1 else 0) if numbers else None

    @property
    def beat(self) -> bool:
        """Whether it also runs the scheduler (`-B`)."""
        return "beat" in self.options

    def _listed(self, name: str) -> tuple[str, ...] | None:
        said = self.value(name)
        return tuple(part.strip() for part in said.split(",") if part.strip()) if said is not None else None


class BeatCommand(Struct, frozen=True, eq=False):
    """A command that starts the scheduler alone."""

    file: str
    span: Span
    command: str
    app: Union[str, None]
    words: tuple[Word, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    service: str = ""


class Directive(Struct, frozen=True):
    """A line of redis.conf, or `--name values` of a `redis-server` command."""

    name: str
    """In lower case, without dashes."""
    values: tuple[str, ...]
    span: Union[Span, None]
    known: bool = True


class RedisServer(Struct, frozen=True, eq=False):
    """A Redis that the deployment configures: a redis.conf, a `redis-server` command, or a service that runs a Redis image."""

    file: str
    span: Span
    form: str
    """ "conf", "command", "image" (a service without a command: the defaults of the image) or "sentinel"."""
    directives: tuple[Directive, ...] = ()
    service: str = ""
    """The host name that others reach it under, where the file says."""
    conf: Union[str, None] = None
    """The configuration file that a command names, relative to the root where it is found."""
    span_of_command: Union[Span, None] = None
    optional: bool = False
    """As for `Start`."""

    def all(self, name: str) -> list[Directive]:
        """The directives of that name (`save` may stand several times)."""
        return [each for each in self.directives if each.name == name]

    def last(self, name: str) -> Directive | None:
        """The directive of that name that counts."""
        found = self.all(name)
        return found[-1] if found else None


Command = Union[WorkerCommand, BeatCommand, RedisServer]


class Variable(Struct, frozen=True):
    """An environment variable that a deployment file sets."""

    name: str
    value: str
    file: str
    row: int
    service: str = ""


class Trouble(Struct, frozen=True):
    """A deployment file, or a part of it, that could not be read."""

    file: str
    row: int
    reason: str


class Deployment(Struct):
    """All that the deployment files of a project say."""

    workers: list[WorkerCommand] = field(default_factory=list)
    beats: list[BeatCommand] = field(default_factory=list)
    redis: list[RedisServer] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    annotated: dict[str, str] = field(default_factory=dict)
    """The texts of the files that speak to this linter (a comment may silence a finding)."""
    inputs: list[str] = field(default_factory=list)
    """Files that were looked at besides those listed (they may be absent), relative to the root."""
