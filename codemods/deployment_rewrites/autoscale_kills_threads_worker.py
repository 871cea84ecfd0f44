"""CRB204: `celery worker --pool threads --autoscale 16,2` becomes `celery worker --pool threads --concurrency 16`."""

from __future__ import annotations

from collections.abc import Iterator

from codemods.change import Refused
from codemods.command_site import Change, CommandSite
from codemods.registry import command_codemod


@command_codemod("CRB204", alters=("autoscale", "concurrency"), reveals=("CRB211",))
def autoscale_kills_threads_worker(site: CommandSite) -> Iterator[Change]:
    """Run as many threads as it would have grown to."""
    worker = site.worker
    option, limits = worker.options.get("autoscale"), worker.autoscale
    if option is None or limits is None or site.pool != "threads":
        raise Refused("commands share it, and one of them runs another pool")
    if "concurrency" in worker.options:
        yield Change(option, None)
    else:
        yield Change(option, "concurrency", str(limits[0]))
