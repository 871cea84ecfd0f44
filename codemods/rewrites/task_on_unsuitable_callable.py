"""CRB112: `@app.task("shop.refund")` becomes `@app.task(name="shop.refund")`."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from codemods.arguments import TIGHT
from codemods.change import Edit, Refused, Site
from codemods.registry import codemod


@codemod("CRB112", alters=("name",))
def task_on_unsuitable_callable(site: Site) -> Iterator[Edit]:
    """Pass the name by keyword."""
    if not site.task.declaration.positional:
        raise Refused("what it decorates has to become a function of the module")
    if len(site.task.declaration.positional) > 1 or "name" in site.arguments:
        raise Refused("it has other arguments by position, or a name by keyword as well")

    def named(call: cst.Call) -> cst.Call:
        first, *others = call.args
        return call.with_changes(args=[first.with_changes(keyword=cst.Name("name"), equal=TIGHT), *others])

    yield site.declaration(named)
