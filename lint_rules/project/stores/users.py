"""Which data of the acting user is a value computed from?

The value is followed back through the function that computes it: assignments, arguments, what is put into a list, lambdas. A user who is
handed to a function of the project counts only where that function reads the parameter; one step is looked into.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lint_rules.facts.model import (
    Attr,
    Call,
    Computed,
    Element,
    Entered,
    Expr,
    Formatted,
    Item,
    Lambda,
    Map,
    OneOf,
    Percent,
    Ref,
    Result,
    Scope,
    Seq,
    Template,
)
from lint_rules.facts.references import references
from lint_rules.project.frames import Frame
from lint_rules.project.resolver import Resolver
from lint_rules.project.signatures import last_name, receiver_of
from lint_rules.project.stores.acting import acting, holds_user, names_read, parameters_of, reads_parameter
from lint_rules.project.stores.definitions import END
from lint_rules.project.stores.made import At, given_to
from lint_rules.project.stores.model import UserData
from lint_rules.project.values import Bound

CHANGING = frozenset({"append", "add", "update", "extend", "insert", "setdefault", "write"})
"""Methods that put their arguments into the receiver."""

LOOKUPS = frozenset({"get", "aget", "get_object_or_404", "aget_object_or_404", "get_or_404", "filter_by", "get_by_id", "fetch"})
"""Functions that find one object by what they are given; who is allowed to see it is checked each time, before the cache is asked."""

MOST_STEPS = 400

Arguments = Sequence[tuple[int | str, Expr]]


class Flow:
    """The values of one function, followed back; `found` has what of the user was met on the way."""

    def __init__(self, resolver: Resolver, home: Frame, row: int, said: frozenset[str] = frozenset()) -> None:
        self.resolver = resolver
        self.home = home
        self.row = row
        self.said = said
        """The names in the key: what is looked up by one of them does not depend on who asks."""
        self.found: dict[str, UserData] = {}
        self._steps = 0
        self._seen: set[tuple[int, str]] = set()

    def follow(self, exprs: Iterable[Expr], frame: Frame) -> None:
        """Take in all that expressions are made of.

        Raises:
            NotLoaded: another module has to be loaded first.
        """
        pending = list(exprs)
        while pending and self._steps < MOST_STEPS:
            self._steps += 1
            expr = pending.pop()
            if isinstance(expr, Ref):
                pending += self._name(expr.path, frame)
            elif isinstance(expr, Result):
                pending += self._call(frame.scope.calls[expr.index], frame)
            elif isinstance(expr, Lambda):
                inner = self.resolver.frame(frame.module.file, expr.qualname, frame.receiver)
                if inner is not None:
                    self.body(inner)
            else:
                pending += _inside(expr)

    def produced(self, producer: Expr, arguments: tuple[Expr, ...], frame: Frame) -> None:
        """Take in what a callable gives that the cache calls with `arguments`."""
        call = frame.scope.calls[producer.index] if isinstance(producer, Result) else None
        if call is not None and last_name(call.func) == "partial" and call.args:
            self.produced(call.args[0], (*call.args[1:], *(value for _, value in call.keywords)), frame)
            return
        functions = self._functions(producer, frame)
        for bound, inner in functions:
            self._handed(bound, inner, [*enumerate(arguments)], frame)
            if inner.parent is not None:  # a lambda or an inner function sees the names around it
                self.body(inner)
        if not functions:
            self.follow([producer, *arguments], frame)

    def body(self, frame: Frame) -> None:
        """Take in all that a function does, and those in it."""
        if (id(frame), "") in self._seen:
            return
        self._seen.add((id(frame), ""))
        scope = frame.scope
        self.follow([Result(index) for index in range(len(scope.calls))], frame)
        self.follow([*scope.returns, *scope.yields, *(binding.value for binding in scope.bindings), *map(Ref, scope.reads)], frame)
        for inner in frame.module.facts.functions:
            nested = self.resolver.frame(frame.module.file, inner.qualname, frame.receiver) if inner.parent == frame.qualname else None
            if nested is not None:
                self.body(nested)

    # ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _name(self, path: str, frame: Frame) -> list[Expr]:
        """The user is noted, any other name stands for what it was assigned."""
        user = self._user(path, frame)
        if user:
            self._note(user, frame)
            return []
        return self._assigned(path.partition(".")[0], frame)

    def _user(self, path: str, frame: Frame) -> str:
        user = acting(path, parameters_of(frame))
        return "" if user and "." not in user and self._bindings(user, frame) is not None else user

    def _bindings(self, name: str, frame: Frame) -> Frame | None:
        """The function that assigns a name, this one or one around it."""
        scope: Frame | None = frame
        while scope is not None and scope.function is not None:
            if scope.module.bindings(scope.qualname).get(name):
                return scope
            if any(parameter.name == name for parameter in scope.function.parameters):
                return None
            scope = scope.parent
        return None

    def _assigned(self, name: str, frame: Frame) -> list[Expr]:
        """All that a local name is made of."""
        scope = self._bindings(name, frame)
        if scope is None or (id(scope), name) in self._seen:
            return []
        self._seen.add((id(scope), name))
        bindings = scope.scope.bindings
        values = [bindings[index].value for index in scope.module.bindings(scope.qualname)[name]] + put_into(name, scope.scope)
        if scope is frame:
            return values
        self.follow(values, scope)
        return []

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _call(self, call: Call, frame: Frame) -> list[Expr]:
        """What a call is made of: its receiver, and its arguments as far as the function reads them."""
        if last_name(call.func) in LOOKUPS and self.said.intersection(references(*call.args, *(value for _, value in call.keywords))):
            return []
        receiver = receiver_of(call.func)
        pending = [receiver] if receiver is not None else []
        arguments: Arguments = [*enumerate(call.args), *call.keywords]
        handed = [(key, value) for key, value in arguments if isinstance(value, Ref) and self._may_be_user(value.path, frame)]
        functions = self._functions(call.func, frame) if handed else []
        for bound, inner in functions:
            self._handed(bound, inner, handed, frame)
        return pending + [value for key, value in arguments if not functions or (key, value) not in handed]

    def _may_be_user(self, path: str, frame: Frame) -> bool:
        return holds_user(path) or bool(self._user(path, frame)) or bool(self._users_behind(path, frame))

    def _users_behind(self, path: str, frame: Frame) -> list[str]:
        """The user whom a variable stands for: `viewer` of `viewer = request.user`."""
        scope = self._bindings(path, frame) if "." not in path else None
        if scope is None:
            return []
        values = [scope.scope.bindings[index].value for index in scope.module.bindings(scope.qualname)[path]]
        return [user for value in values if isinstance(value, Ref) and (user := self._user(value.path, scope))]

    def _functions(self, func: Expr, frame: Frame) -> list[tuple[Bound, Frame]]:
        found = []
        for value in self.resolver.evaluate(func, frame):
            inner = self.resolver.frame_of(value) if isinstance(value, Bound) else None
            if isinstance(value, Bound) and inner is not None and inner.function is not None:
                found.append((value, inner))
        return found

    def _handed(self, bound: Bound, inner: Frame, arguments: Arguments, frame: Frame) -> None:
        """Note the users among arguments that the function reads."""
        assert inner.function is not None
        read = names_read(inner.module, inner.function)
        for key, value in arguments:
            if not isinstance(value, Ref):
                continue
            given = given_to(bound, inner, [(key, value)], At(frame, END))
            names = [name for name, (expr, _) in given.items() if expr is value]
            names = names or [each.name for each in inner.function.parameters if each.kind in ("args", "kwargs")]
            users = [self._user(value.path, frame), *self._users_behind(value.path, frame)]
            for name in names:
                if any(users) and any(reads_parameter(path, name) for path in read):
                    self._note(next(filter(None, users)), frame, bound.qualname)
                elif holds_user(value.path) and any(acting(path, ()).startswith(f"{name}.") for path in read):
                    self._note(f"{value.path}.user", frame, bound.qualname)

    def _note(self, user: str, frame: Frame, through: str = "") -> None:
        name = self.home.function.qualname if self.home.function is not None else ""
        self.found.setdefault(user, UserData(user, frame.module.file, self.row, name, through))


def put_into(name: str, scope: Scope) -> list[Expr]:
    """What is put into a list, dict or object under a name."""
    found: list[Expr] = []
    for call in scope.calls:
        owner, _, method = call.func.path.rpartition(".") if isinstance(call.func, Ref) else ("", "", "")
        if owner == name and method in CHANGING:
            found += [*call.args, *(value for _, value in call.keywords)]
    return found + [binding.value for binding in scope.bindings if binding.target.startswith((f"{name}[", f"{name}."))]


def _inside(expr: Expr) -> Iterator[Expr]:
    if isinstance(expr, (Attr, Element, Entered, Formatted)):
        yield expr.base
    elif isinstance(expr, Item):
        yield from (expr.base, expr.key)
    elif isinstance(expr, Percent):
        yield from (expr.base, expr.given)
    elif isinstance(expr, Seq):
        yield from expr.items
    elif isinstance(expr, (Template, Computed)):
        yield from expr.parts
    elif isinstance(expr, OneOf):
        yield from expr.options
        if expr.tested is not None:
            yield expr.tested
    elif isinstance(expr, Map):
        yield from (key for key in expr.keys if key is not None)
        yield from expr.values
