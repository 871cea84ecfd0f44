"""Does a container image run Redis as its makers ship it, and with which command?"""

from __future__ import annotations

import re

from lint_rules.deploy.notations.arguments import Argument
from lint_rules.deploy.text import Source, Text

_OFFICIAL = re.compile(r"(?:[\w.:-]+/)*library/(redis|valkey)|(?:docker\.io/)?(?:valkey/)?(redis|valkey)")
"""Other images of the name (bitnami/redis, redis/redis-stack) bring a configuration of their own."""


def server_of(image: str) -> str | None:
    """The program that an official image runs, `redis-server` or `valkey-server`; None for other images."""
    name = re.split(r"[@]|:(?!.*/)", image, maxsplit=1)[0]
    found = _OFFICIAL.fullmatch(name)
    return f"{found[1] or found[2]}-server" if found else None


def with_server(arguments: tuple[Argument, ...], server: str, source: Source) -> tuple[Argument, ...]:
    """The command as the entry point of the image completes it: flags, or the name of a configuration file, are for the server."""
    first = arguments[0].text.value if arguments else ""
    if first.startswith("-") or first.endswith(".conf"):
        return (Argument(Text.of_nowhere(source, server), None), *arguments)
    return arguments
