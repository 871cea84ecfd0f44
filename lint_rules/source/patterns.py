"""gitignore patterns, without those that mean nothing: git skips them too."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


def spec_of(patterns: Iterable[str]) -> GitIgnoreSpec:
    """What the patterns match; a pattern that is none (`!`, `[z-a]`) matches nothing."""
    from pathspec import GitIgnoreSpec

    lines = list(patterns)
    try:
        return GitIgnoreSpec.from_lines(lines)
    except (ValueError, re.error):
        return GitIgnoreSpec.from_lines([line for line in lines if is_pattern(line)])


def is_pattern(text: str) -> bool:
    """Whether a text is a gitignore pattern."""
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([text])
    except (ValueError, re.error):
        return False
    return True
