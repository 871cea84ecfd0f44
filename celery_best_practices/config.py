"""What may a task be asked to do besides what Celery does? The three configuration classes, checked when they are made.

Names, types and ranges come from `contract.FIELDS`, which the linter reads as well, so both refuse the same values.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from typing import Any, Self

from celery_best_practices.contract import FIELDS


class ConfigError(ValueError):
    """A configuration holds values that are not allowed; the message has a sentence for each of them."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class TaskConfig:
    """What the configurations of all three workloads have in common. A field left out means "as plain Celery does it".

    Raises ConfigError for values that are not allowed, all of them at once, and TypeError for fields that do not exist.
    """

    credit_type: str | None = None
    """The account that a run is charged to; None: runs cost nothing."""
    credit_amount: int = 1
    """Credits that one task id costs, whatever number of times it is retried or delivered."""
    cache_ttl: float | None = None
    """Seconds that a result is served to equal calls of the same user; None: every call runs."""
    permission_roles: Collection[str] = ()
    """Roles of which a caller needs one; kept as a sorted tuple. Empty: everybody may."""
    rate_limit: int | None = None
    """Calls in each `rate_window`, all workers together; None: no limit."""
    rate_window: float = 60
    """Seconds."""
    max_retries: int | None = None
    """Celery's `max_retries`. None: Celery's default, and no retry unless something else asks for one."""
    backoff: float | None = None
    """Base of the delay before a retry, in seconds: uniform(0, min(600, backoff * 2**retries)). None: Celery's `default_retry_delay`."""
    task_priority: int | None = None
    """0 (highest) to 9, where a call names no other."""
    queue: str | None = None
    """Where the task is sent when a call names no other queue."""
    timeout: float | None = None
    """Seconds after which a run is stopped: coroutines on every pool, functions where the pool knows `soft_time_limit` (prefork)."""

    def __new__(cls, *args: object, **given: object) -> Self:
        """Refuse what dataclasses refuse as well, but say what was meant."""
        if args:
            raise TypeError(f"{cls.__name__} takes its fields by name, e.g. {cls.__name__}({FIELDS[0].name}={args[0]!r}).")
        known = [field.name for field in FIELDS]
        if unknown := [name for name in given if name not in known]:
            raise TypeError(" ".join(_unknown_field(cls.__name__, name, known) for name in unknown))
        return object.__new__(cls)

    def __post_init__(self) -> None:
        problems = []
        for field in FIELDS:
            value = getattr(self, field.name)
            if field.refuses(value):
                unit = f" ({field.unit})" if field.unit else ""
                problems.append(f"{type(self).__name__}({field.name}={value!r}): {field.name} must be {field.allowed}{unit}.")
        if problems:
            raise ConfigError("\n".join(problems))
        for name, default in _DEFAULTS.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)
        object.__setattr__(self, "permission_roles", tuple(sorted(set(self.permission_roles))))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.given().items())})"

    def given(self) -> dict[str, Any]:
        """The fields that differ from their defaults."""
        return {name: value for name, default in _DEFAULTS.items() if (value := getattr(self, name)) != default}


_DEFAULTS = {field.name: field.default for field in fields(TaskConfig) if field.default is not MISSING}


def _unknown_field(class_name: str, name: str, known: list[str]) -> str:
    meant = get_close_matches(name, known, n=1)
    cure = f"did you mean {meant[0]!r}?" if meant else f"the fields are {', '.join(known)}."
    return f"{class_name} has no field {name!r}: {cure}"


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class CPUTaskConfig(TaskConfig):
    """The configuration of a task that computes, for `run_cpu_task_with_best_practices`."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class IOTaskConfig(TaskConfig):
    """The configuration of a task that waits for a network or for files, for `run_io_task_with_best_practices`."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class DBTaskConfig(TaskConfig):
    """The configuration of a task that talks to a database, for `run_db_task_with_best_practices`."""
