"""Which commands does shell text have? The grammar of POSIX shells and bash, read forgivingly.

Text that breaks off gives the commands up to there; a word that closes nothing is passed over.
"""

from __future__ import annotations

import re
from contextlib import suppress

from lint_rules.deploy.shell.lexer import DEEPEST, Lexer, Unfinished
from lint_rules.deploy.shell.tree import (
    AndOr,
    Assignment,
    Case,
    Command,
    Commands,
    For,
    Function,
    If,
    Literal,
    Pipeline,
    ShellWord,
    Simple,
    While,
)
from lint_rules.deploy.text import Text

DECLARING = frozenset({"export", "readonly", "local", "declare", "typeset"})
"""Commands whose words are assignments."""

_RESERVED = re.compile(
    r"(if|then|elif|else|fi|for|select|while|until|do|done|case|esac|function|time|coproc|[{}!]|\[\[)(?=[\s;&|()<>]|\\\n|$)", re.MULTILINE
)
_CLOSING_WORDS = frozenset({"then", "elif", "else", "fi", "do", "done", "esac", "}"})
_CLOSING = re.compile(r"\)|;;&|;;|;&|(?:then|elif|else|fi|do|done|esac|\})(?=[\s;&|()<>]|\\\n|$)", re.MULTILINE)
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)(\[[^\]\s]{0,100}\])?(\+?)=")
_REDIRECTION = re.compile(r"(?:\d{1,4}|\{\w+\})?(<<<|<<-?|<>|>>|>\||<&|>&|&>>?|[<>])(?![(%])")
_IN = re.compile(r"in(?=[\s;]|$)")
_CASE_END = re.compile(r";;&|;;|;&")
_FUNCTION_PARENTHESES = re.compile(r"[ \t]*\([ \t]*\)")
_COMMENT = re.compile(r"#[^\n]*")


def parse(text: Text) -> Commands:
    """The commands of the text, as far as it can be read."""
    found = Commands()
    parser = _Parser(text)
    with suppress(Unfinished):
        parser.commands(found, frozenset())
    return found


