"""Where can the body of a task be cut into what waits and what computes, and what has to cross the cut?

The parts run in processes of their own, perhaps on other machines: what crosses is JSON, and nothing else that the first part does may
matter to the second. Whatever is not plainly so is refused.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import libcst as cst

from codemods.change import Refused, Site
from lint_rules.facts.model import Attr, Const, Element, Entered, Expr, Item, Map, OneOf, Ref, Result, Seq
from lint_rules.knowledge.tables import Effect
from lint_rules.project.project import TaskCall
from lint_rules.project.values import External
from lint_rules.rules.blocking.blocking_call_in_cpu_task import WAITS, blocking_call_in_cpu_task

MOST_VALUES = 3

_LIBRARY = r"(requests|httpx)"
_CLIENT = rf"{_LIBRARY}\.(Session|session|Client)"
_SENDS = rf"({_LIBRARY}|{_CLIENT}\(\))\.(get|head|options|post|put|patch|delete|request)"
FIXED = re.compile(
    rf"({_SENDS}\(\)\.(content|text|status_code|ok|reason)|subprocess\.run\(\)\.(stdout|stderr|returncode)"
    r"|subprocess\.(check_output|getoutput)\(\)|urllib\.request\.urlopen\(\)\.read\(\)|builtins\.(str|int|float|bool|len)\(\))"
    r"(\.(decode|strip|lstrip|rstrip|lower|upper|removeprefix|removesuffix)\(\))*"
)
"""Strings, bytes and numbers: they come back equal from JSON, with kombu bytes as well (research/celery-facts.md 12)."""
FRESH = re.compile(rf"{_SENDS}\(\)\.json\(\)|json\.loads\(\)")
"""What JSON said, so that it can say it again: an object that nothing else holds."""
PLAIN = re.compile(rf"{FIXED.pattern}((\.(split|splitlines)\(\))?(\[\])*)|({FRESH.pattern})(\[\]|\.get\(\))*")
LOOKUP = re.compile(rf"({FRESH.pattern})(\[\]|\.get\(\))*\.get")
CLIENT = re.compile(rf"{_CLIENT}\(\)")
CONTEXTS = re.compile(rf"{_CLIENT}|{_SENDS}|({_LIBRARY}|{_CLIENT}\(\))\.stream|urllib\.request\.urlopen")
"""What a `with` of the first part may call: it holds back no errors, and nothing of it is left for the second part."""
LEAVES_FILES = re.compile(r"(subprocess|os)\..*|.*(retr|download|fget)\w*")

MUTATORS = frozenset(
    {"append", "extend", "insert", "pop", "popitem", "remove", "discard", "clear", "sort", "reverse", "update", "setdefault", "add"}
)
ONLY_REPORTS = frozenset({"raise_for_status", "print", "debug", "info", "warning", "error", "exception", "log"})
LOOKS_AROUND = frozenset({"locals", "vars", "eval", "exec"})
RUNNING = frozenset({"current_task", "get_current_task", "current_worker_task"})
SCALARS = (Ref("str"), Ref("int"), Ref("float"), Ref("bool"), Ref("bytes"))


class Value(NamedTuple):
    """What crosses the cut: its name in the second part, and how the first one writes it."""

    name: str
    source: str


class Cut(NamedTuple):
    """The two parts, what crosses, and the parameters that each of them reads."""

    lead: list[cst.BaseStatement]
    rest: list[cst.BaseStatement]
    values: list[Value]
    taken: list[str]
    kept: list[str]


class _Statement(NamedTuple):
    """A statement in both kinds of tree (several on one line are one), and its rows."""

    node: cst.BaseStatement
    trees: list[ast.stmt]
    first: int
    last: int


class Body:
    """The statements of a task (without its docstring), and what is known of them."""

    def __init__(self, site: Site, statements: Iterable[cst.BaseStatement]) -> None:
        self._project, self._task, self._function = site.project, site.task, site.task.function
        self._frame = site.project.node(site.task).frame
        self._parameters = {parameter.name: parameter for parameter in self._function.parameters}
        try:
            self._statements = [_Statement(each, ast.parse(site.tree.code(each)).body, *site.tree.rows(each)) for each in statements]
        except SyntaxError as error:
            raise Refused(f"this Python cannot read its body: {error.msg}") from None
        self._effects = list(_effects(site))

    def cut(self) -> Cut:
        """The cut nearest behind the last call that waits.

        Raises:
            Refused: there is none that keeps the meaning; the reason is that of the nearest.
        """
        trees = [tree for each in self._statements for tree in each.trees]
        attributes = {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        if itself := {*_names(trees)} & {self._function.name, *LOOKS_AROUND, *RUNNING} | attributes & RUNNING:
            raise Refused(f"it looks at itself from inside ({min(itself)})")
        if not self._seen(self._statements, [Effect.CPU]):
            raise Refused("nothing in it is seen to compute: declare it as I/O work (CRB102)")
        if not self._seen(self._statements, [Effect.NETWORK, Effect.SUBPROCESS]):
            raise Refused("all it waits for is time, and a countdown does that without a worker")
        last = max(n for n, each in enumerate(self._statements) if self._seen([each], WAITS))
        ends = []
        for n, each in enumerate(self._statements):
            try:
                self._check(each, _stored(tree for each in self._statements[: n + 1] for tree in each.trees))
            except Refused:
                if n <= last:
                    raise
                break
            ends.append(n + 1)
        refused = Refused("nothing is left after the last call that waits")
        for end in ends[last : len(self._statements) - 1]:
            for unwraps in (False, True):
                try:
                    return self._at(end, unwraps)
                except Refused as error:
                    refused = error
        raise refused

    def _at(self, end: int, unwraps: bool) -> Cut:
        """The cut before statement number `end`; with `unwraps`, `response.content` crosses where nothing else of a response is read.

        Raises:
            Refused: it would change the meaning.
        """
        lead, rest = self._statements[:end], self._statements[end:]
        before, after = ([tree for each in part for tree in each.trees] for part in (lead, rest))
        bound, needed = _stored(before), _needed(after)
        values: list[Value] = []
        if changed := {_root(each) for each in _changed(before)} & bound.keys() & needed:
            raise Refused(f"the rest needs {min(changed)}, which is changed after it was made")
        assigned = {name: self._assigned(name, lead) for name in bound if name in needed}
        for name, value in assigned.items():
            if value is not None and self._is_json(value):
                values.append(Value(name, name))
            elif unwraps:
                values += self._unwrapped(name, after)
            else:
                raise Refused(f"the rest needs {name}, which may not survive JSON")
        if len(values) > MOST_VALUES:
            raise Refused(f"the rest needs {len(values)} values of what comes before")
        loose = {name: value for name, value in assigned.items() if value is not None and not self._is_fixed(value)}
        fresh = {value for value in loose.values() if isinstance(value, Result) and self._means(value, FRESH)}
        if len(loose) > max(1, len(fresh)):
            raise Refused(f"{' and '.join(loose)} may share what they hold")
        taken, kept = ([name for name in self._parameters if name in names] for names in (_needed(before), needed - bound.keys()))
        self._check_parameters(lead, taken, kept, loose)
        self._check_files(lead, before, after, values)
        renamed = {value.source: value.name for value in values if value.source != value.name}
        moved = [each.node.visit(_Unwrapping(renamed)) if renamed else each.node for each in rest]
        return Cut([each.node for each in lead], moved, values, taken, kept)  # type: ignore[arg-type]  # a statement stays one

    # ── the first part ───────────────────────────────────────────────────────────────────────────────────────────────

    def _check(self, statement: _Statement, bound: Collection[str]) -> None:
        """That a statement of the first part matters to the second by what it assigns alone.

        Raises:
            Refused: it may do more.
        """
        row = f"line {statement.first}"
        for effect, path in self._seen([statement], [Effect.CPU, Effect.FILE]):
            raise Refused(f"{row} {'computes' if effect is Effect.CPU else 'uses the disk'} ({path}) before all waiting is over")
        waits = bool(self._seen([statement], WAITS))
        pending = [*statement.trees]
        for tree in pending:
            match tree:
                case ast.With():
                    calls = [item.context_expr for item in tree.items if isinstance(item.context_expr, ast.Call)]
                    if len(calls) < len(tree.items) or not all(self._means(Ref(ast.unparse(call.func)), CONTEXTS) for call in calls):
                        raise Refused(f"{row} enters what may mean something to the rest")
                    pending += tree.body
                case ast.Assign() | ast.AnnAssign(value=ast.expr()):
                    pass
                case ast.Expr(value=ast.Call() as call):
                    if not (waits or _last(call.func) in ONLY_REPORTS or _root(call) in bound):
                        raise Refused(f"{row} is there for what it does, which the rest may rely on")
                case _:
                    raise Refused(f"{row} is no plain assignment or call")
        for changed in _changed(statement.trees):
            if _root(changed) not in bound or not self._is_private(changed):
                raise Refused(f"{row} may change {_root(changed) or 'something'}, which the rest would not see")

    def _is_private(self, changed: ast.expr) -> bool:
        """Whether it is something of a client, or a list or dict itself, that was made here."""
        bindings = [each.value for each in self._function.body.bindings if each.target == _root(changed)]
        made_here = isinstance(changed, ast.Name) and all(isinstance(value, (Seq, Map)) for value in bindings)
        return bool(bindings) and (made_here or all(self._means(value, CLIENT) for value in bindings))

    def _seen(self, statements: Sequence[_Statement], effects: Collection[Effect]) -> list[tuple[Effect, str]]:
        """The calls in some statements that have one of the effects."""
        return [
            (effect, path)
            for row, effect, path in self._effects
            if effect in effects and any(each.first <= row <= each.last for each in statements)
        ]

    # ── what crosses ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _assigned(self, name: str, lead: Sequence[_Statement]) -> Expr | None:
        """What a name stands for when the first part has ended, None if that is not clear."""
        bindings = [each for each in self._function.body.bindings if each.target == name and each.row <= lead[-1].last]
        iterates = any(name in _comprehended(each.trees).values() for each in lead)
        return bindings[-1].value if bindings and not iterates else None

    def _is_json(self, value: Expr) -> bool:
        """Whether JSON certainly brings a value back equal."""
        if isinstance(value, Seq):
            return value.kind == "list" and self._are_json(value.items)
        if isinstance(value, Map):
            return all(isinstance(key, Const) and isinstance(key.value, str) for key in value.keys) and self._are_json(value.values)
        return isinstance(value, Const) or (self._is_certain(value, frozenset()) and self._means(value, PLAIN))

    def _are_json(self, items: Sequence[Expr]) -> bool:
        """Whether that is so of the items of a new object (and none of them may be another one's part)."""
        return all(self._is_json(item) for item in items) and (len(items) == 1 or all(self._is_fixed(item) for item in items))

    def _is_fixed(self, value: Expr) -> bool:
        """Whether nobody can change it, so that it does not matter who else has it."""
        return isinstance(value, Const) or self._means(value, FIXED)

    def _is_certain(self, value: Expr, seen: frozenset[str]) -> bool:
        """Whether nothing unknown is among what an expression can be: the resolver tells of what it knows alone."""
        if isinstance(value, (Attr, Item, Element, Entered)):
            return self._is_certain(value.base, seen)
        if isinstance(value, Result):
            call = self._frame.scope.calls[value.index]
            if call.keywords and self._means(value, FRESH):  # hooks that make something else of JSON
                return False
            if self._means(call.func, LOOKUP) and not all(
                each in (Seq("list", ()), Map((), ())) or self._is_fixed(each) for each in call.args[1:]
            ):
                return False
            return self._is_certain(call.func, seen)
        if not isinstance(value, Ref):
            return not isinstance(value, OneOf)
        name = value.path.partition(".")[0]
        bindings = [each.value for each in self._function.body.bindings if each.target == name]
        return not (bindings and name in self._parameters) and (
            name in seen or all(self._project.values(each, self._frame) and self._is_certain(each, seen | {name}) for each in bindings)
        )

    def _means(self, value: Expr, pattern: re.Pattern[str]) -> bool:
        values = self._project.values(value, self._frame)
        return bool(values) and all(isinstance(each, External) and pattern.fullmatch(each.path) for each in values)

    def _unwrapped(self, name: str, after: Sequence[ast.stmt]) -> list[Value]:
        """The attributes of a response that the rest reads, where it does nothing else with it.

        Raises:
            Refused: it does.
        """
        nodes = [node for tree in after for node in ast.walk(tree)]
        read = [
            node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
        ]
        values = [Value(f"{name}_{attribute}", f"{name}.{attribute}") for attribute in dict.fromkeys(read)]
        whole = len(read) < _names(after).count(name) or not all(self._is_json(Ref(value.source)) for value in values)
        if whole or not {value.name for value in values}.isdisjoint([*_names(after), *self._parameters]):
            raise Refused(f"the rest needs {name}, which may not survive JSON")
        return values

    def _check_parameters(self, lead: Sequence[_Statement], taken: Sequence[str], kept: Sequence[str], loose: Collection[str]) -> None:
        """That parameters are the same for both parts, and nothing that crosses is changed by others on its way."""
        for name in {*taken, *kept}:
            default = self._parameters[name].default
            if default is not None and not isinstance(self._project.literal(default, self._task.frame), (str, int, float, type(None))):
                raise Refused(f"the default of {name} may not survive JSON")
        changeable = {*loose, *(name for name in kept if self._parameters[name].annotation not in SCALARS)}
        for call in self._function.body.calls:
            given = {each.path for each in (*call.args, *(value for _, value in call.keywords)) if isinstance(each, Ref)} & changeable
            if given and call.span.row <= lead[-1].last:
                callees = self._project.values(call.func, self._frame)
                if not callees or not all(isinstance(callee, External) for callee in callees):
                    raise Refused(f"line {call.span.row} hands {min(given)} to a function that may change it")

    def _check_files(self, lead: Sequence[_Statement], before: list[ast.stmt], after: list[ast.stmt], values: Sequence[Value]) -> None:
        """That the rest does not find its work in a file, or wherever a call that gives nothing back may have put it."""
        if values and not any(LEAVES_FILES.fullmatch(path) for _, path in self._seen(lead, WAITS)):
            return
        names = _needed(before) & _needed(after)
        shared = [name for name in names if name in self._parameters or isinstance(self._project.literal(Ref(name), self._frame), str)]
        shared += [repr(text) for text in _paths(before) & _paths(after)]
        if shared:
            raise Refused(f"the rest may look for what the first part leaves under {min(shared)}")


def _effects(site: Site) -> Iterator[tuple[int, Effect, str]]:
    """The rows of a task's body with what the calls there do; of calls that wait, those that CRB401 reports."""
    node = site.project.node(site.task)
    for direct in node.direct:
        if direct.effect not in WAITS or any(blocking_call_in_cpu_task(TaskCall(site.task, node, direct, ()), site.project)):
            yield direct.call.span.row, direct.effect, direct.path
    for edge in node.edges:
        if edge.call is not None and not edge.kept:
            yield from ((edge.call.span.row, effect, edge.target.name) for effect in edge.target.nearest)


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _names(trees: Iterable[ast.AST], *contexts: type[ast.expr_context]) -> list[str]:
    """The names in some code, of some contexts where those are given."""
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return [node.id for node in nodes if not contexts or isinstance(node.ctx, contexts)]


def _stored(trees: Iterable[ast.AST]) -> dict[str, None]:
    """The names that get a value, in order; those of comprehensions are none of the function's."""
    trees = [*trees]
    inner = _comprehended(trees)
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return dict.fromkeys(node.id for node in nodes if id(node) not in inner)


def _comprehended(trees: Iterable[ast.AST]) -> dict[int, str]:
    """The names that comprehensions give values to, by node."""
    targets = [node.target for tree in trees for node in ast.walk(tree) if isinstance(node, ast.comprehension)]
    return {id(name): name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


def _needed(trees: Iterable[ast.stmt]) -> set[str]:
    """The names that statements read, but those that an assignment among them has given a value before."""
    needed: set[str] = set()
    bound: set[str] = set()
    for tree in trees:
        augmented = [node.target for node in ast.walk(tree) if isinstance(node, ast.AugAssign)]
        needed |= {*_names([tree], ast.Load, ast.Del), *_names(augmented, ast.Store)} - bound
        if isinstance(tree, ast.Assign):
            bound |= {*_names(tree.targets, ast.Store)}
    return needed


def _changed(trees: Iterable[ast.AST]) -> Iterator[ast.expr]:
    """What is changed in place: that of which an item or attribute is set, or a method called that changes it."""
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            yield node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            yield node.func.value


def _paths(trees: Iterable[ast.AST]) -> set[str]:
    """The strings that may be paths."""
    strings = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {text for text in strings if "/" in text or "." in text}


def _last(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""


def _root(expression: ast.AST) -> str:
    """The name that an expression begins with, "" where it begins with none."""
    while isinstance(expression, (ast.Attribute, ast.Subscript, ast.Call)):
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    return expression.id if isinstance(expression, ast.Name) else ""


class _Unwrapping(cst.CSTTransformer):
    """Puts a name in the place of `response.content`."""

    def __init__(self, renamed: dict[str, str]) -> None:
        super().__init__()
        self._renamed = renamed

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        if isinstance(original_node.value, cst.Name):
            name = self._renamed.get(f"{original_node.value.value}.{original_node.attr.value}")
            if name is not None:
                return cst.Name(name, lpar=updated_node.lpar, rpar=updated_node.rpar)
        return updated_node
