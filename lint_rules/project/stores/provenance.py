"""What is known of a variable part of a key, by its name and type?"""

from __future__ import annotations

import re

from lint_rules.facts.model import Attr, Const, Expr, Function, Item, Parameter, Ref, Result
from lint_rules.project.frames import Frame
from lint_rules.project.resolver import Resolver
from lint_rules.project.signatures import last_name
from lint_rules.project.stores import words
from lint_rules.project.stores.model import Origin
from lint_rules.project.values import ClassValue, Container, External, Instance, Literal, ModuleValue

REQUESTS = frozenset({"request", "req", "http_request", "flask_request"})
URLS = frozenset({"path", "full_path", "path_info", "get_full_path", "build_absolute_uri", "get_raw_uri", "url", "base_url"})

NO_USER_OF_REQUEST = frozenset({"user_agent", "META", "headers", "path", "GET", "POST", "query_params", "args"})
"""Attributes of a request that are what the client sent, whatever words are in them."""

TASK_REQUEST = frozenset({"id", "root_id", "parent_id", "correlation_id", "retries", "task", "delivery_info", "group", "chord", "hostname"})
"""Attributes of the request of a Celery task."""

NAMES = frozenset({"__name__", "__qualname__", "__module__", "__class__", "_meta"})

VIEW_METHODS = frozenset({"get", "post", "put", "patch", "delete", "list", "retrieve", "create", "update", "destroy", "dispatch"})
ROUTING = frozenset(
    {"route", "get", "post", "put", "patch", "delete", "api_view", "websocket", "view_config", "require_GET", "require_POST"}
)

TYPES = {
    "int": Origin.NUMBER,
    "float": Origin.NUMBER,
    "Decimal": Origin.NUMBER,
    "bool": Origin.NUMBER,
    "str": Origin.TEXT,
    "UUID": Origin.UUID,
    "date": Origin.DATE,
    "dict": Origin.REPR,
    "Dict": Origin.REPR,
    "Mapping": Origin.REPR,
    "set": Origin.REPR,
    "Set": Origin.REPR,
    "frozenset": Origin.REPR,
}
"""What a parameter of that type is."""


def named(path: str) -> set[Origin]:
    """What a dotted name says."""
    found: set[Origin] = set()
    segments = [segment for segment in path.split(".") if segment not in ("self", "cls")]
    from_request = bool(REQUESTS.intersection(segments)) and not (segments[0] == "request" and TASK_REQUEST.intersection(segments[1:]))
    if from_request:
        found |= {Origin.REQUEST, Origin.URL} if segments[-1] in URLS else {Origin.REQUEST}
    if not (from_request and NO_USER_OF_REQUEST.intersection(segments)):
        if any(words.says(segment, words.USER) for segment in segments):
            found.add(Origin.USER)
            if from_request:
                found.discard(Origin.REQUEST)
        if any(words.says(segment, words.TENANT) for segment in segments):
            found.add(Origin.TENANT)
    if segments and words.is_secret(segments[-1]):
        found.add(Origin.SECRET)
    last = words.words(segments[-1])[-1:] if segments else ()
    for vocabulary, origin in ((words.NUMBER, Origin.NUMBER), (words.SLUG, Origin.SLUG), (words.UUID, Origin.UUID)):
        if last and last[0] in vocabulary:
            found.add(origin)
    if segments and (NAMES.intersection(segments)):
        found = {Origin.FUNCTION}
    return found


