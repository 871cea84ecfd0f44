"""What does an examination come to? Findings, and what could not be looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from redis import RedisError

T = TypeVar("T")

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """Something that is not as the tasks need it."""

    name: str
    """Stable, for machines: `queue-without-worker`."""
    severity: Severity
    """error: work is lost or waits for ever; warning: it can be, or is late; info: worth knowing."""
    subject: str
    """The queue, worker, task or Redis that it is about."""
    message: str
    """What is so, what follows, what to do."""


@dataclass(frozen=True)
class NotChecked:
    """A question that got no answer."""

    what: str
    why: str


@dataclass
class Questions:
    """Asks servers, and keeps what they would not answer."""

    refusals: tuple[type[BaseException], ...] = (RedisError, OSError)
    """What a server that cannot or may not answer raises."""
    unanswered: list[NotChecked] = field(default_factory=list)

    def ask(self, what: str, question: Callable[[], T]) -> T | None:
        """The answer, or None: then `what` is among the unanswered."""
        try:
            return question()
        except self.refusals as error:
            self.skip(what, str(error) or type(error).__name__)
            return None

    def skip(self, what: str, why: str) -> None:
        """Note that `what` is not looked at."""
        self.unanswered.append(NotChecked(what, why))


def listed(names: list[str], most: int = 3) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def counted(count: int, noun: str) -> str:
    """`1 message`, `2 messages`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def seconds(value: float) -> str:
    """A time as people say it: `0.5 s`, `90 s`, `2 h`."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if value >= 2 * size or (value >= size and value % size == 0):
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} s"
