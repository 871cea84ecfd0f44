"""CRB105: a decorator that hides the task moves below the task decorator, where it takes effect in the worker."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from codemods.change import Edit, Refused, Site
from codemods.registry import codemod
from lint_rules.rules.declaring.decorator_above_task import decorator_above_task as hiding


@codemod("CRB105")
def decorator_above_task(site: Site) -> Iterator[Edit]:
    """Put the decorator directly below the one that makes the task."""
    place = site.finding.place
    task_decorator = site.decorator
    function = site.tree.parent(task_decorator)
    if not isinstance(function, cst.FunctionDef):
        raise Refused("the decorated function cannot be found")
    above = function.decorators[: function.decorators.index(task_decorator)]
    rows = [site.tree.rows(each.decorator)[0] for each in above]
    if place.row not in rows:
        raise Refused("the decorator cannot be found above the task's")
    at = rows.index(place.row)
    if any(report.place.row in rows[at + 1 :] for report in hiding(site.task, site.project)):
        return  # that one moves first, so that they stay in their order

    def reordered(node: cst.FunctionDef) -> cst.FunctionDef:
        decorators = list(node.decorators)
        moved = decorators.pop(at)
        decorators.insert(len(above), moved)
        return node.with_changes(decorators=decorators)

    yield Edit(function, reordered)
