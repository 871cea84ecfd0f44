"""`crb check` beside ruff and flake8, in one run over the same tree: `python -m benchmarks.lint --corpus DIRECTORY`.

Every peer is the one installed beside this interpreter (else on PATH) and runs in turn with the others: A B A B ..., after one round that
is not measured. ruff reads the corpus's own settings; flake8 reads none (`--isolated`) and has no third-party plugin but ours (see
`flake8_plugins`). Its tree is a copy: the first files without Celery, or with `--flake8-on` the whole project, of which it is shown one
part; the plugin's "first run" finds nothing stored and reads the project, its "next run" finds what that left. "crb cold" neither reads nor
writes a cache; "crb warm" and "ruff warm" have one of their own, and nothing has changed since it was filled.

The exit code is 0 whatever comes out: this measures and does not judge.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import trees
from benchmarks.commands import Command, Series, clean_environment, footprint, interleaved
from benchmarks.flake8_plugins import OURS, hides, hiding, installed_plugins
from benchmarks.results import (
    AGAIN,
    BARE,
    CRB_COLD,
    CRB_WARM,
    FIRST,
    PYTHON,
    RUFF_COLD,
    RUFF_WARM,
    VERSION,
    Corpus,
    Growth,
    Results,
    answers,
    text,
)

FILES_FOR_FLAKE8 = 200
STARTS_A_ROUND = 4
"""Starting up is short and its time uneven: more runs of it cost little."""

SIZES = (1, 2, 4)


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    arguments = _parser().parse_args(argv)
    corpus = Path(arguments.corpus).resolve()
    if not corpus.is_dir():
        print(f"benchmarks.lint: --corpus {arguments.corpus}: there is no such directory", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory(prefix="crb-benchmark-") as temporary:
        results = _Bench(corpus, Path(temporary).resolve(), arguments.rounds).results(arguments.flake8_on, arguments.scaling)
    print("\n".join(text(results)))
    if arguments.json:
        Path(arguments.json).write_text(results.as_json(), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lint", description="Measures crb check beside ruff and flake8.")
    parser.add_argument("--corpus", required=True, metavar="DIRECTORY", help="the root of a project")
    parser.add_argument("--rounds", type=_positive, default=5, metavar="N", help="measured runs of each command (default: 5)")
    parser.add_argument(
        "--flake8-on", metavar="SUBDIR", help=f"what flake8 checks (default: the first {FILES_FOR_FLAKE8} files without Celery)"
    )
    parser.add_argument("--scaling", action="store_true", help="also: the time a file with once, twice and four times the Celery files")
    parser.add_argument("--json", metavar="FILE", help="write all figures there, too")
    return parser


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one round is needed")
    return number


class _Bench:
    """The peers, and a directory for what they write."""

    def __init__(self, corpus: Path, temporary: Path, rounds: int) -> None:
        self.corpus = corpus
        self.temporary = temporary
        self.rounds = rounds
        self.files = trees.python_files(corpus)
        self.environment = clean_environment(str(temporary / "bytecode"))
        self.notes: list[str] = []

    def results(self, flake8_on: str | None, scaling: bool) -> Results:
        """Everything asked for."""
        linters = self._linters()
        series = [*linters, *self._flake8(flake8_on), *self._starts()]
        memory = {each.command.name: footprint(each.command) for each in linters if not each.failure}
        growth = self._growth() if scaling else []
        for each in series:
            if each.failure:
                self.notes.append(f"{each.command.name} was not measured, {each.failure}")
            elif each.samples[-1].code > 1:
                last = each.samples[-1]
                self.notes.append(f"{each.command.name} ended with exit code {last.code}: {last.complaint or 'its findings say why'}")
        celery = trees.with_celery(self.corpus, self.files)
        corpus = Corpus(self.corpus.name, len(self.files), len(celery), trees.lines_in(self.corpus, self.files))
        return Results(corpus, self.rounds, series, memory, answers(series, memory), growth, self.notes)

    def _linters(self) -> list[Series]:
        crb, ruff = self._script("crb"), self._script("ruff")
        commands = []
        findings = frozenset({0, 1})
        some_unreadable = findings | {2}
        if crb:
            commands.append(self._command(CRB_COLD, [crb, "check", "--no-cache", "."], some_unreadable))
        if ruff:
            commands.append(self._command(RUFF_COLD, [ruff, "check", "--no-cache", "."], findings))
        if crb:
            commands.append(self._command(CRB_WARM, [crb, "check", "--cache-dir", str(self.temporary / "crb"), "."], some_unreadable))
        if ruff:
            commands.append(self._command(RUFF_WARM, [ruff, "check", "--cache-dir", str(self.temporary / "ruff"), "."], findings))
            listed = self._asked(ruff, "check", "--show-files", ".").stdout.splitlines()
            self.notes.append(
                f"ruff check looks at {sum(line.endswith('.py') for line in listed)} .py files; settings and .gitignore count"
            )
        if crb:
            self.notes += self._asked(crb, "check", "--no-cache", "--verbose", "--quiet", ".").stderr.splitlines()[-1:]
        return interleaved(commands, self.rounds)

    def _flake8(self, part: str | None) -> list[Series]:
        flake8 = self._script("flake8")
        project = self.temporary / "flake8"
        plugins = installed_plugins()
        if flake8 is None:
            return []
        if OURS not in plugins:
            self.notes.append(f"the distribution {OURS} is not installed for {sys.executable}: flake8 was left out")
            return []
        if part is None:
            files = trees.without_celery(self.corpus, self.files, FILES_FOR_FLAKE8)
            if not files:
                self.notes.append("there is no file without Celery: flake8 was left out (give it a directory with --flake8-on)")
                return []
            trees.copy_files(self.corpus, files, project)
            self.notes.append(f"flake8 checked {len(files)} files without Celery ({trees.lines_in(project, files)} lines)")
        elif (self.corpus / part).is_dir() and (self.corpus / part).resolve().is_relative_to(self.corpus):
            part = os.path.relpath((self.corpus / part).resolve(), self.corpus)
            trees.copy_project(self.corpus, self.files, project)
            self.notes.append(f"flake8 checked {part}; what is asked of the plugin is asked on files without Celery")
        else:
            self.notes.append(f"--flake8-on {part}: there is no such directory in the corpus; flake8 was left out")
            return []
        bare = hiding(plugins, self.temporary / "no-plugins", self.environment)
        ours = hiding(plugins - {OURS}, self.temporary / "our-plugin", self.environment)
        if not hides(flake8, OURS, bare, project) or hides(flake8, OURS, ours, project):
            self.notes.append("the plugin could not be hidden from this flake8: flake8 was left out")
            return []
        cache = project / ".crb_cache"
        arguments = [flake8, "--isolated", "--exit-zero", part or "."]
        commands = [
            self._command(BARE, arguments, directory=project, environment=bare),
            self._command(FIRST, arguments, directory=project, environment=ours, before=lambda: shutil.rmtree(cache, ignore_errors=True)),
            self._command(AGAIN, arguments, directory=project, environment=ours),
        ]
        return interleaved(commands, self.rounds)

    def _starts(self) -> list[Series]:
        commands = [self._command(PYTHON, [sys.executable, "-c", "pass"], directory=self.temporary)]
        if crb := self._script("crb"):
            commands.append(self._command(VERSION, [crb, "--version"], directory=self.temporary))
        return interleaved(commands, self.rounds * STARTS_A_ROUND)

    def _growth(self) -> list[Growth]:
        crb = self._script("crb")
        files = trees.with_celery(self.corpus, self.files)
        if crb is None or not files:
            self.notes.append("there are no Celery files to multiply")
            return []
        counts, commands = [], []
        for size in SIZES:
            tree = self.temporary / f"times{size}"
            counts.append(trees.multiply(self.corpus, files, size, tree))
            commands.append(self._command(f"{CRB_COLD}, {size}x", [crb, "check", "--no-cache", "."], frozenset({0, 1, 2}), directory=tree))
        series = interleaved(commands, self.rounds)
        if any(each.failure for each in series):
            self.notes += [f"{each.command.name} was not measured, {each.failure}" for each in series if each.failure]
            return []
        return [Growth(size, count, each.wall.median, each.cpu.median) for size, count, each in zip(SIZES, counts, series, strict=True)]

    def _command(
        self,
        name: str,
        arguments: list[str],
        accepted: frozenset[int] = frozenset({0}),
        *,
        directory: Path | None = None,
        environment: dict[str, str] | None = None,
        before: Callable[[], None] | None = None,
    ) -> Command:
        return Command(name, tuple(arguments), str(directory or self.corpus), environment or self.environment, accepted, before)

    def _asked(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(arguments, cwd=self.corpus, env=self.environment, capture_output=True, text=True, check=False)

    def _script(self, name: str) -> str | None:
        """A peer's executable: the one installed beside this interpreter, else the first on PATH."""
        beside = os.path.join(sysconfig.get_path("scripts"), name)
        found = beside if os.access(beside, os.X_OK) else shutil.which(name)
        note = f"{name} is not installed: it was left out"
        if found is None and note not in self.notes:
            self.notes.append(note)
        return found


if __name__ == "__main__":
    sys.exit(main())
