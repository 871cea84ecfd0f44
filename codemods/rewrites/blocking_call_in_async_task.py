"""CRB403: in a coroutine, `time.sleep(1)` becomes `await asyncio.sleep(1)`, and `requests.get(url)` becomes

    async with httpx.AsyncClient() as client:
        response = await client.get(url, follow_redirects=True)

where the project uses httpx already and the call says nothing that httpx does not know; else `await asyncio.to_thread(requests.get, url)`.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from codemods.arguments import Item, Space, is_spread, items_of, keyword_of, laid_out
from codemods.async_http import as_async_client
from codemods.change import Edit, Refused, Site
from codemods.expressions import awaited, root_name
from codemods.registry import codemod


@codemod("CRB403")
def blocking_call_in_async_task(site: Site) -> Iterator[Edit]:
    """Wait without stopping the event loop."""
    call, tree = site.tree.call(site.finding.place), site.tree
    scopes = tree.scopes(call)
    if not scopes or not isinstance(scopes[-1], cst.FunctionDef) or scopes[-1].asynchronous is None:
        raise Refused("it stands in a function or lambda that cannot await")
    if tree.within(call, cst.GeneratorExp) is not None:
        raise Refused("it stands in a generator expression, which await would make an asynchronous one")
    parent = tree.parent(call)
    path = site.effect.path
    if path == "time.sleep":
        function = cst.parse_expression(f"{site.name('asyncio', None, call)}.sleep")
        site.release(root_name(call.func))
        yield Edit(call, lambda node: awaited(node.with_changes(func=function), parent))
        return
    if not path.startswith(("requests.", "httpx.")):
        raise Refused("there is no asynchronous form of it that means the same")
    if _waits_for_ever(site, call):
        raise Refused("it has no timeout, which has to be mended first (CRB406): elsewhere nobody would miss it")
    edit = as_async_client(site, call, path)
    if edit is None:
        function = cst.parse_expression(f"{site.name('asyncio', None, call)}.to_thread")
        space = tree.space(call, len("await "))
        edit = Edit(call, lambda node: awaited(_threaded(node, function, space), parent))
    yield edit


def _waits_for_ever(site: Site, call: cst.Call) -> bool:
    """Whether the call has no timeout, and its library none of its own."""
    keyword = site.effect.row.timeout if site.effect.row is not None else None
    given = keyword_of(call, keyword) if keyword is not None else None
    opaque = any(arg.star for arg in call.args)
    return keyword is not None and not opaque and (given is None or (isinstance(given.value, cst.Name) and given.value.value == "None"))


def _threaded(call: cst.Call, function: cst.BaseExpression, space: Space) -> cst.Call:
    """`to_thread(call.func, ...)` with the arguments of the call."""
    items, last = items_of(call)
    first = Item(cst.Arg(call.func))
    return laid_out(
        call.with_changes(func=function, lpar=[], rpar=[]),
        [first, *items],
        last,
        space,
        is_spread(call),
    )
