"""What the commands of Redis clients and caches do, and which of their arguments are keys, values and expiry.

Sources: redis-py `redis/commands/core.py` and <https://redis.io/commands>; Django `django/core/cache/backends/base.py` and django-redis
`django_redis/cache.py`; flask-caching and cachelib `base.py`; aiocache `base.py`; cashews `wrapper.py`; dogpile.cache `region.py`;
diskcache `core.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace


class Does(StrEnum):
    """What a command does to what is stored under its keys."""

    READ = "read"
    WRITE = "write"
    READ_WRITE = "read-write"
    """Gives what is stored, stores what a producer gives where nothing is."""
    INSPECT = "inspect"
    """Reads how something is stored, not what."""
    TAKE = "take"
    """Reads and deletes."""
    DELETE = "delete"
    COUNT = "count"
    EXPIRE = "expire"
    STRUCTURE = "structure"
    """Works on a list, hash, set, sorted set, stream or channel."""
    LOCK = "lock"
    SCAN = "scan"
    """Goes through the keys of the database."""
    FLUSH = "flush"
    SCRIPT = "script"
    OTHER = "other"


class Keys(StrEnum):
    """Which arguments are keys."""

    NONE = "none"
    FIRST = "first"
    """The first one."""
    ALL = "all"
    """All positional ones."""
    LIST = "list"
    """The items of the first one (and all others, where it is no list)."""
    MAPPING = "mapping"
    """The keys of the dict that the first one is."""
    TWO = "two"
    """The first and the second one."""
    SECOND_ON = "second-on"
    """All but the first one; a list there gives its items."""
    COUNTED = "counted"
    """As many as the second argument says, behind it: `eval(script, 2, "a", "b")`."""
    PATTERN = "pattern"
    """The first one is a pattern."""


class Command(Struct, frozen=True):
    """One command. Positions count from 0 and leave the receiver out."""

    name: str
    does: Does
    keys: Keys = Keys.FIRST
    key: tuple[str, ...] = ("name", "key")
    """The keywords that the keys may be given under."""
    value: int | None = None
    """The position of what is stored (or of what produces it)."""
    values: tuple[str, ...] = ("value",)
    """The keywords it may be given under."""
    expiry: tuple[tuple[str, int | None], ...] = ()
    """The keywords that bound how long it is kept, and their positions."""
    atomic: bool = True
    """Whether several keys must share a slot on a cluster (redis-py splits delete, exists, unlink and touch itself)."""


def _all(names: str, does: Does, keys: Keys = Keys.FIRST, **more: object) -> Iterable[Command]:
    return [Command(name, does, keys, **more) for name in names.split()]  # type: ignore[arg-type]


def _table(*groups: Iterable[Command]) -> dict[str, Command]:
    return {command.name: command for group in groups for command in group}


SET_EXPIRY = (("ex", 2), ("px", 3), ("exat", None), ("pxat", None), ("keepttl", None))

REDIS = _table(
    _all("get getrange substr getbit", Does.READ),
    _all("strlen type dump ttl pttl expiretime pexpiretime memory_usage", Does.INSPECT),
    _all("object", Does.INSPECT, Keys.NONE),
    [Command("getex", Does.READ, expiry=(("ex", 1), ("px", 2), ("exat", None), ("pxat", None)))],
    _all("mget", Does.READ, Keys.LIST, key=("keys",)),
    _all("mget_nonatomic", Does.READ, Keys.LIST, key=("keys",), atomic=False),
    _all("exists", Does.READ, Keys.ALL, atomic=False),
    _all("getdel", Does.TAKE),
    [Command("set", Does.WRITE, value=1, expiry=SET_EXPIRY), Command("setnx", Does.WRITE, value=1)],
    [Command("setex", Does.WRITE, value=2, expiry=(("time", 1),)), Command("psetex", Does.WRITE, value=2, expiry=(("time_ms", 1),))],
    _all("getset append", Does.WRITE, value=1),
    _all("setrange setbit", Does.WRITE, value=2),
    _all("mset msetnx", Does.WRITE, Keys.MAPPING, key=("mapping",), value=0, values=("mapping",)),
    _all("mset_nonatomic", Does.WRITE, Keys.MAPPING, key=("mapping",), value=0, values=("mapping",), atomic=False),
    _all("delete unlink", Does.DELETE, Keys.ALL, atomic=False),
    _all("incr incrby incrbyfloat decr decrby", Does.COUNT),
    _all("expire pexpire expireat pexpireat", Does.EXPIRE, expiry=(("time", 1),)),
    _all("persist", Does.EXPIRE),
    _all("touch", Does.EXPIRE, Keys.ALL, atomic=False),
    _all(
        "hget hgetall hmget hset hsetnx hmset hdel hexists hincrby hincrbyfloat hkeys hlen hvals hscan hscan_iter hstrlen", Does.STRUCTURE
    ),
    _all("lpush rpush lpushx rpushx lpop rpop llen lrange lindex lset lrem ltrim linsert lpos", Does.STRUCTURE),
    _all("sadd srem smembers sismember smismember scard spop srandmember sscan sscan_iter", Does.STRUCTURE),
    _all("zadd zrem zrange zrevrange zrangebyscore zrevrangebyscore zcard zscore zmscore zcount zincrby zrank zrevrank", Does.STRUCTURE),
    _all("zpopmin zpopmax zremrangebyscore zremrangebyrank zscan zscan_iter zrangebylex zremrangebylex zrandmember", Does.STRUCTURE),
    _all("xadd xlen xrange xrevrange xtrim xdel xack xgroup_create xgroup_destroy xpending xclaim xautoclaim", Does.STRUCTURE),
    _all("xread", Does.STRUCTURE, Keys.MAPPING, key=("streams",)),
    _all("xreadgroup xinfo_stream xinfo_groups xinfo_consumers bitcount bitpos bitfield", Does.STRUCTURE, Keys.NONE),
    _all("pfadd geoadd geodist geohash geopos georadius geosearch", Does.STRUCTURE),
    _all("blpop brpop bzpopmin bzpopmax pfcount sinter sunion sdiff zunion zinter zdiff", Does.STRUCTURE, Keys.LIST, key=("keys",)),
    _all("sinterstore sunionstore sdiffstore pfmerge zunionstore zinterstore", Does.STRUCTURE, Keys.SECOND_ON, key=("dest", "keys")),
    _all("rpoplpush brpoplpush lmove blmove smove", Does.STRUCTURE, Keys.TWO),
    _all("rename renamenx copy", Does.OTHER, Keys.TWO),
    _all("publish spublish subscribe psubscribe ssubscribe unsubscribe pubsub", Does.STRUCTURE, Keys.NONE),
    _all("eval evalsha eval_ro evalsha_ro fcall fcall_ro", Does.SCRIPT, Keys.COUNTED),
    _all("register_script script_load script_exists function_load", Does.SCRIPT, Keys.NONE),
    _all("lock", Does.LOCK, expiry=(("timeout", 1),)),
    _all("keys", Does.SCAN, Keys.PATTERN, key=("pattern",)),
    _all("scan scan_iter", Does.SCAN, Keys.NONE, key=("match",)),
    _all("dbsize randomkey", Does.SCAN, Keys.NONE),
    _all("flushdb flushall", Does.FLUSH, Keys.NONE),
    _all("watch", Does.OTHER, Keys.ALL),
    _all(
        "pipeline transaction execute multi unwatch ping echo info close aclose config_get config_set save bgsave time",
        Does.OTHER,
        Keys.NONE,
    ),
    _all("execute_command client_list client_kill slowlog_get wait select auth shutdown role", Does.OTHER, Keys.NONE),
)
"""redis-py and its like, sync and async."""


MAPPED = ("data", "mapping", "pairs")


def _cache(expiry: str) -> dict[str, Command]:
    at_1, at_2 = ((expiry, 1),), ((expiry, 2),)
    return _table(
        _all("get has has_key exists", Does.READ),
        _all("ttl pttl get_expire", Does.INSPECT),
        [Command("set", Does.WRITE, value=1, expiry=at_2), Command("add", Does.WRITE, value=1, expiry=at_2)],
        [Command("get_or_set", Does.READ_WRITE, value=1, values=("default",), expiry=at_2)],
        _all(
            "set_many multi_set",
            Does.WRITE,
            Keys.MAPPING,
            key=("data", "mapping", "pairs"),
            value=0,
            values=("data", "mapping"),
            expiry=at_1,
        ),
        _all("delete", Does.DELETE),
        _all("incr decr inc dec increment incr_version decr_version", Does.COUNT),
        _all("touch expire", Does.EXPIRE, expiry=at_1),
        _all("pexpire persist", Does.EXPIRE),
        _all("lock", Does.LOCK, expiry=at_1),
        _all("set_lock unlock is_locked", Does.LOCK),
        _all("keys iter_keys delete_pattern delete_match get_match scan", Does.SCAN, Keys.PATTERN, key=("pattern", "search")),
        _all("clear", Does.FLUSH, Keys.NONE),
        _all("delete_memoized delete_memoized_verhash delete_tags", Does.DELETE, Keys.NONE),
        _all("close raw", Does.OTHER, Keys.NONE),
    )


_LISTED = [*_all("get_many multi_get", Does.READ, Keys.LIST, key=("keys",)), *_all("delete_many", Does.DELETE, Keys.LIST, key=("keys",))]
_SPREAD = [*_all("get_many get_dict", Does.READ, Keys.ALL), *_all("delete_many unlink", Does.DELETE, Keys.ALL)]

DJANGO = _cache("timeout") | _table(_LISTED)
"""Django's caches, with what django-redis adds; the asynchronous methods have an `a` before the name."""

