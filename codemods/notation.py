"""How is an option of a command, or a directive of a Redis server, taken out, written anew or added where it stands?

A command is a line (of a shell, of an INI file, within the quotes of another notation), the items of a block list of YAML, or those of a
list in brackets (YAML, JSON, TOML). What is around the option tells which; the proof reads the result again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from codemods.change import Refused
from codemods.command_site import Change
from codemods.place import ITEM, Place, past_space, place_of
from codemods.text_edits import TextEdit
from lint_rules.deploy.celery_command import VALUED
from lint_rules.deploy.model import Directive, Option, Word
from lint_rules.deploy.text import Source
from lint_rules.facts.model import Span

_VARIABLE = re.compile(r"[$`]|\{\{|\{%")


def edits_of(change: Change, words: Sequence[Word], source: Source) -> list[TextEdit]:
    """The edits that make a change of a command with these words.

    Raises:
        Refused: the option does not stand there in a way that could be edited.
    """
    span = change.subject.span
    if span is None:
        raise Refused("it stands nowhere as such")
    whole = place_of(source, span)
    if change.added:
        return [_added(change, whole)]
    if isinstance(change.subject, Directive):
        return [_new_value(change.subject, str(change.value), whole)]
    own = [word for word in words if word.span is not None and _inside(word.span, span)]
    _refuse_unlike(change.subject, [word.text for word in own])
    if any(_flag(word.text) in VALUED and VALUED[_flag(word.text)] == change.subject.name for word in words if word not in own):
        raise Refused("the command gives it more than once")
    parts = [place_of(source, word.span) for word in own if word.span is not None]
    if change.name is None:
        return _removed(parts, whole)
    return _rewritten(change, change.subject, parts, whole)


def stands(option: Option, words: Sequence[Word], source: Source) -> bool:
    """Whether an option is written at its place: where a variable gives it, only the variable's name is."""
    span = option.span
    if span is None or not option.known:
        return False
    if option.value_span is not None:
        return _inside(option.value_span, span) and place_of(source, option.value_span).text == option.value
    own = [(word.text, place_of(source, word.span).text) for word in words if word.span is not None and _inside(word.span, span)]
    return bool(own) and all(_unquoted(text) == _unquoted(written) for text, written in own)


def _unquoted(text: str) -> str:
    return re.sub(r"[\"'\\]", "", text)


def _inside(inner: Span, outer: Span) -> bool:
    return (outer.row, outer.column) <= (inner.row, inner.column) and (inner.end_row, inner.end_column) <= (outer.end_row, outer.end_column)


def _refuse_unlike(option: Option, words: Sequence[str]) -> None:
    """Refuse where the words in the option's span are anything but the option."""
    first = words[0] if words else ""
    flag = _flag(first)
    if VALUED.get(flag) != option.name and not (option.value is None and len(words) == 1):
        raise Refused(f"it shares the word {first!r} with other options")
    rest = first[len(flag) :].removeprefix("=") if first.startswith("--") else first[2:]
    said = [rest, *words[1:]] if rest or len(words) < 2 else list(words[1:])
    if not rest.startswith(":") and said != [option.value or ""]:
        raise Refused("flag and value do not stand together")


def _flag(word: str) -> str:
    return word.partition("=")[0] if word.startswith("--") else word[:2]


# ── Taken out ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _removed(parts: list[Place], whole: Place) -> list[TextEdit]:
    if _VARIABLE.search(whole.text) or whole.behind.startswith("}"):
        raise Refused("a variable stands in it, which may be given elsewhere")
    if whole.in_block:
        lines = [_line(part) for part in parts]
        if len(lines) > 1 and lines[0].end > lines[-1].start:  # the last line of the file has no end
            return [TextEdit(lines[0].start, lines[-1].end)]
        return lines
    if whole.in_brackets:
        return [_item(parts, whole)]
    if whole.left.endswith(":") and whole.text[:1] in "\"'":
        raise Refused("it is no item of a list")
    for left, right in pairwise(parts):
        if whole.source.text[left.end : right.start].replace("\\\n", "").strip():
            raise Refused("flag and value do not stand together")
    return [_piece_of_line(whole)]


def _line(part: Place) -> TextEdit:
    """The whole line of an item."""
    item = ITEM.fullmatch(part.before)
    if item is None or item["properties"] or "\n" in part.text:
        raise Refused("its item of the list has an anchor or a tag, or more than one line")
    if part.behind.strip() or part.above.startswith("#"):
        raise Refused("a comment speaks of it")
    text = part.source.text
    start, end = part.start - len(part.before), part.end + len(part.behind)
    return TextEdit(start, end + 1) if end < len(text) else TextEdit(max(start - 1, 0), end)


