"""Running a command and measuring it: wall time, processor time and memory.

POSIX only: `os.wait4` tells what one child cost. Its processor time holds that of the child's own children, provided the child waited for
them (pools that are joined do). Its peak is the largest resident set of any one of these processes, and never less than that of this
process, whose memory the child had before it became another program.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

MEGABYTE = 1_000_000
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
"""What `ru_maxrss` counts in, bytes."""

INTERVAL = 0.005
"""Seconds between two looks at the memory of a command."""


@dataclass(frozen=True)
class Command:
    """A competitor."""

    name: str
    arguments: tuple[str, ...]
    directory: str
    environment: Mapping[str, str]
    accepted: frozenset[int] = frozenset({0})
    """Exit codes of a run that did all its work."""
    before: Callable[[], None] | None = None
    """What to do before every run, not measured."""


@dataclass(frozen=True)
class Sample:
    """One run."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds, user and system, of all its processes."""
    peak: float
    """Megabytes resident in its largest process."""
    code: int
    complaint: str
    """The last line on standard error."""
    crashed: bool


@dataclass(frozen=True)
class Spread:
    """Several values of one kind."""

    min: float
    median: float
    max: float


@dataclass(frozen=True)
class Series:
    """All runs of a command."""

    command: Command
    samples: list[Sample] = field(default_factory=list)
    failure: str = ""
    """Why it was not measured."""

    @property
    def wall(self) -> Spread:
        """Wall time, seconds."""
        return _spread(sample.wall for sample in self.samples)

    @property
    def cpu(self) -> Spread:
        """Processor time, seconds."""
        return _spread(sample.cpu for sample in self.samples)

    @property
    def peak(self) -> float:
        """Megabytes resident in the largest process of any run."""
        return max(sample.peak for sample in self.samples)


def clean_environment(bytecode: str) -> dict[str, str]:
    """This process's environment with Python as on a user's machine: output buffered, bytecode kept (in the directory `bytecode`)."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")}
    return {**environment, "PYTHONPYCACHEPREFIX": bytecode}


def run(command: Command, watch: Callable[[int], None] | None = None) -> Sample:
    """Run a command once; `watch` is given the process's number and runs beside it."""
    if command.before is not None:
        command.before()
    with tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            command.arguments,
            cwd=command.directory,
            env=command.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        if watch is not None:
            threading.Thread(target=watch, args=(process.pid,), daemon=True).start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = code = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        text = errors.read().decode(errors="replace")
    lines = text.strip().splitlines()
    return Sample(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        peak=usage.ru_maxrss * PEAK_UNIT / MEGABYTE,
        code=code,
        complaint=lines[-1].strip() if lines else "",
        crashed=code not in command.accepted or "Traceback (most recent call last)" in text,
    )


def interleaved(commands: Iterable[Command], rounds: int) -> list[Series]:
    """Every command once unmeasured (it fills caches), then all of them in turn, `rounds` times; one that crashes is left out."""
    series: list[Series] = []
    for command in commands:
        first = run(command)
        failure = f"exit code {first.code}: {first.complaint or 'no message'}" if first.crashed else ""
        series.append(Series(command, failure=failure))
    for _ in range(rounds):
        for each in series:
            if not each.failure:
                each.samples.append(run(each.command))
    return series


def footprint(command: Command) -> float | None:
    """Megabytes that all processes of a command have in memory together at its peak, shared pages counted once; None where not Linux.

    A run of its own, since looking slows the command down.
    """
    if not os.path.exists("/proc/self/smaps_rollup"):
        return None
    highest = 0

    def watch(process: int) -> None:
        nonlocal highest
        while (now := sum(_proportional(each) for each in _family(process))) or os.path.exists(f"/proc/{process}/stat"):
            highest = max(highest, now)
            time.sleep(INTERVAL)

    run(command, watch)
    return highest / MEGABYTE


def _family(process: int) -> list[int]:
    """A process and all below it."""
    found: list[int] = []
    pending = [process]
    while pending:
        found.append(pending.pop())
        try:
            for thread in os.listdir(f"/proc/{found[-1]}/task"):
                with open(f"/proc/{found[-1]}/task/{thread}/children", encoding="ascii") as file:
                    pending += map(int, file.read().split())
        except OSError:  # ended meanwhile
            continue
    return found


def _proportional(process: int) -> int:
    """Bytes of a process in memory, pages shared by n processes counted as 1/n; 0 for one that has ended."""
    try:
        with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:")), 0)
    except OSError:
        return 0


def _spread(values: Iterable[float]) -> Spread:
    known = list(values)
    return Spread(min(known), statistics.median(known), max(known))
