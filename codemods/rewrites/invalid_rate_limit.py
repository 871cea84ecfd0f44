"""CRB109: `rate_limit="10/min"` becomes `rate_limit="10/m"`, in declarations and in settings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from codemods.change import Edit, Refused, Site
from codemods.registry import codemod
from lint_rules.rules.declaring.invalid_rate_limit import better_limit, is_refused


@codemod("CRB109", alters=("rate_limit",))
def invalid_rate_limit(site: Site) -> Iterator[Edit]:
    """Write rate limits the way Celery reads them."""
    if site.finding.task is not None:
        arg = site.arguments.get("rate_limit")
        literals = [arg.value] if arg is not None and isinstance(arg.value, cst.SimpleString) else []
    else:
        literals = list(_strings(site.tree.statement(site.finding.place.row)))
    found = [(node, better) for node in literals if (better := _better(node))]
    if not found:
        raise Refused("the limit is not written there as a literal, or its unit is no second, minute or hour")
    for node, better in found:
        new = cst.SimpleString(f"{node.prefix}{node.quote}{better}{node.quote}")
        yield Edit(node, partial(_instead, new))


def _instead(new: cst.SimpleString, _: cst.SimpleString) -> cst.SimpleString:
    return new


def _better(node: cst.SimpleString) -> str:
    value = node.evaluated_value
    return better_limit(value) if isinstance(value, str) and "/" in value and is_refused(value) else ""


def _strings(statement: cst.CSTNode) -> Iterator[cst.SimpleString]:
    pending = [statement]
    while pending:
        node = pending.pop()
        if isinstance(node, cst.SimpleString):
            yield node
        pending += node.children
