"""Which processes does a fly.toml start?"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.deploy.formats import Neighbours, Said
from lint_rules.deploy.model import Start, Variable
from lint_rules.deploy.notations.literals import strings
from lint_rules.deploy.notations.splitting import split
from lint_rules.deploy.notations.toml_text import read_toml
from lint_rules.deploy.text import Source


def starts(source: Source, _neighbours: Neighbours) -> Iterator[Said]:
    """The `[processes]`, which no shell reads, in the environment of `[env]`."""
    document = read_toml(source)
    variables = [Variable(name, value.value, source.file, value.span.row) for name, value in strings(document.get("env")).items()]
    yield from variables
    environment = {each.name: each.value for each in variables}
    for name, command in strings(document.get("processes")).items():
        yield Start(source.file, words=split(command.text), environment=environment, service=name)
