"""What each node of the graph says, in every format alike."""

from __future__ import annotations

from msgspec import Struct

from lint_rules.report.graph import Graph, QueueNode, TaskNode, WorkerNode


class Label(Struct, frozen=True):
    """The text of a node; `problem` marks it."""

    kind: str
    """ "task", "queue" or "worker"."""
    lines: tuple[str, ...]
    problem: str


def labels(graph: Graph) -> dict[str, Label]:
    """The labels by the nodes' identifiers: tasks, then queues, then workers."""
    found = {identifier: Label("task", _task(node), node.problem) for identifier, node in graph.tasks.items()}
    found |= {identifier: Label("queue", _queue(node), node.problem) for identifier, node in graph.queues.items()}
    return found | {identifier: Label("worker", _worker(node), node.problem) for identifier, node in graph.workers.items()}


def _task(node: TaskNode) -> tuple[str, ...]:
    count = f" ({node.count} tasks)" if node.count > 1 else ""
    return tuple(filter(None, (f"{node.name}{count}", node.workload, node.problem)))


def _queue(node: QueueNode) -> tuple[str, ...]:
    return tuple(filter(None, (node.name, node.problem)))


def _worker(node: WorkerNode) -> tuple[str, ...]:
    size = f"{node.pool} -c {node.concurrency}" if node.concurrency else node.pool
    return tuple(filter(None, (node.name, size, f"{node.file}:{node.row}", node.problem)))
