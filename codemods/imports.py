"""What do the names of one file mean, which imports does it miss, and which of its imports does nothing use any more?

One walk over the tree, without libcst's metadata: that costs several times what parsing does (research/anchors.md, F1).
"""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache, cached_property
from typing import NamedTuple

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from codemods.change import Refused
from codemods.import_place import Rows, bound, is_docstring, is_imports, joined, source_of

_NO_CODE = re.compile(
    "whitespace|^lpar|^rpar|comma|lines|header|footer|semicolon|^equal|dot$|colon$|newline|bracket|brace|indent|asynchronous|operator"
)
_WORD = re.compile(r"(?<![\w.])[^\W\d]\w*")
_TYPE_COMMENT = re.compile(r"#\s*type:(?!\s*ignore\b)(.*)")
_TAKE_CODE = {"cast", "TypeVar", "NewType", "ForwardRef", "TypedDict", "NamedTuple"}
_GENERICS = {"list", "dict", "set", "frozenset", "tuple", "type", "deque", "defaultdict"}
_STORES = {"target", "name", "rest"}  # the fields of nodes where a name gets its value
_OUTSIDE = {"name", "decorators", "returns", "bases", "keywords"}  # the fields of definitions that the scope around evaluates
_READS_ANY_NAME = {"globals", "eval", "exec"}

AnyScope = cst.Module | cst.FunctionDef | cst.ClassDef | cst.Lambda | cst.BaseComp


class Needed(NamedTuple):
    """An import that is missing: `from module import name`, or `import module` where the name is None."""

    module: str
    name: str | None


class _At(NamedTuple):
    """A place: in row number `row` of the statements of a scope."""

    scope: _Scope
    row: int
    certain: bool = True  # not in a branch, a loop or a handler
    typing: bool = False  # under `if TYPE_CHECKING:`
    quoted: bool = False  # where a string is code or a name
    store: bool = False  # where a name gets its value


class _Binding(NamedTuple):
    """Where a name gets a value, and, from an import, the dotted path that it means and the module that was loaded for it."""

    node: cst.CSTNode
    at: _At
    path: str | None = None
    loads: str = ""


class _Scope:
    def __init__(self, node: AnyScope, at: _At | None) -> None:
        self.node = node
        self.around = at and at.scope
        self.row = at.row if at else 0
        self.bindings: dict[str, list[_Binding]] = {}
        self.loads: dict[str, int] = {}
        self.inner: list[_Scope] = []
        self.elsewhere: set[str] = set()  # global and nonlocal
        if at:
            at.scope.inner.append(self)

    def bind(self, name: str, binding: _Binding) -> None:
        self.bindings.setdefault(name, []).append(binding)

    def load(self, name: str, row: int) -> None:
        self.loads[name] = min(row, self.loads.get(name, row))

    def uses(self) -> dict[str, int]:
        """The names that this scope takes from around it, and the first row that does. Bodies of classes and modules may always."""
        uses = dict(self.loads)
        for scope in self.inner:
            for name in scope.uses():
                uses[name] = min(scope.row, uses.get(name, scope.row))
        keeps = isinstance(self.node, cst.ClassDef | cst.Module)
        return {name: row for name, row in uses.items() if keeps or name not in self.bindings or name in self.elsewhere}


# ── the walk ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read(module: cst.Module) -> tuple[dict[cst.CSTNode, _Scope], dict[cst.CSTNode, int]]:
    """The scopes by their nodes, and of each statement its row in the body of its scope."""
    top = _Scope(module, None)
    scopes: dict[cst.CSTNode, _Scope] = {module: top}
    rows: dict[cst.CSTNode, int] = {}
    todo: list[tuple[cst.CSTNode, _At]] = [(each, _At(top, row)) for row, each in reversed([*enumerate(module.body)])]
    while todo:
        node, at = todo.pop()
        if isinstance(node, cst.BaseStatement):
            rows[node] = at.row
        todo += reversed([*_visit(node, at, scopes)])
    for scope in scopes.values():
        for name in scope.elsewhere & scope.bindings.keys():  # at some time, if ever
            top.bindings.setdefault(name, []).extend(each._replace(at=_At(top, 0, certain=False)) for each in scope.bindings[name])
    return scopes, rows


