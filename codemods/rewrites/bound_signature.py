"""CRB108: `bind=True` is added for a first parameter `self`, and dropped where the function takes no argument at all."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from codemods.arguments import argument, first_option, is_spread, items_of, keyword_of, laid_out, map_keyword
from codemods.change import Edit, Refused, Site
from codemods.registry import codemod


@codemod("CRB108", alters=("bind",))
def bound_signature(site: Site) -> Iterator[Edit]:
    """Make `bind` and the first parameter agree."""
    tree, drop = site.tree, site.task.flag("bind")
    if site.task.declaration.form not in ("plain", "ours"):
        raise Refused(f"{site.task.declaration.text} is a pre-configured decorator")

    def bound(call: cst.Call) -> cst.Call:
        if not drop and keyword_of(call, "bind") is not None:  # bind=False
            return map_keyword(call, "bind", lambda arg: arg.with_changes(value=cst.Name("True")))
        items, last = items_of(call)
        if drop:
            items = [item for item in items if item.keyword != "bind"]
        else:
            items.insert(first_option(items), argument("bind", "True"))
        return laid_out(call, items, last, tree.space(site.decorator, 1), is_spread(call))

    yield site.declaration(bound)
