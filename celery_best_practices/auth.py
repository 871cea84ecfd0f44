"""On whose behalf does a task run? An auth context given at the call site, carried in a signed header.

Celery publishes the later links of a chain, the body of a chord and nested sends from the worker: there the header of
the running task is passed on (research/runtime.md 5). The header never holds a token, only a keyed hash of it.
"""

from __future__ import annotations

import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import Any
from urllib.parse import quote
from uuid import UUID

from celery._state import _task_stack
from celery.signals import before_task_publish

from celery_best_practices.exceptions import PermissionDenied
from celery_best_practices.runtime_settings import ConfigurationMissing, on_change, settings

HEADER = "crb_auth"
BY_ID = frozenset({"user", "admin"})
"""Roles whose holders are told apart by user id; holders of other roles only are told apart by their token."""


@dataclass(frozen=True)
class AuthContext:
    """Who asks for a task: the id of a user, roles, and the token that proved it.

    The token stays in this process: it is not shown by repr, not put into messages, keys or logs.
    """

    user_id: str | int | UUID | None = None
    roles: Collection[str] = ()
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        user = self.user_id
        if isinstance(user, bool) or not isinstance(user, (str, int, UUID, type(None))) or user == "":
            raise TypeError(f"AuthContext(user_id={user!r}): user_id must be a non-empty string, an integer or a UUID.")
        if isinstance(self.roles, str) or not all(isinstance(role, str) and role for role in self.roles):
            raise TypeError(f"AuthContext(roles={self.roles!r}): roles must be a list of non-empty strings.")
        if self.token is not None and not (isinstance(self.token, str) and self.token):
            raise TypeError("AuthContext(token=…): token must be a non-empty string.")
        object.__setattr__(self, "roles", tuple(sorted(set(self.roles))))

    def identity(self) -> Identity:
        """What may leave this process. Raises ConfigurationMissing for a token without a secret to hash it with."""
        user = None if self.user_id is None else str(self.user_id)
        return Identity(user, tuple(self.roles), None if self.token is None else _token_hash(self.token))


@dataclass(frozen=True)
class Identity:
    """An auth context as workers know it."""

    user: str | None = None
    roles: tuple[str, ...] = ()
    token_hash: str | None = None

    @cached_property
    def scope(self) -> str:
        """Whose data this identity sees, percent-encoded: the auth context of cache keys."""
        by_token = self.token_hash is not None and (self.user is None or (self.roles and not BY_ID.intersection(self.roles)))
        if by_token:
            return f"token.{self.token_hash}"
        return account(self.user) if self.user is not None else "nobody"

    @cached_property
    def role_list(self) -> str:
        """The roles, percent-encoded, in the order of their names."""
        return ",".join(quote(role, safe="", errors="surrogatepass") for role in self.roles)


NOBODY = Identity()


def account(user_id: str | int | UUID) -> str:
    """The name under which a user's data is kept."""
    return f"user.{quote(str(user_id), safe='', errors='surrogatepass')}"


_header: ContextVar[tuple[Identity, str | None] | None] = ContextVar("celery_best_practices_auth", default=None)


@contextmanager
def as_user(context: AuthContext) -> Iterator[AuthContext]:
    """Send tasks on behalf of `context`: what is sent inside the `with` block carries it, and so does what those tasks send.

    Raises ConfigurationMissing where no secret is configured to sign it with. `AuthContext()` sends on behalf of nobody.
    """
    identity = context.identity()
    token = _header.set((identity, None if identity == NOBODY else sign(identity)))
    try:
        yield context
    finally:
        _header.reset(token)


def identity_of(request: Any) -> Identity:
    """On whose behalf Celery runs `request`. Raises PermissionDenied for a header that is forged, altered or expired."""
    header = header_of(request)
    if header is not None:
        return verify(header)
    if request.is_eager:  # Celery publishes nothing for eager calls
        given = _header.get()
        if given is not None:
            return given[0]
        if (header := _running_header()) is not None:
            return verify(header)
    return NOBODY


def header_of(request: Any) -> str | None:
    """The header of a request, unverified."""
    found = getattr(request, HEADER, None) or (request.headers or {}).get(HEADER)
    return found if isinstance(found, str) else None


def sign(identity: Identity) -> str:
    """The header for `identity`, good for `auth_lifetime` seconds."""
    claims = [identity.user, identity.roles, identity.token_hash, int(time.time() + settings().auth_lifetime)]
    payload = _text(json.dumps(claims, separators=(",", ":")).encode())
    return f"1.{payload}.{_text(hmac.digest(_key('auth'), payload.encode(), 'sha256'))}"


def verify(header: str) -> Identity:
    """The identity that a header was signed for. Raises PermissionDenied if it was not signed here, or too long ago."""
    identity, expires = _verified(header)
    if time.time() > expires:
        raise PermissionDenied("The auth context of this task has expired: it was signed too long ago (auth_lifetime).")
    return identity


@lru_cache(maxsize=1024)
def _verified(header: str) -> tuple[Identity, float]:
    version, _, rest = header.partition(".")
    payload, _, signature = rest.partition(".")
    genuine = header.isascii() and hmac.compare_digest(signature, _text(hmac.digest(_key("auth"), payload.encode(), "sha256")))
    if version != "1" or not genuine:
        raise PermissionDenied("The auth context of this task is not signed with this worker's secret.")
    user, roles, token_hash, expires = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return Identity(user, tuple(roles), token_hash), expires


@lru_cache(maxsize=8)
def _key(purpose: str) -> bytes:
    secret = settings().secret
    if secret is None:
        raise ConfigurationMissing("An auth context needs a secret to be signed with: configure(secret=…) or CRB_SECRET.")
    return hmac.digest(secret.encode(), f"celery-best-practices {purpose}".encode(), "sha256")


def _token_hash(token: str) -> str:
    return blake2b(token.encode(), key=_key("token"), digest_size=16).hexdigest()


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _forget_keys() -> None:
    _key.cache_clear()
    _verified.cache_clear()


def _running_header() -> str | None:
    """The header of the innermost running task that has one."""
    return next((header for task in reversed(_task_stack.stack) if (header := header_of(task.request)) is not None), None)


def _carry(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Put the auth context into a message that is being published."""
    if headers is None or HEADER in headers:
        return
    given = _header.get()
    if given is not None:
        header = given[1]
    else:
        header = _running_header()
    if header is not None:
        headers[HEADER] = header


on_change(_forget_keys)
before_task_publish.connect(_carry, weak=False, dispatch_uid="celery_best_practices.auth")
