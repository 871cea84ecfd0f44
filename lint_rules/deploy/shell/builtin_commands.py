"""What do the shell's own commands do to its variables, and do they succeed?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lint_rules.deploy.shell.assigned import assigned_by
from lint_rules.deploy.shell.conditions import holds
from lint_rules.deploy.shell.variables import POSITIONALS, Value, Variable, Variables
from lint_rules.deploy.written import Written

Builtin = Callable[[Variables, Sequence[Written]], "bool | None"]
"""Runs a command (its name is the first word); gives whether it succeeds, None where that is only known at run time."""


def _test(_variables: Variables, words: Sequence[Written]) -> bool | None:
    return holds(words)


def _true(_variables: Variables, _words: Sequence[Written]) -> bool | None:
    return True


def _false(_variables: Variables, _words: Sequence[Written]) -> bool | None:
    return False


def _set(variables: Variables, words: Sequence[Written]) -> bool | None:
    """`set -- words` and `set words` are the positional parameters; `set -a` exports all that is assigned from here on."""
    before = ""
    for number, word in enumerate(words[1:], 1):
        names_option = before[:1] in ("-", "+") and before.endswith("o")
        if word.said == "--":
            variables.set(POSITIONALS, Variable([*words[number + 1 :]]))
            break
        if word.said[:1] not in ("-", "+") and not names_option:
            variables.set(POSITIONALS, Variable([*words[number:]]))
            break
        if word.said == "allexport" if names_option else "a" in word.said:
            variables.exports_all = (before if names_option else word.said).startswith("-")
        before = word.said
    return True


def _shift(variables: Variables, words: Sequence[Written]) -> bool | None:
    caller = variables.get(POSITIONALS)
    count = 1 if len(words) == 1 else int(words[1].said) if words[1].said.isdecimal() and len(words[1].said) < 9 else None
    left: Value = None
    if caller is not None and isinstance(caller.value, list) and count is not None:
        variables.spend(len(caller.value))
        if not any(word.many for word in caller.value[:count]):
            left = caller.value[count:]
    variables.set(POSITIONALS, Variable(left))
    return True


def _unset(variables: Variables, words: Sequence[Written]) -> bool | None:
    for name in assigned_by([word.said for word in words]):
        variables.set(name, Variable(()))
    return True


def _reads(variables: Variables, words: Sequence[Written]) -> bool | None:
    """Values that are only known at run time."""
    for name in assigned_by([word.said for word in words]):
        variables.assign(name, None)
    return None


def _source(variables: Variables, words: Sequence[Written]) -> bool | None:
    """A file that is read in may set anything; what that of a virtual environment sets is known."""
    if len(words) > 1 and not words[1].value.endswith("/activate"):
        variables.forget()
    return None


BUILTINS: dict[str, Builtin] = {
    "[": _test,
    "[[": _test,
    "test": _test,
    ":": _true,
    "true": _true,
    "echo": _true,
    "false": _false,
    "set": _set,
    "shift": _shift,
    "unset": _unset,
    "read": _reads,
    "getopts": _reads,
    "mapfile": _reads,
    "readarray": _reads,
    "printf": _reads,
    "source": _source,
    ".": _source,
}
