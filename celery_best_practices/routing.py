"""Where does a task go when a call does not say? The queue and the priority of its configuration.

They act where Celery's task attributes `queue` and `priority` act (delay, apply_async without that option, canvas, send_task by a
registered name, retry, beat, the body of a chord), and lose where those lose (options of a call, task_annotations). Written
in the declaration these attributes are deprecated since Celery 5.7 (app/task.py, `Task.bind`) and announced to do nothing in 6.0:
so they are set when the class is bound, after that check, and added to what Celery publishes with.
"""

from __future__ import annotations

from typing import Any

from celery.app.annotations import resolve_all

from celery_best_practices.config import TaskConfig
from celery_best_practices.task_class import overridden


def routing_attributes(config: TaskConfig) -> dict[str, Any]:
    """The attributes of a task class that is sent to the queue and with the priority of `config`; none where it names neither."""
    routed = {"queue": config.queue, "priority": config.task_priority}
    routed = {name: value for name, value in routed.items() if value is not None}
    if not routed:
        return {}

    @classmethod  # type: ignore[misc]
    def on_bound(cls: Any, app: Any) -> None:
        annotated = {name for annotation in resolve_all(app.annotations, cls) for name in annotation}
        for name, value in routed.items():
            if name not in annotated:
                setattr(cls, name, value)
        overridden(cls, "on_bound", on_bound)(app)

    def _get_exec_options(task: Any) -> dict[str, Any]:
        published: dict[str, Any] = overridden(task, "_get_exec_options", _get_exec_options)()
        return {**published, **{name: getattr(task, name) for name in routed}}

    return {"on_bound": on_bound, "_get_exec_options": _get_exec_options}
