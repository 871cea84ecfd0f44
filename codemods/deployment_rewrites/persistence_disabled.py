"""CRB604: `appendonly no` becomes `appendonly yes`; where nothing is said of it, the line comes behind `save ""`."""

from __future__ import annotations

from collections.abc import Iterator

from codemods.change import Refused
from codemods.command_site import Change, CommandSite, span_of
from codemods.registry import command_codemod
from lint_rules.findings import Finding, Place
from lint_rules.project.project import Project
from lint_rules.project.redis_servers import BrokerServer, Line, broker_servers
from lint_rules.project.tasks import Task


def file_to_edit(finding: Finding, task: Task | None, project: Project) -> str:
    """The file that says `appendonly no`, where one does."""
    said = _appendonly(finding.place, project)
    return said.file if said is not None else finding.place.file


@command_codemod("CRB604", alters=("appendonly",), in_python=False, file_to_edit=file_to_edit)
def persistence_disabled(site: CommandSite) -> Iterator[Change]:
    """Write what changes to a file."""
    broker = _broker(site.finding.place, site.project)
    save = broker.last("save") if broker is not None else None
    if save is None:
        raise Refused('save "" is not written there as such')
    said = _appendonly(site.finding.place, site.project)
    if said is not None:
        yield Change(said.directive, "appendonly", "yes")
    else:
        yield Change(save.directive, "appendonly", "yes", added=True)


def _appendonly(place: Place, project: Project) -> Line | None:
    broker = _broker(place, project)
    return broker.last("appendonly") if broker is not None else None


def _broker(place: Place, project: Project) -> BrokerServer | None:
    """The server whose `save ""` stands at a place."""
    for broker in broker_servers(project):
        save = broker.last("save")
        if save is not None and (save.file, save.directive.span) == (place.file, span_of(place)):
            return broker
    return None
