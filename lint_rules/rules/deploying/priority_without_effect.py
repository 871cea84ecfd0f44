"""
What it does
------------
Reports, once for a project, that priorities do not do what they are given for. On Redis: tasks without a priority run first because
`task_default_priority` is not set, or different priorities fall into the same step. On RabbitMQ: no queue has a greatest priority
(`task_queue_max_priority`, `Queue(max_priority=)`, `x-max-priority`).

Why it matters
--------------
On Redis a task without a priority counts as 0, the highest, so that no priority can put a task before the others, and any from 3 puts it
behind them. By default there are four steps, 0 to 2, 3 to 5, 6 to 8 and 9: within one, tasks run in the order in which they were sent.
RabbitMQ ignores priorities in queues without `x-max-priority`.

Example
-------
```python
from celery import Celery

app = Celery("shop", broker="redis://localhost:6379/0")


@app.task
def void(reference):
    return reference


@app.task
def total(day):
    return day


def cancel(reference):
    void.apply_async((reference,), priority=3)
    total.delay(1)
```

Use instead
-----------
```python
from celery import Celery

app = Celery("shop", broker="redis://localhost:6379/0")
app.conf.task_default_priority = 6


@app.task
def void(reference):
    return reference


@app.task
def total(day):
    return day


def cancel(reference):
    void.apply_async((reference,), priority=3)
    total.delay(1)
```

Fix safety
----------
There is no fix: which tasks come first is a decision.

Known limits
------------
The broker must be known. Queues that are declared on the RabbitMQ server alone are not seen. Where a task class of the project has an
`apply_async` of its own, it may give priorities to all tasks, and nothing is said.

References
----------
- [Celery: message priorities](https://docs.celeryq.dev/en/stable/userguide/routing.html#routing-options-rabbitmq-priorities)
- [Celery: Redis message priorities](https://docs.celeryq.dev/en/stable/userguide/routing.html#redis-message-priorities)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import Place, Related, Report, Severity
from lint_rules.project.apps import App
from lint_rules.project.priorities import STEPS, Priority
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.registry import rule

RELATED = 5


@rule("CRB208", "priority-without-effect", on=Project, severity=Severity.WARNING)
def priority_without_effect(project: Project, _: Project) -> Iterator[Report]:
    """Priorities that do not do what they are given for."""
    by_app: dict[App | None, list[Priority]] = {}
    for each in project.priorities.explicit:
        if each.number is not None:
            by_app.setdefault(each.app, []).append(each)
    for app, found in by_app.items():
        broker = project.urls.kind(app)
        if broker == "amqp" and not project.priorities.counted_on_rabbitmq:
            what = f"priority {found[0].written} of {found[0].what}{_more(found)}"
            yield _report(
                found, f"{what}: RabbitMQ ignores priorities, no greatest one was found for any queue; set task_queue_max_priority"
            )
        elif broker == "redis":
            yield from _on_redis(found, app, project)


def _on_redis(found: list[Priority], app: App | None, project: Project) -> Iterator[Report]:
    steps = project.priorities.steps(app)
    first = found[0].place
    if not project.priorities.has_default(app) and not _all_have_one(found, project):
        what = f"priority {found[0].written} of {found[0].what}{_more(found)}"
        numbers = {each.number for each in found}
        if steps == STEPS and all(number is not None and number < STEPS[1] for number in numbers):
            why = "on Redis 0, 1 and 2 are one step, and what has no priority counts as 0: no effect"
        else:
            why = "on Redis what has no priority counts as 0, the highest, and runs first"
        yield _report(found, f"{what}: {why}; set task_default_priority")
    same = _same_step(found, first) if steps == STEPS else None
    if same is not None:
        one, other = same
        yield Report(
            other.place,
            f"priorities {one.written} ({one.what}) and {other.written} ({other.what}) are one step on Redis and run in the order in which "
            f"they were sent; the steps are 0, 3, 6 and 9, or set priority_steps",
            related=(Related(one.place.file, one.place.row, f"priority {one.written}"),),
        )


def _same_step(found: list[Priority], taken: Place) -> tuple[Priority, Priority] | None:
    """Two different priorities of one step; the second does not stand where something is reported already."""
    by_step: dict[int, Priority] = {}
    for each in found:
        number = each.number
        if number is None:
            continue
        step = max(step for step in STEPS if step <= number)
        other = by_step.setdefault(step, each)
        if other.number != number and each.place != taken:
            return other, each
    return None


def _all_have_one(found: list[Priority], project: Project) -> bool:
    """Whether every task has a priority where it is declared or routed, or may get one when it is sent."""
    prioritised = {each.task for each in found if each.source in ("option", "config")}
    always: dict[Task, bool] = {}
    for send in project.sends:
        if send.task is not None and send.sent:
            always[send.task] = always.get(send.task, True) and (send.option("priority") is not None or send.open)
    prioritised |= {task for task, given in always.items() if given}
    routed = [project.routing.route_of(task) for task in project.tasks if task not in prioritised]
    if all(route is not None and route.option("priority") is not None for route in routed):
        return True
    return any("apply_async" in functions for module in project.index.loaded() for functions in module.members.values())


def _report(found: list[Priority], message: str) -> Report:
    first, *more = found
    related = [Related(each.place.file, each.place.row, f"priority {each.written} of {each.what}") for each in more[:RELATED]]
    return Report(first.place, message, task=first.task.name if first.task is not None else None, related=tuple(related))


def _more(found: list[Priority]) -> str:
    return f" (and {len(found) - 1} more)" if len(found) > 1 else ""
