"""Which priorities does the project give its tasks, where, and what does the broker make of them?

Facts: research/celery-facts.md 1. On Redis 0 is the highest, and what has no priority counts as 0; on RabbitMQ the greatest is the highest,
what has none counts as 0, and nothing counts at all in a queue without `x-max-priority`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from lint_rules.facts.model import Const, Expr, OneOf, Ref
from lint_rules.findings import Place
from lint_rules.project.apps import App
from lint_rules.project.displays import call_of, entries, items, text_of, written
from lint_rules.project.enumerations import member_value
from lint_rules.project.frames import Frame
from lint_rules.project.tasks import Task, rendered
from lint_rules.project.values import External

if TYPE_CHECKING:
    from lint_rules.project.project import Project

STEPS = (0, 3, 6, 9)
"""kombu's default `priority_steps` on Redis."""


MOST = 1000
"""Where a range is too long to be one of priorities."""


class Priority(Struct, frozen=True, eq=False):
    """A priority that the code gives, literally or through constants."""

    value: object
    written: str
    """The expression: `9`, `Priority.HIGH`."""
    source: str
    """ "option" (of a declaration), "config" (of our decorators), "route", "send", "beat" or "default" (task_default_priority)."""
    place: Place
    what: str
    """What gets it, for messages: `task 'shop.tasks.pay'`."""
    task: Task | None = None
    names: tuple[str, ...] = ()
    """What the task and its queue are called."""
    app: App | None = None

    @property
    def number(self) -> int | None:
        """The value where it is one of the ten priorities."""
        value = self.value
        return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 9 else None


