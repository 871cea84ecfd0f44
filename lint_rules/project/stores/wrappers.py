"""Classes of the project that hand cache commands on, and whether they put a prefix of their own before the keys."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from lint_rules.facts.model import Call, Function, Ref
from lint_rules.project.frames import Frame
from lint_rules.project.resolver import Resolver
from lint_rules.project.signatures import last_name, receiver_of
from lint_rules.project.stores.model import Store
from lint_rules.project.values import Bound, ClassValue, Instance, Value

HANDED_ON = ("get", "set")
"""A wrapper has both of these methods, and each calls the method of its name."""

SAME = {"get": ("get",), "set": ("set", "setex")}

CACHING = ("cache", "redis", "valkey")


class Wrappers:
    """Answers about classes, remembering what it found."""

    def __init__(self, resolver: Resolver, store_of: Callable[[Value], Store | None]) -> None:
        self._resolver = resolver
        self._store_of = store_of
        self._found: dict[ClassValue, Store | None] = {}

    def store(self, instance: Instance) -> Store | None:
        """The store that an instance is, None where its class wraps none."""
        if instance.cls not in self._found:
            self._found[instance.cls] = self._wrapped(instance)
        found = self._found[instance.cls]
        return None if found is None else replace(found, client=instance)

    def _wrapped(self, instance: Instance) -> Store | None:
        methods = [self._method(instance, name) for name in HANDED_ON]
        handed = [self._handed_on(*method) for method in methods if method is not None]
        if len(handed) < len(HANDED_ON):
            return None
        known = [each for each in handed if each is not None]
        if len(known) < len(handed):
            return None
        return replace(known[0], pipeline=False, namespaced=all(each.namespaced for each in known))

    def _method(self, instance: Instance, name: str) -> tuple[Frame, Function] | None:
        """The method that the project defines."""
        owner = next((cls for cls in self._resolver.lineage(instance.cls)[0] if self._defines(cls, name)), None)
        if owner is None:
            return None
        frame = self._resolver.frame_of(Bound(owner.file, f"{owner.qualname}.{name}", instance))
        return (frame, frame.function) if frame is not None and frame.function is not None else None

    def _defines(self, cls: ClassValue, name: str) -> bool:
        module = self._resolver.module(cls.file)
        return module is not None and f"{cls.qualname}.{name}" in module.functions

    def _handed_on(self, frame: Frame, function: Function) -> Store | None:
        """The store that a method hands its key on to, with a namespace where it makes another key of it; None where there is none."""
        if len(function.positional) < 2:
            return None
        key = function.positional[1].name
        for call in frame.scope.calls:
            store = self._inner(call, frame) if last_name(call.func) in SAME[function.name] and call.args else None
            if store is not None:
                return replace(store, namespaced=store.namespaced or self._changes(call, key, frame))
        return None

    def _inner(self, call: Call, frame: Frame) -> Store | None:
        """The store inside: by its type, else by its name."""
        receiver = receiver_of(call.func)
        if receiver is None:
            return None
        for value in self._resolver.evaluate(receiver, frame):
            store = self._store_of(value)
            if store is not None:
                return store
        name = last_name(receiver).lower()
        own = frame.function.positional[0].name if frame.function is not None else "self"
        if not isinstance(receiver, Ref) or not receiver.path.startswith(f"{own}.") or not any(word in name for word in CACHING):
            return None
        return Store("redis" if "cache" not in name else "project", None)

    def _changes(self, call: Call, key: str, frame: Frame) -> bool:
        given = call.args[0]
        if given != Ref(key):
            return True
        return any(binding.target == key for binding in frame.scope.bindings)
