"""Which store is it that a command is called on, by the type of the receiver?"""

from __future__ import annotations

import fnmatch

from msgspec.structs import replace

from lint_rules.facts.model import Attr, Expr, Ref, Result
from lint_rules.project.frames import Frame
from lint_rules.project.origins import origin
from lint_rules.project.resolver import Resolver
from lint_rules.project.signatures import last_name, receiver_of
from lint_rules.project.stores.model import Store
from lint_rules.project.stores.wrappers import Wrappers
from lint_rules.project.values import Bound, ClassValue, External, Instance, Value
from lint_rules.settings import Settings

_REDIS = {
    f"{package}{client}": Store(
        "redis", None, cluster="Cluster" in client, asynchronous="asyncio" in package, pipeline="Pipeline" in client
    )
    for package in ("redis.", "redis.asyncio.", "valkey.", "valkey.asyncio.")
    for client in ("Redis()", "Valkey()", "RedisCluster()", "ValkeyCluster()", "client.Pipeline()", "cluster.ClusterPipeline()")
}

STORES = {
    **_REDIS,
    "rediscluster.RedisCluster()": Store("redis", None, cluster=True),
    "aioredis.Redis()": Store("redis", None, asynchronous=True),
    "aioredis.client.Pipeline()": Store("redis", None, asynchronous=True, pipeline=True),
    "flask_redis.FlaskRedis()": Store("redis", None),
    "django.core.cache.cache": Store("django", None),
    "django.core.cache.caches[]": Store("django", None),
    "django.core.cache.backends.base.BaseCache()": Store("django", None),
    "flask_caching.Cache()": Store("flask-caching", None),
    "cachelib.RedisCache()": Store("cachelib", None),
    "aiocache.Cache()": Store("aiocache", None, asynchronous=True),
    "aiocache.RedisCache()": Store("aiocache", None, asynchronous=True),
    "cashews.cache": Store("cashews", None, asynchronous=True),
    "cashews.Cache()": Store("cashews", None, asynchronous=True),
    "dogpile.cache.region.CacheRegion()": Store("dogpile", None),
    "diskcache.Cache()": Store("diskcache", None),
    "diskcache.FanoutCache()": Store("diskcache", None),
    **{
        f"cachetools.{name}()": Store("cachetools", None)
        for name in ("Cache", "TTLCache", "LRUCache", "LFUCache", "TLRUCache", "FIFOCache")
    },
}
"""By the path of the client."""


class Receivers:
    """Answers which store an expression is."""

    def __init__(self, resolver: Resolver, settings: Settings) -> None:
        self._resolver = resolver
        self._wrappers = Wrappers(resolver, self.of_value)
        self._globs = [(glob, Store("redis", None)) for glob in settings.redis_clients]
        self._globs += [(glob, Store("project", None)) for glob in settings.cache_objects]
        self._known: dict[Value, Store | None] = {}

    def of(self, expr: Expr, frame: Frame) -> Store | None:
        """The store that an expression is, None where it is none, or not known.

        Raises:
            NotLoaded: another module has to be loaded first.
        """
        values = self._resolver.evaluate(expr, frame)
        for value in values:
            found = self.of_value(value)
            if found is not None:
                return found
        return self._configured(expr, values, frame) if self._globs else None

    def of_value(self, value: Value) -> Store | None:
        """The store that a value is."""
        if value not in self._known:
            self._known[value] = None  # a class that wraps itself
            self._known[value] = self._of_value(value)
        return self._known[value]

    def _of_value(self, value: Value) -> Store | None:
        if isinstance(value, External):
            found = self._of_path(value.path)
            return None if found is None else replace(found, client=value)
        if isinstance(value, Instance):
            if value.model is not None:
                return None
            for library in self._resolver.lineage(value.cls)[1]:
                found = self._of_path(library + "()")
                if found is not None:
                    return replace(found, client=value)
            return self._wrappers.store(value)
        return None

    def _of_path(self, path: str) -> Store | None:
        found = STORES.get(path)
        if found is not None:
            return found
        head, chained, rest = path.partition("Pipeline().")
        if chained and rest.endswith("()"):  # `pipe.set(...).expire(...)`: each command gives the pipeline back
            return STORES.get(f"{head}Pipeline()")
        if not path.endswith(("()", "[]")):
            return None
        return next((store for name, store in STORES.items() if self._resolver.knowledge.is_a(path, name)), None)

    def _configured(self, expr: Expr, values: tuple[Value, ...], frame: Frame) -> Store | None:
        """A client that `redis-clients` or `cache-objects` names: where it is assigned, its class, or the function that gives it."""
        names = [self._dotted(value) for value in values] + self._places(expr, frame)
        for glob, store in self._globs:
            if any(fnmatch.fnmatchcase(name, glob) for name in names if name):
                return store
        return None

    def _dotted(self, value: Value) -> str:
        if isinstance(value, External):
            return value.path.removesuffix("()")
        value = value.cls if isinstance(value, Instance) else value
        return f"{self._resolver.index.name(value.file)}.{value.qualname}" if isinstance(value, (Bound, ClassValue)) else ""

    def _places(self, expr: Expr, frame: Frame) -> list[str]:
        """The dotted names of where an expression has its value from: `shop.store.client`, `shop.views.Basket.store`."""
        if isinstance(expr, Result):
            return [self._dotted(value) for value in self._resolver.evaluate(frame.scope.calls[expr.index].func, frame)]
        if not isinstance(expr, (Ref, Attr)):
            return []
        name, owner = last_name(expr), receiver_of(expr)
        if owner is not None:
            return [f"{self._dotted(value)}.{name}" for value in self._resolver.evaluate(owner, frame)]
        found = origin(self._resolver, name, frame)
        if found is None:
            return [f"{item.module}.{item.attribute}" for item in frame.module.imports("").get(name, ()) if item.attribute]
        binding, home = found
        made = self._places(binding.value, home) if isinstance(binding.value, Result) else []
        return [f"{self._resolver.index.name(home.module.file)}.{binding.target}", *made]
