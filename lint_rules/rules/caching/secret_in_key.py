"""
What it does
------------
Reports keys that have a token, a password or an API key in them as it is.

Why it matters
--------------
Keys are not kept like secrets: `MONITOR`, `SCAN`, the slow log, dumps, metrics and error messages all show them. Who reads one of these
can act as the user whom the token belongs to. A digest tells keys apart just as well.

Example
-------
```python
from django.core.cache import cache


def identity(access_token):
    key = f"identity:{access_token}"
    found = cache.get(key)
    if found is None:
        found = ask_provider(access_token)
        cache.set(key, found, 300)
    return found
```

Use instead
-----------
```python
import hashlib

from django.core.cache import cache


def identity(access_token):
    key = f"identity:{hashlib.sha256(access_token.encode()).hexdigest()}"
    found = cache.get(key)
    if found is None:
        found = ask_provider(access_token)
        cache.set(key, found, 300)
    return found
```

Fix safety
----------
There is no automatic fix yet: all places that make the key have to change together, and what is cached under the old keys is lost.

Known limits
------------
A secret is known by its name (`access_token`, `api_key`, `password`), as far as its type does not say otherwise. One-time tokens and
session ids that name their own entry are not reported, nor a token that is the whole key, or that the project makes at random for the
same key. Calls that only read or delete are left to the place where the key is written.

References
----------
- [Redis: MONITOR](https://redis.io/docs/latest/commands/monitor/)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Element, Ref
from lint_rules.findings import Report, Severity
from lint_rules.knowledge.store_commands import Does
from lint_rules.project.project import Project
from lint_rules.project.stores.definitions import END, sources
from lint_rules.project.stores.model import CacheUse, KeyTemplate, Origin, Part, Purpose
from lint_rules.rules.caching.keys import keyed
from lint_rules.rules.registry import rule

NAMED_BY_TOKEN = frozenset({Purpose.ONE_TIME_TOKEN, Purpose.SESSION, Purpose.INVALIDATION, Purpose.HOUSEKEEPING})

ONLY_READING = frozenset({Does.READ, Does.INSPECT, Does.TAKE, Does.DELETE, Does.EXPIRE})

WRITTEN_OTHERWISE = (Origin.DIGEST, Origin.RANDOM, Origin.UUID, Origin.NUMBER, Origin.BUILTIN_HASH)
"""What says that it is not the secret itself, whatever its name."""


@rule("CRB305", "secret-in-key", on=Project, severity=Severity.WARNING)
def secret_in_key(project: Project, _: Project) -> Iterator[Report]:
    """Keys that show a secret."""
    minted = {key.text for use in project.stores.uses for key in use.keys if any(part.has(Origin.RANDOM) for part in key.parts)}
    for found in keyed(project, lambda use, key: _stores(use) and key.text not in minted and _shown(key) is not None):
        part = _shown(found.key)
        assert part is not None
        yield Report(
            found.place,
            f"{part.text} stands in the key {found.key.text!r} as it is: MONITOR, SCAN, the slow log and dumps show it; put a digest of it"
            " into the key (hashlib.sha256)",
            related=found.related,
        )


def _stores(use: CacheUse) -> bool:
    """Whether more is done than to read, and the token is not what the entry is about."""
    return use.purpose not in NAMED_BY_TOKEN and any(call.does not in ONLY_READING for call in use.calls)


def _shown(key: KeyTemplate) -> Part | None:
    """The secret that the key shows among other parts."""
    if key.built or len(key.parts) < 2:
        return None
    return next((part for part in key.variables if part.has(Origin.SECRET) and not part.has(*WRITTEN_OTHERWISE) and not _word(part)), None)


def _word(part: Part) -> bool:
    """Whether it is a token of a text: `for token in text.split()`."""
    if part.text != "token" or not isinstance(part.expr, Ref) or part.frame is None:
        return False
    return any(isinstance(source.value, Element) for source in sources(part.text, part.frame, END))
