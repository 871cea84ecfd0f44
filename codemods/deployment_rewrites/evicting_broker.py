"""CRB605: `maxmemory-policy allkeys-lru` becomes `maxmemory-policy noeviction`, in redis.conf and in commands."""

from __future__ import annotations

from collections.abc import Iterator

from codemods.change import Refused
from codemods.command_site import Change, CommandSite, span_of
from codemods.registry import command_codemod
from lint_rules.project.redis_servers import broker_servers


@command_codemod("CRB605", alters=("maxmemory-policy",), in_python=False)
def evicting_broker(site: CommandSite) -> Iterator[Change]:
    """Refuse writes where memory is full, instead of dropping queues."""
    place = site.finding.place
    for broker in broker_servers(site.project):
        policy = broker.last("maxmemory-policy")
        if policy is not None and (policy.file, policy.directive.span) == (place.file, span_of(place)):
            yield Change(policy.directive, "maxmemory-policy", "noeviction")
            return
    raise Refused("the policy is not written there as such")
