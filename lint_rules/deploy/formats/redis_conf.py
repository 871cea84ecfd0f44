"""What does a redis.conf or sentinel.conf configure?"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from lint_rules.deploy.formats import Neighbours, Said
from lint_rules.deploy.formats import supervisor as process_control
from lint_rules.deploy.model import Directive, RedisServer
from lint_rules.deploy.notations.splitting import split
from lint_rules.deploy.text import Source, Text
from lint_rules.facts.model import Span

_KNOWN = re.compile(
    r"(acllog|active|aof|cluster|client-output|client-query|hash-max|io-threads|latency|lazyfree|lfu|list-(max|compress)|maxmemory"
    r"|min-(replicas|slaves)|oom-score-adj|rdb|repl|set-max|slave|slowlog|stream-node|syslog|tls|zset-max|auto-aof|appendonly|appendf|commandlog)"
    r"[\w-]*"
    r"|aclfile|always-show-logo|appenddirname|bind|bind-source-addr|crash-log-enabled|daemonize|databases|dbfilename|dir|disable-thp|dynamic-hz"
    r"|enable-(debug-command|module-command|protected-configs)|hll-sparse-max-bytes|hz|include|jemalloc-bg-thread|loadmodule|logfile|loglevel"
    r"|lua-time-limit|masterauth|masteruser|maxclients|no-appendfsync-on-rewrite|notify-keyspace-events|pidfile|port|primaryauth|primaryuser"
    r"|protected-mode|proto-max-bulk-len|rename-command|requirepass|sanitize-dump-payload|save|sentinel|shutdown-[\w-]+|stop-writes-on-bgsave-error"
    r"|supervised|tcp-backlog|tcp-keepalive|timeout|tracking-table-max-keys|unixsocket|unixsocketperm|user"
)
"""The directives of the redis.conf of Redis 2.4 to 8 and the valkey.conf of Valkey, long families by their beginnings."""

_LINE = re.compile(r"[ \t]*(?P<name>[A-Za-z][\w-]*)(?P<values>[ \t].*)?")
_FILLED_IN = r"\{\{[^{}]*\}\}|\{%[^%]*%\}|\$\{[^{}]*\}|\$[A-Za-z_]\w*"
"""What a template or `envsubst` puts in."""


def starts(source: Source, neighbours: Neighbours) -> Iterator[Said]:
    """The server that the file configures, where the file looks like the configuration of one."""
    if re.search(r"^\[program:", source.text, re.MULTILINE):  # supervisor's redis.conf, of the program redis
        yield from process_control.starts(source, neighbours)
        return
    server = server_of(source.whole)
    if server is not None:
        yield server


def server_of(text: Text, service: str = "") -> RedisServer | None:
    """The server that the text of a configuration file configures; None where it does not look like one."""
    directives = directives_of(text)
    spans = [each.span for each in directives if each.span is not None]
    if not spans or 2 * sum(_KNOWN.fullmatch(each.name) is not None for each in directives) <= len(directives):
        return None
    span = Span(spans[0].row, spans[0].column, spans[-1].end_row, spans[-1].end_column)
    return RedisServer(text.source.file, span, _form(text.source.file, directives), directives, service)


def _form(file: str, directives: tuple[Directive, ...]) -> str:
    monitors = any(each.name == "sentinel" for each in directives)
    return "sentinel" if monitors or posixpath.basename(file).lower().startswith("sentinel") else "conf"


def directives_of(text: Text) -> tuple[Directive, ...]:
    """The directives of a configuration file, `include` as any other."""
    found = []
    for line in text.lines():
        parts = _LINE.fullmatch(line.value)
        if parts:
            values = split(line[parts.start("values") :], _FILLED_IN) if parts["values"] else ()
            place = line[parts.start("name") :].stripped().span
            found.append(Directive(parts["name"].lower(), tuple(each.text for each in values), place, all(each.known for each in values)))
    return tuple(found)
