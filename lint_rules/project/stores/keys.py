"""Which text is a key? Its parts, through variables, constants, attributes and the functions that make it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import TypeVar

from msgspec.structs import replace

from lint_rules.facts.model import (
    OPAQUE,
    Attr,
    Computed,
    Const,
    Element,
    Entered,
    Expr,
    Formatted,
    Item,
    OneOf,
    Opaque,
    Percent,
    Ref,
    Result,
    Seq,
    Template,
)
from lint_rules.facts.templates import percent
from lint_rules.project.frames import Frame
from lint_rules.project.interpolation import conversion, literal
from lint_rules.project.origins import origin
from lint_rules.project.resolver import Resolver
from lint_rules.project.signatures import last_name, receiver_of
from lint_rules.project.stores.construction import assigned
from lint_rules.project.stores.definitions import Place, sources
from lint_rules.project.stores.key_calls import CallReader
from lint_rules.project.stores.made import At, Made
from lint_rules.project.stores.model import KeyTemplate, Origin, Part, StoreCall
from lint_rules.project.stores.provenance import named, origins
from lint_rules.project.stores.words import words
from lint_rules.project.tasks import rendered
from lint_rules.project.values import Bound, ClassValue, External, Instance, Literal, ModuleValue

Found = TypeVar("Found")

DEEPEST = 12
MOST = 4
"""Alternatives of one key."""

MOST_PARTS = 60

PREFIXES = (("prefix",), ("namespace",))
"""Last words of the names of attributes that are the same for all keys."""


class KeyReader:
    """Reads keys, for one resolver."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self._calls = CallReader(self)

    def of_call(self, call: StoreCall, key: Expr) -> list[KeyTemplate]:
        """All that one of the keys of a call can be.

        Raises:
            NotLoaded: another module has to be loaded first.
        """
        return self.templates(key, call.frame, Place.of(call.call), call.call.span.row, namespaced=_namespaced(call))

    def templates(self, key: Expr, frame: Frame, place: Place, row: int, *, namespaced: bool = False) -> list[KeyTemplate]:
        """All that a key can be which is used at `row`."""
        file = frame.module.file
        found: list[list[KeyTemplate]] = []
        if isinstance(key, Ref) and "." not in key.path:
            for source in sources(key.path, frame, place):
                if source.binding is None:
                    found.append([_template(Made((self.variable(key, At(frame, place)),)), file, row, namespaced)])
                    continue
                value = source.value or OPAQUE
                written = row if isinstance(value, (Element, Entered, Item)) else source.binding.row
                inner = At(source.frame, Place(source.binding.row - 1, source.binding.guards))
                all_made = [self._under_name(made, key, At(frame, place)) for made in self.read(value, inner)]
                found.append([_template(made, file, written, namespaced) for made in all_made])
        return _spread(found) or [_template(made, file, row, namespaced) for made in self.read(key, At(frame, place))]

    # ── expressions ──────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, expr: Expr, at: At) -> list[Made]:
        """All that an expression can be as text."""
        if at.depth > DEEPEST:
            return [Made((self.variable(expr, at),))]
        if isinstance(expr, Const):
            return [Made((Part(str(expr.value)),))]
        if isinstance(expr, Template):
            return self.joined(expr.parts, at)
        if isinstance(expr, Formatted):
            return self._formatted(expr, at)
        if isinstance(expr, Percent):
            return self._percent(expr, at)
        if isinstance(expr, Computed):
            return self._computed(expr, at)
        if isinstance(expr, OneOf):
            return _spread([self.read(option, at.deeper()) for option in expr.options[:MOST]])
        if isinstance(expr, Seq) and expr.kind == "tuple":
            return [replace(made, structured=True) for made in self.joined(_separated(expr.items), at)]
        if isinstance(expr, Item) and isinstance(expr.key, Opaque):  # a slice
            return [_cut(made) for made in self.read(expr.base, at.deeper())]
        if isinstance(expr, Ref):
            return self._name(expr, at) if "." not in expr.path else self._attribute(expr, at)
        if isinstance(expr, Result):
            return self._calls.read(expr, at)
        if isinstance(expr, Attr):
            return self._assigned(expr, last_name(expr), at) or [Made((self.variable(expr, at),))]
        return [Made((self.variable(expr, at),))]

    def joined(self, exprs: Iterable[Expr], at: At) -> list[Made]:
        """Texts one after the other."""
        choices = [self.read(expr, at.deeper()) for expr in exprs]
        found = []
        for chosen in list(product(*choices))[:MOST]:
            parts = tuple(part for made in chosen for part in made.parts)
            maker = next((made.maker for made in chosen if made.maker), "")
            found.append(Made(_merged(parts[:MOST_PARTS]), maker, any(made.built for made in chosen)))
        return found

    def variable(self, expr: Expr, at: At, *more: Origin, inside: tuple[Part, ...] = (), how: str = "") -> Part:
        """A part that differs from call to call."""
        known = origins(self.resolver, expr, at.frame)
        return Part(rendered(expr, at.frame.scope.calls), expr, at.frame, known | {*more}, inside, how)

    def inner(self, exprs: Iterable[Expr], at: At) -> tuple[Part, ...]:
        """What goes into a digest or a function that cannot be looked into."""
        return tuple(part for expr in exprs for made in self.read(expr, at.deeper())[:1] for part in made.parts if part.expr is not None)

    def constant(self, expr: Expr, at: At) -> Made | None:
        """The text of a constant."""
        found = literal(self.resolver, expr, at.frame)
        return None if found is None else Made((Part(str(found.value)),))

    # ── conversions ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _formatted(self, expr: Formatted, at: At) -> list[Made]:
        found = []
        for made in self.read(expr.base, at.deeper()):
            part = made.single
            if part is not None and part.expr is None:
                text = conversion(Literal(part.text), expr.how)
                found.append(Made((Part(text if text is not None else part.text),)))
            elif part is not None:
                found.append(replace(made, parts=(replace(part, how=expr.how, origins=part.origins | _said(expr.how)),)))
            else:
                found.append(made)
        return found

    def _percent(self, expr: Percent, at: At) -> list[Made]:
        """`TEMPLATE % given`."""
        text = literal(self.resolver, expr.base, at.frame)
        filled = percent(text.value, expr.given) if text is not None and isinstance(text.value, str) else None
        if filled is not None:
            return self.read(filled, at.deeper())
        given = expr.given.items if isinstance(expr.given, Seq) else (expr.given,)
        base = self.variable(expr.base, at, Origin.CONSTANT)
        return [replace(made, parts=(base, *made.parts)) for made in self.joined(given, at)]

    def _computed(self, expr: Computed, at: At) -> list[Made]:
        """`PREFIX + name`: a sum where one of the operands is text."""
        found = self.joined(expr.parts, at)
        if any(part.expr is None for made in found for part in made.parts):
            return found
        return [Made((self.variable(expr, at, inside=self.inner(expr.parts, at)),))]

    # ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _name(self, expr: Ref, at: At) -> list[Made]:
        given = at.given.get(expr.path)
        if given is not None:
            return self.read(given[0], replace(given[1], depth=at.depth + 1))
        found: list[list[Made]] = []
        for source in sources(expr.path, at.frame, at.place):
            if source.binding is None:
                found.append([Made((self.variable(expr, at),))])
            else:
                inner = At(source.frame, Place(source.binding.row - 1, source.binding.guards), at.given, at.depth + 1)
                if source.binding.row > at.place.row:  # only reached in a later turn of a loop
                    inner = replace(inner, place=Place(at.place.row, source.binding.guards))
                found.append([self._under_name(made, expr, at) for made in self.read(source.value or OPAQUE, inner)])
        return _spread(found) or self._global(expr, at)

    def _under_name(self, made: Made, name: Ref | Attr, at: At) -> Made:
        """A value that is one variable is called by its name."""
        part = made.single
        if part is None or part.expr is None or made.built:
            return made
        text = rendered(name, at.frame.scope.calls)
        said = origins(self.resolver, name, at.frame)
        if part.has(Origin.RANDOM, Origin.DIGEST, Origin.NUMBER):  # which tells more than a name can
            said -= {Origin.SECRET}
        known = part.origins | said
        if isinstance(part.expr, (Opaque, Element)) or not part.text.strip("."):
            return replace(made, parts=(replace(part, text=text, expr=name, frame=at.frame, origins=known),))
        return replace(made, parts=(replace(part, text=text, origins=known),))

    def _global(self, expr: Ref, at: At) -> list[Made]:
        """A name of the module, or imported."""
        constant = self.constant(expr, at)
        if constant is not None:
            return [constant]
        values = self.resolver.evaluate(expr, at.frame)
        if values and isinstance(values[0], (ClassValue, Bound, ModuleValue)):
            return [Made((self.variable(expr, at, Origin.FUNCTION, Origin.CONSTANT),))]
        behind = origin(self.resolver, expr.path, at.frame)
        if behind is not None and not behind[1].qualname:
            found = self.read(behind[0].value, at.inside(behind[1], {}))
            if any(made.single is None or made.parts[0].expr is None for made in found):
                return found
            return [Made((self.variable(expr, at, Origin.CONSTANT),))]
        return [Made((self.variable(expr, at, *([Origin.CONSTANT] if expr.path.isupper() else [])),))]

    def _attribute(self, expr: Ref, at: At) -> list[Made]:
        head, _, rest = expr.path.partition(".")
        given = at.given.get(head)
        if given is not None:
            base, there = given
            moved: Expr = Ref(f"{base.path}.{rest}") if isinstance(base, Ref) else Attr(base, rest)
            return self.read(moved, replace(there, depth=at.depth + 1))
        constant = self.constant(expr, at)
        if constant is not None:
            return [constant]
        last = expr.path.rpartition(".")[2]
        if self._is_settings(expr, at) or self._named_constant(expr, last):
            return [Made((self.variable(expr, at, Origin.CONSTANT),))]
        return self._assigned(expr, last, at) or [Made((self.variable(expr, at),))]

    def _named_constant(self, expr: Ref, last: str) -> bool:
        """`self.KEY_PREFIX`, `self.prefix`; `request.LANGUAGE_CODE` is none."""
        return words(last)[-1:] in PREFIXES or (last.isupper() and len(last) > 1 and Origin.REQUEST not in named(expr.path))

    def _is_settings(self, expr: Ref, at: At) -> bool:
        values = self.resolver.evaluate(Ref(expr.path.partition(".")[0]), at.frame)
        return any(isinstance(value, ModuleValue) or value == External("django.conf.settings") for value in values)

    def _assigned(self, expr: Ref | Attr, name: str, at: At) -> list[Made]:
        """`self.key`, as the class assigns it once, or as its property gives it."""
        found: list[Made] = []
        for value in self.resolver.evaluate(receiver_of(expr), at.frame):
            cls = value.cls if isinstance(value, Instance) else value
            if isinstance(value, (Instance, ClassValue)) and isinstance(cls, ClassValue):
                placed = [each for one in self.resolver.lineage(cls)[0] for each in assigned(self.resolver, one, name, value)]
                if len({(expr, id(frame)) for expr, frame in placed}) == 1:
                    found += self.read(placed[0][0], at.inside(placed[0][1], {}))
        if any(made.single is None or made.single.expr is None or made.single.has(Origin.DIGEST, Origin.RANDOM) for made in found):
            return [self._under_name(made, expr, at) for made in found][:MOST]
        return []


