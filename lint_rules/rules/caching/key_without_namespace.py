"""
What it does
------------
Reports keys that have nothing constant in them: a bare parameter or a bare value of the request is the whole key.

Why it matters
--------------
Everything in a cache or Redis database shares one namespace: other features, sessions, locks, often the broker's queues. Where a client
chooses the key, it can read, overwrite or delete all of them. Where the key is an id, the next feature that uses the same id as its key
gets this feature's value.

Example
-------
```python
# shop/views.py
from django.core.cache import cache


def progress(request, task_id):
    return cache.get(task_id)
```

```python
# shop/tasks.py
from django.core.cache import cache


def remember(issue_id, origin):
    cache.set(str(issue_id), origin.as_text(), 600)
```

Use instead
-----------
```python
# shop/views.py
from django.core.cache import cache


def progress(request, task_id):
    return cache.get(f"progress:{task_id}")
```

```python
# shop/tasks.py
from django.core.cache import cache


def remember(issue_id, origin):
    cache.set(f"issue-origin:{issue_id}", origin.as_text(), 600)
```

Fix safety
----------
There is no automatic fix yet: all places that read and write the key have to change together.

Known limits
------------
Stores that put a prefix of their own before every key are not reported, nor a `key_prefix`, nor one of Django's `caches` other than the
default. A parameter that is called a key or a name, or whose callers are seen, is the callers' key; wrappers around a store (`get`,
`set`) hand on what they are given. The URL of a request, a digest, a parameter called url or path cannot be chosen to hit another key and
are not reported, nor locks whose name is a parameter. A key of which nothing is known is not judged.

References
----------
- [Redis: keyspace](https://redis.io/docs/latest/develop/using-commands/keyspace/)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Const, Expr, Item
from lint_rules.findings import Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.stores.model import CacheUse, KeyTemplate, Origin, Part, Purpose
from lint_rules.project.stores.provenance import annotated_names
from lint_rules.project.stores.words import says
from lint_rules.project.values import External
from lint_rules.rules.caching.keys import IN_PROCESS, place_of
from lint_rules.rules.registry import rule

HANDED_ON = frozenset({"key", "keys", "name", "names", "prefix", "pattern", "namespace", "ident", "identifier", "suffix", "args", "kwargs"})
"""Words in the names of parameters that are keys already."""

URLS = frozenset({"url", "uri", "urls", "href", "link", "path"})
"""Words in the names of what begins with a scheme or a slash."""

TO_BE_NAMED = frozenset({Purpose.VALUE, Purpose.COUNTER, Purpose.FLAG})
"""What is reported also where the key is the caller's."""


@rule("CRB302", "key-without-namespace", on=CacheUse, severity=Severity.WARNING)
def key_without_namespace(use: CacheUse, project: Project) -> Iterator[Report]:
    """Keys that are what somebody else passed, and nothing else."""
    if use.form != "calls" or _apart(use) or use.purpose is Purpose.HOUSEKEEPING:
        return
    if not use.keys or any(each.prefixed or each.from_url or len(each.parts) != 1 for each in use.keys):
        return
    if any(each.parts[0].has(Origin.URL, Origin.DIGEST, Origin.RANDOM) or each.parts[0].inside for each in use.keys):
        return
    chosen = next((each for each in use.keys if _chosen(each.parts[0])), None)
    if chosen is not None:
        yield _report(use, chosen, f"whoever sends {chosen.parts[0].text} chooses any key of the store", Severity.ERROR)
    elif use.purpose in TO_BE_NAMED and all(_callers(each.parts[0], use, project) for each in use.keys):
        yield _report(use, use.keys[0], "anything else that is stored under the same value shares the key", None)


def _apart(use: CacheUse) -> bool:
    """Whether nobody else's keys are in the store: it has a prefix, is in this process, or is a cache for one thing."""
    if use.store.namespaced or use.store.library in IN_PROCESS:
        return True
    receiver = use.calls[0].receiver
    named = use.store.client == External("django.core.cache.caches[]")
    return named and not (isinstance(receiver, Item) and receiver.key == Const("default"))


def _chosen(part: Part) -> bool:
    """Whether a client can send any text there."""
    if not part.has(Origin.REQUEST, Origin.ROUTE) or part.frame is None:
        return False
    function = part.frame.function
    typed = {parameter.name for parameter in (function.parameters if function is not None else ()) if _narrow(parameter.annotation)}
    return part.text not in typed


def _narrow(annotation: Expr | None) -> bool:
    return bool(annotated_names(annotation) & {"int", "UUID"})


def _callers(part: Part, use: CacheUse, project: Project) -> bool:
    """Whether the key is a parameter that is no key by itself, and where it comes from cannot be seen."""
    if not part.has(Origin.PARAMETER) or says(part.text, HANDED_ON | URLS):
        return False
    function = use.frame.function
    wraps = function is not None and function.name.strip("_") in {call.command for call in use.calls}
    return not wraps and use.frame.qualname not in {call.through for call in project.stores.forwarded}


def _report(use: CacheUse, key: KeyTemplate, why: str, severity: Severity | None) -> Report:
    return Report(
        place_of(use, key),
        f"the key {key.text!r} has no constant part: {why}; put a namespace before it",
        severity=severity,
    )
