"""
What it does
------------
Reports views and functions whose result a decorator caches for everybody, though it is computed from the user who asks, or though a check
of permissions stands below the decorator.

Why it matters
--------------
`cache_page` keeps a response under the URL and the headers it varies on. The first user's page is served to all others, and a check
inside the view runs only when nothing is cached: whoever comes later gets the page without being asked.

Example
-------
```python
# shop/views.py
from django.shortcuts import render
from django.views.decorators.cache import cache_page


@cache_page(300)
def basket(request):
    return render(request, "basket.html", {"lines": request.user.basket.lines.all()})
```

```python
# shop/reports.py
from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.views.decorators.cache import cache_page


@cache_page(300)
@login_required
def turnover(request):
    return render(request, "turnover.html")
```

Use instead
-----------
```python
# shop/views.py
from django.shortcuts import render
from django.views.decorators.cache import cache_page
from django.views.decorators.vary import vary_on_cookie


@cache_page(300)
@vary_on_cookie
def basket(request):
    return render(request, "basket.html", {"lines": request.user.basket.lines.all()})
```

```python
# shop/reports.py
from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.views.decorators.cache import cache_page


@login_required
@cache_page(300)
def turnover(request):
    return render(request, "turnover.html")
```

Fix safety
----------
There is no automatic fix yet: whether the page may be shared is the author's knowledge, and with `vary_on_cookie` hardly anything is
shared.

Known limits
------------
Any `Vary` header but those that say nothing of the user (language, encoding, user agent, host) is taken to tell users apart, though a
page for which an `Authorization` header logs in does not vary on the cookie. Checks of a class (`permission_classes`, mixins) run before
a decorated method and are not reported by themselves. The middleware that caches whole sites is not looked at.

References
----------
- [Django: using Vary headers](https://docs.djangoproject.com/en/stable/topics/cache/#using-vary-headers)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Result
from lint_rules.findings import Place, Related, Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.signatures import last_name
from lint_rules.project.stores.model import CacheUse, Origin, Purpose
from lint_rules.project.stores.views import CHECKING
from lint_rules.rules.caching.keys import MOST_RELATED
from lint_rules.rules.registry import rule

NOT_OF_THE_USER = frozenset(
    {"accept", "accept-language", "accept-encoding", "content-type", "host", "origin", "referer", "user-agent", "x-requested-with"}
)
"""Headers that are the same for many users."""


@rule("CRB304", "cached-view-ignores-user", on=CacheUse, severity=Severity.ERROR)
def cached_view_ignores_user(use: CacheUse, project: Project) -> Iterator[Report]:
    """Results that a decorator caches for everybody."""
    function = use.frame.function
    if use.form != "decorator" or use.purpose is not Purpose.VALUE or use.anonymous or function is None:
        return
    if not NOT_OF_THE_USER.issuperset(use.vary):
        return
    by, name = use.by.rpartition(".")[2], function.qualname
    if use.user_data:
        first = use.user_data[0]
        checked = f"; {use.checks[0]} does not tell one user from another" if use.checks else ""
        yield Report(
            _place(use),
            f"{by} caches what {name} computes from {first.path}, and nothing in its key tells users apart: one user's result is served to"
            f" the others{checked}; put the user into the key (vary_on_cookie for a page), or do not cache it",
            related=tuple(Related(each.file, each.row, f"{each.path} in {each.function}") for each in use.user_data[:MOST_RELATED]),
        )
        return
    check = _inside(use)
    if check:
        yield Report(
            _place(use),
            f"{by} stands above {check}, which runs only when nothing is cached: later callers get the result of {name} unchecked; put"
            f" {check} above it",
        )


def _place(use: CacheUse) -> Place:
    function = use.frame.function
    if use.decorator is None:
        return Place.row_of(use.file, use.row)
    own = function is not None and use.decorator in function.decorators
    return Place.of(use.file, use.decorator.span, function.header if function is not None and own else None)


def _inside(use: CacheUse) -> str:
    """The check of permissions that stands between the cache and the function."""
    function = use.frame.function
    if function is None or use.decorator not in function.decorators or not use.keys or any(key.has(Origin.USER) for key in use.keys):
        return ""
    below = function.decorators[function.decorators.index(use.decorator) + 1 :]
    for decorator in below:
        call = use.frame.module.scope(function.parent).calls[decorator.value.index] if isinstance(decorator.value, Result) else None
        name = last_name(call.func if call is not None else decorator.value)
        if name in CHECKING and name != "permission_classes":
            return name
    return ""
