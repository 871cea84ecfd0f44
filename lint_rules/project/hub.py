"""What holds up all greenlets of a gevent or eventlet worker while a task runs?

Facts: research/celery-facts.md 18 (gevent); eventlet's own `monkey_patch()` makes psycopg2 cooperative, and leaves MySQLdb alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lint_rules.knowledge.tables import Effect
from lint_rules.project.graph import Edge, Evidence, Node
from lint_rules.project.tasks import Task

if TYPE_CHECKING:
    from lint_rules.project.project import Project

BLOCKING = {
    "psycopg2": ("gevent",),
    "MySQLdb": ("gevent", "eventlet"),
    "sqlite3": ("gevent", "eventlet"),
    "grpc": ("gevent", "eventlet"),
    "os.system": ("gevent", "eventlet"),
}
"""What waits in C without giving way, and on which pools."""

EFFECTS = (Effect.DB, Effect.NETWORK, Effect.SUBPROCESS)


def blockage(project: Project, task: Task, pool: str, effects: tuple[Effect, ...] = EFFECTS) -> tuple[str, Evidence] | None:
    """What running a task waits in without giving way on that pool (a key of `BLOCKING`), and the shortest evidence of it."""
    found = []
    for effect in effects:
        evidence = project.graph.search(
            project.node(task),
            effect,
            follow=_runs_it,
            counts=lambda node, direct: (
                direct.row is not None and not direct.row.is_async and _library(project, direct.path, pool) is not None
            ),
        )
        if evidence is not None:
            library = _library(project, evidence.path, pool)
            assert library is not None
            found.append((library, evidence))
    return min(found, key=lambda each: len(each[1].steps), default=None)


def computing(project: Project, task: Task) -> Evidence | None:
    """The shortest evidence that running a task computes heavily, where the task itself runs."""
    return project.graph.search(
        project.node(task), Effect.CPU, follow=_runs_it, counts=lambda node, direct: direct.row is not None and not direct.row.is_async
    )


def _runs_it(node: Node, edge: Edge) -> bool:
    """Whether the function runs where it is called, not wherever it is handed to."""
    return not edge.kept and not edge.callback


def _library(project: Project, path: str, pool: str) -> str | None:
    """The blocking library that a call ends up in, None where it gives way, or that is not known."""
    library = "os.system" if path == "os.system" else "grpc" if path.startswith("grpc.") else project.drivers.behind(path)
    if library is None or pool not in BLOCKING.get(library, ()) or project.patches.anywhere(library):
        return None
    return library
