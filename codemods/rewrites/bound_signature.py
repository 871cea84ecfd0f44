"""CRB108: `bind=True` is added for a first parameter `self`, and dropped where the function takes no argument at all."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from codemods.arguments import argument, is_spread, items_of, laid_out
from codemods.change import Edit, Site
from codemods.registry import codemod


@codemod("CRB108", alters=("bind",))
def bound_signature(site: Site) -> Iterator[Edit]:
    """Make `bind` and the first parameter agree."""
    tree, drop = site.tree, site.task.flag("bind")

    def bound(call: cst.Call) -> cst.Call:
        items, last = items_of(call)
        kept = [item for item in items if item.keyword != "bind"]
        if not drop:
            place = next((n for n, item in enumerate(kept) if item.keyword not in ("config", "app")), len(kept))
            kept.insert(place, argument("bind", "True"))
        return laid_out(call, kept, last, tree.space(site.decorator, 1), is_spread(call))

    yield site.declaration(bound)
