"""Which Celery applications does the project make, and which of them does a name, a task or a worker's `-A` mean?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from lint_rules.facts.model import Attr, Call, Const, Expr, Ref, Result
from lint_rules.project.frames import Frame
from lint_rules.project.modules import Module
from lint_rules.project.origins import origin
from lint_rules.project.resolver import Resolver
from lint_rules.project.values import Bound, ClassValue, External, Instance, Value

CELERY = "celery.Celery"

ATTRIBUTES = ("app", "celery")
"""Where `celery -A module` looks first (celery/app/utils.py `find_app`)."""


class App(Struct, frozen=True, eq=False):
    """An application: the call that makes it."""

    file: str
    qualname: str
    """The function it is made in, "" at the top level."""
    row: int
    name: str
    """Its first argument, "" where that cannot be read."""


class Apps:
    """The applications of a project."""

    def __init__(self, resolver: Resolver, modules: Iterable[Module]) -> None:
        """Look for applications in `modules`.

        Raises:
            NotLoaded: another module has to be loaded first.
        """
        self.resolver = resolver
        self._made: dict[tuple[str, str], list[App]] = {}
        for module in modules:
            words = _class_names(resolver, module)
            for qualname in ("", *module.functions):
                frame = resolver.frame(module.file, qualname)
                for call in frame.scope.calls if frame is not None else ():
                    if _last_name(call.func) in words and frame is not None and makes_app(resolver, call, frame):
                        self._made.setdefault((module.file, qualname), []).append(_app(call, module.file, qualname))

    @property
    def all(self) -> list[App]:
        """Every application, in no particular order."""
        return [app for made in self._made.values() for app in made]

    @property
    def only(self) -> App | None:
        """The application of a project that has one."""
        found = self.all
        return found[0] if len(found) == 1 else None

    def behind(self, expr: Expr | None, frame: Frame) -> App | None:
        """The application that an expression stands for; the only one of the project where that is all that is known.

        Raises:
            NotLoaded: another module has to be loaded first.
        """
        return self._behind(expr, frame, 0) or self.only

    def named(self, said: str | None) -> App | None:
        """What `-A said` means: a module, a package with a module `celery`, `module:attribute` or `module.attribute`.

        Raises:
            NotLoaded: another module has to be loaded first.
        """
        if said:
            path, _, attribute = said.strip("\"'").removesuffix("()").partition(":")
            attributes = (attribute,) if attribute else ATTRIBUTES
            for module, names in ((path, attributes), (f"{path}.celery", attributes), _split(path)):
                found = self._in_module(module, names, guess=not attribute)
                if found is not None:
                    return found
        return self.only

    def _in_module(self, name: str, attributes: tuple[str, ...], guess: bool) -> App | None:
        file = self.resolver.index.find(name, "") if name else None
        frame = self.resolver.frame(file) if file is not None else None
        if frame is None:
            return None
        bound = [binding.target for binding in frame.scope.bindings if binding.target.isidentifier()] if guess else []
        for attribute in (*attributes, *bound):
            found = self._behind(Ref(attribute), frame, 0)
            if found is not None:
                return found
        return None

    def _behind(self, expr: Expr | None, frame: Frame, hops: int) -> App | None:
        if isinstance(expr, Ref):
            found = origin(self.resolver, expr.path, frame)
            if found is None:
                return None
            expr, frame = found[0].value, found[1]
        if not isinstance(expr, Result) or hops > 4:
            return None
        call = frame.scope.calls[expr.index]
        for app in self._made.get((frame.module.file, frame.qualname), ()):
            if app.row == call.span.row:
                return app
        for value in self.resolver.evaluate(call.func, frame):
            if isinstance(value, Bound):
                made = self._made.get((value.file, value.qualname), [])
                if len(made) == 1:
                    return made[0]
                inner = self.resolver.frame_of(value)
                for returned in inner.scope.returns if inner is not None else ():
                    found_app = self._behind(returned, inner, hops + 1) if inner is not None else None
                    if found_app is not None:
                        return found_app
        return None


def _split(path: str) -> tuple[str, tuple[str, ...]]:
    module, _, attribute = path.rpartition(".")
    return module, (attribute,)


def _app(call: Call, file: str, qualname: str) -> App:
    first = call.args[0] if call.args else call.keyword("main")
    return App(file, qualname, call.span.row, first.value if isinstance(first, Const) and isinstance(first.value, str) else "")


def _class_names(resolver: Resolver, module: Module) -> frozenset[str]:
    """The last names under which a module may call a class of applications."""
    return frozenset(_names(resolver, module)) | {"Celery"}


def _names(resolver: Resolver, module: Module) -> Iterator[str]:
    for class_ in module.facts.classes:
        if resolver.inherits(ClassValue(module.file, class_.qualname), CELERY):
            yield class_.name
    for item in module.facts.body.imports:
        if item.attribute is not None and item.name != "Celery" and ("celery" in item.module.lower() or "celery" in item.name.lower()):
            yield item.name


def _last_name(func: Expr) -> str:
    return func.path.rpartition(".")[2] if isinstance(func, (Ref, Attr)) else ""


def is_app(resolver: Resolver, value: Value) -> bool:
    """Whether a value is a Celery application."""
    if isinstance(value, External):
        return value.path == f"{CELERY}()"
    return isinstance(value, Instance) and resolver.inherits(value.cls, CELERY)


def makes_app(resolver: Resolver, call: Call, frame: Frame) -> bool:
    """Whether a call makes an application."""
    for value in resolver.evaluate(call.func, frame):
        if isinstance(value, External) and value.path == CELERY:
            return True
        if isinstance(value, ClassValue) and resolver.inherits(value, CELERY):
            return True
    return False
