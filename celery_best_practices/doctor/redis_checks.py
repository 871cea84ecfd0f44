"""Does Redis keep what it is given? Eviction, persistence, replicas, and what shares a server with the broker.

Facts: research/celery-facts.md 15: under an allkeys policy a full Redis throws whole queues away, and nobody is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from celery_best_practices.doctor.findings import Finding
from celery_best_practices.doctor.redis_server import BROKER, RESULTS, RUNTIME, RedisServer


def eviction(servers: Iterable[RedisServer], credits_used: bool) -> Iterator[Finding]:
    """broker-may-evict, ledger-may-evict, cache-never-evicts: what happens when memory is full."""
    for server in servers:
        policy = server.policy
        if policy is None or server.maxmemory is None:
            continue
        if server.purpose == BROKER:
            yield from _broker_eviction(server, policy)
        elif server.purpose == RUNTIME and credits_used:
            yield from _ledger_eviction(server, policy)
        elif server.purpose != RESULTS and policy == "noeviction" and server.maxmemory:
            yield Finding(
                "cache-never-evicts",
                "info",
                server.purpose,
                f"The Redis of the {server.purpose} ({server.url}) has maxmemory {server.maxmemory} and the policy noeviction: when it is"
                f" full nothing more is cached. For a cache alone use maxmemory-policy allkeys-lru.",
            )


def _broker_eviction(server: RedisServer, policy: str) -> Iterator[Finding]:
    cure = "Set maxmemory-policy noeviction: then publishing fails loudly instead."
    if policy == "noeviction":
        return
    if not server.maxmemory:
        yield Finding(
            "broker-may-evict",
            "info",
            BROKER,
            f"The broker's Redis has maxmemory-policy {policy}: nothing is thrown away as long as maxmemory is 0, and much when it is set."
            f" {cure}",
        )
    elif server.evicts:
        yield Finding(
            "broker-may-evict",
            "error",
            BROKER,
            f"The broker's Redis has maxmemory {server.maxmemory} and the policy {policy}: when it is full it throws away whole queues"
            f" (a queue is one key), and nobody is told. {cure}",
        )
    else:
        yield Finding(
            "broker-may-evict",
            "warning",
            BROKER,
            f"The broker's Redis has maxmemory {server.maxmemory} and the policy {policy}: when it is full it throws away what has a time"
            f" to live (results, queues with x-expires, replies of workers). {cure}",
        )


def _ledger_eviction(server: RedisServer, policy: str) -> Iterator[Finding]:
    if not server.maxmemory or policy == "noeviction":
        return
    lost = "users' balances" if server.evicts else "records of charges (they have a time to live), so a repeated task may be charged twice"
    yield Finding(
        "ledger-may-evict",
        "error" if server.evicts else "info",
        server.purpose,
        f"The runtime's Redis ({server.url}) keeps credits and has the policy {policy} with maxmemory {server.maxmemory}: when it is full"
        f" it throws away {lost}. Set maxmemory-policy noeviction.",
    )


def durability(servers: Iterable[RedisServer], sentinel: bool) -> Iterator[Finding]:
    """broker-not-persistent, broker-without-replica, broker-on-replica, broker-on-cluster, replica-disconnected."""
    for server in servers:
        if server.purpose == BROKER:
            yield from _broker_durability(server, sentinel)
        broken = [f"replica {address} ({state})" for address, state in (server.replicas or {}).items() if state != "online"]
        if server.role == "slave" and server.master_link not in (None, "up"):
            broken.append("its link to the master is down")
        if broken:
            yield Finding(
                "replica-disconnected",
                "warning",
                server.purpose,
                f"Replication of the {server.purpose}'s Redis ({server.url}) is broken: {', '.join(broken)}. What is written now is lost"
                f" with the master; see the logs of both.",
            )


def _broker_durability(server: RedisServer, sentinel: bool) -> Iterator[Finding]:
    if server.role == "slave":
        yield Finding(
            "broker-on-replica",
            "error",
            BROKER,
            f"The broker {server.url} is a replica, which takes no writes: nothing can be published. Use the address of its master.",
        )
    if server.cluster:
        yield Finding(
            "broker-on-cluster",
            "error",
            BROKER,
            f"The broker {server.url} is a node of a Redis Cluster, which Celery does not support: publishing fails with MOVED or"
            f" CROSSSLOT. Use a server without cluster mode.",
        )
    if server.appendonly is False and server.save == "":
        yield Finding(
            "broker-not-persistent",
            "warning",
            BROKER,
            "The broker's Redis writes nothing to disk (appendonly no, no save points): a restart loses all queues. Set appendonly yes.",
        )
    if server.role == "master" and server.replicas == {} and not sentinel and not server.cluster:
        yield Finding(
            "broker-without-replica",
            "info",
            BROKER,
            "The broker's Redis has no replica: while its machine is away nothing is published, and what was not on disk is lost."
            " A replica with Sentinel takes over.",
        )


def sharing(servers: list[RedisServer]) -> Iterator[Finding]:
    """broker-shares-database, broker-shares-server: who else uses the broker's Redis."""
    broker = next((server for server in servers if server.purpose == BROKER), None)
    if broker is None:
        return
    for server in servers:
        if server is broker or not _same(server, broker):
            continue
        if server.db == broker.db:
            flushed = (
                "cache.clear() deletes all queues as well" if server.purpose.startswith("Django") else "what flushes or fills one hits both"
            )
            yield Finding(
                "broker-shares-database",
                "info" if server.purpose == RESULTS else "warning",
                server.purpose,
                f"The {server.purpose} uses the broker's database ({server.url}): {flushed}. Give it a database or server of its own.",
            )
        elif broker.maxmemory and server.purpose != RESULTS:
            follows = "queues are thrown away" if broker.evicts else "nothing can be published"
            yield Finding(
                "broker-shares-server",
                "warning",
                server.purpose,
                f"The {server.purpose} ({server.url}) shares the broker's server and its maxmemory of {broker.maxmemory}: when it has"
                f" filled that, {follows}. Give the broker a server of its own.",
            )


def _same(one: RedisServer, other: RedisServer) -> bool:
    """Whether both are one server: by its run id, else by its address."""
    if one.run_id and other.run_id:
        return one.run_id == other.run_id
    return one.url.rpartition("/")[0] == other.url.rpartition("/")[0]
