"""Which literals give the priority that a finding is about?"""

from __future__ import annotations

import ast

import libcst as cst

from codemods.change import Edit, Refused, Site

KEYS = frozenset({"priority", "task_priority", "task_default_priority"})
"""Keywords, keys and names (in lower case, without a namespace) that have a priority for their value."""


def written_priorities(site: Site) -> list[tuple[cst.BaseExpression, object]]:
    """The literals with their values: of the call or the declaration that the finding is about, else those of the entry on its row.

    Raises:
        Refused: the priority is no literal there.
    """
    place = site.finding.place
    if (place.row, place.column) != (place.end_row, place.end_column):
        found = _literals(_expression(site))
    else:
        statement = site.tree.statement(place.row)
        everywhere = _literals(statement)
        found = [(node, value) for node, value in everywhere if place.row in _rows(site, node)]
        if not found and site.tree.rows(statement)[0] == place.row:
            found = everywhere
    if not found:
        raise Refused("the priority is not written there as a literal")
    return found


def with_priority(node: cst.BaseExpression, value: int) -> Edit:
    """The edit that writes another priority."""
    return Edit(node, lambda _: cst.Integer(str(value)))


def _expression(site: Site) -> cst.CSTNode:
    """The call that the finding is about, or the decorator of the declaration."""
    try:
        return site.tree.call(site.finding.place)
    except Refused:
        return site.decorator


def _rows(site: Site, node: cst.CSTNode) -> set[int]:
    """The rows on which a literal and the entries around it begin."""
    entries = [each for each in site.tree.around(node) if isinstance(each, (cst.DictElement, cst.Assign))]
    return {site.tree.rows(each)[0] for each in (node, *entries)}


def _literals(node: cst.CSTNode) -> list[tuple[cst.BaseExpression, object]]:
    found: list[tuple[cst.BaseExpression, object]] = []
    pending = [node]
    while pending:
        node = pending.pop()
        value = getattr(node, "value", None)
        if isinstance(value, cst.BaseExpression) and _is_priority(node):
            try:
                found.append((value, ast.literal_eval(cst.Module([]).code_for_node(value))))
            except (ValueError, SyntaxError):
                continue
        pending += reversed(node.children)
    return found


def _is_priority(node: cst.CSTNode) -> bool:
    """Whether a keyword, an entry or an assignment is that of a priority."""
    names: list[str] = []
    if isinstance(node, cst.Arg) and node.keyword is not None:
        names = [node.keyword.value]
    elif isinstance(node, cst.DictElement) and isinstance(node.key, cst.SimpleString):
        names = [str(node.key.evaluated_value)]
    elif isinstance(node, cst.Assign):
        names = [cst.Module([]).code_for_node(each.target).rstrip("\"']") for each in node.targets]
    elif isinstance(node, cst.AnnAssign):
        names = [cst.Module([]).code_for_node(node.target)]
    if isinstance(node, (cst.Assign, cst.AnnAssign)):
        return any(name.lower().endswith("task_default_priority") for name in names)
    return bool({name.lower() for name in names} & KEYS)
