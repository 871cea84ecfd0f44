"""A project as rules see it: its tasks, what they do, and the answers to questions about expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from lint_rules.deploy.model import Command, Deployment, WorkerCommand
from lint_rules.facts.model import Call, Const, Expr, Function, Map, Seq
from lint_rules.findings import Place, Related
from lint_rules.knowledge.tables import Effect, Knowledge
from lint_rules.project.apps import Apps
from lint_rules.project.broker import Urls
from lint_rules.project.celery_settings import Setting, celery_settings
from lint_rules.project.drivers import Drivers
from lint_rules.project.effects import EffectReader
from lint_rules.project.frames import Frame
from lint_rules.project.graph import CallGraph, DirectEffect, Evidence, Node, Step
from lint_rules.project.modules import Module, ModuleIndex, NotLoaded
from lint_rules.project.patching import Patches
from lint_rules.project.priorities import Priorities
from lint_rules.project.requirements import celery_version, requirement_files
from lint_rules.project.resolver import Resolver
from lint_rules.project.routing import Routing
from lint_rules.project.sends import WORDS as SENDING_WORDS
from lint_rules.project.sends import Send, sends
from lint_rules.project.special_calls import SPECIAL_CALLS
from lint_rules.project.stores.index import Stores
from lint_rules.project.tasks import Task, TaskFinder
from lint_rules.project.texts import Piece, pieces
from lint_rules.project.transactions import Transactions
from lint_rules.project.values import Literal, Values
from lint_rules.project.worker_calls import WORDS as STARTING_WORDS
from lint_rules.project.worker_calls import started, worker_commands
from lint_rules.project.workload import workload
from lint_rules.settings import Settings

Answer = TypeVar("Answer")


class TaskCall(Struct, frozen=True, eq=False):
    """A library call with an effect, reached when `task` runs (the task that is nearest to it)."""

    task: Task
    node: Node
    effect: DirectEffect
    steps: tuple[Step, ...]
    """The functions between the task and the call; empty when the call stands in the task's own body."""

    @property
    def call(self) -> Call:
        """The call site."""
        return self.effect.call


class Unseen:
    """The value of what is no literal."""


UNSEEN = Unseen()


