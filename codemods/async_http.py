"""Requests of `requests` and `httpx` as requests of an `httpx.AsyncClient`, where both mean the same."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from codemods.arguments import Item, Space, argument, is_spread, items_of, laid_out
from codemods.change import Edit, Refused, Site
from codemods.expressions import awaited, root_name
from lint_rules.facts.model import Import

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")

OF_THE_REQUEST = frozenset({"params", "headers", "json", "follow_redirects", "timeout", "content", "data", "auth"})
"""httpx arguments that a client's methods take; the others belong to the client."""

OF_REQUESTS = frozenset({"params", "headers", "json", "timeout", "allow_redirects"})
"""Arguments of requests that httpx has too, in the same form or another."""

WITH_BODY = ("post", "put", "patch")
"""Methods of httpx that take `json`."""

ALIKE = frozenset({"status_code", "text", "content", "headers", "json", "raise_for_status", "encoding"})
"""What a response of requests and one of httpx have in common (`url` is no text in httpx)."""


def as_async_client(site: Site, call: cst.Call, path: str) -> Edit | None:
    """The statement around the call under `async with httpx.AsyncClient()`; None where that might mean something else."""
    library, _, method = path.partition(".")
    tree = site.tree
    line = tree.within(call, cst.SimpleStatementLine)
    if method not in METHODS or line is None or len(line.body) != 1 or not isinstance(tree.parent(line), cst.IndentedBlock):
        return None
    if (
        any(isinstance(each, (cst.CompFor, cst.Lambda, cst.Await)) for each in _between(site, call, line))
        or not call.args
        or call.args[0].star
    ):
        return None
    if library == "requests" and not (_uses_httpx(site) and _means_the_same(site, call, line)):
        return None
    try:
        items, last = items_of(call)
        module = site.name("httpx", None, call)
    except Refused:
        return None
    sorted_out = _arguments(items, library, method, module)
    if sorted_out is None:
        return None
    of_client, of_request = sorted_out
    client = _free_name(site, call)
    parent, space = tree.parent(call), tree.space(call)
    request = cst.parse_expression(f"{client}.{method}")
    made = laid_out(cst.Call(cst.parse_expression(f"{module}.AsyncClient")), of_client, (), space)

    def changed(node: cst.SimpleStatementLine) -> cst.With:
        new = laid_out(call.with_changes(func=request, lpar=[], rpar=[]), of_request, last, space, is_spread(call))
        inner = node.deep_replace(call, awaited(new.with_changes(lpar=call.lpar, rpar=call.rpar), parent))
        assert isinstance(inner, cst.SimpleStatementLine)
        return cst.With(
            items=[cst.WithItem(made, cst.AsName(cst.Name(client)))],
            body=cst.IndentedBlock([inner.with_changes(leading_lines=[])]),
            asynchronous=cst.Asynchronous(),
            leading_lines=node.leading_lines,
        )

    site.release(root_name(call.func))
    return Edit(line, changed)


def _arguments(items: list[Item], library: str, method: str, module: str) -> tuple[list[Item], list[Item]] | None:
    """The arguments of the client and of the request, None where one of them has no equal."""
    of_client: list[Item] = []
    of_request: list[Item] = []
    given = {item.keyword for item in items}
    for n, item in enumerate(items):
        if item.arg.star or (not item.keyword and n > 0):
            return None
        if library == "httpx":
            (of_request if not item.keyword or item.keyword in OF_THE_REQUEST else of_client).append(item)
        elif item.keyword == "allow_redirects":
            of_request.append(item.named("follow_redirects"))
        elif item.keyword == "timeout" and isinstance(item.arg.value, cst.Tuple):
            elements = [element.value for element in item.arg.value.elements]
            if len(elements) != 2:
                return None
            of_request.append(item.named("timeout", _timeout(module, *elements)))
        elif not item.keyword or (item.keyword in OF_REQUESTS and (item.keyword != "json" or method in WITH_BODY)):
            of_request.append(item)
        else:
            return None
    if library == "requests" and "allow_redirects" not in given and method != "head":
        of_request.append(argument("follow_redirects", "True"))
    return of_client, of_request


def _timeout(module: str, connect: cst.BaseExpression, read: cst.BaseExpression) -> cst.BaseExpression:
    call = cst.Call(cst.parse_expression(f"{module}.Timeout"))
    return laid_out(call, [Item(cst.Arg(read)), argument("connect", connect)], (), Space(88, ""))


def _between(site: Site, node: cst.CSTNode, outer: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for each in site.tree.around(node):
        if each is outer:
            return
        yield each


def _uses_httpx(site: Site) -> bool:
    """Whether the project imports httpx where it runs: it is no new dependency then."""
    imports: Iterator[Import] = (item for module in site.project.index.loaded() for item in module.facts.body.imports)
    return any(item.module.partition(".")[0] == "httpx" and not item.level and not item.typing_only for item in imports)


def _means_the_same(site: Site, call: cst.Call, line: cst.SimpleStatementLine) -> bool:
    """Whether nothing around the call can tell a response or an error of requests from one of httpx."""
    tree = site.tree
    around = tree.around(call)
    if any(isinstance(each, cst.Try) for each in around) or site.task.option("autoretry_for") is not None or _retries(site):
        return False
    parent = around[0]
    if isinstance(parent, cst.Attribute):
        return parent.attr.value in ALIKE
    statement = line.body[0]
    if isinstance(statement, cst.Expr) and statement.value is call:
        return True
    if not (isinstance(statement, cst.Assign) and statement.value is call and len(statement.targets) == 1):
        return False
    target = statement.targets[0].target
    function = tree.within(line, cst.FunctionDef)
    return isinstance(target, cst.Name) and function is not None and _only_alike(site, function, target)


def _retries(site: Site) -> bool:
    """Whether the config retries: errors of requests are OSErrors, those of httpx are not."""
    config = site.arguments["config"].value if "config" in site.arguments else None
    fields = {arg.keyword.value for arg in config.args if arg.keyword is not None} if isinstance(config, cst.Call) else {"backoff"}
    return not fields.isdisjoint(("max_retries", "backoff"))


def _only_alike(site: Site, function: cst.FunctionDef, target: cst.Name) -> bool:
    """Whether all uses of a name in a function read what both kinds of response have."""
    pending: list[cst.CSTNode] = [function.body]
    while pending:
        node = pending.pop()
        if isinstance(node, cst.Name) and node.value == target.value and node is not target:
            parent = site.tree.parent(node)
            if not (isinstance(parent, cst.Attribute) and (parent.attr is node or parent.attr.value in ALIKE)):
                return False
        if isinstance(node, cst.Try):
            return False
        pending += node.children
    return True


def _free_name(site: Site, call: cst.Call) -> str:
    function = site.tree.within(call, cst.FunctionDef)
    taken = set()
    pending: list[cst.CSTNode] = [function or site.tree.module]
    while pending:
        node = pending.pop()
        if isinstance(node, cst.Name):
            taken.add(node.value)
        pending += node.children
    return next(name for name in ("client", "http_client", "async_client", "crb_client") if name not in taken)
