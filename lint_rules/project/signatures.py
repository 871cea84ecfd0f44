"""Which tasks does a signature, a group, a chain or a chord stand for, and which options has it got so far?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from lint_rules.facts.model import OPAQUE, Attr, Call, Const, Expr, Item, OneOf, Ref, Result, Seq
from lint_rules.project.displays import entries, text_of
from lint_rules.project.frames import Frame
from lint_rules.project.interpolation import literal
from lint_rules.project.origins import call_behind, origin
from lint_rules.project.resolver import Resolver
from lint_rules.project.tasks import Task
from lint_rules.project.values import Bound, ClassValue, External, Instance

MAKING = frozenset({"s", "si", "signature", "subtask"})
"""Methods of a task that make a signature of it."""

WRAPPING = frozenset({"chunks", "map", "starmap"})
"""Methods of a task that make a signature that runs it several times."""

RESHAPING = frozenset({"set", "clone"})
"""Methods of a signature that give it (or a copy of it) other options."""

KEEPING = frozenset({"on_error", "stamp"})
"""Methods of a signature that give it back as it is, as far as its tasks and options go."""

CANVAS = {"celery.group": "group", "celery.chain": "chain", "celery.chord": "chord"}

CALLABLE_CANVAS = frozenset(CANVAS.values())
"""What is sent by calling it. (Calling a plain signature runs it at once.)"""

SENT_PATHS = frozenset({"celery.Task()", "celery.Signature()", *(f"{path}()" for path in CANVAS)})
"""What Celery sends when asked to, whichever it is."""

NAMING = ("signature", "Signature", "subtask", "send_task")
"""Last names of library functions that take the name of a task."""

DEEPEST = 8

Placed = tuple[Expr, Frame]
"""An expression, and where it is to be evaluated."""


class Member(Struct, frozen=True, eq=False):
    """One task of what is sent."""

    task: Task | None = None
    name: str | None = None
    options: Mapping[str, Placed] = field(default_factory=dict)
    open: bool = False
    follows: bool = False
    """Whether it comes after another one in a chain: options of the chain are not for it."""


class Given(Struct, frozen=True, eq=False):
    """The arguments of a call by name, mappings that are written out included."""

    options: Mapping[str, Expr] = field(default_factory=dict)
    open: bool = False
    """Whether a mapping that cannot be seen may bring more."""


def last_name(expr: Expr | None) -> str:
    """`delay` of `task.delay`; "" for what is no name or attribute."""
    return expr.path.rpartition(".")[2] if isinstance(expr, (Ref, Attr)) else ""


def receiver_of(func: Expr) -> Expr | None:
    """`task` of `task.delay`."""
    if isinstance(func, (Ref, Attr)):
        owner = func.path.rpartition(".")[0]
        if isinstance(func, Attr):
            return Attr(func.base, owner) if owner else func.base
        return Ref(owner) if owner else None
    return None


def moved(resolver: Resolver, expr: Expr, frame: Frame, home: Frame) -> Expr:
    """An expression as seen from another frame: itself where it is the same, else its constant, else nothing that is known."""
    if frame is home or isinstance(expr, Const):
        return expr
    found = literal(resolver, expr, frame)
    return OPAQUE if found is None else Const(found.value)


def given_options(resolver: Resolver, call: Call, frame: Frame, parameters: tuple[str, ...]) -> Given:
    """The arguments of a call by name; `parameters` are the names of positional ones.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    found: dict[str, Expr] = {} if call.starred else dict(zip(parameters, call.args))
    opaque = False
    for key, value in call.keywords:
        if key and key != "options":
            found[key] = value
    mappings = [value for key, value in call.keywords if key in ("", "options")]
    if "options" in found:
        mappings.append(found.pop("options"))
    for mapping in mappings:
        if isinstance(mapping, Const) and mapping.value is None:
            continue
        written = None if _changes(mapping, frame) else entries(resolver, mapping, frame, call.span.row)
        opaque = opaque or written is None
        for entry in written or ():
            name = text_of(resolver, entry.key, entry.frame)
            if name is not None:
                found[name] = moved(resolver, entry.value, entry.frame, frame)
            opaque = opaque or name is None
    return Given(found, opaque)


def _changes(mapping: Expr, frame: Frame) -> bool:
    """Whether a dict gets more entries after it was made: `options["queue"] = x`, `options.update(...)`."""
    if not isinstance(mapping, Ref):
        return False
    methods = {f"{mapping.path}.{name}" for name in ("update", "setdefault", "pop", "__setitem__")}
    return any(binding.target.startswith(f"{mapping.path}[") for binding in frame.scope.bindings) or any(
        isinstance(call.func, Ref) and call.func.path in methods for call in frame.scope.calls
    )


