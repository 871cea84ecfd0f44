"""One run over a project: which files, what they say, what the rules make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from lint_rules.deploy.deployment import read_deployment
from lint_rules.deploy.model import Deployment, WorkerCommand
from lint_rules.facts.model import Suppression
from lint_rules.findings import Finding, Place, Report
from lint_rules.knowledge.tables import load
from lint_rules.project.modules import ModuleIndex, NotLoaded
from lint_rules.project.project import Project, TaskCall, read_project
from lint_rules.project.stores.model import CacheUse, StoreCall
from lint_rules.project.tasks import Task
from lint_rules.rules.registry import Rule, all_rules, enabled
from lint_rules.settings import Problem, Settings
from lint_rules.source.discovery import Listing, discover
from lint_rules.source.reading import Reader
from lint_rules.suppressions import comments_in, covers, unused_codes


class Analysis(Struct):
    """What a run found. Paths are relative to the root."""

    findings: list[Finding]
    suppressed: list[Finding]
    project: Project
    listing: Listing


def codes_of(settings: Settings) -> frozenset[str]:
    """The rules that the settings turn on."""
    return enabled(
        all_rules().values(),
        settings.select,
        settings.extend_select,
        (*settings.ignore, *settings.extend_ignore),
        settings.profile,
    )


def analyse(root: Path, settings: Settings, problems: Iterable[Problem] = ()) -> Analysis:
    """Read the project below `root` in this process and ask all enabled rules."""
    listing = discover(str(root), settings)
    with Reader(root) as reader:
        reader.start(listing.files, settings.task_decorators)
        return examine(root, listing, settings, problems, reader)


def examine(root: Path, listing: Listing, settings: Settings, problems: Iterable[Problem], reader: Reader) -> Analysis:
    """Ask all enabled rules of the files listed; `reader` has been started on them."""
    project = read(root, listing, settings, reader)
    rules = all_rules()
    codes = codes_of(settings)
    found = list(_run_findings(listing, reader, project.deployment, problems))
    found += check(project, [each for each in rules.values() if each.code in codes])
    found = [finding for finding in found if finding.code in codes or finding.code in ("CRB001", "CRB003")]
    comments = {module.file: module.facts.suppressions for module in project.index.loaded()}
    comments |= {file: comments_in(text, python=False) for file, text in project.deployment.annotated.items()}
    kept, suppressed = _suppressed(found, comments, codes)
    ignored = _per_file_ignores(settings)
    kept, suppressed = ([finding for finding in group if not ignored(finding)] for group in (kept, suppressed))
    kept.sort(key=lambda finding: finding.order)
    return Analysis(kept, suppressed, project, listing)


def read(root: Path, listing: Listing, settings: Settings, reader: Reader) -> Project:
    """Find the project's tasks and follow what they do; `reader` has been started on the files listed."""
    knowledge = load(settings.knowledge)
    index = ModuleIndex(listing.files, settings.src, reader)
    first = reader.celery_files()
    project = read_project(root, settings, index, knowledge, first, lambda names: reader.files_naming(listing.files, names))
    project.directories = listing.directories
    project.read_deployment = lambda: read_deployment(listing.deploy, listing.named, reader.content)
    return project


def check(project: Project, rules: Iterable[Rule]) -> Iterator[Finding]:
    """What the rules find, each place once a rule."""
    by_subject: dict[type, list[Rule]] = {}
    for each in rules:
        if each.subject is not None:
            by_subject.setdefault(each.subject, []).append(each)
    subjects: list[tuple[type, Callable[[], Iterable[object]]]] = [
        (Project, lambda: [project]),
        (Task, lambda: project.tasks),
        (TaskCall, lambda: project.task_calls()),
        (WorkerCommand, lambda: project.workers),
        (StoreCall, lambda: project.stores.calls),
        (CacheUse, lambda: project.stores.uses),
    ]
    if StoreCall in by_subject or CacheUse in by_subject:
        project.stores.prepare()
    seen: set[tuple[str, str, int, int]] = set()
    for subject, make in subjects:
        asked = by_subject.get(subject)
        for value in make() if asked else ():
            for each in asked or ():
                for report in _reports(each, value, project):
                    key = (each.code, report.place.file, report.place.row, report.place.column)
                    if key not in seen:
                        seen.add(key)
                        yield _finding(each, report)


def _reports(rule: Rule, subject: object, project: Project) -> list[Report]:
    """What a rule reports of one subject; modules that its questions lead to are loaded on the way."""
    while True:
        try:
            return list(rule.check(subject, project))
        except NotLoaded as needed:
            project.index.load([needed.file])


def _finding(rule: Rule, report: Report) -> Finding:
    return Finding(
        code=rule.code,
        name=rule.name,
        severity=report.severity or rule.severity,
        message=report.message,
        place=report.place,
        task=report.task,
        related=report.related,
        fix=report.fix,
    )


def _run_findings(listing: Listing, source: Reader, deployment: Deployment, problems: Iterable[Problem]) -> Iterator[Finding]:
    rules = all_rules()
    for problem in problems:
        yield _finding(rules["CRB003"], Report(problem.place, problem.message))
    for path, reason in listing.unreadable:
        yield _finding(rules["CRB001"], Report(Place.row_of(path or ".", 1), f"{path or '.'} cannot be read: {reason}"))
    for path, error in sorted(source.unreadable.items()):
        place = Place.row_of(path, error.row, error.column)
        yield _finding(rules["CRB001"], Report(place, f"{path} cannot be analysed: {error.reason}"))
    for trouble in deployment.troubles:
        place = Place.row_of(trouble.file, trouble.row)
        yield _finding(rules["CRB001"], Report(place, f"{trouble.file} cannot be read for workers: {trouble.reason}"))


def _suppressed(
    found: list[Finding], comments: Mapping[str, Iterable[Suppression]], codes: frozenset[str]
) -> tuple[list[Finding], list[Finding]]:
    """Findings that stay, and those that a comment silences; comments that silence nothing become CRB002."""
    rule = all_rules()["CRB002"]
    by_file: dict[str, list[Finding]] = {}
    for finding in found:
        by_file.setdefault(finding.place.file, []).append(finding)
    silenced: list[Finding] = []
    extra: list[Finding] = []
    looked_for = sorted(codes - {"CRB002"})
    for file, those in comments.items():
        for comment in those:
            hit = [finding for finding in by_file.get(file, ()) if covers(comment, finding)]
            silenced += hit
            for code in unused_codes(comment, hit, looked_for) if "CRB002" in codes else ():
                place = Place(file, comment.row, comment.column, comment.row, comment.end_column, comment.row, comment.row)
                text = f"{code} is suppressed here, but nothing of that code is reported" if code else "this comment suppresses nothing"
                extra.append(_finding(rule, Report(place, f"{text}; remove it", fix=rule.fix)))
    gone = {id(finding) for finding in silenced}
    return [finding for finding in (*found, *extra) if id(finding) not in gone], silenced


def _per_file_ignores(settings: Settings) -> Callable[[Finding], bool]:
    if not settings.per_file_ignores:
        return lambda finding: False
    from lint_rules.source.patterns import spec_of

    specs = [(spec_of([pattern]), codes) for pattern, codes in settings.per_file_ignores.items()]

    def ignored(finding: Finding) -> bool:
        return any(finding.code.startswith(code) and spec.match_file(finding.place.file) for spec, codes in specs for code in codes)

    return ignored
