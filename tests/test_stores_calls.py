"""Which calls talk to a cache or Redis, and what is known of each."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from lint_rules.project.project import Project
from lint_rules.project.stores.model import StoreCall
from lint_rules.project.tasks import rendered
from tests.projects import project_in


def calls_of(tmp_path: Path, text: str, files: dict[str, str] | None = None, **settings: object) -> list[StoreCall]:
    """The calls in `m.py`."""
    return project_of(tmp_path, text, files, **settings).stores.calls


def project_of(tmp_path: Path, text: str, files: dict[str, str] | None = None, **settings: object) -> Project:
    """A project of the module `m.py` and others."""
    return project_in(tmp_path, {**(files or {}), "m.py": dedent(text)}, **settings)


def only(tmp_path: Path, text: str, files: dict[str, str] | None = None, **settings: object) -> StoreCall:
    """The one call whose command is no other than reading or writing."""
    (found,) = [call for call in calls_of(tmp_path, text, files, **settings) if call.command not in ("pipeline", "execute")]
    return found


REDIS = "import redis\nr = redis.Redis()\n"
CACHE = "from django.core.cache import cache\n"


@pytest.mark.parametrize(
    ("text", "library", "asynchronous", "cluster"),
    [
        ("from django.core.cache import cache\ncache.get('k')", "django", False, False),
        ("from django.core.cache import cache as c\nc.get('k')", "django", False, False),
        ("from django.core import cache\ncache.cache.get('k')", "django", False, False),
        ("from django.core.cache import caches\ncaches['x'].get('k')", "django", False, False),
        ("from django.core.cache import caches\nc = caches['x']\nc.get('k')", "django", False, False),
        ("from django.core.cache import cache\nasync def f():\n    await cache.aget('k')", "django", True, False),
        ("import redis\nredis.Redis().get('k')", "redis", False, False),
        ("import redis\nredis.from_url('redis://').get('k')", "redis", False, False),
        ("from redis import StrictRedis\nc = StrictRedis.from_url('x')\nc.get('k')", "redis", False, False),
        ("import redis\npool = redis.ConnectionPool()\nredis.Redis(connection_pool=pool).get('k')", "redis", False, False),
        ("import redis.asyncio as aioredis\nasync def f():\n    await aioredis.from_url('x').get('k')", "redis", True, False),
        ("from redis.cluster import RedisCluster\nRedisCluster(host='x').get('k')", "redis", False, True),
        ("from redis.asyncio import RedisCluster\nRedisCluster(host='x').get('k')", "redis", True, True),
        ("from redis.sentinel import Sentinel\nSentinel([]).master_for('x').get('k')", "redis", False, False),
        ("import valkey\nvalkey.Valkey().get('k')", "redis", False, False),
        ("from valkey.asyncio import ValkeyCluster\nValkeyCluster().get('k')", "redis", True, True),
        ("from django_redis import get_redis_connection\nget_redis_connection('default').get('k')", "redis", False, False),
        ("from django.core.cache import cache\ncache.client.get_client().get('k')", "redis", False, False),
        ("from flask_redis import FlaskRedis\nr = FlaskRedis()\nr.get('k')", "redis", False, False),
        ("import redis\nclass A(redis.Redis): ...\nA().get('k')", "redis", False, False),
        (
            "import redis\nclass A:\n    def __init__(self):\n        self.r = redis.Redis()\n    def f(self):\n        self.r.get('k')",
            "redis",
            False,
            False,
        ),
        ("import redis\nclass A:\n    r = redis.Redis()\n    def f(self):\n        self.r.get('k')", "redis", False, False),
        ("import redis\ndef f(r: redis.Redis):\n    r.get('k')", "redis", False, False),
        ("import redis\ndef f(r: 'redis.Redis | None' = None):\n    r.get('k')", "redis", False, False),
        ("import redis\ndef get_client():\n    return redis.Redis()\ndef f():\n    get_client().get('k')", "redis", False, False),
        ("from flask_caching import Cache\ncache = Cache()\ncache.get('k')", "flask-caching", False, False),
        ("from aiocache import Cache\ncache = Cache(Cache.REDIS)\nasync def f():\n    await cache.get('k')", "aiocache", True, False),
        ("from cashews import cache\nasync def f():\n    await cache.get('k')", "cashews", True, False),
        ("from dogpile.cache import make_region\nregion = make_region().configure('x')\nregion.get('k')", "dogpile", False, False),
        ("from cachetools import TTLCache\ncache = TTLCache(1, 2)\ncache.get('k')", "cachetools", False, False),
    ],
)
def test_the_store_is_known_however_the_client_is_made(tmp_path: Path, text: str, library: str, asynchronous: bool, cluster: bool) -> None:
    call = only(tmp_path, text)
    assert (call.store.library, call.store.asynchronous, call.store.cluster) == (library, asynchronous, cluster)
    assert (call.command, [rendered(key) for key in call.keys]) == ("get", ["'k'"])


@pytest.mark.parametrize(
    "text",
    [
        "cache = {}\ncache.get('k')",
        "def f(cache):\n    cache.get('k')",
        "import requests\ncache = requests.Session()\ncache.get('k')",
        "from functools import lru_cache\n@lru_cache\ndef f(): ...\nf.cache_clear()",
        "import os\nos.environ.get('REDIS_URL')",
        "class Cache:\n    def get(self, key):\n        return self.values[key]\nCache().get('k')",
        "from celery import Celery\napp = Celery()\napp.connection().default_channel.client.get('k')  # redis.",
    ],
)
def test_what_only_looks_like_a_store_is_none(tmp_path: Path, text: str) -> None:
    assert calls_of(tmp_path, text) == []


def test_clients_under_other_names_are_found_in_files_that_say_nothing_of_redis(tmp_path: Path) -> None:
    files = {
        "conn.py": "import redis\nkv = redis.Redis()\ndef connection():\n    return redis.Redis()\n",
        "a.py": "from conn import kv\nkv.set('a', 1)\n",
        "b.py": "import conn\nconn.kv.set('b', 1)\n",
        "c.py": "from conn import (\n    connection,\n)\ndef f():\n    connection().set('c', 1)\n",
        "d.py": "from a import kv\nkv.set('d', 1)\n",
    }
    found = calls_of(tmp_path, "", files)
    assert [call.file for call in found] == ["a.py", "b.py", "c.py", "d.py"]


@pytest.mark.parametrize(
    ("setting", "glob"),
    [
        ("redis_clients", "m.make"),
        ("redis_clients", "lib.store.*"),
        ("redis_clients", "m.Holder.kv"),
    ],
)
def test_clients_that_the_configuration_names(tmp_path: Path, setting: str, glob: str) -> None:
    text = {
        "m.make": "def make(): ...\ndef f():\n    x = make()\n    x.get('k')",
        "lib.store.*": "from lib.store import kv\nkv.get('k')",
        "m.Holder.kv": "class Holder:\n    def __init__(self, kv):\n        self.kv = kv\n    def f(self):\n        self.kv.get('k')",
    }[glob]
    (call,) = calls_of(tmp_path, text, **{setting: (glob,)})
    assert call.store.library == "redis"
    assert calls_of(tmp_path / "without", text) == []


def test_cache_objects_take_the_commands_of_a_cache(tmp_path: Path) -> None:
    call = only(tmp_path, "from lib import store\nstore.set_many({'a': 1, 'b': 2}, timeout=5)", cache_objects=("lib.store",))
    assert (call.store.library, call.command, len(call.keys), call.expiry.state) == ("project", "set_many", 2, "given")


# ── classes around a cache ───────────────────────────────────────────────────────────────────────────────────────────

SCOPED = """
from django.core.cache import cache
class Scoped:
    def __init__(self, store, scope):
        self.cache = store
        self.scope = scope
    def get(self, key, default=None):
        return self.cache.get(f"{self.scope}/{key}", default)
    def set(self, key, value, timeout=None):
        self.cache.set(f"{self.scope}/{key}", value, timeout)
