"""What do a template's parts make together, where all of them are constants?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lint_rules.facts.model import Expr, Formatted, Template
from lint_rules.facts.templates import LONGEST_TEXT
from lint_rules.project.values import Literal

if TYPE_CHECKING:
    from lint_rules.project.frames import Frame
    from lint_rules.project.resolver import Resolver


def literal(resolver: Resolver, expr: Expr, frame: Frame) -> Literal | None:
    """The only constant that an expression can be."""
    found = resolver.evaluate(expr, frame)
    return found[0] if len(found) == 1 and isinstance(found[0], Literal) else None


def evaluated(resolver: Resolver, template: Template, frame: Frame) -> str | None:
    """The text of a template, None where a part of it is not exactly one literal.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    texts: list[str] = []
    for part in template.parts:
        value = literal(resolver, part.base if isinstance(part, Formatted) else part, frame)
        text = None if value is None else conversion(value, part.how if isinstance(part, Formatted) else "")
        if text is None:
            return None
        texts.append(text)
    whole = "".join(texts)
    return whole if len(whole) <= LONGEST_TEXT else None


def conversion(constant: Literal, how: str) -> str | None:
    """What a part of a template (see `Formatted`) makes of a constant, None where that cannot be told."""
    value: object = constant.value
    if re.search(r"\d{3}|[{}*]", how):  # computed, or absurdly wide
        return None
    try:
        if how.startswith("%"):
            return how % (value,)
        made, _, spec = how.partition(":")
        value = repr(value) if made == "!r" else ascii(value) if made == "!a" else value
        return format(value, spec)
    except (ValueError, TypeError, OverflowError):
        return None
