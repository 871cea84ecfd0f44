"""CRB002: `# noqa: CRB101, CRB404` loses the code that suppresses nothing, or the whole comment."""

from __future__ import annotations

import re
from collections.abc import Iterator

import libcst as cst

from codemods.change import Changed, Edit, Refused, Site
from codemods.registry import codemod


@codemod("CRB002", drops_comments=True)
def unused_suppression(site: Site) -> Iterator[Edit]:
    """Remove what silences nothing."""
    place = site.finding.place
    match = re.match(r"CRB\d{3}|CRB", site.finding.message)
    comment = site.tree.comment(place.row, place.column)
    rest = without(comment.value, match[0] if match else "", place.column - site.tree.column(comment))
    holder = site.tree.parent(comment)
    if not isinstance(holder, (cst.TrailingWhitespace, cst.EmptyLine)):
        raise Refused("the comment stands where it cannot be taken out")
    if rest:
        yield Edit(comment, lambda node: node.with_changes(value=rest))
    elif isinstance(holder, cst.EmptyLine):
        yield Edit(holder, lambda node: cst.RemoveFromParent())
    else:
        yield Edit(holder, _bare)


def without(comment: str, code: str, start: int = 0) -> str:
    """A comment without a code ("": without the whole suppression) in the suppression that begins at `start`; "" where nothing is left."""
    head, tail = comment[:start], comment[start:]
    found = re.match(r"#\s*(?:flake8[:=]\s*)?(?:noqa|crb:\s*ignore)\s*(?::\s*([A-Z0-9,\s]*[A-Z0-9])|\[([^\]]*)\])?", tail, re.I)
    if found is None:
        return comment
    group = 1 if found[1] is not None else 2
    codes = [each for each in re.split(r"[\s,]+", found[group] or "") if each]
    kept = [each for each in codes if each.upper() != code]
    if code and kept:
        return head + tail[: found.start(group)] + ", ".join(kept) + tail[found.end(group) :]
    rest = tail[found.end() :].strip()
    text = f"{head.rstrip()}{'  ' if head.strip() and rest else ''}{rest if rest.startswith('#') or not rest else '# ' + rest}"
    return text.rstrip()


def _bare(holder: cst.TrailingWhitespace) -> Changed:
    return holder.with_changes(whitespace=cst.SimpleWhitespace(""), comment=None)