FLASK = _cache("timeout") | _table(_SPREAD)
"""flask-caching and cachelib."""

AIOCACHE = _cache("ttl") | _table(_LISTED)

CASHEWS = _cache("expire") | _table(_SPREAD)

_EXPIRATION = (("expiration_time", 2),)

DOGPILE = _table(
    _all("get", Does.READ),
    _all("get_value_metadata", Does.INSPECT),
    _all("get_multi", Does.READ, Keys.LIST, key=("keys",)),
    [Command("set", Does.WRITE, value=1)],
    _all("set_multi", Does.WRITE, Keys.MAPPING, key=("mapping",), value=0, values=("mapping",)),
    [Command("get_or_create", Does.READ_WRITE, value=1, values=("creator",), expiry=_EXPIRATION)],
    [Command("get_or_create_multi", Does.READ_WRITE, Keys.LIST, key=("keys",), value=1, values=("creator",), expiry=_EXPIRATION)],
    _all("delete", Does.DELETE),
    _all("delete_multi", Does.DELETE, Keys.LIST, key=("keys",)),
    _all("invalidate", Does.FLUSH, Keys.NONE),
)

MAPPING = _table(
    _all("get", Does.READ),
    _all("pop", Does.DELETE),
    [Command("setdefault", Does.READ_WRITE, value=1, values=("default",))],
    _all("update", Does.WRITE, Keys.MAPPING, value=0),
    _all("clear", Does.FLUSH, Keys.NONE),
)
"""cachetools: caches that are dicts."""

DISKCACHE = _cache("expire") | _table(
    _all("pop", Does.TAKE),
    [replace(REDIS["set"], expiry=(("expire", 2),)), Command("add", Does.WRITE, value=1, expiry=(("expire", 2),))],
)

TABLES = {
    "redis": REDIS,
    "django": DJANGO,
    "flask-caching": FLASK,
    "cachelib": FLASK,
    "aiocache": AIOCACHE,
    "cashews": CASHEWS,
    "dogpile": DOGPILE,
    "cachetools": MAPPING,
    "diskcache": DISKCACHE,
    "project": DJANGO | {name: command for name, command in FLASK.items() if name == "get_dict"},
}
"""Library -> its commands; valkey and aioredis are tabled as redis."""

BOUNDED_BY_DEFAULT = frozenset({"django", "flask-caching", "cachelib"})
"""Libraries that keep a value for a while when nothing is said (300 s, or what the settings say)."""

NAMES = frozenset(name for table in TABLES.values() for name in table) | {f"a{name}" for name in DJANGO}
"""The names of all commands."""
