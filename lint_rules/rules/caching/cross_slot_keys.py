"""
What it does
------------
Reports commands, scripts and transactions on a Redis Cluster whose keys lie in different slots: they share no hash tag, the part of a key
between the first `{` and the next `}`.

Why it matters
--------------
A cluster runs a command on several keys only where all of them are in one slot. Without a common tag that is one case in 16384: the client
raises RedisClusterException or CrossSlotTransactionError, the server answers CROSSSLOT. An empty tag, `{}`, is no tag.

Example
-------
```python
from redis.cluster import RedisCluster

cluster = RedisCluster.from_url("redis://sessions:6379")


def basket(customer):
    return cluster.mget(f"basket:{customer}:lines", f"basket:{customer}:voucher")
```

Use instead
-----------
```python
from redis.cluster import RedisCluster

cluster = RedisCluster.from_url("redis://sessions:6379")


def basket(customer):
    return cluster.mget(f"basket:{{{customer}}}:lines", f"basket:{{{customer}}}:voucher")
```

Fix safety
----------
There is no automatic fix yet: other names of keys lose what is stored under the old ones.

Known limits
------------
Only clients that are known to be of a cluster are looked at, and keys that are written out up to their variable parts. A key that begins
with a variable may have its tag in there, and two tags of one form may be equal: both are not reported. `delete`, `exists`, `unlink` and
`touch` are split by the client; `mget_nonatomic` and `mset_nonatomic` work across slots.

References
----------
- [Redis: hash tags](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags)
- [redis-py: clustering](https://redis.readthedocs.io/en/stable/clustering.html)
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator

from lint_rules.facts.model import Element, Expr, Item, Ref, Seq
from lint_rules.facts.references import references
from lint_rules.findings import Related, Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.stores.model import KeyTemplate, Part, StoreCall
from lint_rules.project.test_files import for_tests
from lint_rules.rules.registry import rule

SLOTS = 16384

_TAGGED = re.compile(r"tag|slot|prefix|hash", re.I)
"""Names of variables that may bring a tag."""


@rule("CRB311", "cross-slot-keys", on=Project, severity=Severity.ERROR)
def cross_slot_keys(project: Project, _: Project) -> Iterator[Report]:
    """Keys of one command, or one transaction, in several slots."""
    together: dict[tuple[str, str, str], list[StoreCall]] = {}
    for call in project.stores.calls:
        if not call.store.cluster or for_tests(call.file) or not call.keys:
            continue
        if call.store.pipeline and call.transaction and isinstance(call.receiver, Ref):
            together.setdefault((call.file, call.frame.qualname, call.receiver.path), []).append(call)
        elif call.row.atomic and not call.store.pipeline:
            keys = _keys(call, project)
            pair = _apart(keys)
            if pair is not None or _spread(call, keys):
                yield _report(call, pair or (keys[0], keys[0]), f"{call.command}() on a Redis Cluster", project)
    for calls in together.values():
        yield from _transaction(calls, project)


def _transaction(calls: list[StoreCall], project: Project) -> Iterator[Report]:
    first = _keys(calls[0], project)
    for call in calls[1:]:
        pair = _apart([*first, *_keys(call, project)])
        if pair is not None:
            related = (Related(calls[0].file, calls[0].call.span.row, "the first key of the transaction"),)
            yield _report(call, pair, "a transaction on a Redis Cluster", project, related)
            return


def _report(
    call: StoreCall, pair: tuple[KeyTemplate, KeyTemplate], what: str, project: Project, related: tuple[Related, ...] = ()
) -> Report:
    first, second = pair
    shown = f"{first.text!r} and {second.text!r}" if first is not second else f"keys of the form {first.text!r}"
    why = " ({} is no tag)" if "{}" in f"{_written(first)} {_written(second)}" else ""
    return Report(
        project.at_call(call.file, call.call),
        f"{what} needs all keys in one slot, and {shown} share no hash tag{why}: CROSSSLOT error; "
        f"put what they have in common into braces, "
        f"or use one command per key",
        related=related,
    )


def _keys(call: StoreCall, project: Project) -> list[KeyTemplate]:
    """The keys that can be read; of a key that may be one of several none."""
    found = []
    for key in call.keys:
        templates = project.loading(lambda key=key: project.stores.keys.of_call(call, key))  # type: ignore[misc]
        if len(templates) == 1 and _begins_written(templates[0]):
            found.append(templates[0])
    return found


def _begins_written(key: KeyTemplate) -> bool:
    """Whether the key begins with constant text, and no name of a variable speaks of a tag."""
    return (
        bool(key.parts) and key.parts[0].expr is None and not any(_TAGGED.search(part.text) for part in key.parts if part.expr is not None)
    )


def _written(key: KeyTemplate) -> str:
    """The key with something in place of its variables."""
    return "".join(part.text if part.expr is None else "\0" for part in key.parts)


def tag(key: KeyTemplate) -> tuple[str, bool]:
    """What decides about the slot, with the names of variables, and whether it is a tag rather than all of the key."""
    inside: list[Part | str] = []
    began = False
    for part in key.parts:
        text = part.text
        if part.expr is None and not began and "{" in text:
            began, text = True, text.partition("{")[2]
        elif part.expr is not None or not began:
            inside += [part] if began else []
            continue
        before, closed, _ = text.partition("}")
        if before:
            inside.append(before)
        if closed:
            return ("".join(_shown(each) for each in inside), True) if inside else (key.text, False)
    return key.text, False


def _shown(part: Part | str) -> str:
    return part if isinstance(part, str) else "{" + part.text + "}"


def _apart(keys: list[KeyTemplate]) -> tuple[KeyTemplate, KeyTemplate] | None:
    """Two keys that are in different slots for certain, or nearly so."""
    for number, first in enumerate(keys):
        for second in keys[number + 1 :]:
            if _differ(first, second):
                return first, second
    return None


def _differ(first: KeyTemplate, second: KeyTemplate) -> bool:
    (one, tagged), (other, also) = tag(first), tag(second)
    if one == other:
        return False
    if not first.variables and not second.variables:
        return _slot(one) != _slot(other)
    if tagged and also:
        return _form(one) != _form(other)
    return True


def _form(text: str) -> str:
    """A tag without the names of its variables."""
    return re.sub(r"\{[^}]*\}", "{}", text)


def _slot(text: str) -> int:
    return binascii.crc_hqx(text.encode(), 0) % SLOTS


def _spread(call: StoreCall, keys: Iterable[KeyTemplate]) -> bool:
    """Whether the keys come from a comprehension over what is not in their tag."""
    given = call.call.args[0] if call.call.args else None
    keys = list(keys)
    if not isinstance(given, Seq) or len(given.items) != 1 or len(keys) != 1:
        return False
    iterated = [loop.iterated for loop in call.frame.scope.loops if loop.kind == "comprehension" and loop.row >= call.call.span.row]
    targets = {binding.target for binding in call.frame.scope.bindings if _head(binding.value) in iterated}
    text, tagged = tag(keys[0])
    names = {path.partition(".")[0] for path in references(given)}
    inside = {name for name in targets & names if re.search(rf"\b{re.escape(name)}\b", text)}
    return not tagged and bool(inside)


def _head(value: Expr) -> Expr | None:
    while isinstance(value, Item):
        value = value.base
    return value.base if isinstance(value, Element) else None