class Plain:
    def __init__(self):
        self.store = cache
    def get(self, key):
        return self.store.get(key)
    def set(self, key, value):
        self.store.set(key, value)
def make(scope):
    return Scoped(cache, scope)
"""


@pytest.mark.parametrize(
    ("made", "library", "namespaced"),
    [("make('x')", "project", True), ("Scoped(None, 'x')", "project", True), ("Plain()", "django", False)],
)
def test_a_class_of_the_project_that_hands_on_is_a_store(tmp_path: Path, made: str, library: str, namespaced: bool) -> None:
    text = f"from scoped import *\nfrom scoped import make, Scoped, Plain\ncache = {made}\ncache.get('k')"
    (call,) = [each for each in calls_of(tmp_path, text, {"scoped.py": SCOPED}) if each.file == "m.py"]
    assert (call.store.library, call.store.namespaced) == (library, namespaced)


# ── arguments ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "keys", "complete"),
    [
        (REDIS + "r.set('a', 1)", ["'a'"], True),
        (REDIS + "r.set(name='a', value=1)", ["'a'"], True),
        (REDIS + "r.delete('a', 'b')", ["'a'", "'b'"], True),
        (REDIS + "r.delete(*names)", ["..."], False),
        (REDIS + "r.mget('a', 'b')", ["'a'", "'b'"], True),
        (REDIS + "r.mget(['a', 'b'])", ["'a'", "'b'"], True),
        (REDIS + "def f():\n    names = ['a', 'b']\n    r.mget(names)", ["'a'", "'b'"], True),
        (REDIS + "def f(names):\n    r.mget(names)", ["names"], False),
        (REDIS + "r.mset({'a': 1, 'b': 2})", ["'a'", "'b'"], True),
        (REDIS + "r.eval('return 1', 2, 'a', 'b', 'argument')", ["'a'", "'b'"], True),
        (REDIS + "r.eval('return 1', n, 'a')", [], False),
        (REDIS + "r.rename('a', 'b')", ["'a'", "'b'"], True),
        (REDIS + "r.sunionstore('a', ['b', 'c'])", ["'a'", "'b'", "'c'"], True),
        (REDIS + "r.flushdb()", [], True),
        (REDIS + "r.keys('a*')", ["'a*'"], True),
        (CACHE + "cache.get_many(['a', 'b'])", ["'a'", "'b'"], True),
        (CACHE + "cache.delete_many(keys=[f'a{x}' for x in y])", ["f'a{x}'"], True),
        (CACHE + "cache.set_many(dict(a=1))", ["'a'"], True),
        ("from flask_caching import Cache\nc = Cache()\nc.delete_many('a', 'b')", ["'a'", "'b'"], True),
        ("from dogpile.cache import make_region\nr = make_region()\nr.get_multi(['a'])", ["'a'"], True),
    ],
)
def test_keys(tmp_path: Path, text: str, keys: list[str], complete: bool) -> None:
    call = only(tmp_path, text)
    assert ([rendered(key) for key in call.keys], call.all_keys) == (keys, complete)


@pytest.mark.parametrize(
    ("text", "state", "name"),
    [
        (REDIS + "r.set('k', 1)", "never", ""),
        (REDIS + "r.set('k', 1, 60)", "given", "ex"),
        (REDIS + "r.set('k', 1, px=5)", "given", "px"),
        (REDIS + "r.set('k', 1, ex=None)", "never", ""),
        (REDIS + "r.set('k', 1, keepttl=True)", "unknown", ""),
        (REDIS + "r.set('k', 1, **options)", "unknown", ""),
        (REDIS + "r.setex('k', 60, 1)", "given", "time"),
        (REDIS + "def f(ttl=None):\n    r.set('k', 1, ex=ttl)", "optional", "ex"),
        (CACHE + "cache.set('k', 1)", "default", ""),
        (CACHE + "cache.set('k', 1, 60)", "given", "timeout"),
        (CACHE + "cache.set('k', 1, timeout=None)", "never", "timeout"),
        (CACHE + "TTL = None\ncache.set('k', 1, TTL)", "never", "timeout"),
        (CACHE + "def f(t: float | None = None):\n    cache.set('k', 1, timeout=t)", "optional", "timeout"),
        (CACHE + "cache.get_or_set('k', f, 60)", "given", "timeout"),
        ("from aiocache import Cache\nc = Cache()\nc.set('k', 1)", "never", ""),
        ("from cashews import cache\ncache.set('k', 1, expire=5)", "given", "expire"),
    ],
)
def test_how_long_a_value_is_kept(tmp_path: Path, text: str, state: str, name: str) -> None:
    expiry = only(tmp_path, text).expiry
    assert (expiry.state, expiry.name) == (state, name)


@pytest.mark.parametrize(
    ("text", "absent", "present"),
    [
        ("r.set('k', 1)", False, False),
        ("r.set('k', 1, nx=True)", True, False),
        ("r.set('k', 1, xx=True)", False, True),
        ("r.set('k', 1, nx=flag)", None, False),
        ("r.set('k', 1, **more)", None, None),
        ("r.setnx('k', 1)", True, False),
    ],
)
def test_what_is_stored_only_where_nothing_is(tmp_path: Path, text: str, absent: bool | None, present: bool | None) -> None:
    call = only(tmp_path, REDIS + text)
    assert (call.if_absent, call.if_present) == (absent, present)


@pytest.mark.parametrize(
    ("text", "pipeline", "transaction"),
    [
        ("r.set('k', 1)", False, None),
        ("p = r.pipeline()\np.set('k', 1)", True, True),
        ("p = r.pipeline(transaction=False)\np.set('k', 1)", True, False),
        ("p = r.pipeline(flag)\np.set('k', 1)", True, None),
        ("with r.pipeline(False) as p:\n    p.set('k', 1)", True, False),
        ("r.pipeline().set('k', 1).execute()", True, True),
        ("from redis.cluster import RedisCluster\nRedisCluster().pipeline().set('k', 1)", True, False),
    ],
)
def test_what_is_queued_on_a_pipeline(tmp_path: Path, text: str, pipeline: bool, transaction: bool | None) -> None:
    call = only(tmp_path, REDIS + text)
    assert (call.store.pipeline, call.transaction) == (pipeline, transaction)


@pytest.mark.parametrize(
    ("made", "decoded"),
    [
        ("redis.Redis(decode_responses=True)", True),
        ("redis.Redis.from_url('x', decode_responses=False)", False),
        ("redis.Redis()", None),
        ("make()", True),
        ("make().pipeline()", True),
        ("Holder().client", True),
    ],
)
def test_whether_a_client_gives_text(tmp_path: Path, made: str, decoded: bool | None) -> None:
    text = f"""
        import redis
        from functools import lru_cache
        @lru_cache
        def make() -> redis.Redis:
            return redis.Redis(decode_responses=True)
        class Holder:
            def __init__(self):
                self.client = make()
        def f():
            c = {made}
            c.get("k")
    """
    assert only(tmp_path, text).decode_responses is decoded


@pytest.mark.parametrize(
    ("text", "kind", "iterated"),
    [
        ("r.get('k')", None, None),
        ("for x in xs:\n    r.get(x)", "for", "xs"),
        ("for x in xs:\n    for y in x:\n        r.get(y)", "for", "x"),
        ("[r.get(x) for x in xs]", "comprehension", "xs"),
        ("while True:\n    r.get('k')", "while", "..."),
        ("while not r.set('k', 1, nx=True): ...", "while", "..."),
        ("for x in r.scan_iter('a*'): ...", None, None),
    ],
)
def test_the_loop_around_a_call(tmp_path: Path, text: str, kind: str | None, iterated: str | None) -> None:
    call = only(tmp_path, REDIS + text)
    assert (call.loop.kind if call.loop else None) == kind
    assert call.loop is None or rendered(call.loop.iterated) == iterated


def test_nothing_is_looked_for_until_a_rule_asks(tmp_path: Path) -> None:
    project = project_of(tmp_path, CACHE + "cache.get('k')")
    assert project.module("m.py") if "m.py" in project.followed else "stores" not in vars(project)
    assert [call.place for call in project.stores.calls] == [("m.py", 2)]
