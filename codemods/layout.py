"""The project's own formatter: a file that `ruff format --check` accepts before a rewrite is formatted by ruff after it.

What this rests on (seen in ruff 0.1.15, 0.5.7, 0.9.10, 0.12.12, 0.14.14, 0.15.5 and 0.17.6): exit code 0 says that every file is formatted
or excluded; 1 that some are not; 2 that some could not be read (not UTF-8, a syntax error, broken settings), whatever the others are. Files
that would change are named on standard output: as `Would reformat: PATH`, in newer ones as JSON where the environment asks for it. The
settings nearest to a file count, also for text on standard input. Byte order marks, mixed line ends and a missing last one are refused.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping

AT_ONCE = 100
"""Files in one command: Windows takes 32,000 characters."""

SECONDS = 30
"""What one command may take."""

CHANGES = "Would reformat: "


class Layout:
    """What ruff makes of a project's files. Without ruff it accepts none; `problems` are sentences about what it could not do."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.problems: list[str] = []
        self._ruff = shutil.which("ruff", path=sysconfig.get_path("scripts")) or shutil.which("ruff")

    def accepted(self, files: Mapping[str, bytes]) -> frozenset[str]:
        """Those of the files (absolute paths and their contents) that ruff leaves as they are: formatted, or excluded by its settings.

        What is on the disk is asked about in one command, contents that are not there (yet) one by one.
        """
        if self._ruff is None:
            return frozenset()
        stored = [path for path, data in files.items() if _is_on_disk(path, data)]
        accepted = {path for path in files.keys() - stored if self._keeps(path, files[path])}
        for start in range(0, len(stored), AT_ONCE):
            accepted.update(self._kept(stored[start : start + AT_ONCE], files))
        return frozenset(accepted)

    def formatted(self, path: str, data: bytes) -> bytes:
        """The content as ruff lays it out with the settings that count for that file, which need not exist; unchanged if ruff cannot."""
        result = self._run("--stdin-filename", path, "-", text=data)
        if result is None:
            return data
        if result.returncode != 0:
            self._report(f"ruff format could not lay out {path}: {_reason(result)}")
            return data
        return result.stdout

    def _kept(self, paths: list[str], files: Mapping[str, bytes]) -> list[str]:
        """Ask about several files on the disk, again without those that it names, until it says yes to all that remain."""
        while paths:
            result = self._run("--check", "--no-cache", *paths)
            if result is None:
                return []
            if result.returncode == 0:
                return paths
            named = self._named(result.stdout)
            others = [path for path in paths if os.path.normpath(path) not in named]
            if len(others) == len(paths):  # one of them keeps it from answering, and it does not say which
                return [path for path in paths if self._keeps(path, files[path])]
            paths = others
        return []

    def _keeps(self, path: str, data: bytes) -> bool:
        """Ask about one content."""
        result = self._run("--stdin-filename", path, "-", text=data)
        if result is not None and result.returncode != 0 and result.stderr.startswith(b"ruff failed"):
            self._report(f"ruff format could not be asked: {_reason(result)}")  # (a syntax error is an answer)
        return result is not None and result.returncode == 0 and result.stdout == data

    def _named(self, output: bytes) -> set[str]:
        """The files that a check speaks of."""
        named = set()
        for line in os.fsdecode(output).splitlines():
            if line.startswith(CHANGES):
                named.add(os.path.normpath(os.path.join(self.root, line.removeprefix(CHANGES))))
            elif line.startswith("{"):
                named.add(os.path.normpath(json.loads(line)["filename"]))
        return named

    def _run(self, *arguments: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes] | None:
        """Run `ruff format`; once that has failed to start or to end it is not tried again."""
        if self._ruff is None:
            return None
        try:
            return subprocess.run(
                [self._ruff, "format", "--force-exclude", *arguments],
                input=text,
                capture_output=True,
                cwd=self.root,
                env={**os.environ, "RUFF_OUTPUT_FORMAT": "json-lines"},
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            self._report(f"{self._ruff} format took more than {SECONDS} s; it is not asked again.")
        except OSError as error:
            self._report(f"{self._ruff} format cannot be run: {error.strerror or error}.")
        self._ruff = None
        return None

    def _report(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def _is_on_disk(path: str, data: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read() == data
    except OSError:
        return False


def _reason(result: subprocess.CompletedProcess[bytes]) -> str:
    """What ruff complains about, in one line."""
    lines = [line.strip() for line in result.stderr.decode(errors="replace").splitlines() if line.strip()]
    causes = [line.removeprefix("Cause: ") for line in lines if line.startswith("Cause: ")]
    said = causes or [line.removeprefix("error: ") for line in lines if not line.startswith("warning:")]
    return said[0] if said else f"exit code {result.returncode}"
