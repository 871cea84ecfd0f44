"""Library calls whose result depends on their arguments: `partial(f)`, `super()`, `import_string("a.b")`, `Order.objects.get()`."""

from __future__ import annotations

from lint_rules.facts.model import Call, Const
from lint_rules.project.frames import Frame
from lint_rules.project.resolver import Resolver, Special
from lint_rules.project.values import (
    UNKNOWN,
    Bound,
    ClassValue,
    Container,
    External,
    Instance,
    Literal,
    SuperOf,
    Values,
    merged,
)


def _first(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    """The call gives its first argument back (a coroutine awaited, a function wrapped, an object copied)."""
    return resolver.evaluate(resolver.argument(call, 0), frame)


def _second(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    return resolver.evaluate(resolver.argument(call, 1), frame)


def _super(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    at: Frame | None = frame
    while at is not None and (at.function is None or not at.function.owner):
        at = at.parent
    if at is None or at.function is None:
        return UNKNOWN
    cls = ClassValue(at.module.file, at.function.owner)
    receiver = at.receiver or Instance(cls)
    return (SuperOf(cls, receiver),)


def _getattr(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    if len(call.args) >= 2 and isinstance(call.args[1], Const) and isinstance(call.args[1].value, str):
        return resolver.attribute(resolver.evaluate(call.args[0], frame), call.args[1].value)
    return UNKNOWN


def _type(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    return tuple(each.cls for each in resolver.evaluate(resolver.argument(call, 0), frame) if isinstance(each, Instance))


def _cast(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    return resolver.annotated(call.args[0], frame) if call.args else UNKNOWN


def _same_elements(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    items = [resolver.element(each) for each in _first(resolver, value, call, frame)]
    return (Container(merged(items or [UNKNOWN])),)


def _enumerated(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    return (Container(_same_elements(resolver, value, call, frame)),)


def _zipped(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    groups = [resolver.element(each) for argument in call.args for each in resolver.evaluate(argument, frame)]
    return (Container((Container(merged(groups or [UNKNOWN])),)),)


def _next(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    return merged([resolver.element(each) for each in _first(resolver, value, call, frame)] or [UNKNOWN])


def _result_of(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    """A lazy object: what the function it is given returns."""
    return merged([resolver.called(each, call, frame) for each in _first(resolver, value, call, frame)] or [UNKNOWN])


def _import_string(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    found: list[Values] = []
    for each in _first(resolver, value, call, frame):
        if isinstance(each, Literal) and isinstance(each.value, str):
            found.append(resolver.dotted(each.value, frame.module.file))
    return merged(found or [UNKNOWN])


def _get_model(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    texts = [argument.value for argument in call.args if isinstance(argument, Const) and isinstance(argument.value, str)]
    if len(texts) in (1, 2):
        found = resolver.classes.model_named(".".join(texts), frame.module.file)
        if found:
            return found
    return (External("django.db.models.Model"),)


def _manager_of(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    """`OrderQuerySet.as_manager()`: behaves like the queryset."""
    return (Instance(value.model),) if value.model is not None else UNKNOWN


def _manager_from(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    """`Manager.from_queryset(OrderQuerySet)`: a class that behaves like the queryset."""
    return tuple(each for each in _first(resolver, value, call, frame) if isinstance(each, ClassValue))


def _one_row(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values | None:
    """A query that gives one object of its model."""
    return (Instance(value.model),) if value.model is not None and _is_query(value.path) else None


def _row_and_flag(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values | None:
    if value.model is not None and _is_query(value.path):
        return (Container((Instance(value.model),)),)
    return None


def _is_query(path: str) -> bool:
    return path.startswith(("django.db.models.", "sqlalchemy.", "flask_sqlalchemy."))


def _about_model(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    """A query or statement about the model it is given: `session.query(Order)`, `select(Order)`."""
    path = resolver.knowledge.result(value.path)
    return (External(path, _model_in(resolver, call, frame) or value.model),)


def _model_in(resolver: Resolver, call: Call, frame: Frame) -> ClassValue | None:
    for argument in call.args[:1]:
        for each in resolver.evaluate(argument, frame):
            if isinstance(each, ClassValue):
                return each
            if isinstance(each, External) and each.model is not None:
                return each.model
    return None


def _object_of_model(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values:
    """`get_object_or_404(Order, ...)`, `session.get(Order, pk)`."""
    model = _model_in(resolver, call, frame)
    return (Instance(model),) if model is not None else UNKNOWN


def _registered(resolver: Resolver, value: External, call: Call, frame: Frame) -> Values | None:
    """`app.task(f)` and `app.task(...)(f)`: the function itself."""
    bound = [each for each in _first(resolver, value, call, frame) if isinstance(each, Bound)] if call.args else []
    return tuple(bound) or None


SPECIAL_CALLS: dict[str, Special] = {
    "builtins.super": _super,
    "builtins.getattr": _getattr,
    "builtins.type": _type,
    "builtins.next": _next,
    "builtins.enumerate": _enumerated,
    "builtins.zip": _zipped,
    **dict.fromkeys(
        ["builtins.list", "builtins.tuple", "builtins.set", "builtins.sorted", "builtins.reversed", "builtins.iter", "builtins.frozenset"],
        _same_elements,
    ),
    "builtins.filter": lambda r, v, c, f: (Container(merged([r.element(e) for e in _second(r, v, c, f)] or [UNKNOWN])),),
    "typing.cast": _cast,
    **dict.fromkeys(
        [
            "functools.partial",
            "functools.lru_cache",
            "functools.cache",
            "functools.wraps()",
            "functools.lru_cache()",
            "contextlib.closing",
            "contextlib.aclosing",
            "copy.copy",
            "copy.deepcopy",
            "asyncio.run",
            "asyncio.wait_for",
            "asyncio.create_task",
            "asyncio.ensure_future",
            "asyncio.shield",
            "asgiref.sync.async_to_sync",
            "asgiref.sync.sync_to_async",
            "dataclasses.replace",
            "weakref.proxy",
        ],
        _first,
    ),
    **dict.fromkeys(["*.run_until_complete", "*.enter_context", "*.enter_async_context"], _first),
    **dict.fromkeys(["django.utils.functional.SimpleLazyObject", "werkzeug.local.LocalProxy", "lazy_object_proxy.Proxy"], _result_of),
    **dict.fromkeys(
        [
            "importlib.import_module",
            "django.utils.module_loading.import_string",
            "celery.utils.imports.symbol_by_name",
            "werkzeug.utils.import_string",
            "pydoc.locate",
            "pkgutil.resolve_name",
        ],
        _import_string,
    ),
    "django.apps.apps.get_model": _get_model,
    "*.as_manager": _manager_of,
    "*.from_queryset": _manager_from,
    **dict.fromkeys(
        ["*." + name for name in ("get", "first", "last", "create", "earliest", "latest", "one", "one_or_none", "scalar_one")]
        + ["*." + name for name in ("scalar_one_or_none", "scalar", "aget", "afirst", "alast", "acreate", "get_or_404", "first_or_404")],
        _one_row,
    ),
    **dict.fromkeys(["*.get_or_create", "*.update_or_create", "*.aget_or_create", "*.aupdate_or_create"], _row_and_flag),
    **dict.fromkeys(
        [
            "sqlalchemy.orm.Session().query",
            "sqlalchemy.select",
            "sqlalchemy.update",
            "sqlalchemy.delete",
            "sqlalchemy.insert",
            "sqlalchemy.orm.Session().execute",
            "sqlalchemy.orm.Session().scalars",
            "sqlalchemy.ext.asyncio.AsyncSession().execute",
            "sqlalchemy.ext.asyncio.AsyncSession().scalars",
        ],
        _about_model,
    ),
    **dict.fromkeys(
        [
            "django.shortcuts.get_object_or_404",
            "sqlalchemy.orm.Session().get",
            "sqlalchemy.orm.Session().scalar",
            "sqlalchemy.ext.asyncio.AsyncSession().get",
            "sqlalchemy.ext.asyncio.AsyncSession().scalar",
            "flask_sqlalchemy.SQLAlchemy().session.get",
        ],
        _object_of_model,
    ),
    **dict.fromkeys(["celery.Celery().task", "celery.Celery().task()", "celery.shared_task", "celery.shared_task()"], _registered),
}
"""By canonical path; `*.name` for a method of that name on any library value."""
