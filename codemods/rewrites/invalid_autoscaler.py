"""CRB205: `app.conf.worker_autoscaler = (10, 2)` goes: it has no effect, or keeps the worker from starting."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from codemods.arguments import left
from codemods.change import Edit, Refused, Site
from codemods.registry import codemod
from codemods.written_settings import WrittenSetting, written_settings


@codemod("CRB205")
def invalid_autoscaler(site: Site) -> Iterator[Edit]:
    """Remove the setting."""
    place = site.finding.place
    statement = site.tree.statement(place.row)
    names = {each.written for each in site.project.celery_settings if (each.file, each.row) == (place.file, place.row)}
    found = [each for name in sorted(names) for each in written_settings(site.tree, name, statement) if _is_it(name)]
    if len(found) != 1:
        raise Refused("the setting is not written there in a way that could be taken out")
    yield _removed(site, found[0], statement)


def _is_it(name: str) -> bool:
    return name.lower().endswith("worker_autoscaler")


def _removed(site: Site, setting: WrittenSetting, statement: cst.CSTNode) -> Edit:
    holder = setting.holder
    around = site.tree.parent(holder)
    if isinstance(holder, (cst.Assign, cst.AnnAssign)):
        block = site.tree.parent(statement)
        if isinstance(holder, cst.Assign) and len(holder.targets) > 1:
            raise Refused("other names get the value with it")
        if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
            raise Refused("its line has other statements")
        if isinstance(block, cst.IndentedBlock) and len(block.body) == 1:
            raise Refused("it is all that its block has")
        return Edit(statement, lambda node: cst.RemoveFromParent())
    if isinstance(around, cst.Dict):
        return Edit(around, lambda node: node.with_changes(elements=left(around.elements, [holder])))
    assert isinstance(around, cst.Call)
    if len(around.args) == 1:
        raise Refused("it is all that the call sets")
    return Edit(around, lambda node: node.with_changes(args=left(around.args, [holder])))
