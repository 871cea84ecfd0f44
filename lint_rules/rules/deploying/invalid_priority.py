"""
What it does
------------
Reports priorities that are no whole number from 0 to 9, in declarations, calls, signatures, `task_routes`, the beat schedule and
`task_default_priority`, and says what the broker makes of them. RabbitMQ takes 0 to 255.

Why it matters
--------------
Redis says nothing: it takes what is below 0 for 0 and what is above 9 for 9, and a word for 0, which is the highest priority there. With
RabbitMQ the message cannot be sent, and the caller gets the error.

Example
-------
```python
from celery import Celery

app = Celery("shop", broker="redis://localhost:6379/0")


@app.task
def total(day):
    return day


def rebuild(day):
    total.apply_async(args=(day,), priority="high")
```

Use instead
-----------
```python
from celery import Celery

app = Celery("shop", broker="redis://localhost:6379/0")


@app.task
def total(day):
    return day


def rebuild(day):
    total.apply_async(args=(day,), priority=0)
```

Fix safety
----------
Safe on Redis: the number that Redis makes of it has the same effect. There is none for RabbitMQ.

Known limits
------------
Where the broker is not known, only what is wrong on both is reported. `task_priority` of our decorators is checked by CRB103.

References
----------
- [Celery: message priorities](https://docs.celeryq.dev/en/stable/userguide/routing.html#routing-options-rabbitmq-priorities)
- `kombu.transport.virtual.base.Channel._get_message_priority`
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import FixKind, Report, Severity
from lint_rules.project.project import Project
from lint_rules.rules.registry import rule

GREATEST = 255
"""What RabbitMQ can write into a message."""


@rule("CRB206", "invalid-priority", on=Project, severity=Severity.ERROR, fix=FixKind.SAFE)
def invalid_priority(project: Project, _: Project) -> Iterator[Report]:
    """Priorities that are none."""
    for each in project.priorities.all:
        broker = project.urls.kind(each.app)
        problem = _problem(each.value, broker) if each.source != "config" else ""
        if problem:
            yield Report(
                each.place,
                f"priority {each.written} of {each.what}: {problem}",
                task=each.task.name if each.task is not None else None,
                fix=FixKind.SAFE if broker == "redis" else None,
            )


def _problem(value: object, broker: str | None) -> str:
    """What is wrong with a priority on a broker, "" for nothing."""
    if broker == "redis":
        taken = taken_for(value)
        if taken is None:
            return ""
        return f"Redis takes {value!r} for {taken}{MEANING.get(taken, '')} and says nothing; write a whole number from 0 (highest) to 9"
    refused = not isinstance(value, int) or not 0 <= value <= GREATEST
    if broker == "amqp":
        return f"RabbitMQ cannot send it, the call fails; write a whole number from 0 to {GREATEST}" if refused else ""
    if broker is None and refused and taken_for(value) is not None and not _is_number(value):
        return "Redis takes it for 0, the highest, and RabbitMQ cannot send it; write a whole number from 0 to 9"
    if broker is None and isinstance(value, (int, float)) and not 0 <= value <= GREATEST:
        return f"Redis takes it for {taken_for(value)}, and RabbitMQ cannot send it; write a whole number from 0 to 9"
    return ""


MEANING = {0: ", the highest priority,", 9: ", the lowest priority,"}


def taken_for(value: object) -> int | None:
    """What Redis takes a bad priority for (`max(min(int(value), 9), 0)`, 0 where that fails); None for a good one."""
    if isinstance(value, int) and 0 <= value <= 9:
        return None
    try:
        return max(min(int(value), 9), 0)  # type: ignore[call-overload,no-any-return]
    except (TypeError, ValueError, OverflowError):
        return 0


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True
