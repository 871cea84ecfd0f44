"""CRB404: a task that begins with waiting for something retries instead of sleeping:

    while state_of(export) != "ready":          if state_of(export) != "ready":
        time.sleep(30)                              raise self.retry(countdown=30)

with `bind=True`, `max_retries=None` and a first parameter `self`: it waits as long as it did before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from codemods.arguments import argument, first_option, is_spread, items_of, laid_out, map_keyword
from codemods.callers import called_directly
from codemods.change import Edit, Refused, Site
from codemods.expressions import negated, root_name
from codemods.registry import codemod
from lint_rules.project.tasks import rendered
from lint_rules.rules.declaring.declarations import below

NO_WAIT = "it is no loop that only waits for something and looks again"


@codemod("CRB404", alters=("bind", "max_retries", "parameters"))
def sleep_in_task(site: Site) -> Iterator[Edit]:
    """Retry with a countdown where the task only waits and looks again."""
    task, tree = site.task, site.tree
    call = tree.call(site.finding.place)
    loop, function = tree.within(call, cst.While), tree.within(call, cst.FunctionDef)
    if loop is None or function is None or site.decorator not in function.decorators:
        raise Refused(NO_WAIT)
    condition = _awaited(loop, call)
    if loop not in function.body.body or not all(_is_inert(each) for each in function.body.body[: function.body.body.index(loop)]):
        raise Refused("a retry begins with the task's first line again, and work is done before the loop")
    if len(call.args) != 1 or call.args[0].star:
        raise Refused(NO_WAIT)
    if task.declaration.form not in ("plain", "ours") or task.declaration.opaque:
        raise Refused("its declaration cannot be given bind=True")
    if site.project.option(task, "max_retries") is not None or _retries_otherwise(site):
        raise Refused("it may retry for another reason, which must not go on for ever, or its max_retries would end the wait")
    place = called_directly(task, site.project)
    if place:
        raise Refused(f"it is also called as a function ({place}), which cannot retry")
    bound = task.flag("bind")
    if (bound and not task.function.positional) or (not bound and any(each.name == "self" for each in task.function.parameters)):
        raise Refused("bind and its first parameter do not agree")
    if not bound and below(task):
        raise Refused("the decorators below the task's would be given self")
    own = task.function.positional[0].name if bound else "self"
    retry = f"raise {own}.retry(countdown={tree.code(call.args[0].value)})"
    yield Edit(loop, lambda node: _looking_once(node, condition, retry, tree.module))
    yield site.declaration(lambda node: _endless(site, node))
    if not bound:
        yield Edit(function.params, _with_self)
    site.release(root_name(call.func))


def _awaited(loop: cst.While, call: cst.Call) -> cst.BaseExpression:
    """The condition under which the task goes on waiting.

    Raises:
        Refused: the loop does more than that.
    """
    body = loop.body.body
    if loop.orelse is None and len(body) == 1 and _is_statement(body[0], call):
        return loop.test
    if loop.orelse is None and len(body) == 2 and isinstance(loop.test, cst.Name) and loop.test.value == "True":
        test, pause = body
        if isinstance(test, cst.If) and test.orelse is None and _breaks(test.body) and _is_statement(pause, call):
            return negated(test.test)
    raise Refused(NO_WAIT)


def _is_statement(node: cst.CSTNode, call: cst.Call) -> bool:
    small: cst.CSTNode = node.body[0] if isinstance(node, cst.SimpleStatementLine) and len(node.body) == 1 else node
    return isinstance(small, cst.Expr) and small.value is call


def _breaks(suite: cst.BaseSuite) -> bool:
    body: Sequence[cst.CSTNode] = suite.body
    inner = body[0].body if len(body) == 1 and isinstance(body[0], cst.SimpleStatementLine) else body
    return len(inner) == 1 and isinstance(inner[0], cst.Break)


def _is_inert(node: cst.CSTNode) -> bool:
    """Whether a statement may run again without harm: a docstring, an import, `pass`."""
    if not isinstance(node, cst.SimpleStatementLine):
        return False
    return all(
        isinstance(each, (cst.Import, cst.ImportFrom, cst.Pass))
        or (isinstance(each, cst.Expr) and isinstance(each.value, (cst.SimpleString, cst.ConcatenatedString)))
        for each in node.body
    )


def _retries_otherwise(site: Site) -> bool:
    """Whether the task may retry for another reason than the wait: by itself, by its config, or in its own code."""
    task = site.task
    if task.option("autoretry_for") is not None or any(rendered(call.func).endswith("retry") for call in task.function.body.calls):
        return True
    config = site.arguments["config"].value if "config" in site.arguments else None
    if config is None:
        return task.option("config") is not None
    return not isinstance(config, cst.Call) or any(
        arg.star or (arg.keyword is not None and arg.keyword.value in ("max_retries", "backoff")) for arg in config.args
    )


def _looking_once(loop: cst.While, condition: cst.BaseExpression, retry: str, module: cst.Module) -> cst.If:
    """The loop as one look; comments that stood in it stay in front of the retry."""
    raising = cst.parse_statement(retry, config=module.config_for_parsing)
    first, last = loop.body.body[0], loop.body.body[-1]
    lines = [*getattr(first, "leading_lines", ()), *(getattr(last, "leading_lines", ()) if last is not first else ())]
    kept = [line for line in lines if line.comment is not None]
    trailing = getattr(last, "trailing_whitespace", None)
    raising = raising.with_changes(leading_lines=kept, **({"trailing_whitespace": trailing} if trailing is not None else {}))
    block = loop.body if isinstance(loop.body, cst.IndentedBlock) else cst.IndentedBlock([])
    return cst.If(
        test=condition,
        body=block.with_changes(body=[raising]),
        leading_lines=loop.leading_lines,
        whitespace_before_test=cst.SimpleWhitespace(" "),
        whitespace_after_test=loop.whitespace_before_colon,
    )


def _endless(site: Site, call: cst.Call) -> cst.Call:
    """The declaration with `bind=True` and `max_retries=None`."""
    items, last = items_of(map_keyword(call, "bind", lambda arg: arg.with_changes(value=cst.Name("True"))))
    given = [item.keyword for item in items]
    place = given.index("bind") + 1 if "bind" in given else first_option(items)
    wanted = {"bind": "True", "max_retries": "None"}
    items[place:place] = [argument(keyword, value) for keyword, value in wanted.items() if keyword not in given]
    return laid_out(call, items, last, site.tree.space(site.decorator, 1), is_spread(call))


def _with_self(parameters: cst.Parameters) -> cst.Parameters:
    own = cst.Param(cst.Name("self"))
    if parameters.posonly_params:
        return parameters.with_changes(posonly_params=[own, *parameters.posonly_params])
    return parameters.with_changes(params=[own, *parameters.params])
