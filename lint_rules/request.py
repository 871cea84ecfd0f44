"""What a command was asked about: paths, by the project they belong to."""

from __future__ import annotations

import os

from lint_rules.source.root import find_root


class Request:
    """The paths of one project that a command was asked about."""

    def __init__(self, root: str, paths: list[str]) -> None:
        self.root = root
        self.paths = paths
        self._below = []
        for path in paths:
            inside = os.path.relpath(os.path.abspath(path), root).replace(os.sep, "/")
            self._below.append("" if inside == "." else inside)
        self._absolute = any(os.path.isabs(path) for path in paths)
        self._at_root = os.path.relpath(root) == "."

    def covers(self, file: str) -> bool:
        """Whether a file (relative to the root) is among the paths."""
        return any(not path or file == path or file.startswith(path + "/") for path in self._below)

    def shown(self, file: str) -> str:
        """A file (relative to the root) as the user would write it."""
        if self._absolute:
            return os.path.join(self.root, file)
        return file if self._at_root else os.path.relpath(os.path.join(self.root, file))


def requests_of(paths: list[str]) -> tuple[list[Request], list[str]]:
    """The paths by project, and those that do not exist."""
    missing = [path for path in paths if not os.path.exists(path)]
    roots: dict[str, list[str]] = {}
    for path in paths:
        if path not in missing:
            roots.setdefault(find_root(path), []).append(path)
    return [Request(root, those) for root, those in roots.items()], missing


def config_file(named: str | None, root: str) -> str:
    """The configuration file of a project: the one named on the command line, else its pyproject.toml."""
    return os.path.abspath(named) if named is not None else os.path.join(root, "pyproject.toml")