def _spread(groups: list[list[Found]]) -> list[Found]:
    """Some of each group, so that none crowds the others out."""
    share = max(1, MOST // max(1, len(groups)))
    return [each for group in groups for each in group[:share]][:MOST]


def _template(made: Made, file: str, row: int, namespaced: bool) -> KeyTemplate:
    return KeyTemplate(made.parts, file, row, made.maker, made.built, namespaced, made.structured)


def _namespaced(call: StoreCall) -> bool:
    return call.store.namespaced or call.given("key_prefix") is not None


def _cut(made: Made) -> Made:
    """A piece of a text: of a time the day, say."""
    part = made.single
    if part is None or not part.has(Origin.NOW):
        return made
    return replace(made, parts=(replace(part, origins=(part.origins - {Origin.NOW}) | {Origin.DATE}),))


def _separated(items: tuple[Expr, ...]) -> Iterable[Expr]:
    for place, item in enumerate(items):
        if place:
            yield Const(",")
        yield item


def _merged(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Neighbouring texts as one."""
    found: list[Part] = []
    for part in parts:
        if part.expr is None and found and found[-1].expr is None:
            found[-1] = Part(found[-1].text + part.text)
        elif part.expr is not None or part.text:
            found.append(part)
    return tuple(found)


def _said(how: str) -> frozenset[Origin]:
    """What a conversion says of what it is given."""
    if how.startswith("%") and how[-1:] in "dioxX":
        return frozenset({Origin.NUMBER})
    return frozenset({Origin.NUMBER}) if how[-1:] in "dnxX" and how.startswith(":") and how[-1:] != "" else frozenset()
