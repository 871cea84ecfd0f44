"""What does a YAML file say, and where? A tree of nodes that know their places: no objects are made, aliases are never copied.

Files that templates make YAML of (Helm, Jinja) are read as if each `{{ … }}` were a word; lines with nothing but them are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from lint_rules.deploy.formats import Broken
from lint_rules.deploy.notations.yaml_scalars import beginning, placed
from lint_rules.deploy.text import NOWHERE, Source, Text
from lint_rules.facts.model import Span

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

LARGEST = 250_000
"""Characters of a document; it takes a second or so to parse that many."""

DEEPEST = 100
"""Levels of nesting."""

MOST_VISITS = 100_000
"""Entries that are looked at in one document; only aliases of aliases come to more."""

_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_DIRECTIVE = re.compile(r"^%[A-Z]+ .*$", re.MULTILINE)
_TEMPLATE = re.compile(
    r"\{\{-?/\*(?:(?!\{\{-?/\*|\*/).){0,4000}\*/-?\}\}|\{\{(?:[^{}]|\{(?!\{)|\}(?!\})){0,4000}\}\}"
    r"|\{%(?:(?!\{%|%\}).){0,4000}%\}|(?<!\$)\{#(?:(?!\{#|#\}).){0,4000}#\}",
    re.DOTALL,
)
_ONLY_TEMPLATE = re.compile(r"^[ \t]*\0[ \t\0]*(?:#.*)?$", re.MULTILINE)
_LATE_TABS = re.compile(r"(?<=\S)[ \t]*\t[ \t]*|^[ \t]*\t[ \t]*$", re.MULTILINE)
_NO_CHARACTER = re.compile(r"\\U(?!000|0010)")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


def documents(source: Source, wanted: Callable[[str], bool]) -> Iterator[YamlNode]:
    """The roots of those documents of a stream whose text is `wanted`; the others are not parsed.

    Raises:
        Broken: a document is no YAML (a template that does not read as YAML is passed over), too long or nested too deeply.
    """
    text = _blanked(_DIRECTIVE, source.text)
    masked = _without_templates(text)
    starts = [0, *(match.start() for match in _SEPARATOR.finditer(masked) if match.start()), len(masked)]
    for start, end in pairwise(starts):
        if wanted(source.text[start:end]):
            yield from _parsed(source, masked[start:end], start, templated=masked[start:end] != text[start:end])


class YamlNode:
    """A mapping, a list or a scalar of a document."""

    __slots__ = ("_document", "_node")

    def __init__(self, document: _Document, node: Node) -> None:
        self._document = document
        self._node = node

    @property
    def row(self) -> int:
        """The row that it begins on."""
        return self._document.source.position(self._document.start + self._node.start_mark.index)[0]

    @property
    def text(self) -> Text | None:
        """The text of a scalar; None for lists, mappings and null."""
        return self._document.text(self._node)

    @property
    def span(self) -> Span | None:
        """Where a scalar stands, its quotes included; None for lists, mappings and null."""
        text = self.text
        return self._document.quoted(self._node) or text.span if text is not None else None

    @property
    def string(self) -> str | None:
        """The text of a scalar without its places."""
        text = self.text
        return text.value if text is not None else None

    @property
    def entries(self) -> Mapping[str, YamlNode]:
        """What a mapping says, that of its merge keys included; of equal keys the last counts. Empty for lists and scalars."""
        return self._document.entries(self._node)

    @property
    def elements(self) -> list[YamlNode]:
        """The elements of a list; none for mappings and scalars."""
        from ruamel.yaml.nodes import SequenceNode

        if not isinstance(self._node, SequenceNode):
            return []
        self._document.visit(len(self._node.value))
        return [YamlNode(self._document, each) for each in self._node.value]

    @property
    def is_list(self) -> bool:
        """Whether it is a list, be it an empty one."""
        from ruamel.yaml.nodes import SequenceNode

        return isinstance(self._node, SequenceNode)

    def get(self, *path: str) -> YamlNode | None:
        """What stands under a key of the mapping, under a key of that, and so on."""
        found: YamlNode | None = self
        for key in path:
            found = found.entries.get(key) if found is not None else None
        return found


class _Document:
    """One document: its place in the file, and what was looked up in it."""

    def __init__(self, source: Source, masked: str, start: int) -> None:
        self.source = source
        self.masked = masked
        self.start = start
        self._visits = 0
        self._entries: dict[int, Mapping[str, YamlNode]] = {}

    @cached_property
    def _is_as_written(self) -> bool:
        return self.source.text.startswith(self.masked, self.start)

    def visit(self, count: int) -> None:
        self._visits += count
        if self._visits > MOST_VISITS:
            row = self.source.position(self.start)[0]
            raise Broken(f"its aliases (`*name`, `<<`) unfold to more than {MOST_VISITS:,} entries; it is not read", row)

    def text(self, node: Node) -> Text | None:
        from ruamel.yaml.nodes import ScalarNode

        if not isinstance(node, ScalarNode) or (node.style is None and node.value in _NULLS):
            return None
        value, offsets = placed(self.masked, node.start_mark.index, node.end_mark.index, node.style, node.value)
        offsets = tuple(offset if offset == NOWHERE else self.start + offset for offset in offsets)
        if not self._is_as_written:
            written = self.source.text
            value = "".join(letter if offset == NOWHERE else written[offset] for letter, offset in zip(value, offsets))
        return Text(self.source, value, offsets)

    def quoted(self, node: Node) -> Span | None:
        """Where a scalar in quotes stands with them; None for others."""
        from ruamel.yaml.nodes import ScalarNode

        if not isinstance(node, ScalarNode) or node.style not in ("'", '"'):
            return None
        start, end = node.start_mark.index, node.end_mark.index
        return self.source.span(self.start + beginning(self.masked, start, end), self.start + end)

    def entries(self, node: Node) -> Mapping[str, YamlNode]:
        from ruamel.yaml.nodes import MappingNode

        if not isinstance(node, MappingNode):
            return {}
        known = self._entries.get(id(node))
        if known is not None:
            return known
        self._entries[id(node)] = {}  # what a mapping that merges itself finds
        own: dict[str, YamlNode] = {}
        merged: dict[str, YamlNode] = {}
        self.visit(len(node.value))
        for key, value in node.value:
            if key.value == "<<" and key.style is None:
                for name, entry in self._merged(value).items():
                    merged.setdefault(name, entry)
            else:
                text = self.text(key)
                own[text.value if text is not None else ""] = YamlNode(self, value)
        self._entries[id(node)] = {**merged, **own}
        return self._entries[id(node)]

    def _merged(self, node: Node) -> dict[str, YamlNode]:
        from ruamel.yaml.nodes import SequenceNode

        found: dict[str, YamlNode] = {}
        for each in node.value if isinstance(node, SequenceNode) else [node]:
            entries = self.entries(each)
            self.visit(len(entries) + 1)
            found = {**entries, **found}
        return found


# ── Parsing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _parsed(source: Source, masked: str, start: int, templated: bool) -> Iterator[YamlNode]:
    row = source.position(start)[0]
    if len(masked) > LARGEST:
        raise Broken(f"a YAML document of {len(masked) // 1000} kB; those over {LARGEST // 1000} kB are not read", row)
    try:
        try:
            found, text = _composed(masked), masked
        except _errors():
            text = _blanked(_LATE_TABS, masked)  # YAML allows tabs between words, the parser does not
            if text == masked:
                raise
            found = _composed(text)
    except _errors() as error:
        if templated:
            return
        raise _broken(error, masked, row) from None
    document = _Document(source, text, start)
    for node in found:
        yield YamlNode(document, node)


def _composed(text: str) -> list[Node]:
    from ruamel.yaml import YAML

    parser = YAML(typ="safe", pure=True)
    parser.max_depth = DEEPEST
    parser.composer.warn_double_anchors = False
    return [*parser.compose_all(text)]


def _errors() -> tuple[type[Exception], ...]:
    """What the parser raises; the last two are for `\\U` with a number that is no character."""
    from ruamel.yaml.error import YAMLError

    return YAMLError, ValueError, OverflowError


def _blanked(pattern: re.Pattern[str], text: str) -> str:
    """The text with spaces in the place of what is found."""
    return pattern.sub(lambda match: " " * len(match[0]), text)


def _without_templates(text: str) -> str:
    """The text with letters in the place of templates, and with spaces where a line has nothing else. Every character keeps its offset."""
    if "{{" not in text and "{%" not in text and "{#" not in text:
        return text
    marked = _TEMPLATE.sub(lambda match: re.sub(r"[^\n]", "\0", match[0]), text)
    return _blanked(_ONLY_TEMPLATE, marked).replace("\0", "x")


# ── What went wrong ──────────────────────────────────────────────────────────────────────────────────────────────────

_SENTENCES = (
    (r"cannot start any token", "{character} stands where no value can begin; put the value in quotes"),
    (
        r"mapping values are not allowed",
        "a `:` stands where no key can be: the value wants quotes, or the line above is indented differently",
    ),
    (r"could not find expected ':'", "a key has no `:`, or a line is indented less than the value that it belongs to"),
    (r"expected <block end>|expected the node content|more indented", "the indentation does not fit the lines above"),
    (r"expected ',' or", "a bracket is not closed, or a comma is missing"),
    (r"sequence entries", "a list item (`- `) stands where no list can begin"),
    (r"undefined alias", "an alias (`*name`) has no anchor (`&name`) before it"),
    (r"unexpected end of stream|document separator", "a quote is not closed"),
    (r"unknown escape|escape sequence|chr\(\)|too large", "a backslash in double quotes begins no escape of YAML; use single quotes"),
    (r"maximum depth", "it is nested too deeply to be read"),
    (r"special characters", "it contains control characters"),
)


def _broken(error: Exception, text: str, row: int) -> Broken:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or getattr(error, "context", None) or error)
    number = _NO_CHARACTER.search(text) if mark is None else None
    index = mark.index if mark is not None else number.start() if number is not None else getattr(error, "position", 0)
    character = text[index : index + 1]
    if character == "\t":
        return Broken("not valid YAML: a tab stands where YAML wants spaces", row + text.count("\n", 0, index))
    sentence = next((sentence for pattern, sentence in _SENTENCES if re.search(pattern, problem)), "{character} cannot stand here")
    return Broken(f"not valid YAML: {sentence.replace('{character}', f'`{character}`')}", row + text.count("\n", 0, index))
