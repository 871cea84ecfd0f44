"""Whether a requests session may bring a timeout of its own: by a mounted adapter, an overridden method, or an origin out of sight."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from lint_rules.facts.model import Attr, Entered, Expr, OneOf, Ref, Result
from lint_rules.project.frames import Frame
from lint_rules.project.project import Project
from lint_rules.project.values import Bound, ClassValue, External, Instance, ModuleValue

FARTHEST = 6
"""Assignments, calls and imports followed back from the session to where it is made."""

SENDERS = (".request", ".send", ".get", ".post", ".put", ".patch", ".delete", ".head", ".options")
PLAIN_ADAPTER = External("requests.adapters.HTTPAdapter()")
"""Retries and pools, but never a timeout."""


def may_bring_timeout(session: Expr, frame: Frame, project: Project, hops: int = 0) -> bool:
    """Whether the session is set up anywhere on its way here such that it may have a timeout; True where that cannot be seen."""
    if hops > FARTHEST or _sets_up(frame, project):
        return True
    if isinstance(session, Entered):
        return may_bring_timeout(session.base, frame, project, hops + 1)
    if isinstance(session, OneOf):
        return any(may_bring_timeout(option, frame, project, hops + 1) for option in session.options)
    if isinstance(session, Result):
        return _made_by_call(session, frame, project, hops)
    if isinstance(session, Ref):
        owner, _, name = session.path.rpartition(".")
        return _attribute(Ref(owner), name, frame, project, hops) if owner else _name(name, frame, project, hops)
    if isinstance(session, Attr):
        owner, _, name = session.path.rpartition(".")
        return _attribute(Attr(session.base, owner) if owner else session.base, name, frame, project, hops)
    return True


def _sets_up(frame: Frame, project: Project) -> bool:
    """Whether the function mounts an adapter of the project's own, or replaces a method of a session."""
    for call in frame.scope.calls:
        if isinstance(call.func, (Ref, Attr)) and call.func.path.endswith("mount") and len(call.args) == 2:
            if set(project.values(call.args[1], frame)) != {PLAIN_ADAPTER}:
                return True
    return any(binding.target.endswith(SENDERS) for binding in frame.scope.bindings)


def _made_by_call(made: Result, frame: Frame, project: Project, hops: int) -> bool:
    call = frame.scope.calls[made.index]
    makers = project.values(call.func, frame)
    for maker in makers:
        if isinstance(maker, ClassValue):
            if _overrides(maker, project):
                return True
        elif isinstance(maker, Bound):
            inner = project.loading(partial(project.resolver.frame_of, maker))
            if inner is None or _any(inner.scope.returns or inner.scope.yields, inner, project, hops):
                return True
        elif not isinstance(maker, External):
            return True
    wrapped = [argument for argument in call.args if any(_is_session(value) for value in project.values(argument, frame))]
    return not makers or (bool(wrapped) and _any(wrapped, frame, project, hops))


def _overrides(cls: ClassValue, project: Project) -> bool:
    """Whether a session class of the project sends in its own way, or is set up by its own methods."""
    for each in project.resolver.lineage(cls)[0]:
        module = project.module(each.file)
        for function in module.facts.functions if module is not None else ():
            if function.owner == each.qualname:
                frame = project.resolver.frame(each.file, function.qualname, Instance(cls))
                if f".{function.name}" in SENDERS or (frame is not None and _sets_up(frame, project)):
                    return True
    return False


def _attribute(owner: Expr, name: str, frame: Frame, project: Project, hops: int) -> bool:
    """A session kept on an instance or in a module."""
    owners = project.values(owner, frame)
    for value in owners:
        if isinstance(value, ModuleValue):
            module = project.resolver.frame(value.file)
            if module is None or may_bring_timeout(Ref(name), module, project, hops + 1):
                return True
        elif not isinstance(value, Instance) or _kept(value, name, project, hops):
            return True
    return not owners


def _kept(owner: Instance, name: str, project: Project, hops: int) -> bool:
    found = False
    for cls in project.resolver.lineage(owner.cls)[0]:
        module = project.module(cls.file)
        for function in module.facts.functions if module is not None else ():
            frame = project.resolver.frame(cls.file, function.qualname, owner) if function.owner == cls.qualname else None
            if frame is None:
                continue
            if _sets_up(frame, project):
                return True
            kept = f"{function.parameters[0].name}.{name}" if function.parameters else name
            origins = [binding.value for binding in function.body.bindings if binding.target == kept]
            if function.name == name:  # a property
                origins += [each for each in function.body.returns if each != Ref(kept)]
            found = found or bool(origins)
            if _any(origins, frame, project, hops):
                return True
        inside = project.resolver.frame(cls.file, cls.qualname)
        if inside is not None:
            origins = [binding.value for binding in inside.scope.bindings if binding.target == name]
            found = found or bool(origins)
            if _any(origins, inside, project, hops):
                return True
    return not found


def _name(name: str, frame: Frame, project: Project, hops: int) -> bool:
    """A session in a variable: a parameter's is out of sight."""
    scope: Frame | None = frame
    while scope is not None:
        if scope.function is not None and any(parameter.name == name for parameter in scope.function.parameters):
            return True
        bindings = [binding.value for binding in scope.scope.bindings if binding.target == name]
        if bindings:
            return _any(bindings, scope, project, hops)
        for item in scope.module.imports(scope.qualname).get(name, ()):
            target = project.index.absolute(scope.module.file, item.module, item.level)
            file = target and project.index.find(target, scope.module.file)
            source = project.loading(partial(project.resolver.frame, file)) if file else None
            return source is None or item.attribute is None or may_bring_timeout(Ref(item.attribute), source, project, hops + 1)
        scope = (scope.parent or project.resolver.frame(scope.module.file)) if scope.qualname else None
    return True


def _any(origins: Iterable[Expr], frame: Frame, project: Project, hops: int) -> bool:
    return any(may_bring_timeout(each, frame, project, hops + 1) for each in origins)


def _is_session(value: object) -> bool:
    return isinstance(value, External) and value.path.startswith("requests.Session()")
