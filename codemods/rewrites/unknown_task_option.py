"""CRB107: `@shared_task(max_retrys=3)` becomes `@shared_task(max_retries=3)`."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from codemods.change import Edit, Refused, Site
from codemods.registry import codemod
from lint_rules.rules.declaring.unknown_task_option import better_option


@codemod("CRB107", alters=("options",))
def unknown_task_option(site: Site) -> Iterator[Edit]:
    """Spell options right."""
    better = {name: right for name in site.arguments if (right := better_option(name))}
    if site.finding.fix is None:
        raise Refused("an option belongs to a call, or which one is meant cannot be told")
    if not better:
        raise Refused("the option is not written in the declaration")
    twice = [right for right in better.values() if right in site.arguments]
    if twice:
        raise Refused(f"{twice[0]} is given as well")

    def renamed(call: cst.Call) -> cst.Call:
        return call.with_changes(
            args=[
                arg.with_changes(keyword=cst.Name(better.get(arg.keyword.value, arg.keyword.value))) if arg.keyword is not None else arg
                for arg in call.args
            ]
        )

    yield site.declaration(renamed)
