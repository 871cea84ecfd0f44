"""CRB103: the config class of another decorator and misspelt fields: `config=IOTaskConfig(max_retrys=3)` under
`@run_db_task_with_best_practices` becomes `config=DBTaskConfig(max_retries=3)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from celery_best_practices.contract import CONFIGS, FIELD_BY_NAME, WORKLOAD_OF_CONFIG
from codemods.change import Edit, Refused, Site
from codemods.registry import codemod
from lint_rules.rules.declaring.decorator_config_mismatch import better_field

RUNTIME = "celery_best_practices"


@codemod("CRB103", alters=("options",))
def decorator_config_mismatch(site: Site) -> Iterator[Edit]:
    """Give the config the class and the fields that it is meant to have."""
    arg = site.arguments.get("config")
    if arg is None or not isinstance(arg.value, cst.Call):
        raise Refused("its config is missing, passed by position, or made elsewhere")
    config = arg.value
    wrong = [each.keyword.value for each in config.args if each.keyword is not None and each.keyword.value not in FIELD_BY_NAME]
    better = {name: better_field(name) for name in wrong}
    given = {each.keyword.value for each in config.args if each.keyword is not None}
    if not all(better.values()) or not given.isdisjoint(better.values()):
        raise Refused("a field is unknown, and which one is meant cannot be told")
    if not wrong and site.finding.fix is None:
        raise Refused("which value is meant cannot be told")
    written = config.func.attr if isinstance(config.func, cst.Attribute) else config.func
    wanted = CONFIGS[site.task.declaration.workload or "io"]
    if isinstance(written, cst.Name) and written.value in WORKLOAD_OF_CONFIG and written.value != wanted:
        yield from _class(site, config.func, wanted)
    for each in config.args:
        if each.keyword is not None and each.keyword.value in better:
            yield Edit(each.keyword, partial(_named, better[each.keyword.value]))


def _named(name: str, node: cst.Name) -> cst.Name:
    return node.with_changes(value=name)


def _class(site: Site, func: cst.BaseExpression, wanted: str) -> Iterator[Edit]:
    """The edit that names another class, from where the old one came."""
    if isinstance(func, cst.Attribute):
        yield Edit(func, lambda node: node.with_changes(attr=cst.Name(wanted)))
        return
    assert isinstance(func, cst.Name)
    source = site.source(func.value) or RUNTIME
    text = site.name(source, wanted, site.decorator)
    site.release(func.value)
    yield Edit(func, lambda node: cst.parse_expression(text))
