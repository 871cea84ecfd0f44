"""
What it does
------------
Reports values that are computed from the user who asks, and cached under a key that is the same for all users.

Why it matters
--------------
The first user's result is served to everybody until it expires: prices, drafts, permissions, personal data.

Example
-------
```python
from django.core.cache import cache


def quote(request, product):
    key = f"quote:{product.id}"
    price = cache.get(key)
    if price is None:
        price = product.price * request.user.rebate
        cache.set(key, price, 300)
    return price
```

Use instead
-----------
```python
from django.core.cache import cache


def quote(request, product):
    key = f"quote:{request.user.id}:{product.id}"
    price = cache.get(key)
    if price is None:
        price = product.price * request.user.rebate
        cache.set(key, price, 300)
    return price
```

Fix safety
----------
There is no automatic fix yet: whether the user, the tenant or a role has to be in the key is the author's knowledge.

Known limits
------------
A user, an account, a tenant or a token anywhere in the key, also inside a digest, is taken to tell users apart. Nothing is reported where
only anonymous requests reach the call, where the key is a parameter, or where a parameter that stands for a user does not go into the
value. Data of the user that an unknown function fetches by itself is not seen.

References
----------
- [CWE-524: use of cache containing sensitive information](https://cwe.mitre.org/data/definitions/524.html)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import Related, Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.stores.model import CacheUse, Purpose
from lint_rules.rules.caching.keys import MOST_RELATED, place_of
from lint_rules.rules.registry import rule


@rule("CRB303", "user-data-under-shared-key", on=CacheUse, severity=Severity.ERROR)
def user_data_under_shared_key(use: CacheUse, project: Project) -> Iterator[Report]:
    """Values of one user under the key of all."""
    if use.form != "calls" or use.purpose is not Purpose.VALUE or use.anonymous or not use.user_data or not use.keys:
        return
    first = use.user_data[0]
    through = f" (in {first.through})" if first.through else ""
    yield Report(
        place_of(use, use.keys[0]),
        f"the cached value is computed from {first.path}{through}, and the key {use.keys[0].text!r} is the same for all users: one user's"
        " result is served to the others; put the user into the key",
        related=tuple(Related(each.file, each.row, f"{each.path} in {each.function}") for each in use.user_data[:MOST_RELATED]),
    )
