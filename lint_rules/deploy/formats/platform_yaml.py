"""What do the blueprints of Render and the app specs of DigitalOcean start?"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.deploy.formats import Said
from lint_rules.deploy.model import Start, Variable
from lint_rules.deploy.notations.interpolation import is_known
from lint_rules.deploy.notations.yaml_nodes import YamlNode
from lint_rules.deploy.text import Source

_COMMANDS = ("startCommand", "dockerCommand", "run_command")


def starts_of(root: YamlNode, source: Source) -> Iterator[Said]:
    """The command of each service, worker and job; a shell reads them. An app spec may stand under `spec`, as on the deploy button."""
    top = root.get("spec") or root
    for group in ("services", "workers", "jobs"):
        found = top.get(group)
        for each in found.elements if found is not None else []:
            yield from _process(each, source)


def _process(process: YamlNode, source: Source) -> Iterator[Said]:
    named = process.get("name")
    name = (named.string if named is not None else None) or ""
    variables = [*_variables(process, name, source)]
    yield from variables
    for key in _COMMANDS:
        command = process.get(key)
        text = command.text if command is not None else None
        if text is not None:
            yield Start(source.file, text, environment={each.name: each.value for each in variables}, service=name)


def _variables(process: YamlNode, service: str, source: Source) -> Iterator[Variable]:
    listed = process.get("envVars") or process.get("envs")
    for each in listed.elements if listed is not None else []:
        name, value = each.get("key"), each.get("value")
        if name is not None and name.string and value is not None and value.string is not None and is_known(value.string):
            yield Variable(name.string, value.string, source.file, value.row, service)
