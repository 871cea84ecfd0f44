"""
What it does
------------
Reports loops and comprehensions that send one command per item to Redis or to a cache and wait for each answer, where one command or a
pipeline does the same in one round trip.

Why it matters
--------------
Each command costs a trip over the network. 1000 SETs one by one took 0.137 s on the same machine, 0.033 s in a pipeline, and 0.008 s as one
MSET; over a network the difference grows with every millisecond of latency.

Example
-------
```python
import redis

client = redis.Redis()


def views(products):
    counts = {}
    for product in products:
        counts[product] = client.get(f"views:{product}")
    return counts
```

Use instead
-----------
```python
import redis

client = redis.Redis()


def views(products):
    return dict(zip(products, client.mget([f"views:{product}" for product in products])))
```

Fix safety
----------
There is no automatic fix yet. A command whose answer decides about the next one cannot go into a pipeline.

Known limits
------------
A loop is told of once. Only commands whose arguments differ from turn to turn are looked at: loops that wait, retry or listen repeat the
same one. `while` loops, loops over at most three written items, over batches, over messages, and over several clients are left out, and
so are commands that take many keys at once, block, lock or flush. A loop that stores something after it read something is left out, for
the answer may decide, and so is one that sends tasks or asks other servers in each turn. Django's caches are left out where the settings
name database, file and memory backends alone. A loop over `keys()` or `scan_iter()` is reported at its `for`. What a function does that
the loop calls is not looked at.

References
----------
- [Redis: pipelining](https://redis.io/docs/latest/develop/use/pipelining/)
- [Redis: MGET](https://redis.io/docs/latest/commands/mget/)
- [Django: cache.get_many](https://docs.djangoproject.com/en/stable/topics/cache/#django.core.caches.cache.get_many)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lint_rules.facts.model import (
    Call,
    Const,
    Element,
    Expr,
    Item,
    Loop,
    Map,
    Ref,
    Result,
    Seq,
)
from lint_rules.facts.references import leaves, references
from lint_rules.findings import Place, Report, Severity
from lint_rules.knowledge.store_commands import Does, Keys
from lint_rules.knowledge.tables import Effect
from lint_rules.project.displays import written
from lint_rules.project.frames import Frame
from lint_rules.project.project import Project
from lint_rules.project.signatures import last_name
from lint_rules.project.stores.model import StoreCall
from lint_rules.project.test_files import for_tests
from lint_rules.project.values import Bound, External
from lint_rules.rules.registry import rule

FEW = 3
"""Items that are not worth a pipeline."""

ONE_BY_ONE = {
    Does.READ,
    Does.WRITE,
    Does.INSPECT,
    Does.TAKE,
    Does.DELETE,
    Does.COUNT,
    Does.EXPIRE,
    Does.STRUCTURE,
}
"""What a pipeline can do for many items."""

READING = (Does.READ, Does.INSPECT)

READING_STRUCTURES = frozenset(
    {"hget", "hgetall", "hmget", "hexists", "hkeys", "hvals", "hlen", "llen", "lrange", "lindex", "smembers", "sismember", "scard"}
    | {"zrange", "zrangebyscore", "zscore", "zcard"}
)

BLOCKING = re.compile(r"^(b[lrz]\w*pop\w*|blmove|brpoplpush|xread\w*|\w*subscribe|pubsub|\w*_iter)$")
"""Commands that wait, or that an iterator of their own stands behind."""

LISTENING = frozenset({"listen", "get_message", "consume", "count", "cycle", "iter", "stream", "poll", "watch", "subscribe", "messages"})
"""What gives something to do whenever it comes."""

_BATCHES = re.compile(r"batch|chunk|page|slice|group")

ONE_AT_A_TIME = ("DatabaseCache", "LocMemCache", "FileBasedCache")
"""Backends of Django's cache that have no command for many keys."""

SERVERS = ("django_redis", "cache.backends.redis", "memcached", "RedisCache", "ValkeyCache", "django_valkey", "cache_url", "diskcache")
"""What names another one."""