def _visit(node: cst.CSTNode, at: _At, scopes: dict[cst.CSTNode, _Scope]) -> Iterator[tuple[cst.CSTNode, _At]]:
    """Note what the node binds and loads; the nodes below it that are still to be visited, and where they are."""
    scope = at.scope
    match node:
        case cst.Name() if at.store:
            scope.bind(node.value, _Binding(node, at))
        case cst.Name():
            scope.load(node.value, at.row)
        case cst.SimpleString() if at.quoted:
            for word in _WORD.findall(node.raw_value):
                scope.load(word, at.row)
        case cst.Attribute() | cst.Arg():
            yield node.value, at._replace(store=False)
        case cst.Annotation():
            yield node.annotation, at._replace(quoted=True)
        case cst.Subscript():
            name = _last(node.value)
            yield node.value, at._replace(store=False)
            quoted = name != "Literal" and (at.quoted or name in _GENERICS or name[:1].isupper())
            yield from ((each, at._replace(store=False, quoted=quoted)) for each in node.slice)
        case cst.Call():
            yield node.func, at
            of_all = isinstance(node.func, cst.Attribute) and _last(node.func.value) == "__all__"
            yield from ((each, at._replace(quoted=of_all or _last(node.func) in _TAKE_CODE)) for each in node.args)
        case cst.Import() | cst.ImportFrom() | cst.LazyImport() | cst.LazyImportFrom():
            for each in bound(node):
                root = source_of(node) is None and not each.alias.asname
                scope.bind(each.name, _Binding(node, at, each.name, each.path) if root else _Binding(node, at, each.path))
        case cst.Global() | cst.Nonlocal():
            scope.elsewhere.update(item.name.value for item in node.names)
        case cst.FunctionDef() | cst.ClassDef() | cst.Lambda() | cst.BaseComp():
            scopes[node] = _Scope(node, at)
            yield from _visit_scope(node, at, scopes[node])
        case cst.NamedExpr():
            while isinstance(scope.node, cst.BaseComp) and scope.around:
                scope = scope.around
            yield from ((node.value, at), (node.target, at._replace(scope=scope, store=True)))
        case cst.Assign() | cst.AnnAssign() | cst.AugAssign():
            targets = [each.target for each in node.targets] if isinstance(node, cst.Assign) else [node.target]
            alias = isinstance(node, cst.AnnAssign) and _last(node.annotation.annotation) == "TypeAlias"
            yield from _below(node, at._replace(quoted=alias or "__all__" in map(_last, targets)))
            if isinstance(node, cst.AugAssign):
                yield node.target, at
        case cst.Del():
            yield from ((node.target, at), (node.target, at._replace(store=True)))
        case cst.If() if _last(node.test) == "TYPE_CHECKING":
            yield from ((node.test, at), (node.body, at._replace(typing=True)))
            if node.orelse:
                yield node.orelse, at
        case cst.If() | cst.For() | cst.While() | cst.Match() | cst.ExceptHandler() | cst.ExceptStarHandler():
            yield from _below(node, at._replace(certain=False))
        case cst.MatchKeywordElement():
            yield node.pattern, at
        case cst.Param():
            yield node.name, at._replace(store=True)
            for part in (node.annotation, node.default):
                if part and scope.around:
                    yield part, _At(scope.around, scope.row)
        case _:
            yield from _below(node, at)


def _visit_scope(
    node: cst.FunctionDef | cst.ClassDef | cst.Lambda | cst.BaseComp, at: _At, inner: _Scope
) -> Iterator[tuple[cst.CSTNode, _At]]:
    """The parts of a definition that belong to the scope around it, and those that belong to its own."""
    if isinstance(node, cst.BaseComp):
        yield node.for_in.iter, at
    for field, each in _children(node):
        if isinstance(node, cst.FunctionDef | cst.ClassDef) and field == "body":
            yield from ((statement, _At(inner, row)) for row, statement in enumerate(node.body.body))
        elif field in _OUTSIDE:
            yield each, at._replace(store=field in _STORES)
        else:
            yield each, _At(inner, at.row)


