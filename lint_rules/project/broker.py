"""Which broker and which Redis does a URL in the code name? Through defaults of environment variables, constants and text put together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from lint_rules.facts.model import Call, Const, Expr, Item, OneOf, Ref, Template
from lint_rules.project.apps import App
from lint_rules.project.displays import call_of, text_of, written
from lint_rules.project.frames import Frame
from lint_rules.project.origins import assignments
from lint_rules.project.test_files import for_tests
from lint_rules.project.texts import pieces
from lint_rules.project.values import ClassValue, External, Instance, Literal

if TYPE_CHECKING:
    from lint_rules.project.project import Project

TRANSPORTS = {
    "redis": "redis",
    "rediss": "redis",
    "redis+socket": "redis",
    "valkey": "redis",
    "valkeys": "redis",
    "sentinel": "redis",
    "amqp": "amqp",
    "amqps": "amqp",
    "pyamqp": "amqp",
    "librabbitmq": "amqp",
    "confluentkafka": "kafka",
    "sqs": "sqs",
    "memory": "memory",
    "filesystem": "filesystem",
}
"""URL scheme -> broker. Only Redis and AMQP differ in what a priority means."""

DEEPEST = 6


class Url(Struct, frozen=True, eq=False):
    """A URL as far as it is written out, and where."""

    text: str
    """What is not known before run time is written `{name}`."""
    file: str
    row: int
    variable: str | None = None
    """The environment variable whose default this is."""

    @property
    def scheme(self) -> str:
        """Its scheme in lower case."""
        return self.text.partition("://")[0].lower() if "://" in self.text else self.text.lower()

    @property
    def kind(self) -> str | None:
        """ "redis", "amqp", "sqs", ...; None for anything else."""
        return TRANSPORTS.get(self.scheme) or TRANSPORTS.get(self.scheme.partition("+")[0])

    @property
    def host(self) -> str | None:
        """The name of its host, None where that is not written out, or there are several."""
        found = re.match(r"[\w+.-]+://(?:[^@/;]*@)?(\[[^\]]+\]|[^\s:/?#;,{}$\[\]]+)(?=[:/?#]|$)", self.text)
        return found[1].strip("[]").lower() if found and ";" not in self.text and self.scheme != "redis+socket" else None

    @property
    def server(self) -> tuple[str, int, int] | None:
        """Host, port and database of a Redis; None where they are not all written out (or it is no plain Redis URL)."""
        if self.kind != "redis" or self.scheme in ("sentinel", "redis+socket") or "{" in self.text or "$" in self.text:
            return None
        try:
            parts = urlsplit(self.text)
            port = parts.port or 6379
        except ValueError:
            return None
        path = unquote(parts.path).strip("/")
        if not parts.hostname or (path and not path.isdigit()):
            return None
        return ("localhost" if parts.hostname in ("127.0.0.1", "::1") else parts.hostname), port, int(path or 0)


class Urls:
    """Reads URLs out of expressions; the values that deployment files give to environment variables count before defaults."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._given: dict[str, list[Url]] = {}
        for variable in project.deployment.variables:
            if "://" in variable.value and not for_tests(variable.file):
                self._given.setdefault(variable.name, []).append(Url(variable.value, variable.file, variable.row, variable.name))

    def of(self, expr: Expr | None, frame: Frame, row: int) -> list[Url]:
        """All URLs that an expression can be: those written out, and those that the deployment gives to its environment variables."""
        found = self.project.loading(lambda: self._of(expr, frame, row, 0))
        variables = dict.fromkeys(each.variable for each in found if each.variable is not None)
        return found + [url for variable in variables for url in self._given.get(variable, ()) if url not in found]

    def broker_urls(self, app: App | None = None) -> list[Url]:
        """The URLs of the broker: of the settings of `app` (of all, where it is not known), and of CELERY_BROKER_URL."""
        found = []
        for setting in self.project.routing.settings("broker_url", app):
            found += self.of(setting.value, setting.frame, setting.row)
        for name in ("CELERY_BROKER_URL",):
            found += [url for url in self._given.get(name, ()) if url.variable not in {each.variable for each in found} or url not in found]
        return found

    def kind(self, app: App | None = None) -> str | None:
        """The broker: what the configuration of the linter says, else what all URLs agree on; None where they do not, or there are none."""
        if self.project.settings.broker is not None:
            return self.project.settings.broker
        kinds = {url.kind for url in self.broker_urls(app)}
        return kinds.pop() if len(kinds) == 1 else None

    def _of(self, expr: Expr | None, frame: Frame, row: int, depth: int) -> list[Url]:
        if expr is None or depth > DEEPEST:
            return []
        resolver, file = self.project.resolver, frame.module.file
        text = text_of(resolver, expr, frame)
        if text is not None:
            return [Url(text, file, row)] if text else []
        expr, frame = written(resolver, expr, frame)
        if isinstance(expr, Ref):
            several = assignments(resolver, expr.path, frame)
            if several:
                return [url for binding, inside in several for url in self._of(binding.value, inside, binding.row, depth + 1)]
        if isinstance(expr, OneOf):
            return [url for option in expr.options for url in self._of(option, frame, row, depth + 1)]
        if isinstance(expr, Template):
            return [Url(text, frame.module.file, row) for text in self._made(expr, frame)]
        if isinstance(expr, Item):
            return self._of_item(expr, frame)
        call = call_of(expr, frame)
        if call is not None:
            return self._of_call(call, frame, depth)
        return self._of_attribute(expr, frame, row, depth)

    def _made(self, template: Template, frame: Frame) -> list[str]:
        """The texts that a template makes: the scheme may be one of several, and tells the broker."""
        resolver = self.project.resolver
        first, rest = template.parts[0], Template(template.parts[1:])
        schemes = [value.value if isinstance(value, Literal) else None for value in resolver.evaluate(first, frame)]
        after = "".join(piece.text for piece in pieces(resolver, rest, frame))
        if len(schemes) > 1 and after.startswith("://") and all(isinstance(scheme, str) for scheme in schemes):
            return [f"{scheme}{after}" for scheme in schemes]
        return ["".join(piece.text for piece in pieces(resolver, template, frame))]

    def _of_call(self, call: Call, frame: Frame, depth: int) -> list[Url]:
        """`os.environ.get(name, default)` and its like in every settings library: a name, and a default that looks like a URL."""
        name = call.args[0] if call.args else call.keyword("name") or call.keyword("key")
        variable = name.value if isinstance(name, Const) and isinstance(name.value, str) else None
        if variable is not None and "://" in variable:
            return [Url(variable, frame.module.file, call.span.row)]
        named = (call.keyword("default"), call.keyword("fallback"), call.keyword("default_value"))
        defaults: list[Expr] = [*call.args[1:2], *(default for default in named if default is not None)]
        found = [url for default in defaults for url in self._of(default, frame, call.span.row, depth + 1)]
        if variable is None:
            return found
        read = [Url(url.text, url.file, url.row, url.variable or variable) for url in found]
        return read or self._given.get(variable, [])

    def _of_item(self, item: Item, frame: Frame) -> list[Url]:
        """`os.environ[name]`, which has no default."""
        name = item.key.value if isinstance(item.key, Const) else None
        known = isinstance(name, str) and External("os.environ") in self.project.resolver.evaluate(item.base, frame)
        return self._given.get(str(name), []) if known else []

    def _of_attribute(self, expr: Expr | None, frame: Frame, row: int, depth: int) -> list[Url]:
        """`settings.broker_url` of an object of the project: what its class was given where it was made."""
        if not isinstance(expr, Ref) or "." not in expr.path:
            return []
        owner, _, name = expr.path.rpartition(".")
        found: list[Url] = []
        for value in self.project.resolver.evaluate(Ref(owner), frame):
            cls = value.cls if isinstance(value, Instance) else value
            if isinstance(cls, ClassValue):
                for made, inside in self._makers(cls):
                    found += self._of(made.keyword(name), inside, made.span.row, depth + 1)
        return found

    def _makers(self, cls: ClassValue) -> Iterable[tuple[Call, Frame]]:
        """The calls in the class's own module that make an instance of it."""
        module = self.project.resolver.module(cls.file)
        for qualname in ("", *(module.functions if module is not None else ())):
            frame = self.project.resolver.frame(cls.file, qualname)
            for call in frame.scope.calls if frame is not None else ():
                if frame is not None and call.keywords and isinstance(call.func, Ref):
                    if cls in self.project.resolver.evaluate(call.func, frame):
                        yield call, frame
