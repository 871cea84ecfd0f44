"""Which functions and classes are Celery tasks, however they are declared."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct

from celery_best_practices.contract import WORKLOAD_OF_DECORATOR
from lint_rules.facts.model import Attr, Call, Const, Decorator, Expr, Formatted, Function, Item, Map, Ref, Result, Seq, Span, Template
from lint_rules.project.frames import Frame
from lint_rules.project.modules import Module, NotLoaded
from lint_rules.project.origins import call_behind
from lint_rules.project.resolver import Resolver
from lint_rules.project.values import Bound, ClassValue, External, Instance, Literal, Value, Values

REGISTERING = frozenset(
    {"celery.shared_task", "celery.Celery().task", "celery.task", "celery.task.task", "celery.decorators.task"}
    | {"celery.task.periodic_task", "celery.decorators.periodic_task"}
)
"""Library callables that turn a function into a task (bare or called with options)."""

UNSEEN_APP = re.compile(r"(?i)[\w.()]*celery[\w.()]*\.task(\(\))?")
"""`.task` of something whose path speaks of Celery, from a library that is not at hand."""

REGISTERING_NAMES = frozenset({"task", "shared_task", "periodic_task"})
"""Their last names."""

TASK_BASES = "celery.Task"


class Declaration(Struct, frozen=True):
    """The way a function was made a task."""

    text: str
    """As written: `@app.task`, `@shared_task(...)`."""
    form: str
    """"plain" (Celery's own decorator), "alias" (a pre-configured one), "wrapper" (a project function that registers), "call"
    (`x = app.task(f)`), "class" (`app.register_task(X())`) or "ours"."""
    options: tuple[tuple[str, Expr], ...]
    positional: tuple[Expr, ...]
    span: Span
    decorator: int | None
    """Its place among the function's decorators."""
    called: bool
    opaque: bool
    """Whether options may come from a `**mapping` or an alias that cannot be seen."""
    workload: str | None = None
    """cpu, io or db where the decorator is one of ours."""
    registrar: str = ""
    """The canonical path of what registers."""
    borrowed: tuple[str, ...] = ()
    """Names of the options that a pre-configured alias or a class body brings; they are to be evaluated in `borrowed_frame`."""
    borrowed_frame: Frame | None = None


class Task(Struct, frozen=True, eq=False):
    """One task of the project."""

    file: str
    module: str
    function: Function
    name: str
    """The name Celery registers it under."""
    declaration: Declaration
    bound: Bound
    frame: Frame
    """Where the options are to be evaluated."""
    base: ClassValue | None = None
    """The project's own task class, where `base=` or the class form names one."""
    has_base: bool = False

    @property
    def qualname(self) -> str:
        """The function's qualified name."""
        return self.function.qualname

    def option(self, name: str) -> Expr | None:
        """The expression of a declared option."""
        for key, value in self.declaration.options:
            if key == name:
                return value
        return None

    def frame_of(self, name: str) -> Frame:
        """Where the expression of an option is to be evaluated: an alias brings options from its own module."""
        if name in self.declaration.borrowed and self.declaration.borrowed_frame is not None:
            return self.declaration.borrowed_frame
        return self.frame

    def flag(self, name: str) -> bool:
        """Whether an option is the literal True."""
        value = self.option(name)
        return isinstance(value, Const) and value.value is True


def rendered(expr: Expr | None, calls: tuple[Call, ...] = (), depth: int = 0) -> str:
    """An expression as source text, as far as facts kept it ("..." stands for the rest)."""
    if depth > 6:
        return "..."
    if isinstance(expr, Ref):
        return expr.path
    if isinstance(expr, Const):
        return repr(expr.value)
    if isinstance(expr, Attr):
        return f"{rendered(expr.base, calls, depth + 1)}.{expr.path}"
    if isinstance(expr, Item):
        return f"{rendered(expr.base, calls, depth + 1)}[{rendered(expr.key, calls, depth + 1)}]"
    if isinstance(expr, Result) and expr.index < len(calls):
        call = calls[expr.index]
        arguments = [rendered(argument, calls, depth + 1) for argument in call.args]
        arguments += [
            f"{key}={rendered(value, calls, depth + 1)}" if key else f"**{rendered(value, calls, depth + 1)}"
            for key, value in call.keywords
        ]
        return f"{rendered(call.func, calls, depth + 1)}({', '.join(arguments)})"
    if isinstance(expr, Seq):
        inner = ", ".join(rendered(item, calls, depth + 1) for item in expr.items)
        if expr.kind == "tuple":
            return f"({inner},)" if len(expr.items) == 1 else f"({inner})"
        return f"[{inner}]" if expr.kind == "list" else f"{{{inner}}}"
    if isinstance(expr, Map):
        heads = ["**" if key is None else rendered(key, calls, depth + 1) + ": " for key in expr.keys]
        return "{" + ", ".join(head + rendered(value, calls, depth + 1) for head, value in zip(heads, expr.values)) + "}"
    if isinstance(expr, Template):
        return "f" + repr("".join(_field(part, calls, depth) for part in expr.parts))
    return "..."


def _field(part: Expr, calls: tuple[Call, ...], depth: int) -> str:
    """A part of a template as it stands in an f-string."""
    if isinstance(part, Const):
        return str(part.value).replace("{", "{{").replace("}", "}}")
    base, how = (part.base, part.how) if isinstance(part, Formatted) else (part, "")
    return "{" + rendered(base, calls, depth + 1) + (f":{how[1:]}" if how.startswith("%") else how) + "}"


class TaskFinder:
    """Finds tasks in modules; remembers which project names turned out to register tasks."""

    def __init__(self, resolver: Resolver, decorator_globs: Iterable[str] = ()) -> None:
        self.resolver = resolver
        self.globs = tuple(decorator_globs)
        self.wrapper_names: set[str] = set()
        """Last names of what registers tasks in this project: other files may use them without any word of Celery."""
        self._wrappers: dict[Bound, bool] = {}

    def tasks_in(self, module: Module) -> Iterator[Task]:
        """The tasks declared in a module.

        Raises:
            NotLoaded: another module has to be loaded first.
        """
        seen: set[str] = set()
        for function in module.facts.functions:
            if function.decorators:
                task = self.decorated(module, function)
                if task is not None:
                    seen.add(function.qualname)
                    yield task
        for task in self.registered_by_call(module):
            if task.function.qualname not in seen:
                seen.add(task.function.qualname)
                yield task

    # ── the project's own names for it ───────────────────────────────────────────────────────────────────────────────

    def learn(self, module: Module) -> None:
        """Note under which names a module offers to register tasks: functions that hand on, pre-configured aliases, other names.

        Raises:
            NotLoaded: another module has to be loaded first.
        """
        frame = self.resolver.frame(module.file)
        if frame is None:
            return
        words = REGISTERING_NAMES | self.wrapper_names
        for item in module.facts.body.imports:
            if item.attribute in words and item.name not in words and self._registrar(self.resolver.name(item.name, frame)):
                self.wrapper_names.add(item.name)
        for binding in module.facts.body.bindings:
            if binding.target.isidentifier() and _speaks_of(binding.value, frame.scope.calls, words):
                if self._registrar(self.resolver.evaluate(binding.value, frame)):
                    self.wrapper_names.add(binding.target)
        for function in module.facts.functions:
            if function.parent and not function.owner:
                continue
            if function.name not in self.wrapper_names and _hands_over(module, function, words):
                receiver = Instance(ClassValue(module.file, function.owner)) if function.owner else None
                if self.is_wrapper(Bound(module.file, function.qualname, receiver)):
                    self.wrapper_names.add(function.name)

    def _registrar(self, values: Values) -> bool:
        return any(self.registers(value)[0] for value in values)

    # ── decorators ───────────────────────────────────────────────────────────────────────────────────────────────────

    def decorated(self, module: Module, function: Function) -> Task | None:
        """The function as a task, if one of its decorators makes it one."""
        frame = self.resolver.frame(module.file, function.parent)
        if frame is None:
            return None
        for place, decorator in enumerate(function.decorators):
            declaration = self.declaration(decorator, place, frame)
            if declaration is not None:
                return self.task(module, function, declaration, frame)
        return None

    def declaration(self, decorator: Decorator, place: int, frame: Frame) -> Declaration | None:
        """What a decorator declares, None where it makes no task."""
        expr, call = decorator.value, None
        if isinstance(expr, Result):
            call = frame.scope.calls[expr.index]
            expr = call.func
        if not isinstance(expr, (Ref, Attr, Result)):
            return None
        text = "@" + rendered(expr, frame.scope.calls)
        last = text.rpartition(".")[2].lstrip("@")
        options: tuple[tuple[str, Expr], ...] = call.keywords if call is not None else ()
        opaque = call is not None and (call.opaque_keywords or call.starred)
        form, workload, registrar = "", None, ""
        if last in WORKLOAD_OF_DECORATOR:
            form, workload = "ours", WORKLOAD_OF_DECORATOR[last]
        else:
            for value in self.resolver.evaluate(expr, frame):
                workload = WORKLOAD_OF_DECORATOR.get(self.path_of(value).rpartition(".")[2])
                if workload is not None:  # one of ours under another name
                    form = "ours"
                    self.wrapper_names.add(last)
                    break
                form, registrar = self.registers(value)
                if form:
                    break
            else:
                form, registrar = self._by_glob(expr, frame)
        if not form:
            return None
        borrowed: tuple[tuple[str, Expr], ...] = ()
        borrowed_frame = None
        if form in ("plain", "alias") and isinstance(expr, Ref):
            configured = call_behind(self.resolver, expr, frame)
            if configured is not None:
                form = "alias"
                self.wrapper_names.add(last)
                borrowed = tuple(pair for pair in configured[0].keywords if pair[0] not in dict(options))
                borrowed_frame = configured[1]
                opaque = opaque or configured[0].opaque_keywords
            elif form == "alias":
                opaque = True
        if form == "wrapper":
            self.wrapper_names.add(last)
            opaque = True
        return Declaration(
            text=text + ("(...)" if call is not None and (call.args or call.keywords) else "()" if call is not None else ""),
            form=form,
            options=tuple(pair for pair in (*options, *borrowed) if pair[0]),
            positional=call.args if call is not None else (),
            span=decorator.span,
            decorator=place,
            called=call is not None,
            opaque=opaque,
            workload=workload,
            registrar=registrar,
            borrowed=tuple(name for name, _ in borrowed if name),
            borrowed_frame=borrowed_frame,
        )

    def registers(self, value: Value) -> tuple[str, str]:
        """How a decorator's value registers tasks ("plain", "alias", "wrapper", or "" for not at all), and its path."""
        if isinstance(value, External):
            if value.path in REGISTERING:
                return "plain", value.path
            if value.path.endswith("()") and value.path[:-2] in REGISTERING:
                return "alias", value.path[:-2]
            if not value.path.startswith("celery.") and UNSEEN_APP.fullmatch(value.path):
                return "plain", value.path
        elif isinstance(value, Bound) and self.is_wrapper(value):
            return "wrapper", f"{self.resolver.index.name(value.file)}.{value.qualname}"
        return "", ""

    def is_wrapper(self, bound: Bound, depth: int = 0) -> bool:
        """Whether a project function (or one defined in it) hands what it is given to a Celery decorator."""
        found = self._wrappers.get(bound)
        if found is not None:
            return found
        self._wrappers[bound] = False  # while it is looked at: a function that calls itself
        try:
            found = self._hands_on(bound, depth)
        except NotLoaded:
            del self._wrappers[bound]
            raise
        self._wrappers[bound] = found
        return found

    def _hands_on(self, bound: Bound, depth: int) -> bool:
        module = self.resolver.module(bound.file)
        if module is None:
            return False
        inner = [bound.qualname] + [q for q in module.functions if q.startswith(bound.qualname + ".")]
        for qualname in inner:
            function = module.functions[qualname]
            if function.decorators and qualname != bound.qualname and self.decorated(module, function) is not None:
                return True  # it makes a task of an inner function
            frame = self.resolver.frame(bound.file, qualname, bound.receiver)
            for call in function.body.calls if frame is not None else ():
                assert frame is not None
                for value in self.resolver.evaluate(call.func, frame):
                    if isinstance(value, External) and value.path.removesuffix("()") in REGISTERING:
                        return True
                    if isinstance(value, Bound) and depth < 3 and self.is_wrapper(value, depth + 1):
                        return True
        return False

    def _by_glob(self, expr: Expr, frame: Frame) -> tuple[str, str]:
        """Decorators that the configuration names."""
        for glob in self.globs:
            for value in self.resolver.evaluate(expr, frame):
                path = self.path_of(value)
                if path and fnmatch.fnmatchcase(path, glob):
                    return "wrapper", path
            if isinstance(expr, Ref) and fnmatch.fnmatchcase(expr.path, glob):
                return "wrapper", expr.path
        return "", ""

    def path_of(self, value: Value) -> str:
        """A value's dotted path, "" where it has none."""
        if isinstance(value, External):
            return value.path
        if isinstance(value, (Bound, ClassValue)):
            return f"{self.resolver.index.name(value.file)}.{value.qualname}"
        return ""

    # ── other forms ──────────────────────────────────────────────────────────────────────────────────────────────────

    def registered_by_call(self, module: Module) -> Iterator[Task]:
        """`x = app.task(f)`, `shared_task(...)(f)` and `app.register_task(X())`, at module level or in functions."""
        frames = [("", module.facts.body)] + [(function.qualname, function.body) for function in module.facts.functions]
        for qualname, scope in frames:
            if not scope.calls:
                continue
            frame = self.resolver.frame(module.file, qualname)
            if frame is None:
                continue
            for call in scope.calls:
                if len(call.args) != 1 or not _may_register(call.func, scope.calls):
                    continue
                for value in self.resolver.evaluate(call.func, frame):
                    if not isinstance(value, External):
                        continue
                    if value.path.endswith((".register_task", ".tasks.register")) and value.path.startswith("celery."):
                        yield from self._class_tasks(module, call, frame)
                    elif value.path.removesuffix("()") in REGISTERING:
                        yield from self._called_tasks(call, frame, value.path)

    def _called_tasks(self, call: Call, frame: Frame, path: str) -> Iterator[Task]:
        options = call.keywords
        if path.endswith("()") and isinstance(call.func, Result):
            options = frame.scope.calls[call.func.index].keywords
        for target in self.resolver.evaluate(call.args[0], frame):
            function = self.resolver.function(target) if isinstance(target, Bound) else None
            module = self.resolver.module(target.file) if isinstance(target, Bound) else None
            if function is None or module is None or function.name == "<lambda>":
                continue
            if frame.qualname and function.parent.startswith(frame.qualname):
                continue  # a decorator of the project at work: what it decorates are the tasks
            declaration = Declaration(
                text=rendered(call.func, frame.scope.calls) + "(...)",
                form="call",
                options=tuple(pair for pair in options if pair[0]),
                positional=(),
                span=call.span,
                decorator=None,
                called=True,
                opaque=call.opaque_keywords,
                registrar=path.removesuffix("()"),
            )
            yield self.task(module, function, declaration, frame)

    def _class_tasks(self, module: Module, call: Call, frame: Frame) -> Iterator[Task]:
        for value in self.resolver.evaluate(call.args[0], frame):
            cls = value.cls if isinstance(value, Instance) else value
            if not isinstance(cls, ClassValue) or not self.resolver.inherits(cls, TASK_BASES):
                continue
            run = self.resolver.attribute((Instance(cls),), "run")
            for method in run:
                function = self.resolver.function(method) if isinstance(method, Bound) else None
                if function is None or not isinstance(method, Bound):
                    continue
                facts = self.resolver.class_facts(cls)
                own = self.resolver.module(cls.file)
                assert own is not None
                options = tuple((binding.target, binding.value) for binding in facts.body.bindings if "." not in binding.target)
                declaration = Declaration(
                    text=rendered(call.func, frame.scope.calls) + f"({facts.name})",
                    form="class",
                    options=options,
                    positional=(),
                    span=Span(facts.row, facts.header.column, facts.row, facts.header.column + len("class ") + len(facts.name)),
                    decorator=None,
                    called=True,
                    opaque=False,
                    registrar="celery.Celery().register_task",
                    borrowed=tuple(option for option, _ in options),
                    borrowed_frame=self.resolver.frame(cls.file, cls.qualname),
                )
                explicit = dict(options).get("name")
                name = explicit.value if isinstance(explicit, Const) and isinstance(explicit.value, str) else ""
                yield Task(
                    file=cls.file,
                    module=own.name,
                    function=function,
                    name=name or f"{own.name}.{facts.name}",
                    declaration=declaration,
                    bound=method,
                    frame=frame,
                    base=cls,
                    has_base=True,
                )

    # ── making one ───────────────────────────────────────────────────────────────────────────────────────────────────

    def task(self, module: Module, function: Function, declaration: Declaration, frame: Frame) -> Task:
        """A task from its declaration."""
        options = dict(declaration.options)
        name = f"{module.name}.{function.name}"
        for value in self._option_values("name", declaration, frame):
            if isinstance(value, Literal) and isinstance(value.value, str):
                name = value.value
        base = None
        for value in self._option_values("base", declaration, frame):
            if isinstance(value, ClassValue):
                base = value
        return Task(
            file=module.file,
            module=module.name,
            function=function,
            name=name,
            declaration=declaration,
            bound=Bound(module.file, function.qualname),
            frame=frame,
            base=base,
            has_base="base" in options or declaration.form == "wrapper",
        )

    def _option_values(self, name: str, declaration: Declaration, frame: Frame) -> Values:
        """What an option can be; UNKNOWN where it is not given."""
        outer = declaration.borrowed_frame if name in declaration.borrowed else None
        return self.resolver.evaluate(dict(declaration.options).get(name), outer or frame)


def _may_register(func: Expr, calls: tuple[Call, ...]) -> bool:
    """A cheap look before evaluating: the callee ends in a name that registers tasks."""
    if isinstance(func, Result):
        func = calls[func.index].func
    return _last_name(func) in ("task", "shared_task", "register_task", "register")


def _last_name(expr: Expr) -> str:
    return expr.path.rpartition(".")[2] if isinstance(expr, (Ref, Attr)) else ""


def _speaks_of(expr: Expr, calls: tuple[Call, ...], words: Collection[str]) -> bool:
    """A cheap look before evaluating: `app.task`, `shared_task(...)`, `partial(shared_task, ...)`."""
    if isinstance(expr, Result):
        call = calls[expr.index]
        if isinstance(call.func, Result):  # `shared_task(...)(f)`: a task, if anything
            return False
        return _last_name(call.func) in words or any(_last_name(argument) in words for argument in call.args[:1])
    return _last_name(expr) in words


def _hands_over(module: Module, function: Function, words: Collection[str]) -> bool:
    """A cheap look before evaluating: the function may hand what it is given to something that registers tasks."""
    inner = [function]
    for each in inner:
        inner += [member for group in module.members.get(each.qualname, {}).values() for member in group if isinstance(member, Function)]
    given = {Ref(parameter.name) for each in inner for parameter in each.parameters}
    for each in inner:
        calls = each.body.calls
        for call in calls:
            func = calls[call.func.index].func if isinstance(call.func, Result) else call.func
            if _last_name(func) in words and not given.isdisjoint(call.args):
                return True
        if any(_speaks_of(value, calls, words) for value in each.body.returns if isinstance(value, Result)):
            return True
        outer = module.functions.get(each.parent)
        if each is function or outer is None or Ref(each.name) not in outer.body.returns:
            continue
        for decorator in each.decorators:
            value = decorator.value
            if _last_name(outer.body.calls[value.index].func if isinstance(value, Result) else value) in words:
                return True
    return False
