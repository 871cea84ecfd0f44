"""One round over one file: the findings in it, rewritten where that can be done, and why not where it cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import libcst as cst
from msgspec import Struct

from codemods.change import Changed, Choices, Edit, Refused, Rewrite, Site, Undecided
from codemods.deployment_manifest import Outcome
from codemods.imports import Needed, repaired
from codemods.registry import all_codemods
from codemods.text_edits import TextEdit
from codemods.tree import Tree
from lint_rules.findings import Finding
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task

Rows = tuple[int, int]


class Refusal(Struct, frozen=True):
    """A finding that was left as it is; `choices` where a person can decide."""

    finding: Finding
    reason: str
    question: str = ""
    choices: tuple[str, ...] = ()


class Rewritten(Struct, frozen=True):
    """What one round made of a file."""

    file: str
    data: bytes
    applied: tuple[Finding, ...] = ()
    refused: tuple[Refusal, ...] = ()
    rows: tuple[Rows, ...] = ()
    """First and last rows, in the text before, of what was edited (imports aside)."""
    released: tuple[str, ...] = ()
    """Names that the edits no longer use: only their imports may be gone."""
    edits: tuple[TextEdit, ...] = ()
    """Of a deployment file: what was edited, in the text before."""
    places: tuple[tuple[int, int], ...] = ()
    """Of a deployment file: from where to where the options and directives stand, in the text before, that were edited."""
    outcomes: tuple[Outcome, ...] = ()
    """Of a deployment file: what options and directives are to be afterwards."""


def rewrite_file(
    file: str, data: bytes, findings: Sequence[Finding], tasks: Sequence[Task], project: Project, choices: Choices
) -> Rewritten:
    """Rewrite what the findings of one file ask for."""
    try:
        tree = Tree(data, choices.line_length)
    except Refused as error:
        return Rewritten(file, data, refused=tuple([Refusal(finding, str(error)) for finding in findings]))
    round_ = _Round(tree, project.packages)
    applied: list[Finding] = []
    refused: list[Refusal] = []
    for finding in findings:
        site = Site(finding, task_of(finding, tasks), project, tree, choices)
        try:
            edits = list(_rewrite_of(finding)(site))
            if not all_codemods()[finding.code].drops_comments:
                for edit in edits:
                    _refuse_to_lose_comments(edit)
        except Undecided as error:
            refused.append(Refusal(finding, str(error), error.question, error.choices))
            continue
        except Refused as error:
            refused.append(Refusal(finding, str(error)))
            continue
        if round_.takes(edits):  # else it waits for the next round
            round_.add(edits, site)
            applied.append(finding)
    try:
        result = round_.result() if applied else data
    except Refused as error:  # imports that the edits need together
        return Rewritten(file, data, refused=(*refused, *(Refusal(finding, str(error)) for finding in applied)))
    return Rewritten(file, result, tuple(applied), tuple(refused), tuple(round_.rows), tuple(round_.released))


def _rewrite_of(finding: Finding) -> Rewrite:
    rewrite = all_codemods()[finding.code].rewrite
    if rewrite is None:
        raise Refused("there is a fix for it in deployment files only")
    return rewrite


def _refuse_to_lose_comments(edit: Edit) -> None:
    """Make the edit once for itself: what cannot be written is found out where it belongs to one finding.

    Raises:
        Refused: the edit refuses, or loses a comment.
    """
    changed = edit.change(edit.node)
    new = list(changed) if isinstance(changed, cst.FlattenSentinel) else [changed] if isinstance(changed, cst.CSTNode) else []
    lost = comments_of([edit.node]) - comments_of(new)
    if lost:
        raise Refused(f"the comment {next(iter(lost))!r} would be lost")


def task_of(finding: Finding, tasks: Sequence[Task]) -> Task | None:
    """The task that a finding is about: of several with one name, the one declared nearest before it."""
    named = [task for task in tasks if task.name == finding.task]
    near = [task for task in named if task.file == finding.place.file and task.function.header.row <= finding.place.row]
    return max(near, key=lambda task: task.function.row) if near else named[0] if named else None


class _Round:
    """Edits that do not overlap, and the imports they need."""

    def __init__(self, tree: Tree, packages: frozenset[str]) -> None:
        self.rows: list[Rows] = []
        self.released: list[str] = []
        self._tree = tree
        self._packages = packages
        self._edits: dict[int, Edit] = {}
        self._around: set[int] = set()
        self._needed: list[Needed] = []

    def takes(self, edits: list[Edit]) -> bool:
        """Whether the edits keep clear of those taken before."""
        for edit in edits:
            around = [id(node) for node in self._tree.around(edit.node)]
            if id(edit.node) in self._edits or id(edit.node) in self._around or not self._edits.keys().isdisjoint(around):
                return False
        return bool(edits)

    def add(self, edits: list[Edit], site: Site) -> None:
        for edit in edits:
            self._edits[id(edit.node)] = edit
            self._around.update(id(node) for node in self._tree.around(edit.node))
            self.rows.append(self._tree.region(edit.node))
        self._needed += site.needed
        self.released += site.released

    def result(self) -> bytes:
        """The bytes of the rewritten file."""
        changed = self._tree.module.visit(_Transformer(self._edits, self._around))
        return repaired(changed, self._needed, self.released, self._packages).bytes


def comments_of(nodes: Iterable[cst.CSTNode]) -> Counter[str]:
    """The comments in some nodes."""
    found: Counter[str] = Counter()
    pending = list(nodes)
    while pending:
        node = pending.pop()
        if isinstance(node, cst.Comment):
            found[node.value] += 1
        pending += node.children
    return found


class _Transformer(cst.CSTTransformer):
    """Makes the edits; only the nodes on the way to one are visited."""

    def __init__(self, edits: dict[int, Edit], around: set[int]) -> None:
        super().__init__()
        self._edits = edits
        self._around = around

    def on_visit(self, node: cst.CSTNode) -> bool:
        return id(node) in self._around

    def on_leave(self, original: cst.CSTNode, updated: cst.CSTNode) -> Changed:  # type: ignore[override]
        edit = self._edits.get(id(original))
        return updated if edit is None else edit.change(updated)
