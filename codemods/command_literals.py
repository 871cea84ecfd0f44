"""Changes of commands that Python code starts: made in the string literals that the option stands in, and only if it stands there once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import NamedTuple, Union

import libcst as cst

from codemods.arguments import left
from codemods.change import Edit, Refused, Site
from codemods.command_site import Change, CommandRewrite, CommandSite, elsewhere, workers_at
from lint_rules.deploy.celery_command import VALUED
from lint_rules.deploy.model import Directive, Option

Literal = Union[cst.SimpleString, cst.FormattedStringText]
Items = Union[cst.List, cst.Tuple, cst.Call]


class _Hit(NamedTuple):
    """An option in a literal, or in items of a list: flag and value are one of them, or two."""

    literal: Literal
    """Where the value is."""
    match: re.Match[str] | None
    """Flag and value in the source of the literal; None where the literal is the value alone."""
    items: Items | None = None
    first: int = 0
    number: int = 0


def rewrite(changes: CommandRewrite, site: Site) -> Iterator[Edit]:
    """The edits for a finding about a command in Python code.

    Raises:
        Refused: they cannot be made.
    """
    workers = workers_at(site.finding.place, site.project)
    if not workers:
        raise Refused("there is no fix for it in code")
    first, *others = [tuple(changes(CommandSite(site.finding, site.project, worker))) for worker in workers]
    if any(each != first for each in others):
        raise Refused("commands that want something else share it")
    if site.finding.fix is None:
        raise Refused("it has no fix")
    for change in first:
        if isinstance(change.subject, Directive):
            raise Refused("there is no fix for it in code")
        if change.subject.source != "argument":
            raise Refused(elsewhere(change.subject, workers[0], site.project))
        hits = list(_hits(change.subject, _around(site)))
        if len(hits) != 1:
            raise Refused("the option stands there more than once" if hits else "the option is not written out there")
        yield from _edits(change, change.subject, hits[0])


def _around(site: Site) -> cst.CSTNode:
    """The call that starts the command, or the statement that its text stands in."""
    place = site.finding.place
    if (place.row, place.column) == (place.end_row, place.end_column):
        return site.tree.statement(place.row)
    return site.tree.call(place)


def _hits(option: Option, node: cst.CSTNode) -> Iterator[_Hit]:
    """The places below a node in which the option stands."""
    flags = [flag for flag, name in VALUED.items() if name == option.name]
    long = "|".join(re.escape(flag) for flag in flags if flag.startswith("--"))
    short = "|".join(re.escape(flag) for flag in flags if not flag.startswith("--")) or long
    value = re.escape(option.value or "")
    said = re.compile(rf"(?<![\w-])(?P<flag>(?:{long})(?=[=\s])|(?:{short}))(?:=|\s*)(?P<value>{value})(?![\w.,-])")
    pending: list[tuple[cst.CSTNode, Items | None, int]] = [(node, None, 0)]
    while pending:
        node, around, place = pending.pop()
        if isinstance(node, (cst.SimpleString, cst.FormattedStringText)):
            for match in said.finditer(node.value):
                alone = around is not None and isinstance(node, cst.SimpleString) and node.evaluated_value == match[0]
                yield _Hit(node, match, around if alone else None, place, 1)
        items = _items(node)
        for number, (flag, following) in enumerate(pairwise(items)):
            if _text(flag) in flags and _text(following) == option.value and isinstance(following, cst.SimpleString):
                yield _Hit(following, None, node if isinstance(node, (cst.List, cst.Tuple, cst.Call)) else None, number, 2)
        numbers = {id(item): number for number, item in enumerate(items)}
        for child in _values(node):
            listed = isinstance(node, (cst.List, cst.Tuple, cst.Call)) and id(child) in numbers
            pending.append((child, node if listed else None, numbers.get(id(child), 0)))  # type: ignore[arg-type]


def _items(node: cst.CSTNode) -> list[cst.BaseExpression]:
    """The items of a list, or the arguments of a call."""
    if isinstance(node, (cst.List, cst.Tuple)):
        return [each.value for each in node.elements]
    return [each.value for each in node.args] if isinstance(node, cst.Call) else []


def _values(node: cst.CSTNode) -> list[cst.CSTNode]:
    """The nodes in a node; of elements and arguments their values."""
    return [each.value if isinstance(each, (cst.Element, cst.Arg)) else each for each in node.children]


def _text(node: cst.CSTNode) -> object:
    return node.evaluated_value if isinstance(node, cst.SimpleString) else None


# ── Edits ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _edits(change: Change, option: Option, hit: _Hit) -> Iterator[Edit]:
    if change.name is None:
        yield Edit(hit.items, partial(_without, hit.first, hit.number)) if hit.items is not None else _written(hit.literal, _cut(hit))
        return
    flag = None if change.name == option.name else f"--{change.name}"
    text = hit.literal.value
    if hit.match is None:  # two literals
        if flag is not None and hit.items is not None:
            word = _items(hit.items)[hit.first]
            assert isinstance(word, cst.SimpleString)
            yield _written(word, word.value.replace(str(word.evaluated_value), flag))
        yield _written(hit.literal, text.replace(option.value or "", change.value or ""))
        return
    match = hit.match
    between = text[match.end("flag") : match.start("value")]
    if change.apart:
        flag, between = (None, " ") if hit.items is None else (f"--{option.name}", "=")
    yield _written(hit.literal, f"{text[: match.start()]}{flag or match['flag']}{between}{change.value}{text[match.end() :]}")


def _written(literal: Literal, value: str) -> Edit:
    return Edit(literal, lambda node: node.with_changes(value=value))


def _cut(hit: _Hit) -> str:
    """The literal without the option, and without the space before it (or behind it, where it begins the text)."""
    assert hit.match is not None
    before, behind = hit.literal.value[: hit.match.start()], hit.literal.value[hit.match.end() :]
    return before.rstrip() + behind if before != before.rstrip() else before + behind.lstrip()


def _without(first: int, number: int, node: Items) -> Items:
    field = "args" if isinstance(node, cst.Call) else "elements"
    items = getattr(node, field)
    return node.with_changes(**{field: left(items, items[first : first + number])})
