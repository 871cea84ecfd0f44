"""Decorators of libraries that cache what a function gives: what the key is made of, and what bounds how long it is kept.

Sources: Django `django/views/decorators/cache.py`; drf-extensions `rest_framework_extensions/cache/decorators.py`; the decorators' pages of
flask-caching, dogpile.cache, aiocache, cashews, cachetools and fastapi-cache.
"""

from __future__ import annotations

from msgspec import Struct


class CacheDecorator(Struct, frozen=True):
    """A decorator that caches."""

    library: str
    from_url: bool = False
    """Whether the key is the URL of the request; else it is the function and its arguments."""
    key: tuple[str, ...] = ()
    """The keywords that make it another one."""
    expiry: tuple[tuple[str, int | None], ...] = ()
    never: bool = False
    """Whether it keeps values for ever where nothing is said."""


_TIMEOUT: tuple[tuple[str, int | None], ...] = (("timeout", 0),)
_EXPIRATION: tuple[tuple[str, int | None], ...] = (("expiration_time", 1),)
_TTL: tuple[tuple[str, int | None], ...] = (("ttl", 0),)
_REGION = "dogpile.cache.region.CacheRegion()"

CACHING = {
    "django.views.decorators.cache.cache_page": CacheDecorator("django", True, ("key_prefix",), _TIMEOUT),
    "rest_framework_extensions.cache.decorators.cache_response": CacheDecorator("django", True, ("key_func",), _TIMEOUT),
    "flask_caching.Cache().cached": CacheDecorator("flask-caching", True, ("key_prefix", "make_cache_key"), _TIMEOUT),
    "flask_caching.Cache().memoize": CacheDecorator("flask-caching", False, ("make_name",), _TIMEOUT),
    f"{_REGION}.cache_on_arguments": CacheDecorator("dogpile", False, ("function_key_generator",), _EXPIRATION),
    f"{_REGION}.cache_multi_on_arguments": CacheDecorator("dogpile", False, ("function_multi_key_generator",), _EXPIRATION),
    "aiocache.cached": CacheDecorator("aiocache", False, ("key", "key_builder"), _TTL, True),
    "aiocache.multi_cached": CacheDecorator("aiocache", False, ("keys_from_attr", "key_builder"), (("ttl", None),), True),
    "aiocache.decorators.cached": CacheDecorator("aiocache", False, ("key", "key_builder"), _TTL, True),
    "cachetools.cached": CacheDecorator("cachetools", False, ("key",)),
    "cachetools.cachedmethod": CacheDecorator("cachetools", False, ("key",)),
    "cachetools.func.ttl_cache": CacheDecorator("cachetools"),
    "fastapi_cache.decorator.cache": CacheDecorator("redis", False, ("key_builder",), (("expire", 0),)),
    **{
        f"{name}{way}": CacheDecorator("cashews", False, ("key",), _TTL)
        for name in ("cashews.cache", "cashews.Cache()")
        for way in ("", ".cache", ".early", ".soft", ".hit", ".failover")
    },
}
"""By the path of what is called for the decorator."""

WORDS = ("cach", "memo", "region", "early", "soft", "hit", "failover")
"""A decorator that caches, or the object it is a method of, has one of them in its name."""
