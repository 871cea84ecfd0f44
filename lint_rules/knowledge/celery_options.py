"""The options that `@app.task(...)` and `@shared_task(...)` know.

Source: celery 5.7.0, `celery/app/task.py` (class Task, `from_config`, `extract_exec_options`), `celery/app/base.py` (`task`,
`_task_from_fun`), `celery/app/autoretry.py`. Any other keyword becomes an attribute of the task that Celery never reads.
"""

from __future__ import annotations

TASK_OPTIONS = frozenset(
    {"name", "base", "bind", "lazy", "filter", "shared", "serializer", "compression", "backend", "typing", "abstract", "run"}
    | {"max_retries", "default_retry_delay", "autoretry_for", "dont_autoretry_for", "throws"}
    | {"retry_kwargs", "retry_backoff", "retry_backoff_max", "retry_jitter"}
    | {"rate_limit", "time_limit", "soft_time_limit", "expires", "ignore_result", "resultrepr_maxsize", "trail", "send_events"}
    | {"store_errors_even_if_ignored", "store_eager_result", "track_started", "acks_late", "acks_on_failure_or_timeout"}
    | {"acks_on_failure", "acks_on_timeout", "reject_on_worker_lost", "retry_on_worker_lost"}
    | {"queue", "exchange", "exchange_type", "routing_key", "priority", "delivery_mode", "immediate", "mandatory"}
    | {"pydantic", "pydantic_strict", "pydantic_context", "pydantic_dump_kwargs", "Request", "Strategy", "priority"}
    | {"before_start", "on_success", "on_failure", "on_retry", "after_return", "on_replace", "on_bound", "shadow_name"}
)
"""Keywords that have a meaning in a task's declaration."""

EXECUTION_OPTIONS = frozenset(
    {"countdown", "eta", "retry", "retry_policy", "headers", "link", "link_error", "task_id", "shadow", "producer", "add_to_parent"}
)
"""Keywords of `apply_async` that a declaration ignores (`extract_exec_options` does not read them)."""

DEPRECATED_ATTRIBUTES = ("queue", "priority", "routing_key", "exchange", "exchange_type", "delivery_mode")
"""Options that Celery 5.7 warns of when the task is bound, and 6.0 will ignore (celery/app/task.py, `Task.bind`)."""
