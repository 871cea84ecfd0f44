"""Arguments of calls: found, added, left out and laid out anew without losing a comment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import libcst as cst
from msgspec import Struct

from codemods.change import Refused

TIGHT = cst.AssignEqual(whitespace_before=cst.SimpleWhitespace(""), whitespace_after=cst.SimpleWhitespace(""))


class Space(NamedTuple):
    """Where a call is written: the columns it may take on one line, and one level of indent."""

    room: int
    indent: str
    around: str = ""
    """The indent of its line beyond that of its statement."""

    def within(self, text: str) -> Space:
        """Of a call on a line of its own in the brackets of this one, with `text` around it on that line."""
        return Space(self.room - len(self.indent) - len(text), self.indent, self.around + self.indent)


class Item(Struct, frozen=True):
    """One argument with the comments that belong to it."""

    arg: cst.Arg
    above: tuple[str, ...] = ()
    """Comments on lines of their own before it."""
    behind: str = ""
    """The comment that ends its line."""

    @property
    def keyword(self) -> str:
        """The keyword it is passed by, "" for none."""
        return self.arg.keyword.value if self.arg.keyword is not None else ""

    def named(self, keyword: str, value: cst.BaseExpression | None = None) -> Item:
        """The same argument under another keyword, with another value where one is given."""
        arg = self.arg.with_changes(keyword=cst.Name(keyword), equal=TIGHT, value=value or self.arg.value)
        return Item(arg, self.above, self.behind)


def argument(keyword: str, value: str | cst.BaseExpression) -> Item:
    """`keyword=value`; the value may be given as text."""
    return Item(cst.Arg(cst.parse_expression(value) if isinstance(value, str) else value, cst.Name(keyword), TIGHT))


def items_of(call: cst.Call) -> tuple[list[Item], tuple[str, ...]]:
    """The arguments of a call with their comments, and the comments that stand before the closing bracket.

    Raises:
        Refused: a comment stands where it belongs to no argument.
    """
    items: list[Item] = []
    _seen(call.whitespace_after_func)
    _, before = _comments(call.whitespace_before_args)  # one behind the opening bracket stays there: see `laid_out`
    for arg in call.args:
        comma = arg.comma if isinstance(arg.comma, cst.Comma) else None
        if comma is not None:
            _seen(arg.whitespace_after_arg, comma.whitespace_before)
        behind, after = _comments(comma.whitespace_after if comma is not None else arg.whitespace_after_arg)
        plain = arg.with_changes(comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=cst.SimpleWhitespace(""))
        items.append(Item(plain, before, behind))
        before = after
    return items, before


def laid_out(call: cst.Call, items: Sequence[Item], last: tuple[str, ...], space: Space, spread: bool = False) -> cst.Call:
    """The call with these arguments: on one line where they fit and nothing needs a line of its own, else one a line.

    A comment behind the call's opening bracket stays there; `last` are comments that stand before the closing one; `spread` asks for one
    argument a line in any case.

    Raises:
        Refused: a generator expression without brackets of its own gets company, or a comment is left without arguments.
    """
    opening = _comments(call.whitespace_before_args)[0]
    if len(items) > 1:
        for item in items:
            _refuse_generator(item.arg)
    flat = call.with_changes(
        args=[
            item.arg.with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")) if n + 1 < len(items) else _NO_COMMA)
            for n, item in enumerate(items)
        ],
        whitespace_before_args=cst.SimpleWhitespace(""),
    )
    text = cst.Module([]).code_for_node(flat)
    commented = opening or last or any(item.above or item.behind for item in items)
    if commented and not items:
        raise Refused("a comment in its brackets stands where it would be lost")
    alone = len(items) == 1 and _is_bare_generator(items[0].arg)
    if not items or alone or not (commented or spread or len(text) > space.room or "\n" in text):
        return flat
    args = []
    indent = space.around + space.indent
    for n, item in enumerate(items):
        following = items[n + 1].above if n + 1 < len(items) else last
        after = _line(item.behind, following, indent if n + 1 < len(items) else space.around, indent)
        args.append(item.arg.with_changes(comma=cst.Comma(whitespace_after=after)))
    return call.with_changes(args=args, whitespace_before_args=_line(opening, items[0].above, indent, indent))


_NO_COMMA = cst.MaybeSentinel.DEFAULT


def _is_bare_generator(arg: cst.Arg) -> bool:
    return isinstance(arg.value, cst.GeneratorExp) and not arg.value.lpar


def _refuse_generator(arg: cst.Arg) -> None:
    if _is_bare_generator(arg):
        raise Refused("its only argument is a generator expression without brackets of its own")


def first_option(items: Sequence[Item]) -> int:
    """Where Celery's options begin: behind `config=` and `app=` of our decorators."""
    return next((n for n, item in enumerate(items) if item.keyword not in ("config", "app")), len(items))


