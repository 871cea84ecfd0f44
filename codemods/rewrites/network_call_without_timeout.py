"""CRB406: `requests.get(url)` becomes `requests.get(url, timeout=30)`."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from codemods.arguments import argument, is_spread, keyword_of, with_argument
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
    given = keyword_of(call, keyword)
    if given is not None:  # timeout=None
        yield Edit(given.value, lambda _: cst.Integer(SECONDS))
        return
    if any(arg.star for arg in call.args):
        raise Refused("its arguments may hold a timeout already")
    if is_spread(call):
        yield Edit(call, lambda node: with_argument(node, argument(keyword, SECONDS), site.tree.space(call)))
    else:
        yield Edit(call, lambda node: _appended(node, keyword))


def _appended(call: cst.Call, keyword: str) -> cst.Call:
    """The call with the timeout behind its last argument, whatever lines the others stand on."""
    if not call.args:
        return call.with_changes(args=[argument(keyword, SECONDS).arg])
    *others, last = call.args
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    new = argument(keyword, SECONDS).arg.with_changes(comma=last.comma, whitespace_after_arg=last.whitespace_after_arg)
    return call.with_changes(args=[*others, last.with_changes(comma=comma, whitespace_after_arg=cst.SimpleWhitespace("")), new])