BATCHED = {
    ("django", "get"): "get_many",
    ("django", "set"): "set_many",
    ("django", "delete"): "delete_many",
    ("flask-caching", "get"): "get_many",
    ("flask-caching", "set"): "set_many",
    ("flask-caching", "delete"): "delete_many",
    ("cachelib", "get"): "get_many",
    ("cachelib", "set"): "set_many",
    ("cachelib", "delete"): "delete_many",
    ("redis", "get"): "mget() or a pipeline",
    ("redis", "delete"): "one delete() of all keys, or a pipeline",
    ("redis", "unlink"): "one unlink() of all keys, or a pipeline",
}
"""(library, command) -> what does many of them at once. Caches have nothing else; Redis has pipelines."""


@rule("CRB602", "commands-in-loop", on=Project, severity=Severity.WARNING)
def commands_in_loop(project: Project, _: Project) -> Iterator[Report]:
    """The first command of each loop that makes a round trip per item."""
    loops: dict[tuple[str, str, int], list[StoreCall]] = {}
    for call in project.stores.calls:
        if call.loop is not None and not for_tests(call.file):
            loops.setdefault((call.file, call.frame.qualname, call.call.loops[-1]), []).append(call)
    remote = _is_remote(project) if loops else False
    for calls in loops.values():
        found = next((call for call in calls if (call.store.is_redis or remote) and _alone(call) and _differs(call)), None)
        if found is None or found.loop is None or _changes_what_it_read(calls) or not _many_turns(found.loop, found.frame, project):
            continue
        if not _waits_for_others(found, project):
            yield _report(found, project)


def _is_remote(project: Project) -> bool:
    """Whether Django's caches may be on a server that takes many keys at once; where only others are named, one by one is all they can."""
    return not project.index.naming([*ONE_AT_A_TIME]) or bool(project.index.naming([*SERVERS]))


def _report(call: StoreCall, project: Project) -> Report:
    assert call.loop is not None
    cure = BATCHED.get((call.store.library, call.command), "a pipeline")
    what = "Redis" if call.store.is_redis else "the cache"
    scanned = call.loop.kind == "for" and _iterated(call.loop, call.frame) in ("keys", "scan_iter", "iter_keys")
    return Report(
        Place.row_of(call.file, call.loop.row) if scanned else project.at_call(call.file, call.call),
        f"{call.command}() waits for {what} once per item of the loop: a round trip each; use {cure}{'()' if cure.isidentifier() else ''}",
    )


def _alone(call: StoreCall) -> bool:
    """Whether it is a command for one item, and one that waits for its answer."""
    store = call.store
    if call.does not in ONE_BY_ONE or store.pipeline or call.call.starred or BLOCKING.match(call.command):
        return False
    if not store.is_redis and (store.library, call.command) not in BATCHED:
        return False
    if store.asynchronous and not call.call.awaited:  # gathered
        return False
    many = call.row.keys in (Keys.LIST, Keys.MAPPING) or (call.row.keys is Keys.ALL and len(call.call.args) > 1)
    return not many and call.if_absent is False


def _changes_what_it_read(calls: list[StoreCall]) -> bool:
    """Whether the answer of one command decides what the next one stores: neither can be put off."""
    reads = [call for call in calls if call.does in READING or call.command in READING_STRUCTURES]
    return any(
        read.call.span.row <= call.call.span.row and call not in reads and call.does in (Does.WRITE, Does.COUNT, Does.STRUCTURE)
        for read in reads
        for call in calls
    )


def _waits_for_others(found: StoreCall, project: Project) -> bool:
    """Whether each turn sends a task or asks another server as well: then the commands are not what takes the time."""
    frame, loop = found.frame, found.call.loops[-1]
    inside = [call for call in frame.scope.calls if loop in call.loops]
    return any(project.loading(lambda call=call: _is_slow(call, frame, project, 1)) for call in inside)  # type: ignore[misc]


def _is_slow(call: Call, frame: Frame, project: Project, steps: int) -> bool:
    if last_name(call.func) in ("delay", "apply_async", "send_task"):
        return True
    for value in project.resolver.evaluate(call.func, frame):
        if isinstance(value, External):
            row = project.knowledge.call(value.path)
            if row is not None and row.effect is Effect.NETWORK:
                return True
        inner = project.resolver.frame_of(value) if isinstance(value, Bound) and steps else None
        if inner is not None and any(_is_slow(each, inner, project, steps - 1) for each in inner.scope.calls):
            return True
    return False


