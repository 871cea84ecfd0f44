"""CRB111: `autoretry_for=ConnectionError` becomes `autoretry_for=(ConnectionError,)`."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from codemods.arguments import map_keyword
from codemods.change import Edit, Refused, Site
from codemods.registry import codemod

OPTIONS = ("autoretry_for", "dont_autoretry_for")


@codemod("CRB111", alters=OPTIONS)
def autoretry_for_not_iterable(site: Site) -> Iterator[Edit]:
    """Make a tuple of the class."""
    bare = [name for name in OPTIONS if name in site.arguments and isinstance(site.arguments[name].value, (cst.Name, cst.Attribute))]
    if not bare:
        raise Refused("the option is not written in the declaration")

    def wrapped(call: cst.Call) -> cst.Call:
        for name in bare:
            call = map_keyword(call, name, lambda arg: arg.with_changes(value=_tuple(arg.value)))
        return call

    yield site.declaration(wrapped)


def _tuple(value: cst.BaseExpression) -> cst.Tuple:
    return cst.Tuple([cst.Element(value, comma=cst.Comma())])
