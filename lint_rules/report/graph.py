"""Tasks -> queues -> workers: who sends what where, who consumes it, and where the two contradict each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from lint_rules.deploy.model import WorkerCommand
from lint_rules.findings import Finding
from lint_rules.project.project import UNSEEN, Project
from lint_rules.project.routing import Use
from lint_rules.project.tasks import Task

CONTRADICTIONS = ("CRB201", "CRB202", "CRB204", "CRB210", "CRB212", "CRB215")
"""Rules whose findings are about a worker and what is sent to it."""

UNKNOWN_QUEUE = "?"
"""Where queues are only known at run time."""


class TaskNode(Struct, frozen=True):
    """A task, or the tasks of a module that do the same kind of work."""

    name: str
    workload: str
    file: str
    row: int
    count: int = 1
    problem: str = ""


class QueueNode(Struct, frozen=True):
    """A queue; `problem` says that nobody consumes it."""

    name: str
    problem: str = ""


class WorkerNode(Struct, frozen=True):
    """A worker command."""

    name: str
    pool: str
    """ "?" where it is only known at run time."""
    concurrency: str
    """ "" where it is not given."""
    file: str
    row: int
    problem: str = ""


class Edge(Struct, frozen=True):
    """From a task to a queue (with the priority it is sent at, where one is given), or from a queue to a worker."""

    start: str
    end: str
    label: str = ""


class Graph(Struct, frozen=True):
    """Nodes by identifier, each kind in the order in which it is shown."""

    tasks: dict[str, TaskNode]
    queues: dict[str, QueueNode]
    workers: dict[str, WorkerNode]
    edges: list[Edge]

    @property
    def row(self) -> dict[str, Any]:
        """The graph as plain data."""
        nodes: list[dict[str, Any]] = []
        for kind, group in (("task", self.tasks), ("queue", self.queues), ("worker", self.workers)):
            for identifier, node in group.items():
                given = {name: getattr(node, name) for name in node.__struct_fields__}
                nodes.append({"id": identifier, "kind": kind, **given, "problem": node.problem or None})
        return {"nodes": nodes, "edges": [{"from": edge.start, "to": edge.end, "label": edge.label or None} for edge in self.edges]}


def graph_of(project: Project, findings: Iterable[Finding], by: str = "task") -> Graph:
    """The graph of a project; `by` "module" puts the tasks of a module with one workload and queue together."""
    problems = _problems(findings)
    routing = project.routing
    tasks: dict[str, TaskNode] = {}
    edges: dict[Edge, None] = {}
    counted: dict[str, set[Task]] = {}
    for use in routing.uses:
        if use.task is None:
            continue
        workload = project.declared(use.task) or project.workload(use.task)
        queue = use.queue if use.queue is not None else UNKNOWN_QUEUE
        key = f"task:{use.task.name}" if by == "task" else f"task:{use.task.module}:{workload}"
        problem = problems.get((use.task.file, use.task.declaration.span.row), "")
        name = use.task.name if by == "task" else use.task.module
        known = tasks.get(key)
        counted.setdefault(key, set()).add(use.task)
        problem = problem or (known.problem if known else "")
        tasks[key] = TaskNode(name, workload, use.task.file, use.task.function.row, len(counted[key]), problem)
        edges.setdefault(Edge(key, f"queue:{queue}", _priority(project, use)))
    workers: dict[str, WorkerNode] = {}
    consumed: set[str] = set()
    all_known = True
    for place, worker in enumerate(sorted(project.workers, key=lambda worker: (worker.file, worker.row, worker.node))):
        key = f"worker:{place}"
        workers[key] = _worker(project, worker, problems)
        queues = routing.consumed(worker)
        all_known = all_known and queues is not None
        for queue in sorted(queues) if queues is not None else (UNKNOWN_QUEUE,):
            consumed.add(queue)
            edges.setdefault(Edge(f"queue:{queue}", key))
    return Graph(tasks, _queues(edges, consumed, bool(workers) and all_known), workers, list(edges))


def _queues(edges: Iterable[Edge], consumed: set[str], known: bool) -> dict[str, QueueNode]:
    names = sorted({side.partition(":")[2] for edge in edges for side in (edge.start, edge.end) if side.startswith("queue:")})
    unread = "no known worker consumes it"
    return {f"queue:{name}": QueueNode(name, unread if known and name not in consumed and name != UNKNOWN_QUEUE else "") for name in names}


def _worker(project: Project, worker: WorkerCommand, problems: dict[tuple[str, int], str]) -> WorkerNode:
    pool, _ = project.routing.pool_of(worker)
    given = worker.autoscale
    concurrency = f"{given[1]}-{given[0]}" if given else (worker.value("concurrency") or "")
    name = worker.service or worker.node or f"{worker.file}:{worker.row}"
    return WorkerNode(name, pool or "?", concurrency, worker.file, worker.row, problems.get((worker.file, worker.row), ""))


def _problems(findings: Iterable[Finding]) -> dict[tuple[str, int], str]:
    """The codes of the contradictions by place."""
    found: dict[tuple[str, int], list[str]] = {}
    for finding in findings:
        if finding.code in CONTRADICTIONS:
            codes = found.setdefault((finding.place.file, finding.place.row), [])
            if finding.code not in codes:
                codes.append(finding.code)
    return {place: " ".join(codes) for place, codes in found.items()}


def _priority(project: Project, use: Use) -> str:
    """The priority that a task is sent at, "" where none is given or it is only known at run time."""
    assert use.task is not None
    if use.send is not None and "priority" in use.send.options:
        value = project.literal(use.send.options["priority"], use.send.frame)
    else:
        said = project.routing.given(use.task, "priority")
        if said is None:
            route = project.routing.route_of(use.task)
            said = route.option("priority") if route is not None else None
        value = None if said is None else project.literal(said.value, said.frame)
    return "" if value is None or value is UNSEEN else f"priority {value}"
