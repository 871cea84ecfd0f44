"""Under which key is a result kept? One that equal calls of one identity share, and no other call.

Equal means: the same values of the same types, by position or by name, with defaults filled in. 1, True, 1.0 and "1" differ.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from re import compile as pattern
from typing import Any
from urllib.parse import quote
from uuid import UUID

from celery import Task
from kombu.serialization import dumps, loads

from celery_best_practices.auth import NOBODY, AuthContext, Identity
from celery_best_practices.contract import CacheKey

LONGEST = 128
"""Characters of arguments that a key shows; longer ones appear as a digest."""

Arrange = Callable[[Sequence[Any], Mapping[str, Any]], tuple[Sequence[Any], Mapping[str, Any]]]


class NotCacheable(TypeError):
    """An argument or a result is of a type that has no exact text."""


def build_cache_key(
    function: Callable[..., Any], auth: AuthContext | None, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
) -> str:
    """The key of `function(*args, **kwargs)` on behalf of `auth` (None: nobody).

    Format: `{module}.{function}:{auth_context}:{roles}:{args}:{kwargs}`, see `contract.CacheKey`. Users and admins are told apart
    by id, holders of other roles by a keyed hash of their token. For a task the arguments are taken as its serializer delivers
    them (JSON makes lists of tuples).

    Arguments may be left out, where the auth context says as much: `build_cache_key(orders_of, AuthContext(user_id))`.

    Raises NotCacheable for arguments without an exact text (objects of own classes), TypeError for arguments that the function
    does not take, ConfigurationMissing for a token without a secret.
    """
    name = name_in_keys(function)
    if isinstance(function, Task):
        args, kwargs = _as_delivered(function, args, kwargs or {})
        function = function.run
    arranged = arranging(function)(args, kwargs or {})
    return str(key_of(name, NOBODY if auth is None else auth.identity(), *arranged))


def _as_delivered(task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Arguments as a worker gets them from a message."""
    content_type, encoding, data = dumps((list(args), dict(kwargs)), serializer=task.serializer)  # type: ignore[no-untyped-call]
    delivered: tuple[list[Any], dict[str, Any]] = loads(data, content_type, encoding, accept=[content_type])  # type: ignore[no-untyped-call]
    return delivered


def key_of(function: str, identity: Identity, args: Sequence[Any], kwargs: Mapping[str, Any]) -> CacheKey:
    """The key of a call whose arguments have been arranged."""
    positional = ",".join([encode(value) for value in args])
    named = ",".join([f"{_quoted(name)}={encode(kwargs[name])}" for name in sorted(kwargs)]) if kwargs else ""
    return CacheKey(function, identity.scope, identity.role_list, _shortened(positional), _shortened(named))


def name_in_keys(function: Callable[..., Any]) -> str:
    """`{module}.{function}` of a function or a task, percent-encoded; for tasks made inside functions their name, which is unique."""
    run = function.run if isinstance(function, Task) else function
    name = f"{run.__module__}.{run.__qualname__}"
    if "<locals>" in name and isinstance(function, Task):
        name = function.name
    return quote(name, safe="<>")


def arranging(function: Callable[..., Any], *, bound: bool = False) -> Arrange:
    """A function that gives equal calls of `function` equal arguments: defaults filled in, by position where that is possible.

    bound: the function's first parameter is the task, which calls do not give.
    """
    signature = inspect.signature(function)
    if bound:
        signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    plain = all(parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for parameter in signature.parameters.values())
    count = len(signature.parameters)

    def arrange(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        if plain and not kwargs and len(args) == count:
            return args, kwargs
        bound = signature.bind_partial(*args, **kwargs)
        bound.apply_defaults()
        return bound.args, bound.kwargs

    return arrange


def _shortened(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"~{blake2b(text.encode(), digest_size=16).hexdigest()}"


_PLAIN = pattern(r"[A-Za-z0-9_.~-]*").fullmatch


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return text if _PLAIN(text) else quote(text, safe="", errors="surrogatepass")


def encode(value: Any) -> str:
    """An exact text of `value`: a letter for its type, then its content. Raises NotCacheable."""
    encoder = _ENCODERS.get(type(value))
    if encoder is None:
        raise NotCacheable(f"{type(value).__qualname__} has no exact text, so a call with one cannot be cached.")
    return encoder(value)


def _encode_mapping(value: dict[Any, Any]) -> str:
    return f"<{','.join(sorted([f'{encode(key)}={encode(item)}' for key, item in value.items()]))}>"


def _encode_datetime(value: datetime) -> str:
    zone = f"~{_quoted(str(value.tzinfo))}" if value.tzinfo else ""
    return f"T{_quoted(value.isoformat())}{zone}{'~fold' if value.fold else ''}"


def _sorted_list(kind: str) -> Callable[[Any], str]:
    return lambda value: f"{kind}({','.join(sorted([encode(item) for item in value]))})"


_ENCODERS: dict[type, Callable[[Any], str]] = {
    type(None): lambda value: "n",
    bool: lambda value: "b1" if value else "b0",
    int: lambda value: f"i{value}",
    float: lambda value: f"f{value!r}",
    str: lambda value: f"s{_quoted(value)}",
    bytes: lambda value: f"x{value.hex()}",
    list: lambda value: f"[{','.join([encode(item) for item in value])}]",
    tuple: lambda value: f"({','.join([encode(item) for item in value])})",
    dict: _encode_mapping,
    set: _sorted_list("S"),
    frozenset: _sorted_list("F"),
    datetime: _encode_datetime,
    date: lambda value: f"D{value.isoformat()}",
    time: lambda value: f"H{_quoted(value.isoformat())}",
    timedelta: lambda value: f"P{value.days}.{value.seconds}.{value.microseconds}",
    Decimal: lambda value: f"d{_quoted(str(value))}",
    UUID: lambda value: f"U{value.hex}",
}
