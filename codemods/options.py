"""Which options of a plain Celery declaration mean the same in one of our configs, and what they are called there."""

from __future__ import annotations

import re

import libcst as cst

from lint_rules.facts.model import Attr, Const, Map, Ref
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.project.values import External

Field = tuple[str, cst.BaseExpression | None]
"""A config field and its value; None where it is the option's own expression (of `retry_kwargs={"max_retries": n}`: n)."""

LIMIT = re.compile(r"(\d+)(?:/([smh]))?")
SECONDS = {None: "1", "s": "1", "m": "60", "h": "3600"}


def config_fields(task: Task, project: Project, *, unsafe: bool) -> dict[str, tuple[Field, ...]]:
    """Option -> the fields that say the same.

    A config that has `max_retries` or `backoff` retries by itself, so these move only where `autoretry_for` says that the task does so
    already, and `retry_backoff` only with Celery's own jitter and longest delay, which are ours as well. `rate_limit` counts per worker in
    Celery and over all workers in ours: it moves with `unsafe` alone. `priority` moves unless the broker is seen to be another than Redis.
    """
    found: dict[str, tuple[Field, ...]] = {}
    if _is_queue_name(task, project):
        found["queue"] = (("queue", None),)
    priority = project.option(task, "priority")
    if type(priority) is int and 0 <= priority <= 9 and _may_be_redis(project):
        found["priority"] = (("task_priority", None),)
    if task.option("autoretry_for") is not None and task.option("dont_autoretry_for") is None:
        found |= _retries(task, project)
    if unsafe:
        found |= _limit(task, project)
    return found


def _is_queue_name(task: Task, project: Project) -> bool:
    """Whether `queue=` is given, and not as the object that kombu has for it."""
    queue = task.option("queue")
    values = project.values(queue, task.frame_of("queue"))
    return queue not in (None, Const(None), Const("")) and not any(
        isinstance(value, External) and value.path.startswith("kombu.") for value in values
    )


def _may_be_redis(project: Project) -> bool:
    """Whether 0 may be the highest priority, as it is in our configs: on other brokers it is the lowest."""
    if project.settings.broker is not None:
        return project.settings.broker == "redis"
    urls = [project.literal(setting.value, setting.frame) for setting in project.celery_settings if setting.name == "broker_url"]
    return all(not isinstance(url, str) or url.startswith(("redis", "sentinel")) for url in urls)


def _limit(task: Task, project: Project) -> dict[str, tuple[Field, ...]]:
    """The rate limit, where it is written there; of constants only numbers, which keep their name."""
    limit, written = project.option(task, "rate_limit"), isinstance(task.option("rate_limit"), Const)
    if type(limit) is int and limit > 0:
        return {"rate_limit": (("rate_limit", None), ("rate_window", cst.Integer("1")))}
    match = LIMIT.fullmatch(limit) if isinstance(limit, str) and written else None
    if match is None or not int(match[1]):
        return {}
    return {"rate_limit": (("rate_limit", cst.Integer(match[1])), ("rate_window", cst.Integer(SECONDS[match[2]])))}


def _retries(task: Task, project: Project) -> dict[str, tuple[Field, ...]]:
    """The retry options of a task that retries by itself."""
    found: dict[str, tuple[Field, ...]] = {}
    most, extra = project.option(task, "max_retries"), task.option("retry_kwargs")
    if type(most) is int and most >= 0 and extra is None:
        found["max_retries"] = (("max_retries", None),)
    elif task.option("max_retries") is None and isinstance(extra, Map) and not _retries_by_hand(task):
        if _only_max_retries(project.option(task, "retry_kwargs")):
            found["retry_kwargs"] = (("max_retries", None),)
    backoff, jitter = project.option(task, "retry_backoff"), project.option(task, "retry_jitter")
    if jitter in (None, True) and task.option("retry_backoff_max") is None:
        if type(backoff) is int and backoff > 0:
            found["retry_backoff"] = (("backoff", None),)
        elif backoff is True and isinstance(task.option("retry_backoff"), Const):
            found["retry_backoff"] = (("backoff", cst.Integer("1")),)
    return found


def _only_max_retries(value: object) -> bool:
    return isinstance(value, dict) and list(value) == ["max_retries"] and type(value["max_retries"]) is int and value["max_retries"] >= 0


def _retries_by_hand(task: Task) -> bool:
    """Whether the task may also retry in its own code, where `retry_kwargs` do not count and `max_retries` does."""
    return task.flag("bind") or any(
        isinstance(call.func, (Ref, Attr)) and call.func.path.rpartition(".")[2] == "retry" for call in task.function.body.calls
    )
