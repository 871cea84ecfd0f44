"""Which command line does a call of the standard library start, as far as reading tells?

Facts: the Python documentation of subprocess, os (exec*, spawn*, system), asyncio.subprocess and shlex, those of pexpect and of Django's
call_command.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from msgspec import Struct

from lint_rules.deploy.model import Word
from lint_rules.facts.model import Attr, Binding, Call, Const, Expr, Ref, Result, Seq
from lint_rules.project.frames import Frame
from lint_rules.project.origins import origin
from lint_rules.project.resolver import Resolver
from lint_rules.project.signatures import last_name, receiver_of
from lint_rules.project.texts import Piece, pieces
from lint_rules.project.values import External

LINE_OR_LIST = frozenset(f"subprocess.{name}" for name in ("Popen", "run", "call", "check_call", "check_output"))
SHELL_LINE = frozenset(
    {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell", "pexpect.run"}
)
SPLIT_LINE = frozenset({"pexpect.spawn"})
ARGUMENTS = {"asyncio.create_subprocess_exec": 0, "os.execl": 1, "os.execlp": 1, "os.execle": 1, "os.execlpe": 1}
ARGUMENTS |= {"os.spawnl": 2, "os.spawnlp": 2, "os.spawnle": 2, "os.spawnlpe": 2, "django.core.management.call_command": 0}
"""What takes the words one by one, and how many arguments stand before them."""
LISTS = {"os.execv": 1, "os.execvp": 1, "os.execve": 1, "os.execvpe": 1, "os.posix_spawn": 1, "os.posix_spawnp": 1}
LISTS |= {"os.spawnv": 2, "os.spawnvp": 2, "os.spawnve": 2, "os.spawnvpe": 2}
"""What takes a list of words, and how many arguments stand before it."""

STARTING = frozenset(path.rpartition(".")[2] for group in (LINE_OR_LIST, SHELL_LINE, SPLIT_LINE, ARGUMENTS, LISTS) for path in group)
"""Their last names."""

LIBRARIES = ("subprocess", "os", "asyncio", "pexpect", "django")

CHANGING = ("append", "extend", "insert", "remove", "pop", "clear")
"""Methods that make another command of a list."""

REST = Word("{...}", None, known=False)
"""Words that are only known at run time."""

FIRST_UNKNOWN = 0xE000
"""Private characters stand for what is unknown while a line is split."""


class CommandLine(Struct, frozen=True, eq=False):
    """The words of a command, or a line for a shell."""

    words: tuple[Word, ...]
    shell: str | None = None
    """A line that takes a shell to read; what is unknown is written as a variable, `${count}`."""
    binding: Binding | None = None
    """The assignment that the line stands in, where it does not stand in the call."""


class Line(Struct, frozen=True, eq=False):
    """A text, or words, and where they were found."""

    frame: Frame
    text: Sequence[Piece] | None = None
    words: tuple[Word, ...] | None = None
    binding: Binding | None = None


def may_start(call: Call, frame: Frame) -> bool:
    """A cheap look before evaluating: whether the callee is named like what starts commands, and comes from such a library."""
    if not isinstance(call.func, Ref):
        return False
    head, _, rest = call.func.path.partition(".")
    scope: Frame | None = frame
    while scope is not None:
        for item in (*scope.module.imports(scope.qualname).get(head, ()), *scope.module.imports("").get(head, ())):
            if item.module.partition(".")[0] in LIBRARIES:
                return (rest.rpartition(".")[2] or item.attribute) in STARTING
        scope = scope.parent
    return False


def command_line(resolver: Resolver, call: Call, frame: Frame) -> CommandLine | None:
    """The command that a call starts, None where it starts none or nothing of it is known.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    path = next((value.path for value in resolver.evaluate(call.func, frame) if isinstance(value, External)), "")
    first = call.args[0] if call.args and not call.starred else call.keyword("args") or call.keyword("command") or call.keyword("cmd")
    if path in LINE_OR_LIST or path in SPLIT_LINE:
        line = line_of(resolver, first, frame)
        if path in SPLIT_LINE and line.text is not None:
            more = line_of(resolver, call.args[1], frame).words if len(call.args) > 1 else ()
            return CommandLine((*words_of(line.text, quotes=True), *(more or ())), binding=line.binding)
        return _command(line)
    if path in SHELL_LINE:
        return _command(line_of(resolver, first, frame))
    if path in ARGUMENTS:
        words = tuple(_word(resolver, each, frame) for each in call.args[ARGUMENTS[path] :])
        return CommandLine(words) if words else None
    if path in LISTS and len(call.args) > LISTS[path]:
        return _command(line_of(resolver, call.args[LISTS[path]], frame))
    return None


