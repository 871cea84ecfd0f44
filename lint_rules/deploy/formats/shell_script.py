"""Is a file a shell script, and which name has the process it starts?"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from lint_rules.deploy.formats import Neighbours, Said
from lint_rules.deploy.model import Start
from lint_rules.deploy.text import Source

SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "busybox", "with-contenv", "execlineb"})
"""Interpreters whose scripts are read as shell text. execline is none, but a script of one command a line reads alike."""

_SUFFIX = re.compile(r"(.+?)(\.(sh|bash|ash|zsh))(\..+)?", re.IGNORECASE)


def starts(source: Source, _neighbours: Neighbours) -> Iterator[Said]:
    """The whole text, where a shell runs it."""
    if _is_shell(source):
        yield Start(source.file, shell=source.whole, service=_service(source.file))


def _is_shell(source: Source) -> bool:
    first = source.text.partition("\n")[0]
    if not first.startswith("#!"):
        return _SUFFIX.fullmatch(posixpath.basename(source.file)) is not None
    interpreters = {posixpath.basename(word) for word in first[2:].split()}
    return bool(interpreters & SHELLS) and not any(each.startswith("python") for each in interpreters)


def _service(file: str) -> str:
    """The name without suffix; the `run` of s6 and runit is named by its directory."""
    name = posixpath.basename(file)
    if name == "run":
        return posixpath.basename(posixpath.dirname(file)) or name
    found = _SUFFIX.fullmatch(name)
    return found[1] if found else name
