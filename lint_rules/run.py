"""What the command line, flake8 and the editor ask for, as plain rows."""

from __future__ import annotations

import difflib
import gc
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct

from lint_rules.facts.store import FactsStore
from lint_rules.replay import make_cache
from lint_rules.settings import Problem, Settings, read_settings
from lint_rules.source.discovery import discover
from lint_rules.source.reading import Reader

if TYPE_CHECKING:
    from lint_rules.analysis import Analysis
    from lint_rules.project.project import Project
    from lint_rules.report.graph import Graph
    from lint_rules.rules.registry import Rule

Row = dict[str, Any]
Answer = TypeVar("Answer")


class Run(Struct):
    """The rows of a project, and what they were made from."""

    result: Row
    directories: list[str]
    files: list[str]
    absent: list[str]
    """Files that were looked for and do not exist."""


class UnknownCode(Exception):
    """A code on the command line that no rule has; the text is the sentence to show."""


def whole_project(
    root: str, config: str, overrides: dict[str, Any], cache: str | None, jobs: int = 0, overlay: dict[str, bytes] | None = None
) -> Run:
    """Analyse the project below `root`; `overlay` gives the content of files that are not saved yet.

    Raises:
        UnknownCode: `overrides` select or ignore a code that does not exist.
    """
    refuse_unknown([code for name, value in overrides.items() if name != "profile" for code in value])
    gc.disable()  # a run allocates much, frees little and ends soon
    settings, problems = read_settings(Path(config), _named(config, root), codes)
    if "select" in overrides:  # what is asked for by name is reported, whatever the project ignores
        overrides = {"ignore": (), "extend_ignore": (), **overrides}
    settings = msgspec.structs.replace(settings, **overrides)
    analysis = analysed(root, settings, problems, cache, jobs, overlay)
    from lint_rules.report.rows import finding_rows

    result: Row = {
        "findings": finding_rows(analysis.findings),
        "suppressed": finding_rows(analysis.suppressed),
        "tasks": len(analysis.project.tasks),
        "files": len(analysis.listing.files),
        "read": len(analysis.project.index.loaded()),
    }
    inputs = [_named(config, root), *analysis.project.inputs, *analysis.project.deployment.inputs]
    present = [path for path in inputs if os.path.exists(os.path.join(root, path))]
    return Run(
        result=result,
        directories=analysis.listing.directories,
        files=[*analysis.listing.files, *analysis.listing.deploy, *analysis.listing.named, *analysis.listing.ignore_files, *present],
        absent=[path for path in inputs if path not in present],
    )


def analysed(
    root: str,
    settings: Settings,
    problems: list[Problem],
    cache: str | None,
    jobs: int = 0,
    overlay: dict[str, bytes] | None = None,
) -> Analysis:
    """Read the project below `root` and ask the rules, with other processes and stored facts where that pays."""
    with _reader(root, cache, jobs, overlay or {}) as reader:
        reader.start((), settings.task_decorators)
        listing = discover(root, settings, overlay or (), reader.look_at)
        from lint_rules.analysis import examine  # the engine is loaded while other processes read files

        collecting = gc.isenabled()
        gc.disable()  # reading allocates much and frees little
        try:
            return examine(Path(root), listing, settings, problems, reader)
        finally:
            if collecting:
                gc.enable()


def project_tasks(root: str, config: str, cache: str | None, jobs: int = 0) -> tuple[list[Row], list[str]]:
    """The tasks of the project below `root`, and what went wrong."""
    from lint_rules.report.rows import task_rows

    return _asked(root, config, cache, jobs, task_rows)


def project_workers(root: str, config: str, cache: str | None, jobs: int = 0) -> tuple[list[Row], list[str]]:
    """The worker commands of the project below `root`, and what went wrong."""
    from lint_rules.report.worker_rows import worker_rows

    return _asked(root, config, cache, jobs, worker_rows)


def project_graph(root: str, config: str, cache: str | None, by: str, jobs: int = 0) -> tuple[Graph, list[str]]:
    """The tasks, queues and workers of the project below `root`, and what went wrong."""
    from lint_rules.analysis import check
    from lint_rules.report.graph import CONTRADICTIONS, graph_of
    from lint_rules.rules.registry import all_rules

    rules = [rule for code, rule in all_rules().items() if code in CONTRADICTIONS]
    return _asked(root, config, cache, jobs, lambda project: graph_of(project, check(project, rules), by))


def _asked(root: str, config: str, cache: str | None, jobs: int, ask: Callable[[Project], Answer]) -> tuple[Answer, list[str]]:
    """What `ask` makes of the project below `root`, and what went wrong."""
    from lint_rules.analysis import read

    settings, problems = read_settings(Path(config), _named(config, root), codes)
    with _reader(root, cache, jobs, {}) as reader:
        reader.start((), settings.task_decorators)
        listing = discover(root, settings, (), reader.look_at)
        project = read(Path(root), listing, settings, reader)
        answer = ask(project)
        wrong = [problem.message for problem in problems]
        wrong += [f"{file}: {error.reason}" for file, error in sorted(reader.unreadable.items())]
        if "deployment" in vars(project):  # the answer asked for it
            wrong += [f"{each.file}: {each.reason}" for each in project.deployment.troubles]
    return answer, wrong


def effective_settings(config: str) -> tuple[dict[str, Any], list[str], list[str]]:
    """The settings by their written names, the rules that are on, and what is wrong."""
    from lint_rules.analysis import codes_of

    settings, problems = read_settings(Path(config), os.path.basename(config), codes)
    shown: dict[str, Any] = msgspec.to_builtins(settings)
    return shown, sorted(codes_of(settings)), [problem.message for problem in problems]


def rule_row(rule: Rule) -> Row:
    """A rule as data."""
    from lint_rules.rules.registry import HEADINGS

    return {
        "code": rule.code,
        "name": rule.name,
        "severity": str(rule.severity),
        "fix": None if rule.fix is None else str(rule.fix),
        "convention": rule.convention,
        "optional": rule.optional,
        "summary": rule.summary,
        "documentation": {heading: rule.section(heading) for heading in HEADINGS},
    }


def codes() -> list[str]:
    """The codes of all rules."""
    from lint_rules.rules.registry import all_rules

    return list(all_rules())


def refuse_unknown(named: Iterable[str]) -> None:
    """Raise UnknownCode for a code or prefix that no rule has."""
    for code in named:
        if not any(known.startswith(code) for known in codes()):
            near = difflib.get_close_matches(code, codes(), 1)
            raise UnknownCode(f"{code} is no rule or prefix of one; {f'did you mean {near[0]}?' if near else '`crb rules` lists them'}")


def _named(config: str, root: str) -> str:
    return os.path.relpath(config, root).replace(os.sep, "/")


def _reader(root: str, cache: str | None, jobs: int, overlay: dict[str, bytes]) -> Reader:
    store = None
    if cache is not None:
        try:
            make_cache(cache)
            store = FactsStore(Path(cache))
        except OSError:
            store = None
    return Reader(Path(root), store, jobs, overlay)
