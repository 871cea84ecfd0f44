"""What a killed migration leaves behind: `python -m benchmarks.kill --runs 200` (POSIX only).

A copy of the project is migrated undisturbed, which gives each file's new text. Then, run after run, the migration is killed by SIGKILL:
half of the runs at any moment from its start to a little after its usual end, half once it has begun to write; in both, every second time
with all its processes, else its main process alone. After a kill each file must have its old or its new text, byte for byte; after the
rerun that follows all must have the new one, and no other file may be left (those in caches are only counted). The exit code is 1 if
anything else was seen.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

CACHES = (".crb_cache", ".ruff_cache", "__pycache__")
NOT_COPIED = (*CACHES, ".git", ".venv", "venv", "node_modules", ".crb-rewrite-*")
LONGEST = 120.0
"""Seconds that a run may take which is not killed."""
GRACE = 10.0
"""Seconds for the other processes to end after the main one."""
STATES = (
    "ended by itself",
    "killed before writing",
    "killed while writing (some files new, or a temporary one left)",
    "killed after writing",
)
LEFT, OUTLIVED = "temporary files seen after kills", "times a process outlived the main one by 10 s"


def main(argv: list[str] | None = None) -> int:
    """Kill, check and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill", description="Kills migrations and looks at what they leave.")
    parser.add_argument("--runs", type=int, default=200, metavar="N", help="kills (default: 200)")
    parser.add_argument("--project", default="fixtures/shop", metavar="DIRECTORY", help="what is migrated (default: fixtures/shop)")
    parser.add_argument(
        "--command", metavar="COMMAND", help="what migrates the directory named after it (default: codemods.migrate --unsafe)"
    )
    parser.add_argument("--seconds", type=float, default=3600, metavar="S", help="start no run after that time (default: 3600)")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), metavar="N", help="for the same moments again")
    arguments = parser.parse_args(argv)
    if not os.path.isdir(arguments.project):
        parser.error(f"--project {arguments.project}: there is no such directory")
    command = shlex.split(arguments.command) if arguments.command else [sys.executable, "-m", "codemods.migrate", "--unsafe"]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crb-kill-") as temporary:
        root = Path(temporary).resolve() / "project"
        shutil.copytree(arguments.project, root, symlinks=True, ignore=shutil.ignore_patterns(*NOT_COPIED))
        bench = _Bench([*command, str(root)], root, random.Random(arguments.seed))
        bench.measure()
        with suppress(KeyboardInterrupt):  # enough seen
            while not bench.unusable and bench.runs < arguments.runs and time.monotonic() - began < arguments.seconds:
                bench.kill_once()
    print(f"{bench.runs} of {arguments.runs} runs over {arguments.project} in {time.monotonic() - began:.0f} s, seed {arguments.seed}")
    print("\n".join(bench.summary()))
    return 1 if bench.unusable or bench.violations else 0


