"""Where in the file does each character of a YAML scalar stand, after quotes, escapes, folding and indentation?

The parser gives the value and where the scalar begins and ends; this walks the same characters once more and keeps their offsets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lint_rules.deploy.text import NOWHERE

Placed = tuple[str, tuple[int, ...]]
"""A value, and the offset in the text (or `NOWHERE`) of each of its characters."""

_PROPERTIES = re.compile(r"(?:[&!]\S*(?:\s+(?:#[^\n]*\s+)*|\Z))*")
"""Anchor and tag, which stand before a scalar and belong to what the parser calls the scalar."""

_SPACE = r"(?P<space>[ \t\n]+)"
_PLAIN = re.compile(rf"{_SPACE}|[^ \t\n]+")
_SINGLE = re.compile(rf"{_SPACE}|(?P<quote>'')|[^ \t\n']+")
_DOUBLE = re.compile(rf"{_SPACE}|\\(?:(?P<code>x..|u.{{4}}|U.{{8}})|(?P<cut>\n[ \t\n]*)|(?P<escape>.))|[^ \t\n\\]+", re.DOTALL)
_ESCAPES = {"0": "\0", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPES |= {"N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029"}

_HEADER = re.compile(r"[|>]([-+0-9]*)[^\n]*\n?")


def placed(text: str, start: int, end: int, style: str | None, value: str) -> Placed:
    """The characters of the scalar that stands between two offsets; all of them `NOWHERE` where the text does not read as `value`.

    That is so for the line ends of other systems (U+2028), which the parser folds by rules of its own.
    """
    start = beginning(text, start, end)
    if style in ("|", ">"):
        for found in _blocks(text, start, end):
            if found[0] == value:
                return found
    else:
        pieces = {"'": _SINGLE, '"': _DOUBLE}.get(style or "", _PLAIN)
        inset = 1 if style in ("'", '"') else 0
        found = _flow(text, start + inset, end - inset, pieces)
        if found[0] == value:
            return found
    return value, (NOWHERE,) * len(value)


def beginning(text: str, start: int, end: int) -> int:
    """Where a scalar begins after its anchor and tag."""
    properties = _PROPERTIES.match(text, start, end)
    return properties.end() if properties else start


# ── Plain and quoted ─────────────────────────────────────────────────────────────────────────────────────────────────


def _flow(text: str, start: int, end: int, pieces: re.Pattern[str]) -> Placed:
    characters: list[str] = []
    offsets: list[int] = []
    for piece in pieces.finditer(text, start, end):
        groups = piece.groupdict()
        if groups["space"] is not None and "\n" in groups["space"]:
            value, places = _folded(text, *piece.span("space"))
        elif groups.get("cut") is not None:
            breaks = _breaks(text, *piece.span("cut"))[1:]
            value, places = "\n" * len(breaks), breaks
        elif groups.get("quote") is not None:
            value, places = "'", [piece.start() + 1]
        elif piece[0].startswith("\\") and pieces is _DOUBLE:
            value, places = _escaped(piece)
        else:
            value, places = piece[0], [*range(piece.start(), piece.end())]
        characters.append(value)
        offsets.extend(places)
    return "".join(characters), tuple(offsets)


def _folded(text: str, start: int, end: int) -> tuple[str, list[int]]:
    """One line end becomes a space, of several the first is dropped."""
    breaks = _breaks(text, start, end)
    return (" ", [NOWHERE]) if len(breaks) == 1 else ("\n" * (len(breaks) - 1), breaks[1:])


def _breaks(text: str, start: int, end: int) -> list[int]:
    return [offset for offset in range(start, end) if text[offset] == "\n"]


def _escaped(piece: re.Match[str]) -> tuple[str, list[int]]:
    if piece["code"] is not None:
        return chr(int(piece["code"][1:], 16)), [NOWHERE]
    escape = piece["escape"]
    return (_ESCAPES[escape], [NOWHERE]) if escape in _ESCAPES else (escape, [piece.start("escape")])


# ── Blocks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _blocks(text: str, start: int, end: int) -> Iterator[Placed]:
    """The block, read with each indentation that it can have: the likeliest is that of its first line."""
    header = _HEADER.match(text, start, end)
    if header is None:
        return
    lines: list[tuple[int, int]] = []
    place = header.end()
    while place < end:
        close = text.find("\n", place, end)
        lines.append((place, close if close >= 0 else end))
        place = close + 1 if close >= 0 else end
    said = [_indent(text, *line) for line in lines if text[slice(*line)].strip(" ")]
    first = said[0] if said else 0
    widest = min(said) if said else max((_indent(text, *line) for line in lines), default=0)
    for indent in (*([first] if first <= widest else []), *(each for each in range(widest, -1, -1) if each != first)):
        yield _block(text, lines, end, indent, folded=text[start] == ">", chomping=header[1].strip("0123456789"))


def _block(text: str, lines: list[tuple[int, int]], end: int, indent: int, folded: bool, chomping: str) -> Placed:
    value: list[str] = []
    offsets: list[int] = []
    breaks: list[int] = []
    last: tuple[int, int] | None = None
    for begin, close in lines:
        blank = close - begin <= indent and not text[begin:close].strip(" ")
        if not blank:
            content = begin + indent
            if last is not None:
                folds = folded and text[last[0]] not in " \t" and text[content] not in " \t"
                if not folds:
                    breaks.insert(0, last[1])
                elif not breaks:
                    value.append(" ")
                    offsets.append(NOWHERE)
            value.append("\n" * len(breaks) + text[content:close])
            offsets += (*breaks, *range(content, close))
            breaks, last = [], (content, close)
        elif close < end:
            breaks.append(close)
    kept = [last[1]] if last is not None and last[1] < end and chomping != "-" else []
    kept += breaks if chomping == "+" else []
    return "".join(value) + "\n" * len(kept), (*offsets, *kept)


def _indent(text: str, begin: int, close: int) -> int:
    return close - begin - len(text[begin:close].lstrip(" "))
