"""CRB406: `requests.get(url)` becomes `requests.get(url, timeout=30)`."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from codemods.arguments import Space, appended, argument, items_of, keyword_of, laid_out
from codemods.change import Edit, Refused, Site
from codemods.registry import codemod

SECONDS = "30"
"""Long enough for slow servers, and short against the hours that a worker slot is lost otherwise."""


@codemod("CRB406")
def network_call_without_timeout(site: Site) -> Iterator[Edit]:
    """Pass a timeout."""
    call = site.tree.call(site.finding.place)
    row = site.effect.row
    keyword = (row.timeout if row is not None else None) or "timeout"
    if any(arg.star for arg in call.args):
        raise Refused("its arguments may hold a timeout already")
    given = keyword_of(call, keyword) or _at(call, row.timeout_position if row is not None else None)
    if given is not None:  # None
        yield Edit(given.value, lambda _: cst.Integer(SECONDS))
        return
    space = site.tree.space(call)
    yield Edit(call, lambda node: _with_timeout(node, keyword, space))


def _with_timeout(call: cst.Call, keyword: str, space: Space) -> cst.Call:
    """The call with a timeout at its end; a line that gets too long is broken."""
    new = appended(call, argument(keyword, SECONDS).arg)
    text = cst.Module([]).code_for_node(new)
    if "\n" in text or len(text) <= space.room:
        return new
    items, last = items_of(new)
    return laid_out(new, items, last, space)


def _at(call: cst.Call, position: int | None) -> cst.Arg | None:
    """The argument that is passed at a position."""
    passed = [arg for arg in call.args if arg.keyword is None]
    return passed[position] if position is not None and position < len(passed) else None
