"""
What it does
------------
Reports queues that tasks are sent to and that no worker command of the project consumes. A worker with `-Q` consumes the queues that it
names; without `-Q` those of `task_queues`, and where that is not set `task_default_queue` alone. Also reports, as information, queues that
a worker names and nothing sends to.

Why it matters
--------------
Celery makes the queue when the first task is sent (`task_create_missing_queues`), and the tasks wait there for ever: no error, no log line.

Example
-------
```python
# shop/worker.py
from celery import Celery

app = Celery("shop", broker="redis://localhost:6379/0")
app.conf.task_routes = {"shop.worker.import_prices": {"queue": "imports"}}


@app.task
def import_prices(path):
    return path
```

```yaml
# docker-compose.yml
services:
  worker:
    image: shop
    command: celery -A shop.worker worker --loglevel INFO
```

Use instead
-----------
```python
# shop/worker.py
from celery import Celery

app = Celery("shop", broker="redis://localhost:6379/0")
app.conf.task_routes = {"shop.worker.import_prices": {"queue": "imports"}}


@app.task
def import_prices(path):
    return path
```

```yaml
# docker-compose.yml
services:
  worker:
    image: shop
    command: celery -A shop.worker worker --loglevel INFO -Q celery,imports
```

Fix safety
----------
There is no fix: either the worker or the route is wrong.

Known limits
------------
Nothing is said where the queues of any worker, or `task_queues`, are only known at run time, or where no worker command is found. Queue
names that are made at run time are not judged. That nothing sends to a queue is only said where no queue's name is made at run time, no
code names the queue, and nothing but Celery is seen to send messages.

References
----------
- [Celery: manual routing](https://docs.celeryq.dev/en/stable/userguide/routing.html#manual-routing)
- `celery.app.amqp.Queues`
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lint_rules.deploy.model import WorkerCommand
from lint_rules.findings import Place, Report, Severity
from lint_rules.project.mentions import lines_naming
from lint_rules.project.project import Project
from lint_rules.project.routing import CELERY_QUEUE, Use
from lint_rules.project.tasks import Task
from lint_rules.project.test_files import for_tests
from lint_rules.rules.deploying.workers import listed, related_tasks, related_workers
from lint_rules.rules.registry import rule

TELLING = ("route", "config", "option", "send", "default")
"""Who says where a task goes, most telling first."""

OTHER_SENDERS = ("Producer(", "SimpleQueue(", "import pika", "from pika", "aio_pika", "amqplib")
"""What else may put messages into a queue."""

OTHER_CONSUMERS = ("add_consumer(", "ConsumerStep")
"""What makes a running worker read other queues."""


@rule("CRB209", "queue-without-worker", on=Project, severity=Severity.ERROR)
def queue_without_worker(project: Project, _: Project) -> Iterator[Report]:
    """Queues that are filled and not emptied, and the other way round."""
    workers = [worker for worker in project.workers if not for_tests(worker.file)]
    consumed = {worker: project.routing.consumed(worker) for worker in project.workers}
    if not workers or any(consumed[worker] is None for worker in workers):
        return
    served = {queue for queues in consumed.values() for queue in queues or ()}
    if not project.index.naming([*OTHER_CONSUMERS]):
        yield from _without_worker(project, workers, served)
    yield from _without_sender(project, workers)


def _without_worker(project: Project, workers: list[WorkerCommand], served: set[str]) -> Iterator[Report]:
    by_queue: dict[str, list[Use]] = {}
    for use in project.routing.uses:
        if use.queue is not None and use.queue not in served and _counts(use, project, workers, served):
            by_queue.setdefault(use.queue, []).append(use)
    for queue, uses in by_queue.items():
        uses.sort(key=lambda use: TELLING.index(use.source))
        first = uses[0]
        tasks = list(dict.fromkeys(use.task for use in uses if use.task is not None))
        who = f"{listed(tasks)} {'goes' if len(tasks) == 1 else 'go'}"
        yield Report(
            _place(first, project),
            f"{who} to queue {queue!r}, which no worker command of this project consumes: the messages wait for ever; "
            f"name it in a worker's -Q ({_commands(workers)})",
            task=first.task.name if first.task is not None and first.source != "route" else None,
            related=related_workers(workers, "this worker does not consume it"),
        )


def _counts(use: Use, project: Project, workers: list[WorkerCommand], served: set[str]) -> bool:
    """Whether a task of the project really goes where the use says, and workers of its application are seen.

    It does not where each call names a queue of its own, nor in one environment of several. What is sent by name to a task that is not
    there goes to the workers of another project.
    """
    app = project.routing.app_of(use.task) if use.task is not None else None
    if use.task is None or not any(app is None or project.routing.app_of_worker(worker) in (None, app) for worker in workers):
        return False
    if use.source == "send":
        return True
    if use.task in project.routing.redirected or any(
        each.queue in served or each.queue is None for each in project.routing.destinations(use.task)
    ):
        return False
    return use.source != "default" or any(
        send.task is use.task and send.option("queue") is None and not send.open for send in project.sends
    )


def _place(use: Use, project: Project) -> Place:
    if use.send is not None:
        return project.at_call(use.file, use.send.call)
    if use.task is not None and use.source in ("option", "default"):
        return project.at_decorator(use.task)
    return Place.row_of(use.file, use.row)


def _commands(workers: list[WorkerCommand]) -> str:
    first, *more = [f"{worker.file}:{worker.row}" for worker in workers]
    return f"{first} and {len(more)} more" if more else first


# ── the other way round ──────────────────────────────────────────────────────────────────────────────────────────────


def _without_sender(project: Project, workers: list[WorkerCommand]) -> Iterator[Report]:
    if _made_at_run_time(project) or project.index.naming([*OTHER_SENDERS]):
        return
    sent = {use.queue for use in project.routing.uses} | {CELERY_QUEUE}
    sent |= {default.queue for app in (None, *project.apps.all) for default in project.routing.default_queues(app)}
    seen: set[str] = set()
    for worker in workers:
        idle = [queue for queue in worker.queues or () if queue not in sent and not _mentioned(queue, project)]
        tasks = project.routing.tasks_of(worker)
        if tasks and idle and not seen.issuperset(idle):
            seen |= {*idle}
            which = ", ".join(repr(queue) for queue in idle)
            yield Report(
                Place.of(worker.file, worker.span),
                f"nothing in this project sends to queue{'s' if len(idle) > 1 else ''} {which}: the worker waits there in vain; "
                f"remove the name, or route tasks to it",
                related=related_tasks(project, [use.task for use in tasks if use.task is not None], "this worker runs it"),
                severity=Severity.INFO,
            )


def _made_at_run_time(project: Project) -> bool:
    """Whether the name of a queue may come from somewhere else than the code: then it says nothing that the code does not name a queue.

    A project that sends tasks of others by name may get tasks from others, too.
    """
    routing = project.routing
    if not routing.routes_known or any(use.queue is None and (use.task is None or _is_computed(use.task, project)) for use in routing.uses):
        return True
    for send in project.sends:
        elsewhere = any(send.option(name) is not None for name in ("exchange", "routing_key", "router"))
        package = (send.task_name or "celery").partition(".")[0]
        foreign = send.task is None and package != "celery" and package not in project.packages
        if send.open or elsewhere or foreign:
            return True
    return _unseen_sends(project)


def _is_computed(task: Task, project: Project) -> bool:
    """Whether the declaration gives a queue that cannot be read; what a decorator of the project gives would stand in its code."""
    own = task.declaration.registrar.partition(".")[0] in project.packages
    given = any(task.option(name) is not None for name in ("exchange", "routing_key")) or project.routing.given(task, "queue") is not None
    return given or not (task.declaration.opaque and own)


def _unseen_sends(project: Project) -> bool:
    """Whether something that is not known to be a task is sent with options of its own."""
    known = {(send.file, send.row) for send in project.sends}
    for module in project.index.loaded():
        for qualname in ("", *module.functions):
            for call in module.scope(qualname).calls:
                name = getattr(call.func, "path", "").rpartition(".")[2]
                named = call.opaque_keywords or any(key in ("queue", "routing_key", "exchange", "options") for key, _ in call.keywords)
                if name in ("apply_async", "send_task") and named and (module.file, call.span.row) not in known:
                    return True
    return False


def _mentioned(queue: str, project: Project) -> bool:
    """Whether Python code names the queue anywhere, in quotes, or a variable of the environment has it."""
    if any(re.search(rf"(?<!\w){re.escape(queue)}(?!\w)", variable.value) for variable in project.deployment.variables):
        return True
    return any(f'"{queue}"' in line or f"'{queue}'" in line for _, _, line in lines_naming(project.index, queue))
