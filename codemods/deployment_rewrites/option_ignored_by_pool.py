"""CRB203: `celery worker --pool solo --concurrency 4` becomes `celery worker --pool solo`."""

from __future__ import annotations

from collections.abc import Iterator

from codemods.change import Refused
from codemods.command_site import Change, CommandSite, span_of
from codemods.registry import command_codemod
from lint_rules.rules.deploying.option_ignored_by_pool import ignored_options


@command_codemod(
    "CRB203", alters=("concurrency", "autoscale", "time-limit", "soft-time-limit", "max-tasks-per-child", "max-memory-per-child")
)
def option_ignored_by_pool(site: CommandSite) -> Iterator[Change]:
    """Remove the option that has no effect."""
    ignored = list(ignored_options(site.worker, site.project))
    here = [option for option in ignored if option.span == span_of(site.finding.place)] or ignored
    if not here:
        raise Refused("commands share it, and one of them runs another pool")
    yield Change(here[0], None)