def _below(node: cst.CSTNode, at: _At) -> Iterator[tuple[cst.CSTNode, _At]]:
    storing = at._replace(store=True)
    for field, each in _children(node):
        yield each, storing if field in _STORES else at


def _children(node: cst.CSTNode) -> Iterator[tuple[str, cst.CSTNode]]:
    """The nodes directly below that are code, with the names of their fields."""
    for field in _fields(type(node)):
        value = getattr(node, field)
        if isinstance(value, cst.CSTNode):
            yield field, value
        elif isinstance(value, list | tuple):
            yield from ((field, each) for each in value)


@cache
def _fields(kind: type[cst.CSTNode]) -> list[str]:
    return [field.name for field in fields(kind) if not _NO_CODE.search(field.name)]


def _last(node: cst.CSTNode) -> str:
    """The `c` of `a.b.c`."""
    return node.value if isinstance(node, cst.Name) else node.attr.value if isinstance(node, cst.Attribute) else ""


# ── what the file imports ────────────────────────────────────────────────────────────────────────────────────────────


class Imports:
    """What the names of one file mean, and in what order its statements give them that meaning."""

    def __init__(self, module: cst.Module) -> None:
        self._module = module
        self._scopes, self._rows = _read(module)
        self._top = self._scopes[module]

    def lookup(
        self,
        module: str,
        name: str | None = None,
        *,
        inside: Sequence[cst.FunctionDef | cst.ClassDef | cst.Lambda] = (),
        before: cst.BaseStatement | None = None,
    ) -> tuple[str, Needed | None]:
        """The expression that means `module.name`, or the module, at a place; and the import that is missing for it, None if none is.

        The place is in the innermost of the scopes `inside` (outermost first), in the statement `before` of its body; they are nodes of the
        tree as it was read. Without `before`, of the body's imports only those at its very start count. Imports under `if TYPE_CHECKING:`
        do not count, nor those in branches and handlers; those in the body of `try` do.

        Raises:
            Refused: the name that would have to be imported is taken, or imported only in some cases and so not always there to import.
        """
        path = joined(module, name) if name else module
        visible = [*self._visible(inside, before)]
        hidden: set[str] = set()
        for scope, row in visible:
            own = scope.bindings.keys() - scope.elsewhere
            found = [self._expression(local, scope, row, module, path) for local in scope.bindings if local in own - hidden]
            if best := min((each for each in found if each), key=lambda each: each.count("."), default=None):
                return best, None
            hidden |= own
        for scope, _ in visible:
            self._refuse_taken(scope, Needed(module, name))
        return name or path, Needed(module, name)

    def _visible(self, inside: Sequence[cst.CSTNode], before: cst.BaseStatement | None) -> Iterator[tuple[_Scope, int]]:
        """The scopes whose names a place sees, innermost first, each with the row that it is in."""
        scopes = [self._top, *(self._scopes[each] for each in inside)]
        ends = [*(scope.row for scope in scopes[1:]), self._rows[before] if before else _leading(scopes[-1].node)]
        for scope, end in reversed([*zip(scopes, ends, strict=True)]):
            if scope is scopes[-1] or not isinstance(scope.node, cst.ClassDef):
                yield scope, end

    def _expression(self, local: str, scope: _Scope, row: int, module: str, path: str) -> str | None:
        """How to say `path` with a name, if in all cases the name leads there."""
        bindings = [each for each in scope.bindings[local] if not each.at.typing]
        above = [each for each in bindings if each.at.certain and each.at.row < row]
        meaning = above[0].path if above else None
        if meaning is None or any(each.path != meaning for each in bindings):
            return None
        loaded = meaning == module or any(_loads(each, module) for each in above)
        return local + path[len(meaning) :] if meaning == path or (loaded and path.startswith(f"{meaning}.")) else None

    def _refuse_taken(self, scope: _Scope, needed: Needed) -> None:
        local, path = _local(needed)
        for each in scope.bindings.get(local, ()) if local not in scope.elsewhere else ():
            if each.path != path:
                raise Refused(f"the name {local!r} means something else here{self._line(each)}")
            if scope is not self._top:
                raise Refused(f"{local!r} is imported in this function, but perhaps not before this place{self._line(each)}")
            # where a package may be absent, an import of it at the top would fail; the standard library is always there
            if not each.at.certain and not each.at.typing and path.partition(".")[0] not in sys.stdlib_module_names:
                raise Refused(f"{local!r} is imported only in some cases{self._line(each)}")
        if hasattr(builtins, local):
            raise Refused(f"the name {local!r} is a builtin")

    def _line(self, binding: _Binding) -> str:
        position = self._positions.get(binding.node)
        return f" (line {position.start.line})" if position else ""

    @cached_property
    def _positions(self) -> Mapping[cst.CSTNode, CodeRange]:
        return MetadataWrapper(self._module, unsafe_skip_copy=True).resolve(PositionProvider)

    @cached_property
    def uses(self) -> dict[str, int]:
        """The names that the code uses from the module's own, and for each the first row of the module that does."""
        return self._top.uses()

    def lacks(self, needed: Needed) -> bool:
        """Whether the module's own imports do not bind what is needed in all cases and above its first use."""
        local, path = _local(needed)
        last = self.uses.get(local, len(self._module.body))
        for each in self._top.bindings.get(local, ()):
            there = each.path == path and (needed.name or _loads(each, needed.module))
            if there and each.at.certain and not each.at.typing and each.at.row <= last:
                return False
        self._refuse_taken(self._top, needed)
        return True

    def unused(self, names: Iterable[str]) -> set[str]:
        """Those of the names that no code uses, no string that stands for code, and no type comment."""
        unused = set(names) - self.uses.keys()
        if unused and not self.uses.keys() & _READS_ANY_NAME:
            return unused.difference(*(_WORD.findall(comment) for comment in _TYPE_COMMENT.findall(self._module.code)))
        return set()


