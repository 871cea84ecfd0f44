"""What a codemod of commands is given (a `CommandSite`), and what it answers with: `Change`s of options and directives, in no notation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Union

from msgspec import Struct

from codemods.change import Refused
from lint_rules.deploy.celery_command import FLAGS, VALUED
from lint_rules.deploy.model import Directive, Option, RedisServer, WorkerCommand
from lint_rules.facts.model import Span

if TYPE_CHECKING:
    from lint_rules.findings import Finding, Place
    from lint_rules.project.project import Project


class Change(Struct, frozen=True):
    """What becomes of an option or a directive."""

    subject: Union[Option, Directive]
    name: Union[str, None]
    """What it is called afterwards; None where it goes."""
    value: Union[str, None] = None
    apart: bool = False
    """Whether flag and value, written as one word, are to be two."""
    added: bool = False
    """Whether the subject stays, and a directive of that name comes after it."""

    @property
    def outcome(self) -> tuple[tuple[str, str | None], ...]:
        """The options afterwards, each with its value; None for one that is gone."""
        if self.name is None:
            return ((self.subject.name, None),)
        gone = () if self.added or self.name == self.subject.name else ((self.subject.name, None),)
        return (*gone, (self.name, self.value))


class CommandSite(Struct, frozen=True):
    """One finding to mend, as one of the commands sees it that stand at its place."""

    finding: Finding
    project: Project
    command: Union[WorkerCommand, RedisServer]

    @property
    def worker(self) -> WorkerCommand:
        """The worker that the finding is about.

        Raises:
            Refused: it is about no command that starts one.
        """
        if not isinstance(self.command, WorkerCommand):
            raise Refused("it is about no worker command")
        return self.command

    @property
    def pool(self) -> str | None:
        """The pool that the worker runs, None where it is only known at run time."""
        return self.project.routing.pool_of(self.worker)[0]


CommandRewrite = Callable[[CommandSite], Iterator[Change]]


def span_of(place: Place) -> Span:
    """The piece of the file that a finding is about."""
    return Span(place.row, place.column, place.end_row, place.end_column)


def workers_at(place: Place, project: Project) -> list[WorkerCommand]:
    """The workers that have an option at a place, or stand there themselves: several where they share a script."""
    span = span_of(place)
    here = [worker for worker in project.workers if worker.file == place.file]
    return [worker for worker in here if any(option.span == span for option in worker.options.values())] or [
        worker for worker in here if worker.span == span or (worker.span.row, worker.span.column) == (place.row, place.column)
    ]


def servers_at(file: str, span: Span | None, project: Project) -> list[RedisServer]:
    """The Redis servers of deployment files that have a directive at a place."""
    return [
        server
        for server in project.deployment.redis
        if server.file == file and any(each.span == span and span is not None for each in server.directives)
    ]


def elsewhere(option: Option, worker: WorkerCommand, project: Project) -> str:
    """Where an option stands that stands nowhere in its command, as a clause."""
    if option.source == "keyword":
        return "it is a keyword argument of the call"
    if option.source == "environment":
        variable = variable_of(option)
        found = [each for each in project.deployment.variables if each.name == variable and each.value == option.value]
    else:
        flags = [flag for flag, name in (*VALUED.items(), *FLAGS.items()) if name == option.name]
        found = [
            each
            for each in project.deployment.variables
            if any(flag in each.value for flag in flags) and (option.value or "") in each.value and each.name in worker.environment
        ]
    own = [each for each in found if each.service == worker.service] or found
    if own:
        return f"it is not written in the command: {own[0].name} in {own[0].file}:{own[0].row} gives it"
    if worker.started_from:
        file, row = worker.started_from[0]
        return f"it is not written in the command: what starts it ({file}:{row}) may give it"
    return "it is not written in the command as such"


def variable_of(option: Option) -> str:
    """The variable that gives an option where the command does not."""
    return f"CELERY_WORKER_{option.name.upper().replace('-', '_')}"
