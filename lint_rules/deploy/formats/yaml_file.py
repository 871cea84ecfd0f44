"""Which of the YAML formats is a file of, and what does it start?

Parsing is slow and most YAML files are of none: a document is only parsed where it has the keys of one of them at its margin.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from lint_rules.deploy.formats import Broken, Neighbours, Said, cloud_foundry, compose, kubernetes, platform_yaml
from lint_rules.deploy.notations.yaml_nodes import YamlNode, documents
from lint_rules.deploy.text import Source


def _at_margin(*keys: str) -> re.Pattern[str]:
    return re.compile(rf"""^(["']?)(?:{"|".join(keys)})\1[ \t]*:""", re.MULTILINE)


_ANY = _at_margin("services", "workers", "jobs", "spec", "applications", "kind")
_SERVICES = _at_margin("services")
_PLATFORM = _at_margin("services", "workers", "jobs", "spec")
_PLATFORM_COMMAND = re.compile(r"\b(startCommand|dockerCommand|run_command)\b")
_RUNS = re.compile(r"\b(command|entrypoint|image|environment|extends)\b")
_APPLICATIONS = _at_margin("applications")
_KIND = _at_margin("kind")
_OBJECT = re.compile(r"\bcontainers\b|\bkind[\"']?[ \t]*:[ \t]*[\"']?(ConfigMap|Service|List)\b")
_DEFINITION = re.compile(r"^kind:[ \t]*CustomResourceDefinition", re.MULTILINE)
_FIRST_VERSION = re.compile(r"^ +[\"']?(image|build|command)[\"']?[ \t]*:", re.MULTILINE)
_MATTERS = re.compile(r"celery|redis|valkey|worker", re.IGNORECASE)


def starts(source: Source, neighbours: Neighbours) -> Iterator[Said]:
    """What a YAML file starts, where it is a Compose file, a Kubernetes manifest or one of the platforms' own."""
    if _ANY.search(source.text) is None and not _named_compose(source):
        return
    objects: list[YamlNode] = []
    broken: Broken | None = None
    try:
        for root in documents(source, lambda text: _is_ours(text, _named_compose(source))):
            if root.get("kind") is not None:
                objects.append(root)
            else:
                yield from _said(root, source, neighbours)
    except Broken as error:
        broken = error
    yield from kubernetes.starts_of(objects, source)
    if broken is not None:
        raise broken


def _said(root: YamlNode, source: Source, neighbours: Neighbours) -> Iterator[Said]:
    services = root.get("services")
    if root.get("applications") is not None:
        yield from cloud_foundry.starts_of(root, source)
    elif services.entries if services is not None else _named_compose(source):
        yield from compose.starts_of(root, source, neighbours)
    else:
        yield from platform_yaml.starts_of(root, source)


# ── By the text alone ────────────────────────────────────────────────────────────────────────────────────────────────


def _named_compose(source: Source) -> bool:
    return "compose" in posixpath.basename(source.file).lower()


def _is_ours(text: str, named_compose: bool) -> bool:
    return _is_compose(text, named_compose) or _is_kubernetes(text) or _is_platform(text)


def _is_compose(text: str, named: bool) -> bool:
    if _SERVICES.search(text):
        return _RUNS.search(text) is not None
    return named and _FIRST_VERSION.search(text) is not None


def _is_kubernetes(text: str) -> bool:
    return bool(_KIND.search(text) and _OBJECT.search(text) and _MATTERS.search(text) and not _DEFINITION.search(text))


def _is_platform(text: str) -> bool:
    return bool(_APPLICATIONS.search(text) or (_PLATFORM.search(text) and _PLATFORM_COMMAND.search(text)))
