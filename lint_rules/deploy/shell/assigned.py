"""Which variables may commands assign, whatever they do? After a loop whose rounds are unknown these are unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lint_rules.deploy.shell.tree import Case, Commands, For, Function, If, Simple, While
from lint_rules.deploy.shell.variables import POSITIONALS, Variables


def assigned(bodies: Iterable[Commands], functions: Mapping[str, Commands], work: Variables) -> set[str]:
    """The variables that the commands may assign, those of functions that they call included.

    Raises:
        Exhausted: `work` does not allow for so many commands.
    """
    names: set[str] = set()
    called: set[str] = set()
    left: list[object] = [*bodies]
    while left:
        node = left.pop()
        work.spend(1)
        if isinstance(node, Simple):
            words = [each.literal or "" for each in node.words]
            names.update(each.name for each in (*node.assignments, *node.declared))
            names.update(assigned_by(words))
            if words and words[0] in functions and words[0] not in called:
                called.add(words[0])
                left.append(functions[words[0]])
        elif isinstance(node, For):
            names.add(node.name)
            left.append(node.body)
        else:
            left += _within(node)
    return names


def assigned_by(words: Sequence[str]) -> set[str]:
    """The variables that a command of the shell assigns, besides those in assignments."""
    command = words[0] if words else ""
    rest = [word for word in words[1:] if word and not word.startswith("-")]
    if command in ("set", "shift"):
        return {POSITIONALS}
    if command == "getopts":
        return {"OPTARG", "OPTIND", *rest[1:2]}
    if command == "printf":
        return {words[number + 1] for number, word in enumerate(words[:-1]) if word == "-v"}
    return {"REPLY", *rest} if command in ("read", "mapfile", "readarray") else {*rest} if command == "unset" else set()


def _within(node: object) -> list[object]:
    """The commands within a node."""
    if isinstance(node, Commands):
        return [part for item in node.items for _, pipeline in item.parts for part in pipeline.parts]
    if isinstance(node, If):
        return [each for clause in node.clauses for each in clause if each is not None]
    if isinstance(node, While):
        return [node.condition, node.body]
    if isinstance(node, Case):
        return [body for _, body in node.clauses]
    return [node.body] if isinstance(node, Function) else []
