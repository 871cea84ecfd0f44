"""Which Redis servers of the deployment carry the broker, and how are they configured?"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from msgspec import Struct

from lint_rules.deploy.model import Directive, RedisServer
from lint_rules.findings import Related
from lint_rules.project.broker import Url
from lint_rules.project.test_files import for_tests

if TYPE_CHECKING:
    from lint_rules.project.project import Project

MOST_SETTINGS = 3

LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "host.docker.internal"})


class Line(Struct, frozen=True):
    """A directive, and the file it stands in."""

    file: str
    directive: Directive


class BrokerServer(Struct, frozen=True, eq=False):
    """A Redis that carries the broker, with all that configures it."""

    server: RedisServer
    lines: tuple[Line, ...]
    """In the order in which they count: those of the configuration file, then those of the command."""
    complete: bool
    """Whether all of it was seen: the command names no configuration file that is not there."""
    broker: Url
    settings: tuple[Related, ...]
    """Where the code sets the broker's URL."""

    @property
    def related(self) -> tuple[Related, ...]:
        """Where the broker's URL stands, and where the code sets it."""
        url = Related(self.broker.file, self.broker.row, "the broker's URL")
        return (url, *(each for each in self.settings if (each.file, each.row) != (url.file, url.row)))

    @property
    def name(self) -> str:
        """What to call it in a message."""
        return f"Redis {self.server.service!r}" if self.server.service else self.server.file

    def all(self, name: str) -> list[Line]:
        """The lines of a directive."""
        return [line for line in self.lines if line.directive.name == name]

    def last(self, name: str) -> Line | None:
        """The line of a directive that counts."""
        found = self.all(name)
        return found[-1] if found else None


def broker_servers(project: Project) -> list[BrokerServer]:
    """The servers that are known to carry the broker: a URL names them, or there is no other one."""
    urls = [url for url in project.urls.broker_urls() if url.kind == "redis"]
    servers = [server for server in project.deployment.redis if server.form != "sentinel" and not for_tests(server.file)]
    files = {server.file: server for server in servers if server.form == "conf"}
    started = [server for server in servers if server.form != "conf"]
    if not urls or not servers:
        return []
    settings = tuple(Related(each.file, each.row, "sets the broker's URL") for each in project.routing.settings("broker_url"))
    found: list[BrokerServer] = []
    for server in started:
        url = _named(server, urls) or _only(server, started, urls)
        if url is not None:
            conf = _configuration(server, files)
            own = tuple(Line(server.file, directive) for directive in server.directives)
            before = tuple(Line(conf.file, directive) for directive in conf.directives) if conf is not None else ()
            found.append(BrokerServer(server, (*before, *own), conf is not None or server.conf is None, url, settings[:MOST_SETTINGS]))
    if not started and len(files) == 1:
        (only,) = files.values()
        local = next((url for url in urls if url.host in (None, *LOCAL)), None)
        if local is not None:
            found.append(
                BrokerServer(
                    only, tuple(Line(only.file, directive) for directive in only.directives), True, local, settings[:MOST_SETTINGS]
                )
            )
    return found


def _named(server: RedisServer, urls: list[Url]) -> Url | None:
    """The broker's URL that has the server's name (in Kubernetes followed by that of the namespace)."""
    names = (server.service, f"{server.service}.") if server.service else ()
    return next((url for url in urls if url.host is not None and names and (url.host == names[0] or url.host.startswith(names[1]))), None)


def _only(server: RedisServer, started: list[RedisServer], urls: list[Url]) -> Url | None:
    """A URL of the broker where it says nothing of the host, and the deployment has no other Redis under another name."""
    if len({each.service for each in started}) > 1 or sum(each.file == server.file for each in started) > 1:
        return None
    if any(url.host is not None and url.host not in LOCAL for url in urls):
        return None
    return urls[0]


def _configuration(server: RedisServer, files: dict[str, RedisServer]) -> RedisServer | None:
    """The configuration file that a command names, in the project or by its path in an image: the only one of that name."""
    if server.conf is None:
        return None
    if server.conf in files:
        return files[server.conf]
    found = [each for file, each in files.items() if posixpath.basename(file) == posixpath.basename(server.conf)]
    return found[0] if len(found) == 1 else None
