"""Which Redis, which secret? What `configure` was told, else the environment: CRB_REDIS_URL and CRB_SECRET."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Any

LEAST_SECRET = 16


class ConfigurationMissing(RuntimeError):
    """Something asked for needs a Redis or a secret, and none is configured."""


@dataclass(frozen=True, kw_only=True)
class RuntimeSettings:
    """Settings of the runtime; all times are seconds."""

    redis_url: str | None = None
    """Redis of cache, limits and credits: a database of its own, never the broker's. Environment: CRB_REDIS_URL."""
    secret: str | None = None
    """Signs auth contexts and keys the hashes of tokens: the same in all producers and workers. Environment: CRB_SECRET."""
    redis_timeout: float = 0.25
    """How long a connect or an answer of that Redis may take."""
    auth_lifetime: float = 7 * 24 * 3600
    """How long a signed auth context is accepted: at least as long as tasks wait in queues, with countdown and retries."""
    reservation: float = 3600
    """How long credits stay reserved for a run that never ends (its worker was killed): at least the visibility timeout."""


_given = RuntimeSettings()
_current: RuntimeSettings | None = None
_on_change: list[Callable[[], None]] = []


def configure(**given: Any) -> None:
    """Set what the runtime needs; call it where the Celery application is made, in producers and workers alike.

    Takes the fields of `RuntimeSettings`: redis_url, secret, redis_timeout, auth_lifetime, reservation. Later calls add to earlier ones.

    Raises TypeError for settings that do not exist and ValueError for a secret that is too short or a time that is not positive.
    """
    global _given, _current
    known = [field.name for field in fields(RuntimeSettings)]
    for name, value in given.items():
        if name not in known:
            meant = get_close_matches(name, known, n=1)
            cure = f"did you mean {meant[0]!r}?" if meant else f"the settings are {', '.join(known)}."
            raise TypeError(f"configure() has no setting {name!r}: {cure}")
        if name not in ("redis_url", "secret") and not (type(value) in (int, float) and value > 0):
            raise ValueError(f"configure({name}={value!r}): {name} must be a number of seconds above 0.")
    if given.get("secret") is not None:
        _check_secret(given["secret"], "configure(secret=…)")
    _given, _current = replace(_given, **given), None
    for changed in _on_change:
        changed()


def settings() -> RuntimeSettings:
    """The settings in force; the environment is read when they are first asked for."""
    global _current
    if _current is None:
        url, secret = _given.redis_url or os.environ.get("CRB_REDIS_URL"), _given.secret or os.environ.get("CRB_SECRET")
        if secret:
            _check_secret(secret, "CRB_SECRET")
        _current = replace(_given, redis_url=url or None, secret=secret or None)
    return _current


def on_change(callback: Callable[[], None]) -> None:
    """Call `callback` after each `configure`."""
    _on_change.append(callback)


def _check_secret(secret: object, place: str) -> None:
    if not isinstance(secret, str) or len(secret) < LEAST_SECRET:
        raise ValueError(f"{place}: the secret must be a string of at least {LEAST_SECRET} characters.")
