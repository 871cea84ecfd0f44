"""Which texts is a string made of? The parts of `%` formats, of `format()` and of concatenations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from string import Formatter

from lint_rules.facts.model import OPAQUE, Attr, Const, Expr, Formatted, Item, Map, Ref, Seq, Template

LONGEST_TEXT = 500
"""Longer texts are no names, options or keys: they are not kept."""

MOST_PARTS = 60
"""A template of more parts is no name, option or key either."""

_PERCENT = re.compile(r"%(?:\((?P<name>[^()]*)\))?(?P<how>[#0 +-]*(?:\*|\d+)?(?:\.(?:\*|\d*))?)[hlL]?(?P<kind>[diouxXeEfFgGcrsa%])")


def template(parts: Iterable[Expr]) -> Expr:
    """The parts as one text: templates among them dissolved, literals joined; a `Const` where nothing else is left."""
    joined: list[Expr] = []
    texts: list[str] = []
    length = 0
    for part in _flat(parts):
        if isinstance(part, Const):
            text = str(part.value)
            length += len(text)
            texts.append(text)
            continue
        if texts:
            joined.append(Const("".join(texts)))
            texts = []
        joined.append(part)
    if length > LONGEST_TEXT or len(joined) > MOST_PARTS:
        return OPAQUE
    text = "".join(texts)
    if not joined:
        return Const(text)
    return Template((*joined, Const(text)) if text else tuple(joined))


def _flat(parts: Iterable[Expr]) -> Iterator[Expr]:
    for part in parts:
        if isinstance(part, Template):
            yield from part.parts
        elif not isinstance(part, Const) or part.value != "":
            yield part


def formatted(base: Expr, conversion: str | None, spec: str) -> Expr:
    """A replacement field's value: `conversion` is "r", "a", "s" or None for none, `spec` what stands behind the colon."""
    how = (f"!{conversion}" if conversion in ("r", "a") else "") + (f":{spec}" if spec else "")
    return Formatted(base, how) if how else base


def percent(text: str, given: Expr) -> Expr | None:
    """`text % given`; None where the text is no format that can be followed."""
    parts: list[Expr] = []
    end = place = 0
    fields = list(_PERCENT.finditer(text))
    count = sum(field["kind"] != "%" for field in fields)
    for field in fields:
        parts.append(Const(text[end : field.start()]))
        end = field.end()
        if field["kind"] == "%":
            parts.append(Const("%"))
        elif field["name"] is not None:
            parts.append(_converted(_named(given, field["name"]), field))
        else:
            parts.append(_converted(_placed(given, place, count), field))
            place += 1
    parts.append(Const(text[end:]))
    if not count or "%" in _PERCENT.sub("", text) or any("*" in field["how"] for field in fields):
        return None
    return template(parts)


def _converted(value: Expr, field: re.Match[str]) -> Expr:
    if not field["how"] and field["kind"] in "sra":
        return formatted(value, field["kind"], "")
    return Formatted(value, f"%{field['how']}{field['kind']}")


def _named(given: Expr, name: str) -> Expr:
    """What a mapping has under a name."""
    if isinstance(given, Map):
        for key, value in zip(given.keys, given.values):
            if key == Const(name):
                return value
        return OPAQUE
    return Item(given, Const(name)) if isinstance(given, (Ref, Attr)) else OPAQUE


def _placed(given: Expr, place: int, count: int) -> Expr:
    """The argument of one of `count` places."""
    if isinstance(given, Seq) and given.kind == "tuple":
        return given.items[place] if place < len(given.items) else OPAQUE
    return given if count == 1 else Item(given, Const(place))


def format_call(text: str, args: Sequence[Expr], keywords: Mapping[str, Expr]) -> Expr | None:
    """`text.format(*args, **keywords)`; None where the text is no format that can be followed."""
    parts: list[Expr] = []
    place = 0
    try:
        for literal, field, spec, conversion in Formatter().parse(text):
            parts.append(Const(literal))
            if field is None:
                continue
            if spec and "{" in spec:
                return None
            name = re.split(r"[.\[]", field, maxsplit=1)[0]
            if not name:
                field, place = f"{place}{field}", place + 1
            base = _argument(field, args, keywords)
            parts.append(formatted(base, conversion, spec or ""))
    except ValueError:
        return None
    return template(parts)


def _argument(field: str, args: Sequence[Expr], keywords: Mapping[str, Expr]) -> Expr:
    """What a field's name stands for: `0`, `name`, `name.attribute`, `name[key]`."""
    name = re.split(r"[.\[]", field, maxsplit=1)[0]
    if name.isdigit():
        value = args[int(name)] if int(name) < len(args) else OPAQUE
    else:
        value = keywords.get(name, OPAQUE)
    for attribute, key in re.findall(r"\.([^.\[]+)|\[([^\]]*)\]", field[len(name) :]):
        if attribute:
            value = Ref(f"{value.path}.{attribute}") if isinstance(value, Ref) else Attr(value, attribute)
        else:
            value = Item(value, Const(int(key) if key.isdigit() else key))
    return value


def joined(separator: str, items: Sequence[Expr]) -> Expr:
    """`separator.join(items)`."""
    parts: list[Expr] = []
    for place, item in enumerate(items):
        if place and separator:
            parts.append(Const(separator))
        parts.append(item)
    return template(parts)