class Project:
    """All that is known of a project. Build one with `read_project`."""

    def __init__(
        self, root: Path, settings: Settings, resolver: Resolver, tasks: list[Task], graph: CallGraph, apps: Apps, configured: list[Setting]
    ) -> None:
        self.root = root
        self.directories: list[str] = [""]
        """Where the project's files were looked for, relative to the root."""
        self.inputs: list[str] = []
        """Files besides the Python modules that answers were taken from, relative to the root."""
        self.read_deployment: Callable[[], Deployment] = Deployment
        """Reads the deployment files."""
        self.settings = settings
        self.resolver = resolver
        self.knowledge: Knowledge = resolver.knowledge
        self.index: ModuleIndex = resolver.index
        self.tasks = tasks
        """Every task, by file and row."""
        self.graph = graph
        self.followed = frozenset(module.file for module in self.index.loaded())
        """The files that finding the tasks, and following what they do, needed."""
        self.apps = apps
        self.celery_settings = configured

    @cached_property
    def target_celery(self) -> tuple[int, ...] | None:
        """The lowest Celery version in use: what the configuration says, else the requirement files; None where neither does."""
        if self.settings.target_celery is not None:
            return tuple(int(part) for part in self.settings.target_celery.split(".") if part.isdigit()) or None
        return celery_version(self.root, self.requirement_files)

    @cached_property
    def requirement_files(self) -> list[str]:
        """The requirement and lock files, relative to the root."""
        self.inputs = requirement_files(self.root, self.directories)
        return self.inputs

    @cached_property
    def deployment(self) -> Deployment:
        """What the deployment files start."""
        return self.read_deployment()

    @cached_property
    def workers(self) -> list[WorkerCommand]:
        """The commands that start workers, in deployment files and in the code."""
        return [*self.deployment.workers, *worker_commands(self)]

    @cached_property
    def routing(self) -> Routing:
        """Where tasks go, and what workers consume."""
        return Routing(self)

    @cached_property
    def priorities(self) -> Priorities:
        """The priorities that the code gives."""
        return Priorities(self)

    @cached_property
    def urls(self) -> Urls:
        """The brokers and Redis servers that the code names."""
        return Urls(self)

    @cached_property
    def callers(self) -> list[str]:
        """The files that are loaded, and with them all others that may send tasks or start workers without a word of Celery."""
        loaded = {module.file for module in self.index.loaded()}
        named = self.index.naming([*SENDING_WORDS, *STARTING_WORDS], [file for file in self.index.files if file not in loaded])
        self.index.load(named)
        return sorted({*loaded, *named})

    @cached_property
    def started(self) -> list[Command]:
        """The workers, beats and Redis servers that Python code starts."""
        return started(self)

    @cached_property
    def sends(self) -> list[Send]:
        """Every place that sends a task or makes a signature of one."""
        return sends(self)

    @cached_property
    def stores(self) -> Stores:
        """The caches and Redis clients, and what is stored in them."""
        return Stores(self)

    @cached_property
    def patches(self) -> Patches:
        """What the code patches."""
        return Patches(self)

    @cached_property
    def drivers(self) -> Drivers:
        """The database drivers behind the ORMs."""
        return Drivers(self)

    @cached_property
    def packages(self) -> frozenset[str]:
        """The first names of the project's modules."""
        return frozenset(self.index.name(file).partition(".")[0] for file in self.index.files)

    @cached_property
    def taken_names(self) -> dict[str, set[str]]:
        """File -> the names that other files import from it ("*" for all)."""
        found: dict[str, set[str]] = {}
        for module in self.index.loaded():
            for qualname in ("", *module.functions):
                for item in module.scope(qualname).imports:
                    target = self.index.absolute(module.file, item.module, item.level) if item.attribute else None
                    file = self.index.find(target, module.file) if target else None
                    if file is not None and file != module.file and item.attribute:
                        found.setdefault(file, set()).add(item.attribute)
        return found

    # ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def node(self, task: Task) -> Node:
        """The task's place in the call graph."""
        return self.graph.roots[task]

    def effects(self, task: Task) -> frozenset[Effect]:
        """All that running the task does."""
        return frozenset(self.node(task).nearest)

    def workload(self, task: Task) -> str:
        """One of `workload.WORKLOADS`: what the configuration says, else what the evidence says."""
        said = self.settings.workload.get(f"{task.module}.{task.qualname}") or self.settings.workload.get(task.name)
        return said or workload(self.effects(task), *self.graph.unseen(self.node(task)))

    def declared(self, task: Task) -> str | None:
        """cpu, io or db where the configuration or one of our decorators says so."""
        said = self.settings.workload.get(f"{task.module}.{task.qualname}") or self.settings.workload.get(task.name)
        return said or task.declaration.workload

    def evidence(self, task: Task, effect: Effect) -> Evidence | None:
        """The nearest evidence that the task has an effect."""
        return self.graph.evidence(self.node(task), effect)

    def all_evidence(self, task: Task) -> list[Evidence]:
        """The nearest evidence of each effect of the task, nearest first."""
        found = [self.graph.evidence(self.node(task), effect) for effect in self.effects(task)]
        return sorted((e for e in found if e is not None), key=lambda e: (len(e.steps), e.effect))

    def task_calls(self) -> Iterator[TaskCall]:
        """Every library call with an effect that running some task reaches, once, under the task nearest to it."""
        for task, node, steps in self.reached():
            for effect in node.direct:
                yield TaskCall(task, node, effect, steps)

    def reached(self) -> Iterator[tuple[Task, Node, tuple[Step, ...]]]:
        """Every function that running some task reaches, once, with the task nearest to it and the steps that lead there."""
        first: dict[int, Task] = {id(self.node(task)): task for task in self.tasks}
        roots = [self.node(task) for task in self.tasks]
        for node, steps in self.graph.reached(roots):
            task = first[id(node)]
            for edge in node.edges:
                if not edge.kept:
                    first.setdefault(id(edge.target), task)
            yield task, node, steps

    @cached_property
    def transactions(self) -> Transactions:
        """Where database transactions are open. Its answers may need modules that are not loaded: ask through `loading`."""
        return Transactions(self.resolver, self.settings.atomic_wrappers, self.tasks)

    def loading(self, ask: Callable[[], Answer]) -> Answer:
        """The answer to a question that may need modules which nothing needed so far."""
        while True:
            try:
                return ask()
            except NotLoaded as needed:
                self.index.load([needed.file])

    # ── expressions ──────────────────────────────────────────────────────────────────────────────────────────────────

    def values(self, expr: Expr | None, frame: Frame) -> Values:
        """What an expression can stand for."""
        return self.loading(lambda: self.resolver.evaluate(expr, frame))

    def literal(self, expr: Expr | None, frame: Frame) -> object:
        """The Python value of an expression made of literals and constants, `UNSEEN` where it is anything else.

        Constants are followed by name, also into other modules.
        """
        if isinstance(expr, Const):
            return expr.value
        if isinstance(expr, Seq):
            items = [self.literal(item, frame) for item in expr.items]
            if any(item is UNSEEN for item in items):
                return UNSEEN
            return tuple(items) if expr.kind == "tuple" else items
        if isinstance(expr, Map):
            keys = [self.literal(key, frame) for key in expr.keys]
            values = [self.literal(value, frame) for value in expr.values]
            if any(each is UNSEEN for each in (*keys, *values)) or any(isinstance(key, (list, dict)) for key in keys):
                return UNSEEN
            return dict(zip(keys, values))
        found = self.values(expr, frame)
        if len(found) == 1 and isinstance(found[0], Literal):
            return found[0].value
        return UNSEEN

    def text(self, expr: Expr | None, frame: Frame) -> Piece:
        """The text that an expression gives; what is not known before run time is written `{name}`."""
        found = self.loading(lambda: pieces(self.resolver, expr, frame))
        return Piece("".join(piece.text for piece in found), all(piece.known for piece in found))

    def option(self, task: Task, name: str) -> object:
        """The Python value of a declared option, None where it is not given, `UNSEEN` where it cannot be read."""
        expr = task.option(name)
        return None if expr is None else self.literal(expr, task.frame_of(name))

    # ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def chain(self, steps: Iterable[Step]) -> str:
        """Steps in words: `fetch_logo (images.py:9) -> download (net.py:31)`."""
        return " -> ".join(f"{_plain(step.name)} ({step.file}:{step.row})" for step in steps)

    def related_steps(self, steps: Iterable[Step]) -> tuple[Related, ...]:
        """The places of the steps that lead somewhere."""
        return tuple([Related(step.file, step.row, f"calls {_plain(step.name)}") for step in steps])

    def related(self, evidence: Evidence) -> tuple[Related, ...]:
        """The places of an evidence chain."""
        return (*self.related_steps(evidence.steps), Related(evidence.file, evidence.row, f"{evidence.effect}: {evidence.path}"))

    def at_decorator(self, task: Task) -> Place:
        """Where the task is declared."""
        return Place.of(
            task.frame.module.file, task.declaration.span, task.function.header if task.declaration.decorator is not None else None
        )

    def at_function(self, file: str, function: Function) -> Place:
        """The `def` line of a function."""
        header = function.header
        end = header.column + len("async def " if function.is_async else "def ") + len(function.name)
        return Place(file, function.row, header.column, function.row, end, header.row, header.end_row)

    def at_first_step(self, task: Task, first: Call | None) -> Place:
        """The call in the task's own body that leads to an evidence; its `def` line where a decorator or a hook leads there."""
        return self.at_call(task.file, first) if first is not None else self.at_function(task.file, task.function)

    def through(self, steps: Iterable[Step]) -> str:
        """ " through fetch_logo (images.py:9) -> ..." for a message, nothing where the call stands in the task itself."""
        chain = self.chain(steps)
        return f" through {chain}" if chain else ""

    def at_call(self, file: str, call: Call) -> Place:
        """A call site."""
        return Place.of(file, call.span)

    def module(self, file: str) -> Module | None:
        """The loaded module of a file."""
        return self.index.module(file)


