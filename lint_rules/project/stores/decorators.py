"""Which functions have their result cached by a decorator, under which key, and what do they read?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from lint_rules.facts.model import Call, Class, Const, Decorator, Expr, Function, Ref, Result
from lint_rules.knowledge.cache_decorators import CACHING, WORDS, CacheDecorator
from lint_rules.project.frames import Frame
from lint_rules.project.modules import Module
from lint_rules.project.signatures import last_name
from lint_rules.project.stores.decorator_keys import DecoratorKeys
from lint_rules.project.stores.isolation import body_data
from lint_rules.project.stores.keys import KeyReader
from lint_rules.project.stores.model import CacheUse, Expiry, KeyTemplate, Origin, Purpose, Store
from lint_rules.project.stores.views import checks, varies, views_of
from lint_rules.project.values import Bound, External

if TYPE_CHECKING:
    from lint_rules.project.project import Project


class Applied(Struct, frozen=True, eq=False):
    """A decorator where it is applied."""

    call: Call | None
    """Its call; None for `@cached` without one."""
    paths: tuple[str, ...]
    """The library functions that it is."""
    functions: tuple[Bound, ...]
    """The functions of the project that it is."""
    outer: Frame
    """Where its arguments stand."""
    row: int
    decorator: Decorator | None = None
    """None where it is called like a function: `cache_page(60)(view)`."""

    @property
    def without_user(self) -> bool:
        """Whether a flag takes the user out of the key: `cache_response(user=False)`."""
        keywords = self.call.keywords if self.call is not None else ()
        return any("user" in name.lower() and value == Const(False) for name, value in keywords)


class Cached(Struct, frozen=True, eq=False):
    """What a decorator does with the results, as of `CacheUse`."""

    store: Store
    keys: tuple[KeyTemplate, ...]
    purpose: Purpose
    because: str
    expiry: Expiry
    anonymous: bool = False


def decorated(project: Project, files: Iterable[str], uses: list[CacheUse], keys: KeyReader) -> list[CacheUse]:
    """Every function that a decorator caches, by file and row; `uses` are those that calls make."""
    reader = _Reader(project, uses, keys)
    found: list[CacheUse] = []
    for file in files:
        module = project.module(file)
        if module is not None:
            found += project.loading(lambda module=module: list(reader.in_module(module)))  # type: ignore[misc]
    return found


class _Reader:
    def __init__(self, project: Project, uses: list[CacheUse], keys: KeyReader) -> None:
        self._resolver = project.resolver
        self._keys = DecoratorKeys(keys)
        self._inner: dict[tuple[str, str], list[CacheUse]] = {}
        """Uses inside a function, by that function."""
        for use in uses:
            outermost = use.frame
            while outermost.parent is not None:
                outermost = outermost.parent
            if outermost is not use.frame and use.writes:
                self._inner.setdefault(outermost.key[:2], []).append(use)

    def in_module(self, module: Module) -> Iterator[CacheUse]:
        """The functions of a module.

        Raises:
            NotLoaded: another module has to be loaded first.
        """
        owners: list[Function | Class] = [*module.facts.functions, *module.facts.classes]
        for owner in owners:
            outer = self._resolver.frame(module.file, owner.parent) if owner.decorators else None
            for decorator in owner.decorators if outer is not None else ():
                if outer is not None and _may_cache(decorator.value, outer):
                    applied = self._applied(decorator.value, outer, decorator.span.row, decorator)
                    for frame in views_of(self._resolver, module, owner, decorator, outer):
                        yield from self._use(applied, frame)
        yield from self._called(module)

    def _called(self, module: Module) -> Iterator[CacheUse]:
        """`cache_page(60)(view)`, in a URL configuration for instance."""
        for qualname in ("", *module.functions, *module.classes):
            scope = module.scope(qualname)
            for call in scope.calls:
                if not isinstance(call.func, Result) or len(call.args) != 1 or not _named(scope.calls[call.func.index].func):
                    continue
                outer = self._resolver.frame(module.file, qualname)
                if outer is not None:
                    applied = self._applied(call.func, outer, call.span.row, None)
                    for frame in views_of(self._resolver, module, call.args[0], None, outer):
                        yield from self._use(applied, frame)

    def _applied(self, expr: Expr, outer: Frame, row: int, decorator: Decorator | None) -> Applied:
        call = outer.scope.calls[expr.index] if isinstance(expr, Result) else None
        if call is not None and last_name(call.func) == "method_decorator" and call.args:
            return self._applied(call.args[0], outer, row, decorator)
        values = self._resolver.evaluate(call.func if call is not None else expr, outer)
        paths = tuple(value.path for value in values if isinstance(value, External))
        return Applied(call, paths, tuple(value for value in values if isinstance(value, Bound)), outer, row, decorator)

    def _use(self, applied: Applied, frame: Frame) -> Iterator[CacheUse]:
        for path in applied.paths:
            known = CACHING.get(path)
            if known is not None:
                key = self._keys.of(known, applied.call, applied.outer, applied.row, frame)
                store = Store(known.library, External(path))
                cached = Cached(store, (key,), Purpose.VALUE, "a decorator that caches", _expiry(known, applied.call))
                yield self._made(cached, applied, frame, path)
                return
        for bound in applied.functions:
            inner = self._wrapper(bound)
            if inner is not None:
                path = f"{self._resolver.index.name(bound.file)}.{bound.qualname}"
                cached = Cached(inner.store, inner.keys, inner.purpose, inner.because, inner.expiry, inner.anonymous)
                yield self._made(cached, applied, frame, path)
                return

    def _made(self, cached: Cached, applied: Applied, frame: Frame, path: str) -> CacheUse:
        keys = cached.keys
        if applied.without_user:
            keys = tuple(key for key in keys if not key.has(Origin.USER)) or keys
        return CacheUse(
            form="decorator",
            store=cached.store,
            keys=keys,
            purpose=cached.purpose,
            because=cached.because,
            file=applied.outer.module.file,
            frame=frame,
            row=applied.row,
            decorator=applied.decorator,
            by=path,
            user_data=body_data(self._resolver, frame, keys) if cached.purpose is Purpose.VALUE else (),
            anonymous=cached.anonymous,
            vary=varies(self._resolver, frame),
            checks=checks(self._resolver, frame),
            expiry=cached.expiry,
        )

    def _wrapper(self, bound: Bound) -> CacheUse | None:
        """What a decorator of the project stores where it calls the function that it decorates."""
        for use in self._inner.get((bound.file, bound.qualname), ()):
            for call in use.writes:
                names = {parameter.name for function in _around(call.frame) for parameter in function.positional}
                if names & {each.func.path for each in call.frame.scope.calls if isinstance(each.func, Ref)}:
                    return use
        return None


def _around(frame: Frame) -> Iterator[Function]:
    """The functions around one."""
    scope = frame.parent
    while scope is not None:
        if scope.function is not None:
            yield scope.function
        scope = scope.parent


def _may_cache(expr: Expr, outer: Frame) -> bool:
    call = outer.scope.calls[expr.index] if isinstance(expr, Result) else None
    if call is not None and last_name(call.func) == "method_decorator" and call.args:
        return _may_cache(call.args[0], outer)
    return _named(call.func if call is not None else expr)


def _named(func: Expr) -> bool:
    path = getattr(func, "path", "").lower()
    return any(word in path for word in WORDS)


def _expiry(known: CacheDecorator, call: Call | None) -> Expiry:
    for name, position in known.expiry if call is not None else ():
        assert call is not None
        value = call.args[position] if position is not None and position < len(call.args) else call.keyword(name)
        if value is not None:
            return Expiry("never" if value == Const(None) else "given", name, value)
    return Expiry("never" if known.never else "unknown")
