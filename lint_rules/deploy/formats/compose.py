"""What do the services of a Compose file start?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from lint_rules.deploy.formats import Broken, Neighbours, Said
from lint_rules.deploy.formats.environment_file import variables_of
from lint_rules.deploy.model import RedisServer, Start, Variable
from lint_rules.deploy.notations.arguments import Argument, script, split
from lint_rules.deploy.notations.interpolation import interpolated, is_known
from lint_rules.deploy.notations.yaml_nodes import YamlNode, documents
from lint_rules.deploy.redis_image import server_of, with_server
from lint_rules.deploy.text import Source, Text


def starts_of(root: YamlNode, source: Source, neighbours: Neighbours) -> Iterator[Said]:
    """What the services of a parsed file start. Those of the first version of the format stand at the top."""
    compose = _Compose(source, neighbours)
    services = root.get("services") or root
    for name in services.entries:
        yield from compose.said(name, [*compose.layers(services, name)])


class _Layer(NamedTuple):
    """A service, or one that it extends, and the file that it stands in."""

    node: YamlNode
    source: Source


class _Compose:
    """A file and what it refers to."""

    def __init__(self, source: Source, neighbours: Neighbours) -> None:
        self.source = source
        self.neighbours = neighbours
        self._extended: dict[str, tuple[Source, YamlNode] | None] = {}

    @cached_property
    def _values(self) -> dict[str, str]:
        """The variables that the file is filled in with: those of the `.env` beside it (the shell that runs Compose may set others)."""
        found = self.neighbours.beside(self.source.file, ".env")
        return {name: value for name, value, _ in variables_of(found)} if found is not None else {}

    def layers(self, services: YamlNode, name: str) -> Iterator[_Layer]:
        """The service that it extends, where it does (one level of that is read), then the service."""
        service = services.entries[name]
        extends = service.get("extends")
        if extends is not None:
            file, base = self._string(extends.get("file")), extends.string or self._string(extends.get("service")) or ""
            source, among = (self.source, services) if file is None else self._services_of(file) or (self.source, None)
            extended = among.get(base) if among is not None else None
            if extended is not None:
                yield _Layer(extended, source)
        yield _Layer(service, self.source)

    def _services_of(self, file: str) -> tuple[Source, YamlNode] | None:
        if file not in self._extended:
            source = self.neighbours.beside(self.source.file, file)
            try:
                roots = [*documents(source, lambda text: "services" in text)] if source is not None else []
            except Broken:  # said where the file itself is read
                roots = []
            services = roots[0].get("services") if roots else None
            self._extended[file] = (source, services) if source is not None and services is not None else None
        return self._extended[file]

    def said(self, name: str, layers: list[_Layer]) -> Iterator[Said]:
        """The variables of a service, and what it starts."""
        variables = [*self._variables(name, layers)]
        yield from variables
        environment = {each.name: each.value for each in variables}
        optional = _last(layers, "profiles") is not None
        command, entrypoint = _last(layers, "command"), _last(layers, "entrypoint")
        mounts = [*self._mounts(layers)]
        arguments = tuple(_as_mounted(each, mounts) for each in (*self._arguments(entrypoint), *self._arguments(command)))
        image = _last(layers, "image")
        server = server_of(self._string(image.node) or "") if image is not None else None
        if server is not None and image is not None and entrypoint is None:
            if not arguments and image.source is self.source and image.node.span is not None and _last(layers, "build") is None:
                yield RedisServer(self.source.file, image.node.span, "image", service=name, optional=optional)
            arguments = with_server(arguments, server, self.source)
        if arguments and all(each is None or each.source is self.source for each in (command, entrypoint)):
            yield self._start(name, arguments, environment, optional)

    def _start(self, name: str, arguments: tuple[Argument, ...], environment: dict[str, str], optional: bool) -> Start:
        shell = script(arguments)
        words = () if shell is not None else tuple(each.word for each in arguments)
        return Start(self.source.file, shell, words, environment, name, optional)

    def _arguments(self, layer: _Layer | None) -> tuple[Argument, ...]:
        if layer is None:
            return ()
        text = layer.node.text
        if text is not None:
            return split(interpolated(text, self._values))
        items = [(each.text, each.span) for each in layer.node.elements]
        return tuple(Argument(interpolated(text, self._values), span) for text, span in items if text is not None)

    def _mounts(self, layers: list[_Layer]) -> Iterator[tuple[str, str]]:
        """Paths of the project, relative to the file, and where the container has them."""
        volumes = _last(layers, "volumes")
        for each in volumes.node.elements if volumes is not None and volumes.source is self.source else []:
            source, _, target = (self._string(each) or "").partition(":")
            source, target = self._string(each.get("source")) or source, self._string(each.get("target")) or target.partition(":")[0]
            if source.startswith(".") and target.startswith("/"):
                yield source, target.rstrip("/")

    # ── Variables ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _variables(self, service: str, layers: list[_Layer]) -> Iterator[Variable]:
        """The variables of a service in the order in which they count: what comes later wins."""
        for layer in layers:
            for file in self._environment_files(layer):
                for name, value, row in variables_of(file):
                    yield Variable(name, value, file.file, row, service)
        for layer in layers:
            environment = layer.node.get("environment")
            if environment is not None:
                for name, text, row in self._environment(environment):
                    value = interpolated(text, self._values).value
                    if is_known(value):
                        yield Variable(name, value, layer.source.file, row, service)

    def _environment_files(self, layer: _Layer) -> Iterator[Source]:
        said = layer.node.get("env_file")
        for each in (said.elements or [said]) if said is not None else []:
            path = self._string(each) or self._string(each.get("path"))
            file = self.neighbours.beside(layer.source.file, path) if path else None
            if file is not None:
                yield file

    def _environment(self, environment: YamlNode) -> Iterator[tuple[str, Text, int]]:
        """Name, value and row; a name without a value is handed on from the shell that runs Compose."""
        for name, node in environment.entries.items():
            if node.text is not None:
                yield name, node.text, node.row
        for node in environment.elements:
            text = node.text
            if text is not None and "=" in text.value:
                equals = text.value.index("=")
                yield text.value[:equals], text[equals + 1 :], node.row

    def _string(self, node: YamlNode | None) -> str | None:
        text = node.text if node is not None else None
        return interpolated(text, self._values).value if text is not None else None


def _as_mounted(argument: Argument, mounts: list[tuple[str, str]]) -> Argument:
    """A configuration file that a volume brings into the container, by its path in the project."""
    path = argument.text.value
    for source, target in mounts if path.endswith(".conf") else []:
        if path == target or path.startswith(f"{target}/"):
            return Argument(Text.of_nowhere(argument.text.source, source + path[len(target) :]), argument.span)
    return argument


def _last(layers: list[_Layer], key: str) -> _Layer | None:
    """What the last of the layers that has it says under a key."""
    for layer in reversed(layers):
        found = layer.node.get(key)
        if found is not None and (found.text is not None or found.is_list or found.entries):
            return _Layer(found, layer.source)
    return None
