"""A text while it is being read: where its parts stand, and what has been made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from lint_rules.facts.model import Expr
from lint_rules.project.frames import Frame
from lint_rules.project.stores.definitions import END, Place
from lint_rules.project.stores.model import Part
from lint_rules.project.values import Bound


class At(Struct, frozen=True, eq=False):
    """Where an expression stands, and what the parameters of its function were given."""

    frame: Frame
    place: Place
    given: Mapping[str, tuple[Expr, At]] = field(default_factory=dict)
    depth: int = 0

    def deeper(self) -> At:
        """The same place, one step on."""
        return replace(self, depth=self.depth + 1)

    def inside(self, frame: Frame, given: Mapping[str, tuple[Expr, At]], place: Place = END) -> At:
        """In another scope."""
        return At(frame, place, given, self.depth + 1)


class Made(Struct, frozen=True, eq=False):
    """A text as parts; the rest as of `KeyTemplate`."""

    parts: tuple[Part, ...]
    maker: str = ""
    built: bool = False
    structured: bool = False

    @property
    def single(self) -> Part | None:
        """The one part that it is."""
        return self.parts[0] if len(self.parts) == 1 else None


def given_to(bound: Bound, frame: Frame, call: Iterable[tuple[int | str, Expr]], at: At) -> dict[str, tuple[Expr, At]]:
    """What the parameters of a function get from a call, defaults included."""
    assert frame.function is not None
    parameters = frame.function.parameters
    skip = 1 if bound.receiver is not None and frame.function.owner else 0
    positional = [each for each in parameters if each.kind in ("positional", "positional-only")][skip:]
    found: dict[str, tuple[Expr, At]] = {}
    for key, value in call:
        name = key if isinstance(key, str) else positional[key].name if key < len(positional) else ""
        if name:
            found[name] = (value, at)
    for parameter in parameters:
        if parameter.default is not None and parameter.name not in found:
            found[parameter.name] = (parameter.default, at.inside(frame, {}))
    return found
