"""One word for what a task does, derived late from its set of effects."""

from __future__ import annotations

from collections.abc import Collection

from lint_rules.knowledge.tables import Effect

WORKLOADS = ("cpu", "io", "db", "mixed", "dispatch", "unknown")
"""All labels, in the order in which they are counted."""


def workload(effects: Collection[Effect], unseen_callables: int = 0, unseen_messages: int = 0) -> str:
    """The label of a set of effects, "unknown" where what could not be followed may well change it.

    An effect that was seen stays seen; what may be wrong is that another one is missing. So "mixed" needs no doubt; "io" (no database) is
    doubted for unknown functions called, the others (no network) also for unknown messages.
    """
    label = _label(effects)
    if label != "mixed" and unseen_callables:
        return "unknown"
    if label not in ("mixed", "io") and unseen_messages:
        return "unknown"
    return label


def _label(effects: Collection[Effect]) -> str:
    """The label that the seen effects have.

    "mixed" is database work together with waiting for others (network, subprocesses) or with heavy computing, or network together with
    heavy computing. Files, Redis and sleeping alone make a task "io"; next to a database they do not count.
    """
    waits = not {Effect.NETWORK, Effect.LIKELY_NETWORK, Effect.SUBPROCESS}.isdisjoint(effects)
    computes = Effect.CPU in effects
    if Effect.DB in effects:
        return "mixed" if waits or computes else "db"
    if waits:
        return "mixed" if computes else "io"
    if computes:
        return "cpu"
    if not {Effect.REDIS, Effect.FILE, Effect.SLEEP, Effect.RESULT}.isdisjoint(effects):
        return "io"
    return "dispatch" if Effect.DISPATCH in effects else "unknown"
