"""gitignore patterns: which paths they leave out. Patterns that mean nothing are skipped, as git does."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pathspec import GitIgnoreSpec


class Patterns:
    """The patterns of one .gitignore file or setting."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = [line for line in lines if line.strip() and not line.startswith("#")]
        self._by_name: GitIgnoreSpec | None = None
        self._spec = spec_of(self.lines)
        self._names: dict[str, bool] = {}
        if not any(line.startswith("!") for line in self.lines):  # then it does not matter which pattern matches
            self._by_name = spec_of([line for line in self.lines if "/" not in line.strip().rstrip("/")])
            self._spec = spec_of([line for line in self.lines if "/" in line.strip().rstrip("/")])

    def says(self, path: str) -> bool | None:
        """True: left out, False: kept by a `!` pattern, None: not mentioned. Directories end in "/"; those above are not asked about."""
        if self._by_name is not None:
            name = path[path.rfind("/", 0, -1) + 1 :]
            known = self._names.get(name)
            if known is None:
                known = self._names[name] = self._by_name.match_file(name)
            if known:
                return True
        return self._spec.check_file(path).include


def spec_of(patterns: Iterable[str]) -> GitIgnoreSpec:
    """What the patterns match; a pattern that is none (`!`, `[z-a]`) matches nothing."""
    lines = list(patterns)
    try:
        return GitIgnoreSpec.from_lines(lines)
    except (ValueError, re.error):
        return GitIgnoreSpec.from_lines([line for line in lines if is_pattern(line)])


def is_pattern(text: str) -> bool:
    """Whether a text is a gitignore pattern."""
    try:
        GitIgnoreSpec.from_lines([text])
    except (ValueError, re.error):
        return False
    return True
