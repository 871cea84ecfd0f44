"""The call graph below the tasks: nodes with their effects, and answers about what running one of them does.

A node is a function as seen from one receiver, an edge a call that runs another function inline. One breadth-first search an effect, from
the calls that have it back along the edges, gives every node its nearest evidence; cycles need nothing special, distances only shrink.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from lint_rules.facts.model import Call, Ref
from lint_rules.knowledge.tables import CallRow, Effect
from lint_rules.project.frames import Frame
from lint_rules.project.names import may_talk
from lint_rules.project.tasks import Task
from lint_rules.project.values import ClassValue

NEAR = 1
"""Calls between a task and an unknown function that is worth doubting the workload for."""


class DirectEffect(Struct, frozen=True, eq=False):
    """One call that has an effect itself."""

    effect: Effect
    call: Call
    path: str
    """The library path that was called."""
    row: CallRow | None


class Edge(Struct, frozen=True, eq=False):
    """One call that runs another function of the project."""

    call: Call | None
    """None for what runs without being called in the body: a wrapping decorator, a hook of the task's class."""
    target: Node
    after_commit: bool = False
    callback: bool = False
    """The function is only given away by name: who gets it may run it here, later, in a thread, or never."""
    kept: bool = False
    """A callback that the constructor of a project class got: the object may keep it for somebody else (a routing rule, a menu entry)."""


class Node:
    """A function as seen from one receiver, with what its body does."""

    __slots__ = ("direct", "edges", "file", "frame", "nearest", "overrides", "unseen_callables", "unseen_messages")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.file = frame.module.file
        self.direct: list[DirectEffect] = []
        self.edges: list[Edge] = []
        self.unseen_callables: list[Call] = []
        """Calls of unknown functions: a parameter, an entry of a registry."""
        self.unseen_messages: list[Call] = []
        """Calls of methods of unknown objects, where the names speak of communication."""
        self.nearest: dict[Effect, tuple[int, DirectEffect | Edge]] = {}
        """Effect -> distance in calls, and the first step towards it."""
        self.overrides: list[tuple[Call, ClassValue, str]] = []
        """Calls of methods that only subclasses define: call, subclass, method."""

    @property
    def name(self) -> str:
        """The function's qualified name."""
        return self.frame.qualname


class Step(Struct, frozen=True):
    """One link of an evidence chain: `name` is called (or runs) at `row` of `file`."""

    name: str
    file: str
    row: int


class Evidence(Struct, frozen=True):
    """Why a function is said to have an effect."""

    effect: Effect
    path: str
    file: str
    row: int
    steps: tuple[Step, ...]
    """The functions on the way, where each is called; empty when the call stands in the function itself."""
    call: Call
    fact: CallRow | None
    first: Call | None = None
    """The call in the function itself that leads there; None where a decorator or a hook of the task's class does."""


class CallGraph:
    """The nodes below some tasks. `EffectReader` fills it."""

    def __init__(self) -> None:
        self.nodes: dict[int, Node] = {}
        """By the identity of their frame."""
        self.roots: dict[Task, Node] = {}

    def measure(self) -> None:
        """Give every node its nearest evidence of each effect."""
        callers: dict[int, list[tuple[Node, Edge]]] = {}
        starts: dict[Effect, deque[Node]] = {}
        for node in self.nodes.values():
            node.nearest = {}
            for edge in node.edges:
                callers.setdefault(id(edge.target), []).append((node, edge))
            for direct in node.direct:
                if direct.effect not in node.nearest:
                    node.nearest[direct.effect] = (0, direct)
                    starts.setdefault(direct.effect, deque()).append(node)
        for effect, queue in starts.items():
            while queue:
                node = queue.popleft()
                distance = node.nearest[effect][0] + 1
                for caller, edge in callers.get(id(node), ()):
                    if effect not in caller.nearest:
                        caller.nearest[effect] = (distance, edge)
                        queue.append(caller)

    def evidence(self, node: Node, effect: Effect) -> Evidence | None:
        """The shortest evidence that a function has an effect."""
        steps: list[Step] = []
        first: Call | None = None
        while True:
            found = node.nearest.get(effect)
            if found is None:
                return None
            step = found[1]
            if not steps:
                first = step.call
            if isinstance(step, DirectEffect):
                return Evidence(effect, step.path, node.file, step.call.span.row, tuple(steps), step.call, step.row, first)
            row = step.call.span.row if step.call is not None else self._row(node)
            steps.append(Step(step.target.name, node.file, row))
            node = step.target

    def search(
        self, start: Node, effect: Effect, follow: Callable[[Node, Edge], bool], counts: Callable[[Node, DirectEffect], bool]
    ) -> Evidence | None:
        """The shortest evidence of an effect along the edges that `follow` allows, ending in a call that `counts`."""
        queue: deque[tuple[Node, tuple[Step, ...], Call | None]] = deque([(start, (), None)])
        seen = {id(start)}
        while queue:
            node, steps, first = queue.popleft()
            for direct in node.direct:
                if direct.effect is effect and counts(node, direct):
                    call = direct.call
                    return Evidence(effect, direct.path, node.file, call.span.row, steps, call, direct.row, first if steps else call)
            for edge in node.edges:
                if id(edge.target) not in seen and follow(node, edge):
                    seen.add(id(edge.target))
                    row = edge.call.span.row if edge.call is not None else self._row(node)
                    queue.append((edge.target, (*steps, Step(edge.target.name, node.file, row)), first if steps else edge.call))
        return None

    def _row(self, node: Node) -> int:
        return node.frame.function.row if node.frame.function is not None else 1

    def reached(self, roots: Iterable[Node]) -> Iterator[tuple[Node, tuple[Step, ...]]]:
        """Every node that runs when one of the roots does, nearest first, with the steps that lead to it (`kept` callbacks left out)."""
        queue: deque[tuple[Node, tuple[Step, ...]]] = deque((root, ()) for root in roots)
        seen = {id(root) for root, _ in queue}
        while queue:
            node, steps = queue.popleft()
            yield node, steps
            for edge in node.edges:
                if not edge.kept and id(edge.target) not in seen:
                    seen.add(id(edge.target))
                    row = edge.call.span.row if edge.call is not None else self._row(node)
                    queue.append((edge.target, (*steps, Step(edge.target.name, node.file, row))))

    def unseen(self, root: Node) -> tuple[int, int]:
        """How many calls that could not be followed might talk to others: unknown functions called by name in the function itself or
        one call away, and methods of unknown objects that are named like it, at any distance."""
        callables = messages = 0
        for node, steps in self.reached([root]):
            messages += len(node.unseen_messages)
            if len(steps) <= NEAR:
                callables += len(node.unseen_callables)
            else:
                messages += sum(1 for call in node.unseen_callables if isinstance(call.func, Ref) and may_talk(call.func.path))
        return callables, messages
