"""Where do tasks go: which queue, at which priority, and who says so? Which queues does a worker consume?

Facts: celery/app/routes.py and celery/app/amqp.py of Celery 5.7; research/celery-facts.md 1 (priorities), 16 and 19.21 (queues).
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from lint_rules.deploy.model import WorkerCommand
from lint_rules.facts.model import Const, Expr, Ref, Seq
from lint_rules.project.apps import App
from lint_rules.project.celery_settings import Setting
from lint_rules.project.displays import Entry, call_of, entries, items, text_of, written
from lint_rules.project.environments import is_certain
from lint_rules.project.frames import Frame
from lint_rules.project.origins import call_behind
from lint_rules.project.sends import Send
from lint_rules.project.tasks import Task

if TYPE_CHECKING:
    from lint_rules.project.project import Project

CELERY_QUEUE = "celery"
"""The default of task_default_queue."""


class Said(Struct, frozen=True, eq=False):
    """A value, and the place in the code that gives it."""

    value: Expr | None
    frame: Frame
    row: int

    @property
    def file(self) -> str:
        """The file it stands in."""
        return self.frame.module.file


class Destination(Struct, frozen=True, eq=False):
    """Where a task goes when the call that sends it says nothing else."""

    queue: str | None
    """None where it is only known at run time."""
    source: str
    """Who says so: "config" (of our decorators), "option" (of the declaration), "route" (task_routes), "default" (task_default_queue)."""
    file: str
    row: int


class Route(Struct, frozen=True, eq=False):
    """An entry of `task_routes`."""

    pattern: str | re.Pattern[str]
    """A task name, or what matches the beginning of one."""
    options: tuple[tuple[str, Said], ...]
    file: str
    row: int
    app: App | None

    def covers(self, name: str) -> bool:
        """Whether the route is for tasks of that name."""
        return self.pattern == name if isinstance(self.pattern, str) else bool(self.pattern.match(name))

    def option(self, name: str) -> Said | None:
        """What the route gives for an option."""
        return next((said for key, said in self.options if key == name), None)


class Use(Struct, frozen=True, eq=False):
    """A queue that something is sent to."""

    queue: str | None
    """None where it is only known at run time."""
    task: Task | None
    source: str
    """As for `Destination`, or "send" (an option of the call that sends)."""
    file: str
    row: int
    send: Send | None = None


class Routing:
    """The routes of a project, and the queues of its workers."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._destinations: dict[Task, tuple[Destination, ...]] = {}
        self._consumed: dict[WorkerCommand, frozenset[str] | None] = {}
        self._tasks: dict[WorkerCommand, dict[Task, Use]] = {}
        self._broker_urls: dict[App, frozenset[str]] = {}

    # ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def settings(self, name: str, app: App | None = None) -> list[Setting]:
        """The settings of that name that count for `app` (all of them where it is not known)."""
        found = [setting for setting in self.project.celery_settings if setting.name == name]
        return [setting for setting in found if app is None or setting.app is None or setting.app is app]

    def default_queues(self, app: App | None) -> tuple[Destination, ...]:
        """What `task_default_queue` can be: Celery's own default where it is not set."""
        said = self.settings("task_default_queue", app)
        if not said:
            return (Destination(CELERY_QUEUE, "default", "", 0),)
        return tuple(Destination(self._text(each.value, each.frame), "default", each.file, each.row) for each in said)

    def declared_queues(self, app: App | None) -> frozenset[str] | None:
        """The names in `task_queues`; the empty set where it is not set, None where it cannot be read."""
        names: set[str] = set()
        for setting in self.settings("task_queues", app):
            found = self.project.loading(lambda setting=setting: self._queue_names(setting))  # type: ignore[misc]
            if found is None:
                return None
            names |= found
        return frozenset(names)

    def _queue_names(self, setting: Setting) -> set[str] | None:
        resolver = self.project.resolver
        found = items(resolver, setting.value, setting.frame, setting.row)
        if found is None:
            keyed = entries(resolver, setting.value, setting.frame, setting.row)
            found = None if keyed is None else [Entry(None, entry.key, entry.frame, entry.row) for entry in keyed if entry.key is not None]
        if not found:
            return None if found is None else set()
        names = set()
        for entry in found:
            expr, frame = written(resolver, entry.value, entry.frame)
            call = call_of(expr, frame)
            if call is not None:
                expr = call.args[0] if call.args else call.keyword("name")
            name = text_of(resolver, expr, frame)
            if name is None:
                return None
            names.add(name)
        return names

    # ── routes ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def routes(self) -> list[Route]:
        """The entries of `task_routes` that can be read, in the order in which they count."""
        return [route for route, _ in self._read_routes if route is not None]

    @cached_property
    def routes_known(self) -> bool:
        """Whether every entry of `task_routes` can be read: a router function routes as it likes."""
        return all(known for _, known in self._read_routes)

    @cached_property
    def _read_routes(self) -> list[tuple[Route | None, bool]]:
        return [
            found
            for setting in self.settings("task_routes")
            for found in self.project.loading(lambda setting=setting: list(self._routers(setting)))  # type: ignore[misc]
        ]

    def _routers(self, setting: Setting) -> Iterator[tuple[Route | None, bool]]:
        resolver = self.project.resolver
        found = entries(resolver, setting.value, setting.frame, setting.row)
        if found is not None:
            yield from self._map(found, setting.app)
            return
        routers = items(resolver, setting.value, setting.frame, setting.row)
        if routers is None:
            if not (isinstance(setting.value, Const) and setting.value.value is None):
                yield None, False
            return
        for router in routers:
            inner = entries(resolver, router.value, router.frame, router.row)
            pairs = items(resolver, router.value, router.frame, router.row) if inner is None else None
            if inner is None and pairs is not None:
                inner = [
                    Entry(pair.items[0], pair.items[1], frame, each.row)
                    for each in pairs
                    for pair, frame in [written(resolver, each.value, each.frame)]
                    if isinstance(pair, Seq) and len(pair.items) == 2
                ]
                if len(inner) != len(pairs):
                    inner = None
            if inner is None:
                yield None, False
            else:
                yield from self._map(inner, setting.app)

    def _map(self, found: Iterable[Entry], app: App | None) -> Iterator[tuple[Route | None, bool]]:
        """The routes of a dict: exact names first, then patterns in order."""
        made: list[tuple[Route | None, bool]] = []
        for entry in found:
            pattern = self._pattern(entry)
            options = self._options(entry)
            if pattern is None or options is None:
                made.append((None, False))
            else:
                made.append((Route(pattern, options, entry.file, entry.row, app), True))
        yield from (each for each in made if each[0] is not None and isinstance(each[0].pattern, str))
        yield from (each for each in made if each[0] is None or not isinstance(each[0].pattern, str))

    def _pattern(self, entry: Entry) -> str | re.Pattern[str] | None:
        resolver = self.project.resolver
        name = text_of(resolver, entry.key, entry.frame)
        try:
            if name is not None:
                return re.compile(fnmatch.translate(name)) if "*" in name else name
            expr, frame = written(resolver, entry.key, entry.frame)
            call = call_of(expr, frame)
            if call is not None and call.args and isinstance(call.func, Ref) and call.func.path.endswith("compile"):
                name = text_of(resolver, call.args[0], frame)
                return None if name is None else re.compile(name)
        except re.error:
            pass
        return None

    def _options(self, entry: Entry) -> tuple[tuple[str, Said], ...] | None:
        resolver = self.project.resolver
        queue = text_of(resolver, entry.value, entry.frame)
        if queue is not None:
            return (("queue", Said(entry.value, entry.frame, entry.row)),)
        found = entries(resolver, entry.value, entry.frame, entry.row)
        if found is None:
            return None
        options = []
        for each in found:
            name = text_of(resolver, each.key, each.frame)
            if name is None:
                return None
            options.append((name, Said(each.value, each.frame, each.row)))
        return tuple(options)

    def route_of(self, task: Task) -> Route | None:
        """The entry of `task_routes` that a task is routed by, None where there is none or routers decide."""
        app = self.app_of(task)
        for route in self.routes if self.routes_known else ():
            if (app is None or route.app is None or route.app is app) and route.covers(task.name):
                return route
        return None

    # ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def app_of(self, task: Task) -> App | None:
        """The application that a task is declared on, where that is known."""
        decorator = task.declaration.decorator
        if decorator is None:
            return self.project.apps.only
        value = task.function.decorators[decorator].value
        call = call_of(value, task.frame)
        func = call.func if call is not None else value
        owner = func.path.rpartition(".")[0] if isinstance(func, Ref) else ""
        return self.project.loading(lambda: self.project.apps.behind(Ref(owner) if owner else None, task.frame))

    def given(self, task: Task, option: str) -> Said | None:
        """What the declaration gives for `queue` or `priority`: the config of our decorators, else the option."""
        field = "task_priority" if option == "priority" else option
        said = self.configured(task, field)
        if said is not None:
            return said
        expr = task.option(option)
        return None if expr is None else Said(expr, task.frame_of(option), task.declaration.span.row)

    def configured(self, task: Task, field: str) -> Said | None:
        """What the config of one of our decorators gives for a field."""
        if task.declaration.form != "ours":
            return None
        config = task.option("config")
        found = self.project.loading(lambda: call_behind(self.project.resolver, config, task.frame_of("config")))
        if found is None:
            return None
        call, frame = found
        expr = call.keyword(field)
        return None if expr is None or (isinstance(expr, Const) and expr.value is None) else Said(expr, frame, call.span.row)

    def destinations(self, task: Task) -> tuple[Destination, ...]:
        """Where the task can go by its declaration and the settings (several where settings differ between environments)."""
        found = self._destinations.get(task)
        if found is None:
            found = self._destinations[task] = self._destined(task)
        return found

    def _destined(self, task: Task) -> tuple[Destination, ...]:
        said = self.given(task, "queue")
        if said is not None:
            source = "config" if self.configured(task, "queue") is not None else "option"
            return (Destination(self._text(said.value, said.frame), source, said.file, said.row),)
        if task.declaration.opaque or any(task.option(name) is not None for name in ("exchange", "routing_key")):
            return (Destination(None, "option", task.file, task.declaration.span.row),)
        if not self.routes_known:
            return (Destination(None, "route", task.file, task.declaration.span.row),)
        route = self.route_of(task)
        if route is not None:
            queue = route.option("queue")
            if queue is not None:
                return (Destination(self._text(queue.value, queue.frame), "route", route.file, route.row),)
            if any(route.option(name) is not None for name in ("exchange", "routing_key")):
                return (Destination(None, "route", route.file, route.row),)
        return self.default_queues(self.app_of(task))

    def _text(self, expr: Expr | None, frame: Frame) -> str | None:
        return self.project.loading(lambda: text_of(self.project.resolver, expr, frame))

    @cached_property
    def uses(self) -> list[Use]:
        """Every queue that tasks of the project go to, with who says so: declarations and routes first, then calls that name a queue."""
        found = [Use(each.queue, task, each.source, each.file, each.row) for task in self.project.tasks for each in self.destinations(task)]
        for send in self.project.sends:
            expr = send.options.get("queue")
            if expr is not None and not (isinstance(expr, Const) and expr.value is None):
                found.append(Use(self._text(expr, send.frame), send.task, "send", send.file, send.call.span.row, send))
        return found

    # ── workers ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def app_of_worker(self, worker: WorkerCommand) -> App | None:
        """The application that a worker runs, where that is known."""
        return self.project.loading(lambda: self.project.apps.named(worker.app))

    def consumed(self, worker: WorkerCommand) -> frozenset[str] | None:
        """The queues that a worker consumes; None where that is only known at run time."""
        if worker not in self._consumed:
            self._consumed[worker] = self._consumes(worker)
        return self._consumed[worker]

    def _consumes(self, worker: WorkerCommand) -> frozenset[str] | None:
        if not worker.queues_known:
            return None
        app = self.app_of_worker(worker)
        names = worker.queues
        if names is None:
            declared = self.declared_queues(app)
            if declared is None:
                return None
            names = tuple(declared)
            if not names:
                defaults = [each.queue for each in self.default_queues(app)]
                if any(queue is None for queue in defaults):
                    return None
                names = tuple(queue for queue in defaults if queue is not None)
        return frozenset(names) - {*worker.excluded_queues}

    def runs(self, worker: WorkerCommand, task: Task) -> bool:
        """Whether a task can reach a worker: they are not known to use two brokers.

        That they belong to two applications says little: Celery gives the tasks of one to all others in the process (`shared=True`).
        """
        app, other = self.app_of(task), self.app_of_worker(worker)
        if app is None or other is None or app is other:
            return True
        brokers = self._brokers(app), self._brokers(other)
        return not all(brokers) or not brokers[0].isdisjoint(brokers[1])

    def _brokers(self, app: App) -> frozenset[str]:
        found = self._broker_urls.get(app)
        if found is None:
            found = self._broker_urls[app] = frozenset(url.text for url in self.project.urls.broker_urls(app))
        return found

    @cached_property
    def redirected(self) -> frozenset[Task]:
        """Tasks that every place which sends them sends to a queue that it names itself."""
        named: dict[Task, bool] = {}
        for send in self.project.sends:
            if send.task is not None and send.sent:
                named[send.task] = named.get(send.task, True) and send.option("queue") is not None
        return frozenset(task for task, always in named.items() if always)

    def tasks_of(self, worker: WorkerCommand) -> list[Use]:
        """The tasks that go to the queues of a worker, each once; none where its queues are only known at run time."""
        return list(self._tasks_of(worker).values())

    def _tasks_of(self, worker: WorkerCommand) -> dict[Task, Use]:
        found = self._tasks.get(worker)
        if found is None:
            found = self._tasks[worker] = {}
            queues = self.consumed(worker) or frozenset()
            for use in self.uses:
                if use.task is not None and use.queue in queues and (use.source == "send" or use.task not in self.redirected):
                    if self.runs(worker, use.task):
                        found.setdefault(use.task, use)
        return found

    def consumers(self, task: Task) -> list[WorkerCommand]:
        """The workers that are known to run a task."""
        return [worker for worker in self.project.workers if task in self._tasks_of(worker)]

    def all_consumers(self, task: Task) -> list[WorkerCommand] | None:
        """Every worker that can run a task; None where some queue is only known at run time, or nobody is seen to consume one."""
        queues = {use.queue for use in self.uses if use.task is task}
        found: list[WorkerCommand] = []
        for worker in self.project.workers:
            consumed = self.consumed(worker)
            if self.runs(worker, task) and (consumed is None or not consumed.isdisjoint(queues)):
                found.append(worker)
        seen = {queue for worker in found for queue in self.consumed(worker) or ()}
        if not found or any(queue not in seen for queue in queues) or any(self.consumed(worker) is None for worker in found):
            return None
        return found

    def workers_of(self, queue: str) -> list[WorkerCommand]:
        """The workers that consume a queue, as far as that is known."""
        return [worker for worker in self.project.workers if queue in (self.consumed(worker) or ())]

    def pool_of(self, worker: WorkerCommand) -> tuple[str | None, Setting | None]:
        """The pool that a worker runs, and the setting that decides it where one does; None where it is only known at run time.

        `-P` wins over `worker_pool`, but for `-P prefork`, which Celery takes for "nothing given" (celery/bin/worker.py); `-P processes`
        and the keyword of `app.Worker(pool=...)` win as well.
        """
        asked = worker.options.get("pool")
        if not worker.known("pool"):
            return None, None
        if asked is not None and (asked.value != "prefork" or asked.source == "keyword"):
            return worker.pool, None
        app = self.app_of_worker(worker)
        found = self.settings("worker_pool", app)
        if not found:
            return "prefork", None
        pools = {self._text(setting.value, setting.frame) for setting in found}
        owned = len(self.project.apps.all) < 2 or (app is not None and all(setting.app is app for setting in found))
        if len(pools) > 1 or not owned or not all(is_certain(self.project, setting) for setting in found):
            return None, found[0]
        pool = pools.pop()
        return ("prefork" if pool == "processes" else pool), found[0]
