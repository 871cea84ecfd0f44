"""CRB115: `@app.task(queue="mail")` becomes `@app.task`, and the task gets an entry in the project's `task_routes`:

    task_routes = {"shop.tasks.send": {"queue": "mail"}}

The entry comes first, in the file of the settings; once it says the same, the option goes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import libcst as cst

from codemods.arguments import is_spread, items_of, laid_out
from codemods.change import Edit, Refused, Site
from codemods.registry import codemod
from codemods.routes import literal_routes, route_of
from lint_rules.findings import Finding
from lint_rules.knowledge.celery_options import DEPRECATED_ATTRIBUTES
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task


def file_to_edit(finding: Finding, task: Task | None, project: Project) -> str:
    """The file of the settings as long as they lack the entry, then that of the declaration."""
    routes = literal_routes(project)
    if task is None or routes is None or _settled(task, project):
        return finding.place.file
    return routes.file


@codemod("CRB115", file_to_edit=file_to_edit)
def deprecated_task_attribute(site: Site) -> Iterator[Edit]:
    """Route the task in the settings."""
    task, project = site.task, site.project
    if task.declaration.form not in ("plain", "call") or task.declaration.opaque:
        raise Refused("its options are written elsewhere")
    routes = literal_routes(project)
    if routes is None:
        raise Refused("the project has no single task_routes that is written as a dict")
    options = _options(task, project)
    if not all(isinstance(value, (str, int)) for value in options.values()):
        raise Refused("the option is no literal, and its names may mean something else in the settings")
    if _settled(task, project):
        yield site.declaration(lambda call: _without(site, call, options))
        return
    if route_of(task.name, project):
        raise Refused("task_routes has an entry for it that says something else")
    table = site.tree.routes(routes.row)
    entry = cst.DictElement(cst.parse_expression(json.dumps(task.name)), cst.parse_expression(json.dumps(options)))
    yield Edit(table, lambda node: _extended(node, entry))


def _options(task: Task, project: Project) -> dict[str, object]:
    return {name: project.option(task, name) for name in DEPRECATED_ATTRIBUTES if project.option(task, name) is not None}


def _settled(task: Task, project: Project) -> bool:
    """Whether task_routes says what the declaration says."""
    return _options(task, project).items() <= route_of(task.name, project).items()


def _without(site: Site, call: cst.Call, options: dict[str, object]) -> cst.Call:
    items, last = items_of(call)
    if any(item.keyword in options and (item.above or item.behind) for item in items):
        raise Refused("a comment speaks of the option")
    kept = [item for item in items if item.keyword not in options]
    return laid_out(call, kept, last, site.tree.space(site.decorator, 1), is_spread(call) and len(kept) > 1)


def _extended(table: cst.Dict, entry: cst.DictElement) -> cst.Dict:
    """The dict with one more entry at its end, on a line of its own where the others stand so."""
    if not table.elements:
        return table.with_changes(elements=[entry])
    *others, last = table.elements
    opening, closing = table.lbrace.whitespace_after, table.rbrace.whitespace_before
    if not isinstance(opening, cst.ParenthesizedWhitespace) or not isinstance(closing, cst.ParenthesizedWhitespace):
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        return table.with_changes(elements=[*others, last.with_changes(comma=comma), entry])
    behind = cst.Comma(whitespace_after=closing.with_changes(last_line=opening.last_line))  # with its comment
    bare = closing.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=[])
    return table.with_changes(
        elements=[*others, last.with_changes(comma=behind), entry.with_changes(comma=cst.Comma())],
        rbrace=table.rbrace.with_changes(whitespace_before=bare),
    )
