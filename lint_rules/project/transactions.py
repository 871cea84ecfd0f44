"""Where a database transaction is open: the `with` items and decorators that open one, whether a library's or the project's own.

A project opens transactions of its own in a generator under `@contextmanager` that yields inside one, a decorator whose wrapper calls the
function inside one, a class that inherits from `Atomic` or whose `__enter__` enters one, and in what `atomic-wrappers` names.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from lint_rules.facts.model import Attr, Call, Const, Expr, Function, Item, Ref, Result
from lint_rules.project.frames import Frame
from lint_rules.project.graph import Node
from lint_rules.project.resolver import CONTEXT_MANAGERS, Resolver
from lint_rules.project.tasks import Task
from lint_rules.project.values import Bound, ClassValue, External, Instance, Value

DEEPEST = 4
"""Wrappers of wrappers that are followed."""

READ_ONLY = ("replica", "readonly", "read_only", "reader")
"""What the name of a database that nobody writes to speaks of (research/survey.md, T4)."""


class Transactions:
    """Answers whether a transaction is open, remembering what it found."""

    def __init__(self, resolver: Resolver, wrappers: Iterable[str], tasks: Iterable[Task]) -> None:
        self._resolver = resolver
        self._registered = {(task.bound.file, task.bound.qualname): task.declaration.decorator for task in tasks}
        """Task function -> the place of the decorator that registers it: the worker does not run those above."""
        self._globs = tuple(wrappers)
        self._items: dict[tuple[int, int], bool] = {}
        self._functions: dict[int, bool] = {}

    def around(self, node: Node) -> bool:
        """Whether a decorator keeps a transaction open for as long as the function runs."""
        found = self._functions.get(id(node.frame))
        if found is None:
            function = node.frame.function
            found = self._functions[id(node.frame)] = function is not None and self._decorated(node.file, function, 0)
        return found

    def open_at(self, call: Call, frame: Frame) -> bool:
        """Whether the call stands under a `with` item that keeps a transaction open."""
        return any(self._item(place, frame) for place in call.withs)

    def hands_on(self, node: Node) -> bool:
        """Whether a decorator of the project does not call the function but hands it on: to after the commit, to a queue, to a thread."""
        function = node.frame.function
        outer = self._resolver.frame(node.file, function.parent) if function is not None and function.decorators else None
        if function is None or outer is None:
            return False
        decorators = [value for decorator in function.decorators for value in self._resolver.evaluate(decorator.value, outer)]
        return any(isinstance(value, Bound) and self._only_hands_on(value) for value in decorators)

    def _only_hands_on(self, decorator: Bound) -> bool:
        function = self._resolver.function(decorator)
        names = {parameter.name for parameter in function.positional} if function is not None else set()
        handed = False
        for wrapper in self._resolver.returned(decorator):
            module = self._resolver.module(wrapper.file) if isinstance(wrapper, Bound) else None
            if module is None or not isinstance(wrapper, Bound) or not wrapper.qualname.startswith(decorator.qualname + "."):
                continue
            for inner in module.facts.functions:
                if inner.qualname == wrapper.qualname and any(_is_name(call.func, names) for call in inner.body.calls):
                    return False
                if f"{inner.qualname}.".startswith(f"{wrapper.qualname}."):  # with the lambdas and functions in it
                    handed = handed or any(_uses(call, names) for call in inner.body.calls)
        return handed

    def _item(self, place: int, frame: Frame, depth: int = 0) -> bool:
        key = (id(frame), place)
        found = self._items.get(key)
        if found is None:
            found = self._items[key] = self._opens(frame.scope.withs[place], frame, depth)
        return found

    def _opens(self, expr: Expr, frame: Frame, depth: int) -> bool:
        """Whether `with expr` or `@expr` opens a transaction that writes."""
        if depth > DEEPEST:
            return False
        values = self._resolver.evaluate(expr, frame)
        if isinstance(expr, Result):
            call = frame.scope.calls[expr.index]
            if _reads_only(call):
                return False
            values = (*values, *self._resolver.evaluate(call.func, frame))
        return any(self._gives(value, depth + 1) for value in values)

    def _gives(self, value: Value, depth: int) -> bool:
        path = self._path(value)
        if path and any(fnmatch.fnmatchcase(path, glob) for glob in self._globs):
            return True
        if isinstance(value, External):
            return self._resolver.knowledge.opens_transaction(value.path.removesuffix("()"))
        if isinstance(value, Instance):
            return self._entered(value, depth)
        if isinstance(value, Bound):
            function = self._resolver.function(value)
            return function is not None and (self._yields_inside(value, function, depth) or self._wraps_inside(value, function, depth))
        return False

    def _path(self, value: Value) -> str:
        if isinstance(value, External):
            return value.path.removesuffix("()")
        value = value.cls if isinstance(value, Instance) else value
        return f"{self._resolver.index.name(value.file)}.{value.qualname}" if isinstance(value, (Bound, ClassValue)) else ""

    def _yields_inside(self, bound: Bound, function: Function, depth: int) -> bool:
        """A context manager written as a generator."""
        frame = self._resolver.frame_of(bound)
        if frame is None or self._resolver.decorator_paths(bound.file, function).isdisjoint(CONTEXT_MANAGERS):
            return False
        places = {place for items in function.body.yields_under for place in items}
        return any(self._item(place, frame, depth) for place in places) or self._decorated(bound.file, function, depth)

    def _wraps_inside(self, bound: Bound, function: Function, depth: int) -> bool:
        """A decorator: what it returns opens a transaction, or calls the decorated function inside one."""
        names = {Ref(parameter.name) for parameter in function.positional}
        for wrapper in self._resolver.returned(bound):
            if isinstance(wrapper, External) and self._gives(wrapper, depth):
                return True
            if not isinstance(wrapper, Bound) or not wrapper.qualname.startswith(bound.qualname + "."):
                continue
            inner, frame = self._resolver.function(wrapper), self._resolver.frame_of(wrapper)
            if inner is None or frame is None:
                continue
            if any(call.func in names and any(self._item(place, frame, depth) for place in call.withs) for call in inner.body.calls):
                return True
            if self._decorated(wrapper.file, inner, depth) and any(call.func in names for call in inner.body.calls):
                return True
        return False

    def _entered(self, instance: Instance, depth: int) -> bool:
        """An instance of a class that is one kind of `Atomic`, or that enters a transaction in its `__enter__`."""
        if any(self._resolver.knowledge.opens_transaction(path) for path in self._resolver.lineage(instance.cls)[1]):
            return True
        for method in self._resolver.attribute((instance,), "__enter__"):
            frame = self._resolver.frame_of(method) if isinstance(method, Bound) else None
            for call in frame.scope.calls if frame is not None else ():
                assert frame is not None
                entered = _enters(call)
                if entered is not None and self._opens(entered, frame, depth):
                    return True
        return False

    def _decorated(self, file: str, function: Function, depth: int) -> bool:
        frame = self._resolver.frame(file, function.parent)
        registered = self._registered.get((file, function.qualname))
        run = function.decorators if registered is None else function.decorators[registered + 1 :]
        return frame is not None and any(self._opens(decorator.value, frame, depth) for decorator in run)


def _reads_only(call: Call) -> bool:
    """`atomic(using=REPLICA)`: a snapshot to read from, holding no locks."""
    database = call.keyword("using") or (call.args[0] if call.args else None)
    while isinstance(database, Item):
        database = database.key
    text = database.path if isinstance(database, (Ref, Attr)) else str(database.value) if isinstance(database, Const) else ""
    return any(word in text.lower() for word in READ_ONLY)


def _is_name(expr: Expr, names: set[str]) -> bool:
    return isinstance(expr, Ref) and expr.path in names


def _uses(call: Call, names: set[str]) -> bool:
    """Whether a call is of one of the names, of an attribute of it (`task.delay`), or gets it as an argument."""
    head = call.func.path.partition(".")[0] if isinstance(call.func, Ref) else ""
    return head in names or any(_is_name(each, names) for each in (*call.args, *(value for _, value in call.keywords)))


def _enters(call: Call) -> Expr | None:
    """What `x.__enter__()` and `stack.enter_context(x)` enter."""
    if isinstance(call.func, (Ref, Attr)):
        owner, _, name = call.func.path.rpartition(".")
        if name == "enter_context" and call.args:
            return call.args[0]
        if name == "__enter__":
            return Ref(owner) if isinstance(call.func, Ref) else Attr(call.func.base, owner) if owner else call.func.base
    return None
