"""What does a name say: user, tenant, secret, number, lock, counter ...?

The words were collected from the code behind research/survey.md section 5.
"""

from __future__ import annotations

import re
from functools import lru_cache

USER = frozenset(
    {"user", "users", "username", "userid", "customer", "account", "member", "membership", "owner", "viewer", "profile", "person"}
    | {"email", "login", "principal", "patient", "student", "employee", "subscriber", "seller", "buyer", "author", "actor"}
    | {"recipient", "visitor", "player", "session", "cookie", "cookies", "creator", "guest", "userprofile"}
)
"""Words in the names of what tells users apart."""

ACTING = frozenset({"user", "current_user", "request_user", "customer", "current_customer", "requestor", "viewer", "member", "account"})
"""Names of parameters and variables that stand for whom the code acts for."""

TENANT = frozenset(
    {"tenant", "org", "organization", "organisation", "workspace", "company", "team", "realm", "merchant", "site", "subdomain", "group"}
)

SECRET = frozenset({"token", "password", "passwd", "secret", "apikey", "credential", "credentials", "jwt", "passphrase", "authorization"})
SECRET_PAIRS = frozenset({("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key"), ("auth", "header"), ("auth", "key")})
NO_SECRET = frozenset({"csrf", "xsrf", "page", "next", "previous", "cursor", "continuation", "sync", "lock", "task", "push", "device"})
"""First words of tokens that give no access."""

NUMBER = frozenset({"id", "ids", "pk", "count", "num", "number", "page", "size", "limit", "offset", "year", "month", "day", "version"})
SLUG = frozenset({"slug", "locale", "lang", "language", "country", "currency"})
UUID = frozenset({"uuid", "guid"})

LOCK = frozenset({"lock", "locks", "locked", "mutex", "semaphore", "running", "leader", "inprogress", "exclusive"})
RATE = frozenset(
    {
        "throttle",
        "throttling",
        "rate",
        "ratelimit",
        "limiter",
        "attempt",
        "attempts",
        "cooldown",
        "quota",
        "limit",
        "block",
        "blocked",
        "fail",
        "failed",
    }
)
COUNTER = frozenset({"counter", "counters", "count", "counts", "hits", "views", "total", "totals", "sequence", "seq"})
TOKEN = frozenset({"otp", "nonce", "magic", "verification", "verify", "confirmation", "confirm", "challenge"})
TAKEN = TOKEN | {"token", "tokens", "code", "codes", "invite", "ticket"}
"""What is a one-time token where it is deleted after it was read."""
SESSION = frozenset({"session", "sessions", "sess"})


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[str, ...]:
    """The words of a name or text in lower case: `accessToken`, `access_token` and `access-token` are the same."""
    return tuple(re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", text).lower()))


def says(text: str, vocabulary: frozenset[str]) -> bool:
    """Whether one of the words of a text is in a vocabulary."""
    return not vocabulary.isdisjoint(words(text))


def is_secret(name: str) -> bool:
    """Whether a name is called like something that gives access to whoever has it: `access_token`, `api_key`."""
    found = words(name)
    if not found or found[0] in NO_SECRET:
        return False
    return found[-1] in SECRET or tuple(found[-2:]) in SECRET_PAIRS
