"""What is it that a command stores: a constant, a time, something random, a serialised value?"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from lint_rules.facts.model import Const, Expr, OneOf, Ref, Result, Seq
from lint_rules.knowledge import key_functions
from lint_rules.project.resolver import Resolver
from lint_rules.project.stores.definitions import Place, sources
from lint_rules.project.stores.model import StoreCall
from lint_rules.project.stores.users import put_into
from lint_rules.project.values import External, Literal

SERIALISERS = ("json.", "pickle.", "orjson.", "msgpack.", "marshal.", "yaml.", "ujson.", "simplejson.", "cloudpickle.", "zlib.", "gzip.")

SHOWING = frozenset({"builtins.str", "builtins.int", "builtins.float", "builtins.round"})
"""What gives the same again as text or number."""

DEEPEST = 3


class Kind(StrEnum):
    """What is stored, where that it is there says all."""

    ANYTHING = ""
    CONSTANT = "constant"
    TIME = "time"
    RANDOM = "random"


def kind_of(resolver: Resolver, call: StoreCall) -> Kind:
    """What a command stores.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    return _kind(resolver, call.value, call, 0)


def _kind(resolver: Resolver, value: Expr | None, call: StoreCall, depth: int) -> Kind:
    if depth > DEEPEST:
        return Kind.ANYTHING
    if isinstance(value, Const) or (isinstance(value, Seq) and not value.items):
        return Kind.CONSTANT
    if isinstance(value, OneOf) and value.tested is None:  # of `a if c else b` the test is what is stored
        return _common(_kind(resolver, option, call, depth + 1) for option in value.options)
    if isinstance(value, Result):
        made = call.frame.scope.calls[value.index]
        path = _path(resolver, made.func, call)
        if path in SHOWING and made.args:
            return _kind(resolver, made.args[0], call, depth + 1)
        if path.startswith(key_functions.RANDOM):
            return Kind.RANDOM
        return Kind.TIME if path.startswith((*key_functions.NOW, *key_functions.DATES)) else Kind.ANYTHING
    return _named(resolver, value, call, depth) if isinstance(value, Ref) else Kind.ANYTHING


def _named(resolver: Resolver, value: Ref, call: StoreCall, depth: int) -> Kind:
    found = sources(value.path, call.frame, Place.of(call.call)) if "." not in value.path else []
    if found:
        if len(found) > 1 or put_into(value.path, found[0].frame.scope):
            return Kind.ANYTHING
        return _kind(resolver, found[0].value, call, depth + 1)
    last = last_part(value.path)
    values = resolver.evaluate(value, call.frame)
    constant = (last.isupper() and len(last) > 1) or (len(values) == 1 and isinstance(values[0], Literal))
    return Kind.CONSTANT if constant else Kind.ANYTHING


def last_part(path: str) -> str:
    """`c` of `a.b.c`."""
    return path.rpartition(".")[2]


def _common(kinds: Iterable[Kind]) -> Kind:
    found = list(kinds)
    return found[0] if found and all(found) else Kind.ANYTHING


def _path(resolver: Resolver, func: Expr, call: StoreCall) -> str:
    return next((each.path for each in resolver.evaluate(func, call.frame) if isinstance(each, External)), "")


def serialised(resolver: Resolver, call: StoreCall) -> bool:
    """Whether a whole value is stored: JSON, a pickle."""
    value = call.value
    if isinstance(value, Ref) and "." not in value.path:
        values = [source.value for source in sources(value.path, call.frame, Place.of(call.call))]
        value = values[0] if len(values) == 1 else None
    return isinstance(value, Result) and _path(resolver, call.frame.scope.calls[value.index].func, call).startswith(SERIALISERS)
