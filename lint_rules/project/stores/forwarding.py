"""Functions of the project that are given a key and hand it on to a store: their callers are what the key comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from lint_rules.facts.model import Call, Expr, Ref, Result
from lint_rules.knowledge.store_commands import Does
from lint_rules.project.frames import Frame
from lint_rules.project.signatures import last_name
from lint_rules.project.stores.definitions import END, Place, sources
from lint_rules.project.stores.made import At, given_to
from lint_rules.project.stores.model import Expiry, StoreCall
from lint_rules.project.values import Bound

if TYPE_CHECKING:
    from lint_rules.project.project import Project


class Forwarder(Struct, frozen=True, eq=False):
    """A function that is given a key."""

    frame: Frame
    parameter: str
    calls: tuple[StoreCall, ...]
    """What it does with the key."""
    producer: str = ""
    """The parameter that it calls for the value, where it reads and writes."""
    rest: str = ""
    """The parameter `*args` that it calls the producer with."""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.frame.function.name if self.frame.function is not None else ""

    @property
    def stores(self) -> bool:
        """Whether it stores something under the key."""
        return any(call.does in (Does.WRITE, Does.READ_WRITE) for call in self.calls)


def forwarders(calls: Iterable[StoreCall]) -> list[Forwarder]:
    """The functions that hand one of their parameters on as a key."""
    groups: dict[tuple[str, str, str], list[StoreCall]] = {}
    for call in calls:
        for key in call.keys[:1]:
            name = _parameter(key, call)
            if name:
                groups.setdefault((*call.frame.key[:2], name), []).append(call)
    return [_forwarder(name, group) for (_, _, name), group in groups.items()]


def _parameter(key: Expr, call: StoreCall) -> str:
    """The parameter that a key is, as it was given."""
    if not isinstance(key, Ref) or "." in key.path or call.frame.function is None:
        return ""
    found = sources(key.path, call.frame, Place.of(call.call))
    return key.path if len(found) == 1 and found[0].parameter is not None and found[0].frame is call.frame else ""


def _forwarder(name: str, group: list[StoreCall]) -> Forwarder:
    frame = group[0].frame
    assert frame.function is not None
    parameters = {parameter.name: parameter for parameter in frame.function.parameters}
    for call in group if any(each.does is Does.READ for each in group) else ():
        for made in _made(call.value, frame, Place.of(call.call)) if call.does is Does.WRITE else ():
            if isinstance(made.func, Ref) and made.func.path in parameters:
                rest = next((each.name for each in parameters.values() if each.kind == "args"), "")
                return Forwarder(frame, name, tuple(group), made.func.path, rest)
    return Forwarder(frame, name, tuple(group))


def _made(value: Expr | None, frame: Frame, place: Place) -> list[Call]:
    """The calls that a value may come from."""
    exprs = [value]
    if isinstance(value, Ref):
        exprs = [source.value for source in sources(value.path, frame, place)]
    return [frame.scope.calls[expr.index] for expr in exprs if isinstance(expr, Result)]


def forwarded(project: Project, found: list[Forwarder], files: Iterable[str]) -> Iterator[StoreCall]:
    """The calls of such functions, as calls of the store."""
    by_name: dict[str, list[Forwarder]] = {}
    for each in found:
        by_name.setdefault(each.name, []).append(each)
    for file in files if by_name else ():
        module = project.index.module(file)
        for qualname in ("", *module.functions, *module.classes) if module is not None else ():
            assert module is not None
            calls = [call for call in module.scope(qualname).calls if last_name(call.func) in by_name]
            frame = project.resolver.frame(file, qualname) if calls else None
            for call in calls if frame is not None else ():
                assert frame is not None
                for value in project.values(call.func, frame):
                    for each in by_name[last_name(call.func)] if isinstance(value, Bound) else ():
                        if isinstance(value, Bound) and (value.file, value.qualname) == each.frame.key[:2]:
                            yield from _at(each, value, call, frame)


def _at(each: Forwarder, bound: Bound, call: Call, frame: Frame) -> Iterator[StoreCall]:
    """One call of such a function."""
    if call.starred:
        return
    at = At(frame, END)
    arguments: list[tuple[int | str, Expr]] = [*enumerate(call.args), *((name, value) for name, value in call.keywords if name)]
    given = {name: value for name, (value, where) in given_to(bound, each.frame, arguments, at).items() if where is at}
    key = given.get(each.parameter)
    if key is None:
        return
    assert each.frame.function is not None
    through = each.frame.function.qualname
    common = {"call": call, "file": frame.module.file, "frame": frame, "keys": (key,), "through": through}
    if each.producer:
        write = next(inner for inner in each.calls if inner.does is Does.WRITE)
        positional = [parameter.name for parameter in each.frame.function.positional]
        yield replace(
            write,
            **common,
            command="get_or_set",
            does=Does.READ_WRITE,
            value=given.get(each.producer),
            arguments=call.args[len(positional) :] if each.rest else (),
            expiry=_expiry(write, given, each),
            loop=None,
        )
        return
    for inner in each.calls:
        value = given.get(inner.value.path) if isinstance(inner.value, Ref) else None
        yield replace(inner, **common, value=value, expiry=_expiry(inner, given, each), loop=None)


def _expiry(inner: StoreCall, given: dict[str, Expr], each: Forwarder) -> Expiry:
    """How long the value is kept: what the caller says, the default of the function, or what it says itself."""
    value = inner.expiry.value
    if isinstance(value, Ref) and value.path in given:
        return Expiry("given", inner.expiry.name, given[value.path])
    if inner.expiry.state == "optional":
        return Expiry("never", inner.expiry.name)
    return Expiry(inner.expiry.state, inner.expiry.name)
