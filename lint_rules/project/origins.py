"""Where a name was first bound: the one assignment behind it, through aliases, imports and re-exports."""

from __future__ import annotations

from lint_rules.facts.model import Binding, Call, Expr, Import, Ref, Result
from lint_rules.project.frames import Frame
from lint_rules.project.resolver import Resolver

FARTHEST = 8
"""Aliases and re-exports followed."""

Origin = tuple[Binding, Frame]
"""An assignment, and the frame of the scope it stands in."""


def origin(resolver: Resolver, path: str, frame: Frame, hops: int = 0) -> Origin | None:
    """The only assignment that gives `path` (a name, or a name in an imported module) its value as seen from `frame`.

    None where there are several, or it is no assignment of this project.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    found = assignments(resolver, path, frame, hops)
    return found[0] if len(found) == 1 else None


def assignments(resolver: Resolver, path: str, frame: Frame, hops: int = 0) -> list[Origin]:
    """All assignments that may give `path` its value; none where something else than an assignment of this project may.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    name, _, rest = path.partition(".")
    scope: Frame | None = frame
    while scope is not None and hops < FARTHEST:
        bindings = scope.module.bindings(scope.qualname).get(name, [])
        imports = scope.module.imports(scope.qualname).get(name, [])
        defined = len(scope.module.members.get(scope.qualname, {}).get(name, ()))
        if scope.function is not None:
            defined += sum(parameter.name == name for parameter in scope.function.parameters)
        if bindings or imports or defined:
            if defined or len(imports) + bool(bindings) > 1:
                return []
            if imports:
                return _imported(resolver, imports[0], rest, scope, hops)
            return _bound(resolver, [scope.scope.bindings[index] for index in bindings], scope, hops) if not rest else []
        scope = (scope.parent or resolver.frame(scope.module.file)) if scope.qualname else None
    return []


def _bound(resolver: Resolver, bindings: list[Binding], scope: Frame, hops: int) -> list[Origin]:
    """The bindings of a name in one scope, aliases followed; none where one of them leads out of sight."""
    found: list[Origin] = []
    for binding in bindings:
        behind = assignments(resolver, binding.value.path, scope, hops + 1) if isinstance(binding.value, Ref) else [(binding, scope)]
        if not behind:
            return []
        found += behind
    return found


def call_behind(resolver: Resolver, expr: Expr | None, frame: Frame) -> tuple[Call, Frame] | None:
    """The call that made a value: `expr` itself, or the one assigned to the name it is."""
    if isinstance(expr, Ref):
        found = origin(resolver, expr.path, frame)
        if found is None:
            return None
        expr, frame = found[0].value, found[1]
    if isinstance(expr, Result) and expr.index < len(frame.scope.calls):
        return frame.scope.calls[expr.index], frame
    return None


def _imported(resolver: Resolver, item: Import, rest: str, frame: Frame, hops: int) -> list[Origin]:
    index, importer = resolver.index, frame.module.file
    target = index.absolute(importer, item.module, item.level)
    if target is None:
        return []
    parts = [*([item.attribute] if item.attribute else []), *(rest.split(".") if rest else [])]
    for cut in range(len(parts) - 1, -1, -1):  # the longest module name first: `a.b` may be a submodule or a name in `a`
        file = index.find(".".join([target, *parts[:cut]]), importer)
        if file is not None and file != importer:
            source = resolver.frame(file)
            return [] if source is None else assignments(resolver, ".".join(parts[cut:]), source, hops + 1)
    return []
