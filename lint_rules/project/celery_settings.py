"""What the project tells Celery: settings, wherever they are written.

Read are: the arguments of `Celery(...)`, `app.conf.x = value`, `app.conf["x"] = value`, `app.conf.update(...)`, and the module, class or
Django namespace that `config_from_object` names (class bodies and their base classes included).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from lint_rules.facts.model import Call, Const, Expr, Map, Ref
from lint_rules.project.frames import Frame
from lint_rules.project.modules import Module
from lint_rules.project.resolver import Resolver
from lint_rules.project.values import ClassValue, External, Instance, Literal, ModuleValue, Value

OLD_NAMES = {
    "celeryd_pool": "worker_pool",
    "celeryd_concurrency": "worker_concurrency",
    "celeryd_prefetch_multiplier": "worker_prefetch_multiplier",
    "celeryd_autoscaler": "worker_autoscaler",
    "celeryd_task_time_limit": "task_time_limit",
    "celeryd_task_soft_time_limit": "task_soft_time_limit",
    "celeryd_max_tasks_per_child": "worker_max_tasks_per_child",
    "celery_acks_late": "task_acks_late",
    "celery_task_serializer": "task_serializer",
    "celery_result_serializer": "result_serializer",
    "celery_accept_content": "accept_content",
    "celery_default_queue": "task_default_queue",
    "celery_default_rate_limit": "task_default_rate_limit",
    "celery_always_eager": "task_always_eager",
    "celery_ignore_result": "task_ignore_result",
    "celery_task_result_expires": "result_expires",
    "celery_queues": "task_queues",
    "celery_routes": "task_routes",
    "celery_timezone": "timezone",
    "celery_track_started": "task_track_started",
    "celery_imports": "imports",
    "celery_annotations": "task_annotations",
    "celerybeat_schedule": "beat_schedule",
    "broker_transport_options": "broker_transport_options",
}
"""Pre-4.0 names (lower case) and what they are called now (celery-facts section 16)."""

CONSTRUCTOR = {"broker": "broker_url", "backend": "result_backend", "include": "include", "task_cls": "task_cls"}


class Setting(Struct, frozen=True, eq=False):
    """One setting as written: `name` is Celery's current lower-case name."""

    name: str
    value: Expr
    file: str
    row: int
    frame: Frame


def celery_settings(resolver: Resolver, modules: list[Module]) -> list[Setting]:
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
                found += _in_scope(resolver, module, frame)
    return found


def _in_scope(resolver: Resolver, module: Module, frame: Frame) -> Iterator[Setting]:
    file = module.file
    for call in frame.scope.calls:
        name = _last_name(call.func)
        if name == "config_from_object" and call.args and _is_app(resolver, call.func, frame):
            yield from _from_object(resolver, call, frame)
        elif name == "update" and _is_conf(resolver, call.func, frame):
            for key, value in call.keywords:
                if key:
                    yield Setting(key.lower(), value, file, call.span.row, frame)
            for argument in call.args:
                if isinstance(argument, Map):
                    for key_expr, value in zip(argument.keys, argument.values):
                        if isinstance(key_expr, Const) and isinstance(key_expr.value, str):
                            yield Setting(key_expr.value.lower(), value, file, call.span.row, frame)
        elif call.keywords and any(key in CONSTRUCTOR for key, _ in call.keywords) and _makes_app(resolver, call, frame):
            for key, value in call.keywords:
                if key in CONSTRUCTOR:
                    yield Setting(CONSTRUCTOR[key], value, file, call.span.row, frame)
    for binding in frame.scope.bindings:
        target, _, key = binding.target.partition("[")
        owner, _, attribute = target.rpartition(".")
        if key and attribute == "conf" and _names_app(resolver, owner, frame):
            yield Setting(key.rstrip("]").lower(), binding.value, file, binding.row, frame)
        elif owner.rpartition(".")[2] == "conf" and _names_app(resolver, owner.rpartition(".")[0], frame):
            yield Setting(attribute.lower(), binding.value, file, binding.row, frame)


def _last_name(func: Expr) -> str:
    return func.path.rpartition(".")[2] if hasattr(func, "path") else ""


def is_app(resolver: Resolver, value: Value) -> bool:
    """Whether a value is a Celery application."""
    if isinstance(value, External):
        return value.path == "celery.Celery()"
    return isinstance(value, Instance) and resolver.inherits(value.cls, "celery.Celery")


def _is_app(resolver: Resolver, func: Expr, frame: Frame) -> bool:
    return isinstance(func, Ref) and _names_app(resolver, func.path.rpartition(".")[0], frame)


def _is_conf(resolver: Resolver, func: Expr, frame: Frame) -> bool:
    if not isinstance(func, Ref):
        return False
    owner = func.path.rpartition(".")[0]
    return owner.rpartition(".")[2] == "conf" and _names_app(resolver, owner.rpartition(".")[0], frame)


def _names_app(resolver: Resolver, path: str, frame: Frame) -> bool:
    return bool(path) and any(is_app(resolver, value) for value in resolver.evaluate(Ref(path), frame))


def _makes_app(resolver: Resolver, call: Call, frame: Frame) -> bool:
    for value in resolver.evaluate(call.func, frame):
        if isinstance(value, External) and value.path == "celery.Celery":
            return True
        if isinstance(value, ClassValue) and resolver.inherits(value, "celery.Celery"):
            return True
    return False


def _from_object(resolver: Resolver, call: Call, frame: Frame) -> Iterator[Setting]:
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
            yield from _object_settings(resolver, target, prefix)


def _object_settings(resolver: Resolver, target: Value, prefix: str) -> Iterator[Setting]:
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
            yield Setting(OLD_NAMES.get(name, name), binding.value, file, binding.row, frame)