class Priorities:
    """The priorities of a project."""

    def __init__(self, project: Project) -> None:
        self.project = project

    @cached_property
    def all(self) -> list[Priority]:
        """Every priority that can be read: declarations first, then routes, sends and the beat schedule, then the default."""
        found = [*self._declared(), *self._routed(), *self._sent(), *self.defaults]
        order = ("option", "config", "route", "send", "beat", "default")
        return sorted(found, key=lambda each: (order.index(each.source), each.place.file, each.place.row, each.place.column))

    @cached_property
    def explicit(self) -> list[Priority]:
        """Those that a task or a single call has, without the default."""
        return [each for each in self.all if each.source != "default"]

    @cached_property
    def defaults(self) -> list[Priority]:
        """The values of `task_default_priority`."""
        found = []
        for setting in self.project.routing.settings("task_default_priority"):
            place = Place.row_of(setting.file, setting.row)
            for value, text in self._read(setting.value, setting.frame):
                found.append(Priority(value, text, "default", place, setting.written or setting.name, app=setting.app))
        return found

    def has_default(self, app: App | None) -> bool:
        """Whether unprioritised tasks of an application have a priority of their own (also one that cannot be read)."""
        return any(
            not (isinstance(setting.value, Const) and setting.value.value is None)
            for setting in self.project.routing.settings("task_default_priority", app)
        )

    def steps(self, app: App | None) -> tuple[int, ...] | None:
        """The levels that Redis keeps apart; None where they cannot be read."""
        found: tuple[int, ...] = STEPS
        for setting in self.project.routing.settings("broker_transport_options", app):
            options = self.project.loading(
                lambda setting=setting: entries(self.project.resolver, setting.value, setting.frame, setting.row)  # type: ignore[misc]
            )
            for entry in options if options is not None else ():
                if entry.key == Const("priority_steps"):
                    read = numbers(self.project, entry.value, entry.frame)
                    if read is None:
                        return None
                    found = read
            if options is None:
                return None
        return found

    @cached_property
    def counted_on_rabbitmq(self) -> bool:
        """Whether anything gives queues a greatest priority, or may do so: without one RabbitMQ ignores priorities.

        Quorum queues of RabbitMQ 4 know two levels without it.
        """
        return bool(self.project.index.naming(["max_priority", "max-priority", "quorum"]))

    # ── where they stand ─────────────────────────────────────────────────────────────────────────────────────────────

    def _declared(self) -> Iterator[Priority]:
        project = self.project
        for task in project.tasks:
            said = project.routing.given(task, "priority")
            if said is None:
                continue
            source = "config" if project.routing.configured(task, "task_priority") is not None else "option"
            place = project.at_decorator(task) if source == "option" else Place.row_of(said.file, said.row)
            for value, text in self._read(said.value, said.frame):
                what = f"task {task.function.name!r}"
                yield Priority(value, text, source, place, what, task, self._names(task), project.routing.app_of(task))

    def _routed(self) -> Iterator[Priority]:
        for route in self.project.routing.routes:
            said = route.option("priority")
            if said is None:
                continue
            queue = route.option("queue")
            name = route.pattern if isinstance(route.pattern, str) else route.pattern.pattern
            names = (name, self._text(queue.value, queue.frame) or "" if queue is not None else "")
            for value, text in self._read(said.value, said.frame):
                what = f"the route of {name!r}" if isinstance(route.pattern, str) else "a route"
                yield Priority(value, text, "route", Place.row_of(said.file, said.row), what, names=names, app=route.app)

    def _sent(self) -> Iterator[Priority]:
        for send in self.project.sends:
            expr = send.options.get("priority")
            if expr is None:
                continue
            queue = self._text(send.option("queue"), send.frame) or ""
            names = (*self._names(send.task), queue) if send.task is not None else ((send.task_name or "").rpartition(".")[2], queue)
            called = send.task.function.name if send.task is not None else send.task_name
            what = f"{called!r}" if called else "a task"
            beat = send.method == "beat"
            place = Place.row_of(send.file, send.row) if beat else self.project.at_call(send.file, send.call)
            app = self.project.routing.app_of(send.task) if send.task is not None else self.project.apps.only
            for value, text in self._read(expr, send.frame):
                yield Priority(value, text, "beat" if beat else "send", place, what, send.task, names, app)

    def _names(self, task: Task) -> tuple[str, ...]:
        queues = [each.queue for each in self.project.routing.destinations(task) if each.queue is not None and each.source != "default"]
        return (task.function.name, *queues)

    def _text(self, expr: Expr | None, frame: Frame) -> str | None:
        return self.project.loading(lambda: text_of(self.project.resolver, expr, frame)) if expr is not None else None

    def _read(self, expr: Expr | None, frame: Frame) -> Iterator[tuple[object, str]]:
        """The values that are known of an expression, with the text that gives each. What callers pass is not known."""
        parameters = {parameter.name for parameter in frame.function.parameters} if frame.function is not None else set()
        for option in expr.options if isinstance(expr, OneOf) else (expr,):
            passed = isinstance(option, Ref) and option.path.partition(".")[0] in parameters
            member = self.project.loading(lambda option=option: member_value(self.project.resolver, option, frame))  # type: ignore[misc]
            value = None if passed else member.value if member is not None else self.project.literal(option, frame)
            if isinstance(value, (int, float, str)):
                yield value, rendered(option, frame.scope.calls)


def numbers(project: Project, expr: Expr | None, frame: Frame) -> tuple[int, ...] | None:
    """A list of whole numbers: written out, or `range(...)` with or without `list()`; None where it cannot be read."""
    return project.loading(lambda: _numbers(project, expr, frame))


def _numbers(project: Project, expr: Expr | None, frame: Frame) -> tuple[int, ...] | None:
    resolver = project.resolver
    expr, frame = written(resolver, expr, frame)
    call = call_of(expr, frame)
    if call is not None and len(call.args) >= 1 and not call.keywords and not call.starred:
        called = resolver.evaluate(call.func, frame)
        if called and called[0] in (External("builtins.list"), External("builtins.tuple"), External("builtins.sorted")):
            return _numbers(project, call.args[0], frame)
        bounds = [bound for argument in call.args if isinstance(bound := project.literal(argument, frame), int) and abs(bound) < MOST]
        if called != (External("builtins.range"),) or len(bounds) != len(call.args):
            return None
        try:
            return tuple(range(*bounds))
        except (TypeError, ValueError):
            return None
    listed = items(resolver, expr, frame, 0)
    values = [project.literal(item.value, item.frame) for item in listed] if listed is not None else None
    if values is None or not all(isinstance(value, int) for value in values):
        return None
    return tuple(value for value in values if isinstance(value, int))
