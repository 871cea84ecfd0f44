"""Which scripts does a package.json have?"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.deploy.formats import Neighbours, Said
from lint_rules.deploy.model import Start
from lint_rules.deploy.notations.json_text import read_json
from lint_rules.deploy.notations.literals import strings, table
from lint_rules.deploy.text import Source


def starts(source: Source, _neighbours: Neighbours) -> Iterator[Said]:
    """The scripts; each runs when asked for."""
    for name, script in strings(table(read_json(source.whole)).get("scripts")).items():
        yield Start(source.file, shell=script.text, service=name, optional=True)
