"""Which workers, beats and Redis servers does Python code start?

Facts: celery/app/base.py (`worker_main`, `start`, `Worker`), celery/apps/worker.py and celery/worker/worker.py of Celery 5.7;
research/celery-facts.md 2 and 16. None of them monkey-patches: only the `celery` program does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from lint_rules.deploy.commands import commands_of
from lint_rules.deploy.model import Command, Option, RedisServer, Start, Word, WorkerCommand
from lint_rules.deploy.text import Source, Text
from lint_rules.facts.model import Call, Const, Expr, Ref, Seq, Span
from lint_rules.project.command_lines import command_line, line_of, may_start
from lint_rules.project.frames import Frame
from lint_rules.project.modules import Module
from lint_rules.project.signatures import given_options, last_name, receiver_of
from lint_rules.project.texts import pieces
from lint_rules.project.values import External, Instance

if TYPE_CHECKING:
    from lint_rules.project.project import Project

WORDS = ("worker_main", "redis-server", "valkey-server")
"""A file without the word celery that starts a worker or a Redis server has one of them in it."""

WITH_ARGUMENTS = frozenset({"celery.Celery().worker_main", "celery.Celery().start"})
"""What takes a command line without the name of the program."""

WORKERS = frozenset(
    {"celery.Celery().Worker", "celery.Celery().WorkController", "celery.apps.worker.Worker", "celery.worker.WorkController"}
    | {"celery.worker.worker.WorkController", "celery.bin.worker.worker().run"}
)
"""What takes the options of a worker as keyword arguments."""

METHODS = frozenset({"worker_main", "start", "Worker", "WorkController", "run"})

NO_OPTIONS = frozenset({"app", "argv", "self"})

PARAMETERS = {"pool-cls": "pool", "send-events": "task-events", "include": "include", "Q": "queues", "c": "concurrency", "P": "pool"}
"""Keyword arguments (with dashes) that the command line knows under another name."""


class _Alone:
    """Commands in Python code are not followed into scripts."""

    def beside(self, file: str, path: str) -> Source | None:
        return None

    def script(self, path: str, file: str) -> Source | None:
        return None


def worker_commands(project: Project) -> list[WorkerCommand]:
    """The workers that Python code starts, by file and row."""
    return [command for command in project.started if isinstance(command, WorkerCommand)]


def started(project: Project) -> list[Command]:
    """All that Python code starts: workers, beats, Redis servers.

    The place of a command is the call, or the assignment that its text stands in. Its words have no places of their own.
    """
    found = project.index.read_each(project.callers, _Reader(project).in_module)
    commands: dict[object, Command] = {}
    for file in sorted(found):
        for command in sorted(found[file], key=lambda each: (each.span.row, each.span.column)):
            commands.setdefault(_identity(command), command)
    return [*commands.values()]


def _identity(command: Command) -> object:
    """The same for a command that several calls start."""
    said: object = command.directives if isinstance(command, RedisServer) else command.command
    return type(command), command.file, command.span, said, command.node if isinstance(command, WorkerCommand) else ""


class _Reader:
    def __init__(self, project: Project) -> None:
        self.resolver = project.resolver

    def in_module(self, module: Module) -> Iterator[Command]:
        """What a module starts.

        Raises:
            NotLoaded: another module has to be loaded first.
        """
        for qualname in ("", *module.functions):
            frame = self.resolver.frame(module.file, qualname) if module.scope(qualname).calls else None
            for call in frame.scope.calls if frame is not None else ():
                assert frame is not None
                if last_name(call.func) in METHODS and (call.args or call.keywords):
                    yield from self.of_celery(call, frame)
                if may_start(call, frame):
                    yield from self.of_system(call, frame)

    def of_system(self, call: Call, frame: Frame) -> Iterator[Command]:
        """`subprocess.run([...])` and all that is like it."""
        line = command_line(self.resolver, call, frame)
        if line is not None:
            span = call.span if line.binding is None else Span(line.binding.row, 0, line.binding.row, 0)
            yield from self.commands(frame, span, line.words, line.shell)

    def commands(self, frame: Frame, span: Span, words: tuple[Word, ...], shell: str | None = None) -> Iterator[Command]:
        """What a command line starts."""
        source = Source(frame.module.file, "")
        text = None if shell is None else Text.of_nowhere(source, shell)
        for command in commands_of(Start(frame.module.file, text, words), source, _Alone()):
            yield replace(command, span=span, span_of_command=None) if isinstance(command, RedisServer) else replace(command, span=span)

    def of_celery(self, call: Call, frame: Frame) -> Iterator[Command]:
        """`app.worker_main([...])`, `app.start([...])`, `app.Worker(...)`."""
        for value in self.resolver.evaluate(call.func, frame):
            if isinstance(value, External) and value.path in WITH_ARGUMENTS:
                line = line_of(self.resolver, call.args[0] if call.args else call.keyword("argv"), frame)
                if line.words is not None:
                    yield from self.with_arguments(call, frame, line.words)
                return
            if isinstance(value, External) and value.path in WORKERS:
                yield self.worker(call, frame)
                return

    def with_arguments(self, call: Call, frame: Frame, words: tuple[Word, ...]) -> Iterator[Command]:
        """`worker_main(["worker", "-P", "solo"])`; some write the program's name first."""
        if words and words[0].text.rpartition("/")[2].startswith("celery"):
            words = words[1:]
        for command in self.commands(frame, call.span, (Word("celery", None), *words)):
            if isinstance(command, RedisServer):
                continue
            command = replace(command, app=command.app or self.app(call, frame))
            yield replace(command, form="python") if isinstance(command, WorkerCommand) else command

    def worker(self, call: Call, frame: Frame) -> WorkerCommand:
        """`app.Worker(pool="solo", concurrency=1)`."""
        given = given_options(self.resolver, call, frame, ())
        options = {}
        for key, expr in given.options.items():
            if key not in NO_OPTIONS:
                name = PARAMETERS.get(key.replace("_", "-"), key.replace("_", "-"))
                option = self.keyword(name, expr, frame)
                if option is not None:
                    options[name] = option
        said = [f"--{each.name}" if each.value is None else f"--{each.name}={each.value}" for each in options.values()]
        return WorkerCommand(
            file=frame.module.file,
            span=call.span,
            command=" ".join(["celery", "worker", *said]),
            app=self.app(call, frame),
            options=options,
            form="python",
            open=given.open,
        )

    def keyword(self, name: str, expr: Expr, frame: Frame) -> Option | None:
        """A keyword argument as the option of a command; None for a flag that is off, and for None."""
        if isinstance(expr, Const) and (expr.value is None or expr.value is False):
            return None
        if isinstance(expr, Const) and expr.value is True:
            return Option(name, source="keyword")
        line = line_of(self.resolver, expr, frame) if isinstance(expr, (Seq, Ref)) else None
        if line is not None and line.words is not None:
            return Option(name, ",".join(word.text for word in line.words), all(word.known for word in line.words), "keyword")
        found = pieces(self.resolver, expr, frame)
        return Option(name, "".join(piece.text for piece in found), all(piece.known for piece in found), "keyword")

    def app(self, call: Call, frame: Frame) -> str | None:
        """The dotted path of the application that a call is made on, or that it is given."""
        expr = call.keyword("app") or receiver_of(call.func)
        if not isinstance(expr, Ref) or not any(
            isinstance(value, (External, Instance)) and self.is_app(value) for value in self.resolver.evaluate(expr, frame)
        ):
            return None
        head, _, rest = expr.path.partition(".")
        module = frame.module
        for scope in (frame.qualname, ""):
            for item in module.imports(scope).get(head, ()):
                target = self.resolver.index.absolute(module.file, item.module, item.level)
                if target is not None and target.partition(".")[0] != "celery":
                    return ".".join(part for part in (target, item.attribute, rest) if part)
        return f"{module.name}.{expr.path}" if head in module.bindings("") else None

    def is_app(self, value: External | Instance) -> bool:
        """Whether a value is a Celery application."""
        if isinstance(value, Instance):
            return self.resolver.inherits(value.cls, "celery.Celery")
        return value.path == "celery.Celery()"
