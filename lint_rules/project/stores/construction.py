"""Which call makes a client? Through names, attributes and functions that give it."""

from __future__ import annotations

from lint_rules.facts.model import Attr, Call, Const, Entered, Expr, OneOf, Ref, Result
from lint_rules.project.frames import Frame
from lint_rules.project.origins import origin
from lint_rules.project.resolver import Resolver
from lint_rules.project.signatures import last_name, receiver_of
from lint_rules.project.values import Bound, ClassValue, External, Instance, ModuleValue

FARTHEST = 8
"""Names, attributes and functions followed."""

Made = tuple[Call, Frame]


def made_by(resolver: Resolver, expr: Expr | None, frame: Frame, hops: int = 0) -> Made | None:
    """The call that makes what an expression stands for; None where that is not one call, or cannot be told.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    if hops > FARTHEST:
        return None
    if isinstance(expr, Entered):
        return made_by(resolver, expr.base, frame, hops + 1)
    if isinstance(expr, OneOf):
        options = [option for option in expr.options if option != Const(None)]
        return made_by(resolver, options[-1], frame, hops + 1) if len({*options}) == 1 else None
    if isinstance(expr, Result):
        return _call(resolver, frame.scope.calls[expr.index], frame, hops)
    if isinstance(expr, Ref) and "." not in expr.path:
        found = origin(resolver, expr.path, frame)
        return None if found is None else made_by(resolver, found[0].value, found[1], hops + 1)
    if isinstance(expr, (Ref, Attr)):
        return _attribute(resolver, expr, frame, hops)
    return None


def _call(resolver: Resolver, call: Call, frame: Frame, hops: int) -> Made | None:
    values = resolver.evaluate(call.func, frame)
    if len(values) != 1:
        return None
    value = values[0]
    if isinstance(value, Bound):
        inner = resolver.frame_of(value)
        returns = [each for each in inner.scope.returns if each != Const(None)] if inner is not None else []
        return made_by(resolver, returns[0], inner, hops + 1) if inner is not None and len(returns) == 1 else None
    if isinstance(value, External) and value.path.partition("Pipeline().")[1]:  # `pipe.set(...).get(...)`
        receiver = receiver_of(call.func)
        return made_by(resolver, receiver, frame, hops + 1)
    return call, frame


def _attribute(resolver: Resolver, expr: Ref | Attr, frame: Frame, hops: int) -> Made | None:
    """`self.client`, `shop.redis.client`: assigned once in the class or the module, or given by a property."""
    name, owner = last_name(expr), receiver_of(expr)
    values = resolver.evaluate(owner, frame)
    if len(values) != 1:
        return None
    value = values[0]
    if isinstance(value, ModuleValue):
        module = resolver.frame(value.file)
        return None if module is None else made_by(resolver, Ref(name), module, hops + 1)
    cls = value.cls if isinstance(value, Instance) else value
    if not isinstance(cls, ClassValue):
        return None
    found = [placed for each in resolver.lineage(cls)[0] for placed in assigned(resolver, each, name, value)]
    return made_by(resolver, found[0][0], found[0][1], hops + 1) if len(found) == 1 else None


def assigned(resolver: Resolver, cls: ClassValue, name: str, receiver: object) -> list[tuple[Expr, Frame]]:
    """What the class itself gives an attribute: in its body, in its methods, or as the value of a property; None counts as nothing."""
    module = resolver.module(cls.file)
    found: list[tuple[Expr, Frame]] = []
    if module is None:
        return found
    seen = receiver if isinstance(receiver, (Instance, ClassValue)) else None
    for function in module.facts.functions:
        if function.owner != cls.qualname or not function.parameters:
            continue
        frame = resolver.frame(cls.file, function.qualname, seen)
        target = f"{function.parameters[0].name}.{name}"
        if frame is not None:
            found += [(binding.value, frame) for binding in function.body.bindings if binding.target == target]
            if function.name == name and function.decorators:
                found += [(value, frame) for value in function.body.returns if value != Ref(target)]
    body = resolver.frame(cls.file, cls.qualname)
    if body is not None:
        found += [(binding.value, body) for binding in body.scope.bindings if binding.target == name]
    return [(value, frame) for value, frame in found if value != Const(None)]


def keyword_of(resolver: Resolver, made: Made | None, name: str) -> bool | None:
    """The truth of a keyword in the call that makes a client; None where it is not written out."""
    if made is None:
        return None
    value = made[0].keyword(name)
    if isinstance(value, Const) and isinstance(value.value, bool):
        return value.value
    return None


def owner_of_pipeline(made: Made) -> tuple[Expr | None, Frame]:
    """The client that a pipeline is made on, and where."""
    return receiver_of(made[0].func), made[1]
