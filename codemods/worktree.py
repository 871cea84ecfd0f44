"""What git knows of files that are about to be rewritten: whether the rewrite could be told from the changes that are there already."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable

SECONDS = 10
"""What one `git status` may take."""

ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE")
"""Set where this runs in a git hook; they would point git to another repository or index than the file's own."""


def uncommitted(root: str, files: Iterable[str]) -> list[str]:
    """Those of the files with changes that are in no commit, untracked ones among them; relative paths start at `root`.

    A link stands for the file it leads to. One `git status` runs for each repository that the files lie in (a submodule is one of its own).
    Nothing is reported of files outside any repository or ignored by git, and where git is missing, refuses or takes more than 10 s.
    """
    tops: dict[str, str | None] = {}
    repositories: dict[str, dict[str, list[str]]] = {}
    files = list(files)
    for file in files:
        path = os.path.realpath(os.path.join(root, file))
        top = _top(os.path.dirname(path), tops)
        if top is not None:
            repositories.setdefault(top, {}).setdefault(os.path.normcase(path), []).append(file)
    dirty: set[str] = set()
    for top, paths in repositories.items():
        for name in _changed(top, os.path.commonpath([os.path.dirname(path) for path in paths])):
            dirty.update(paths.get(os.path.normcase(os.path.normpath(os.path.join(top, name))), ()))
    return [file for file in files if file in dirty]


def _top(directory: str, known: dict[str, str | None]) -> str | None:
    """The root of the repository that a directory lies in: `.git` is a file in submodules and linked worktrees."""
    if directory not in known:
        parent = os.path.dirname(directory)
        if os.path.lexists(os.path.join(directory, ".git")):
            known[directory] = directory
        else:
            known[directory] = _top(parent, known) if parent != directory else None
    return known[directory]


def _changed(top: str, directory: str) -> list[str]:
    """What has changed below a directory of a repository, relative to the repository's root."""
    status = ["git", "--no-optional-locks", "status", "--porcelain", "-z", "--untracked-files=all", "--ignore-submodules=all"]
    try:
        result = subprocess.run(
            [*status, "--no-renames", "--", "."],  # a rename is a file that went and one that came: one path an entry
            cwd=directory,
            env={name: value for name, value in os.environ.items() if name not in ELSEWHERE},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [os.fsdecode(entry[3:]) for entry in result.stdout.split(b"\0") if entry]
