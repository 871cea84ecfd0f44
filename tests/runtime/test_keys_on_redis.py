"""Keys of `build_cache_key` on a real Redis and on a real cluster of three nodes: whatever the text, a key names one call, and a user's keys share a node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.cluster import RedisCluster

from celery_best_practices import AuthContext, build_cache_key, configure
from celery_best_practices.contract import CacheKey
from tests.runtime.servers import RedisServer, needed_redis_binary, until

SLOTS = 16384

UNUSUAL = st.sampled_from(
    ["", ":", "a:b", "{", "}", "{}", "{a}b", "%7B", " ", "\n", "\r\n", "\0", "ключ", "🗝", "\ud800", "*", "?", "[a]", "x" * 10_000]
)
texts = UNUSUAL | st.text(max_size=40)
arguments = st.tuples(texts, st.none() | st.integers() | texts, st.lists(texts, max_size=3))
identities = st.builds(
    AuthContext,
    user_id=st.none() | st.integers() | UNUSUAL.filter(bool) | st.text(min_size=1, max_size=20),
    roles=st.lists(UNUSUAL.filter(bool) | st.sampled_from(["user", "admin", "user,admin"]), max_size=3),
)


def orders(x: Any, y: Any, z: Any) -> None: ...


def prices(x: Any, y: Any, z: Any) -> None: ...


calls = st.lists(st.tuples(st.sampled_from([orders, prices]), identities, arguments), min_size=1, max_size=6)


@pytest.fixture(autouse=True, scope="module")
def _secret() -> None:
    configure(secret="a secret of the tests, long enough")


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    binary = needed_redis_binary()
    with ExitStack() as stack:
        nodes = [_node(binary) for _ in range(3)]
        for node in nodes:
            stack.callback(node.remove)
            node.start()
        clients = [stack.enter_context(redis.Redis.from_url(node.url)) for node in nodes]
        if not clients[0].info("cluster").get("cluster_enabled"):
            pytest.skip(f"{binary} has no cluster mode")
        bounds = [SLOTS * place // 3 for place in range(4)]
        for client, first, last in zip(clients, bounds, bounds[1:]):
            client.execute_command("CLUSTER ADDSLOTS", *range(first, last))
        for node in nodes[1:]:
            clients[0].execute_command("CLUSTER MEET", "127.0.0.1", node.port)
        healthy = "cluster_state:ok"
        until(
            lambda: all(healthy in _info(each) and "cluster_known_nodes:3" in _info(each) for each in clients),
            within=30,
            what="three nodes meet",
        )
        with RedisCluster(host="127.0.0.1", port=nodes[0].port) as made:
            yield made


def _node(binary: str) -> RedisServer:
    """A server whose bus, 10,000 ports above, has a port as well."""
    while True:
        node = RedisServer(binary, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
        if node.port < 55_000:
            return node
        node.remove()


def _info(client: redis.Redis) -> str:
    answer = client.execute_command("CLUSTER INFO")
    return "\n".join(f"{name}:{value}" for name, value in answer.items()) if isinstance(answer, dict) else str(answer)


def _names_one_call(client: Any, given: list[Any]) -> None:
    client.flushdb()
    stored: dict[str, str] = {}
    for function, auth, args in given:
        key = build_cache_key(function, auth, args)
        assert CacheKey.parse(key) is not None
        call = repr((function.__name__, auth.identity(), args))
        assert stored.setdefault(key, call) == call
        client.set(key, call.encode("utf-8", "surrogatepass"))
    for key, call in stored.items():
        assert client.get(key).decode("utf-8", "surrogatepass") == call
    assert len(stored) == len(set(stored.values()))


@given(calls)
@settings(deadline=None, max_examples=60)
def test_a_key_names_one_call(redis_url: str, given: list[Any]) -> None:
    with redis.Redis.from_url(redis_url, db=9) as client:
        _names_one_call(client, given)


@given(calls)
@settings(deadline=None, max_examples=60)
def test_a_key_names_one_call_on_a_cluster(cluster: RedisCluster, given: list[Any]) -> None:
    _names_one_call(cluster, given)


@given(identities, arguments, arguments)
@settings(deadline=None, max_examples=60)
def test_all_keys_of_a_user_can_be_asked_for_together(cluster: RedisCluster, auth: AuthContext, one: Any, other: Any) -> None:
    keys = [build_cache_key(orders, auth, one), build_cache_key(prices, auth, other)]
    cluster.mset(dict.fromkeys(keys, "1"))
    assert cluster.mget(keys) == [b"1", b"1"]
    assert {cluster.keyslot(key) for key in keys} == {cluster.keyslot(keys[0])}


def test_keys_of_users_spread_over_the_nodes(cluster: RedisCluster) -> None:
    slots = {cluster.keyslot(build_cache_key(orders, AuthContext(user), (1, 2, []))) for user in range(60)}
    assert len({slot * 3 // SLOTS for slot in slots}) == 3
