"""Which programs does shell text start, with which words, in which environment?

The text is run as far as that can be told from it: a branch whose condition is known is taken or left, of others every branch is
followed, and what they assign differently is unknown afterwards. Functions are followed where they are called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from msgspec import Struct

from lint_rules.deploy.shell.assigned import assigned
from lint_rules.deploy.shell.builtin_commands import BUILTINS
from lint_rules.deploy.shell.conditions import fits
from lint_rules.deploy.shell.expansion import expand, known_text, scalar
from lint_rules.deploy.shell.syntax import DECLARING, parse
from lint_rules.deploy.shell.tree import (
    AndOr,
    Assignment,
    Case,
    Command,
    Commands,
    For,
    If,
    Opaque,
    Pipeline,
    ShellWord,
    Simple,
    While,
)
from lint_rules.deploy.shell.variables import POSITIONALS, Changes, Chunk, Exhausted, Value, Variable, Variables
from lint_rules.deploy.text import Text
from lint_rules.deploy.written import Written

MOST_ROUNDS = 20
"""Rounds of `for` loops (within each other, together) that are followed one by one; of more one round stands for all."""

DEEPEST = 30
"""Compound commands, functions and `eval` within each other; what is deeper is left out."""

_ENDINGS = ("", "continue", "break", "return", "exit")
"""How far a command ends those that follow it."""

_Branch = tuple[Changes, str]
"""What a branch assigns, and how it ends."""

_UNCHANGED: _Branch = ({}, "")


class Started(Struct, frozen=True, eq=False):
    """A program that the text starts (or a command of the shell that is of no interest here)."""

    words: tuple[Written, ...]
    environment: Mapping[str, str]
    """What it is started with, as far as known."""
    hidden: frozenset[str]
    """Variables that it is started with, too, but whose values are only known at run time."""


def read_shell(
    text: Text,
    environment: Mapping[str, str],
    hidden: frozenset[str] = frozenset(),
    arguments: Sequence[Written] | None = None,
) -> list[Started]:
    """What the text starts, in its order. `arguments` are its positional parameters, None where they are unknown."""
    run = _Run(text, environment, hidden, arguments)
    with suppress(Exhausted):
        run.commands(parse(text))
        if arguments is None:
            run.uncalled()
    return run.found


class _Run:
    def __init__(self, text: Text, environment: Mapping[str, str], hidden: frozenset[str], arguments: Sequence[Written] | None) -> None:
        self.found: list[Started] = []
        self._variables = Variables(environment, hidden, text)
        self._functions: dict[str, Commands] = {}
        self._called: set[str] = set()
        self._ended = ""
        """One of `_ENDINGS`: whether the commands that follow are not run."""
        self._level = 0
        self._rounds = 1
        if arguments is not None:
            self._variables.set(POSITIONALS, Variable([*arguments]))

    def uncalled(self) -> None:
        """Run the functions that the text defines and never calls: another one may. Those that call others mostly stand below them."""
        for name, body in reversed([*self._functions.items()]):
            if name not in self._called:
                self._variables.begin()
                self._variables.set(POSITIONALS, None)
                self.commands(body)
                self._ended = ""
                self._variables.end()

    # ── Lists ────────────────────────────────────────────────────────────────────────────────────────────────────────
    # All of these give whether the command succeeds, None where that is only known at run time.

    def commands(self, node: Commands) -> bool | None:
        """Run them one after the other."""
        if self._level >= DEEPEST:
            return None
        self._level += 1
        status: bool | None = True
        for item in node.items:
            status = self._aside(item) if item.background else self._and_or(item)
            if self._ended:
                break
        self._level -= 1
        return status

    def _aside(self, item: AndOr) -> bool | None:
        self._variables.begin()
        self._and_or(item)
        self._variables.end()
        self._ended = ""
        return True

    def _and_or(self, node: AndOr) -> bool | None:
        """Once it is unknown whether a part is run, all that follows is a branch of its own."""
        status: bool | None = True
        branch = ""
        for operator, pipeline in node.parts:
            if branch and branch != operator:
                self._merge([self._taken(), _UNCHANGED])
                branch, status = "", None
            if self._ended:
                break
            if status is None and not branch:
                self._variables.begin()
                branch = operator
            if status is None or status == (operator == "&&"):
                status = self._pipeline(pipeline)
        if branch:
            self._merge([self._taken(), _UNCHANGED])
            return None
        return status

    def _taken(self) -> _Branch:
        """The branch that ends here."""
        ended, self._ended = self._ended, ""
        return self._variables.end(), ended

    def _merge(self, alternatives: list[_Branch]) -> None:
        """One of them was run."""
        self._variables.merge([changes for changes, ended in alternatives if not ended])
        self._ended = min((ended for _, ended in alternatives), key=_ENDINGS.index, default="exit")

    def _pipeline(self, node: Pipeline) -> bool | None:
        status: bool | None = None
        if len(node.parts) == 1:
            status = self._command(node.parts[0])
        else:
            for part in node.parts:
                self._variables.begin()
                self._command(part)
                self._variables.end()
                self._ended = ""
        return None if status is None else status != node.negated

    def _command(self, node: Command) -> bool | None:
        self._variables.spend(20)
        if isinstance(node, Simple):
            return self._simple(node)
        if isinstance(node, Commands):
            return self._group(node)
        if isinstance(node, If):
            self._if(node)
        elif isinstance(node, Case):
            self._case(node)
        elif isinstance(node, While):
            self._while(node)
        elif isinstance(node, For):
            self._for(node)
        else:
            self._functions[node.name] = node.body
            return True
        return None

    # ── Compound commands ────────────────────────────────────────────────────────────────────────────────────────────

    def _group(self, node: Commands) -> bool | None:
        if not node.subshell:
            return self.commands(node)
        self._variables.begin()
        status = self.commands(node)
        self._variables.end()
        self._ended = ""
        return status

    def _if(self, node: If) -> None:
        alternatives: list[_Branch] = []
        for condition, body in node.clauses:
            holds_here = True if condition is None else self.commands(condition)
            if self._ended:
                alternatives.append(({}, self._ended))
                break
            if holds_here and not alternatives:
                self.commands(body)
                return
            if holds_here is not False:
                alternatives.append(self._branch(body))
            if holds_here:
                break
        else:
            alternatives.append(_UNCHANGED)
        self._merge(alternatives)

    def _case(self, node: Case) -> None:
        subject = known_text(scalar(node.subject, self._variables))
        alternatives: list[_Branch] = []
        for patterns, body in node.clauses:
            fits_here = self._fits(subject, patterns)
            if fits_here and not alternatives:
                self.commands(body)
                return
            if fits_here is not False:
                alternatives.append(self._branch(body))
            if fits_here:
                break
        else:
            alternatives.append(_UNCHANGED)
        self._merge(alternatives)

    def _fits(self, subject: str | None, patterns: list[ShellWord]) -> bool | None:
        result: bool | None = False
        for pattern in patterns:
            if pattern.literal == "*":
                return True
            expanded = expand(pattern, self._variables, pattern)
            found = fits(subject, expanded[0]) if subject is not None and len(expanded) == 1 else None
            if found:
                return True
            result = None if found is None else result
        return result

    def _branch(self, body: Commands) -> _Branch:
        self._variables.begin()
        self.commands(body)
        return self._taken()

    def _while(self, node: While) -> None:
        self._repeated([node.condition, node.body], "")

    def _for(self, node: For) -> None:
        words = self._listed(node)
        if words is None or not all(word.known for word in words) or self._rounds * len(words) > MOST_ROUNDS:
            self._repeated([node.body], node.name)
            return
        outer, self._rounds = self._rounds, self._rounds * max(len(words), 1)
        for word in words:
            self._variables.assign(node.name, (Chunk(word.text),))
            self.commands(node.body)
            if self._ended in ("break", "exit", "return"):
                break
            self._ended = ""
        self._rounds = outer
        self._ended = "" if self._ended in ("break", "continue") else self._ended

    def _listed(self, node: For) -> list[Written] | None:
        if node.words is not None:
            return [word for each in node.words for word in expand(each, self._variables, node)] if node.name else None
        caller = self._variables.get(POSITIONALS)
        return caller.value if caller is not None and isinstance(caller.value, list) else None

    def _repeated(self, bodies: list[Commands], name: str) -> None:
        """A loop whose rounds are unknown: one that stands for all, in which all that any round assigns is unknown."""
        for each in (assigned(bodies, self._functions, self._variables) | {name}) - {""}:
            self._variables.assign(each, None)
        self._variables.begin()
        for body in bodies:
            self.commands(body)
        self._variables.end()
        self._ended = ""

    # ── Simple commands ──────────────────────────────────────────────────────────────────────────────────────────────

    def _simple(self, node: Simple) -> bool | None:
        words = [word for each in node.words for word in expand(each, self._variables, node)]
        self._variables.spend(20 * len(words))
        if not words:
            for each in node.assignments:
                self._assign(each)
            return None if any(_runs_command(each) for each in node.assignments) else True
        name = words[0].said
        if name in self._functions:
            return self._call(name, words[1:], node.assignments)
        if name in DECLARING:
            return self._declare(name, words, node.declared)
        if name in BUILTINS:
            return BUILTINS[name](self._variables, words)
        if name == "eval":
            return self._eval(words)
        if name in _ENDINGS[1:]:
            self._ended = name
            return None
        self._start(words, node.assignments)
        if name == "exec" and any(not word.value.startswith("-") for word in words[1:]):
            self._ended = "exit"
        return None

    def _start(self, words: list[Written], assignments: list[Assignment]) -> None:
        environment, hidden = self._variables.exports()
        if assignments:
            values = {each.name: known_text(self._value(each)) for each in assignments}
            known = {name: text for name, text in values.items() if text is not None}
            environment = {name: text for name, text in environment.items() if name not in values} | known
            hidden = hidden - known.keys() | (values.keys() - known.keys())
        self.found.append(Started(tuple(words), environment, hidden))

    def _value(self, assignment: Assignment) -> Value:
        if assignment.value is None:
            return None
        if not isinstance(assignment.value, list):
            value: Value = scalar(assignment.value, self._variables)
        else:
            value = [word for each in assignment.value for word in expand(each, self._variables, assignment)]
        if not assignment.appended or value is None:
            return value
        old = self._variables.get(assignment.name)
        before = old.value if old is not None else [] if isinstance(value, list) else ()
        self._variables.spend(len(before or ()))
        if isinstance(before, list):
            return before + (value if isinstance(value, list) else [])
        return before + value if isinstance(before, tuple) and isinstance(value, tuple) else None

    def _assign(self, assignment: Assignment, exported: bool = False) -> None:
        self._variables.assign(assignment.name, self._value(assignment), exported)

    def _declare(self, command: str, words: list[Written], declared: list[Assignment]) -> bool | None:
        options = "".join(word.value for word in words[1:] if word.value.startswith("-"))
        exported = command == "export" or (command in ("declare", "typeset") and "x" in options)
        for each in declared:
            self._assign(each, exported)
        for word in words[1:]:
            old = self._variables.get(word.value)
            if exported and old is not None:
                self._variables.set(word.value, Variable(old.value, exported=True))
        return None if any(_runs_command(each) for each in declared) else True

    def _call(self, name: str, arguments: list[Written], assignments: list[Assignment]) -> bool | None:
        self._called.add(name)
        for each in assignments:
            self._assign(each)
        caller = self._variables.get(POSITIONALS)
        self._variables.set(POSITIONALS, Variable(arguments))
        status = self.commands(self._functions[name])
        self._variables.set(POSITIONALS, caller)
        if self._ended == "return":
            self._ended = ""
            return None
        return status

    def _eval(self, words: list[Written]) -> bool | None:
        if len(words) < 2:
            return True
        source = words[0].text.source
        space = Text.of_nowhere(source, " ")
        text = Text.together(source, [each for word in words[1:] for each in (word.text, space)])
        self._variables.spend(20 * len(text))
        return self.commands(parse(text))


def _runs_command(assignment: Assignment) -> bool:
    """Whether the value is what a command prints: then its failure is that of the assignment."""
    words = assignment.value if isinstance(assignment.value, list) else [assignment.value] if assignment.value is not None else []
    return any(isinstance(part, Opaque) for word in words for part in word.parts)
