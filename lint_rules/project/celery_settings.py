"""What the project tells Celery: settings, wherever they are written.

Read are: the arguments of `Celery(...)`, `app.conf.x = value`, `app.conf["x"] = value`, `app.conf.update(...)`, and the module, class or
Django namespace that `config_from_object` names (class bodies and their base classes included).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from lint_rules.facts.model import Call, Const, Expr, Map, Ref, Result
from lint_rules.knowledge import celery_settings as knowledge
from lint_rules.project.apps import App, Apps, is_app, makes_app
from lint_rules.project.frames import Frame
from lint_rules.project.modules import Module
from lint_rules.project.resolver import Resolver
from lint_rules.project.values import ClassValue, External, Instance, Literal, ModuleValue, Value

OLD_NAMES = {old.lower(): new for old, new in knowledge.OLD_NAMES.items() if old.lower() != new}
"""Pre-4.0 names in lower case, and what they are called now."""

CONSTRUCTOR = {"broker": "broker_url", "backend": "result_backend", "include": "include", "task_cls": "task_cls"}


class Setting(Struct, frozen=True, eq=False):
    """One setting as written: `name` is Celery's current lower-case name."""

    name: str
    value: Expr
    file: str
    row: int
    frame: Frame
    app: App | None = None
    """The application it is for, where that is known."""
    written: str = ""
    """The name as it stands in the code: `CELERY_TASK_ACKS_LATE`."""
    prefix: str = ""
    """What `config_from_object(namespace=)` puts before names, in lower case: `celery_`."""
    form: str = "conf"
    """ "constructor" (`Celery(broker=)`), "conf" (`app.conf`) or "object" (what `config_from_object` names)."""
    conditional: bool = False
    """Whether it stands under a test: `if sys.platform == "win32": ...`."""


def celery_settings(resolver: Resolver, modules: list[Module], apps: Apps) -> list[Setting]:
    """All settings in the modules, and in what they name with `config_from_object`.

    Raises:
        NotLoaded: a settings module has to be loaded first.
    """
    found: list[Setting] = []
    for module in modules:
        scopes = ["", *(function.qualname for function in module.facts.functions)]
        for qualname in scopes:
            frame = resolver.frame(module.file, qualname)
            if frame is not None:
                found += _in_scope(resolver, module, frame, apps)
    return found


def _in_scope(resolver: Resolver, module: Module, frame: Frame, apps: Apps) -> Iterator[Setting]:
    file = module.file

    def setting(written: str, value: Expr, row: int, owner: str, guards: tuple[int, ...]) -> Setting:
        name = written.lower()
        app = apps.behind(Ref(owner), frame)
        return Setting(OLD_NAMES.get(name, name), value, file, row, frame, app, written, conditional=bool(guards))

    for index, call in enumerate(frame.scope.calls):
        name = _last_name(call.func)
        if name == "config_from_object" and call.args and _is_app(resolver, call.func, frame):
            yield from _from_object(resolver, call, frame, apps)
        elif name == "update" and _is_conf(resolver, call.func, frame):
            owner = call.func.path.rpartition(".conf")[0] if isinstance(call.func, Ref) else ""
            for key, value in call.keywords:
                if key:
                    yield setting(key, value, call.span.row, owner, call.guards)
            for argument in call.args:
                if isinstance(argument, Map):
                    for key_expr, value, row in zip(argument.keys, argument.values, argument.rows):
                        if isinstance(key_expr, Const) and isinstance(key_expr.value, str):
                            yield setting(key_expr.value, value, row, owner, call.guards)
        elif call.keywords and any(key in CONSTRUCTOR for key, _ in call.keywords) and makes_app(resolver, call, frame):
            for key, value in call.keywords:
                if key in CONSTRUCTOR:
                    yield Setting(
                        CONSTRUCTOR[key], value, file, call.span.row, frame, apps.behind(Result(index), frame), key, "", "constructor"
                    )
    for binding in frame.scope.bindings:
        target, _, key = binding.target.partition("[")
        owner, _, attribute = target.rpartition(".")
        if key and attribute == "conf" and _names_app(resolver, owner, frame):
            yield setting(key.rstrip("]"), binding.value, binding.row, owner, binding.guards)
        elif owner.rpartition(".")[2] == "conf" and _names_app(resolver, owner.rpartition(".")[0], frame):
            yield setting(attribute, binding.value, binding.row, owner.rpartition(".")[0], binding.guards)


def _last_name(func: Expr) -> str:
    return func.path.rpartition(".")[2] if hasattr(func, "path") else ""


def _is_app(resolver: Resolver, func: Expr, frame: Frame) -> bool:
    return isinstance(func, Ref) and _names_app(resolver, func.path.rpartition(".")[0], frame)


def _is_conf(resolver: Resolver, func: Expr, frame: Frame) -> bool:
    if not isinstance(func, Ref):
        return False
    owner = func.path.rpartition(".")[0]
    return owner.rpartition(".")[2] == "conf" and _names_app(resolver, owner.rpartition(".")[0], frame)


def _names_app(resolver: Resolver, path: str, frame: Frame) -> bool:
    return bool(path) and any(is_app(resolver, value) for value in resolver.evaluate(Ref(path), frame))


def _from_object(resolver: Resolver, call: Call, frame: Frame, apps: Apps) -> Iterator[Setting]:
    app = apps.behind(Ref(call.func.path.rpartition(".")[0]), frame) if isinstance(call.func, Ref) else None
    namespace = call.keyword("namespace")
    prefix = f"{namespace.value}_".lower() if isinstance(namespace, Const) and isinstance(namespace.value, str) else ""
    for value in resolver.evaluate(call.args[0], frame):
        targets: tuple[Value, ...] = (value,)
        if isinstance(value, Literal) and isinstance(value.value, str):
            if value.value in ("django.conf:settings", "django.conf.settings"):
                targets = tuple(ModuleValue(file) for file in resolver.index.settings_files())
            else:
                targets = resolver.dotted(value.value, frame.module.file)
        elif isinstance(value, External) and value.path == "django.conf.settings":
            targets = tuple(ModuleValue(file) for file in resolver.index.settings_files())
        for target in targets:
            yield from _object_settings(resolver, target, prefix, app)


def _object_settings(resolver: Resolver, target: Value, prefix: str, app: App | None) -> Iterator[Setting]:
    scopes: list[tuple[str, str]] = []
    if isinstance(target, ModuleValue):
        module = resolver.module(target.file)
        if module is None:
            return
        scopes.append((target.file, ""))
        if prefix:  # a Django settings module may keep its settings in classes
            scopes += [(target.file, class_.qualname) for class_ in module.facts.classes]
    elif isinstance(target, (ClassValue, Instance)):
        cls = target.cls if isinstance(target, Instance) else target
        scopes += [(each.file, each.qualname) for each in resolver.lineage(cls)[0]]
    for file, qualname in scopes:
        frame = resolver.frame(file, qualname)
        if frame is None:
            continue
        for binding in frame.scope.bindings:
            name = binding.target.lower()
            if "." in name or "[" in name or not name.startswith(prefix):
                continue
            name = OLD_NAMES.get(name, name[len(prefix) :])
            name = OLD_NAMES.get(name, name)
            yield Setting(name, binding.value, file, binding.row, frame, app, binding.target, prefix, "object", bool(binding.guards))
