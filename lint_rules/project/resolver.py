"""What names, attributes and calls stand for: a lazy, flow-insensitive evaluation of facts across modules.

Nothing is executed and nothing is guessed: what cannot be followed is `UNKNOWN`, and every consumer keeps quiet about that.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable

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
    Map,
    OneOf,
    Parameter,
    Ref,
    Result,
    Seq,
    Template,
)
from lint_rules.knowledge.tables import Knowledge
from lint_rules.project.annotations import annotated
from lint_rules.project.classes import Classes
from lint_rules.project.frames import DEEPEST, Frame
from lint_rules.project.interpolation import evaluated
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

BUILTINS = frozenset(dir(builtins))
MOST_ENTRIES = 8
"""Values of a dict display that are looked at."""

SERVICE_LOCATORS = frozenset({"find_service", "get_service", "get_instance", "getUtility"})
"""Methods that by convention return an instance of the class they are given."""

SERVICE_LOCATOR_CALLS = tuple(f".{name}()" for name in sorted(SERVICE_LOCATORS))

CONTEXT_MANAGERS = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})


Special = Callable[["Resolver", External, Call, Frame], Values | None]


class Resolver:
    """Evaluates expressions of facts. See `values` for what comes out."""

    def __init__(self, index: ModuleIndex, knowledge: Knowledge, specials: dict[str, Special]) -> None:
        self.index = index
        self.knowledge = knowledge
        self.specials = specials
        self.task_attribute: Callable[[Bound, str], Values] = lambda bound, name: UNKNOWN
        """Answers for attributes of functions that are tasks (set once the tasks are known)."""
        self.reading: Frame | None = None
        """The frame whose expression is being evaluated."""
        self._frames: dict[tuple[str, str, Instance | ClassValue | None], Frame] = {}
        self._members: dict[tuple[str, str], Values] = {}
        self.classes = Classes(self)
        self.busy: set[object] = set()

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
        outer, self.reading = self.reading, frame
        try:
            return self._evaluate(expr, frame)
        finally:
            self.reading = outer

    def _evaluate(self, expr: Expr, frame: Frame) -> Values:
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
        if isinstance(expr, Map):
            return (
                Container(merged([self.evaluate(value, frame) for value in expr.values[:MOST_ENTRIES]] or [UNKNOWN], MOST_ENTRIES), True),
            )
        if isinstance(expr, Template):
            text = evaluated(self, expr, frame)
            return UNKNOWN if text is None else (Literal(text),)
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
            return UNKNOWN if value.mapping else value.items
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

    def methods(self, value: Value, name: str) -> list[Bound]:
        """The project's functions that `value.name` can be."""
        return [method for method in self._attribute(value, name) if isinstance(method, Bound)]

    def method_result(self, instance: Instance, name: str) -> Values:
        """What calling a method of the project class gives; UNKNOWN where the project does not define it."""
        groups = [self.returned(method) for method in self.methods(instance, name)]
        return merged(groups or [UNKNOWN])

    # ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def name(self, name: str, frame: Frame) -> Values:
        """What a bare name stands for in a frame."""
        found = frame.memo.get(name)
        if found is not None:
            return found
        busy = (id(frame), name)
        if busy in self.busy or len(self.busy) > DEEPEST:
            return UNKNOWN
        self.busy.add(busy)
        try:
            found = self._name(name, frame)
        finally:
            self.busy.discard(busy)
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
        return module is not None and (name in module.imports("") or name in module.bindings("") or name in module.members.get("", {}))

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
            typed = self.annotated(binding.annotation, frame)
            if typed:
                return typed
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
            typed = self.annotated(parameter.annotation, outer)
            if typed:
                return typed
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
        if key in self.busy:
            return UNKNOWN
        self.busy.add(key)
        try:
            found = self._member(file, name)
        finally:
            self.busy.discard(key)
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
        libraries = [star for star in stars if not star.level and not self._is_ours(star.module, file)]
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
                        self.bound_value(function.body.bindings[index], frame) for index in module.bindings(function.qualname).get(name, ())
                    ]
                    groups += [self._definition(module, member, None) for member in module.members.get(function.qualname, {}).get(name, ())]
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
        name = f"{target}.{item.attribute}"
        return self.module_value(name, file, relative=bool(item.level) or self._is_ours(target, file))

    def module_value(self, name: str, importer: str, *, relative: bool = False) -> Values:
        """The module of a dotted name; a library's, unless the import is relative."""
        file = self.index.find(name, importer)
        if file is not None:
            if relative or self._is_ours(name, importer):
                return (ModuleValue(file),)
            return (ModuleValue(file), External(self.knowledge.canonical(name)))
        if relative or self._is_ours(name, importer):
            return (Namespace(name),) if self.index.has_namespace(name) else UNKNOWN
        return (External(self.knowledge.canonical(name)),)

    def _is_ours(self, name: str, importer: str) -> bool:
        """Whether a dotted name is the project's rather than a library's.

        A directory `celery/` without `__init__.py`, or a script `celery.py` beside the importer, does not hide the library of that name.
        """
        top = name.partition(".")[0]
        if not self.knowledge.knows_library(top):
            return self.index.has_namespace(top) or self.index.find(top, importer) is not None
        file = self.index.find(top, importer)
        return file is not None and self.index.name(file) == top

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
        if self._is_ours(parts[0], importer):
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
                own = self.classes.own_attribute(value.queryset, name, Instance(value.queryset, value.model))
                if own:
                    return own
            if value.path == "django.conf.settings":
                own = merged([self.member(file, name) for file in self.index.settings_files()] or [UNKNOWN])
                if own:
                    return own
            path = self.knowledge.canonical(f"{value.path}.{name}")
            return (External(path, value.model, value.queryset),) if len(path) < 300 else UNKNOWN
        if isinstance(value, Instance):
            return self.classes.attribute(value.cls, name, value)
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
            return self.classes.attribute(value, name, value)
        if isinstance(value, SuperOf):
            start = value.receiver.cls if isinstance(value.receiver, Instance) else value.receiver
            return self.classes.attribute(start, name, value.receiver, after=value.cls)
        if isinstance(value, Bound):
            return (value,) if name == "__wrapped__" else self.task_attribute(value, name)
        if isinstance(value, Container):
            return (External(f"builtins.{'dict' if value.mapping else 'list'}().{name}"),)
        if value.value is None:
            return UNKNOWN
        return (External(f"builtins.{type(value.value).__name__}().{name}"),)

    def lineage(self, cls: ClassValue) -> tuple[list[ClassValue], list[str], bool]:
        """See `Classes.lineage`."""
        return self.classes.lineage(cls)

    def inherits(self, cls: ClassValue, library_class: str) -> bool:
        """See `Classes.inherits`."""
        return self.classes.inherits(cls, library_class)

    def annotated(self, annotation: Expr, frame: Frame, receiver: Instance | ClassValue | None = None) -> Values:
        """See `annotations.annotated`."""
        return annotated(self, annotation, frame, receiver)

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def result(self, index: int, frame: Frame) -> Values:
        """What the call `frame.scope.calls[index]` gives."""
        found = frame.memo.get(index)
        if found is not None:
            return found
        busy = (id(frame), index)
        if busy in self.busy or len(self.busy) > DEEPEST:
            return UNKNOWN
        self.busy.add(busy)
        try:
            call = frame.scope.calls[index]
            values = self.evaluate(call.func, frame)
            if values == (External("builtins.dict().get"),):
                return self.looked_up(call, frame)
            found = merged([self.called(value, call, frame) for value in values]) if values else self.located(call, frame)
        finally:
            self.busy.discard(busy)
        frame.memo[index] = found
        return found

    def located(self, call: Call, frame: Frame) -> Values:
        """What a service locator gives for the class it is asked for: `request.find_service(Mailer)`."""
        name = call.func.path.rpartition(".")[2] if isinstance(call.func, (Ref, Attr)) else ""
        if name not in SERVICE_LOCATORS or not call.args:
            return UNKNOWN
        return tuple(Instance(value) for value in self.evaluate(call.args[0], frame) if isinstance(value, ClassValue))

    def looked_up(self, call: Call, frame: Frame) -> Values:
        """What `mapping.get(key)` gives, of a mapping that is written out."""
        func = call.func
        base: Expr | None = None
        if isinstance(func, Ref):
            base = Ref(func.path.rpartition(".")[0])
        elif isinstance(func, Attr) and "." not in func.path:
            base = func.base
        groups = [value.items for value in self.evaluate(base, frame) if isinstance(value, Container) and value.mapping]
        return merged(groups or [UNKNOWN], MOST_ENTRIES)

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
        if busy in self.busy or len(self.busy) > DEEPEST:
            return UNKNOWN
        self.busy.add(busy)
        try:
            found = self._returned(frame, function)
        finally:
            self.busy.discard(busy)
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
            typed = self.annotated(function.returns, outer, frame.receiver)
            if typed:
                return typed
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
