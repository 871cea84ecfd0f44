"""What a value of an annotated type can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lint_rules.facts.model import Attr, Const, Expr, Item, OneOf, Ref, Seq
from lint_rules.project.frames import Frame
from lint_rules.project.values import UNKNOWN, ClassValue, Container, External, Instance, Value, Values, merged

if TYPE_CHECKING:
    from lint_rules.project.resolver import Resolver

SILENT = frozenset(
    {"typing.Any", "typing.TypeVar()", "typing.Callable", "typing_extensions.TypeVar()", "typing.Protocol", "builtins.object"}
    | {"collections.abc.Callable", "typing.NoReturn", "typing.Never"}
)
CONTAINERS = frozenset(
    {"list", "List", "set", "Set", "frozenset", "FrozenSet", "tuple", "Tuple", "Sequence", "Iterable", "Iterator", "Collection"}
    | {"Generator", "AsyncGenerator", "AsyncIterator", "AsyncIterable", "deque", "Deque", "ContextManager", "AsyncContextManager"}
    | {"AbstractContextManager", "AbstractAsyncContextManager", "KeysView", "ValuesView", "MutableSequence"}
)


def annotated(resolver: Resolver, annotation: Expr, frame: Frame, receiver: Instance | ClassValue | None = None) -> Values:
    """What a value of an annotated type can be; UNKNOWN for types that say nothing (Any, a type variable, a protocol)."""
    if isinstance(annotation, OneOf):
        return merged([annotated(resolver, option, frame, receiver) for option in annotation.options])
    if isinstance(annotation, Const):
        text = annotation.value
        if isinstance(text, str) and text.replace(".", "").isidentifier():
            return annotated(resolver, Ref(text), frame, receiver)
        return UNKNOWN
    if isinstance(annotation, Item):
        return _generic(resolver, annotation, frame, receiver)
    if not isinstance(annotation, (Ref, Attr)):
        return UNKNOWN
    found: list[Value] = []
    for value in resolver.evaluate(annotation, frame):
        if isinstance(value, ClassValue):
            if not resolver.inherits(value, "typing.Protocol"):
                found.append(Instance(value))
        elif isinstance(value, External):
            if value.path in ("typing.Self", "typing_extensions.Self"):
                if receiver is not None:
                    found.append(receiver)
            elif value.path not in SILENT and not value.path.endswith(")"):
                found.append(External(value.path + "()"))
    return tuple(found)


def _generic(resolver: Resolver, annotation: Item, frame: Frame, receiver: Instance | ClassValue | None) -> Values:
    arguments = annotation.key.items if isinstance(annotation.key, Seq) else (annotation.key,)
    found: list[Values] = []
    for base in resolver.evaluate(annotation.base, frame):
        if isinstance(base, ClassValue):
            found.append((Instance(base),))
        elif isinstance(base, External):
            name = base.path.rpartition(".")[2]
            if name in ("Optional", "Union", "Annotated", "Final", "ClassVar", "Required", "NotRequired", "Awaitable", "Mapped"):
                options = arguments if name == "Union" else arguments[:1]
                found.append(merged([annotated(resolver, option, frame, receiver) for option in options]))
            elif name == "Coroutine":
                found.append(annotated(resolver, arguments[-1], frame, receiver))
            elif name in ("type", "Type"):
                found.append(tuple(v for v in resolver.evaluate(arguments[0], frame) if isinstance(v, ClassValue)))
            elif name in ("QuerySet", "Manager", "BaseManager", "RelatedManager"):
                models = [v for v in resolver.evaluate(arguments[0], frame) if isinstance(v, ClassValue)]
                found.append((External("django.db.models.QuerySet()", models[0] if models else None),))
            elif name in CONTAINERS:
                found.append((Container(merged([annotated(resolver, a, frame, receiver) for a in arguments])),))
            elif base.path not in SILENT and name != "Callable":
                found.append((External(base.path + "()"),))
    return merged(found or [UNKNOWN])
