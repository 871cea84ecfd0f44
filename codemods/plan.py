"""A migration of one project: rounds of rewriting until nothing is left to do, then the proof. Nothing is written here.

Rewriting a place can make another one ready (a misspelt option has to be put right before the decorator can be replaced), and edits that
overlap wait for each other, so each round reads the project anew, with the texts of the round before in the place of the files.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import msgspec
from msgspec import Struct

from codemods.change import Choices, Refused
from codemods.deployment import rewrite_deployment
from codemods.deployment_manifest import Key
from codemods.deployment_proof import check_commands, check_deployment_text
from codemods.layout import Layout
from codemods.line_length import line_length
from codemods.registry import all_codemods
from codemods.rewriting import Refusal, Rewritten, rewrite_file, task_of
from codemods.verify import Failure, by_file, check_project, check_text, revealed, same_code
from codemods.write import Original, read_original
from lint_rules.analysis import Analysis
from lint_rules.findings import Finding, FixKind
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.run import analysed
from lint_rules.settings import Problem, Settings
from lint_rules.source.reading import processors

MOST_ROUNDS = 12
WORTH_SHARING = 6
"""Files to rewrite before a second process saves more than it costs to start."""

MARKED_WITHIN = 4096
"""Bytes at the beginning of a file in which it may say that it is generated."""

Ask = Callable[["Proposal"], str]
"""Asks a person about a proposal: the answer is "yes", "no" or one of its choices."""


class Proposal(Struct, frozen=True):
    """One finding as a person is asked about it: the text before and after, or the choices where it cannot be decided without them."""

    finding: Finding
    before: bytes
    after: bytes = b""
    question: str = ""
    choices: tuple[str, ...] = ()


class Change(Struct, frozen=True):
    """One file as it is to be written."""

    original: Original
    data: bytes
    applied: tuple[Finding, ...]


class Migration(Struct):
    """What a migration would do. Files are relative to the root."""

    changes: dict[str, Change]
    refused: list[Refusal]
    waiting_for_unsafe: list[Finding]
    failures: list[Failure]
    revealed: list[Finding]
    problems: list[str]
    """What the formatter could not do, in sentences."""
    before: Analysis
    after: Analysis


class Options(Struct, frozen=True):
    """How to migrate."""

    select: tuple[str, ...] = ()
    unsafe: bool = False
    route: bool = False
    jobs: int = 0
    cache: str | None = None


class Planner:
    """Works out a migration of the project below `root`; `covers` tells which files may be rewritten."""

    def __init__(
        self,
        root: str,
        settings: Settings,
        problems: list[Problem],
        options: Options,
        covers: Callable[[str], bool],
        ask: Ask | None = None,
    ) -> None:
        self.root = root
        self.settings = settings
        self.problems = problems
        self.options = options
        self.covers = covers
        self.ask = ask
        self.choices = Choices(options.unsafe, options.route, line_length(root))
        self._originals: dict[str, Original] = {}
        self._texts: dict[str, bytes] = {}
        self._applied: dict[str, list[Finding]] = {}
        self._outcomes: dict[str, dict[tuple[Key, str], str | None]] = {}
        self._failures: list[Failure] = []
        self._given_up: set[str] = set()
        self._agreed: set[tuple[str, str, str]] = set()
        self._declined: set[tuple[str, str, str]] = set()
        self._layout = Layout(root)
        self._formatted: dict[str, bool] = {}

    def migration(self) -> Migration:
        """What is to be written, and what was left and why."""
        before = after = self._read()
        refused: list[Refusal] = []
        for _ in range(MOST_ROUNDS):
            results = self._round(after)
            refused = [refusal for result in results for refusal in result.refused]
            if not self._take(results):
                break
            after = self._read()
        else:
            for file in [result.file for result in results if result.applied]:
                self._give_up(file, [Failure("converge", file, f"after {MOST_ROUNDS} rounds there is still something to rewrite")])
            after = self._read()
        while failures := self._disproved(before, after):
            for file, those in by_file(failures, self._texts).items():
                self._give_up(file, those)
            after = self._read()
        return Migration(
            changes={file: Change(self._originals[file], data, tuple(self._applied[file])) for file, data in sorted(self._texts.items())},
            refused=[each for each in refused if each.finding.place.file not in self._given_up],
            waiting_for_unsafe=[finding for finding in self._findings(after) if self._needs_unsafe(finding)],
            failures=self._failures,
            revealed=revealed(before, after) if self._texts else [],
            problems=self._layout.problems,
            before=before,
            after=after,
        )

    # ── one round ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self) -> Analysis:
        return analysed(self.root, self.settings, self.problems, self.options.cache, self.options.jobs, dict(self._texts))

    def _findings(self, analysis: Analysis) -> Iterator[Finding]:
        """The findings that a codemod might mend."""
        for finding in analysis.findings:
            chosen = not self.options.select or any(finding.code.startswith(code) for code in self.options.select)
            if chosen and finding.code in all_codemods() and self.covers(finding.place.file):
                if finding.place.file not in self._given_up and _identity(finding) not in self._declined:
                    yield finding

    def _needs_unsafe(self, finding: Finding) -> bool:
        return finding.fix is FixKind.UNSAFE and not self.options.unsafe

    def _round(self, analysis: Analysis) -> list[Rewritten]:
        by_name: dict[str, list[Finding]] = {}
        for finding in self._findings(analysis):
            if not self._needs_unsafe(finding):
                by_name.setdefault(self._file_to_edit(finding, analysis), []).append(finding)
        refused, jobs = [], []
        for file, findings in by_name.items():
            try:
                jobs.append((file, self._text(file), findings))
            except Refused as error:
                refused.append(Rewritten(file, b"", refused=tuple([Refusal(finding, str(error)) for finding in findings])))
        rewrite = partial(_rewrite, tasks=analysis.project.tasks, project=analysis.project)
        if self.ask is not None:
            return [*refused, *(self._asked(file, data, findings, rewrite) for file, data, findings in jobs)]
        return [*refused, *_shared(partial(rewrite, choices=self.choices), jobs, self.options.jobs)]

    def _file_to_edit(self, finding: Finding, analysis: Analysis) -> str:
        project = analysis.project
        file = all_codemods()[finding.code].file_to_edit(finding, task_of(finding, project.tasks), project)
        return file if self.covers(file) and file not in self._given_up else finding.place.file

    def _text(self, file: str) -> bytes:
        """The text of a file as it stands in this migration.

        Raises:
            Refused: it cannot be read, or is not to be written.
        """
        if file not in self._texts:
            if file not in self._originals:
                self._originals[file] = read_original(os.path.join(self.root, file))
            data = self._originals[file].data
            for marker in self.settings.generated_markers:
                if marker.encode() in data[:MARKED_WITHIN]:
                    raise Refused(f"the file is generated (it says {marker})")
            return data
        return self._texts[file]

    def _take(self, results: Iterable[Rewritten]) -> bool:
        """Take over what a round made, as far as it stands the checks of a text; whether there was anything."""
        made = [result for result in results if result.applied]
        unknown = {
            os.path.join(self.root, each.file): self._originals[each.file].data
            for each in made
            if each.file not in self._formatted and _is_python(each.file)
        }
        accepted = self._layout.accepted(unknown) if unknown else frozenset()
        for result in made:
            path = os.path.join(self.root, result.file)
            self._formatted.setdefault(result.file, path in accepted)
            before, data = self._text(result.file), result.data
            failures = list(check_text(before, result) if _is_python(result.file) else check_deployment_text(before, result))
            if not failures and self._formatted[result.file]:
                tidy = self._layout.formatted(path, data)
                data = tidy if same_code(data, tidy) else data
            if failures:
                self._give_up(result.file, failures)
            else:
                self._texts[result.file] = data
                self._applied.setdefault(result.file, []).extend(result.applied)
                self._outcomes.setdefault(result.file, {}).update(((each.key, each.name), each.value) for each in result.outcomes)
        return bool(made)

    def _give_up(self, file: str, failures: Iterable[Failure]) -> None:
        self._failures += failures
        self._given_up.add(file)
        self._texts.pop(file, None)
        self._applied.pop(file, None)
        self._outcomes.pop(file, None)

    def _disproved(self, before: Analysis, after: Analysis) -> list[Failure]:
        if not self._texts:
            return []
        applied = [finding for findings in self._applied.values() for finding in findings]
        outcomes = {key: value for found in self._outcomes.values() for key, value in found.items()}
        return [*check_project(before, after, applied, self._texts), *check_commands(before, after, applied, outcomes)]

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _asked(self, file: str, data: bytes, findings: list[Finding], rewrite: Callable[..., Rewritten]) -> Rewritten:
        """What the person agrees to of one file; each finding is shown as if it were the only one."""
        assert self.ask is not None
        agreed, refused = [], []
        for finding in findings:
            alone: Rewritten = rewrite((file, data, [finding]), choices=self.choices)
            if _identity(finding) in self._agreed:
                agreed.append(finding)
                continue
            for refusal in alone.refused:
                answer = self.ask(Proposal(finding, data, question=refusal.question, choices=refusal.choices)) if refusal.choices else ""
                if answer in refusal.choices:
                    said = {**self.choices.workloads, finding.task or "": answer}
                    self.choices = msgspec.structs.replace(self.choices, workloads=said)
                    agreed.append(finding)
                else:
                    refused.append(refusal)
            if alone.applied:
                if self.ask(Proposal(finding, data, alone.data)) == "yes":
                    self._agreed.add(_identity(finding))
                    agreed.append(finding)
                else:
                    self._declined.add(_identity(finding))
        together: Rewritten = rewrite((file, data, agreed), choices=self.choices)
        return msgspec.structs.replace(together, refused=(*together.refused, *refused))


def _is_python(file: str) -> bool:
    """Whether a file is Python code; all others are deployment files."""
    return file.endswith(".py")


def _identity(finding: Finding) -> tuple[str, str, str]:
    """A finding that a person has answered for, wherever its rows move."""
    return finding.code, finding.place.file, finding.task or finding.message


Job = tuple[str, bytes, list[Finding]]


def _rewrite(job: Job, *, tasks: Sequence[Task], project: Project, choices: Choices) -> Rewritten:
    if not _is_python(job[0]):
        return rewrite_deployment(*job, project)
    return rewrite_file(*job, tasks, project, choices)


_rewrite_shared: Callable[[Job], Rewritten]
_jobs_shared: Sequence[Job]


def _call_shared(number: int) -> Rewritten:
    return _rewrite_shared(_jobs_shared[number])


def _shared(rewrite: Callable[[Job], Rewritten], jobs: Sequence[Job], processes: int) -> list[Rewritten]:
    """The results of all jobs, in their order; forked processes share the project that this one has read."""
    processes = processes or processors()
    if processes < 2 or len(jobs) < WORTH_SHARING or not sys.platform.startswith("linux"):
        return [rewrite(job) for job in jobs]
    global _rewrite_shared, _jobs_shared
    _rewrite_shared, _jobs_shared = rewrite, jobs
    with multiprocessing.get_context("fork").Pool(min(processes, len(jobs))) as pool:
        return pool.map(_call_shared, range(len(jobs)), chunksize=1)