class _Parser(Lexer):
    """Nodes are put into the tree before what they contain is read: so the part that was read is there when the text breaks off."""

    def __init__(self, text: Text) -> None:
        super().__init__(text)
        self._documents: list[tuple[str, bool]] = []
        self._level = 0

    def commands(self, into: Commands, ends: frozenset[str]) -> str:
        """Read commands up to one of the words or operators `ends`; it is passed over and given ("" at the end of the text)."""
        self._level += 1
        if self._level > DEEPEST:
            raise Unfinished
        while True:
            self._skip_lines()
            before = self.place
            end = self._end()
            if end is not None and (not end or end in ends or (end.startswith(";") and ";;" in ends)):
                self._level -= 1
                return end
            if end is None:
                self._and_or(into)
            self.place += self.place == before  # an operator that belongs to nothing

    def _end(self) -> str | None:
        """What closes something and stands here, passed over ("" at the end of the text); None where commands go on."""
        if self.place >= len(self.value):
            return ""
        found = _CLOSING.match(self.value, self.place)
        if found is None:
            return None
        self.place = found.end()
        return found[0]

    def _skip_lines(self) -> None:
        """Move to the next command: over space, ends of lines, comments and `;`."""
        while self.place < len(self.value):
            self.skip_space()
            character = self.value[self.place : self.place + 1]
            if character == "\n":
                self._newline()
            elif character == "#":
                self._comment()
            elif character.isspace() or (character == ";" and not _CASE_END.match(self.value, self.place)):
                self.place += 1
            else:
                break

    def _newline(self) -> None:
        """Over the end of the line and the here-documents that follow it."""
        self.place += 1
        for delimiter, indented in self._documents:
            while self.place < len(self.value):
                end = self.value.find("\n", self.place)
                line = self.value[self.place : end if end >= 0 else len(self.value)]
                self.place = end + 1 if end >= 0 else len(self.value)
                if (line.lstrip("\t") if indented else line) == delimiter:
                    break
        self._documents.clear()

    def _comment(self) -> None:
        found = _COMMENT.match(self.value, self.place)
        if found is not None:
            self.place = found.end()

    def _reserved(self) -> str:
        found = _RESERVED.match(self.value, self.place)
        return found[1] if found is not None else ""

    # ── Lists and pipelines ──────────────────────────────────────────────────────────────────────────────────────────

    def _and_or(self, into: Commands) -> None:
        node = AndOr()
        into.items.append(node)
        operator = "&&"
        while True:
            pipeline = Pipeline()
            node.parts.append((operator, pipeline))
            self._pipeline(pipeline)
            self.skip_space()
            operator = self.value[self.place : self.place + 2]
            if operator not in ("&&", "||"):
                break
            self.place += 2
            self._skip_lines()
        if operator.startswith("&"):
            node.background = True
            self.place += 1

    def _pipeline(self, node: Pipeline) -> None:
        while self._reserved() in ("!", "time", "coproc"):
            word = self._reserved()
            node.negated ^= word == "!"
            self.place += len(word)
            self.skip_space()
            while word == "time" and self.value.startswith("-p", self.place):
                self.place += 2
                self.skip_space()
        while True:
            self._command(node.parts)
            self.skip_space()
            if not self.value.startswith("|", self.place) or self.value.startswith("||", self.place):
                break
            self.place += 2 if self.value.startswith("|&", self.place) else 1
            self._skip_lines()

    # ── Commands ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _command(self, into: list[Command]) -> None:
        word = self._reserved()
        if word in _CLOSING_WORDS:
            return
        if self.value.startswith("((", self.place):
            self.place = self._closed(self.place + 1, ")")
        elif self.value.startswith("(", self.place):
            self.place += 1
            self._grouped(into, ")")
        elif word in ("", "!", "time", "coproc", "[["):
            self._simple(into, word)
            return
        else:
            self.place += len(word)
            self.skip_space()
            self._compound(into, word)
        self._redirections()

    def _compound(self, into: list[Command], word: str) -> None:
        if word == "{":
            self._grouped(into, "}")
        elif word == "if":
            self._if(into)
        elif word in ("while", "until"):
            loop = While(Commands(), Commands())
            into.append(loop)
            if self.commands(loop.condition, frozenset({"do", "done"})) == "do":
                self.commands(loop.body, frozenset({"done"}))
        elif word in ("for", "select"):
            self._for(into)
        elif word == "case":
            self._case(into)
        else:
            found = self._word()
            parentheses = _FUNCTION_PARENTHESES.match(self.value, self.place)
            self.place = parentheses.end() if parentheses is not None else self.place
            self._function(into, found.raw.value)

    def _grouped(self, into: list[Command], end: str) -> None:
        group = Commands(subshell=end == ")")
        into.append(group)
        self.commands(group, frozenset({end}))

    def _if(self, into: list[Command]) -> None:
        node = If()
        into.append(node)
        word = "if"
        while word in ("if", "elif", "else"):
            condition = None if word == "else" else Commands()
            body = Commands()
            node.clauses.append((condition, body))
            if condition is not None and self.commands(condition, frozenset({"then", "fi"})) != "then":
                return
            word = self.commands(body, frozenset({"elif", "else", "fi"}))

    def _for(self, into: list[Command]) -> None:
        if self.value.startswith("((", self.place):
            self.place = self._closed(self.place + 1, ")")
            loop = For("", [], Commands())
        else:
            name = self._word().literal or ""
            self._skip_lines()
            loop = For(name, None, Commands())
            if _IN.match(self.value, self.place):
                self.place += 2
                loop.words = self._words()
        into.append(loop)
        if self.commands(Commands(), frozenset({"do", "done"})) == "do":
            self.commands(loop.body, frozenset({"done"}))

    def _case(self, into: list[Command]) -> None:
        node = Case(self._word())
        into.append(node)
        self._skip_lines()
        if _IN.match(self.value, self.place):
            self.place += 2
        end = ";;"
        while end.startswith(";"):
            self._skip_lines()
            if self._reserved() == "esac" or self.place >= len(self.value):
                self.place += len(self._reserved())
                return
            body = Commands()
            node.clauses.append((self._patterns(), body))
            end = self.commands(body, frozenset({";;", "esac"}))

    def _patterns(self) -> list[ShellWord]:
        if self.value.startswith("(", self.place):
            self.place += 1
        patterns = []
        while self.place < len(self.value):
            self._skip_lines()
            before = self.place
            patterns.append(self.word())
            self.skip_space()
            character = self.value[self.place : self.place + 1]
            self.place += character in (")", "|") or self.place == before
            if character == ")":
                break
        return patterns

    def _function(self, into: list[Command], name: str) -> None:
        node = Function(name, Commands())
        into.append(node)
        self._skip_lines()
        item = Pipeline()
        node.body.items.append(AndOr([("&&", item)]))
        self._level += 1
        if self._level > DEEPEST:
            raise Unfinished
        self._command(item.parts)
        self._level -= 1

    # ── Simple commands ──────────────────────────────────────────────────────────────────────────────────────────────

    def _simple(self, into: list[Command], reserved: str) -> None:
        node = Simple()
        into.append(node)
        try:
            self._read_simple(node, into, reserved)
        except Unfinished:
            node.words.clear()  # half a command would say what the whole one does not
            raise

    def _read_simple(self, node: Simple, into: list[Command], reserved: str) -> None:
        if reserved == "[[":
            self._test(node)
        while self._goes_on():
            if self._redirection():
                continue
            declares = bool(node.words) and node.words[0].literal in DECLARING
            found = _ASSIGNED.match(self.value, self.place) if declares or not node.words else None
            if found is not None:
                (node.declared if declares else node.assignments).append(self._assignment(found))
                continue
            before = self.place
            word = self.word()
            if self.place == before:
                break
            node.words.append(word)
            if len(node.words) == 1 and not node.assignments and word.literal is not None:
                parentheses = _FUNCTION_PARENTHESES.match(self.value, self.place)
                if parentheses is not None:
                    self.place = parentheses.end()
                    into.pop()
                    self._function(into, word.literal)
                    return

    def _goes_on(self) -> bool:
        """Whether the command has another word, assignment or redirection."""
        self.skip_space()
        character = self.value[self.place : self.place + 1]
        if character == "#":
            self._comment()
            return False
        if character == "&":
            return self.value.startswith("&>", self.place)
        return bool(character) and character not in "\n;|()"

    def _assignment(self, found: re.Match[str]) -> Assignment:
        self.place = found.end()
        value: ShellWord | list[ShellWord] | None
        if self.value.startswith("(", self.place):
            self.place += 1
            value = self._array()
        else:
            value = self.word()
        return Assignment(found[1], None if found[2] else value, bool(found[3]))

    def _array(self) -> list[ShellWord]:
        words = []
        while self.place < len(self.value):
            self._skip_lines()
            before = self.place
            word = self.word()
            if self.place > before:
                words.append(word)
            elif self.value.startswith(")", self.place):
                self.place += 1
                return words
            else:
                self.place += 1
        raise Unfinished

    def _test(self, node: Simple) -> None:
        """`[[ … ]]`: operators are words, and the text may go on in the next line."""
        while self.place < len(self.value):
            self._skip_lines()
            before = self.place
            word = self.word()
            if self.place == before:
                self.place += 1
                word = ShellWord([Literal(self.text[before : self.place], False)], self.text[before : self.place])
            node.words.append(word)
            if word.literal == "]]":
                return

    def _words(self) -> list[ShellWord]:
        """The words up to the end of the line or `;`."""
        words = []
        while self._goes_on():
            before = self.place
            word = self.word()
            if self.place == before:
                break
            words.append(word)
        return words

    def _word(self) -> ShellWord:
        self.skip_space()
        return self.word()

    def _redirections(self) -> None:
        self.skip_space()
        while self._redirection():
            self.skip_space()

    def _redirection(self) -> bool:
        """Pass over a redirection, where one stands here."""
        found = _REDIRECTION.match(self.value, self.place)
        if found is None:
            return False
        self.place = found.end()
        target = self._word()
        if found[1] in ("<<", "<<-"):
            said = "".join(part.text.value if isinstance(part, Literal) else part.raw.value for part in target.parts)
            self._documents.append((said, found[1] == "<<-"))
        return True