def _command(line: Line) -> CommandLine | None:
    if line.words is not None:
        return CommandLine(line.words, binding=line.binding)
    if line.text is None or not any(piece.known for piece in line.text):
        return None
    if any(piece.known and re.search(r"[;&|<>$`()\n#*?~]", piece.text) for piece in line.text):
        shell = "".join(piece.text if piece.known else f"${{{re.sub(r'[^0-9A-Za-z_]', '_', piece.text[1:-1])}}}" for piece in line.text)
        return CommandLine((), shell, line.binding)
    return CommandLine(words_of(line.text, quotes=True), binding=line.binding)


def line_of(resolver: Resolver, expr: Expr | None, frame: Frame, binding: Binding | None = None) -> Line:
    """A command as a text or as words: behind a name, split, or written out.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    if isinstance(expr, Ref):
        behind = origin(resolver, expr.path, frame)
        if behind is None:
            return Line(frame)
        line = line_of(resolver, behind[0].value, behind[1], behind[0])
        changed = _changes(expr.path, frame)
        if line.words is None or not changed or behind[1] is not frame:
            return line
        return Line(line.frame, words=(*line.words, REST), binding=line.binding)
    if isinstance(expr, Seq):
        return Line(frame, words=tuple(_word(resolver, item, frame) for item in expr.items), binding=binding)
    if isinstance(expr, Result):
        split = _split(resolver, frame.scope.calls[expr.index], frame)
        if split is not None:
            text, quotes = split
            inner = line_of(resolver, text, frame, binding)
            if inner.text is not None:
                return Line(inner.frame, words=words_of(inner.text, quotes=quotes), binding=inner.binding)
            return Line(frame)
    if expr is None:
        return Line(frame)
    found = pieces(resolver, expr, frame)
    return Line(frame, text=found, binding=binding) if any(piece.known for piece in found) else Line(frame)


def _changes(name: str, frame: Frame) -> bool:
    """Whether a list that a name stands for gets other items later."""
    methods = {f"{name}.{method}" for method in CHANGING}
    return any(isinstance(call.func, Ref) and call.func.path in methods for call in frame.scope.calls)


def _split(resolver: Resolver, call: Call, frame: Frame) -> tuple[Expr, bool] | None:
    """The text that `text.split()` and `shlex.split(text)` cut into words, and whether quotes count."""
    if last_name(call.func) != "split":
        return None
    receiver = receiver_of(call.func)
    if call.args and External("shlex.split") in resolver.evaluate(call.func, frame):
        return call.args[0], True
    separator = call.args[0] if call.args else None
    if receiver is not None and isinstance(call.func, (Ref, Attr)) and (separator is None or separator in (Const(" "), Const(None))):
        return receiver, False
    return None


def _word(resolver: Resolver, expr: Expr, frame: Frame) -> Word:
    found = pieces(resolver, expr, frame)
    return Word("".join(piece.text for piece in found), None, all(piece.known for piece in found))


def words_of(text: Iterable[Piece], *, quotes: bool) -> tuple[Word, ...]:
    """The words of a line; what is unknown stays within one word."""
    unknown: list[str] = []
    line = ""
    for piece in text:
        line += piece.text if piece.known else chr(FIRST_UNKNOWN + len(unknown))
        if not piece.known:
            unknown.append(piece.text)
    try:
        words = shlex.split(line) if quotes else line.split()
    except ValueError:  # a quote that is not closed
        words = line.split()
    return tuple(_restored(word, unknown) for word in words)


def _restored(word: str, unknown: Sequence[str]) -> Word:
    parts = [unknown[place] if 0 <= (place := ord(character) - FIRST_UNKNOWN) < len(unknown) else character for character in word]
    text = "".join(parts)
    return Word(text, None, text == word)