def origins(resolver: Resolver, expr: Expr, frame: Frame) -> frozenset[Origin]:
    """What is known of an expression that is put into a key.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    found = named(_path(expr, frame))
    if isinstance(expr, Item):
        found |= named(expr.key.value) - {Origin.NUMBER} if isinstance(expr.key, Const) and isinstance(expr.key.value, str) else set()
    if isinstance(expr, Ref) and "." not in expr.path:
        found = _of_name(expr.path, frame, found)
    return frozenset(_typed(resolver, expr, frame, found))


def _path(expr: Expr, frame: Frame) -> str:
    """The dotted name of an expression, with calls and subscripts left out."""
    if isinstance(expr, Ref):
        return expr.path
    if isinstance(expr, Attr):
        return f"{_path(expr.base, frame)}.{expr.path}"
    if isinstance(expr, Item):
        return _path(expr.base, frame)
    if isinstance(expr, Result) and expr.index < len(frame.scope.calls):
        call = frame.scope.calls[expr.index]
        name = _path(call.func, frame)
        if last_name(call.func) in ("get", "getlist", "pop", "getattr") and call.args and isinstance(call.args[0], Const):
            return f"{name.rpartition('.')[0]}.{call.args[0].value}"  # `request.GET.get("page")`
        return name
    return ""


def _of_name(name: str, frame: Frame, found: set[Origin]) -> set[Origin]:
    scope: Frame | None = frame
    while scope is not None and scope.function is not None:
        parameter = next((each for each in scope.function.parameters if each.name == name), None)
        if parameter is not None:
            return _of_parameter(parameter, scope.function, scope, found)
        if name in scope.module.bindings(scope.qualname):
            return found
        scope = scope.parent
    return found


def _of_parameter(parameter: Parameter, function: Function, frame: Frame, found: set[Origin]) -> set[Origin]:
    found = found | {Origin.PARAMETER}
    if is_view(function, frame) and parameter.name not in REQUESTS and parameter.kind != "kwargs":
        found.add(Origin.ROUTE)
    said = annotated_names(parameter.annotation)
    known = {TYPES[name] for name in said if name in TYPES}
    if known:
        found = {each for each in found if each not in (Origin.NUMBER, Origin.UUID, Origin.SLUG)} | known
    return found


def annotated_names(annotation: Expr | None) -> set[str]:
    """The last names of the types in an annotation: of `Mapping[str, int] | None` Mapping and None."""
    if isinstance(annotation, (Ref, Attr)):
        return {last_name(annotation)}
    if isinstance(annotation, Item):
        return annotated_names(annotation.base)
    options = getattr(annotation, "options", ())
    return {name for option in options for name in annotated_names(option)}


def is_view(function: Function, frame: Frame) -> bool:
    """Whether the function answers requests: its parameters come from the URL."""
    names = [parameter.name for parameter in function.positional[:2]]
    calls = frame.module.scope(function.parent).calls
    for decorator in function.decorators:
        made = calls[decorator.value.index].func if isinstance(decorator.value, Result) else decorator.value
        if last_name(made) in ROUTING:
            return True
    if not REQUESTS.intersection(names):
        return False
    if function.owner:
        return function.name in VIEW_METHODS
    return not function.parent and bool(
        re.search(r"view|api|endpoint|route|handler", frame.module.file.rpartition("/")[2] + frame.module.name)
    )


def _typed(resolver: Resolver, expr: Expr, frame: Frame, found: set[Origin]) -> set[Origin]:
    values = resolver.evaluate(expr, frame)
    if len(values) != 1:
        return found
    value = values[0]
    if isinstance(value, Literal):
        return found | {Origin.NUMBER if isinstance(value.value, (int, float)) else Origin.TEXT}
    if (isinstance(value, Container) and value.mapping) or (
        isinstance(value, External) and value.path in ("builtins.dict()", "builtins.set()")
    ):
        return found | {Origin.REPR}
    if isinstance(value, (ClassValue, ModuleValue)):
        return found | {Origin.FUNCTION}
    if isinstance(value, Instance) and _shows_its_address(resolver, value):
        return found | {Origin.REPR}
    return found


def _shows_its_address(resolver: Resolver, value: Instance) -> bool:
    """Whether the text of an instance is `<Basket object at 0x7f...>`."""
    classes, libraries, complete = resolver.lineage(value.cls)
    if not complete or libraries:
        return False
    for cls in classes:
        module = resolver.module(cls.file)
        if module is None or module.classes[cls.qualname].decorators:
            return False
        if {"__str__", "__repr__", "__format__"} & module.members.get(cls.qualname, {}).keys():
            return False
    return True
