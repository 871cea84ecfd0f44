"""CRB102: `@run_cpu_task_with_best_practices(config=CPUTaskConfig(...))` above a task that only waits becomes
`@run_io_task_with_best_practices(config=IOTaskConfig(...))`.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from celery_best_practices.contract import CONFIGS, DECORATORS
from codemods.arguments import map_keyword
from codemods.change import Edit, Refused, Site
from codemods.registry import codemod
from lint_rules.rules.declaring.wrong_decorator_for_workload import ASIDE, seen_workload

RUNTIME = "celery_best_practices"


@codemod("CRB102", settles=("CRB401", "CRB402", "CRB408", "CRB409"))
def wrong_decorator_for_workload(site: Site) -> Iterator[Edit]:
    """Declare the task as what it is seen to do."""
    task, declared = site.task, site.task.declaration.workload
    suited = seen_workload(declared, site.project.effects(task) - ASIDE) if declared is not None else None
    if declared is None or suited is None:
        raise Refused("what it does is not certain")
    if suited == "cpu" and task.function.is_async:
        raise Refused("a coroutine computes on the event loop; @run_cpu_task_with_best_practices takes functions only")
    call = site.decorator.decorator
    arg = site.arguments.get("config")
    if not isinstance(call, cst.Call) or arg is None or not isinstance(arg.value, cst.Call):
        raise Refused("its config is made elsewhere")
    decorator = _renamed(site, call.func, DECORATORS[declared], DECORATORS[suited])
    config = _renamed(site, arg.value.func, CONFIGS[declared], CONFIGS[suited])

    def changed(node: cst.Call) -> cst.Call:
        node = node.with_changes(func=decorator)
        return map_keyword(node, "config", lambda arg: arg.with_changes(value=arg.value.with_changes(func=config)))

    yield site.declaration(changed)


def _renamed(site: Site, expression: cst.BaseExpression, old: str, new: str) -> cst.BaseExpression:
    """The expression for another name of the module that this one comes from.

    Raises:
        Refused: it is not written as `old`, or as a name of a module.
    """
    if isinstance(expression, cst.Attribute) and expression.attr.value == old:
        return expression.with_changes(attr=cst.Name(new))
    if not isinstance(expression, cst.Name):
        raise Refused(f"{old} is written in another way")
    source = site.source(expression.value)
    if source is None:
        raise Refused(f"{old} is imported under another name, or not at the top of the file")
    text = site.name(source, new, site.decorator)
    site.release(expression.value)
    return cst.parse_expression(text)