def repaired(module: cst.Module, needed: Iterable[Needed], released: Iterable[str], own: Collection[str] = ()) -> cst.Module:
    """The module with the imports that it needs, and without those at module level of released names that nothing uses any more.

    Imports in blocks stay as they are. An import further down of what is needed further up moves up. `own` are the top-level packages
    of the file's project, whose imports are a section below those of others; without, the first of several groups is taken for the others.

    Raises:
        Refused: a name to be imported has, or would get, two meanings.
    """
    imports = Imports(module)
    missing = sorted({each for each in needed if imports.lacks(each)}, key=lambda each: (each.module, each.name or ""))
    meanings = dict(map(_local, missing))
    for local, path in map(_local, missing):
        if meanings[local] != path:
            raise Refused(f"the name {local!r} would mean both {path!r} and {meanings[local]!r}")
    unused = imports.unused(released)
    if not missing and not unused:
        return module
    rows = Rows(module, own)
    moved = {(_local(each)[0], joined(each.module, each.name) if each.name else each.module) for each in missing}
    rows.drop(lambda each: (each.name, each.path) in moved)
    for each in missing:
        rows.add(each.module, each.name, imports.uses.get(_local(each)[0]))
    rows.drop(lambda each: each.name in unused)
    return rows.tree()


def _loads(binding: _Binding, module: str) -> bool:
    """Whether the import loads the module too: `import a.b.c` loads `a` and `a.b`."""
    return f"{binding.loads}.".startswith(f"{module}.")


def _local(needed: Needed) -> tuple[str, str]:
    """The name that an import binds, and what that means."""
    if needed.name:
        return needed.name, joined(needed.module, needed.name)
    root = needed.module.partition(".")[0]
    return root, root


def _leading(scope: cst.CSTNode) -> int:
    """How many statements come before the first that is neither the docstring nor an import, perhaps in a block."""
    body = scope.body if isinstance(scope, cst.Module) else scope.body.body if isinstance(scope, cst.FunctionDef | cst.ClassDef) else ()
    imports = (is_imports(each) or isinstance(each, cst.If | cst.Try | cst.TryStar) or is_docstring(each) for each in body)
    return next((row for row, leads in enumerate(imports) if not leads), len(body))