class _Bench:
    """A project that is migrated, killed and restored, and what was seen."""

    def __init__(self, command: list[str], root: Path, moments: random.Random) -> None:
        self.command, self.root, self.moments = command, root, moments
        self.runs = 0
        self.seen: Counter[str] = Counter()
        self.violations: list[str] = []
        self.unusable = ""
        """Why there is nothing to see."""

    def measure(self) -> None:
        """Migrate undisturbed: which files change, and when."""
        self.old = self._files()
        run = _Run(self.command)
        self.codes = {run.end()}
        self.new = self._files()
        self.changing = [name for name, data in self.new.items() if self.old.get(name) != data]
        self.codes.add(_Run(self.command).end())
        if not self.changing:
            self.unusable = f"the migration changes nothing; {run.said}"
        elif self._files() != self.new:
            self.unusable = "a second migration changes the files again"
        self._restore()
        run = _Run(self.command)
        run.wait_for_change(self._watched())
        first = time.monotonic()
        while run.lives() and any((self.root / name).read_bytes() != self.new[name] for name in self.changing):
            pass
        self.writing = time.monotonic() - first
        run.end()
        self.usual = time.monotonic() - run.began
        self._restore()

    def kill_once(self) -> None:
        """Kill a run, look, rerun, look, and put the old texts back."""
        run = _Run(self.command)
        if self.runs % 2:
            run.wait_for_change(self._watched())
            run.wait(self.moments.uniform(0, self.writing))
        else:
            run.wait(self.moments.uniform(0, self.usual * 1.1))
        killed = run.kill(all_processes=self.runs // 2 % 2 == 0)
        self.runs += 1
        now = self._files()
        new = sum(now.get(name) == self.new[name] for name in self.changing)
        left = now.keys() - self.old.keys() - self.new.keys()
        state = 0 if not killed else 1 if not new and not left else 3 if new == len(self.changing) and not left else 2
        self.seen[STATES[state]] += 1
        self.seen[LEFT] += len(left)
        self.seen[OUTLIVED] += run.outlived
        for name in self.old:
            if now.get(name) not in (self.old[name], self.new.get(name)):
                self._violated(f"{name} is {_size(now.get(name))} after the kill, neither old ({_size(self.old[name])}) nor new")
        again = _Run(self.command)
        if (code := again.end()) not in self.codes:
            self._violated(f"the rerun ends with exit code {code}; {again.said}")
        now = self._files()
        for name in now.keys() | self.new.keys():
            if now.get(name) != self.new.get(name):
                self._violated(f"{name} is {_size(now.get(name))} after the rerun, not {_size(self.new.get(name))}")
        self._restore()

    def summary(self) -> list[str]:
        """What was seen, in words."""
        if self.unusable:
            return [f"Nothing to see: {self.unusable}"]
        return [
            f"Undisturbed: {len(self.changing)} files in {self.usual:.2f} s, written within {self.writing * 1000:.0f} ms",
            *(f"{self.seen[state]:5} {state}" for state in STATES),
            f"{self.seen[LEFT]:5} {LEFT}",
            f"{self.seen[OUTLIVED]:5} {OUTLIVED}",
            f"{sum(1 for _ in self.root.rglob('*.tmp')):5} temporary files in caches at the end",
            f"{len(self.violations):5} violations",
            *self.violations[:20],
        ]

    def _violated(self, what: str) -> None:
        self.violations.append(f"run {self.runs}: {what}")

    def _watched(self) -> list[Path]:
        files = [self.root / name for name in self.changing]
        return [*files, *{file.parent for file in files}]

    def _files(self) -> dict[str, bytes]:
        """All files outside caches."""
        paths = (path for path in self.root.rglob("*") if not any(part in CACHES for part in path.relative_to(self.root).parts))
        return {str(path.relative_to(self.root)): path.read_bytes() for path in paths if path.is_file() and not path.is_symlink()}

    def _restore(self) -> None:
        """Bring the old texts back and remove what is not of the project."""
        now = self._files()
        for name in now.keys() - self.old.keys():
            (self.root / name).unlink()
        for name, data in self.old.items():
            if now.get(name) != data:
                (self.root / name).write_bytes(data)


class _Run:
    """A migration that has been started."""

    def __init__(self, command: list[str]) -> None:
        self.began = time.monotonic()
        self.outlived = 0
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        self._output = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def said(self) -> str:
        """The end of its output."""
        return self._output.decode(errors="replace").strip()[-300:]

    def lives(self) -> bool:
        """Whether its main process has not ended."""
        return self._process.poll() is None

    def wait(self, seconds: float) -> None:
        """Let it run for that time, or until it ends."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def wait_for_change(self, paths: list[Path]) -> None:
        """Let it run until one of these changes, or until it ends."""
        before = _state(paths)
        while self.lives() and _state(paths) == before:
            pass

    def end(self) -> int:
        """Let it run to its end, which must come; its exit code."""
        self.wait(LONGEST)
        return -1 if self.kill() else self._process.returncode

    def kill(self, all_processes: bool = True) -> bool:
        """Kill what still runs, and wait until all its processes are gone; whether there was something to kill."""
        killed = self.lives()
        if killed and all_processes:
            os.killpg(self._process.pid, signal.SIGKILL)
        elif killed:
            self._process.kill()
        self._process.wait()
        self._reader.join(GRACE)  # ends when nobody holds the other end of its output
        if self._reader.is_alive():
            self.outlived = 1
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._reader.join(GRACE)
        return killed

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            self._output = stream.read()


def _state(paths: list[Path]) -> list[tuple[int, int, int]]:
    """What changes when a file or a directory does."""
    statuses = (os.stat(path) for path in paths if path.exists())
    return [(status.st_ino, status.st_mtime_ns, status.st_size) for status in statuses]


def _size(data: bytes | None) -> str:
    return "missing" if data is None else f"{len(data)} bytes long"


if __name__ == "__main__":
    sys.exit(main())
