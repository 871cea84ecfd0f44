"""What a codemod is given (a `Site`), and what it answers with (`Edit`s, or `Refused`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import libcst as cst
from msgspec import Struct

if TYPE_CHECKING:
    from codemods.imports import Needed
    from codemods.tree import Tree
    from lint_rules.findings import Finding
    from lint_rules.project.graph import DirectEffect
    from lint_rules.project.project import Project
    from lint_rules.project.tasks import Task

Changed = cst.CSTNode | cst.RemovalSentinel | cst.FlattenSentinel[Any]


class Refused(Exception):
    """A rewrite that cannot be made; the text is a clause that says why."""


class Undecided(Refused):
    """A rewrite that a person has to decide on: which of `choices` it is."""

    def __init__(self, reason: str, question: str, choices: tuple[str, ...]) -> None:
        super().__init__(reason)
        self.question = question
        self.choices = choices


class Edit(NamedTuple):
    """`change` gets the node as it stands and returns what takes its place."""

    node: cst.CSTNode
    change: Callable[[Any], Changed]


class Choices(Struct, frozen=True):
    """What the person who migrates wants."""

    unsafe: bool = False
    route: bool = False
    """Whether migrated tasks are sent to queues called like their workload."""
    line_length: int | None = None
    """Columns, where the project says how many."""
    workloads: Mapping[str, str] = {}
    """Task name -> cpu, io or db, as answered when asked."""


class Site:
    """One finding to mend: where it stands, and whom to ask about it."""

    def __init__(self, finding: Finding, task: Task | None, project: Project, tree: Tree, choices: Choices) -> None:
        self.finding = finding
        self.project = project
        self.tree = tree
        self.choices = choices
        self.needed: list[Needed] = []
        self.released: list[str] = []
        self._task = task

    @property
    def task(self) -> Task:
        """The task that the finding is about.

        Raises:
            Refused: it is about no task, or a task that is declared in another file.
        """
        if self._task is None:
            raise Refused("it is about no single task")
        return self._task

    @property
    def decorator(self) -> cst.Decorator:
        """The decorator that declares the task.

        Raises:
            Refused: the task is declared in another way.
        """
        declaration = self.task.declaration
        if declaration.decorator is None:
            raise Refused(f"it is declared by {declaration.text}, not by a decorator")
        return self.tree.decorator(declaration.span)

    def declaration(self, change: Callable[[cst.Call], cst.Call]) -> Edit:
        """The edit of the call that declares the task; a bare decorator becomes a call.

        Raises:
            Refused: the task is declared in another way.
        """
        if self.task.declaration.form == "call":
            return Edit(self.tree.call(self.task.declaration.span), change)
        return Edit(
            self.decorator,
            lambda node: node.with_changes(
                decorator=change(node.decorator if isinstance(node.decorator, cst.Call) else cst.Call(node.decorator))
            ),
        )

    @property
    def arguments(self) -> dict[str, cst.Arg]:
        """The keyword arguments of the call that declares the task."""
        node: cst.CSTNode = self.tree.call(self.task.declaration.span) if self.task.declaration.form == "call" else self.decorator.decorator
        args = node.args if isinstance(node, cst.Call) else ()
        return {arg.keyword.value: arg for arg in args if arg.keyword is not None}

    @property
    def effect(self) -> DirectEffect:
        """What the call that the finding is about does.

        Raises:
            Refused: nothing that is known.
        """
        place = self.finding.place
        for _, node, _ in self.project.reached():
            if node.file == place.file:
                for effect in node.direct:
                    if (effect.call.span.row, effect.call.span.column) == (place.row, place.column) and effect.row is not None:
                        return effect
        raise Refused("what the call does is not known")

    def name(self, module: str, name: str | None = None, at: cst.CSTNode | None = None) -> str:
        """How to write `module.name` at a node (the decorator, where none is given); notes the import that is missing for it.

        Raises:
            Refused: the name means something else there.
        """
        at = at if at is not None else self.decorator
        scopes = self.tree.scopes(at)
        text, needed = self.tree.imports.lookup(module, name, inside=scopes, before=self.tree.statement_around(at))
        if needed is not None:
            self.needed.append(needed)
        return text

    def source(self, name: str) -> str | None:
        """The module that a name is imported from at the top of the file (relative ones with their dots)."""
        module = self.project.module(self.finding.place.file)
        for item in module.imports("").get(name, ()) if module is not None else ():
            if item.attribute == name:
                return "." * item.level + item.module
        return None

    def release(self, name: str) -> None:
        """A name that the edit no longer uses: its import goes if neither this file nor another one needs it.

        Raises:
            Refused: it is imported in a function, where its import would be left unused.
        """
        file = self.finding.place.file
        module = self.project.module(file)
        scope = self.task.function.parent
        while module is not None and scope:
            if module.imports(scope).get(name):
                raise Refused(f"{name} is imported in the function around it, where that import would be left unused")
            scope = scope.rpartition(".")[0]
        if self.project.taken_names.get(file, set()).isdisjoint((name, "*")):
            self.released.append(name)


Rewrite = Callable[[Site], Iterator[Edit]]
