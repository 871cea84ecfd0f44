"""What do the containers of Kubernetes manifests, and of Helm's templates of them, start?

A container's `command` takes the place of the image's entry point, its `args` follow. `args` alone go to an entry point that is not known:
they are read as a command unless they begin with an option.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from lint_rules.deploy.formats import Said
from lint_rules.deploy.model import RedisServer, Start, Variable
from lint_rules.deploy.notations.arguments import Argument, script, split
from lint_rules.deploy.notations.interpolation import is_known
from lint_rules.deploy.notations.literals import concatenated
from lint_rules.deploy.notations.yaml_nodes import YamlNode
from lint_rules.deploy.redis_image import server_of, with_server
from lint_rules.deploy.text import Source, Text

_TEMPLATES = (("spec", "template"), ("spec", "jobTemplate", "spec", "template"), ())
"""Where a pod's template stands: in workloads of any kind, in a CronJob, and a Pod is one itself."""

_REFERENCE = re.compile(r"\$\$(?=\()|\$\((?P<name>[\w.-]+)\)")
_DEFAULT = re.compile(r"\$\{\w+:?-(?P<default>[^{}$]*)\}")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]+")
_CONF = re.compile(r"(redis|valkey)[\w.-]*\.conf")


_Labels: TypeAlias = frozenset[tuple[str, str]]


class _Pod(NamedTuple):
    name: str
    """What the object is called; "" where a template makes its name."""
    host: str
    """The Service that leads to it, where the file has one, else its name."""
    spec: YamlNode


def starts_of(roots: Iterable[YamlNode], source: Source) -> Iterator[Said]:
    """What the objects of a file start."""
    objects = [each for root in roots for each in _objects(root)]
    hosts = dict(_hosts(objects))
    for each in objects:
        if _said(each, "kind") == "ConfigMap":
            yield from _config_map(each, source)
        pod = _pod(each, hosts)
        if pod is not None:
            for container in _containers(pod):
                yield from _container(container, pod, source)


def _objects(root: YamlNode) -> Iterator[YamlNode]:
    """The object, or those that a List (or an OpenShift Template) holds."""
    holder = root.get("items") or root.get("objects")
    yield from holder.elements if holder is not None else [root]


def _hosts(objects: list[YamlNode]) -> Iterator[tuple[_Labels, str]]:
    """The name of each Service by the labels that it selects."""
    for each in objects:
        labels = _labels(each.get("spec", "selector")) if _said(each, "kind") == "Service" else None
        if labels:
            yield labels, _said(each, "metadata", "name")


def _pod(each: YamlNode, hosts: Mapping[_Labels, str]) -> _Pod | None:
    for path in _TEMPLATES:
        template = each.get(*path)
        spec = template.get("spec") if template is not None else None
        if template is not None and spec is not None and spec.get("containers") is not None:
            name, labels = _said(each, "metadata", "name"), _labels(template.get("metadata", "labels"))
            return _Pod(name, next((host for selected, host in hosts.items() if host and selected <= labels), name), spec)
    return None


def _labels(node: YamlNode | None) -> _Labels:
    return frozenset((name, each.string or "") for name, each in node.entries.items()) if node is not None else frozenset()


def _containers(pod: _Pod) -> Iterator[YamlNode]:
    """The containers that run for as long as the pod; an init container does where it is always started again."""
    containers, first = pod.spec.get("containers"), pod.spec.get("initContainers")
    yield from containers.elements if containers is not None else []
    yield from (each for each in (first.elements if first is not None else []) if _said(each, "restartPolicy") == "Always")


def _container(container: YamlNode, pod: _Pod, source: Source) -> Iterator[Said]:
    name = _said(container, "name")
    service = pod.name or name
    variables = [*_variables(container, service, source)]
    yield from variables
    environment = {each.name: each.value for each in variables}
    command, arguments = (_arguments(container.get(key), environment) for key in ("command", "args"))
    image = container.get("image")
    server = server_of(image.string or "") if image is not None and not command else None
    if server is not None and image is not None:
        if not arguments and image.span is not None:
            yield RedisServer(source.file, image.span, "image", service=pod.host or name)
        command, arguments, service = with_server(arguments, server, source), (), pod.host or name
    if command or (arguments and not arguments[0].text.value.startswith("-")):
        yield _start((*command, *arguments), environment, service, source)


def _start(arguments: tuple[Argument, ...], environment: Mapping[str, str], service: str, source: Source) -> Start:
    shell = script(arguments)
    words = () if shell is not None else tuple(Argument(_with_defaults(each.text), each.span).word for each in arguments)
    return Start(source.file, shell, words, environment, service)


def _arguments(node: YamlNode | None, environment: Mapping[str, str]) -> tuple[Argument, ...]:
    if node is None:
        return ()
    if node.text is not None:  # a template makes the list, or somebody forgot that it is one
        return split(_expanded(node.text, environment)) if is_known(node.text.value) else ()
    items = [(each.text, each.span) for each in node.elements]
    return tuple(Argument(_expanded(text, environment), span) for text, span in items if text is not None)


# ── Variables ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _variables(container: YamlNode, service: str, source: Source) -> Iterator[Variable]:
    env = container.get("env")
    known: dict[str, str] = {}
    for each in env.elements if env is not None else []:
        name, value = each.get("name"), each.get("value")
        text = value.text if value is not None else None
        if name is None or not name.string or value is None or text is None:
            continue
        said = _expanded(text, known).value
        if is_known(said):
            known[name.string] = said
            yield Variable(name.string, said, source.file, value.row, service)


def _expanded(text: Text, environment: Mapping[str, str]) -> Text:
    """The text with each `$(NAME)` that the container's environment knows; `$$(` is `$(`."""
    parts: list[Text] = []
    place = 0
    for match in _REFERENCE.finditer(text.value):
        if match["name"] is None:
            parts.append(text[place : match.start() + 1])
            place = match.end()
        elif match["name"] in environment and not text.value.startswith("$", match.start() - 1):
            parts += [text[place : match.start()], Text.of_nowhere(text.source, environment[match["name"]])]
            place = match.end()
    return concatenated(text.source, [*parts, text[place:]])


def _with_defaults(text: Text) -> Text:
    """The text with the default of each `${NAME:-default}`: Kubernetes fills none in, `envsubst` and its like do before it reads them."""
    parts: list[Text] = []
    place = 0
    for match in _DEFAULT.finditer(text.value):
        parts += [text[place : match.start()], text[slice(*match.span("default"))]]
        place = match.end()
    return concatenated(text.source, [*parts, text[place:]])


# ── Configuration ────────────────────────────────────────────────────────────────────────────────────────────────────


def _config_map(config: YamlNode, source: Source) -> Iterator[Said]:
    """The redis.conf that a ConfigMap holds, and its entries that are named like variables."""
    data = config.get("data")
    name = _said(config, "metadata", "name")
    for key, node in (data.entries if data is not None else {}).items():
        text = node.text
        if text is not None and text.span is not None and _CONF.fullmatch(key):
            from lint_rules.deploy.formats.redis_conf import directives_of

            yield RedisServer(source.file, text.span, "conf", directives_of(text), name)
        elif text is not None and _VARIABLE.fullmatch(key) and is_known(text.value):
            yield Variable(key, text.value, source.file, node.row, name)


def _said(node: YamlNode, *path: str) -> str:
    """The text under a path; "" where there is none or a template makes it."""
    found = node.get(*path)
    said = found.string if found is not None else None
    return said if said is not None and is_known(said) else ""
