"""CRB103: the config class of another decorator and misspelt fields: `config=IOTaskConfig(max_retrys=3)` under
`@run_db_task_with_best_practices` becomes `config=DBTaskConfig(max_retries=3)`. A config by position gets its keyword,
a missing one is added.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from celery_best_practices.contract import CONFIGS, FIELD_BY_NAME
from codemods.arguments import TIGHT, argument, is_spread, items_of, laid_out
from codemods.change import Edit, Refused, Site
from codemods.registry import codemod
from lint_rules.rules.declaring.decorator_config_mismatch import better_field

RUNTIME = "celery_best_practices"


@codemod("CRB103", alters=("options",))
def decorator_config_mismatch(site: Site) -> Iterator[Edit]:
    """Give the config the class and the fields that it is meant to have."""
    arg = site.arguments.get("config")
    if arg is None:
        yield _given(site)
        return
    if not isinstance(arg.value, cst.Call):
        raise Refused("its config is made elsewhere")
    config = arg.value
    place, decorator = site.finding.place, site.project.at_decorator(site.task)
    if (place.row, place.column) == (decorator.row, decorator.column):
        yield from _class(site, config.func, CONFIGS[site.task.declaration.workload or "io"])
    else:
        yield from _fields(site, config)


def _given(site: Site) -> Edit:
    """The edit that passes the config by keyword."""
    if site.finding.fix is None:
        raise Refused("which of its arguments is the config cannot be told")
    space = site.tree.space(site.decorator, 1)
    if site.task.declaration.positional:
        return site.declaration(_named_config)
    default = site.name(RUNTIME, CONFIGS[site.task.declaration.workload or "io"], site.decorator)

    def added(call: cst.Call) -> cst.Call:
        items, last = items_of(call)
        return laid_out(call, [argument("config", f"{default}()"), *items], last, space, is_spread(call))

    return site.declaration(added)


def _named_config(call: cst.Call) -> cst.Call:
    first, *others = call.args
    return call.with_changes(args=[first.with_changes(keyword=cst.Name("config"), equal=TIGHT), *others])


def _fields(site: Site, config: cst.Call) -> Iterator[Edit]:
    """The edits that spell the fields right."""
    given = [each.keyword for each in config.args if each.keyword is not None]
    better = {name.value: better_field(name.value) for name in given if name.value not in FIELD_BY_NAME}
    meant = [better.get(name.value, name.value) for name in given]
    if site.finding.fix is None or not better or len({*meant}) < len(meant):
        raise Refused("which field or which value is meant cannot be told")
    for name in given:
        if name.value in better:
            yield Edit(name, partial(_named, better[name.value]))


def _named(name: str, node: cst.Name) -> cst.Name:
    return node.with_changes(value=name)


def _class(site: Site, func: cst.BaseExpression, wanted: str) -> Iterator[Edit]:
    """The edit that names another class, from where the old one came."""
    written = func.attr if isinstance(func, cst.Attribute) else func
    if not isinstance(written, cst.Name) or written.value == wanted or site.finding.fix is None:
        raise Refused("what is wrong is no class of another decorator")
    if isinstance(func, cst.Attribute):
        yield Edit(func, lambda node: node.with_changes(attr=cst.Name(wanted)))
        return
    text = site.name(site.source(written.value) or RUNTIME, wanted, site.decorator)
    site.release(written.value)
    yield Edit(func, lambda node: cst.parse_expression(text))
