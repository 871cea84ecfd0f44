"""Which options does Celery get? What a person wrote, checked, plus what the configuration says in Celery's words.

Facts: research/celery-facts.md 9 and 19 (unknown options are silently accepted by Celery), app/autoretry.py of Celery 5.7.
"""

from __future__ import annotations

from collections import UserDict
from difflib import get_close_matches
from random import uniform
from typing import Any

from celery import Celery, Task
from celery._state import get_current_task
from celery.utils.imports import symbol_by_name

from celery_best_practices.config import TaskConfig
from celery_best_practices.contract import FIELD_BY_NAME
from celery_best_practices.transient import PERMANENT, transient_exceptions

Options = dict[str, Any]

DECORATOR_OPTIONS = frozenset(
    {"name", "base", "bind", "shared", "lazy", "filter"}
    | {"store_eager_result", "pydantic", "pydantic_strict", "pydantic_context", "pydantic_dump_kwargs"}
    | {"autoretry_for", "dont_autoretry_for", "retry_kwargs", "retry_backoff", "retry_backoff_max", "retry_jitter"}
    | {"queue", "exchange", "exchange_type", "routing_key", "delivery_mode", "compression", "immediate", "mandatory"}
)
"""Options that Celery reads although its Task class has no attribute of that name."""

CALL_OPTIONS = frozenset(
    {"countdown", "eta", "retry", "retry_policy", "headers", "link", "link_error", "task_id", "shadow", "add_to_parent"}
    | {"producer", "publisher", "connection", "group_id", "root_id", "parent_id", "reply_to", "chord"}
)
"""Options of `apply_async`, which a task declaration silently ignores."""

SAME_IN_CONFIG = {
    "max_retries": ("max_retries",),
    "backoff": ("retry_backoff",),
    "queue": ("queue",),
    "task_priority": ("priority",),
}
"""Field -> the options of Celery that say the same."""


class FractionalBackoff(UserDict[str, Any]):
    """`retry_kwargs` with a delay drawn anew for every retry: Celery's `retry_backoff` knows whole seconds only.

    Celery reads them for each attempt: 5.7 copies them, older versions unpack them.
    """

    def __init__(self, retry_kwargs: dict[str, Any], *, base: float, maximum: float, jitter: bool) -> None:
        super().__init__(retry_kwargs, countdown=None)
        self.base, self.maximum, self.jitter = base, maximum, jitter

    def __getitem__(self, key: str) -> Any:
        if key != "countdown":
            return super().__getitem__(key)
        task = get_current_task()
        delay = min(self.maximum, self.base * 2 ** (task.request.retries if task else 0))
        return uniform(0, delay) if self.jitter else delay

    def copy(self) -> dict[str, Any]:  # type: ignore[override]
        """What this attempt is retried with."""
        return dict(self)


def check_options(place: str, options: Options, app: Celery | None, config_name: str) -> None:
    """Refuse options that Celery would accept and never read.

    Known are Celery's own and the attributes of the task class: `base=`, else that of `app`. Without either, attributes of
    an application's own task class cannot be known at import.
    """
    base = options.get("base") or (symbol_by_name(app.task_cls) if app is not None else Task)
    known = {
        name for name in dir(base) if not name.startswith("_") and name != "retry"
    } | DECORATOR_OPTIONS  # (a method, not to be replaced)
    problems = []
    for name in sorted(options.keys() - known):
        if name in FIELD_BY_NAME:
            problems.append(f"Celery has no task option {name!r}: it is a field: config={config_name}({name}={options[name]!r}).")
        elif name in CALL_OPTIONS:
            problems.append(f"{name!r} is an option of apply_async; a task declaration ignores it: give it where the task is sent.")
        elif meant := get_close_matches(name, sorted(known), n=1):
            problems.append(f"Celery has no task option {name!r}: did you mean {meant[0]!r}?")
        else:
            problems.append(
                f"Celery has no task option {name!r} and would ignore it: leave it out. If a task class of yours reads it, say so: base=."
            )
    if problems:
        raise TypeError(f"{place}: {' '.join(problems)}")


def celery_options(place: str, config: TaskConfig, options: Options, *, is_async: bool) -> Options:
    """`options` with what `config` says in Celery's words: retries, backoff in whole seconds and, for functions, the timeout.

    Raises TypeError where both say the same thing.
    """
    said = dict(SAME_IN_CONFIG)
    if not is_async:
        said["timeout"] = ("soft_time_limit",)
    config_name = type(config).__name__
    for field, names in said.items():
        for name in names:
            if getattr(config, field) is not None and name in options:
                raise TypeError(f"{place}: {name}= and {config_name}({field}=) say the same thing: leave one of them out.")
    made = dict(options)
    if config.max_retries is not None:
        made["max_retries"] = config.max_retries
    if config.max_retries is not None or config.backoff is not None:
        if "autoretry_for" not in made:
            made["autoretry_for"] = transient_exceptions()
            made.setdefault("dont_autoretry_for", PERMANENT)
    if config.backoff is not None:
        if float(config.backoff).is_integer():
            made["retry_backoff"] = int(config.backoff)
        else:
            made["retry_kwargs"] = FractionalBackoff(
                made.get("retry_kwargs", {}),
                base=config.backoff,
                maximum=made.get("retry_backoff_max", 600),
                jitter=made.get("retry_jitter", True),
            )
    if config.timeout is not None and not is_async:
        made["soft_time_limit"] = config.timeout
    return made
