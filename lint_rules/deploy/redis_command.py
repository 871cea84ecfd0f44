"""Does a command start a Redis server, and which directives does it give? (`redis-server [file] [--directive values …]`, and its forks)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Union

from msgspec import Struct

from lint_rules.deploy.model import Directive
from lint_rules.deploy.wrappers import program
from lint_rules.deploy.written import Written
from lint_rules.facts.model import Span

SERVERS = frozenset({"redis-server", "valkey-server", "keydb-server", "redis-stack-server"})
SENTINELS = frozenset({"redis-sentinel", "valkey-sentinel", "keydb-sentinel"})

_NO_SERVER = frozenset({"-v", "--version", "-h", "--help", "--test-memory", "--check-system"})


class Server(Struct, frozen=True):
    """What the command says."""

    form: str
    """ "command" or "sentinel"."""
    conf: Union[Written, None]
    """The configuration file."""
    directives: tuple[Directive, ...]


def is_redis(words: Sequence[Written]) -> bool:
    """Whether the program is a Redis server's."""
    return program(words[0]) in SERVERS | SENTINELS


def server(words: Sequence[Written]) -> Server | None:
    """The server that a command starts; None where it is only asked what it is."""
    rest = words[1:]
    if rest and rest[0].said in _NO_SERVER:
        return None
    conf = rest[0] if rest and not rest[0].value.startswith("-") else None
    directives = tuple(_directives(rest[1:] if conf is not None else rest))
    sentinel = program(words[0]) in SENTINELS or any(each.name == "sentinel" and not each.values for each in directives)
    return Server("sentinel" if sentinel else "command", conf, tuple(each for each in directives if each.name != "sentinel" or each.values))


def _directives(words: Sequence[Written]) -> Iterator[Directive]:
    starts = [place for place, word in enumerate(words) if word.value.startswith("--") and len(word.value) > 2]
    for start, end in zip(starts, [*starts[1:], len(words)]):
        values = [part for word in words[start + 1 : end] if word.value != "-" for part in word.value.split() or [""]]
        name = words[start].value[2:].lower()
        if name == "save" and not values:
            values = [""]  # `--save` alone is `save ""` since Redis 7
        known = all(word.known for word in words[start:end])
        yield Directive(name, tuple(values), _span(words[start:end]), known)


def _span(words: Sequence[Written]) -> Span | None:
    spans = [word.span for word in words if word.home is words[0].home and word.span is not None]
    return Span(spans[0].row, spans[0].column, spans[-1].end_row, spans[-1].end_column) if spans else None
