"""What names, attributes and calls stand for: a lazy, flow-insensitive evaluation of facts across modules.

Nothing is executed and nothing is guessed: what cannot be followed is `UNKNOWN`, and every consumer keeps quiet about that.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator

from lint_rules.facts.model import (
    Attr,
    Binding,
    Call,
    Class,
    Const,
    Element,
    Entered,
    Expr,
    Function,
    Import,
    Item,
    Lambda,
    OneOf,
    Parameter,
    Ref,
    Result,
    Scope,
    Seq,
)
from lint_rules.knowledge.tables import Knowledge
from lint_rules.project.modules import Module, ModuleIndex
from lint_rules.project.values import (
    UNKNOWN,
    Bound,
    ClassValue,
    Container,
    External,
    Instance,
    Literal,
    ModuleValue,
    Namespace,
    SuperOf,
    Value,
    Values,
    merged,
)

DEEPEST = 80
"""Evaluations inside evaluations; beyond it the answer is UNKNOWN."""

BUILTINS = frozenset(dir(builtins))
PROPERTIES = frozenset(
    {"builtins.property", "functools.cached_property", "django.utils.functional.cached_property", "abc.abstractproperty"}
    | {"werkzeug.utils.cached_property", "cached_property.cached_property", "sqlalchemy.ext.hybrid.hybrid_property"}
)
SERVICE_LOCATORS = frozenset({"find_service", "get_service", "get_instance", "getUtility"})
"""Methods that by convention return an instance of the class they are given."""

SERVICE_LOCATOR_CALLS = tuple(f".{name}()" for name in sorted(SERVICE_LOCATORS))

CONTEXT_MANAGERS = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})


class Frame:
    """One function (or module or class body) as seen from one receiver: where its names are looked up."""

    __slots__ = ("arguments", "function", "key", "memo", "module", "parent", "qualname", "receiver", "scope")

    def __init__(
        self, module: Module, qualname: str, receiver: Instance | ClassValue | None, parent: Frame | None
    ) -> None:
        self.module = module
        self.qualname = qualname
        self.receiver = receiver
        self.parent = parent
        self.key = (module.file, qualname, receiver)
        self.function: Function | None = module.functions.get(qualname)
        self.scope: Scope = module.scope(qualname)
        self.arguments: dict[str, Values] = {}
        """What callers were seen to pass, by parameter name."""
        self.memo: dict[str | int, Values] = {}


Special = Callable[["Resolver", External, Call, Frame], Values | None]


class Resolver:
    """Evaluates expressions of facts. See `values` for what comes out."""

    def __init__(self, index: ModuleIndex, knowledge: Knowledge, specials: dict[str, Special]) -> None:
        self.index = index
        self.knowledge = knowledge
        self.specials = specials
        self.task_attribute: Callable[[Bound, str], Values] = lambda bound, name: UNKNOWN
        """Answers for attributes of functions that are tasks (set once the tasks are known)."""
        self.touched: list[Bound] = []
        """Properties that were read since the list was last emptied: reading one runs it."""
        self._frames: dict[tuple[str, str, Instance | ClassValue | None], Frame] = {}
        self._members: dict[tuple[str, str], Values] = {}
        self._lineages: dict[ClassValue, tuple[list[ClassValue], list[str], bool]] = {}
        self._own_attributes: dict[ClassValue, dict[str, list[tuple[str, Binding]]]] = {}
        self._busy: set[object] = set()

    # ── frames ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def module(self, file: str) -> Module | None:
        """See `ModuleIndex.module`."""
        return self.index.module(file)

    def frame(self, file: str, qualname: str = "", receiver: Instance | ClassValue | None = None) -> Frame | None:
        """The frame of a function, class body or module; None where the file cannot be read."""
        key = (file, qualname, receiver)
        found = self._frames.get(key)
        if found is None:
            module = self.module(file)
            if module is None:
                return None
            parent = None
            function = module.functions.get(qualname)
            if function is not None and function.parent in module.functions:
                outer = module.functions[function.parent]
                parent = self.frame(file, function.parent, receiver if outer.owner else None)
            found = self._frames[key] = Frame(module, qualname, receiver, parent)
        return found

    def frame_of(self, bound: Bound) -> Frame | None:
        """The frame in which a function's body is evaluated."""
        return self.frame(bound.file, bound.qualname, bound.receiver)

    def function(self, bound: Bound) -> Function | None:
        """The facts of a function."""
        module = self.module(bound.file)
        return None if module is None else module.functions.get(bound.qualname)

    def class_facts(self, cls: ClassValue) -> Class:
        """The facts of a class (its module has been loaded, or there would be no value for it)."""
        module = self.module(cls.file)
        assert module is not None
        return module.classes[cls.qualname]

    def around(self, frame: Frame, parent: str) -> Frame | None:
        """The frame of the scope around a definition in `frame`'s module (where its decorators are evaluated)."""
        return self.frame(frame.module.file, parent, None)

    # ── expressions ──────────────────────────────────────────────────────────────────────────────────────────────────

    def evaluate(self, expr: Expr | None, frame: Frame) -> Values:
        """All that `expr` can stand for in `frame`."""
        if expr is None:
            return UNKNOWN
        kind = type(expr)
        if kind is Ref:
            head, *rest = expr.path.split(".")  # type: ignore[union-attr]
            values = self.name(head, frame)
            for part in rest:
                if not values:
                    break
                values = self.attribute(values, part)
            return values
        if kind is Result:
            return self.result(expr.index, frame)  # type: ignore[union-attr]
        if isinstance(expr, Attr):
            values = self.evaluate(expr.base, frame)
            for part in expr.path.split("."):
                values = self.attribute(values, part)
            return values
        if isinstance(expr, Const):
            return (Literal(expr.value),)
        if isinstance(expr, Lambda):
            return (Bound(frame.module.file, expr.qualname, frame.receiver),)
        if isinstance(expr, OneOf):
            return merged([self.evaluate(option, frame) for option in expr.options])
        if isinstance(expr, Item):
            return self.item(expr, frame)
        if isinstance(expr, Element):
            return merged([self.element(value) for value in self.evaluate(expr.base, frame)] or [UNKNOWN])
        if isinstance(expr, Entered):
            return merged([self.entered(value) for value in self.evaluate(expr.base, frame)] or [UNKNOWN])
        if isinstance(expr, Seq):
            return (Container(merged([self.evaluate(item, frame) for item in expr.items[:12]] or [UNKNOWN])),)
        return UNKNOWN

    def item(self, expr: Item, frame: Frame) -> Values:
        """What a subscription gives."""
        groups: list[Values] = []
        for base in self.evaluate(expr.base, frame):
            if isinstance(base, Container):
                groups.append(base.items if isinstance(expr.key, (Const, Ref)) else (base, *base.items))
            elif isinstance(base, ClassValue):
                groups.append((base,))
            elif isinstance(base, Instance):
                groups.append(self.method_result(base, "__getitem__"))
            elif isinstance(base, External):
                if base.model is None:
                    groups.append((External(base.path + "[]"),))
                else:  # a number takes one object, a slice gives a shorter query
                    groups.append((Instance(base.model),) if isinstance(expr.key, Const) else (base,))
        return merged(groups or [UNKNOWN])

    def element(self, value: Value) -> Values:
        """What iterating over a value gives."""
        if isinstance(value, Container):
            return value.items
        if isinstance(value, External):
            return (Instance(value.model),) if value.model else (External(value.path + "[]"),)
        if isinstance(value, Instance):
            found = [self.element(each) for each in self.method_result(value, "__iter__")]
            if not found and value.model is not None:
                return (Instance(value.model),)
            return merged(found or [UNKNOWN])
        return UNKNOWN

    def entered(self, value: Value) -> Values:
        """What `with value as x` binds to x."""
        if isinstance(value, Container):
            return value.items
        if isinstance(value, Instance):
            return self.method_result(value, "__enter__") or self.method_result(value, "__aenter__") or (value,)
        if isinstance(value, External):
            given = self.knowledge.result(value.path + ".__enter__")
            return (value,) if given.endswith(".__enter__()") else (External(given, value.model),)
        return UNKNOWN

    def method_result(self, instance: Instance, name: str) -> Values:
        """What calling a method of the project class gives; UNKNOWN where the project does not define it."""
        groups = [
            self.returned(method) for method in self.attribute((instance,), name) if isinstance(method, Bound)
        ]
        return merged(groups or [UNKNOWN])

    # ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def name(self, name: str, frame: Frame) -> Values:
        """What a bare name stands for in a frame."""
        found = frame.memo.get(name)
        if found is not None:
            return found
        busy = (id(frame), name)
        if busy in self._busy or len(self._busy) > DEEPEST:
            return UNKNOWN
        self._busy.add(busy)
        try:
            found = self._name(name, frame)
        finally:
            self._busy.discard(busy)
        frame.memo[name] = found
        return found

    def _name(self, name: str, frame: Frame) -> Values:
        scope: Frame | None = frame
        while scope is not None and scope.qualname:
            found = self._local(name, scope)
            if found is not None:
                return found
            scope = scope.parent
        file = frame.module.file
        values = self.member(file, name)
        if not values and name in BUILTINS and not self._is_bound(file, name):
            return (External("builtins." + name),)
        return values

    def _is_bound(self, file: str, name: str) -> bool:
        module = self.module(file)
        return module is not None and (
            name in module.imports("") or name in module.bindings("") or name in module.members.get("", {})
        )

    def _local(self, name: str, frame: Frame) -> Values | None:
        """The name as bound in the frame's own scope, None where it is not."""
        if name in frame.scope.globals:
            return None
        module, qualname = frame.module, frame.qualname
        groups: list[Values] = []
        bound = False
        if frame.function is not None:
            for place, parameter in enumerate(frame.function.parameters):
                if parameter.name == name:
                    bound = True
                    groups.append(self.parameter(frame, frame.function, place, parameter))
                    break
        for item in module.imports(qualname).get(name, ()):
            bound = True
            groups.append(self.imported(module.file, item))
        for member in module.members.get(qualname, {}).get(name, ()):
            bound = True
            groups.append(self._definition(module, member, frame))
        for index in module.bindings(qualname).get(name, ()):
            bound = True
            binding = frame.scope.bindings[index]
            groups.append(self.bound_value(binding, frame))
            if isinstance(binding.value, Seq):
                groups.append(self._collected(name, frame))
        if not bound:
            return None
        return merged(groups)

    def _collected(self, name: str, frame: Frame) -> Values:
        """A list with what the function puts into it: `name.append(value)`."""
        wanted = (f"{name}.append", f"{name}.add")
        items = [
            self.evaluate(call.args[0], frame)
            for call in frame.scope.calls
            if isinstance(call.func, Ref) and call.func.path in wanted and len(call.args) == 1
        ]
        return (Container(merged(items)),) if any(items) else UNKNOWN

    def _definition(self, module: Module, member: Function | Class, frame: Frame | None) -> Values:
        if isinstance(member, Class):
            return (ClassValue(module.file, member.qualname),)
        receiver = frame.receiver if frame is not None and frame.function is not None else None
        return (Bound(module.file, member.qualname, receiver),)

    def bound_value(self, binding: Binding, frame: Frame) -> Values:
        """What an assignment gives its target: the annotation where it says something, else the value."""
        if binding.annotation is not None:
            annotated = self.annotated(binding.annotation, frame)
            if annotated:
                return annotated
        return self.evaluate(binding.value, frame)

    def parameter(self, frame: Frame, function: Function, place: int, parameter: Parameter) -> Values:
        """What a parameter can be: the receiver, what its annotation says, what callers pass, its default."""
        given = frame.arguments.get(parameter.name)
        if place == 0 and function.owner and parameter.kind in ("positional", "positional-only") and not given:
            cls = ClassValue(frame.module.file, function.owner)
            kinds = self.decorator_paths(frame.module.file, function)
            if "builtins.staticmethod" not in kinds:
                if "builtins.classmethod" in kinds or function.name in ("__new__", "__init_subclass__"):
                    receiver = frame.receiver or cls
                    return (receiver.cls if isinstance(receiver, Instance) else receiver,)
                return (frame.receiver or Instance(cls),)
        if parameter.kind == "kwargs":
            return (External("builtins.dict()"),)
        if parameter.kind == "args":
            return (Container(UNKNOWN),)
        outer = self.around(frame, function.parent) or frame
        if parameter.annotation is not None:
            annotated = self.annotated(parameter.annotation, outer)
            if annotated:
                return annotated
        if given:
            return given
        if parameter.default is not None and parameter.default != Const(None):
            return self.evaluate(parameter.default, outer)
        return UNKNOWN

    def member(self, file: str, name: str) -> Values:
        """What the module of `file` calls `name` at its top level."""
        key = (file, name)
        found = self._members.get(key)
        if found is not None:
            return found
        if key in self._busy:
            return UNKNOWN
        self._busy.add(key)
        try:
            found = self._member(file, name)
        finally:
            self._busy.discard(key)
        self._members[key] = found
        return found

    def _member(self, file: str, name: str) -> Values:
        module = self.module(file)
        if module is None:
            return UNKNOWN
        frame = self.frame(file)
        assert frame is not None
        groups = [self.imported(file, item) for item in module.imports("").get(name, ())]
        groups += [self._definition(module, member, None) for member in module.members.get("", {}).get(name, ())]
        groups += [self.bound_value(module.facts.body.bindings[index], frame) for index in module.bindings("").get(name, ())]
        groups += self._assigned_globally(module, name)
        if groups:
            known = [group for group in groups if group != (Literal(None),)]
            return merged(known or groups)
        stars = module.imports("").get("*", ())
        for star in stars:
            target = self.index.absolute(file, star.module, star.level)
            source = target and self.index.find(target, file)
            if source and source != file:
                values = self.member(source, name)
                if values:
                    return values
        libraries = [star for star in stars if not star.level and not self.index.has_namespace(star.module)]
        if len(libraries) == 1 and name not in BUILTINS:
            return (External(self.knowledge.canonical(f"{libraries[0].module}.{name}")),)
        return UNKNOWN

    def _assigned_globally(self, module: Module, name: str) -> list[Values]:
        """What functions with `global name` assign to it."""
        groups = []
        for function in module.facts.functions:
            if name in function.body.globals:
                frame = self.frame(module.file, function.qualname)
                if frame is not None:
                    groups += [
                        self.bound_value(function.body.bindings[index], frame)
                        for index in module.bindings(function.qualname).get(name, ())
                    ]
                    groups += [
                        self._definition(module, member, None)
                        for member in module.members.get(function.qualname, {}).get(name, ())
                    ]
        return groups

    def imported(self, file: str, item: Import) -> Values:
        """What an import binds."""
        target = self.index.absolute(file, item.module, item.level)
        if target is None:
            return UNKNOWN
        if item.attribute is None:
            return self.module_value(target, file, relative=bool(item.level))
        source = self.index.find(target, file)
        if source is not None and source != file:
            values = self.member(source, item.attribute)
            if values:
                return values
        elif source == file and item.level:
            return self.module_value(f"{target}.{item.attribute}", file, relative=True)
        if source is not None or self.index.has_namespace(target) or item.level:
            return self.module_value(f"{target}.{item.attribute}", file, relative=True)
        return (External(self.knowledge.canonical(f"{target}.{item.attribute}")),)

    def module_value(self, name: str, importer: str, *, relative: bool = False) -> Values:
        """The module of a dotted name; a library's, unless the import is relative."""
        file = self.index.find(name, importer)
        if file is not None:
            return (ModuleValue(file),)
        if self.index.has_namespace(name):
            return (Namespace(name),)
        return UNKNOWN if relative else (External(self.knowledge.canonical(name)),)

    def dotted(self, path: str, importer: str) -> Values:
        """What a dotted path in a string ("shop.tasks.Order", "shop.tasks:Order") stands for."""
        parts = path.replace(":", ".").split(".")
        for cut in range(len(parts), 0, -1):
            name = ".".join(parts[:cut])
            if self.index.find(name, importer):
                values = self.module_value(name, importer)
                for part in parts[cut:]:
                    values = self.attribute(values, part)
                return values
        if self.index.has_namespace(parts[0]):
            return UNKNOWN
        return (External(self.knowledge.canonical(".".join(parts))),)

    # ── attributes ───────────────────────────────────────────────────────────────────────────────────────────────────

    def attribute(self, values: Values, name: str) -> Values:
        """What `value.name` can be."""
        if len(values) == 1:
            return self._attribute(values[0], name)
        return merged([self._attribute(value, name) for value in values] or [UNKNOWN])

    def _attribute(self, value: Value, name: str) -> Values:
        if isinstance(value, External):
            if value.queryset is not None:
                own = self._project_attribute(value.queryset, name, Instance(value.queryset, value.model))
                if own:
                    return own
            if value.path == "django.conf.settings":
                own = merged([self.member(file, name) for file in self.index.settings_files()] or [UNKNOWN])
                if own:
                    return own
            path = self.knowledge.canonical(f"{value.path}.{name}")
            return (External(path, value.model, value.queryset),) if len(path) < 300 else UNKNOWN
        if isinstance(value, Instance):
            return self.class_attribute(value.cls, name, value)
        if isinstance(value, ModuleValue):
            found = self.member(value.file, name)
            if not found:
                submodule = self.index.find(f"{self.index.name(value.file)}.{name}", value.file)
                if submodule is not None:
                    return (ModuleValue(submodule),)
            return found
        if isinstance(value, Namespace):
            return self.module_value(f"{value.name}.{name}", "", relative=True)
        if isinstance(value, ClassValue):
            return self.class_attribute(value, name, value)
        if isinstance(value, SuperOf):
            start = value.receiver.cls if isinstance(value.receiver, Instance) else value.receiver
            return self.class_attribute(start, name, value.receiver, after=value.cls)
        if isinstance(value, Bound):
            return (value,) if name == "__wrapped__" else self.task_attribute(value, name)
        if isinstance(value, Container):
            return (External(f"builtins.list().{name}"),)
        if value.value is None:
            return UNKNOWN
        return (External(f"builtins.{type(value.value).__name__}().{name}"),)

    def lineage(self, cls: ClassValue) -> tuple[list[ClassValue], list[str], bool]:
        """The project classes that `cls` inherits from (itself first), its library bases, and whether all bases are known."""
        found = self._lineages.get(cls)
        if found is not None:
            return found
        key = ("lineage", cls)
        if key in self._busy:
            return [cls], [], False
        self._busy.add(key)
        try:
            module = self.module(cls.file)
            assert module is not None
            facts = module.classes[cls.qualname]
            frame = self.frame(cls.file, facts.parent)
            assert frame is not None
            classes, libraries, complete = [cls], [], True
            for base in facts.bases:
                values = self.evaluate(base.base if isinstance(base, Item) else base, frame)
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
            self._busy.discard(key)
        self._lineages[cls] = classes, libraries, complete
        return classes, libraries, complete

    def inherits(self, cls: ClassValue, library_class: str) -> bool:
        """Whether a project class is known to inherit from a library's class."""
        return any(self.knowledge.is_a(path, library_class) for path in self.lineage(cls)[1])

    def class_attribute(
        self, cls: ClassValue, name: str, receiver: Instance | ClassValue, after: ClassValue | None = None
    ) -> Values:
        """Attribute `name` of a class or instance, by its method resolution order (from behind `after`, for `super()`)."""
        classes, libraries, _ = self.lineage(cls)
        if after is not None and after in classes:
            classes = classes[classes.index(after) + 1 :]
        for owner in classes:
            values = self._own_attribute(owner, name, receiver)
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
                found.append(External(self.knowledge.canonical(f"{library}().{name}"), receiver.model, queryset))
            else:
                found.append(External(self.knowledge.canonical(f"{library}.{name}"), receiver))
        return tuple(found[:3])

    def _project_attribute(self, cls: ClassValue, name: str, receiver: Instance) -> Values:
        """The attribute as the project's own classes define it, UNKNOWN where only a library does."""
        for owner in self.lineage(cls)[0]:
            values = self._own_attribute(owner, name, receiver)
            if values is not None:
                return values
        return UNKNOWN

    def _own_attribute(self, owner: ClassValue, name: str, receiver: Instance | ClassValue) -> Values | None:
        """The attribute as the class itself defines it, None where it does not."""
        module = self.module(owner.file)
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
                frame = self.frame(owner.file, method, receiver)
                if frame is not None:
                    groups.append(self._guarded((owner, name, method, receiver), binding, frame))
        for index in module.bindings(owner.qualname).get(name, ()):
            found = True
            frame = self.frame(owner.file, owner.qualname)
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
        if key in self._busy or len(self._busy) > DEEPEST:
            return UNKNOWN
        self._busy.add(key)
        try:
            return self.bound_value(binding, frame)
        finally:
            self._busy.discard(key)

    def _method(self, owner: ClassValue, function: Function, receiver: Instance | ClassValue) -> Values:
        kinds = self.decorator_paths(owner.file, function)
        if "builtins.staticmethod" in kinds:
            return (Bound(owner.file, function.qualname),)
        if "builtins.classmethod" in kinds:
            cls = receiver.cls if isinstance(receiver, Instance) else receiver
            return (Bound(owner.file, function.qualname, cls),)
        if isinstance(receiver, ClassValue):
            return (Bound(owner.file, function.qualname),)
        bound = Bound(owner.file, function.qualname, receiver)
        if function.decorators and (not kinds.isdisjoint(PROPERTIES) or self._named_property(owner, function)):
            self.touched.append(bound)
            return self.returned(bound)
        return (bound,)

    def _assigned_in_methods(self, owner: ClassValue, module: Module) -> dict[str, list[tuple[str, Binding]]]:
        """`self.name = value` in the methods of a class."""
        found = self._own_attributes.get(owner)
        if found is None:
            found = self._own_attributes[owner] = {}
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
        return self.evaluate(target, frame)

    def model_named(self, name: str, importer: str) -> Values:
        """The Django model of "app.Model" or "Model" (then in the same module)."""
        label, _, model = name.rpartition(".")
        if not label:
            return self.member(importer, model)
        for file in self.index.model_files(label):
            if self.module(file) is None:
                continue
            values = self.member(file, model)
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
            elif isinstance(value, External) and value.model is None and value.path.startswith(_MANAGERS):
                value = External(value.path, model)
            found.append(value)
        return tuple(found)

    def _is_manager(self, cls: ClassValue) -> bool:
        return any(path.startswith(_MANAGERS) for path in self.lineage(cls)[1])

    def _forwarded(self, classes: list[ClassValue], libraries: list[str], name: str, receiver: Instance) -> Values:
        """Attributes that a class hands on: `__getattr__` returning `getattr(self.x, name)`, Django's LazyObject."""
        if "django.utils.functional.LazyObject" in libraries and name != "_wrapped":
            return self.attribute(self.class_attribute(receiver.cls, "_wrapped", receiver), name)
        for owner in classes:
            module = self.module(owner.file)
            assert module is not None
            for member in module.members.get(owner.qualname, {}).get("__getattr__", ()):
                if isinstance(member, Function):
                    for call in member.body.calls:
                        if call.func == Ref("getattr") and call.args and isinstance(call.args[0], Ref):
                            frame = self.frame(owner.file, member.qualname, receiver)
                            if frame is not None and call.args[0].path != member.parameters[0].name:
                                return self.attribute(self.evaluate(call.args[0], frame), name)
        return UNKNOWN

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def result(self, index: int, frame: Frame) -> Values:
        """What the call `frame.scope.calls[index]` gives."""
        found = frame.memo.get(index)
        if found is not None:
            return found
        busy = (id(frame), index)
        if busy in self._busy or len(self._busy) > DEEPEST:
            return UNKNOWN
        self._busy.add(busy)
        try:
            call = frame.scope.calls[index]
            values = self.evaluate(call.func, frame)
            found = merged([self.called(value, call, frame) for value in values]) if values else self.located(call, frame)
        finally:
            self._busy.discard(busy)
        frame.memo[index] = found
        return found

    def located(self, call: Call, frame: Frame) -> Values:
        """What a service locator gives for the class it is asked for: `request.find_service(Mailer)`."""
        name = call.func.path.rpartition(".")[2] if isinstance(call.func, (Ref, Attr)) else ""
        if name not in SERVICE_LOCATORS or not call.args:
            return UNKNOWN
        return tuple(Instance(value) for value in self.evaluate(call.args[0], frame) if isinstance(value, ClassValue))

    def called(self, value: Value, call: Call, frame: Frame) -> Values:
        """What calling `value` with the arguments of `call` gives."""
        if isinstance(value, External):
            special = self.specials.get(value.path) or self.specials.get("*." + value.path.rpartition(".")[2])
            if special is not None:
                given = special(self, value, call, frame)
                if given is not None:
                    return given
            path = self.knowledge.result(value.path)
            if path.endswith(SERVICE_LOCATOR_CALLS):
                found = self.located(call, frame)
                if found:
                    return found
            return (External(path, value.model, value.queryset),) if len(path) < 300 else UNKNOWN
        if isinstance(value, Bound):
            return self.returned(value)
        if isinstance(value, ClassValue):
            return (Instance(value),)
        if isinstance(value, Instance):
            return self.method_result(value, "__call__")
        return UNKNOWN

    def returned(self, bound: Bound) -> Values:
        """What calling a function of the project gives: its annotation where that says something, else its returns."""
        frame = self.frame_of(bound)
        if frame is None or frame.function is None:
            return UNKNOWN
        function = frame.function
        found = frame.memo.get("return")
        if found is not None:
            return found
        busy = (id(frame), "return")
        if busy in self._busy or len(self._busy) > DEEPEST:
            return UNKNOWN
        self._busy.add(busy)
        try:
            found = self._returned(frame, function)
        finally:
            self._busy.discard(busy)
        frame.memo["return"] = found
        return found

    def _returned(self, frame: Frame, function: Function) -> Values:
        if function.body.yields:
            items = merged([self.evaluate(value, frame) for value in function.body.yields[:8]])
            if not items and isinstance(function.returns, Item):
                return self.annotated(function.returns, frame)
            return (Container(items),)
        if function.returns is not None and function.returns != Const(None):
            outer = self.around(frame, function.parent) or frame
            annotated = self.annotated(function.returns, outer, frame.receiver)
            if annotated:
                return annotated
        groups = [self.evaluate(value, frame) for value in function.body.returns[:12]]
        known = [group for group in groups if group != (Literal(None),)]
        return merged(known or groups or [UNKNOWN])

    def argument(self, call: Call, place: int, keyword: str = "") -> Expr | None:
        """The argument at a position or of a name."""
        if place < len(call.args):
            return call.args[place]
        return call.keyword(keyword) if keyword else None

    # ── decorators ───────────────────────────────────────────────────────────────────────────────────────────────────

    def decorator_paths(self, file: str, function: Function) -> frozenset[str]:
        """The library paths of a function's decorators."""
        if not function.decorators:
            return frozenset()
        frame = self.frame(file, function.parent)
        if frame is None:
            return frozenset()
        return frozenset(
            value.path
            for decorator in function.decorators
            for value in self.evaluate(decorator.value, frame)
            if isinstance(value, External)
        )

    def _named_property(self, owner: ClassValue, function: Function) -> bool:
        """Whether a decorator of the project or an unknown library calls itself a property (`@ttl_cached_property(...)`)."""
        module = self.module(owner.file)
        assert module is not None
        calls = module.scope(function.parent).calls
        for decorator in function.decorators:
            expr = decorator.value
            if isinstance(expr, Result):
                expr = calls[expr.index].func
            if isinstance(expr, (Ref, Attr)) and expr.path.lower().endswith("property"):
                return True
        return False

    # ── annotations ──────────────────────────────────────────────────────────────────────────────────────────────────

    def annotated(self, annotation: Expr, frame: Frame, receiver: Instance | ClassValue | None = None) -> Values:
        """What a value of an annotated type can be; UNKNOWN for types that say nothing (Any, a type variable, a protocol)."""
        if isinstance(annotation, OneOf):
            return merged([self.annotated(option, frame, receiver) for option in annotation.options])
        if isinstance(annotation, Const):
            text = annotation.value
            if isinstance(text, str) and text.replace(".", "").isidentifier():
                return self.annotated(Ref(text), frame, receiver)
            return UNKNOWN
        if isinstance(annotation, Item):
            return self._annotated_generic(annotation, frame, receiver)
        if not isinstance(annotation, (Ref, Attr)):
            return UNKNOWN
        found: list[Value] = []
        for value in self.evaluate(annotation, frame):
            if isinstance(value, ClassValue):
                if not self.inherits(value, "typing.Protocol"):
                    found.append(Instance(value))
            elif isinstance(value, External):
                if value.path in ("typing.Self", "typing_extensions.Self"):
                    if receiver is not None:
                        found.append(receiver)
                elif value.path not in _SILENT and not value.path.endswith(")"):
                    found.append(External(value.path + "()"))
        return tuple(found)

    def _annotated_generic(self, annotation: Item, frame: Frame, receiver: Instance | ClassValue | None) -> Values:
        arguments = annotation.key.items if isinstance(annotation.key, Seq) else (annotation.key,)
        found: list[Values] = []
        for base in self.evaluate(annotation.base, frame):
            if isinstance(base, ClassValue):
                found.append((Instance(base),))
            elif isinstance(base, External):
                name = base.path.rpartition(".")[2]
                if name in ("Optional", "Union", "Annotated", "Final", "ClassVar", "Required", "NotRequired", "Awaitable", "Mapped"):
                    options = arguments if name == "Union" else arguments[:1]
                    found.append(merged([self.annotated(option, frame, receiver) for option in options]))
                elif name == "Coroutine":
                    found.append(self.annotated(arguments[-1], frame, receiver))
                elif name in ("type", "Type"):
                    found.append(tuple(v for v in self.evaluate(arguments[0], frame) if isinstance(v, ClassValue)))
                elif name in ("QuerySet", "Manager", "BaseManager", "RelatedManager"):
                    models = [v for v in self.evaluate(arguments[0], frame) if isinstance(v, ClassValue)]
                    found.append((External("django.db.models.QuerySet()", models[0] if models else None),))
                elif name in _CONTAINERS:
                    found.append((Container(merged([self.annotated(a, frame, receiver) for a in arguments])),))
                elif base.path not in _SILENT and name != "Callable":
                    found.append((External(base.path + "()"),))
        return merged(found or [UNKNOWN])

    # ── subclasses ───────────────────────────────────────────────────────────────────────────────────────────────────

    def elements(self, exprs: Iterable[Expr], frame: Frame) -> Iterator[Value]:
        """All values of several expressions."""
        for expr in exprs:
            yield from self.evaluate(expr, frame)


_MANAGERS = ("django.db.models.Manager", "django.db.models.QuerySet")
_SILENT = frozenset(
    {"typing.Any", "typing.TypeVar()", "typing.Callable", "typing_extensions.TypeVar()", "typing.Protocol", "builtins.object"}
    | {"collections.abc.Callable", "typing.NoReturn", "typing.Never"}
)
_CONTAINERS = frozenset(
    {"list", "List", "set", "Set", "frozenset", "FrozenSet", "tuple", "Tuple", "Sequence", "Iterable", "Iterator", "Collection"}
    | {"Generator", "AsyncGenerator", "AsyncIterator", "AsyncIterable", "deque", "Deque", "ContextManager", "AsyncContextManager"}
    | {"AbstractContextManager", "AbstractAsyncContextManager", "KeysView", "ValuesView", "MutableSequence"}
)
