"""One word for what a task does, derived late from its set of effects."""

from __future__ import annotations

from collections.abc import Collection

from lint_rules.knowledge.tables import Effect

WORKLOADS = ("cpu", "io", "db", "mixed", "dispatch", "unknown")


def workload(effects: Collection[Effect]) -> str:
    """The label of a set of effects.

    "mixed" is database work together with waiting for others (network, subprocesses) or with heavy computing, or network together with heavy
    computing. Files, Redis and sleeping alone make a task "io"; next to a database they do not count.
    """
    waits = Effect.NETWORK in effects or Effect.SUBPROCESS in effects
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
