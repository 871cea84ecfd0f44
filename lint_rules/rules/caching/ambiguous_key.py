"""
What it does
------------
Reports keys in which two variable parts stand side by side, or in which a client fills two parts with any text it likes.

Why it matters
--------------
Without a separator that neither part can contain, different arguments give the same key: category "shoes1", page 2 and category "shoes",
page 12 are both `shoes12`. Each is then served the other's value.

Example
-------
```python
from django.core.cache import cache


def listing(category: str, page: int):
    return cache.get_or_set(f"listing:{category}{page}", lambda: load(category, page), 300)
```

```python
from django.core.cache import cache


def search_view(request):
    key = f"search:{request.GET['q']}:{request.GET['sort']}"
    return cache.get_or_set(key, lambda: search(request.GET), 300)
```

Use instead
-----------
```python
from django.core.cache import cache


def listing(category: str, page: int):
    return cache.get_or_set(f"listing:{category}:{page}", lambda: load(category, page), 300)
```

```python
from urllib.parse import urlencode

from django.core.cache import cache


def search_view(request):
    key = f"search:{urlencode({'q': request.GET['q'], 'sort': request.GET['sort']})}"
    return cache.get_or_set(key, lambda: search(request.GET), 300)
```

Fix safety
----------
There is no automatic fix yet: all places that make the key have to change together, and what is cached under the old keys is lost.

Known limits
------------
Digests, UUIDs, dates and numbers that are written with a fixed width end where they end, and so do the parts of a tuple. A part of which
nothing is known may be a prefix with a separator of its own and is not reported, nor parameters that are called prefix or suffix. A
separator that a text of the program's own may contain is not reported, nor what is put together before it is hashed.

References
----------
- [OWASP: cache poisoning](https://owasp.org/www-community/attacks/Cache_Poisoning)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from lint_rules.findings import Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.stores.model import KeyTemplate, Origin, Part, Purpose
from lint_rules.project.stores.words import NUMBER, SLUG, UUID, says, words
from lint_rules.rules.caching.keys import keyed
from lint_rules.rules.registry import rule

FIXED = (Origin.DIGEST, Origin.UUID, Origin.DATE, Origin.NOW, Origin.RANDOM, Origin.FUNCTION)
"""What has an end of its own: a fixed length, or one of few texts."""

KNOWN = (Origin.PARAMETER, Origin.REQUEST, Origin.ROUTE, Origin.NUMBER, Origin.TEXT, Origin.USER, Origin.TENANT)

PLAIN = (Origin.URL, Origin.NUMBER, Origin.SLUG, Origin.USER, Origin.SECRET)
"""What is checked before it is used, as a rule."""

AFFIXES = frozenset({"prefix", "suffix", "namespace", "separator", "sep", "key", "base", "root", "version", "extension", "ext"})
"""Words in the names of what may have a separator in it."""

JUDGED = frozenset({Purpose.VALUE, Purpose.COUNTER, Purpose.RATE_LIMIT, Purpose.FLAG, Purpose.LOCK})

_WIDTH = re.compile(r"[%:].*0\d")


@rule("CRB307", "ambiguous-key", on=Project, severity=Severity.WARNING)
def ambiguous_key(project: Project, _: Project) -> Iterator[Report]:
    """Keys that different arguments share."""
    for found in keyed(project, lambda use, key: use.purpose in JUDGED and _clash(key) is not None):
        clash = _clash(found.key)
        assert clash is not None
        first, second, side_by_side = clash
        how = (
            f"{first.text} and {second.text} stand side by side in the key {found.key.text!r}: two different pairs can give the same key"
            "; put a separator between them"
            if side_by_side
            else f"a client fills both {first.text} and {second.text} of the key {found.key.text!r}, and can write the separator into"
            " either: two different requests can give the same key; quote or hash them"
        )
        yield Report(found.place, how, related=found.related)


def _clash(key: KeyTemplate) -> tuple[Part, Part, bool] | None:
    """Two parts that cannot be told apart, and whether they stand side by side."""
    if key.built or key.structured:
        return None
    for first, second in pairwise(key.parts):
        if _varies(first) and _varies(second):
            return first, second, True
    free = [part for part in key.parts if _free(part)]
    return (free[0], free[1], False) if len(free) > 1 else None


def _varies(part: Part) -> bool:
    """Whether a part is known to differ in length from call to call."""
    if part.constant or part.has(*FIXED) or _WIDTH.match(part.how) or says(part.text, AFFIXES):
        return False
    return part.has(*KNOWN)


def _free(part: Part) -> bool:
    """Whether a client can put any text there."""
    if part.constant or part.inside or not part.has(Origin.REQUEST) or part.has(*FIXED, *PLAIN):
        return False
    last = words(part.text)[-1:]
    return not last or last[0] not in NUMBER | SLUG | UUID
