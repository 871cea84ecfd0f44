"""Which assignments may a name have its value from at a place in the code?"""

from __future__ import annotations

from msgspec import Struct

from lint_rules.facts.model import Binding, Call, Computed, Expr, Parameter, Ref
from lint_rules.project.frames import Frame

MOST = 4
"""Assignments that are looked at, latest first."""


class Place(Struct, frozen=True):
    """A place in a scope: its row, and the tests that led there."""

    row: int
    guards: tuple[int, ...] = ()

    @classmethod
    def of(cls, call: Call) -> Place:
        """Where a call ends: the bindings inside its own arguments count."""
        return cls(call.span.end_row, call.guards)


END = Place(10**9)
"""Behind all statements of a scope."""


class Source(Struct, frozen=True, eq=False):
    """Where a name has its value from: an assignment, or a parameter."""

    frame: Frame
    binding: Binding | None = None
    parameter: Parameter | None = None

    @property
    def value(self) -> Expr | None:
        """What is assigned; of `name += value` both together, where `name` is to be read before that row."""
        if self.binding is None or not self.binding.augmented:
            return None if self.binding is None else self.binding.value
        return Computed((Ref(self.binding.target), self.binding.value))


def sources(name: str, frame: Frame, place: Place) -> list[Source]:
    """The assignments that may give `name` its value at a place, latest first; the last of them is on every way there.

    None where it is imported or defined, or bound in no function.
    """
    scope: Frame | None = frame
    while scope is not None and scope.qualname:
        bindings = scope.module.bindings(scope.qualname).get(name, ())
        parameter = next((each for each in scope.function.parameters if each.name == name), None) if scope.function is not None else None
        if bindings or parameter is not None:
            found = _reaching([scope.scope.bindings[index] for index in bindings], scope, place)
            if parameter is not None and (not found or not _certain(found[-1], scope, place)):
                found.append(Source(scope, parameter=parameter))
            return found[:MOST]
        if name in scope.module.imports(scope.qualname) or name in scope.module.members.get(scope.qualname, {}):
            return []
        place = Place(scope.function.row) if scope.function is not None else END
        scope = scope.parent
    return []


def _reaching(bindings: list[Binding], scope: Frame, place: Place) -> list[Source]:
    """From the last one before the place back to one that is always made."""
    found: list[Source] = []
    for binding in sorted((each for each in bindings if each.row <= place.row), key=lambda each: -each.row):
        if _excluded(binding, scope, place):
            continue
        found.append(Source(scope, binding=binding))
        if _certain(found[-1], scope, place):
            break
    return found or [Source(scope, binding=binding) for binding in bindings]


def _certain(source: Source, scope: Frame, place: Place) -> bool:
    """Whether the assignment is made on every way to the place."""
    if source.binding is None:
        return False
    return {_key(index, scope) for index in source.binding.guards} <= {_key(index, scope) for index in place.guards}


def _key(index: int, scope: Frame) -> object:
    """What tells tests apart: the name that is tested and how that came out, where it is one."""
    guard = scope.scope.guards[index]
    return (guard.path, guard.outcome) if guard.path else index


def _excluded(binding: Binding, scope: Frame, place: Place) -> bool:
    """Whether a test that led to the place came out otherwise for the assignment."""
    guards = scope.scope.guards
    ours = {guards[index].path: guards[index].outcome for index in place.guards if guards[index].path}
    return any(guards[index].path in ours and ours[guards[index].path] is not guards[index].outcome for index in binding.guards)
