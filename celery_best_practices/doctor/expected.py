"""What does the code expect? Each task with the queue that calls are sent to, what it does, and how long it may run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from celery.exceptions import QueueNotFound

from celery_best_practices.doctor.findings import Finding, Questions
from celery_best_practices.operations import declaration_of, limit_of, queue_of

WORKLOADS = ("cpu", "io", "db")


@dataclass(frozen=True)
class ExpectedTask:
    """A registered task as the application declares and routes it."""

    name: str
    queue: str
    workload: str | None
    """cpu, io or db; None: neither declared nor clear from the code."""
    declared: bool
    """Whether the workload is declared; else it is what the code was seen to do."""
    limit: float | None
    """Seconds that a run may take; None: no limit is known."""
    acks_late: bool
    prioritised: bool
    """Whether its calls carry a priority."""
    costs_credits: bool


def expected_tasks(app: Any, seen: Mapping[str, str], questions: Questions) -> tuple[list[ExpectedTask], list[Finding]]:
    """The tasks of `app` by name, and findings about those that no queue can be told for.

    seen: task name -> workload, of what static analysis saw tasks do; it counts where none is declared.
    """
    tasks, findings = [], []
    for name, task in sorted(app.tasks.items()):
        if name.startswith("celery."):
            continue
        try:
            queue = queue_of(app, task)
        except QueueNotFound as error:
            findings.append(_undeclared(name, error))
            continue
        except Exception as error:  # the application's own routers run here, without the arguments of a call
            questions.skip(f"queue of the task {name}", f"its route cannot be told without a call ({type(error).__name__}: {error})")
            continue
        declared, config = declaration_of(task)
        found = seen.get(name)
        tasks.append(
            ExpectedTask(
                name=name,
                queue=queue,
                workload=declared or (found if found in WORKLOADS else None),
                declared=declared is not None,
                limit=limit_of(app, name),
                acks_late=bool(task.acks_late),
                prioritised=task._get_exec_options().get("priority") is not None,
                costs_credits=bool(config and config.credit_type),
            )
        )
    return tasks, findings


def _undeclared(task: str, error: QueueNotFound) -> Finding:
    return Finding(
        "queue-not-declared",
        "error",
        task,
        f"Every call of {task} fails: {error}, and task_create_missing_queues is off. Add the queue to task_queues or change the route.",
    )
