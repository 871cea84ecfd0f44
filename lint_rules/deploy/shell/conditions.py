"""Does a condition of shell text hold? `[ … ]`, `test` and `[[ … ]]` over words that are known, and the patterns of `case`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from lint_rules.deploy.written import Written

_NUMBER = re.compile(r"[+-]?\d{1,18}")
_PATTERN = re.compile(r"[*?\[]")


def holds(words: Sequence[Written]) -> bool | None:
    """What the test says, None where that is only known at run time. The first word is the command itself."""
    command = words[0].value
    closing = {"[": "]", "[[": "]]"}.get(command)
    said = list(words[1:])
    if closing is not None and said and said[-1].value == closing:
        said.pop()
    result = True
    while said and said[0].value == "!" and said[0].known:
        result = not result
        said.pop(0)
    found = _holds(said, matches=command == "[[")
    return None if found is None else found == result


def fits(text: str, pattern: Written) -> bool | None:
    """Whether a text is of a pattern; quoted patterns are plain text."""
    if not pattern.known:
        return None
    if pattern.raw.value.startswith(('"', "'")) or not _PATTERN.search(pattern.value):
        return text == pattern.value
    return fnmatchcase(text, pattern.value)


def _holds(words: list[Written], matches: bool) -> bool | None:
    if not all(word.known for word in words):
        return None
    if not words:
        return False
    if len(words) == 1:
        return bool(words[0].value)
    if len(words) == 2 and words[0].value in ("-n", "-z"):
        return bool(words[1].value) == (words[0].value == "-n")
    if len(words) == 3:
        left, operator, right = words
        if operator.value in ("=", "==", "!="):
            found = fits(left.value, right) if matches else left.value == right.value
            return None if found is None else found == (operator.value != "!=")
        return _compared(left.value, operator.value, right.value)
    return None


def _compared(left: str, operator: str, right: str) -> bool | None:
    if not (_NUMBER.fullmatch(left) and _NUMBER.fullmatch(right)):
        return None
    first, second = int(left), int(right)
    return {
        "-eq": first == second,
        "-ne": first != second,
        "-lt": first < second,
        "-le": first <= second,
        "-gt": first > second,
        "-ge": first >= second,
    }.get(operator)
