"""One round over one deployment file: the findings in it, rewritten at the characters they are about, or why they are not."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from codemods.change import Refused
from codemods.command_site import Change, CommandSite, elsewhere, servers_at, span_of, variable_of, workers_at
from codemods.deployment_manifest import Outcome, key_of
from codemods.notation import edits_of, stands
from codemods.place import place_of, refuse_commented, refuse_control
from codemods.registry import all_codemods
from codemods.rewriting import Refusal, Rewritten
from codemods.text_edits import TextEdit, Written
from lint_rules.deploy.model import Command, Directive, RedisServer, Word, WorkerCommand
from lint_rules.deploy.text import Source
from lint_rules.findings import Finding
from lint_rules.project.project import Project


class _Mended(Struct, frozen=True):
    """What a finding asks for."""

    edits: tuple[TextEdit, ...]
    places: tuple[tuple[int, int], ...]
    outcomes: tuple[Outcome, ...]


def rewrite_deployment(file: str, data: bytes, findings: Sequence[Finding], project: Project) -> Rewritten:
    """Rewrite what the findings ask for. One change is made of a command in a round: it may make another one needless, or wrong."""
    try:
        written = Written(file, data)
    except Refused as error:
        return Rewritten(file, data, refused=tuple([Refusal(finding, str(error)) for finding in findings]))
    applied: list[Finding] = []
    refused: list[Refusal] = []
    taken: list[_Mended] = []
    for finding in sorted(findings, key=lambda finding: finding.code):
        try:
            mended = _mended(finding, written, project)
        except Refused as error:
            refused.append(Refusal(finding, str(error)))
            continue
        if not any(_collide(mended, other) for other in taken):  # else it waits for the next round
            taken.append(mended)
            applied.append(finding)
    edits = tuple(sorted(edit for mended in taken for edit in mended.edits))
    outcomes = tuple(outcome for mended in taken for outcome in mended.outcomes)
    places = tuple(place for mended in taken for place in mended.places)
    return Rewritten(file, written.edited(edits), tuple(applied), tuple(refused), edits=edits, places=places, outcomes=outcomes)


def _collide(mended: _Mended, other: _Mended) -> bool:
    if {outcome.key for outcome in mended.outcomes} & {outcome.key for outcome in other.outcomes}:
        return True
    return any(edit.touches(each.start, each.end) for edit in mended.edits for each in other.edits)


def _mended(finding: Finding, written: Written, project: Project) -> _Mended:
    """The edits for a finding, which all commands must ask for that stand at its place.

    Raises:
        Refused: they cannot be made.
    """
    rewrite = all_codemods()[finding.code].changes
    if rewrite is None:
        raise Refused("its fix is one of Python code")
    commands = workers_at(finding.place, project) or servers_at(finding.place.file, span_of(finding.place), project)
    if not commands:
        raise Refused("the command cannot be found")
    first, *others = [tuple(rewrite(CommandSite(finding, project, command))) for command in commands]
    if any(each != first for each in others):
        raise Refused("commands that want something else share it")
    edits: list[TextEdit] = []
    places: list[tuple[int, int]] = []
    outcomes: list[Outcome] = []
    for change in first:
        owners = _owners(change, commands, written.source, project)
        if finding.fix is None:
            raise Refused("it has no fix")
        for owner in owners:
            refuse_control(written.source, owner.span)
            refuse_commented(change, written.source, owner.span)
            outcomes += (Outcome(key_of(owner, project), name, value) for name, value in change.outcome)
        edits += edits_of(change, _words(owners[0]), written.source)
        if change.subject.span is not None:
            place = place_of(written.source, change.subject.span)
            places.append((place.start, place.end))
    if not edits:
        raise Refused("nothing is left to change there")
    return _Mended(tuple(edits), tuple(places), tuple(outcomes))


def _owners(change: Change, commands: Sequence[Command], source: Source, project: Project) -> Sequence[WorkerCommand | RedisServer]:
    """The commands of the file that have the option, or the directive.

    Raises:
        Refused: it stands somewhere else.
    """
    subject = change.subject
    if isinstance(subject, Directive):
        servers = servers_at(source.file, subject.span, project)
        if not servers:
            raise Refused(f"{subject.name} stands in another file")
        return servers
    workers = [command for command in commands if isinstance(command, WorkerCommand)]
    if not stands(subject, workers[0].words, source):
        in_default = subject.span is not None and "${" in place_of(source, subject.span).text
        raise Refused("it is the default of a variable" if in_default else elsewhere(subject, workers[0], project))
    if change.name != subject.name and variable_of(subject) in workers[0].environment:
        raise Refused(f"{variable_of(subject)} would count in its place")
    return workers


def _words(command: Command) -> Sequence[Word]:
    return command.words if isinstance(command, WorkerCommand) else ()
