"""CRB202: `celery worker -Pgevent` becomes `celery worker -P gevent` (an item `-Pgevent` of a list becomes `--pool=gevent`)."""

from __future__ import annotations

from collections.abc import Iterator

from codemods.change import Refused
from codemods.command_site import Change, CommandSite
from codemods.registry import command_codemod


@command_codemod("CRB202", alters=("pool",))
def pool_not_patched(site: CommandSite) -> Iterator[Change]:
    """Write the pool so that the program patches for it."""
    option = site.worker.options["pool"]
    if site.worker.form == "command" and option.source == "argument" and not option.glued:
        raise Refused("the command cannot be found")
    if site.worker.form != "command":
        raise Refused("a call of Python patches nothing, however it names the pool: start the worker with the celery program")
    yield Change(option, "pool", option.value, apart=option.glued)
