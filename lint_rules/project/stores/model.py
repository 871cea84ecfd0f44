"""What is known of a call to a cache or Redis, of a key, and of a cached value: plain data for rules to ask."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from lint_rules.facts.model import Call, Decorator, Expr, Loop
from lint_rules.knowledge.store_commands import Command, Does
from lint_rules.project.frames import Frame
from lint_rules.project.values import Value


class Store(Struct, frozen=True):
    """What a call talks to: a Redis client, or a cache."""

    library: str
    """ "redis" (with Valkey and aioredis), "django", "flask-caching", "cachelib", "aiocache", "cashews", "dogpile", "cachetools",
    "diskcache", or "project": a class of the project around one of them, and what `cache-objects` names."""
    client: Value | None
    """None for what only `redis-clients` or `cache-objects` names."""
    cluster: bool = False
    """Whether it is known to be a Redis Cluster."""
    asynchronous: bool = False
    pipeline: bool = False
    """Whether commands are queued until `execute()`."""
    namespaced: bool = False
    """Whether it puts a prefix of its own before every key."""

    @property
    def is_redis(self) -> bool:
        """Whether it takes Redis commands (rather than those of a cache)."""
        return self.library == "redis"


class Expiry(Struct, frozen=True):
    """How long a value is kept."""

    state: str
    """ "given"; "default": nothing is said, and the library bounds it; "never"; "optional": a parameter whose default means never;
    "unknown"."""
    name: str = ""
    """The keyword, also where it is given by position: "ex", "timeout"."""
    value: Expr | None = None


class StoreCall(Struct, frozen=True, eq=False):
    """A command on a Redis client or a cache."""

    store: Store
    command: str
    """In the library's own words, in lower case; `aget` of Django is "get"."""
    does: Does
    row: Command
    """How its arguments are read."""
    call: Call
    file: str
    frame: Frame
    """Where its expressions are to be evaluated."""
    receiver: Expr
    keys: tuple[Expr, ...] = ()
    """As far as they are written out; of `eval` those that its number of keys counts."""
    all_keys: bool = True
    """Whether there are no others."""
    value: Expr | None = None
    """What is stored, or what produces it; of `set_many` and `mset` the mapping."""
    arguments: tuple[Expr, ...] = ()
    """What the producer is called with."""
    expiry: Expiry = Expiry("never")
    if_absent: bool | None = False
    """Whether it stores only where nothing is (`nx=True`, `setnx`, `add`); None where that cannot be seen."""
    if_present: bool | None = False
    loop: Loop | None = None
    """The innermost loop or comprehension it stands in."""
    transaction: bool | None = None
    """Whether the pipeline it is queued on is a transaction (MULTI); None where that cannot be seen."""
    decode_responses: bool | None = None
    """Whether the client gives text instead of bytes; None where that cannot be seen."""

    through: str = ""
    """The function of the project that this call hands the key to, and that calls the store."""

    def given(self, name: str) -> Expr | None:
        """A keyword argument."""
        return self.call.keyword(name)

    @property
    def place(self) -> tuple[str, int]:
        """File and row."""
        return self.file, self.call.span.row


class Origin(StrEnum):
    """What is known of a variable part of a key. A part can have several."""

    REQUEST = "request"
    """What a client sent: `request.GET[...]`, `request.headers[...]`."""
    URL = "url"
    """The path of the request, or all of its URL: it begins with `/` or the host."""
    PARAMETER = "parameter"
    """A parameter of the function."""
    ROUTE = "route"
    """A parameter of a view, filled from the URL or the body."""
    USER = "user"
    """Tells users apart."""
    TENANT = "tenant"
    """Tells organisations, workspaces, tenants apart."""
    SECRET = "secret"
    """Called like a token, password or API key."""
    DIGEST = "digest"
    """`hashlib`, `hmac` and their like; `inside` says of what."""
    BUILTIN_HASH = "builtin-hash"
    """`hash(x)`: differs from process to process."""
    IDENTITY = "identity"
    """`id(x)`."""
    REPR = "repr"
    """`repr()` or `str()` of something that is neither text nor number."""
    NOW = "now"
    DATE = "date"
    """Today's date: the same all day."""
    RANDOM = "random"
    """`uuid4()`, `secrets`: made here."""
    JSON = "json"
    UNSORTED = "unsorted"
    """`json.dumps` without `sort_keys`."""
    NUMBER = "number"
    TEXT = "text"
    UUID = "uuid"
    SLUG = "slug"
    """Letters, digits, `-` and `_`."""
    CONSTANT = "constant"
    """The same in every call, though not known before run time: `settings.VERSION`."""
    FUNCTION = "function"
    """The name of a class or function, or its module."""


