"""Where does the project send tasks, or build signatures of them, and with which options?

Facts: celery/app/task.py, celery/app/base.py and celery/canvas.py of Celery 5.7. Options of a group and a chord go to all their tasks,
those of a chain to its first alone (research/celery-facts.md 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field

from lint_rules.facts.model import OPAQUE, Call, Const, Expr, Span
from lint_rules.project.displays import entries, text_of
from lint_rules.project.frames import Frame
from lint_rules.project.modules import Module
from lint_rules.project.signatures import (
    CALLABLE_CANVAS,
    MAKING,
    RESHAPING,
    Given,
    Member,
    Signatures,
    given_options,
    last_name,
    moved,
    receiver_of,
)
from lint_rules.project.tasks import Task

if TYPE_CHECKING:
    from lint_rules.project.project import Project

WORDS = (".delay", "apply_async", "send_task(", ".s(", ".si(", "signature(", ".subtask(", "add_periodic_task")
"""A file that sends tasks has one of them in it."""

SENDING = frozenset({"delay", "apply_async", "delay_on_commit", "apply_async_on_commit"})
"""Methods of tasks and signatures that send them."""

NAMED = frozenset({"send_task", "signature", "Signature", "subtask"})
"""Functions that take the name of a task."""

POSITIONAL = {
    "apply_async": ("args", "kwargs", "task_id", "producer", "link", "link_error", "shadow"),
    "apply_async_on_commit": ("args", "kwargs", "task_id", "producer", "link", "link_error", "shadow"),
    "send_task": ("name", "args", "kwargs", "countdown", "eta", "task_id", "producer", "connection", "router", "result_cls", "expires"),
    "signature": ("args", "kwargs", "options"),
    "add_periodic_task": ("schedule", "sig", "args", "kwargs", "name"),
}
"""Parameters in order; those of `signature` are the method's, the functions have the task before them."""

NO_OPTIONS = frozenset({"args", "kwargs", "name", "task", "sig", "schedule", "immutable", "app", "type", "using"})
"""Parameters that say what is sent rather than how."""


class Send(Struct, frozen=True, eq=False):
    """A place that sends a task, or that makes a signature of it."""

    method: str
    """As written: "delay", "apply_async", "s", "set", "send_task", "__call__" (`chain(...)()`), "add_periodic_task"; "beat" for an entry of
    `beat_schedule`."""
    call: Call
    """For `partial(task.delay, ...)` the call that it prepares; for an entry of `beat_schedule` a stand-in that has the place alone."""
    file: str
    frame: Frame
    """Where the options are to be evaluated."""
    task: Task | None = None
    """None where it is no task of this project, or not known."""
    task_name: str | None = None
    """The name it is sent under, None where that is not known."""
    options: Mapping[str, Expr] = field(default_factory=dict)
    """What this place gives: queue, priority, countdown, expires and so on."""
    inherited: Mapping[str, Expr] = field(default_factory=dict)
    """What the signature that is sent had before; `options` win."""
    task_keywords: Mapping[str, Expr] = field(default_factory=dict)
    """Keyword arguments for the task, as far as they are written out."""
    sent: bool = True
    """False where only a signature is made or changed."""
    open: bool = False
    """Whether options may come from a mapping that cannot be seen."""

    @property
    def row(self) -> int:
        """Where it stands."""
        return self.call.span.row

    def option(self, name: str) -> Expr | None:
        """What is known to be given for an option, here or by the signature."""
        return self.options.get(name) or self.inherited.get(name)


def sends(project: Project) -> list[Send]:
    """Every place that sends a task or makes a signature of one, by file and row; the entries of `beat_schedule` come last.

    What is called on something that is not known to be a task or a signature is left out.
    """
    reader = _Reader(project)
    found = project.index.read_each(project.callers, reader.in_module)
    ordered = [send for _, group in sorted(found.items()) for send in sorted(group, key=lambda send: send.call.span.row)]
    return [*ordered, *project.loading(lambda: list(reader.scheduled()))]


