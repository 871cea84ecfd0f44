"""Comments that silence findings: `# noqa: CRB101`, `# crb: ignore[CRB101]`, and `# flake8: noqa` for a whole file."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Sequence

from lint_rules.facts.model import Suppression
from lint_rules.findings import Finding

_COMMENT = re.compile(
    r"#\s*(?:(?P<file>flake8[:=]\s*noqa)|(?P<noqa>noqa)|(?P<ignore>crb:\s*ignore))"
    r"(?:\s*:\s*(?P<codes>[A-Z][A-Z]*[0-9]*(?:[\s,]+[A-Z]+[0-9]+)*)|\s*\[(?P<listed>[^\]]*)\])?",
    re.I,
)


def comments_in(text: str, *, python: bool = True) -> tuple[Suppression, ...]:
    """The suppressing comments of a source text; of any text whose comments begin with `#` where it is not `python`."""
    lowered = text.lower()
    if "noqa" not in lowered and "crb:" not in lowered:
        return ()
    ours = "crb" in lowered
    found = [
        each
        for row, line in enumerate(text.split("\n"), 1)
        if "#" in line
        for match in _COMMENT.finditer(line)
        if (each := _suppression(match, row, match.start())) is not None
    ]
    if not found or not ours or not python:
        return tuple(found)
    rows = _comment_columns(text)  # only where it matters: a code of ours might stand in a string
    return tuple(each for each in found if rows is None or rows.get(each.row, len(text)) <= each.column)


def _suppression(match: re.Match[str], row: int, column: int) -> Suppression | None:
    form = "file" if match["file"] else "noqa" if match["noqa"] else "ignore"
    if form == "noqa" and match["listed"] is not None:
        return None
    written = match["codes"] if form != "ignore" else match["listed"]
    codes = tuple(code.upper() for code in re.split(r"[\s,]+", written or "") if code)
    return Suppression(row, column, match.end(), form, codes)


def _comment_columns(text: str) -> dict[int, int] | None:
    """Row -> column of the comment on it; None where the text cannot be split into tokens."""
    try:
        return {
            token.start[0]: token.start[1]
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type == tokenize.COMMENT
        }
    except (tokenize.TokenError, SyntaxError, RecursionError):
        return None


def covers(suppression: Suppression, finding: Finding) -> bool:
    """Whether a comment silences a finding of its file."""
    if suppression.form != "file" and not finding.place.first <= suppression.row <= finding.place.last:
        return False
    return not suppression.codes or any(finding.code.startswith(code) for code in suppression.codes)


def unused_codes(suppression: Suppression, silenced: Iterable[Finding], known: Sequence[str]) -> list[str]:
    """The codes of ours that a comment names in vain; `known` are the codes that were looked for.

    A comment without codes is not judged where other tools read it too.
    """
    hit = {finding.code for finding in silenced}
    if not suppression.codes:
        return [] if hit or suppression.form != "ignore" else [""]
    return [
        code
        for code in suppression.codes
        if code.startswith("CRB") and not any(each.startswith(code) for each in hit) and any(each.startswith(code) for each in known)
    ]
