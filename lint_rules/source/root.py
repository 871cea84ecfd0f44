"""The root of a project. Free of heavy imports: every start of the command asks it."""

from __future__ import annotations

import os

MARKERS = ("pyproject.toml", "setup.cfg", ".git")


def find_root(path: str) -> str:
    """The nearest directory at or above `path` with a pyproject.toml, setup.cfg or .git; else the directory of `path` itself."""
    start = os.path.abspath(path)
    if not os.path.isdir(start):
        start = os.path.dirname(start)
    directory = start
    while True:
        if any(os.path.exists(os.path.join(directory, marker)) for marker in MARKERS):
            return directory
        above = os.path.dirname(directory)
        if above == directory:
            return start
        directory = above
