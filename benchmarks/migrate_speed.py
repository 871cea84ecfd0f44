"""`codemods.migrate --check` beside `libcst.tool codemod` with an equivalent command, in turn, over one copy of a project.

Neither writes: the peer prints a diff. Ours looks for the same thing (CRB101, with `--unsafe`); "all codes" is what a user would run. The
peer is stopped after a bound of its own; that it was, or that it was given only some of the files, is said in the output.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks import trees
from benchmarks.commands import Command, Series, clean_environment, run
from benchmarks.migrate_project import copy_texts, environment, report_of

PEER = "libcst.tool codemod -j 2"
COLD, WARM, ALL_COLD = "migrate --check, cold", "migrate --check, warm", "migrate --check, all codes, cold"
ASKED = 10.0
"""How many times faster than the peer."""

SEED = 20261125


class Bounds(NamedTuple):
    """How much to measure."""

    rounds: int
    peer_files: int | None
    peer_seconds: int


def speed(project: Path, copy: Path, bounds: Bounds) -> Iterator[str]:
    """Measure over a copy of the project, and tell."""
    copy_texts(project, copy)
    files = trees.python_files(copy)
    lines = trees.lines_in(copy, files)
    celery = trees.with_celery(copy, files)
    yield f"{project.name}: {len(files)} files, {len(celery)} of them with Celery, {lines} lines"

    beside = copy.parent / f"{copy.name}-beside"
    beside.mkdir()
    shown = files if bounds.peer_files is None else sorted(random.Random(SEED).sample(files, min(bounds.peer_files, len(files))))
    scale = lines / max(trees.lines_in(copy, shown), 1)
    peer = _peer(copy, beside, shown, bounds)
    ours = _ours(copy, beside)
    series = [Series(command) for command in ours]
    theirs = Series(peer)
    for each in series:
        _first(each)
    for _ in range(bounds.rounds):
        for each in series:
            if not each.failure:
                each.samples.append(run(each.command))
        if not theirs.failure:
            sample = run(peer)
            if sample.code not in peer.accepted:  # a traceback about one file is part of its work
                theirs = Series(peer, theirs.samples, f"exit code {sample.code}: {sample.complaint}")
            else:
                theirs.samples.append(sample)
    yield from _told(series, theirs, scale, f"{len(shown)} of {len(files)} files" if bounds.peer_files else "")
    yield f"note: {_would_rewrite(ours[0])}"


def _would_rewrite(command: Command) -> str:
    """What ours found to do."""
    done = subprocess.run(
        [*command.arguments, "--output-format", "json"],
        cwd=command.directory,
        env=dict(command.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    report = report_of(done.stdout)
    return f"ours would rewrite {len(report.fixes)} tasks in {len(report.files)} files"


def _first(series: Series) -> None:
    """A run that is not measured: it fills caches."""
    sample = run(series.command)
    if sample.crashed:
        series.samples.clear()
        raise SystemExit(f"{series.command.name}: exit code {sample.code}: {sample.complaint}")


def _variables(beside: Path) -> dict[str, str]:
    found = environment()
    return {**clean_environment(str(beside / "bytecode")), "PYTHONPATH": found["PYTHONPATH"], "PATH": found["PATH"]}


def _ours(copy: Path, beside: Path) -> list[Command]:
    variables = _variables(beside)
    check = (sys.executable, "-m", "codemods.migrate", "--check", "--unsafe")
    cache = ("--cache-dir", str(beside / "cache"))
    kinds = {
        COLD: (*check, "--select", "CRB101", "--no-cache"),
        WARM: (*check, "--select", "CRB101", *cache),
        ALL_COLD: (*check, "--no-cache"),
    }
    return [Command(name, (*arguments, "."), str(copy), variables, frozenset({0, 1, 2})) for name, arguments in kinds.items()]


def _peer(copy: Path, beside: Path, shown: list[str], bounds: Bounds) -> Command:
    """The peer from a directory of its own, so that no module of the project hides another."""
    variables = _variables(beside)
    if bounds.peer_files is None:
        paths = [str(copy)]
    else:
        listing = beside / "files.txt"
        listing.write_text("".join(f"{copy / file}\n" for file in shown), encoding="utf-8")
        paths = [f"@{listing}"]
    command = (
        "codemod",
        "-x",
        "benchmarks.libcst_command.ReplaceTaskDecorator",
        "-j",
        "2",
        "--no-format",
        "--hide-progress",
        "-u",
        "1",
        *paths,
    )
    bounded = ("timeout", "--signal=INT", str(bounds.peer_seconds), sys.executable, "-m", "libcst.tool", *command)
    return Command(PEER, bounded, str(beside), variables, frozenset({0, 1}))


def _told(series: list[Series], theirs: Series, scale: float, sampled: str) -> Iterator[str]:
    yield f"{'':36}{'wall: min':>10}{'median':>9}{'max':>9}{'cpu: median':>13}   seconds"
    for each in (*series, theirs):
        if each.samples:
            spread = each.wall
            yield f"{each.command.name:36}{spread.min:10.2f}{spread.median:9.2f}{spread.max:9.2f}{each.cpu.median:13.2f}"
    if theirs.failure:
        yield f"note: {PEER} was not measured to its end, {theirs.failure}"
    if sampled:
        yield f"note: {PEER} was given a random sample, {sampled}; its times are multiplied by {scale:.1f} (lines) in what follows"
    if theirs.samples:
        for each in series:
            wall = theirs.wall.median * scale / each.wall.median
            cpu = theirs.cpu.median * scale / each.cpu.median
            met = "" if wall >= ASKED else "  missed"
            yield f"{PEER} / {each.command.name}: asked >= {ASKED:.0f} x, reached {wall:.1f} x by wall, {cpu:.1f} x by cpu{met}"
