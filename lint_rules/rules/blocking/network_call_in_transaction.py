"""
What it does
------------
Reports network calls that are made, directly or in a called function, while a database transaction is open: under `atomic` blocks and
decorators, `session.begin()`, and the project's own wrappers of them.

Why it matters
--------------
The transaction holds its row locks and its connection until the other side answers. A slow partner becomes lock timeouts and an empty
connection pool everywhere else, and what was sent is not taken back when the transaction rolls back.

Example
-------
```python
import requests
from celery import shared_task
from django.db import transaction


def capture(reference):
    return requests.post("https://pay.example/captures", json={"reference": reference}, timeout=10).ok


@shared_task
def pay(order):
    with transaction.atomic():
        order.state = "paid"
        order.save()
        capture(order.reference)
```

Use instead
-----------
```python
import requests
from celery import shared_task
from django.db import transaction


def capture(reference):
    return requests.post("https://pay.example/captures", json={"reference": reference}, timeout=10).ok


@shared_task
def pay(order):
    capture(order.reference)
    with transaction.atomic():
        order.state = "paid"
        order.save()
```

Fix safety
----------
There is no fix: whether the call belongs before the transaction or into `on_commit` is a question of design.

Known limits
------------
Functions that are only handed on by name (callbacks) are not followed. A SQLAlchemy session without `begin()` is not taken for a
transaction, though its first query opens one. File fields are left out: their storage may be the local disk. A function is told of once a
transaction. A call in a helper that runs only when a test of the helper's arguments says so (`if source.startswith("http"):`) is not
reported: the transaction at hand may never pass such arguments. Transactions on a database whose name says replica, reader or read-only
are not reported.

References
----------
- [Django: performing actions after commit](https://docs.djangoproject.com/en/stable/topics/db/transactions/#performing-actions-after-commit)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Call
from lint_rules.findings import Related, Report, Severity
from lint_rules.knowledge.tables import Effect
from lint_rules.project.graph import DirectEffect, Edge, Evidence, Node, Step
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.blocking.file_storage import may_be_local
from lint_rules.rules.registry import rule


@rule("CRB407", "network-call-in-transaction", on=Project, severity=Severity.WARNING)
def network_call_in_transaction(project: Project, _: Project) -> Iterator[Report]:
    """The innermost call below which the network is used while a transaction is open."""
    for task, node, steps in project.reached():
        whole = _around(node, project)
        for direct in node.direct:
            if _waits(direct) and (whole or _open(node, direct.call, project)):
                yield _report(task, node, steps, direct.call, direct.path, None, project)
        told = set()
        for edge in node.edges:
            if edge.call is None or not _runs_here(edge, project) or not (whole or _open(node, edge.call, project)):
                continue
            once = (edge.target.name, () if whole else edge.call.withs)  # a function is told of once a transaction, at its first call
            evidence = _network_below(edge.target, project) if once not in told else None
            if evidence is not None:
                told.add(once)
                yield _report(task, node, steps, edge.call, evidence.path, (edge, evidence), project)


def _network_below(start: Node, project: Project) -> Evidence | None:
    """The nearest network call that no inner transaction answers for."""
    if _around(start, project):
        return None
    return project.graph.search(
        start,
        Effect.NETWORK,
        follow=lambda node, edge: (
            _runs_here(edge, project) and not _around(edge.target, project) and (edge.call is None or not _open(node, edge.call, project))
        ),
        counts=lambda node, direct: (
            _waits(direct) and not _open(node, direct.call, project) and not _depends_on_argument(node, direct.call)
        ),
    )


def _waits(direct: DirectEffect) -> bool:
    return direct.effect is Effect.NETWORK and direct.row is not None and not may_be_local(direct.path)


def _depends_on_argument(node: Node, call: Call) -> bool:
    """Whether a test of what the function was given decides if the call runs (`if source.startswith("http"):`)."""
    function = node.frame.function
    given = {parameter.name for parameter in function.parameters[bool(function.owner) :]} if function is not None else set()
    guards = [node.frame.scope.guards[place] for place in call.guards]
    return any(not guard.name and not given.isdisjoint(guard.heads) for guard in guards)


def _runs_here(edge: Edge, project: Project) -> bool:
    """Whether the call runs the function at once, and not only after the commit, in a thread or as a message."""
    return not edge.after_commit and not edge.callback and not project.loading(lambda: project.transactions.hands_on(edge.target))


def _around(node: Node, project: Project) -> bool:
    return project.loading(lambda: project.transactions.around(node))


def _open(node: Node, call: Call, project: Project) -> bool:
    return project.loading(lambda: project.transactions.open_at(call, node.frame))


def _report(
    task: Task, node: Node, steps: tuple[Step, ...], call: Call, path: str, below: tuple[Edge, Evidence] | None, project: Project
) -> Report:
    through, places = "", project.related_steps(steps)
    if below is not None:
        edge, evidence = below
        chain = (Step(edge.target.name, node.file, call.span.row), *evidence.steps)
        through, places = f" through {project.chain(chain)}", (*places, *project.related(evidence))
    return Report(
        project.at_call(node.file, call),
        f"{path} is called{through} while a database transaction is open (task {task.function.name!r}): locks and the connection are held"
        " until the other side answers; call it before the transaction, or in on_commit",
        task=task.name,
        related=(Related(task.file, task.function.row, f"task {task.name}"), *places),
    )
