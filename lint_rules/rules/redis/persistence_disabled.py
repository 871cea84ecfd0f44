"""
What it does
------------
Reports a Redis that carries the broker and writes nothing to disk: `save ""`, and no `appendonly yes`.

Why it matters
--------------
The queues live in its memory. A restart of the server or its container loses every task that waits, also those with a countdown and those
that a worker has taken and not finished.

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
    command: redis-server --save "" --appendonly no
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
    command: redis-server --save "" --appendonly yes
```

Fix safety
----------
There is a fix only with `--unsafe`: the server begins to write to its disk.

Known limits
------------
Only a server that the broker's URL names, or that is the only one of the deployment, is judged. Where nothing is said, Redis writes
snapshots.

References
----------
- [Redis: persistence](https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import FixKind, Place, Related, Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.redis_servers import BrokerServer, Line, broker_servers
from lint_rules.rules.registry import rule


@rule("CRB604", "persistence-disabled", on=Project, severity=Severity.WARNING, fix=FixKind.UNSAFE)
def persistence_disabled(project: Project, _: Project) -> Iterator[Report]:
    """Brokers that forget."""
    for broker in broker_servers(project):
        off = _turned_off(broker)
        appendonly = broker.last("appendonly")
        if off is None or (appendonly is not None and appendonly.directive.values != ("no",)) or not broker.complete:
            continue
        related = [*broker.related]
        if appendonly is not None and appendonly.directive.span is not None:
            related.insert(0, Related(appendonly.file, appendonly.directive.span.row, "no append-only file either"))
        yield Report(
            Place.of(off.file, off.directive.span or broker.server.span),
            f'{broker.name} carries the broker and writes nothing to disk (save "" and no append-only file): '
            f"a restart loses every task in its queues; set appendonly yes",
            related=tuple(related),
            fix=FixKind.UNSAFE if off.directive.span is not None else None,
        )


def _turned_off(broker: BrokerServer) -> Line | None:
    """The line that leaves no snapshot: `save ""`, without another one after it."""
    last = broker.last("save")
    return last if last is not None and last.directive.known and last.directive.values == ("",) else None
