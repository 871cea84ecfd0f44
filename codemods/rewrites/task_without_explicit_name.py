"""CRB113: `@shared_task` becomes `@shared_task(name="shop.tasks.refund")`, the name that Celery computes."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from codemods.arguments import argument, first_option, is_spread, items_of, laid_out
from codemods.change import Edit, Refused, Site
from codemods.registry import codemod
from lint_rules.rules.declaring.names import automatic_name


@codemod("CRB113")
def task_without_explicit_name(site: Site) -> Iterator[Edit]:
    """Write the task's name down."""
    name = automatic_name(site.task, site.project)
    if name is None or site.task.declaration.form not in ("plain", "ours") or site.task.function.parent:
        raise Refused("its name depends on how it is made")
    tree = site.tree

    def named(call: cst.Call) -> cst.Call:
        items, last = items_of(call)
        items.insert(first_option(items), argument("name", f"{tree.quote}{name}{tree.quote}"))
        return laid_out(call, items, last, tree.space(site.decorator, 1), is_spread(call))

    yield site.declaration(named)
