"""What does a Procfile start? (honcho, foreman, overmind, Heroku; `name: command`, which a shell reads)"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lint_rules.deploy.formats import Neighbours, Said
from lint_rules.deploy.formats.environment_file import variables_of
from lint_rules.deploy.model import Start, Variable
from lint_rules.deploy.text import Source

_ENTRY = re.compile(r"([\w-]+):[ \t]*(?=\S)")


def starts(source: Source, neighbours: Neighbours) -> Iterator[Said]:
    """The entries, in the environment of the `.env` beside it, which those programs read."""
    file = neighbours.beside(source.file, ".env")
    variables = variables_of(file) if file is not None else []
    for name, value, row in variables:
        yield Variable(name, value, file.file if file is not None else "", row)
    environment = {name: value for name, value, _ in variables}
    for line in source.whole.lines():
        entry = _ENTRY.match(line.value)
        if entry:
            yield Start(source.file, shell=line[entry.end() :].stripped(), environment=environment, service=entry[1])
