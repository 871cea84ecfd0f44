"""What was asked, what was reached, and both on paper."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from benchmarks.commands import Series

CRB_COLD, CRB_WARM, RUFF_COLD, RUFF_WARM = "crb check, cold", "crb check, warm", "ruff check, cold", "ruff check, warm"
BARE, FIRST, AGAIN = "flake8 without the plugin", "flake8 with it, first run", "flake8 with it, next run"
PYTHON, VERSION = "python -c pass", "crb --version"

ASKED_RATIOS = (
    (CRB_COLD, RUFF_COLD, 2.0),
    (CRB_WARM, RUFF_WARM, 1.0),
    (FIRST, BARE, 1.05),
    (AGAIN, BARE, 1.05),
)
ASKED_START = 60.0
"""Milliseconds that `crb --version` may take beyond the bare interpreter."""
ASKED_MEMORY = 300.0
"""Megabytes."""


@dataclass(frozen=True)
class Corpus:
    """What was looked at."""

    name: str
    files: int
    celery_files: int
    lines: int


@dataclass(frozen=True)
class Growth:
    """Medians of a cold run over `size` times the Celery files; seconds."""

    size: int
    files: int
    wall: float
    cpu: float


@dataclass(frozen=True)
class Answer:
    """A thing asked and what was reached; lower is better."""

    name: str
    unit: str
    asked: float
    reached: float
    cpu: float | None
    """The same of processor times, which other programs disturb less than wall times."""

    @property
    def met(self) -> bool:
        """Whether what was asked is reached."""
        return self.reached <= self.asked


@dataclass(frozen=True)
class Results:
    """One run of the benchmark."""

    corpus: Corpus
    rounds: int
    series: Sequence[Series]
    memory: Mapping[str, float | None]
    """Megabytes of all processes of a command together, by its name; None where the platform does not tell."""
    answers: Sequence[Answer]
    growth: Sequence[Growth]
    notes: Sequence[str]

    def as_json(self) -> str:
        """All figures; times in seconds, memory in megabytes."""
        return json.dumps(
            {
                "machine": _machine(),
                "corpus": asdict(self.corpus),
                "rounds": self.rounds,
                "commands": [
                    {
                        "name": each.command.name,
                        "arguments": each.command.arguments,
                        "runs": len(each.samples),
                        "wall": asdict(each.wall),
                        "cpu": asdict(each.cpu),
                        "peak_of_largest_process": each.peak,
                        "peak_of_all_processes": self.memory.get(each.command.name),
                    }
                    for each in self.series
                    if not each.failure
                ],
                "asked": [{**asdict(each), "met": each.met} for each in self.answers],
                "growth": [asdict(each) for each in self.growth],
                "notes": self.notes,
            },
            indent=2,
        )


def answers(series: Sequence[Series], memory: Mapping[str, float | None]) -> list[Answer]:
    """What was asked, as far as it was measured."""
    measured = {each.command.name: each for each in series if not each.failure}
    found = [
        Answer(
            f"{over} / {under}",
            "x",
            asked,
            measured[over].wall.median / measured[under].wall.median,
            measured[over].cpu.median / measured[under].cpu.median,
        )
        for over, under, asked in ASKED_RATIOS
        if over in measured and under in measured
    ]
    if VERSION in measured and PYTHON in measured:
        start, bare = measured[VERSION], measured[PYTHON]
        found.append(
            Answer(
                f"{VERSION} - {PYTHON}",
                "ms",
                ASKED_START,
                (start.wall.median - bare.wall.median) * 1000,
                (start.cpu.median - bare.cpu.median) * 1000,
            )
        )
    found += [
        Answer(f"{name}: memory, all processes", "MB", ASKED_MEMORY, max(measured[name].peak, memory.get(name) or 0.0), None)
        for name in (CRB_COLD, CRB_WARM)
        if name in measured
    ]
    return found


def text(results: Results) -> list[str]:
    """The report as lines."""
    corpus = results.corpus
    lines = [
        f"{corpus.name}: {corpus.files} files, {corpus.celery_files} of them with Celery, {corpus.lines} lines; {_machine()}",
        f"{results.rounds} rounds in turn; seconds; MB",
        "",
        f"{'':28}{'wall: min':>10}{'median':>9}{'max':>9}{'cpu: min':>12}{'median':>9}{'max':>9}{'one process':>14}{'all together':>14}",
    ]
    for each in results.series:
        if not each.failure:
            wall, cpu, together = each.wall, each.cpu, results.memory.get(each.command.name)
            lines.append(
                f"{each.command.name:28}{wall.min:10.3f}{wall.median:9.3f}{wall.max:9.3f}"
                f"{cpu.min:12.3f}{cpu.median:9.3f}{cpu.max:9.3f}{each.peak:14.0f}{'' if together is None else f'{together:.0f}':>14}"
            )
    lines += ["", f"{'':58}{'asked':>10}{'reached':>11}{'by cpu':>11}"]
    for answer in results.answers:
        by_cpu = "" if answer.cpu is None else _figure(answer.cpu, answer.unit)
        reached = _figure(answer.reached, answer.unit)
        asked = "<= " + _figure(answer.asked, answer.unit)
        lines.append(f"{answer.name:58}{asked:>10}{reached:>11}{by_cpu:>11}{'' if answer.met else '  missed'}".rstrip())
    if results.growth:
        lines += ["", f"{'Celery files':>14}{'wall, s':>10}{'cpu, s':>10}{'cpu ms a file':>16}{'cpu ms a further file':>24}"]
        before: Growth | None = None
        for step in results.growth:
            further = "" if before is None else f"{(step.cpu - before.cpu) / (step.files - before.files) * 1000:.2f}"
            lines.append(f"{step.files:9} ({step.size}x){step.wall:10.3f}{step.cpu:10.3f}{step.cpu / step.files * 1000:16.2f}{further:>24}")
            before = step
    return [*lines, *(["", *(f"note: {note}" for note in results.notes)] if results.notes else [])]


def _figure(value: float, unit: str) -> str:
    return f"{value:.2f} {unit}" if unit == "x" else f"{value:.0f} {unit}"


def _machine() -> str:
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} processors"
