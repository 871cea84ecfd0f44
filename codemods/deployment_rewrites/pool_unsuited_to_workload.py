"""CRB201: `celery worker --pool=gevent` becomes `celery worker --pool=prefork` where that pool suits all tasks of the worker."""

from __future__ import annotations

from collections.abc import Iterator

from codemods.change import Refused
from codemods.command_site import Change, CommandSite
from codemods.registry import command_codemod
from lint_rules.knowledge.pools import IGNORED
from lint_rules.rules.deploying.pool_unsuited_to_workload import suited_pool

MOST_PROCESSES = 32
"""More than a machine usually has cores. Such a concurrency was meant for greenlets or threads, and goes: prefork runs a process a core."""


@command_codemod(
    "CRB201",
    alters=("pool", "concurrency"),
    reveals=("CRB211",),
    settles=("CRB202", "CRB203", "CRB204", "CRB210", "CRB211", "CRB214", "CRB215", "CRB409"),
)
def pool_unsuited_to_workload(site: CommandSite) -> Iterator[Change]:
    """Run the pool that suits the tasks."""
    worker, project = site.worker, site.project
    setting = project.routing.pool_of(worker)[1]
    if setting is not None:
        raise Refused(f"{setting.written or setting.name} chooses the pool ({setting.file}:{setting.row})")
    pool = suited_pool(worker, project)
    if pool is None:
        raise Refused("no pool is known to suit all of its tasks")
    if pool == site.pool:
        raise Refused("its pool works, whether another one is better depends on their number")
    lost = [name for name in worker.options if name in IGNORED.get(pool, ()) or (pool == "threads" and name == "autoscale")]
    if lost:
        raise Refused(f"the {pool} pool has no --{lost[0]}, which the command gives")
    yield Change(worker.options["pool"], "pool", pool)
    if pool == "prefork" and (worker.concurrency or 0) > MOST_PROCESSES:
        yield Change(worker.options["concurrency"], None)
