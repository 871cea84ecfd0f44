"""Which commands does a document tell its reader to run? (Markdown, reStructuredText, plain text)

Read are blocks of code and inline code that begins its line and has the length of a command. Prompts are taken off; where a block has any,
what stands on its other lines is output. Pieces of systemd units are read as such.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from msgspec import Struct

from lint_rules.deploy.formats import Neighbours, Said
from lint_rules.deploy.formats.systemd import unit_starts
from lint_rules.deploy.model import Start
from lint_rules.deploy.notations.literals import concatenated
from lint_rules.deploy.text import Source, Text

SESSIONS = frozenset({"console", "shell-session", "sh-session", "shellsession", "terminal"})
"""Languages in which `# ` is the prompt of root rather than a comment."""
SHELL = SESSIONS | {"", "bash", "sh", "shell", "zsh", "text", "none"}
SUFFIXES = frozenset({".md", ".markdown", ".mdx", ".rst", ".txt", ""})
FEWEST = 3
"""Words that inline code has if it is a command: `celery worker` may be a name that the text explains."""

_FENCE = re.compile(
    r"(?P<indent>\s*)(?:(?:[-*+]|\d+[.)])\s+)?(?P<fence>`{3,}|~{3,})\s*(?:\{(?:code|code-block|sourcecode)\}\s*|\{?\.)?(?P<language>[\w+-]*)[^`]*"
)
_DIRECTIVE = re.compile(r"\s*\.\.\s+(?:code-block|code|sourcecode|prompt|parsed-literal)::\s*(?P<language>[\w+-]*).*")
_OPTION = re.compile(r"\s*:[\w-]+:.*")
_ITEM = re.compile(r"\s*(?:[-*+:]|\d+[.)])\s+")
_ADMONITION = re.compile(r"\s*(?:!!!|\?\?\?\+?|===)\s")
_INLINE = re.compile(r"\s*(?:(?:[-*+>]|\d+[.)])\s+)*(?P<ticks>`{1,2})(?P<code>[^`]+)(?P=ticks)")
_USER = r"(?:\[?[\w.-]+@[^\s$#%]+[^$#%\n]{0,80})"
_PROMPT = re.compile(rf"\s*(?:\([\w. -]+\)\s*)?{_USER}?[$%]\s+(?=\S)|\s*{_USER}#\s+(?=\S)")
_ROOT_PROMPT = re.compile(r"\s*#\s+(?=\S)")
_SECOND_PROMPT = re.compile(r"\s*>\s+")
_UNIT = re.compile(r"^\s*ExecStart[ \t]*=", re.MULTILINE)


class _Block(Struct, frozen=True):
    """Lines of code, and the language that the document calls them, in lower case."""

    language: str
    lines: list[Text]


def starts(source: Source, neighbours: Neighbours) -> Iterator[Said]:
    """The commands; each runs when the reader decides so. A file that is no document is read as one block."""
    suffix = posixpath.splitext(source.file)[1].lower()
    if suffix not in SUFFIXES:
        yield Start(source.file, shell=source.whole, optional=True)
        return
    for block in _blocks(source.whole.lines(), markdown=suffix != ".rst", rst=suffix in (".rst", ".txt", "")):
        if _UNIT.search("\n".join(line.value for line in block.lines)):
            yield from unit_starts(_text(source, block.lines), neighbours, "", optional=True)
        elif block.language in SHELL and not block.lines[0].value.lstrip().startswith(">>>"):
            yield Start(source.file, shell=_text(source, _commands(block)), optional=True)


def _text(source: Source, lines: list[Text]) -> Text:
    end = Text.of_nowhere(source, "\n")
    return concatenated(source, [part for line in lines for part in (line, end)][:-1])


# ── Blocks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _blocks(lines: list[Text], markdown: bool, rst: bool) -> Iterator[_Block]:
    """The blocks that are not empty.

    Markdown has fences, and code is what is indented by four more spaces than the text around it; in reStructuredText directives and a `::`
    announce code, and `~~~~` underlines a title. Plain text may be written as either.
    """
    around: list[int] = []  # the indentation of the lists and admonitions that the line stands in
    at = 0
    while at < len(lines):
        line = lines[at].value
        after_blank = at == 0 or not lines[at - 1].value.strip()
        if line.strip() and (after_blank or _ITEM.match(line)):  # else it goes on with the paragraph, however it is indented
            around = [indent for indent in around if indent <= _indent(line)]
        code = (around[-1] if around else 0) + 4
        fence, directive, inline = _FENCE.fullmatch(line), _DIRECTIVE.fullmatch(line), _INLINE.match(line)
        block, after = _Block("", []), at + 1
        if fence and markdown and not (rst and "~" in fence["fence"]):
            block, after = _fenced(lines, at + 1, fence)
        elif directive and rst:
            block, after = _below(lines, at + 1, _indent(line) + 1, directive["language"])
        elif markdown and after_blank and line.strip() and _indent(line) >= code:
            block, after = _below(lines, at, code, "")
        elif rst and line.rstrip().endswith("::") and not line.lstrip().startswith(".."):
            block, after = _below(lines, at + 1, _indent(line) + 1, "")
        elif inline and len(inline["code"].split()) >= FEWEST:
            block = _Block("", [lines[at][inline.start("code") : inline.end("code")]])
        around += _inside(line)
        at = after
        if any(each.value.strip() for each in block.lines):
            yield block


def _indent(line: str) -> int:
    expanded = line.expandtabs(4)
    return len(expanded) - len(expanded.lstrip())


def _inside(line: str) -> list[int]:
    """The indentation of what stands inside a list item or an admonition that the line opens."""
    item = _ITEM.match(line)
    if item:
        return [item.end()]
    return [_indent(line) + 4] if _ADMONITION.match(line) else []


def _fenced(lines: list[Text], at: int, fence: re.Match[str]) -> tuple[_Block, int]:
    """The lines up to the closing fence, and where the text goes on."""
    closing = re.compile(rf"\s*{re.escape(fence['fence'])}{re.escape(fence['fence'][0])}*\s*")
    indent = len(fence["indent"])
    found = []
    while at < len(lines) and not closing.fullmatch(lines[at].value):
        line = lines[at]
        found.append(line[min(indent, len(line) - len(line.value.lstrip())) :])
        at += 1
    return _Block(fence["language"].lower(), found), at + 1


def _below(lines: list[Text], at: int, indent: int, language: str) -> tuple[_Block, int]:
    """The lines from `at` on that are indented so far, or empty, without the options of a directive; and where the text goes on."""
    start = end = at
    while at < len(lines) and (not lines[at].value.strip() or _indent(lines[at].value) >= indent):
        end = at + 1 if lines[at].value.strip() else end
        at += 1
    found = lines[start:end]
    found = found[next((number for number, line in enumerate(found) if not _OPTION.fullmatch(line.value)), 0) :]
    least = min((len(line) - len(line.value.lstrip()) for line in found if line.value.strip()), default=0)
    return _Block(language.lower(), [line[least:] for line in found]), at


# ── Prompts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _commands(block: _Block) -> list[Text]:
    """The lines that are typed, without prompts; all of them where there is no prompt."""
    typed = []
    goes_on = False
    for line in block.lines:
        prompt = _prompt(line.value, block.language)
        second = _SECOND_PROMPT.match(line.value)
        if prompt or goes_on:
            found = prompt or second
            typed.append(line[found.end() if found else 0 :])
            goes_on = line.value.rstrip().endswith("\\")
    return typed or block.lines


def _prompt(line: str, language: str) -> re.Match[str] | None:
    return _PROMPT.match(line) or (_ROOT_PROMPT.match(line) if language in SESSIONS else None)
