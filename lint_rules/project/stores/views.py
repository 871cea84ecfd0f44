"""What is decorated, and what else stands around a cached view: headers that copies vary on, and checks of permissions?"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Class, Const, Decorator, Expr, Function, Ref, Result, Seq
from lint_rules.project.frames import Frame
from lint_rules.project.modules import Module
from lint_rules.project.resolver import Resolver
from lint_rules.project.signatures import last_name, receiver_of
from lint_rules.project.values import Bound, ClassValue, Instance

READING = ("get", "list", "retrieve", "head")
"""Methods of view classes whose responses are cached."""

CHECKING = frozenset(
    {"login_required", "permission_required", "user_passes_test", "staff_member_required", "superuser_required", "permission_classes"}
    | {"jwt_required", "roles_required", "roles_accepted", "auth_required", "requires_auth", "allow_permission", "token_required"}
)
"""Last names of decorators that let only some users in."""

OPEN = frozenset({"AllowAny"})


def views_of(
    resolver: Resolver, module: Module, decorated: Function | Class | Expr, decorator: Decorator | None, outer: Frame
) -> Iterator[Frame]:
    """The functions that a decorator works on: the one below it, or the methods of a class that it names or that answer requests."""
    if isinstance(decorated, Function):
        frame = _method_frame(resolver, module.file, decorated)
        if frame is not None:
            yield frame
    elif isinstance(decorated, Class):
        names = _named(decorator, outer)
        for function in module.facts.functions:
            if function.owner == decorated.qualname and function.name in (READING if names in ("", "dispatch") else (names,)):
                frame = _method_frame(resolver, module.file, function)
                if frame is not None:
                    yield frame
    else:
        yield from _of_expr(resolver, decorated, outer)


def _method_frame(resolver: Resolver, file: str, function: Function) -> Frame | None:
    receiver = Instance(ClassValue(file, function.owner)) if function.owner else None
    return resolver.frame(file, function.qualname, receiver)


def _named(decorator: Decorator | None, outer: Frame) -> str:
    """The method that `method_decorator(..., name="get")` names."""
    call = outer.scope.calls[decorator.value.index] if decorator is not None and isinstance(decorator.value, Result) else None
    name = call.keyword("name") if call is not None else None
    return name.value if isinstance(name, Const) and isinstance(name.value, str) else ""


def _of_expr(resolver: Resolver, expr: Expr, outer: Frame) -> Iterator[Frame]:
    """`view` and `View.as_view()` as an argument."""
    if isinstance(expr, Result):
        call = outer.scope.calls[expr.index]
        if last_name(call.func) != "as_view":
            return
        for value in resolver.evaluate(receiver_of(call.func), outer):
            module = resolver.module(value.file) if isinstance(value, ClassValue) else None
            for function in module.facts.functions if module is not None else ():
                if isinstance(value, ClassValue) and function.owner == value.qualname and function.name in READING:
                    frame = _method_frame(resolver, value.file, function)
                    if frame is not None:
                        yield frame
        return
    for value in resolver.evaluate(expr, outer):
        frame = resolver.frame_of(value) if isinstance(value, Bound) else None
        if frame is not None and frame.function is not None:
            yield frame


def decorators_around(resolver: Resolver, frame: Frame) -> Iterator[tuple[Expr, Frame]]:
    """The decorators of a function and of its class, those in `method_decorator` as themselves."""
    function = frame.function
    owner = frame.module.classes.get(function.owner) if function is not None else None
    for each in (function, owner):
        outer = resolver.frame(frame.module.file, each.parent) if each is not None else None
        for decorator in each.decorators if each is not None and outer is not None else ():
            assert outer is not None
            call = outer.scope.calls[decorator.value.index] if isinstance(decorator.value, Result) else None
            if call is not None and last_name(call.func) == "method_decorator" and call.args:
                inner = call.args[0]
                for expr in inner.items if isinstance(inner, Seq) else (inner,):
                    yield expr, outer
            else:
                yield decorator.value, outer


def varies(resolver: Resolver, frame: Frame) -> tuple[str, ...]:
    """The headers that copies of a view's response vary on."""
    found: dict[str, None] = {}
    for expr, outer in decorators_around(resolver, frame):
        call = outer.scope.calls[expr.index] if isinstance(expr, Result) else None
        name = last_name(call.func if call is not None else expr)
        if name == "vary_on_cookie":
            found["cookie"] = None
        elif name == "vary_on_headers" and call is not None:
            found.update({str(each.value).lower(): None for each in call.args if isinstance(each, Const)})
    return tuple(found)


def checks(resolver: Resolver, frame: Frame) -> tuple[str, ...]:
    """The decorators, and the permission classes, that let only some users in."""
    found: dict[str, None] = {}
    for expr, outer in decorators_around(resolver, frame):
        call = outer.scope.calls[expr.index] if isinstance(expr, Result) else None
        name = last_name(call.func if call is not None else expr)
        if name in CHECKING and not (call is not None and name == "permission_classes" and _open(call.args[0] if call.args else None)):
            found[name] = None
    owner = frame.function.owner if frame.function is not None else ""
    body = frame.module.scope(owner) if owner else None
    for binding in body.bindings if body is not None else ():
        if binding.target == "permission_classes" and not _open(binding.value):
            found["permission_classes"] = None
    return tuple(found)


def _open(expr: Expr | None) -> bool:
    """Whether permission classes let everybody in."""
    return isinstance(expr, Seq) and all(isinstance(item, Ref) and last_name(item) in OPEN for item in expr.items)
