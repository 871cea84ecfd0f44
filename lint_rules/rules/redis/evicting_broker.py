"""
What it does
------------
Reports a Redis that carries the broker and evicts keys of any kind when its memory is full: `maxmemory-policy allkeys-*`.

Why it matters
--------------
A queue is one key. Under pressure Redis drops it with all tasks in it, and the bindings of kombu as well; nobody gets an error. With
`noeviction` the caller gets an error when the memory is full, and nothing is lost.

Example
-------
```python
# shop/worker.py
from celery import Celery

app = Celery("shop", broker="redis://redis:6379/0")
```

```yaml
# docker-compose.yml
services:
  redis:
    image: redis:7
    command: redis-server --maxmemory 256mb --maxmemory-policy allkeys-lru
```

Use instead
-----------
```python
# shop/worker.py
from celery import Celery

app = Celery("shop", broker="redis://redis:6379/0")
```

```yaml
# docker-compose.yml
services:
  redis:
    image: redis:7
    command: redis-server --maxmemory 256mb --maxmemory-policy noeviction
```

Fix safety
----------
There is a fix only with `--unsafe`: a cache in the same Redis is no longer evicted, and fills the memory.

Known limits
------------
Only a server that the broker's URL names, or that is the only one of the deployment, is judged, and only where `maxmemory` is set. The
`volatile-*` policies leave queues alone, for these have no TTL.

References
----------
- [Redis: key eviction](https://redis.io/docs/latest/develop/reference/eviction/)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import FixKind, Place, Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.redis_servers import BrokerServer, broker_servers
from lint_rules.rules.registry import rule


@rule("CRB605", "evicting-broker", on=Project, severity=Severity.WARNING, fix=FixKind.UNSAFE)
def evicting_broker(project: Project, _: Project) -> Iterator[Report]:
    """Brokers that drop queues."""
    for broker in broker_servers(project):
        policy = broker.last("maxmemory-policy")
        said = policy.directive.values[0].lower() if policy is not None and policy.directive.values else ""
        if policy is None or not policy.directive.known or not said.startswith("allkeys-") or not _limited(broker):
            continue
        yield Report(
            Place.of(policy.file, policy.directive.span or broker.server.span),
            f"{broker.name} carries the broker with maxmemory-policy {said}: when its memory is full, whole queues vanish without an error "
            f"(a queue is one key); set noeviction, and give caches a Redis of their own",
            related=broker.related,
            fix=FixKind.UNSAFE if policy.directive.span is not None else None,
        )


def _limited(broker: BrokerServer) -> bool:
    """Whether there is a limit to the memory; without one nothing is evicted."""
    limit = broker.last("maxmemory")
    return limit is not None and (not limit.directive.known or limit.directive.values not in (("0",), ("0mb",), ("0gb",), ()))
