"""Which nodes does `celery multi` start, and with which arguments each? (celery/apps/multi.py, as Celery 5.7 has it)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from lint_rules.deploy.written import Written

STARTING = frozenset({"start", "restart"})

MOST_NODES = 100
"""More are taken together."""

_OWN = frozenset({"--nosplash", "--quiet", "-q", "--verbose", "--no-color"})

_OF_NAMES = frozenset({"-n", "--hostname", "--prefix", "--suffix", "--range-prefix", "--cmd", "--append"})
"""Options that make the names of the nodes and the command itself; the workers do not get them."""

_Options = dict[str, tuple[Written, ...]]
"""By flag: the words that give it, without the name of a node."""


class _Arguments(Struct):
    names: list[Written] = field(default_factory=list)
    options: _Options = field(default_factory=dict)
    of_nodes: dict[str, _Options] = field(default_factory=dict)
    """Options for some nodes: `-c:w1 10`; by what stands after the colon."""
    unknown: list[Written] = field(default_factory=list)
    """Words that may hold names and options of any kind."""


def nodes(before: Sequence[Written], after: Sequence[Written]) -> Iterator[tuple[str, tuple[Written, ...]]]:
    """The name and the worker's arguments of each node; `before` and `after` are the words around `multi`.

    Where the names are unknown, one node "" stands for all.
    """
    if not after or after[0].said not in STARTING:
        return
    found = _parsed([word for word in (*after[1:], *before) if word.said not in _OWN])
    names = [name.value for name in found.names]
    count = int(names[0]) if len(names) == 1 and names[0].isascii() and names[0].isdecimal() and len(names[0]) < 9 else None
    if (not names and found.unknown) or len(names) > MOST_NODES or (count or 0) > MOST_NODES:
        yield "", (*_flat(found.options), *found.unknown, *(word for each in found.of_nodes.values() for word in _hidden(each)))
        return
    prefix = _text(found.options, "--range-prefix") or "celery" if count is not None else _text(found.options, "--prefix")
    shared = {flag: words for flag, words in found.options.items() if flag not in _OF_NAMES}
    indexes = [str(number) for number in range(1, count + 1)] if count is not None else names
    of_nodes = _spread(found.of_nodes, indexes, counted=count is not None)
    for name in indexes:
        own = of_nodes.get(name.partition("@")[0]) or of_nodes.get(name) or {}
        yield (name if "@" in name else f"{prefix}{name}"), (*_flat(shared | own), *found.unknown)


def _parsed(words: Sequence[Written]) -> _Arguments:
    found = _Arguments()
    place = 0
    while place < len(words):
        word = words[place]
        value = word.value
        if word.said == "--":
            break
        if value.startswith("--"):
            _add(found, word, value.partition("=")[0], ())
        elif value.startswith("-") and len(value) > 1:
            following = words[place + 1 : place + 2]
            taken = following if following and not following[0].value.startswith("-") else ()
            _add(found, word, value, tuple(taken))
            place += len(taken)
        elif word.known:
            found.names.append(word)
        else:
            found.unknown.append(word)
        place += 1
    return found


def _add(found: _Arguments, word: Written, flag: str, value: tuple[Written, ...]) -> None:
    """Keep an option; later ones of the same flag replace it where it stands."""
    name, colon, node = flag.partition(":")
    if not colon:
        found.options[flag] = (word, *value)
        return
    text = word.text[: len(name)] + word.text[len(flag) :]
    whole = replace(word, text=text, raw=text if text.stands else text[:0])
    found.of_nodes.setdefault(node, {})[name] = (whole, *value)


def _spread(of_nodes: dict[str, _Options], names: list[str], counted: bool) -> dict[str, _Options]:
    """The options by node: lists (`-c:1,3`), ranges of counted nodes (`-c:1-3`) and indexes of named ones are resolved."""
    found: dict[str, _Options] = {}
    for said, options in of_nodes.items():
        for each in said.split(","):
            for name in _range(each) if counted else [each]:
                index = int(name) if name.isascii() and name.isdecimal() and len(name) < 9 else 0
                target = names[index - 1].partition("@")[0] if 0 < index <= len(names) else name
                found.setdefault(target, {}).update(options)
    return found


def _range(said: str) -> list[str]:
    first, dash, last = said.partition("-")
    if not dash or not (first.isdecimal() and last.isdecimal() and len(first) < 9 and len(last) < 9):
        return [said]
    return [str(number) for number in range(int(first), min(int(last), int(first) + MOST_NODES) + 1)]


def _text(options: _Options, flag: str) -> str:
    word = options.get(flag, (None,))[0]
    return word.value.partition("=")[2] if word is not None else ""


def _flat(options: _Options) -> Iterator[Written]:
    for words in options.values():
        yield from words


def _hidden(options: _Options) -> Iterator[Written]:
    """Options that only some of the nodes have, with values that are unknown."""
    for words in options.values():
        yield from (*words[:-1], replace(words[-1], known=False))
