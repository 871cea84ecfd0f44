"""flake8's side of the linter: for each file the findings that `crb check` has for it.

flake8 runs every plugin on every file, whatever is selected. So the project is looked at once a process, at the first file, through the
same stored run that the command line uses; every further file is a dictionary look-up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from lint_rules import VERSION, replay
from lint_rules.source.root import find_root

Row = dict[str, Any]
Problem = tuple[int, int, str, type]

LOCKED = 120.0
"""Seconds after which another process's lock is taken for abandoned."""

_projects: dict[tuple[str, str | None, str | None], dict[str, list[Row]]] = {}


class Plugin:
    """The entry point `CRB`."""

    name = "celery-best-practices"
    version = VERSION
    config: str | None = None
    profile: str | None = None
    with_suppressed = False

    def __init__(self, tree: object, filename: str) -> None:
        self.filename = filename

    @classmethod
    def add_options(cls, manager: Any) -> None:
        """`--crb-config` and `--crb-profile`; all else is read from `[tool.crb]`."""
        manager.add_option("--crb-config", metavar="FILE", default=None, parse_from_config=True, help="pyproject.toml with [tool.crb]")
        manager.add_option(
            "--crb-profile", choices=["adopt", "core"], default=None, parse_from_config=True, help="core leaves out the convention rules"
        )

    @classmethod
    def parse_options(cls, options: Any) -> None:
        """Keep what the run was asked for."""
        cls.config = os.path.abspath(options.crb_config) if options.crb_config else None
        cls.profile = options.crb_profile
        cls.with_suppressed = bool(options.disable_noqa)

    def run(self) -> Iterator[Problem]:
        """The findings of the file."""
        if self.filename in ("-", "stdin") or not os.path.exists(self.filename):
            return
        path = os.path.abspath(self.filename)
        root = find_root(path)
        rows = findings_of(root, self.config, self.profile)
        kinds = ("findings", "suppressed") if self.with_suppressed else ("findings",)
        for row in rows.get(os.path.relpath(path, root).replace(os.sep, "/"), ()):
            if row["kind"] in kinds:
                yield row["location"]["row"], row["location"]["column"] - 1, f"{row['code']} {row['message']}", type(self)


def findings_of(root: str, config: str | None, profile: str | None) -> dict[str, list[Row]]:
    """The findings of a project by file, looked at once a process."""
    key = (root, config, profile)
    found = _projects.get(key)
    if found is None:
        result = _result(root, config, profile)
        found = {}
        for kind in ("findings", "suppressed"):
            for row in result[kind]:
                for shown in _in_code(row):
                    found.setdefault(shown["filename"], []).append({**shown, "kind": kind})
        _projects[key] = found
    return found


def _in_code(row: Row) -> list[Row]:
    """A finding as flake8 can show it: one in a deployment file stands at the tasks that it is about."""
    if row["filename"].endswith((".py", ".pyi")):
        return [row]
    where = f"{row['filename']}:{row['location']['row']}"
    return [
        {**row, "filename": each["filename"], "location": each["location"], "message": f"{row['message']} ({where})"}
        for each in row["related"]
        if each["filename"].endswith(".py")
    ]


def _result(root: str, config: str | None, profile: str | None) -> Row:
    """The stored run; where there is none, one process makes it and the others wait for it."""
    file = config or os.path.join(root, "pyproject.toml")
    overrides = {} if profile is None else {"profile": profile}
    key = replay.key_of(file, overrides)
    cache = replay.directory_of(root, file)
    result = replay.load(cache, key, root)
    if result is not None:
        return result
    lock = os.path.join(cache, f"run-{key}.lock")
    mine = _take(cache, lock)
    if not mine:
        result = _awaited(cache, key, root, lock)
        if result is not None:
            return result
    try:
        from lint_rules.run import whole_project

        started = time.time_ns()
        run = whole_project(root, file, overrides, cache, jobs=1)
        replay.save(cache, key, root, started, run.directories, run.files, run.absent, run.result)
        return run.result
    finally:
        if mine:
            with suppress(OSError):
                os.unlink(lock)


def _take(cache: str, lock: str) -> bool:
    try:
        replay.make_cache(cache)
        handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        os.write(handle, str(os.getpid()).encode())
        os.close(handle)
        return True
    except OSError:
        return False


def _awaited(cache: str, key: str, root: str, lock: str) -> Row | None:
    """What the process that holds the lock found, None where it left nothing."""
    while True:
        try:
            if time.time() - os.stat(lock).st_mtime > LOCKED or not _alive(lock):
                os.unlink(lock)  # whoever held it was killed
                return None
        except OSError:
            return replay.load(cache, key, root)
        time.sleep(0.02)


def _alive(lock: str) -> bool:
    """Whether the process that holds a lock still runs (or cannot be told: another machine's, or just being written)."""
    try:
        with open(lock, encoding="ascii") as file:
            process = int(file.read() or 0)
        if process and os.name == "posix":
            os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError):
        return True
    return True
