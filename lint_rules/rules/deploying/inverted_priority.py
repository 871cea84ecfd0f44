"""
What it does
------------
Reports tasks, queues and constants that are called urgent, critical or high priority and get a low priority, and those called low priority,
bulk or background that get the highest, where the broker is known. On Redis 0 is the highest priority and 9 the lowest; on RabbitMQ the
greatest is the highest and 0 the lowest.

Why it matters
--------------
What must not wait runs after everything else, and what could wait holds up the rest.

Example
-------
```python
from celery import Celery

app = Celery("shop", broker="redis://localhost:6379/0")


@app.task
def send_urgent_alert(product):
    return product


def check(product):
    send_urgent_alert.apply_async(args=(product,), priority=9)
```

Use instead
-----------
```python
from celery import Celery

app = Celery("shop", broker="redis://localhost:6379/0")
app.conf.task_default_priority = 5


@app.task
def send_urgent_alert(product):
    return product


def check(product):
    send_urgent_alert.apply_async(args=(product,), priority=0)
```

Fix safety
----------
There is a fix only with `--unsafe`: tasks run in another order.

Known limits
------------
Names decide, and only words that leave little doubt count: `low_stock` and `high_resolution` say nothing of priority. Where something else
gets a priority that is lower still, the urgent one is in order. On RabbitMQ a greatest priority (`task_queue_max_priority`) must be set.

References
----------
- [Celery: Redis message priorities](https://docs.celeryq.dev/en/stable/userguide/routing.html#redis-message-priorities)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lint_rules.findings import FixKind, Related, Report, Severity
from lint_rules.project.priorities import STEPS, Priority
from lint_rules.project.project import Project
from lint_rules.rules.registry import rule

URGENT = frozenset({"urgent", "critical", "emergency", "asap", "immediate"})
"""Words of task and queue names."""

LATE = frozenset({"bulk", "backfill"})

HIGH = URGENT | {"high", "higher", "highest", "important", "top"}
"""What a constant, or a queue, is called that stands for nothing but a priority."""

LOW = LATE | {"low", "lower", "lowest", "background"}

ABOUT_PRIORITY = frozenset({"priority", "priorities", "prio", "pri", "queue", "task", "tasks", "celery", "level"})
"""Words that say that the others speak of priority."""

RELATED = 5


@rule("CRB207", "inverted-priority", on=Project, severity=Severity.WARNING, fix=FixKind.UNSAFE)
def inverted_priority(project: Project, _: Project) -> Iterator[Report]:
    """Priorities that say the opposite of names."""
    found: dict[tuple[str, object], list[tuple[Priority, str]]] = {}
    for each in project.priorities.explicit:
        said = _contradiction(each, project)
        if said:
            constant = each.written if not re.fullmatch(r"-?\d+", each.written) else ""
            key = (constant, each.value) if constant else (f"{each.place.file}:{each.place.row}:{each.place.column}", each.value)
            found.setdefault(key, []).append((each, said))
    for (first, said), *more in found.values():
        yield Report(
            first.place,
            said,
            task=first.task.name if first.task is not None else None,
            related=tuple(Related(each.place.file, each.place.row, f"the same for {each.what}") for each, _ in more[:RELATED]),
            fix=FixKind.UNSAFE,
        )


def _contradiction(each: Priority, project: Project) -> str:
    """The message where a name and a priority contradict each other, "" where they do not."""
    broker, number = project.urls.kind(each.app), each.number
    if number is None or broker not in ("redis", "amqp"):
        return ""
    urgent, name = _urgency(each)
    if urgent is None or (broker == "amqp" and not project.priorities.counted_on_rabbitmq):
        return ""
    others = [other.number for other in project.priorities.explicit if other.number is not None]
    if broker == "redis":
        defaults = [other.number for other in project.priorities.defaults]
        if not defaults and project.priorities.has_default(each.app):
            return ""
        if urgent and number >= STEPS[1] and number >= max(others) and all(said is not None and number > said for said in defaults):
            place = "the lowest" if number == 9 else "below all tasks without one"
            return f"{name} gets priority {number}, on Redis {place} (0 is the highest); give it 0, and others a task_default_priority"
        if not urgent and number == 0:
            return f"{name} gets priority 0, on Redis the highest: it holds up all others; give it up to 9, the lowest"
        return ""
    if urgent and number == 0:
        return f"{name} gets priority 0, on RabbitMQ the lowest; give it the greatest (9 is the highest)"
    if not urgent and number == 9:
        return f"{name} gets priority 9, on RabbitMQ the highest: it holds up all others; give it 0, the lowest"
    return ""


def _urgency(each: Priority) -> tuple[bool | None, str]:
    """Whether a name says that something is urgent (True) or can wait (False), and which; None where none or several say so."""
    verdicts = {}
    constant = each.written.rpartition(".")[2]
    if re.search(r"[A-Za-z]", constant):
        verdicts[constant] = _meaning(_words(constant) - ABOUT_PRIORITY)
    for place, name in enumerate(each.names):
        words = _words(name)
        speaks = bool(words & {"priority", "prio"}) or (place > 0 and len(words - ABOUT_PRIORITY) == 1)
        by_name = _meaning(words & (HIGH | LOW)) if speaks else None
        verdicts[name] = by_name if by_name is not None else True if words & URGENT else False if words & LATE else None
    said = {name: verdict for name, verdict in verdicts.items() if verdict is not None}
    if len(set(said.values())) != 1:
        return None, ""
    name, verdict = next(iter(said.items()))
    return verdict, f"{name!r}" if each.what.strip("'") == name else f"{name!r} ({each.what})"


def _meaning(words: frozenset[str]) -> bool | None:
    """What a single word stands for."""
    return None if len(words) != 1 else True if words <= HIGH else False if words <= LOW else None


def _words(name: str) -> frozenset[str]:
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name.rpartition(".")[2] or name)
    return frozenset(word for word in re.split(r"[^a-z]+", parted.lower()) if word)