def _many_turns(loop: Loop, frame: Frame, project: Project) -> bool:
    """Whether the loop goes over more than a few items, and not over batches or what comes in."""
    name = _iterated(loop, frame)
    if loop.kind == "while" or name in LISTENING or any(_BATCHES.search(each.lower()) for each in (name, *references(loop.iterated))):
        return False
    expr, home = project.loading(lambda: written(project.resolver, loop.iterated, frame))
    if isinstance(expr, Result):
        made = home.scope.calls[expr.index]
        if last_name(made.func) in ("items", "values", "keys") and not made.args and isinstance(made.func, Ref):
            expr, home = project.loading(lambda: written(project.resolver, Ref(made.func.path.rpartition(".")[0]), home))  # type: ignore[union-attr]
        elif last_name(made.func) in ("enumerate", "sorted", "reversed", "list", "tuple", "zip", "set") and made.args:
            expr, home = project.loading(lambda: written(project.resolver, made.args[0], home))
        elif last_name(made.func) == "range" and len(made.args) == 1:
            count = project.literal(made.args[0], home)
            return not (isinstance(count, int) and count <= FEW)
    if isinstance(expr, Map):
        return len(expr.keys) > FEW or None in expr.keys
    if isinstance(expr, Seq) and not _is_comprehension(expr, home):
        return len(expr.items) > FEW
    return not isinstance(expr, Const)


def _is_comprehension(expr: Seq, frame: Frame) -> bool:
    """Whether its items come from a loop: one item that is made of a comprehension's variable."""
    if len(expr.items) != 1:
        return False
    iterated = [loop.iterated for loop in frame.scope.loops if loop.kind == "comprehension"]
    targets = {binding.target for binding in frame.scope.bindings if _head(binding.value) in iterated}
    return not targets.isdisjoint(path.partition(".")[0] for path in _names(expr, frame))


def _iterated(loop: Loop, frame: Frame) -> str:
    """The last name of the call that is iterated over."""
    return last_name(frame.scope.calls[loop.iterated.index].func) if isinstance(loop.iterated, Result) else ""


# ── what differs from turn to turn ───────────────────────────────────────────────────────────────────────────────────


def _differs(call: StoreCall) -> bool:
    """Whether the command's arguments depend on the item, while its receiver does not."""
    assert call.loop is not None
    turning = _turning(call.loop, call.frame)
    given = [*call.call.args, *(value for _, value in call.call.keywords)]
    return _depends(given, turning, call.frame) and not _depends([call.receiver], turning, call.frame)


def _turning(loop: Loop, frame: Frame) -> set[str]:
    """The names that may have another value in each turn: the loop's own, and what is computed from them."""
    found = {binding.target for binding in frame.scope.bindings if _head(binding.value) == loop.iterated}
    size = -1
    while size != len(found):
        size = len(found)
        for binding in frame.scope.bindings:
            if binding.row >= loop.row and binding.target not in found and _depends([binding.value], found, frame):
                found.add(binding.target)
    return found


def _depends(exprs: Iterable[Expr], names: set[str], frame: Frame) -> bool:
    """Whether one of the names is read, also in the arguments of calls."""
    return any(not names.isdisjoint(_prefixes(path)) for expr in exprs for path in _names(expr, frame))


def _prefixes(path: str) -> list[str]:
    """`a`, `a.b` and `a.b.c` of `a.b.c`."""
    words = path.split(".")
    return [".".join(words[:end]) for end in range(1, len(words) + 1)]


def _names(expr: Expr, frame: Frame) -> Iterator[str]:
    """The dotted names in an expression and in the calls that it is made of."""
    pending = [expr]
    while pending:
        each = pending.pop()
        yield from references(each)
        for result in leaves(each):
            if not isinstance(result, Result):
                continue
            made = frame.scope.calls[result.index]
            pending += [made.func, *made.args, *(value for _, value in made.keywords)]


def _head(value: Expr) -> Expr | None:
    """What a loop's target takes its value from: `x` of `for a, b in x`."""
    while isinstance(value, Item):
        value = value.base
    return value.base if isinstance(value, Element) else None