class Signatures:
    """Follows expressions to the tasks they send."""

    def __init__(self, resolver: Resolver, tasks: Iterable[Task]) -> None:
        self.resolver = resolver
        self._by_function: dict[tuple[str, str], Task] = {}
        self._by_class: dict[ClassValue, Task] = {}
        self._by_name: dict[str, Task] = {}
        for task in tasks:
            self._by_function.setdefault((task.bound.file, task.bound.qualname), task)
            self._by_name.setdefault(task.name, task)
            if task.declaration.form == "class" and task.base is not None:
                self._by_class[task.base] = task

    def tasks(self, expr: Expr | None, frame: Frame) -> list[Task]:
        """The tasks of the project that an expression can be."""
        found: list[Task] = []
        for value in self.resolver.evaluate(expr, frame):
            task = None
            if isinstance(value, Bound):
                task = self._by_function.get((value.file, value.qualname))
            elif isinstance(value, Instance):
                task = self._by_class.get(value.cls)
            elif isinstance(value, External) and value.path == "celery.Task()":
                task = self._own(expr, frame)
            elif isinstance(value, External) and value.path == "celery.Celery().register_task()":
                task = self._registered(expr, frame)
            if task is not None and task not in found:
                found.append(task)
        return found

    def _own(self, expr: Expr | None, frame: Frame) -> Task | None:
        """`self` in a task with `bind=True`."""
        task = self._by_function.get((frame.module.file, frame.qualname))
        if task is not None and task.flag("bind") and task.function.positional and expr == Ref(task.function.positional[0].name):
            return task
        return None

    def _registered(self, expr: Expr | None, frame: Frame) -> Task | None:
        """`report = app.register_task(Report())`."""
        made = call_behind(self.resolver, expr, frame)
        values = self.resolver.evaluate(made[0].args[0], made[1]) if made is not None and made[0].args else ()
        return next((self._by_class[value.cls] for value in values if isinstance(value, Instance) and value.cls in self._by_class), None)

    def named(self, expr: Expr | None, frame: Frame) -> list[Member]:
        """What the name of a task means; a task may also be given itself."""
        tasks = self.tasks(expr, frame)
        if not tasks and isinstance(expr, Ref) and expr.path.endswith(".name"):
            tasks = self.tasks(Ref(expr.path.removesuffix(".name")), frame)
        if tasks:
            return [Member(task, task.name) for task in tasks]
        name = text_of(self.resolver, expr, frame)
        return [Member(None if name is None else self._by_name.get(name), name)]

    def takes_name(self, call: Call, frame: Frame) -> bool:
        """Whether a call hands the name of a task to Celery."""
        return any(
            isinstance(value, External) and value.path.startswith("celery.") and value.path.rpartition(".")[2] in NAMING
            for value in self.resolver.evaluate(call.func, frame)
        )

    def canvas(self, expr: Expr | None, frame: Frame) -> str:
        """ "group", "chain" or "chord" for what a call of one of them gives, "" for anything else."""
        if not isinstance(expr, Result):
            return ""
        return self._canvas_class(frame.scope.calls[expr.index], frame)

    def _canvas_class(self, call: Call, frame: Frame) -> str:
        if last_name(call.func) in RESHAPING | KEEPING and isinstance(call.func, Attr):
            return self.canvas(receiver_of(call.func), frame)
        if not isinstance(call.func, (Ref, Attr)):
            return ""
        return next((CANVAS[v.path] for v in self.resolver.evaluate(call.func, frame) if isinstance(v, External) and v.path in CANVAS), "")

    def is_chained(self, call: Call, frame: Frame) -> bool:
        """A cheap look before evaluating: whether `set` or `clone` is called on what speaks of signatures."""
        receiver = receiver_of(call.func)
        if isinstance(receiver, Ref):
            indexes = frame.module.bindings(frame.qualname).get(receiver.path, ())
            values = [frame.scope.bindings[index].value for index in indexes]
        else:
            values = [receiver] if receiver is not None else []
        for value in values:
            inner = frame.scope.calls[value.index] if isinstance(value, Result) else None
            if isinstance(value, OneOf) or (
                inner is not None and last_name(inner.func) in {*MAKING, *RESHAPING, *KEEPING, *NAMING, *CALLABLE_CANVAS}
            ):
                return True
        return False

    def members(self, expr: Expr | None, frame: Frame, depth: int = 0) -> list[Member] | None:
        """The tasks that sending `expr` sends; None where it is not known to be a task or a signature.

        Raises:
            NotLoaded: another module has to be loaded first.
        """
        if expr is None or depth > DEEPEST:
            return None
        if isinstance(expr, OneOf):
            return self._following([self.members(option, frame, depth + 1) for option in expr.options])
        if isinstance(expr, Result):
            found = self._made(frame.scope.calls[expr.index], frame, depth)
            if found is not None:
                return found
        tasks = self.tasks(expr, frame)
        if tasks:
            return [Member(task, task.name) for task in tasks]
        if isinstance(expr, Ref):
            behind = origin(self.resolver, expr.path, frame)
            if behind is not None and isinstance(behind[0].value, (Result, OneOf)):
                found = self.members(behind[0].value, behind[1], depth + 1)
                if found is not None:
                    return found
        return self._of_library(expr, frame)

    def _of_library(self, expr: Expr, frame: Frame) -> list[Member] | None:
        """`app.tasks["name"]`, and signatures that cannot be followed further."""
        for value in self.resolver.evaluate(expr, frame):
            if isinstance(value, External):
                if value.path.startswith("celery.") and value.path.endswith(".tasks[]") and isinstance(expr, Item):
                    return self.named(expr.key, frame)
                if value.path in SENT_PATHS:
                    return [Member(open=True)]
        return None

    def _made(self, call: Call, frame: Frame, depth: int) -> list[Member] | None:
        """The members of the signature that a call makes."""
        name = last_name(call.func)
        receiver = receiver_of(call.func)
        if name in MAKING or name in WRAPPING:
            tasks = self.tasks(receiver, frame)
            if tasks:
                given = (
                    given_options(self.resolver, call, frame, ("args", "kwargs", "options"))
                    if name in ("signature", "subtask")
                    else Given()
                )
                return [self._with(Member(task, task.name), given, frame) for task in tasks]
        if name in NAMING and name != "send_task" and self.takes_name(call, frame):
            given = given_options(self.resolver, call, frame, ("task", "args", "kwargs", "options"))
            return [self._with(member, given, frame) for member in self.named(given.options.get("task"), frame)]
        if name in KEEPING:
            return self.members(receiver, frame, depth + 1)
        if name in RESHAPING:
            inner = self.members(receiver, frame, depth + 1) if self.is_chained(call, frame) else None
            given = given_options(self.resolver, call, frame, ())
            return None if inner is None else [member if member.follows else self._with(member, given, frame) for member in inner]
        kind = self._canvas_class(call, frame)
        if not kind:
            return None
        arguments = [*call.args, *(value for key, value in call.keywords if key in ("header", "body", "tasks"))]
        parts = [self._list(argument, frame, depth + 1) for argument in arguments]
        if kind == "chain":
            return self._following(parts)
        return [member for part in parts for member in part] or [Member()]

    def _with(self, member: Member, given: Given, frame: Frame) -> Member:
        """A member with more options."""
        options = {key: (value, frame) for key, value in given.options.items() if key not in ("args", "kwargs", "task", "immutable", "app")}
        return replace(member, options={**member.options, **options}, open=member.open or given.open)

    def _following(self, parts: list[list[Member] | None] | list[list[Member]]) -> list[Member] | None:
        """The members of a chain: all but those of its first part come later."""
        if all(part is None for part in parts):
            return None
        known = [part if part is not None else [Member()] for part in parts]
        return [*known[0], *(replace(member, follows=True) for part in known[1:] for member in part)]

    def _list(self, expr: Expr, frame: Frame, depth: int) -> list[Member]:
        """The members of an argument of a canvas: a signature, or a list, generator or variable of such."""
        if isinstance(expr, Seq):
            return [member for item in expr.items for member in self._list(item, frame, depth + 1)]
        found = self.members(expr, frame, depth) if depth <= DEEPEST else None
        if found is not None:
            return found
        if isinstance(expr, Ref) and depth <= DEEPEST:
            return self._collected(expr, frame, depth) or [Member()]
        return [Member()]

    def _collected(self, expr: Ref, frame: Frame, depth: int) -> list[Member]:
        """What stands in a list that is kept under a name, and what is put into it."""
        indexes = frame.module.bindings(frame.qualname).get(expr.path, ())
        found: list[Member] = []
        for index in indexes:
            value = frame.scope.bindings[index].value
            if isinstance(value, Seq):
                found += self._list(value, frame, depth + 1)
        for call in frame.scope.calls:
            if isinstance(call.func, Ref) and call.func.path == f"{expr.path}.append" and len(call.args) == 1:
                found += self._list(call.args[0], frame, depth + 1)
        return found