def appended(call: cst.Call, new: cst.Arg) -> cst.Call:
    """The call with one more argument at its end, in the layout of the others.

    Raises:
        Refused: nothing can follow its only argument.
    """
    if not call.args:
        return call.with_changes(args=[new])
    *others, last = call.args
    _refuse_generator(last)
    comma = last.comma if isinstance(last.comma, cst.Comma) else None
    end = comma.whitespace_after if comma is not None else last.whitespace_after_arg
    between = [arg.comma.whitespace_after for arg in others if isinstance(arg.comma, cst.Comma)]
    spread = comma is not None or "\n" in cst.Module([]).code_for_node(last.value)
    gap = between[-1] if between else call.whitespace_before_args if spread and is_spread(call) else cst.SimpleWhitespace(" ")
    if isinstance(gap, cst.ParenthesizedWhitespace):
        gap = gap.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=[])
        if isinstance(end, cst.ParenthesizedWhitespace):  # the comment at the end of the last argument's line stays there
            gap = gap.with_changes(first_line=end.first_line)
            end = end.with_changes(first_line=cst.TrailingWhitespace())
    if comma is not None:
        return call.with_changes(
            args=[
                *others,
                last.with_changes(comma=comma.with_changes(whitespace_after=gap)),
                new.with_changes(comma=cst.Comma(whitespace_after=end)),
            ]
        )
    before = last.with_changes(comma=cst.Comma(whitespace_after=gap), whitespace_after_arg=cst.SimpleWhitespace(""))
    return call.with_changes(args=[*others, before, new.with_changes(whitespace_after_arg=end)])


def left(items: Sequence[Any], gone: Sequence[cst.CSTNode]) -> list[Any]:
    """The arguments of a call, or the elements of a list or a dict, without some of them; what ended the last item ends the one before."""
    kept = [item for item in items if not any(item is each for each in gone)]
    if kept and items[-1] is not kept[-1]:
        kept[-1] = kept[-1].with_changes(comma=items[-1].comma)
    return kept


def is_spread(call: cst.Call) -> bool:
    """Whether the arguments stand on lines of their own."""
    return isinstance(call.whitespace_before_args, cst.ParenthesizedWhitespace)


def keyword_of(call: cst.Call, name: str) -> cst.Arg | None:
    """The argument that is passed by a keyword."""
    return next((arg for arg in call.args if arg.keyword is not None and arg.keyword.value == name), None)


def map_keyword(call: cst.Call, name: str, change: Callable[[cst.Arg], cst.Arg]) -> cst.Call:
    """The call with one keyword argument changed, its layout kept."""
    return call.with_changes(args=[change(arg) if arg.keyword is not None and arg.keyword.value == name else arg for arg in call.args])


def _comments(space: cst.BaseParenthesizableWhitespace) -> tuple[str, tuple[str, ...]]:
    """The comment that ends the line before some whitespace, and those on lines of their own in it."""
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return "", ()
    behind = space.first_line.comment.value if space.first_line.comment is not None else ""
    return behind, tuple(line.comment.value for line in space.empty_lines if line.comment is not None)


def _seen(*spaces: cst.BaseParenthesizableWhitespace) -> None:
    for space in spaces:
        if any(_comments(space)):
            raise Refused("a comment in its brackets stands where it would be lost")


def _line(behind: str, above: Iterable[str], indent: str, comments: str) -> cst.ParenthesizedWhitespace:
    """A line break after `behind`, then comments, then the indent of what follows."""
    trailing = cst.TrailingWhitespace(
        whitespace=cst.SimpleWhitespace("  " if behind else ""), comment=cst.Comment(behind) if behind else None
    )
    lines = [cst.EmptyLine(whitespace=cst.SimpleWhitespace(comments), comment=cst.Comment(text)) for text in above]
    return cst.ParenthesizedWhitespace(first_line=trailing, empty_lines=lines, indent=True, last_line=cst.SimpleWhitespace(indent))
