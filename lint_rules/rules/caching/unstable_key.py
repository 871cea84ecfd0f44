"""
What it does
------------
Reports keys that differ though what they stand for is the same: with the builtin `hash()` or `id()`, the current time, a random value,
the text of a dict, set or plain object, or JSON of a dict without `sort_keys`.

Why it matters
--------------
`hash()` of text differs in every process (PYTHONHASHSEED), `id()` with every object, the time with every call: what one worker stores no
other finds, a lock of that name does not exclude anybody, and the entries pile up. A dict's text and JSON follow the order in which it
was filled: the same filters give several keys, and invalidating one leaves the others.

Example
-------
```python
from typing import Any

from django.core.cache import cache


def facets(filters: dict[str, Any]):
    return cache.get_or_set(f"facets:{hash(str(filters))}", lambda: count(filters), 300)
```

```python
import hashlib
import json
from typing import Any

from django.core.cache import cache


def totals(filters: dict[str, Any]):
    key = "totals:" + hashlib.sha256(json.dumps(filters).encode()).hexdigest()
    return cache.get_or_set(key, lambda: add_up(filters), 300)
```

Use instead
-----------
```python
import hashlib
import json
from typing import Any

from django.core.cache import cache


def facets(filters: dict[str, Any]):
    key = "facets:" + hashlib.sha256(json.dumps(filters, sort_keys=True).encode()).hexdigest()
    return cache.get_or_set(key, lambda: count(filters), 300)
```

Fix safety
----------
There is no automatic fix yet: what is cached under the old keys is lost, and `sort_keys=True` fails where the keys are of several types.

Known limits
------------
`hash()` of numbers is the same everywhere and not reported. The time and random values are reported where one function reads and writes
the key; a date, a rounded time and `now // 60` are not. Texts of dicts are only seen where the type is written down, not those of sets
that are joined, and not inside functions that cannot be looked into. Caches inside one process (cachetools) are left alone.

References
----------
- [Python: PYTHONHASHSEED](https://docs.python.org/3/using/cmdline.html#envvar-PYTHONHASHSEED)
- [Python: json.dumps](https://docs.python.org/3/library/json.html#json.dumps)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Result
from lint_rules.findings import Report, Severity
from lint_rules.knowledge.key_functions import DIGEST_METHODS, DIGESTS
from lint_rules.knowledge.store_commands import Does
from lint_rules.project.project import Project
from lint_rules.project.signatures import last_name
from lint_rules.project.stores.model import CacheUse, KeyTemplate, Origin, Part, Purpose
from lint_rules.project.values import External
from lint_rules.rules.caching.keys import IN_PROCESS, keyed
from lint_rules.rules.registry import rule

JUDGED = frozenset({Purpose.VALUE, Purpose.LOCK, Purpose.COUNTER, Purpose.RATE_LIMIT, Purpose.FLAG})

WRONG = {
    Origin.BUILTIN_HASH: "differs from process to process: no other worker finds the key; use a digest (hashlib.sha256)",
    Origin.IDENTITY: "differs with every object: nothing finds the key again; use what identifies the object",
    Origin.NOW: "differs with every call: nothing finds the key again; round it, or leave it out",
    Origin.RANDOM: "differs with every call: nothing finds the key again; leave it out",
    Origin.UNSORTED: "is JSON of a dict in the order in which it was filled: the same content gives several keys; pass sort_keys=True",
    Origin.REPR: "is the text of an object that has no fixed text (a dict's or set's follows its order): the same content gives several"
    " keys; use sorted JSON, or what identifies it",
}
"""What an origin does to a key, worst first."""

MILD = frozenset({Origin.UNSORTED, Origin.REPR})
"""What costs hits and nothing else."""


@rule("CRB306", "unstable-key", on=Project, severity=Severity.WARNING)
def unstable_key(project: Project, _: Project) -> Iterator[Report]:
    """Keys that are not found again."""
    for found in keyed(project, lambda use, key: _unstable(use, key, project) is not None):
        unstable = _unstable(found.use, found.key, project)
        assert unstable is not None
        part, origin = unstable
        yield Report(
            found.place,
            f"{part.text} in the key {found.key.text!r} {WRONG[origin]}",
            related=found.related,
            severity=None if origin in MILD else Severity.ERROR,
        )


def _unstable(use: CacheUse, key: KeyTemplate, project: Project) -> tuple[Part, Origin] | None:
    """The worst part of the key, and what is wrong with it."""
    aside = bool(use.calls) and use.calls[0].does in (Does.READ, Does.READ_WRITE) and bool(use.writes)
    random = use.purpose is Purpose.ONE_TIME_TOKEN and aside
    if key.built or use.store.library in IN_PROCESS or not (use.purpose in JUDGED or random):
        return None
    parts = list(_showing(key.parts, project))
    for origin in WRONG:
        if (origin in (Origin.NOW, Origin.RANDOM) and not aside) or (origin in MILD and use.purpose is not Purpose.VALUE):
            continue
        for part in parts:
            if part.has(origin) and not _harmless(part, origin):
                return part, origin
    return None


def _showing(parts: tuple[Part, ...], project: Project) -> Iterator[Part]:
    """The parts, and those inside digests that change with every letter of them."""
    for part in parts:
        if part.constant:
            continue
        yield part
        if part.has(Origin.BUILTIN_HASH, Origin.JSON):
            yield from (inner for inner in part.inside if inner.has(Origin.NOW, Origin.RANDOM, Origin.UNSORTED))
        elif part.has(Origin.DIGEST) and project.loading(lambda part=part: _digests(part, project)):  # type: ignore[misc]
            yield from _showing(part.inside, project)


def _digests(part: Part, project: Project) -> bool:
    """Whether a library makes the digest (a function of the project may sort what it is given)."""
    if not isinstance(part.expr, Result) or part.frame is None:
        return False
    func = part.frame.scope.calls[part.expr.index].func
    if last_name(func) in DIGEST_METHODS:
        return True
    return any(isinstance(value, External) and value.path.startswith(DIGESTS) for value in project.values(func, part.frame))


def _harmless(part: Part, origin: Origin) -> bool:
    """Whether a part is the same again all the same: the hash of a number, a time of which only the day is shown."""
    if origin is Origin.BUILTIN_HASH:
        return bool(part.inside) and all(inner.has(Origin.NUMBER) and not inner.has(Origin.TEXT) for inner in part.inside)
    if origin is Origin.NOW:
        return "%" in part.how and not any(field in part.how for field in ("%S", "%f", "%s", "%X", "%c", "%T"))
    return origin is Origin.REPR and part.has(Origin.JSON, Origin.DIGEST, Origin.BUILTIN_HASH)
