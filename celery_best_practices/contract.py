"""What the linter, the codemods and the runtime must agree on: names, fields and ranges. Pure data, no imports beyond the standard library.

A configuration field is optional everywhere: `None` means "as plain Celery does it".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import Self


@dataclass(frozen=True)
class Field:
    """One field of a configuration class: its type, and the least value allowed (`least`) or passed only exclusively (`above`)."""

    name: str
    kind: str
    """ "int", "number" (int or float), "str" or "strings"."""
    least: float | None = None
    above: float | None = None
    most: float | None = None
    unit: str = ""

    @property
    def allowed(self) -> str:
        """The allowed values in words, for messages."""
        noun = {"int": "an integer", "number": "a number", "str": "a non-empty string", "strings": "non-empty strings"}[self.kind]
        if self.least is not None and self.most is not None:
            return f"{noun} from {self.least:g} to {self.most:g}"
        if self.least is not None:
            return f"{noun} of at least {self.least:g}"
        if self.above is not None:
            return f"{noun} above {self.above:g}"
        return noun

    def refuses(self, value: object) -> bool:
        """Whether a literal `value` is certainly wrong for this field (None is always right)."""
        if value is None:
            return False
        if self.kind == "str":
            return not (isinstance(value, str) and value)
        if self.kind == "strings":
            return not (isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(v, str) and v for v in value))
        if isinstance(value, bool) or not isinstance(value, (int, float) if self.kind == "number" else int):
            return True
        return (
            (isinstance(value, float) and not isfinite(value))
            or (self.least is not None and value < self.least)
            or (self.above is not None and value <= self.above)
            or (self.most is not None and value > self.most)
        )


FIELDS: tuple[Field, ...] = (
    Field("credit_type", "str"),
    Field("credit_amount", "int", above=0),
    Field("cache_ttl", "number", above=0, unit="seconds"),
    Field("permission_roles", "strings"),
    Field("rate_limit", "int", above=0, unit="calls in each rate_window, all workers together"),
    Field("rate_window", "number", above=0, unit="seconds"),
    Field("max_retries", "int", least=0),
    Field("backoff", "number", above=0, unit="seconds"),
    Field("task_priority", "int", least=0, most=9, unit="0 is the highest"),
    Field("queue", "str"),
    Field("timeout", "number", above=0, unit="seconds"),
)
"""The fields of every configuration class, in the order of its signature."""

FIELD_BY_NAME = {field.name: field for field in FIELDS}

DECORATORS = {
    "cpu": "run_cpu_task_with_best_practices",
    "io": "run_io_task_with_best_practices",
    "db": "run_db_task_with_best_practices",
}
"""Workload -> decorator."""

CONFIGS = {"cpu": "CPUTaskConfig", "io": "IOTaskConfig", "db": "DBTaskConfig"}
"""Workload -> configuration class."""

WORKLOAD_OF_DECORATOR = {name: workload for workload, name in DECORATORS.items()}
WORKLOAD_OF_CONFIG = {name: workload for workload, name in CONFIGS.items()}

_KEY = re.compile(r"([^:{}]+):\{([^:{}]+)\}:([^:{}]*):([^:{}]*):([^:{}]*)")


@dataclass(frozen=True)
class CacheKey:
    """A cache key, written `{module}.{function}:{auth_context}:{roles}:{args}:{kwargs}`.

    The auth context is written inside literal braces: it is the hash tag that keeps all keys of a user on one node of a
    cluster. No part holds a colon or a brace: they are percent-encoded before.
    """

    function: str
    auth_context: str
    roles: str
    args: str
    kwargs: str

    def __str__(self) -> str:
        return f"{self.function}:{{{self.auth_context}}}:{self.roles}:{self.args}:{self.kwargs}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The parts of a key in this format, None for any other text."""
        match = _KEY.fullmatch(text)
        return cls(*match.groups()) if match else None
