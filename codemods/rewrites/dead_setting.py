"""CRB213: `task_ack_late = True` becomes `task_acks_late = True`, wherever the file sets it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import libcst as cst

from codemods.change import Edit, Refused, Site
from codemods.registry import codemod
from codemods.written_settings import written_settings
from lint_rules.project.mentions import is_read

_NAMES = re.compile(r"(?P<name>\w+)\b.*; write (?P<better>\w+)", re.DOTALL)
_BETTER = re.compile(r"write (?P<better>\w+)")

COMES_TO_LIFE = ("CRB1", "CRB2", "CRB5", "CRB6")
"""A setting that starts to count may make or settle findings of all that goes by settings."""


@codemod("CRB213", reveals=COMES_TO_LIFE, settles=COMES_TO_LIFE)
def dead_setting(site: Site) -> Iterator[Edit]:
    """Spell settings the way Celery reads them."""
    if site.finding.fix is None:
        raise Refused("which setting is meant cannot be told, or there is none")
    for name, better in _renamed(site):
        found = written_settings(site.tree, name)
        if not found:
            raise Refused(f"{name} is not written there in a way that could be changed")
        if is_read(site.project.index, name):
            raise Refused(f"the project reads {name} somewhere")
        if written_settings(site.tree, better):
            raise Refused(f"{better} is set as well")
        for each in found:
            yield Edit(each.name, partial(_instead, name, better))


def _renamed(site: Site) -> Iterator[tuple[str, str]]:
    """The names that the finding speaks of, each with the one to write; in a module that mixes old and new names there are several."""
    said = _NAMES.match(site.finding.message)
    if said is None:
        raise Refused("the name to write is not known")
    yield said["name"], said["better"]
    for related in site.finding.related:
        better = _BETTER.fullmatch(related.message)
        line = site.tree.statement(related.row) if better else None
        if better and isinstance(line, cst.SimpleStatementLine) and isinstance(line.body[0], cst.Assign):
            target = line.body[0].targets[0].target
            if isinstance(target, cst.Name):
                yield target.value, better["better"]


def _instead(old: str, new: str, node: cst.Name | cst.SimpleString) -> cst.Name | cst.SimpleString:
    return node.with_changes(value=node.value.replace(old, new))
