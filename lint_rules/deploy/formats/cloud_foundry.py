"""What do the applications of a Cloud Foundry manifest start?"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.deploy.formats import Said
from lint_rules.deploy.model import Start, Variable
from lint_rules.deploy.notations.interpolation import is_known
from lint_rules.deploy.notations.yaml_nodes import YamlNode
from lint_rules.deploy.text import Source


def starts_of(root: YamlNode, source: Source) -> Iterator[Said]:
    """The command of each application, and those of its processes and sidecars. A shell reads them all."""
    applications = root.get("applications")
    for application in applications.elements if applications is not None else []:
        named = application.get("name")
        name = (named.string if named is not None else None) or ""
        variables = [*_variables(application, name, source)]
        yield from variables
        environment = {each.name: each.value for each in variables}
        for each in (application, *_listed(application, "processes"), *_listed(application, "sidecars")):
            command = each.get("command")
            text = command.text if command is not None else None
            if text is not None:
                yield Start(source.file, text, environment=environment, service=name)


def _listed(application: YamlNode, key: str) -> list[YamlNode]:
    found = application.get(key)
    return found.elements if found is not None else []


def _variables(application: YamlNode, service: str, source: Source) -> Iterator[Variable]:
    """The environment; `((name))` is filled in when it is pushed."""
    environment = application.get("env")
    for name, node in (environment.entries if environment is not None else {}).items():
        value = node.string
        if value is not None and is_known(value) and "((" not in value:
            yield Variable(name, value, source.file, node.row, service)
