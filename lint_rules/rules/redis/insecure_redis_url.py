"""
What it does
------------
Reports Redis URLs with a password written in them, `redis://` (without TLS) to a host on another network, and `ssl_cert_reqs` that turns
the check of the server's certificate off. In code (defaults of environment variables included) and in the environment of deployment files.

Why it matters
--------------
A password in the code is known to all who can read the repository, and stays in its history. Without TLS everybody on the way reads the
password, the queued tasks and the cached data; without a check of the certificate they only have to answer in the server's place.

Example
-------
```python
import os

CACHE_URL = os.environ.get("CACHE_URL", "redis://:sesame-4412@cache.shop.example:6379/0")
```

Use instead
-----------
```python
import os

CACHE_URL = os.environ["CACHE_URL"]
```

Fix safety
----------
There is no fix: the password has to be changed, and the server has to speak TLS.

Known limits
------------
Hosts without a dot, names inside a cluster (`redis.default.svc`), private addresses and names such as `cache.internal` count as local. A
password that is only needed on the own machine or among the containers of one deployment is information. Tests, documentation, examples,
and files like `.env.example` are left out, and so is what is put together at run time.

References
----------
- [redis-py: SSL connections](https://redis.readthedocs.io/en/stable/examples/ssl_connection_examples.html)
- [Celery: broker_use_ssl](https://docs.celeryq.dev/en/stable/userguide/configuration.html#broker-use-ssl)
- [Redis: TLS](https://redis.io/docs/latest/operate/oss_and_stack/management/security/encryption/)
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from lint_rules.facts.model import Call, Const, Expr, Item, Map, OneOf, Seq, Template
from lint_rules.findings import Place, Report, Severity
from lint_rules.project.frames import Frame
from lint_rules.project.project import Project
from lint_rules.project.test_files import for_tests
from lint_rules.project.values import External
from lint_rules.rules.registry import rule

SCHEMES = ("redis://", "rediss://", "valkey://", "valkeys://")

PLAIN = ("redis", "valkey")
"""Schemes without TLS."""

SHOWN = frozenset({"help", "help_text", "description", "example", "examples", "placeholder", "title", "doc", "epilog"})
"""Keywords of what is only shown to people."""

NEARBY = (".local", ".localhost", ".internal", ".svc", ".lan", ".home", ".intranet", ".corp", ".test", ".invalid")
"""Ends of names that do not leave the own network."""

_SHOWN_FILES = re.compile(r"(^|/)(docs?|examples?|samples?)/|(^|[._-])(example|sample|template|dist|tpl)s?([._-]|$)")

_PUT_IN = re.compile(r"[{}$<>*]|%\(|%s")
"""What shows that a part of a text comes from elsewhere."""

_SERVICE = re.compile(r"^(redis|valkey|cache|broker|sentinel)[\w-]*\.[\w-]+$")
"""`redis.default`: a service and its namespace."""


class Written(Struct, frozen=True):
    """A text as it stands in a file, `{}` for what is not known."""

    text: str
    file: str
    row: int


@rule("CRB607", "insecure-redis-url", on=Project, severity=Severity.WARNING)
def insecure_redis_url(project: Project, _: Project) -> Iterator[Report]:
    """URLs and options of Redis that give away what should stay secret."""
    files = [file for file in project.index.naming([*SCHEMES, "ssl_cert_reqs"]) if not _left_out(file)]
    project.index.load(files)
    for file in files:
        for frame in _frames(file, project):
            for url in _urls(frame, project):
                yield from _judged(url)
            for row in _unchecked(frame, project):
                yield Report(
                    Place.row_of(file, row),
                    "ssl_cert_reqs turns the check of the server's certificate off: anybody on the way can answer in its place; "
                    "use CERT_REQUIRED with the CA of the server (ssl_ca_certs)",
                )
    for variable in project.deployment.variables:
        if variable.value.lower().startswith(SCHEMES) and not _left_out(variable.file):
            yield from _judged(Written(variable.value, variable.file, variable.row))


def _left_out(file: str) -> bool:
    return for_tests(file) or bool(_SHOWN_FILES.search(file))


def _frames(file: str, project: Project) -> Iterator[Frame]:
    module = project.module(file)
    for qualname in ("", *module.functions, *module.classes) if module is not None else ():
        frame = project.resolver.frame(file, qualname)
        if frame is not None:
            yield frame


# ── a URL ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _judged(url: Written) -> Iterator[Report]:
    try:
        parts = urlsplit(url.text)
        host, password = parts.hostname or "", parts.password or ""
    except ValueError:
        return
    if not host:
        return
    secret = bool(password) and not _PUT_IN.search(password)
    away = is_away(host)
    plain = away and parts.scheme.lower() in PLAIN
    unchecked = {"none", "cert_none", "0"} & {value.lower() for value in parse_qs(parts.query).get("ssl_cert_reqs", ())}
    said = [
        *(["has its password in it, for all who can read the repository"] if secret else []),
        *([f"goes to {host} without TLS: everybody on the way reads the tasks and the data"] if plain else []),
        *(["turns the check of the server's certificate off"] if unchecked else []),
    ]
    cures = [
        *(["read it from the environment without a default, and change the password"] if secret else []),
        *(["use rediss://"] if plain else []),
        *(["use ssl_cert_reqs=required"] if unchecked else []),
    ]
    if said:
        near = secret and not plain and not unchecked and not away and not _PUT_IN.search(host)
        yield Report(
            Place.row_of(url.file, url.row),
            f"the Redis URL {' and '.join(said)}; {', '.join(cures)}",
            severity=Severity.INFO if near else None,
        )


def is_away(host: str) -> bool:
    """Whether a host is known to be on another network."""
    if _PUT_IN.search(host):
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        pass
    name = host.rstrip(".").lower()
    return "." in name and not name.endswith(NEARBY) and ".svc." not in name and not _SERVICE.match(name)


# ── what is written ──────────────────────────────────────────────────────────────────────────────────────────────────


def _urls(frame: Frame, project: Project) -> Iterator[Written]:
    """The URLs in the expressions of a scope."""
    file = frame.module.file
    for binding in frame.scope.bindings:
        yield from _in((binding.value,), file, binding.row, binding.row, project)
    for call in frame.scope.calls:
        shown = [value for name, value in call.keywords if name not in SHOWN]
        yield from _in((*call.args, *shown), file, call.span.row, call.span.end_row, project)
    last = frame.function.row if frame.function is not None else 1
    yield from _in(frame.scope.returns, file, last, 10**9, project)
    for parameter in frame.function.parameters if frame.function is not None else ():
        if parameter.default is not None:
            yield from _in((parameter.default,), file, last, 10**9, project)


def _in(exprs: Iterable[Expr], file: str, first: int, last: int, project: Project) -> Iterator[Written]:
    pending = list(exprs)
    while pending:
        expr = pending.pop()
        text = _text(expr)
        if text.lower().startswith(SCHEMES):
            yield Written(text, file, _row(expr, file, first, last, project))
        elif isinstance(expr, Seq):
            pending += expr.items
        elif isinstance(expr, Map):
            last = max([last, *expr.rows])
            pending += expr.values
        elif isinstance(expr, OneOf):
            pending += expr.options
        elif isinstance(expr, Item):
            pending.append(expr.key)


def _text(expr: Expr) -> str:
    if isinstance(expr, Const):
        return expr.value if isinstance(expr.value, str) else ""
    if isinstance(expr, Template):
        return "".join(part.value if isinstance(part, Const) and isinstance(part.value, str) else "{}" for part in expr.parts)
    return ""


def _row(expr: Expr, file: str, first: int, last: int, project: Project) -> int:
    """The row in which the text stands, as near as the statement says."""
    begin = expr.parts[0] if isinstance(expr, Template) else expr
    text = begin.value if isinstance(begin, Const) and isinstance(begin.value, str) else ""
    return _line(text, file, first, last, project)


def _line(text: str, file: str, first: int, last: int, project: Project) -> int:
    """The first of some rows that has a text in it."""
    lines = project.index.content(file).decode("utf-8", "replace").splitlines()
    return next((row for row in range(first, min(last, len(lines)) + 1) if text in lines[row - 1]), first)


# ── the check of certificates ────────────────────────────────────────────────────────────────────────────────────────


def _unchecked(frame: Frame, project: Project) -> Iterator[int]:
    """The rows in which `ssl_cert_reqs` turns the check off."""
    for call in frame.scope.calls:
        value = call.keyword("ssl_cert_reqs")
        if value is not None and _is_off(value, frame, project) and (value != Const(None) or _makes_client(call, frame, project)):
            yield _line("ssl_cert_reqs", frame.module.file, call.span.row, call.span.end_row, project)
        for argument in (*call.args, *(each for _, each in call.keywords)):
            yield from _in_map(argument, frame, project)
    for binding in frame.scope.bindings:
        if binding.target.endswith("[ssl_cert_reqs]") and _is_off(binding.value, frame, project):
            yield binding.row
        yield from _in_map(binding.value, frame, project)


def _in_map(expr: Expr, frame: Frame, project: Project) -> Iterator[int]:
    pending = [expr]
    while pending:
        each = pending.pop()
        if isinstance(each, OneOf):
            pending += each.options
        elif isinstance(each, Map):
            pending += each.values
            for key, value, row in zip(each.keys, each.values, each.rows):
                if key == Const("ssl_cert_reqs") and _is_off(value, frame, project):
                    yield row


def _is_off(value: Expr, frame: Frame, project: Project) -> bool:
    """Whether it is CERT_NONE, in one of the ways that redis-py knows."""
    if value == Const(None):
        return True
    if isinstance(value, Const):
        return str(value.value).lower() in ("none", "cert_none", "0", "false")
    return project.values(value, frame) == (External("ssl.CERT_NONE"),)


def _makes_client(call: Call, frame: Frame, project: Project) -> bool:
    found = [value.path for value in project.values(call.func, frame) if isinstance(value, External)]
    return any(path.startswith(("redis.", "valkey.", "aioredis.", "builtins.dict")) for path in found)
