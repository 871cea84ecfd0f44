"""Which workers, beats and Redis servers do the deployment files start?"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable

import msgspec

from lint_rules.deploy.commands import commands_of
from lint_rules.deploy.formats import Broken, Starts, format_of, reader_of
from lint_rules.deploy.model import BeatCommand, Deployment, RedisServer, Start, Trouble, WorkerCommand
from lint_rules.deploy.text import Source
from lint_rules.source.decode import LARGEST, Unreadable

WORDS = (b"celery", b"redis", b"valkey", b"worker")
"""A file without any of them, in any case, starts nothing of interest (a redis.conf need not name itself)."""

SCRIPT_WORDS = (b"celery", b"redis-server", b"redis-sentinel", b"valkey-server", b"valkey-sentinel", b"keydb")
"""The same for scripts, which are long and often speak of workers: they have to start one themselves."""


def read_deployment(files: Iterable[str], more: Iterable[str], content: Callable[[str], bytes]) -> Deployment:
    """What the files start. `files` are read by the format that their name tells, `more` where none does as documentation.

    `content` gives the bytes of a file by its path relative to the root and raises Unreadable.
    """
    reading = _Reading([*files], content)
    also = frozenset(more)
    for file in (*reading.files, *sorted(also - {*reading.files})):
        reading.read(file, "documentation" if file in also and format_of(posixpath.basename(file)) is None else None)
    return reading.deployment


class _Reading:
    """The state of one run; the `Neighbours` and scripts that formats and commands ask for."""

    def __init__(self, files: list[str], content: Callable[[str], bytes]) -> None:
        self.files = files
        self.content = content
        self.deployment = Deployment()
        self._sources: dict[str, Source | None] = {}
        self._scripts: dict[str, list[str]] = {}
        for file in files:
            if format_of(posixpath.basename(file)) == "shell_script":
                self._scripts.setdefault(posixpath.basename(file), []).append(file)

    def read(self, file: str, module: str | None) -> None:
        module = module or format_of(posixpath.basename(file))
        if module is None:
            return
        try:
            data = self.content(file)
            lowered = data.lower()
            words = SCRIPT_WORDS if module == "shell_script" else WORDS
            if module != "redis_conf" and not any(word in lowered for word in words):
                return
            if module == "shell_script" and "." not in posixpath.basename(file) and not data.startswith(b"#!"):
                return
            source = self._decoded(file, data)
        except Unreadable as error:
            self.deployment.troubles.append(Trouble(file, error.row, error.reason))
            return
        self._sources[file] = source
        if b"crb" in lowered:
            self.deployment.annotated[file] = source.text
        self._take(file, source, reader_of(module))

    def _take(self, file: str, source: Source, starts: Starts) -> None:
        try:
            for said in starts(source, self):
                if isinstance(said, Start):
                    for command in commands_of(said, source, self):
                        self._keep(command)
                elif isinstance(said, RedisServer):
                    self._keep(said)
                else:
                    self.deployment.variables.append(said)
        except Broken as error:
            self.deployment.troubles.append(Trouble(file, error.row, error.reason))
        except RecursionError:
            self.deployment.troubles.append(Trouble(file, 1, "it is nested too deeply to be read"))

    def _keep(self, command: WorkerCommand | BeatCommand | RedisServer) -> None:
        """Keep a command; one that several files start is kept once, with all that start it."""
        if isinstance(command, RedisServer):
            self.deployment.redis.append(command)
        elif isinstance(command, BeatCommand):
            if all((other.file, other.span) != (command.file, command.span) for other in self.deployment.beats):
                self.deployment.beats.append(command)
        else:
            workers = self.deployment.workers
            for place, other in enumerate(workers):
                if (other.file, other.span, other.node) == (command.file, command.span, command.node) and other.options == command.options:
                    merged = (*other.started_from, *(each for each in command.started_from if each not in other.started_from))
                    workers[place] = msgspec.structs.replace(other, started_from=merged)
                    return
            workers.append(command)

    # ── Neighbours ───────────────────────────────────────────────────────────────────────────────────────────────────

    def beside(self, file: str, path: str) -> Source | None:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
        return None if target.startswith("..") or os.path.isabs(path) else self._source(target)

    def script(self, path: str, file: str) -> Source | None:
        """By its path from the file or the root, else the only script whose path ends alike.

        A path in an image (`/app/bin/worker.sh`) need not be a path of the project: the longest common end decides, and must do so alone.
        """
        for target in (posixpath.normpath(posixpath.join(posixpath.dirname(file), path)), posixpath.normpath(path)):
            if target in self.files:
                return self._source(target)
        wanted = [part for part in path.split("/") if part not in ("", ".", "..")]
        found = self._scripts.get(wanted[-1], []) if wanted else []
        if len(found) > 1:
            ends = {each: _common_end(each.split("/"), wanted) for each in found}
            found = [each for each in found if ends[each] == max(ends.values())]
        return self._source(found[0]) if len(found) == 1 else None

    def _source(self, file: str) -> Source | None:
        if file not in self._sources:
            if file not in self.files:
                self.deployment.inputs.append(file)
            try:
                self._sources[file] = self._decoded(file, self.content(file))
            except Unreadable:
                self._sources[file] = None
        return self._sources[file]

    def _decoded(self, file: str, data: bytes) -> Source:
        if len(data) > LARGEST:
            raise Unreadable(f"the file has {len(data) / 1e6:.1f} MB; deployment files over {LARGEST / 1e6:.1f} MB are not read")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            row = data.count(b"\n", 0, error.start) + 1
            raise Unreadable(f"not valid UTF-8 (byte 0x{data[error.start]:02x})", row) from None
        return Source(file, text.replace("\r\n", "\n").replace("\r", "\n"))


def _common_end(path: list[str], other: list[str]) -> int:
    count = 0
    for left, right in zip(reversed(path), reversed(other)):
        if left != right:
            break
        count += 1
    return count