def _plain(qualname: str) -> str:
    """A qualified name as people write it (`#2` tells definitions of one name apart)."""
    return qualname.partition("#")[0]


def read_project(
    root: Path, settings: Settings, index: ModuleIndex, knowledge: Knowledge, first: list[str], naming: Callable[[set[str]], list[str]]
) -> Project:
    """Find the tasks in the files `first` and follow what they do; the facts of all other files are read when needed.

    A decorator of the project that turns out to register tasks makes its name a word to look for: `naming` gives the files that
    contain one of the names.
    """
    resolver = Resolver(index, knowledge, SPECIAL_CALLS)
    finder = TaskFinder(resolver, settings.task_decorators)
    tasks: list[Task] = []
    files, known = list(first), set(first)
    names: set[str] = set()
    while files:
        index.load(files)
        tasks += _tasks_in(index, finder, files)
        _learn(index, finder, known)
        new, names = finder.wrapper_names - names, set(finder.wrapper_names)
        files = [file for file in naming(new) if file not in known] if new else []
        known.update(files)
    tasks.sort(key=lambda task: (task.file, task.function.row))
    graph = EffectReader(resolver, tasks).read()
    return Project(root, settings, resolver, tasks, graph, *_settings_in(index, resolver, sorted(known)))


def _learn(index: ModuleIndex, finder: TaskFinder, files: Iterable[str]) -> None:
    """Find wrappers of wrappers, also where the inner one came to light last."""
    before = -1
    while before != len(finder.wrapper_names):
        before = len(finder.wrapper_names)
        for file in sorted(files) if before else ():
            module = index.module(file)
            while module is not None:
                try:
                    finder.learn(module)
                    break
                except NotLoaded as needed:
                    index.load([needed.file])


def _tasks_in(index: ModuleIndex, finder: TaskFinder, files: list[str]) -> list[Task]:
    def tasks(module: Module) -> list[Task]:
        finder.learn(module)
        return list(finder.tasks_in(module))

    return [task for found in index.read_each(files, tasks).values() for task in found]


def _settings_in(index: ModuleIndex, resolver: Resolver, files: list[str]) -> tuple[Apps, list[Setting]]:
    while True:
        modules = [module for file in files if (module := index.module(file)) is not None]
        try:
            apps = Apps(resolver, modules)
            return apps, celery_settings(resolver, modules, apps)
        except NotLoaded as needed:
            index.load([needed.file])