def _item(parts: list[Place], whole: Place) -> TextEdit:
    """Items in brackets, with the comma before or behind them."""
    text = whole.source.text
    for left, right in pairwise(parts):
        if text[left.end : right.start].replace("\\\n", "").strip() != ",":
            raise Refused("a comment speaks of it")
    on_its_line = not whole.before.strip() and re.match(r"#|//", whole.above)
    if on_its_line or re.match(r",?[ \t]*(?:#|//|/\*)", whole.behind):
        raise Refused("a comment speaks of it")
    before = whole.left
    if before.endswith(",") and not text[len(before) : whole.start].replace("\\\n", "").strip():
        return TextEdit(len(before) - 1, whole.end)
    if text[whole.right] != ",":
        raise Refused("it ends the list, and a comment stands before it")
    after = text[whole.right + 1 :].partition("\n")[0]
    if not whole.before.strip() and not after.strip():  # its lines go
        return TextEdit(whole.start - len(whole.before), whole.right + 1 + len(after) + 1)
    return TextEdit(whole.start, past_space(text, whole.right + 1))


def _piece_of_line(whole: Place) -> TextEdit:
    """Words, with the space before them; at the beginning of a line (or a value), with that behind them."""
    text = whole.source.text
    start, end = whole.start, whole.end
    while text[start - 1 : start].isspace() or (text[start - 1 : start] == "\\" and text[start : start + 1] == "\n"):
        start -= 1
    while text[end : end + 1] in (" ", "\t"):
        end += 1
    if start == whole.start or (not whole.before.strip() and whole.behind.strip(" \t\\")):
        return TextEdit(whole.start, end)
    return TextEdit(start, whole.end)


# ── Written anew ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _rewritten(change: Change, option: Option, parts: list[Place], whole: Place) -> list[TextEdit]:
    if option.value_span is None:
        raise Refused("its value is not written in one piece")
    value = place_of(whole.source, option.value_span)
    edits = []
    if change.apart:
        flag = whole.source.text[value.start - 2 : value.start]
        if flag != f"-{_letter(option)}" or len(parts) != 1 or whole.text.strip("\"'") != flag + value.text:
            raise Refused("it shares a word with other options")
        if whole.quoted or whole.in_block or whole.in_brackets:
            edits.append(TextEdit(value.start - 2, value.start, f"--{option.name}="))
        else:
            edits.append(TextEdit(value.start, value.start, " "))
    if change.name != option.name:
        place = whole.source.text.find(f"--{option.name}", whole.start, value.start)
        if place < 0:
            raise Refused(f"it is not written --{option.name}")
        edits.append(TextEdit(place, place + 2 + len(option.name), f"--{change.name}"))
    if change.value is not None and change.value != option.value:
        edits.append(TextEdit(value.start, value.end, change.value))
    return edits


def _letter(option: Option) -> str:
    return next(flag[1] for flag, name in VALUED.items() if name == option.name and len(flag) == 2)


# ── Directives ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _new_value(directive: Directive, value: str, whole: Place) -> TextEdit:
    if _VARIABLE.search(whole.text):
        raise Refused("it is the default of a variable")
    said = re.escape(directive.values[-1])
    found = [*re.finditer(rf"(?<![\w-]){said}(?![\w-])", whole.text)]
    if len(directive.values) != 1 or len(found) != 1:
        raise Refused("its value is not written in one piece")
    return TextEdit(whole.start + found[0].start(), whole.start + found[0].end(), value)


def _added(change: Change, whole: Place) -> TextEdit:
    """One more directive behind another, as that one is written."""
    last = re.split(r"\s+", whole.text)[-1]
    quote = last[-1] if last[-1:] in ("'", '"') else '"'
    if whole.in_block:
        if whole.behind.strip():
            raise Refused("a comment stands behind the line that it would follow")
        item = "\n" + re.sub(r"\S.*", "- ", whole.before)
        return TextEdit(whole.end, whole.end, f"{item}--{change.name}{item}{quote}{change.value}{quote}")
    if whole.in_brackets:
        return TextEdit(whole.end, whole.end, f", {quote}--{change.name}{quote}, {quote}{change.value}{quote}")
    if re.match(r"[\"']?--", whole.text):
        return TextEdit(whole.end, whole.end, f" --{change.name} {change.value}")
    end = whole.end + len(whole.behind)
    return TextEdit(end, end, f"\n{whole.before}{change.name} {change.value}")
