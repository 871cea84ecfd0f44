"""A run whose inputs have not changed is replayed: its findings are read back without importing the engine.

What counts as unchanged: the same options, the same version of this package and of Python, the same directories (nothing added, removed or
renamed) and the same size and time of every file that was listed. A file that was written so shortly before the run that its time might not
tell a second change is not trusted.
"""

from __future__ import annotations

import json
import os
import sys
from hashlib import blake2b

VERSION = 1
SETTLED = 50_000_000
"""Nanoseconds between the last change of a file and the run that makes its time trustworthy."""

TYPE_CHECKING = False  # importing typing would take a tenth of a replayed run
if TYPE_CHECKING:
    from typing import Any

    Row = dict[str, Any]


def key_of(*parts: object) -> str:
    """A short name for a run with these options."""
    text = json.dumps([VERSION, sys.version_info[:3], _engine(), *parts], sort_keys=True, default=list)
    return blake2b(text.encode(), digest_size=10).hexdigest()


def _engine() -> list[tuple[str, int, int]]:
    """This package's own files: a changed linter finds other things."""
    found = []
    pending = [os.path.dirname(os.path.abspath(__file__))]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    if entry.name != "__pycache__":
                        pending.append(entry.path)
                else:
                    status = entry.stat()
                    found.append((entry.name, status.st_mtime_ns, status.st_size))
    return sorted(found)


def load(directory: str, key: str, root: str) -> Row | None:
    """The stored run, None where there is none or anything it read has changed."""
    try:
        with open(os.path.join(directory, f"run-{key}.json"), "rb") as file:
            stored = json.loads(file.read())
        if stored["root"] != root:
            return None
        stat = os.stat
        prefix = root + os.sep
        for path, modified in stored["directories"].items():
            if stat(prefix + path).st_mtime_ns != modified:
                return None
        for path, modified, size in stored["files"]:
            status = stat(prefix + path)
            if status.st_mtime_ns != modified or status.st_size != size:
                return None
        if any(os.path.lexists(prefix + path) for path in stored["absent"]):
            return None
        result: Row = stored["result"]
        return result
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def save(
    directory: str, key: str, root: str, started: int, directories: list[str], files: list[str], absent: list[str], result: Row
) -> None:
    """Store a run that began at `started` (ns since the epoch); a cache that cannot be written is no error."""
    try:
        times = {path: os.stat(os.path.join(root, path)).st_mtime_ns for path in directories}
        statuses = []
        for path in files:
            status = os.stat(os.path.join(root, path))
            if status.st_mtime_ns > started - SETTLED:
                return
            statuses.append((path, status.st_mtime_ns, status.st_size))
        inside = os.path.relpath(directory, root).replace(os.sep, "/") + "/"
        if any(time > started - SETTLED for path, time in times.items() if path and not inside.startswith(path + "/")):
            return  # (the directories above the cache change when it is made)
        text = json.dumps(
            {"root": root, "directories": times, "files": statuses, "absent": absent, "result": result}, separators=(",", ":")
        )
        make_cache(directory)
        temporary = os.path.join(directory, f"run-{key}.{os.getpid()}.tmp")
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, os.path.join(directory, f"run-{key}.json"))
    except (OSError, UnicodeEncodeError):
        return


def directory_of(root: str, config: str) -> str:
    """Where a project keeps its cache: what `cache-dir` says in the configuration file, else `.crb_cache` in the root."""
    try:
        with open(config, "rb") as file:
            data = file.read()
        if b"cache-dir" in data:
            import tomllib  # only here: every start of the command comes by

            said = tomllib.loads(data.decode())["tool"]["crb"]["cache-dir"]
            if isinstance(said, str) and said:
                return os.path.join(root, said)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # whoever reads the settings says what is wrong
    return os.path.join(root, ".crb_cache")


def make_cache(directory: str) -> None:
    """Create the cache directory, marked so that git and backups leave it alone."""
    if not os.path.isdir(directory):
        os.makedirs(directory, exist_ok=True)
        for name, text in (
            (".gitignore", "*\n"),
            ("CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# A cache of celery-best-practices\n"),
        ):
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                file.write(text)
