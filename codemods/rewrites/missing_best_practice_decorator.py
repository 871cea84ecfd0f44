"""CRB101, CRB104: `@shared_task(queue="mail", bind=True)` becomes
`@run_io_task_with_best_practices(config=IOTaskConfig(queue="mail"), bind=True)`.

The evidence chooses the decorator. Options move into the config where they mean the same there; all others stay as they are written.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from celery_best_practices.contract import CONFIGS, DECORATORS
from codemods.arguments import Item, argument, is_spread, items_of, laid_out
from codemods.change import Edit, Refused, Site, Undecided
from codemods.expressions import root_name
from codemods.options import config_fields
from codemods.registry import codemod
from lint_rules.rules.declaring.missing_best_practice_decorator import obstacle, suited_decorator

RUNTIME = "celery_best_practices"

CELERY_3 = ("celery.task", "celery.decorators")
"""Where decorators of before Celery 5 were that had no application."""

FIELD_ORDER = ("queue", "task_priority", "max_retries", "backoff", "rate_limit", "rate_window")


@codemod("CRB101", alters=("queue", "rate_limit"), settles=("CRB104", "CRB115"))
def missing_best_practice_decorator(site: Site) -> Iterator[Edit]:
    """Replace a plain Celery decorator by the one that fits the task's work."""
    yield from replaced(site, _workload(site))


@codemod("CRB104", alters=("queue", "rate_limit"), reveals=("CRB1", "CRB4"), settles=("CRB101", "CRB115"))
def coroutine_never_runs(site: Site) -> Iterator[Edit]:
    """Give a coroutine a decorator that runs it: db where all it does is database work, else io."""
    suited = suited_decorator(site.task, site.project)
    yield from replaced(site, "db" if suited == "db" else "io")


def replaced(site: Site, workload: str) -> Iterator[Edit]:
    """The edit that puts one of our decorators in the place of Celery's."""
    task, project = site.task, site.project
    reason = obstacle(task, project)
    if reason:
        raise Refused(reason)
    decorator = site.decorator
    call = decorator.decorator if isinstance(decorator.decorator, cst.Call) else None
    callee = call.func if call is not None else decorator.decorator
    items, last = items_of(call) if call is not None else ([], ())
    fields = config_fields(task, project, unsafe=site.choices.unsafe)
    inside: dict[str, Item] = {}
    outside: list[Item] = []
    for item in items:
        moved = fields.get(item.keyword) if _is_plain(item) else None
        if moved is None:
            outside.append(item)
        for n, (field, value) in enumerate(moved or ()):
            inside[field] = item.named(field, value or _own_value(item)) if n == 0 else argument(field, value or _own_value(item))
    if site.choices.route:
        inside["queue"] = argument("queue", f"{site.tree.quote}{workload}{site.tree.quote}")
    app = _application(callee, task.declaration.registrar)
    name = site.name(RUNTIME, DECORATORS[workload], decorator)
    config = site.name(RUNTIME, CONFIGS[workload], decorator)
    space = site.tree.space(decorator, 1)
    fields_in_order = [inside[field] for field in FIELD_ORDER if field in inside]
    made = laid_out(cst.Call(cst.parse_expression(config)), fields_in_order, (), space.within("config=,"))
    arguments = [argument("config", made), *([argument("app", app)] if app is not None else []), *outside]
    spread = call is not None and is_spread(call)
    new = laid_out((call or cst.Call(callee)).with_changes(func=cst.parse_expression(name)), arguments, last, space, spread)
    site.release(root_name(callee))
    yield Edit(decorator, lambda node: node.with_changes(decorator=new))


def _workload(site: Site) -> str:
    """cpu, io or db: what was chosen, else what the evidence says."""
    said = site.choices.workloads.get(site.task.name)
    suited = said or suited_decorator(site.task, site.project)
    if suited is None and not obstacle(site.task, site.project):
        seen = "may do more than is seen" if site.project.all_evidence(site.task) else "nothing shows what it does"
        raise Undecided(seen, f"What does {site.task.name} do?", tuple(DECORATORS))
    if suited == "cpu" and site.task.function.is_async:
        raise Refused("a coroutine computes on the event loop; @run_cpu_task_with_best_practices takes functions only")
    return suited or "io"


def _is_plain(item: Item) -> bool:
    """Whether nothing is lost where only the value in a dict is taken: no comment stands in it."""
    return not isinstance(item.arg.value, cst.Dict) or "#" not in cst.Module([]).code_for_node(item.arg.value)


def _own_value(item: Item) -> cst.BaseExpression:
    """The expression of an option; of a dict with one entry that of the entry."""
    value = item.arg.value
    only = value.elements[0] if isinstance(value, cst.Dict) and len(value.elements) == 1 else None
    return only.value if isinstance(only, cst.DictElement) else value


def _application(callee: cst.BaseExpression, registrar: str) -> cst.BaseExpression | None:
    """The application whose decorator it is, None for `shared_task`."""
    if registrar == "celery.shared_task":
        return None
    if isinstance(callee, cst.Attribute) and callee.attr.value == "task" and not registrar.startswith(CELERY_3):
        return callee.value
    raise Refused("the application behind its decorator is not written there")
