"""CRB109: `rate_limit="10/min"` becomes `rate_limit="10/m"`, in declarations and in settings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from codemods.change import Edit, Refused, Site
from codemods.registry import codemod
from lint_rules.rules.declaring.invalid_rate_limit import better_limit, is_refused

LIMITS = ("rate_limit", "task_default_rate_limit")
"""Keys and keywords that have a rate limit for their value."""


@codemod("CRB109", alters=("rate_limit",))
def invalid_rate_limit(site: Site) -> Iterator[Edit]:
    """Write rate limits the way Celery reads them."""
    if site.finding.task is not None:
        arg = site.arguments.get("rate_limit")
        literals = [arg.value] if arg is not None and isinstance(arg.value, cst.SimpleString) else []
    else:
        literals = list(_limits(site.tree.statement(site.finding.place.row)))
    wrong = [node for node in literals if _is_wrong(node)]
    better = [better_limit(node.evaluated_value) for node in wrong]
    if not wrong or not all(better):
        raise Refused("the limit is not written there as a literal, or its unit is no second, minute or hour")
    for node, limit in zip(wrong, better):
        new = cst.SimpleString(f"{node.prefix}{node.quote}{limit}{node.quote}")
        yield Edit(node, partial(_instead, new))


def _instead(new: cst.SimpleString, _: cst.SimpleString) -> cst.SimpleString:
    return new


def _is_wrong(node: cst.SimpleString) -> bool:
    value = node.evaluated_value
    return isinstance(value, str) and "/" in value and is_refused(value)


def _limits(statement: cst.CSTNode) -> Iterator[cst.SimpleString]:
    """The literals that a statement sets rate limits to: all it assigns, or values under such a name."""
    pending = [statement]
    while pending:
        node = pending.pop()
        if isinstance(node, (cst.Assign, cst.AnnAssign)) or _name(node) in LIMITS:
            value = getattr(node, "value", None)
            if isinstance(value, cst.SimpleString):
                yield value
        pending += node.children


def _name(node: cst.CSTNode) -> object:
    """The name under which an entry of a dict or a keyword argument stands."""
    if isinstance(node, cst.DictElement) and isinstance(node.key, cst.SimpleString):
        return node.key.evaluated_value
    return node.keyword.value if isinstance(node, cst.Arg) and node.keyword is not None else None