class _Reader:
    def __init__(self, project: Project) -> None:
        self.project = project
        self.resolver = project.resolver
        self.signatures = Signatures(project.resolver, project.tasks)

    def in_module(self, module: Module) -> Iterator[Send]:
        """The sends of a module.

        Raises:
            NotLoaded: another module has to be loaded first.
        """
        for qualname in ("", *module.functions, *module.classes):
            frame = self.resolver.frame(module.file, qualname) if module.scope(qualname).calls else None
            for call in frame.scope.calls if frame is not None else ():
                assert frame is not None
                yield from self.of_call(call, frame)

    def of_call(self, call: Call, frame: Frame) -> Iterator[Send]:
        """What one call sends."""
        name = last_name(call.func)
        if name in SENDING:
            yield from self.sending(name, call, call.func, frame)
        elif name == "partial" and call.args and last_name(call.args[0]) in SENDING | {"send_task"}:
            rest = Call(call.args[0], call.args[1:], call.keywords, call.span, starred=call.starred)
            yield from self.of_call(rest, frame)
        elif name in RESHAPING and self.signatures.is_chained(call, frame):
            yield from self.reshaping(name, call, frame)
        elif name in MAKING or name in NAMED:
            yield from self.making(name, call, frame)
        elif name == "add_periodic_task":
            yield from self.periodic(call, frame)
        elif not name and self.signatures.canvas(call.func, frame) in CALLABLE_CANVAS:
            yield from self.canvas(call, frame)

    def sending(self, name: str, call: Call, func: Expr, frame: Frame) -> Iterator[Send]:
        """`task.delay()`, `signature.apply_async()`."""
        members = self.signatures.members(receiver_of(func), frame)
        given = Given() if name.startswith("delay") else given_options(self.resolver, call, frame, POSITIONAL[name])
        keywords = dict(call.keywords) if name.startswith("delay") else self.keywords(given, frame)
        for member in members or ():
            yield self.send(name, call, frame, member, given, keywords)

    def reshaping(self, name: str, call: Call, frame: Frame) -> Iterator[Send]:
        """`signature.set(queue="x")`."""
        given = given_options(self.resolver, call, frame, ())
        for member in self.signatures.members(receiver_of(call.func), frame) or ():
            yield self.send(name, call, frame, member, given, {}, sent=False)

    def making(self, name: str, call: Call, frame: Frame) -> Iterator[Send]:
        """`task.s()`, `signature("name")`, `app.send_task("name")`."""
        receiver = receiver_of(call.func)
        tasks = self.signatures.tasks(receiver, frame) if receiver is not None and name in MAKING else []
        if tasks:
            options = name in ("signature", "subtask")
            given = given_options(self.resolver, call, frame, POSITIONAL["signature"]) if options else Given()
            keywords = self.keywords(given, frame) if options else {key: value for key, value in call.keywords if key}
            for task in tasks:
                yield self.send(name, call, frame, Member(task, task.name), given, keywords, sent=False)
        elif name in NAMED and self.signatures.takes_name(call, frame):
            parameters = POSITIONAL["send_task"] if name == "send_task" else ("task", *POSITIONAL["signature"])
            given = given_options(self.resolver, call, frame, parameters)
            target = given.options.get("name" if name == "send_task" else "task")
            for member in self.signatures.named(target, frame):
                yield self.send(name, call, frame, member, given, self.keywords(given, frame), sent=name == "send_task")

    def periodic(self, call: Call, frame: Frame) -> Iterator[Send]:
        """`app.add_periodic_task(10.0, task.s(), queue="x")`."""
        given = given_options(self.resolver, call, frame, POSITIONAL["add_periodic_task"])
        for member in self.signatures.members(given.options.get("sig"), frame) or ():
            yield self.send("add_periodic_task", call, frame, member, given, self.keywords(given, frame))

    def canvas(self, call: Call, frame: Frame) -> Iterator[Send]:
        """`chain(...)()`, `group(...)()`, `chord(header)(body)`."""
        members = [*(self.signatures.members(call.func, frame) or ())]
        for argument in call.args[:1] if self.signatures.canvas(call.func, frame) == "chord" else ():
            members += self.signatures.members(argument, frame) or [Member()]
        given = given_options(self.resolver, call, frame, ("args",))
        for member in members:
            yield self.send("__call__", call, frame, member, given, {})

    def scheduled(self) -> Iterator[Send]:
        """The entries of `beat_schedule`."""
        seen: set[tuple[str, int]] = set()
        for setting in self.project.celery_settings:
            if setting.name != "beat_schedule":
                continue
            for entry in entries(self.resolver, setting.value, setting.frame, setting.row) or ():
                place = (entry.file, entry.row)
                fields = entries(self.resolver, entry.value, entry.frame, entry.row) if place not in seen else None
                seen.add(place)
                named = {text_of(self.resolver, each.key, each.frame): each for each in fields or ()}
                task, options = named.get("task"), named.get("options")
                if task is None:
                    continue
                call = Call(OPAQUE, (), (), Span(entry.row, 0, entry.row, 0))
                frame = options.frame if options is not None else entry.frame
                given = given_options(self.resolver, Call(OPAQUE, (), (("", options.value),), call.span), frame, ()) if options else Given()
                for member in self.signatures.named(task.value, task.frame):
                    yield self.send("beat", call, frame, member, given, {})

    def keywords(self, given: Given, frame: Frame) -> dict[str, Expr]:
        """What `kwargs={...}` is written out as."""
        written = given.options.get("kwargs")
        if written is None:
            return {}
        found = entries(self.resolver, written, frame, 0) or ()
        return {
            each.key.value: moved(self.resolver, each.value, each.frame, frame)
            for each in found
            if isinstance(each.key, Const) and isinstance(each.key.value, str)
        }

    def send(
        self, method: str, call: Call, frame: Frame, member: Member, given: Given, keywords: Mapping[str, Expr], *, sent: bool = True
    ) -> Send:
        """One send of one member of what is sent."""
        inherited = {key: moved(self.resolver, value, where, frame) for key, (value, where) in member.options.items()}
        return Send(
            method=method,
            call=call,
            file=frame.module.file,
            frame=frame,
            task=member.task,
            task_name=member.name,
            options={} if member.follows else {key: value for key, value in given.options.items() if key not in NO_OPTIONS},
            inherited=inherited,
            task_keywords={key: value for key, value in keywords.items() if key},
            sent=sent,
            open=member.open or (given.open and not member.follows),
        )
