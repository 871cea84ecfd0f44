"""CRB206: `priority="high"` becomes `priority=0`: the number that Redis takes it for."""

from __future__ import annotations

from collections.abc import Iterator

from codemods.change import Edit, Refused, Site
from codemods.priorities import with_priority, written_priorities
from codemods.registry import codemod
from lint_rules.rules.deploying.invalid_priority import taken_for


@codemod("CRB206", alters=("priority",), reveals=("CRB207", "CRB208"), settles=("CRB207", "CRB208"))
def invalid_priority(site: Site) -> Iterator[Edit]:
    """Write the priority that has the same effect."""
    if site.finding.fix is None:
        raise Refused("what is meant cannot be told: only Redis takes it for another number")
    wrong = [(node, taken) for node, value in written_priorities(site) if (taken := taken_for(value)) is not None]
    if not wrong:
        raise Refused("the priority is not written there as a literal")
    for node, taken in wrong:
        yield with_priority(node, taken)
