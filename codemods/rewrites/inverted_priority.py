"""CRB207: `send_urgent_alert.apply_async(priority=9)` becomes `priority=0` on Redis, where 0 is the highest; on RabbitMQ 0 becomes 9."""

from __future__ import annotations

from collections.abc import Iterator

from codemods.change import Edit, Refused, Site
from codemods.priorities import with_priority, written_priorities
from codemods.registry import codemod


@codemod("CRB207", alters=("priority",), reveals=("CRB207", "CRB208"), settles=("CRB207", "CRB208"))
def inverted_priority(site: Site) -> Iterator[Edit]:
    """Write the priority at the other end: whatever the broker, 0 is one of them and 9 the other."""
    found = written_priorities(site)
    if len(found) != 1:
        raise Refused("several priorities stand there, and which is meant cannot be told")
    node, value = found[0]
    yield with_priority(node, 9 if value == 0 else 0)
