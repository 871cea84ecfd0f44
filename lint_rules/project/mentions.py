"""Does the code do anything with a name besides giving it a value?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lint_rules.project.modules import ModuleIndex
from lint_rules.source.decode import Unreadable


def lines_naming(index: ModuleIndex, word: str) -> Iterator[tuple[str, int, str]]:
    """File, row and text of every line of Python, comments and docstrings included, in which a word stands in this case."""
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
    for file in index.naming([word]):
        try:
            text = index.content(file).decode("utf-8", "replace")
        except Unreadable:
            continue
        for row, line in enumerate(text.splitlines(), 1):
            if pattern.search(line):
                yield file, row, line


def is_read(index: ModuleIndex, name: str) -> bool:
    """Whether a name stands anywhere but where it gets a value: `conf.NAME = x`, `conf["NAME"] = x`, `{"NAME": x}`, `f(NAME=x)`."""
    word = re.escape(name)
    given = re.compile(
        rf"""(?x)
        (?<!\w) {word} (?!\w) \s* (?: : [^=]* )? =(?!=)
        | ["'] {word} ["'] \s* \] \s* =(?!=)
        | ["'] {word} ["'] \s* :
        | ^ \s* \# .*
        """
    )
    return any(re.search(rf"(?<!\w){word}(?!\w)", given.sub("", line)) for _, _, line in lines_naming(index, name))
