"""What an expression can stand for, as far as reading tells: the values that the resolver computes with.

All are small, frozen and hashable. A set of values is a tuple; the empty tuple means "unknown".
"""

from __future__ import annotations

from typing import Union

from msgspec import Struct


class _Value(Struct, frozen=True, gc=False):
    pass


class ModuleValue(_Value, frozen=True, tag=True):
    """A module of the project, by the path of its file."""

    file: str


class Namespace(_Value, frozen=True, tag=True):
    """A package of the project without `__init__.py`, by its dotted name."""

    name: str


class External(_Value, frozen=True, tag=True):
    """Something of a library, by its canonical path: `requests.Session().get` (see knowledge/README.md for the grammar).

    `model` is the project class on whose behalf a library base class answers (the model behind `Order.objects`), `queryset` the
    project's own manager or queryset class that the value came from.
    """

    path: str
    model: Union[ClassValue, None] = None
    queryset: Union[ClassValue, None] = None


class ClassValue(_Value, frozen=True, tag=True):
    """A class of the project."""

    file: str
    qualname: str


class Instance(_Value, frozen=True, tag=True):
    """An instance of a project class; `model` as in `External` for managers and querysets."""

    cls: ClassValue
    model: Union[ClassValue, None] = None


class Bound(_Value, frozen=True, tag=True):
    """A function of the project, with the receiver it is bound to (an instance, a class, or None)."""

    file: str
    qualname: str
    receiver: Union[Instance, ClassValue, None] = None


class SuperOf(_Value, frozen=True, tag=True):
    """`super()` in a method of `cls`, called on `receiver`."""

    cls: ClassValue
    receiver: Union[Instance, ClassValue]


class Container(_Value, frozen=True, tag=True):
    """Something that gives `items` when iterated, indexed or entered; a mapping only when indexed."""

    items: tuple[Value, ...]
    mapping: bool = False


class Literal(_Value, frozen=True, tag=True):
    """A constant."""

    value: Union[bool, int, float, str, None]


Value = Union[ModuleValue, Namespace, External, ClassValue, Instance, Bound, SuperOf, Container, Literal]
Values = tuple[Value, ...]

UNKNOWN: Values = ()


def merged(groups: list[Values], limit: int = 4) -> Values:
    """All distinct values of the groups, in order; more than `limit` are as good as unknown, so the first are kept."""
    if len(groups) == 1:
        return groups[0]
    found: list[Value] = []
    for group in groups:
        for value in group:
            if value not in found:
                found.append(value)
    return tuple(found[:limit])
