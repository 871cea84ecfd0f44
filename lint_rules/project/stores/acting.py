"""Which names stand for the user whom the code acts for?"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from lint_rules.facts.model import Function, Scope
from lint_rules.facts.references import references
from lint_rules.project.frames import Frame
from lint_rules.project.modules import Module
from lint_rules.project.stores.words import ACTING, words

HOLDERS = frozenset({"request", "req", "http_request", "context", "ctx", "info", "g", "session", "flask_login", "scope", "websocket"})
"""What a request's user is an attribute of."""

EVERYWHERE = frozenset({"current_user"})
"""Names that stand for the user of this request wherever they are read."""

NO_DATA = frozenset({"is_authenticated", "is_anonymous", "is_active", "DoesNotExist", "objects"})
"""Attributes that say no more than whether there is a user."""

IDENTIFIERS = frozenset({"id", "pk", "uuid", "email", "name"})


def acting(path: str, parameters: Collection[str]) -> str:
    """The part of a dotted name that is the acting user, "" where none is: `self.request.user` of `self.request.user.email`.

    A bare name has to be one of the parameters.
    """
    segments = path.split(".")
    for place, segment in enumerate(segments):
        if segment in ACTING or (place == 0 and _is_identifier(segment)):
            held = place > 0 and segments[place - 1] in HOLDERS
            named = place == 0 and (segment in EVERYWHERE or segment in parameters)
            if (held or named) and segments[place + 1 : place + 2] != [] and segments[place + 1] in NO_DATA:
                return ""
            if held or named:
                return ".".join(segments[: place + 1])
    return ""


def _is_identifier(name: str) -> bool:
    """`user_id`, `customer_pk`."""
    found = words(name)
    return len(found) == 2 and found[0] in ACTING and found[1] in IDENTIFIERS


def holds_user(path: str) -> bool:
    """Whether a dotted name is a request or a context, which has the user in it."""
    return path.rpartition(".")[2] in HOLDERS


def parameters_of(frame: Frame) -> list[str]:
    """The parameters that a body sees: its own, and those of the functions around it."""
    found: list[str] = []
    scope: Frame | None = frame
    while scope is not None and scope.function is not None:
        found += [each.name for each in scope.function.parameters if each.kind not in ("args", "kwargs")]
        scope = scope.parent
    return found


def names_read(module: Module, function: Function) -> set[str]:
    """The dotted names that a function and those in it read."""
    inside = f"{function.qualname}."
    return {path for each in module.facts.functions if each is function or each.qualname.startswith(inside) for path in _read(each.body)}


def _read(scope: Scope) -> Iterator[str]:
    yield from references(*scope.returns, *scope.yields, *scope.withs)
    yield from references(*(binding.value for binding in scope.bindings), *(loop.iterated for loop in scope.loops))
    for call in scope.calls:
        yield from references(call.func, *call.args, *(value for _, value in call.keywords))
    yield from scope.reads


def reads_parameter(path: str, name: str) -> bool:
    """Whether a dotted name reads more of a parameter than whether it is somebody."""
    head, _, rest = path.partition(".")
    return head == name and rest.partition(".")[0] not in NO_DATA
