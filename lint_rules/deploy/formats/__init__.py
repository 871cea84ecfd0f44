"""A file per format: each says which commands a file of that format starts, in which environment.

A format is a module with one function, `starts(source, neighbours)`: it yields the command lines (`Start`), the Redis servers that the file
configures itself (`RedisServer`) and the environment variables it sets (`Variable`), and raises `Broken` where the file cannot be read on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Protocol, Union

from lint_rules.deploy.model import RedisServer, Start, Variable
from lint_rules.deploy.text import Source

Said = Union[Start, RedisServer, Variable]


class Broken(Exception):
    """A file that cannot be read (on): the text is the sentence to show, `row` where it went wrong."""

    def __init__(self, reason: str, row: int = 1) -> None:
        super().__init__(reason)
        self.reason = reason
        self.row = row


class Neighbours(Protocol):
    """The other files of the project."""

    def beside(self, file: str, path: str) -> Source | None:
        """The file that `file` names by the relative path `path`; None where there is none."""

    def script(self, path: str, file: str) -> Source | None:
        """The script of the project that a command in `file` calls by `path` (perhaps its path in an image); None where none is meant."""


Starts = Callable[[Source, Neighbours], Iterator[Said]]

BY_NAME: tuple[tuple[str, str], ...] = (
    (r"Procfile(\..+)?|.+\.procfile", "procfile"),
    (r"(.+[.-])?(Dockerfile|Containerfile)([.-].+)?|.+\.dockerfile", "dockerfile"),
    (r"(.+\.)?(Makefile|GNUmakefile|makefile)(\..+)?|.+\.mk", "makefile"),
    (r"pyproject\.toml", "pyproject"),
    (r"package\.json", "package_json"),
    (r"(tasks|launch)\.json", "vscode_tasks"),
    (r"fly([.-].+)?\.toml", "fly_toml"),
    (r".+\.service(\.(j2|tpl|tmpl|template|in|dist|example|sample))?", "systemd"),
    (r"(redis|valkey)[\w.-]*\.conf(\..+)?", "redis_conf"),
    (r"sentinel[\w.-]*\.conf(\..+)?", "redis_conf"),
    (r".*supervisor.*|.+\.(ini|conf)(\.j2|\.template|\.tmpl)?", "supervisor"),
    (r".+\.(sh|bash|ash|zsh)(\.j2|\.tpl|\.template)?", "shell_script"),
    (r".+\.(ya?ml)(\.j2|\.tpl|\.template|\.dist|\.example|\.sample)?", "yaml_file"),
    (r"[^.]+", "shell_script"),
)
"""Patterns of file names (in any case) and the module that reads them; the first match decides. A file without a suffix is a script
where its first line says so."""

_BY_NAME = [(re.compile(pattern, re.IGNORECASE), module) for pattern, module in BY_NAME]

HIDDEN_DIRECTORIES = frozenset({".devcontainer", ".vscode", ".docker", ".deploy", ".k8s", ".kube", ".helm", ".platform", ".do", ".render"})
"""Directories with a dot that are looked into for deployment files all the same."""


def format_of(name: str) -> str | None:
    """The module that reads a file of that name (without its directory), None where no format has such a name."""
    for pattern, module in _BY_NAME:
        if pattern.fullmatch(name):
            return module
    return None


def reader_of(module: str) -> Starts:
    """The `starts` of a format."""
    starts: Starts = import_module(f"{__name__}.{module}").starts
    return starts
