"""
What it does
------------
Reports a redis, boto3, requests or httpx client that a task builds at every call, in its body or by building a project class whose
`__init__` does.

Why it matters
--------------
Every message opens connections of its own, with their handshakes, and leaves them to the garbage collector; boto3 also reads its service
descriptions from disk each time. One client a process, made when it is first needed, keeps its connections open.

Example
-------
```python
import redis
from celery import shared_task


@shared_task
def count_visit(page):
    redis.Redis.from_url("redis://cache:6379/0").incr(f"visits:{page}")
```

Use instead
-----------
```python
from functools import lru_cache

import redis
from celery import shared_task


@lru_cache(maxsize=1)
def visits():
    return redis.Redis.from_url("redis://cache:6379/0")


@shared_task
def count_visit(page):
    visits().incr(f"visits:{page}")
```

Fix safety
----------
There is no fix: where the client lives is a question of design (after a fork, each process needs its own).

Known limits
------------
Asynchronous clients belong to one event loop and are not reported, nor are clients on a shared `connection_pool`. Off by default.

References
----------
- [redis-py: connections](https://redis.readthedocs.io/en/stable/connections.html)
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from lint_rules.facts.model import Call
from lint_rules.findings import Report, Severity
from lint_rules.project.frames import Frame
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.project.values import Bound, ClassValue, External, Instance
from lint_rules.rules.registry import rule

CLIENTS = frozenset(
    {"redis.Redis", "redis.Redis.from_url", "redis.StrictRedis", "redis.StrictRedis.from_url", "redis.from_url", "redis.utils.from_url"}
    | {"redis.client.Redis", "redis.client.Redis.from_url", "redis.RedisCluster", "redis.cluster.RedisCluster", "valkey.Valkey"}
    | {"valkey.Valkey.from_url", "valkey.from_url", "boto3.client", "boto3.resource", "boto3.Session().client", "boto3.Session().resource"}
    | {"httpx.Client", "requests.Session", "requests.session", "requests.sessions.Session"}
)


@rule("CRB410", "client-per-call", on=Task, severity=Severity.INFO, optional=True)
def client_per_call(task: Task, project: Project) -> Iterator[Report]:
    """Clients built inside the task."""
    frame = project.node(task).frame
    for call in frame.scope.calls:
        path = _client(call, frame, project)
        through = ""
        if path is None:
            path, through = _client_in_class(call, frame, project)
        if path is not None:
            yield Report(
                project.at_call(task.file, call),
                f"task {task.function.name!r} builds a new client with {path}{through} at every call, and so new connections; "
                "keep one a process",
                task=task.name,
            )


def _client(call: Call, frame: Frame, project: Project) -> str | None:
    if call.keyword("connection_pool") is not None:
        return None
    for value in project.values(call.func, frame):
        if isinstance(value, External) and value.path in CLIENTS:
            return value.path
    return None


def _client_in_class(call: Call, frame: Frame, project: Project) -> tuple[str | None, str]:
    """The client that `__init__` of the class being built makes."""
    for value in project.values(call.func, frame):
        if not isinstance(value, ClassValue):
            continue
        for method in project.loading(partial(project.resolver.attribute, (Instance(value),), "__init__")):
            inner = project.resolver.frame_of(method) if isinstance(method, Bound) else None
            for made in inner.scope.calls if inner is not None else ():
                assert inner is not None
                path = _client(made, inner, project)
                if path is not None:
                    return path, f" in {value.qualname}.__init__"
    return None, ""
