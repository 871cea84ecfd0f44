"""
What it does
------------
Reports a cache that lives in the broker's Redis database: the same host, port and database number, in the deployment, or in the code where
the deployment says nothing else.

Why it matters
--------------
Clearing the cache (`cache.clear()`, FLUSHDB) deletes the queues with it. A limit to the memory that suits a cache evicts queues, and one
that suits a broker makes the cache fail.

Example
-------
```python
from celery import Celery

CACHE_URL = "redis://localhost:6379/0"
app = Celery("shop", broker="redis://localhost:6379/0")
```

Use instead
-----------
```python
from celery import Celery

CACHE_URL = "redis://localhost:6379/1"
app = Celery("shop", broker="redis://localhost:6379/0")
```

Fix safety
----------
There is no fix: which databases a server has is up to the deployment. Two databases of one server still share its memory and its eviction
policy; two servers share nothing.

Known limits
------------
Caches are Django's `CACHES` and what is called a cache (`cache_url=`, `CACHE_REDIS_URL`) in the files that hold the settings of Django or
Celery or the broker's URL, or in the environment of deployment files. URLs that are put together from parts which are only known at run
time are not compared. The result backend is no cache.

References
----------
- [Django: the low-level cache API, clear()](https://docs.djangoproject.com/en/stable/topics/cache/#basic-usage)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import Place, Related, Report, Severity
from lint_rules.project.broker import Url
from lint_rules.project.caches import Cache, caches, deployed, origin_of
from lint_rules.project.project import Project
from lint_rules.project.redis_servers import MOST_SETTINGS
from lint_rules.rules.registry import rule


@rule("CRB606", "broker-shares-cache", on=Project, severity=Severity.WARNING)
def broker_shares_cache(project: Project, _: Project) -> Iterator[Report]:
    """Caches in the broker's database."""
    brokers = {url.server: url for url in deployed(project.urls.broker_urls()) if url.server is not None}
    origins = _origins(project)
    for cache in caches(project) if brokers or origins else ():
        shared = next((url for url in cache.deployed if url.server in brokers), None)
        if shared is not None and shared.server is not None:
            host, port, database = shared.server
            yield _report(cache, f", {host}:{port}/{database}", _related(cache, shared, brokers[shared.server], project))
        elif cache.origin in origins:
            yield _report(cache, " (its URL is the broker's)", (Related(*cache.origin, "the broker's URL"),) if cache.origin else ())


def _origins(project: Project) -> set[tuple[str, int]]:
    """Where the broker's URL gets its value: the setting, and the name that it is set to."""
    if project.urls.kind() not in ("redis", None):
        return set()
    found = set()
    for setting in project.routing.settings("broker_url"):
        source = origin_of(project, setting.value, setting.frame)
        found |= {(setting.file, setting.row)} | ({source} if source is not None else set())
    return found


def _report(cache: Cache, where: str, related: tuple[Related, ...]) -> Report:
    return Report(
        Place.row_of(cache.file, cache.row),
        f"{cache.name} is in the broker's database{where}: clearing the cache deletes the queues, and eviction may drop them; "
        f"give one of the two another database, or better another Redis",
        related=related,
    )


def _related(cache: Cache, shared: Url, broker: Url, project: Project) -> tuple[Related, ...]:
    """Where the URLs stand, and where the code sets the broker's."""
    places = [Related(broker.file, broker.row, "the broker's URL")]
    if (shared.file, shared.row) != (cache.file, cache.row):
        places.insert(0, Related(shared.file, shared.row, "the cache's URL"))
    settings = project.routing.settings("broker_url") if not broker.file.endswith(".py") else []
    return (*places, *(Related(each.file, each.row, "sets the broker's URL") for each in settings[:MOST_SETTINGS]))
