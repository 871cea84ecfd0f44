"""Classes of the project: what they inherit, and what an attribute of a class or an instance is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lint_rules.facts.model import Attr, Binding, Class, Const, Function, Item, Ref, Result
from lint_rules.project.frames import DEEPEST, Frame
from lint_rules.project.modules import Module
from lint_rules.project.values import (
    UNKNOWN,
    Bound,
    ClassValue,
    External,
    Instance,
    Literal,
    Value,
    Values,
    merged,
)

if TYPE_CHECKING:
    from lint_rules.project.resolver import Resolver

PROPERTIES = frozenset(
    {"builtins.property", "functools.cached_property", "django.utils.functional.cached_property", "abc.abstractproperty"}
    | {"werkzeug.utils.cached_property", "cached_property.cached_property", "sqlalchemy.ext.hybrid.hybrid_property"}
)

MANAGERS = ("django.db.models.Manager", "django.db.models.QuerySet")
"""Beginnings of the paths of what queries a Django model."""


class Classes:
    """Answers about classes, for one resolver."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self._lineages: dict[ClassValue, tuple[list[ClassValue], list[str], bool]] = {}
        self._assigned: dict[ClassValue, dict[str, list[tuple[str, Binding]]]] = {}

    def lineage(self, cls: ClassValue) -> tuple[list[ClassValue], list[str], bool]:
        """The project classes that `cls` inherits from (itself first), its library bases, and whether all bases are known."""
        found = self._lineages.get(cls)
        if found is not None:
            return found
        key = ("lineage", cls)
        if key in self.resolver.busy:
            return [cls], [], False
        self.resolver.busy.add(key)
        try:
            module = self.resolver.module(cls.file)
            assert module is not None
            facts = module.classes[cls.qualname]
            frame = self.resolver.frame(cls.file, facts.parent)
            assert frame is not None
            classes, libraries, complete = [cls], [], True
            for base in facts.bases:
                values = self.resolver.evaluate(base.base if isinstance(base, Item) else base, frame)
                complete = complete and bool(values)
                for value in values:
                    if isinstance(value, ClassValue) and value != cls:
                        inherited, theirs, known = self.lineage(value)
                        classes = [c for c in classes if c not in inherited] + inherited
                        libraries += [path for path in theirs if path not in libraries]
                        complete = complete and known
                    elif isinstance(value, External) and value.path not in libraries:
                        libraries.append(value.path)
        finally:
            self.resolver.busy.discard(key)
        self._lineages[cls] = classes, libraries, complete
        return classes, libraries, complete

    def inherits(self, cls: ClassValue, library_class: str) -> bool:
        """Whether a project class is known to inherit from a library's class."""
        return any(self.resolver.knowledge.is_a(path, library_class) for path in self.lineage(cls)[1])

    def attribute(self, cls: ClassValue, name: str, receiver: Instance | ClassValue, after: ClassValue | None = None) -> Values:
        """Attribute `name` of a class or instance, by its method resolution order (from behind `after`, for `super()`)."""
        classes, libraries, _ = self.lineage(cls)
        if after is not None and after in classes:
            classes = classes[classes.index(after) + 1 :]
        for owner in classes:
            values = self._defined(owner, name, receiver)
            if values is not None:
                return self._for_model(values, receiver)
        if isinstance(receiver, Instance) and not name.startswith("__"):
            forwarded = self._forwarded(classes, libraries, name, receiver)
            if forwarded:
                return forwarded
        found: list[Value] = []
        for library in libraries:
            if isinstance(receiver, Instance):
                queryset = receiver.cls if receiver.model is not None else None
                found.append(External(self.resolver.knowledge.canonical(f"{library}().{name}"), receiver.model, queryset))
            else:
                found.append(External(self.resolver.knowledge.canonical(f"{library}.{name}"), receiver))
        return tuple(found[:3])

    def own_attribute(self, cls: ClassValue, name: str, receiver: Instance) -> Values:
        """The attribute as the project's own classes define it, UNKNOWN where only a library does."""
        for owner in self.lineage(cls)[0]:
            values = self._defined(owner, name, receiver)
            if values is not None:
                return values
        return UNKNOWN

    def _defined(self, owner: ClassValue, name: str, receiver: Instance | ClassValue) -> Values | None:
        """The attribute as the class itself defines it, None where it does not."""
        module = self.resolver.module(owner.file)
        assert module is not None
        for member in module.members.get(owner.qualname, {}).get(name, ()):
            if isinstance(member, Class):
                return (ClassValue(owner.file, member.qualname),)
            return self._method(owner, member, receiver)
        groups: list[Values] = []
        found = False
        if isinstance(receiver, Instance):
            for method, binding in self._assigned_in_methods(owner, module).get(name, ()):
                found = True
                frame = self.resolver.frame(owner.file, method, receiver)
                if frame is not None:
                    groups.append(self._guarded((owner, name, method, receiver), binding, frame))
        for index in module.bindings(owner.qualname).get(name, ()):
            found = True
            frame = self.resolver.frame(owner.file, owner.qualname)
            if frame is not None:
                binding = frame.scope.bindings[index]
                values = self._guarded((owner, name, index), binding, frame)
                groups.append(self._field(values, binding, frame) if isinstance(receiver, Instance) else values)
        if not found:
            return None
        known = [group for group in groups if group and group != (Literal(None),)]
        if known and isinstance(known[0][0], Literal) and self.inherits(owner, "enum.Enum"):
            return (Instance(owner),)
        return merged(known or [UNKNOWN])

    def _guarded(self, key: object, binding: Binding, frame: Frame) -> Values:
        if key in self.resolver.busy or len(self.resolver.busy) > DEEPEST:
            return UNKNOWN
        self.resolver.busy.add(key)
        try:
            return self.resolver.bound_value(binding, frame)
        finally:
            self.resolver.busy.discard(key)

    def _method(self, owner: ClassValue, function: Function, receiver: Instance | ClassValue) -> Values:
        kinds = self.resolver.decorator_paths(owner.file, function)
        if "builtins.staticmethod" in kinds:
            return (Bound(owner.file, function.qualname),)
        if "builtins.classmethod" in kinds:
            cls = receiver.cls if isinstance(receiver, Instance) else receiver
            return (Bound(owner.file, function.qualname, cls),)
        if isinstance(receiver, ClassValue):
            return (Bound(owner.file, function.qualname),)
        bound = Bound(owner.file, function.qualname, receiver)
        if function.decorators and (not kinds.isdisjoint(PROPERTIES) or self._named_property(owner, function)):
            if self.resolver.reading is not None:
                self.resolver.reading.properties[bound] = None
            return self.resolver.returned(bound)
        return (bound,)

    def _assigned_in_methods(self, owner: ClassValue, module: Module) -> dict[str, list[tuple[str, Binding]]]:
        """`self.name = value` in the methods of a class."""
        found = self._assigned.get(owner)
        if found is None:
            found = self._assigned[owner] = {}
            for function in module.facts.functions:
                if function.owner != owner.qualname or not function.parameters:
                    continue
                prefix = function.parameters[0].name + "."
                for binding in function.body.bindings:
                    target = binding.target
                    if target.startswith(prefix) and "." not in target[len(prefix) :] and "[" not in target:
                        found.setdefault(target[len(prefix) :], []).append((function.qualname, binding))
        return found

    def _field(self, values: Values, binding: Binding, frame: Frame) -> Values:
        """A class attribute as seen on an instance: a foreign key gives the object it points to."""
        found: list[Value] = []
        for value in values:
            if isinstance(value, External) and value.path in ("django.db.models.ForeignKey()", "django.db.models.OneToOneField()"):
                target = self._relation_target(binding, frame)
                found += [Instance(each) for each in target if isinstance(each, ClassValue)] or [value]
            elif isinstance(value, External) and value.path == "django.db.models.ManyToManyField()":
                target = self._relation_target(binding, frame)
                models = [each for each in target if isinstance(each, ClassValue)]
                found.append(External("django.db.models.Model().related", models[0] if models else None))
            else:
                found.append(value)
        return tuple(found)

    def _relation_target(self, binding: Binding, frame: Frame) -> Values:
        if not isinstance(binding.value, Result):
            return UNKNOWN
        call = frame.scope.calls[binding.value.index]
        target = call.args[0] if call.args else call.keyword("to")
        if isinstance(target, Const) and isinstance(target.value, str):
            if target.value == "self":
                return (ClassValue(frame.module.file, frame.qualname),)
            return self.model_named(target.value, frame.module.file)
        return self.resolver.evaluate(target, frame)

    def model_named(self, name: str, importer: str) -> Values:
        """The Django model of "app.Model" or "Model" (then in the same module)."""
        label, _, model = name.rpartition(".")
        if not label:
            return self.resolver.member(importer, model)
        for file in self.resolver.index.model_files(label):
            if self.resolver.module(file) is None:
                continue
            values = self.resolver.member(file, model)
            if any(isinstance(value, ClassValue) for value in values):
                return values
        return UNKNOWN

    def _for_model(self, values: Values, receiver: Instance | ClassValue) -> Values:
        """Managers and querysets found on a model class know which model they are for."""
        model = receiver if isinstance(receiver, ClassValue) else receiver.model
        if model is None:
            return values
        found: list[Value] = []
        for value in values:
            if isinstance(value, Instance) and value.model is None and self._is_manager(value.cls):
                value = Instance(value.cls, model)
            elif isinstance(value, External) and value.model is None and value.path.startswith(MANAGERS):
                value = External(value.path, model)
            found.append(value)
        return tuple(found)

    def _is_manager(self, cls: ClassValue) -> bool:
        return any(path.startswith(MANAGERS) for path in self.lineage(cls)[1])

    def _forwarded(self, classes: list[ClassValue], libraries: list[str], name: str, receiver: Instance) -> Values:
        """Attributes that a class hands on: `__getattr__` returning `getattr(self.x, name)`, Django's LazyObject."""
        if "django.utils.functional.LazyObject" in libraries and name != "_wrapped":
            return self.resolver.attribute(self.attribute(receiver.cls, "_wrapped", receiver), name)
        for owner in classes:
            module = self.resolver.module(owner.file)
            assert module is not None
            for member in module.members.get(owner.qualname, {}).get("__getattr__", ()):
                if isinstance(member, Function):
                    for call in member.body.calls:
                        if call.func == Ref("getattr") and call.args and isinstance(call.args[0], Ref):
                            frame = self.resolver.frame(owner.file, member.qualname, receiver)
                            if frame is not None and call.args[0].path != member.parameters[0].name:
                                return self.resolver.attribute(self.resolver.evaluate(call.args[0], frame), name)
        return UNKNOWN

    def _named_property(self, owner: ClassValue, function: Function) -> bool:
        """Whether a decorator of the project or an unknown library calls itself a property (`@ttl_cached_property(...)`)."""
        module = self.resolver.module(owner.file)
        assert module is not None
        calls = module.scope(function.parent).calls
        for decorator in function.decorators:
            expr = decorator.value
            if isinstance(expr, Result):
                expr = calls[expr.index].func
            if isinstance(expr, (Ref, Attr)) and expr.path.lower().endswith("property"):
                return True
        return False