class Part(Struct, frozen=True, eq=False):
    """A part of a key: constant text, or something put into it."""

    text: str
    """The text itself; of a variable part its source."""
    expr: Expr | None = None
    """None for constant text."""
    frame: Frame | None = None
    """Where the expression stands."""
    origins: frozenset[Origin] = frozenset()
    inside: tuple[Part, ...] = ()
    """What a digest, a JSON text or a `repr` is made from."""
    how: str = ""
    """As of `facts.model.Formatted`."""

    @property
    def constant(self) -> bool:
        """Whether it is the same text in every call."""
        return self.expr is None or Origin.CONSTANT in self.origins

    @property
    def names(self) -> bool:
        """Whether it says what the key is of: constant text, or the name of a function or class."""
        return self.constant or Origin.FUNCTION in self.origins

    def has(self, *origins: Origin) -> bool:
        """Whether it has one of the origins."""
        return not self.origins.isdisjoint(origins)


class KeyTemplate(Struct, frozen=True, eq=False):
    """A key as parts."""

    parts: tuple[Part, ...]
    file: str
    row: int
    """Where it is written: the assignment of the name that is passed, else the call."""
    maker: str = ""
    """The function of the project that makes it."""
    built: bool = False
    """Whether `build_cache_key` makes it."""
    namespaced: bool = False
    """Whether the store or Django's `key_prefix` puts a prefix of its own before it."""
    structured: bool = False
    """Whether its parts cannot run into each other: a tuple, the arguments of a memoised function."""
    from_url: bool = False
    """Whether it is the URL of a view, with the headers that it varies on."""

    @property
    def text(self) -> str:
        """The key as a template: `user:{user.id}:orders`."""
        return "".join(part.text if part.expr is None else "{" + part.text + "}" for part in self.parts)

    @property
    def shape(self) -> str:
        """The same without the names: `user:{}:orders`."""
        return "".join(part.text if part.expr is None else "{}" for part in self.parts)

    @property
    def variables(self) -> tuple[Part, ...]:
        """The parts that differ from call to call."""
        return tuple(part for part in self.parts if not part.constant)

    @property
    def prefixed(self) -> bool:
        """Whether it has a namespace, or a part that says what it is of."""
        return self.namespaced or self.built or self.structured or any(part.names and part.text.strip(":-_./ ") for part in self.parts)

    def has(self, *origins: Origin) -> bool:
        """Whether one of the origins is in the key, also inside a digest."""
        pending = list(self.parts)
        while pending:
            part = pending.pop()
            if part.has(*origins):
                return True
            pending += part.inside
        return False


class Purpose(StrEnum):
    """What something is stored for."""

    VALUE = "value"
    """A result that would else be computed again."""
    LOCK = "lock"
    COUNTER = "counter"
    RATE_LIMIT = "rate-limit"
    FLAG = "flag"
    """A constant or a time: that it is there says all."""
    ONE_TIME_TOKEN = "one-time-token"
    SESSION = "session"
    INVALIDATION = "invalidation"
    STRUCTURE = "structure"
    """A queue, list, hash, set, stream or channel."""
    HOUSEKEEPING = "housekeeping"
    """Works on the whole database."""


class UserData(Struct, frozen=True, eq=False):
    """Where the data of the acting user goes into a cached value."""

    path: str
    """What is read: `request.user`, `customer`."""
    file: str
    row: int
    """The function that reads it."""
    function: str
    through: str = ""
    """The function of the project it was handed to."""


class CacheUse(Struct, frozen=True, eq=False):
    """Reads and writes that share a key in one function, or a decorator that caches what a function gives."""

    form: str
    """ "calls" or "decorator"."""
    store: Store
    keys: tuple[KeyTemplate, ...]
    """All that the key can be; none where that cannot be told."""
    purpose: Purpose
    because: str
    """What speaks for the purpose."""
    file: str
    frame: Frame
    """The function; of a decorator the decorated one."""
    row: int
    """Where the key is written, or the decorator."""
    calls: tuple[StoreCall, ...] = ()
    """In order."""
    decorator: Decorator | None = None
    by: str = ""
    """What caches the result: the decorator's path."""
    user_data: tuple[UserData, ...] = ()
    """What of the acting user the value is computed from and the key does not say (empty where the key tells users apart)."""
    anonymous: bool = False
    """Whether it is reached only for nobody in particular: behind `if not user.is_authenticated`."""
    vary: tuple[str, ...] = ()
    """Of a cached view: the headers that tell copies apart, in lower case."""
    checks: tuple[str, ...] = ()
    """Of a cached view: what checks permissions before it or in it."""
    expiry: Expiry = Expiry("unknown")

    @property
    def reads(self) -> tuple[StoreCall, ...]:
        """The calls that read."""
        return tuple(call for call in self.calls if call.does in (Does.READ, Does.READ_WRITE, Does.TAKE))

    @property
    def writes(self) -> tuple[StoreCall, ...]:
        """The calls that store."""
        return tuple(call for call in self.calls if call.does in (Does.WRITE, Does.READ_WRITE))

    def keyed_by(self, *origins: Origin) -> bool:
        """Whether every key has one of the origins in it."""
        return bool(self.keys) and all(key.has(*origins) for key in self.keys)
