"""What each function does besides computing: reading the calls of one function after the other, from the tasks on.

Modules are read when the graph reaches them, in other processes while the functions at hand are looked at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TypeGuard

from lint_rules.facts.model import Attr, Call, Const, Element, Expr, Function, Item, Lambda, Parameter, Ref, Result
from lint_rules.knowledge.tables import Effect
from lint_rules.project.frames import Frame
from lint_rules.project.graph import CallGraph, DirectEffect, Edge, Node
from lint_rules.project.modules import NotLoaded
from lint_rules.project.names import QUERY_METHODS, may_talk, sends
from lint_rules.project.resolver import CONTEXT_MANAGERS, Resolver
from lint_rules.project.tasks import Task
from lint_rules.project.values import (
    Bound,
    ClassValue,
    Container,
    External,
    Instance,
    Value,
    Values,
    merged,
)

WORTH_PASSING = (External, Instance, ClassValue, Container)
"""Argument values that give a parameter a type; functions are followed where they are passed instead."""

MOST_TYPES = 3
"""A parameter that gets more different types than this has no type."""

MOST_OVERRIDES = 20
"""A base class with more subclasses than this says nothing about a call."""

MOST_FILES = 60
"""Files that are read for subclasses at a time; a name in more of them is no name of a base class."""

RUNS_WHAT_IT_IS_GIVEN = frozenset(
    ["submit", "map", "starmap", "imap", "imap_unordered", "apply", "run", "spawn", "partial", "Thread", "on_commit", "to_thread"]
    + ["run_in_executor", "call_soon", "call_later", "start_soon", "create_task", "sync_to_async", "async_to_sync"]
)
"""Last names of what is likely to call a method it is handed."""

NOT_CALLED = (".connect", ".register", ".disconnect", ".errorhandler", ".add_url_rule")
"""Library calls that keep a function for later instead of running it."""


class EffectReader:
    """Grows a call graph from tasks."""

    def __init__(self, resolver: Resolver, tasks: Iterable[Task]) -> None:
        self.resolver = resolver
        self._roots = list(tasks)
        self.tasks = {(task.bound.file, task.bound.qualname): task for task in self._roots}
        self.graph = CallGraph()
        self._waiting: deque[Node] = deque()
        self._queued: set[int] = set()
        self._abstract: dict[tuple[Node, Call, ClassValue, str], None] = {}
        self._searched: set[str] = set()
        self._overridden: set[tuple[int, int, ClassValue]] = set()
        resolver.task_attribute = self._task_attribute

    # ── building ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self) -> CallGraph:
        """Grow the graph from all tasks until nothing new is reached."""
        roots = self._roots  # several tasks may run the same function
        while roots:
            missing: set[str] = set()
            later = []
            for task in roots:
                try:
                    self._root(task)
                except NotLoaded as needed:
                    missing.add(needed.file)
                    later.append(task)
            self.resolver.index.load(missing)
            roots = later
        self._follow()
        while self._add_overrides():
            self._follow()
        self.graph.measure()
        return self.graph

    def _follow(self) -> None:
        """Visit all nodes that wait, and those they lead to; files are read meanwhile."""
        blocked: dict[str, list[Node]] = {}
        missing: dict[int, set[str]] = {}
        while self._waiting or blocked:
            while self._waiting:
                node = self._waiting.popleft()
                self._queued.discard(id(node.frame))
                needed = self._visit(node)
                if needed:
                    missing[id(node)] = needed
                    for file in sorted(needed):
                        blocked.setdefault(file, []).append(node)
                        self.resolver.index.request(file)
            for file in self.resolver.index.receive() if blocked else ():
                for node in blocked.pop(file, ()):
                    missing[id(node)].discard(file)
                    if not missing[id(node)]:
                        self._enqueue(node)

    def _add_overrides(self) -> bool:
        """Lead calls of methods that do nothing themselves on to the subclasses that define them; whether there were any."""
        self._load_subclasses({receiver.qualname.rpartition(".")[2] for _, _, receiver, _ in self._abstract})
        subclasses: dict[str, list[ClassValue]] = {}
        for module in self.resolver.index.loaded():
            for class_ in module.facts.classes:
                for base in class_.bases:
                    name = base.path.rpartition(".")[2] if isinstance(base, (Ref, Attr)) else ""
                    subclasses.setdefault(name, []).append(ClassValue(module.file, class_.qualname))
        found = False
        for node, call, receiver, name in list(self._abstract):
            pending, seen = [receiver], {receiver}
            while pending and len(seen) <= MOST_OVERRIDES:
                parent = pending.pop()
                for cls in subclasses.get(parent.qualname.rpartition(".")[2], ()):
                    if cls in seen or not self._is_subclass(cls, receiver):
                        continue
                    seen.add(cls)
                    pending.append(cls)
                    key = (id(node), id(call), cls)
                    if key not in self._overridden:
                        self._overridden.add(key)
                        node.overrides.append((call, cls, name))
                        self._enqueue(node)
                        found = True
            if len(seen) == 1 and call not in node.unseen_messages:
                node.unseen_messages.append(call)  # defined somewhere, and not in this project
        return found

    def _load_subclasses(self, names: set[str]) -> None:
        """Read the files that may define subclasses of classes of these names."""
        new = {name.partition("#")[0] for name in names} - self._searched
        if new:
            self._searched |= new
            files = self.resolver.index.naming([text for name in new for text in (f"({name}", f", {name}", f".{name})", f".{name},")])
            self.resolver.index.load(files[:MOST_FILES])

    def _is_subclass(self, cls: ClassValue, base: ClassValue) -> bool:
        while True:
            try:
                return base in self.resolver.lineage(cls)[0]
            except NotLoaded as needed:
                self.resolver.index.load([needed.file])

    def _root(self, task: Task) -> None:
        frame = self.resolver.frame_of(task.bound)
        if frame is None:
            return
        positional = task.function.positional
        if task.flag("bind") and positional:
            frame.arguments[positional[0].name] = (Instance(task.base) if task.base else External("celery.Task()"),)
            frame.memo.clear()
        frame.called_unseen = True
        self.graph.roots[task] = self.node(frame)

    def node(self, frame: Frame) -> Node:
        """The node of a frame, to be visited if it is new."""
        found = self.graph.nodes.get(id(frame))
        if found is None:
            found = self.graph.nodes[id(frame)] = Node(frame)
            self._enqueue(found)
        return found

    def _enqueue(self, node: Node) -> None:
        if id(node.frame) not in self._queued:
            self._queued.add(id(node.frame))
            self._waiting.append(node)

    def _task_attribute(self, bound: Bound, name: str) -> Values:
        task = self.tasks.get((bound.file, bound.qualname))
        if task is None:
            return ()
        if name == "run":
            return (bound,)
        if task.base is not None:
            found = self.resolver.attribute((Instance(task.base),), name)
            if any(isinstance(value, Bound) for value in found):
                return found
        return (External(f"celery.Task().{name}"),)

    def _visit(self, node: Node) -> set[str]:
        """Collect what one function does; the files that have to be loaded before that is possible."""
        node.direct, node.edges = [], []
        node.unseen_callables, node.unseen_messages = [], []
        seen: set[tuple[int, int]] = set()
        needed: set[str] = set()
        for call in node.frame.scope.calls:
            if not _makes_exception(call) and not self._is_dead(call, node.frame):
                try:
                    self._call(node, call, seen)
                except NotLoaded as error:  # the other calls may need more: all of it is read at the same time
                    needed.add(error.file)
        try:
            self._around_calls(node, seen)
        except NotLoaded as error:
            needed.add(error.file)
        return needed

    def _call(self, node: Node, call: Call, seen: set[tuple[int, int]]) -> None:
        """Collect what one call does."""
        values = self.resolver.evaluate(call.func, node.frame)
        if not values:
            self._unknown(node, call)
        after_commit = False
        for value in values:
            after_commit = self._reach(node, value, call, seen) or after_commit
        self._callbacks(node, values, call, seen, after_commit)

    def _around_calls(self, node: Node, seen: set[tuple[int, int]]) -> None:
        """Collect what runs without being called: properties, context managers, overrides, decorators, hooks of the task's class."""
        resolver, frame = self.resolver, node.frame
        for binding in frame.scope.bindings:
            if isinstance(binding.value, (Ref, Element)):
                resolver.evaluate(binding.value, frame)  # it may read a property
        for bound in list(frame.properties):
            self._edge(node, bound, None, _reading(bound, frame), seen)
        for entered in frame.scope.withs:
            for value in resolver.evaluate(entered, frame):
                if isinstance(value, Instance):
                    for method in ("__enter__", "__aenter__", "__exit__", "__aexit__"):
                        for bound in resolver.methods(value, method):
                            self._edge(node, bound, None, None, seen)
        for call, cls, name in node.overrides:
            for bound in resolver.methods(Instance(cls), name):
                self._edge(node, bound, call, call, seen)
        self._decorators(node, seen)
        self._task_hooks(node, seen)

    def _reach(self, node: Node, value: Value, call: Call, seen: set[tuple[int, int]]) -> bool:
        """Follow one callee; whether it runs what it is given only after the transaction."""
        resolver = self.resolver
        if isinstance(value, Bound):
            self._edge(node, value, call, call, seen)
            function = resolver.function(value)
            if function is not None and isinstance(value.receiver, Instance) and self._is_abstract(value, function):
                self._abstract[(node, call, value.receiver.cls, function.name)] = None
        elif isinstance(value, External):
            if value.path == "django.core.management.call_command":
                self._management_command(node, call, seen)
            row = resolver.knowledge.call(value.path)
            if row is None:
                self._unnamed(node, call, value)
            if row is not None and (call.in_loop or not row.in_loop):
                node.direct.append(DirectEffect(row.effect, call, value.path, row))
                return row.effect is Effect.AFTER_COMMIT
        elif isinstance(value, ClassValue):
            instance = Instance(value)
            for method in ("__init__", "__post_init__", "__new__"):
                for bound in resolver.methods(instance, method):
                    self._edge(node, Bound(bound.file, bound.qualname, instance), call, call, seen)
            for library in resolver.lineage(value)[1]:
                row = resolver.knowledge.call(library)
                if row is not None:
                    node.direct.append(DirectEffect(row.effect, call, library, row))
        elif isinstance(value, Instance):
            for bound in resolver.methods(value, "__call__"):
                self._edge(node, bound, call, call, seen)
        return False

    def _is_abstract(self, bound: Bound, function: Function) -> bool:
        return function.is_stub or "abc.abstractmethod" in self.resolver.decorator_paths(bound.file, function)

    def _edge(
        self,
        node: Node,
        bound: Bound,
        passed: Call | None,
        at: Call | None,
        seen: set[tuple[int, int]],
        *,
        after_commit: bool = False,
        callback: bool = False,
        kept: bool = False,
    ) -> None:
        frame = self.resolver.frame_of(bound)
        if frame is None or frame.function is None:
            return
        target = self.node(frame)
        if passed is not None:
            self._pass_arguments(node, target, passed, bound)
        elif not frame.called_unseen:
            frame.called_unseen = True
            self._enqueue(target)
        key = (id(frame), id(at))
        if key not in seen:
            seen.add(key)
            node.edges.append(Edge(at, target, after_commit, callback, kept))

    def _pass_arguments(self, node: Node, target: Node, call: Call, bound: Bound) -> None:
        """Let the callee's parameters know the types they are given."""
        function = target.frame.function
        assert function is not None
        parameters = list(function.positional)
        if (parameters and function.owner and bound.receiver is not None) or (
            parameters and (task := self.tasks.get((bound.file, bound.qualname))) is not None and task.flag("bind")
        ):
            parameters = parameters[1:]
        pairs: list[tuple[Parameter, Expr]] = []
        if not call.starred:
            pairs += zip(parameters, call.args)
        named = {parameter.name: parameter for parameter in function.parameters}
        pairs += [(named[key], value) for key, value in call.keywords if key in named]
        changed = self._pass_truths(target.frame, pairs, call)
        followed = target.frame.module.followed(function.qualname)
        for parameter, expr in pairs:
            if parameter.name not in followed or isinstance(expr, Const):
                continue
            if _says_something(parameter.annotation) and self.resolver.annotated(parameter.annotation, target.frame):
                continue
            given = tuple(
                value for value in self.resolver.evaluate(expr, node.frame) if isinstance(value, WORTH_PASSING) and not _is_data(value)
            )
            if not given:
                continue
            before = target.frame.arguments.get(parameter.name)
            if before is None:
                joined: Values = given[:MOST_TYPES]
            elif not before or all(value in before for value in given):
                continue
            else:
                joined = merged([before, given], 99)
                if len(joined) > MOST_TYPES:
                    joined = ()
            target.frame.arguments[parameter.name] = joined
            changed = True
        if changed:
            target.frame.memo.clear()
            self._enqueue(target)

    def _pass_truths(self, frame: Frame, pairs: list[tuple[Parameter, Expr]], call: Call) -> bool:
        """Note which flags a caller sets; whether that is news."""
        tested = {guard.name for guard in frame.scope.guards if guard.name}
        if not tested or frame.function is None:
            return False
        given = {parameter.name: expr for parameter, expr in pairs}
        news = False
        for parameter in frame.function.parameters:
            if parameter.name not in tested:
                continue
            value = given.get(parameter.name, parameter.default)
            hidden = parameter.name not in given and (call.starred or call.opaque_keywords)
            truth = bool(value.value) if isinstance(value, Const) and not hidden else None
            known = frame.truths.setdefault(parameter.name, set())
            news = news or truth not in known
            known.add(truth)
        return news

    def _is_dead(self, call: Call, frame: Frame) -> bool:
        """Whether a call stands under a flag that no caller sets that way."""
        if not call.guards or frame.called_unseen or not frame.truths:
            return False
        assigned = frame.module.bindings(frame.qualname)
        for place in call.guards:
            guard = frame.scope.guards[place]
            if guard.name and guard.name not in assigned and frame.truths.get(guard.name) == {not guard.outcome}:
                return True
        return False

    def _callbacks(self, node: Node, callees: Values, call: Call, seen: set[tuple[int, int]], after_commit: bool) -> None:
        """Functions passed by name: whoever gets them is taken to call them."""
        for callee in callees:
            if isinstance(callee, External) and (callee.path.endswith(NOT_CALLED) or callee.path.startswith("celery.")):
                return
        kept = any(isinstance(callee, ClassValue) for callee in callees)
        for argument in (*call.args, *(value for _, value in call.keywords)):
            if not self._may_be_function(argument, call, node.frame):
                continue
            for value in self.resolver.evaluate(argument, node.frame):
                if isinstance(value, Bound) and (value.file, value.qualname) not in self.tasks:
                    function = self.resolver.function(value)
                    if function is not None:
                        self._edge(node, value, None, call, seen, after_commit=after_commit, callback=True, kept=kept)

    def _may_be_function(self, argument: Expr, call: Call, frame: Frame) -> bool:
        """A cheap look before evaluating: whether the argument is likely to be a function rather than data."""
        if isinstance(argument, Lambda):
            return True
        if isinstance(argument, Result):  # partial(f), async_to_sync(f)
            inner = frame.scope.calls[argument.index].func
            return isinstance(inner, (Ref, Attr)) and inner.path.rpartition(".")[2] in ("partial", "sync_to_async", "async_to_sync")
        if not isinstance(argument, Ref) or argument.path.rpartition(".")[2][:1].isupper():  # a class or a constant
            return False
        head, _, rest = argument.path.partition(".")
        bound = frame.module.bindings(frame.qualname).get(head, ())
        given = frame.function is not None and any(parameter.name == head for parameter in frame.function.parameters)
        if not bound and (not given or (rest and frame.function is not None and head == frame.function.parameters[0].name)):
            return True
        if not rest and any(isinstance(frame.scope.bindings[place].value, (Ref, Lambda)) for place in bound):
            return True
        return isinstance(call.func, (Ref, Attr)) and call.func.path.rpartition(".")[2] in RUNS_WHAT_IT_IS_GIVEN

    def _unknown(self, node: Node, call: Call) -> None:
        """A call of something unknown: some method names say enough by themselves."""
        if isinstance(call.func, Item):
            node.unseen_callables.append(call)  # an entry of a registry
            return
        path = call.func.path if isinstance(call.func, (Ref, Attr)) else ""
        head, _, name = path.rpartition(".")
        if name in ("delay", "apply_async") and (head or isinstance(call.func, Attr)):
            node.direct.append(DirectEffect(Effect.DISPATCH, call, path, None))
            return
        if head or isinstance(call.func, Attr):
            effect = self.resolver.knowledge.strong.get(name)
            if effect is not None:
                node.direct.append(DirectEffect(effect, call, path, None))
                return
            if ".objects." in f".{head}.":
                node.direct.append(DirectEffect(Effect.DB, call, path, None))
            elif name in ("save", "delete") and call.keyword("save") is not None:  # a file field's: only they know the keyword
                node.direct.append(DirectEffect(Effect.NETWORK, call, f"django.db.models.FileField().{name}", None))
            elif name in QUERY_METHODS and self._about_table(call, node.frame):
                node.direct.append(DirectEffect(Effect.DB, call, path, None))
            elif may_talk(path):
                node.unseen_messages.append(call)
        elif name and not self._is_given(node.frame, name):
            node.unseen_callables.append(call)

    def _unnamed(self, node: Node, call: Call, value: External) -> None:
        """A library call that no row names."""
        path = value.path
        name = path.rpartition(".")[2]
        if path.startswith("builtins.") and path.endswith("()"):  # what a dict or a list held
            node.unseen_callables.append(call)
        elif ".objects." in path or "._default_manager." in path or (name in QUERY_METHODS and self._about_table(call, node.frame)):
            node.direct.append(DirectEffect(Effect.DB, call, path, None))
        elif not self.resolver.knowledge.knows_library(path):
            if sends(path):
                node.direct.append(DirectEffect(Effect.LIKELY_NETWORK, call, path, None))
            elif may_talk(path):
                node.unseen_messages.append(call)

    def _about_table(self, call: Call, frame: Frame) -> bool:
        """Whether the first argument is a model class or an SQL statement: `anything.query(Order)`, `anything.execute(select(Order))`."""
        for value in self.resolver.evaluate(call.args[0], frame) if call.args else ():
            if isinstance(value, External) and value.path.startswith("sqlalchemy.") and value.path.count("()"):
                return True
            if isinstance(value, ClassValue):
                bases = self.resolver.lineage(value)[1]
                if any(path.startswith(("sqlalchemy.", "flask_sqlalchemy.")) for path in bases):
                    return True
        return False

    def _is_given(self, frame: Frame | None, name: str) -> bool:
        """Whether a name is a parameter of the function or of one around it: whoever passes a function has the edge to it."""
        while frame is not None:
            if frame.function is not None and any(parameter.name == name for parameter in frame.function.parameters):
                return True
            frame = frame.parent
        return False

    def _management_command(self, node: Node, call: Call, seen: set[tuple[int, int]]) -> None:
        """`call_command("name")` runs `Command.handle` of `management/commands/name.py`."""
        name = call.args[0].value if call.args and isinstance(call.args[0], Const) else None
        if not isinstance(name, str):
            return
        for file in self.resolver.index.files:
            if file.endswith(f"management/commands/{name}.py"):
                for value in self.resolver.member(file, "Command"):
                    if isinstance(value, ClassValue):
                        for bound in self.resolver.methods(Instance(value), "handle"):
                            self._edge(node, bound, None, call, seen)

    def _decorators(self, node: Node, seen: set[tuple[int, int]]) -> None:
        """What the decorators of a function run around it."""
        function, resolver = node.frame.function, self.resolver
        if function is None or not function.decorators:
            return
        outer = resolver.frame(node.file, function.parent)
        if outer is None:
            return
        for decorator in function.decorators:
            expr = decorator.value
            for value in resolver.evaluate(expr, outer):
                if isinstance(value, Bound) and (value.file, value.qualname) != (node.file, node.name):
                    for wrapper in resolver.returned(value):
                        if isinstance(wrapper, Bound) and wrapper.qualname.startswith(value.qualname):
                            self._edge(node, wrapper, None, None, seen)
                elif isinstance(value, Instance):
                    for method in resolver.methods(value, "__call__"):
                        self._edge(node, method, None, None, seen)
            if isinstance(expr, Result):  # a context manager used as a decorator
                for value in resolver.evaluate(outer.scope.calls[expr.index].func, outer):
                    inner = resolver.function(value) if isinstance(value, Bound) else None
                    if inner is not None and isinstance(value, Bound):
                        if not resolver.decorator_paths(value.file, inner).isdisjoint(CONTEXT_MANAGERS):
                            self._edge(node, value, None, None, seen)

    def _task_hooks(self, node: Node, seen: set[tuple[int, int]]) -> None:
        """What the task's own class runs around the body, in the worker."""
        task = self.tasks.get((node.file, node.name))
        if task is None or task.base is None:
            return
        for hook in ("__call__", "before_start"):
            for bound in self.resolver.methods(Instance(task.base), hook):
                self._edge(node, bound, None, None, seen)


def _says_something(annotation: Expr | None) -> TypeGuard[Expr]:
    """Whether an annotation is worth more than what callers pass: any but a missing one, None, Any and object."""
    if annotation is None or isinstance(annotation, Const):
        return False
    return not (isinstance(annotation, Ref) and annotation.path.rpartition(".")[2] in ("Any", "object", "T"))


def _reading(bound: Bound, frame: Frame) -> Call | None:
    """The first call of the function that goes through a property by name, None where none does."""
    name = bound.qualname.rpartition(".")[2].partition("#")[0]
    for call in frame.scope.calls:
        if isinstance(call.func, (Ref, Attr)) and name in call.func.path.split("."):
            return call
    return None


def _makes_exception(call: Call) -> bool:
    """`ValueError(...)`: by its name an exception, which does nothing."""
    name = call.func.path.rpartition(".")[2] if isinstance(call.func, (Ref, Attr)) else ""
    return name.endswith(("Error", "Exception")) and name[:1].isupper()


def _is_data(value: Value) -> bool:
    if isinstance(value, Container):
        return not any(isinstance(item, Instance) for item in value.items)
    return isinstance(value, External) and value.path.startswith("builtins.")
