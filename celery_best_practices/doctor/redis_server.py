"""What does a Redis server say of itself? Memory, persistence, replication and time, as far as it lets us ask."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import redis
from kombu.utils.url import sanitize_url
from redis.backoff import NoBackoff
from redis.retry import Retry

from celery_best_practices.doctor.clock import skew
from celery_best_practices.doctor.findings import Questions
from celery_best_practices.runtime_settings import settings

IN_INFO = {"maxmemory": "maxmemory", "maxmemory-policy": "maxmemory_policy", "appendonly": "aof_enabled"}
"""Setting -> where INFO tells it, which servers allow that forbid CONFIG."""

BROKER, RUNTIME, RESULTS = "broker", "runtime", "result backend"


@dataclass(frozen=True)
class RedisServer:
    """A Redis as one of its users sees it. None: it did not say."""

    purpose: str
    """`broker`, `runtime` (cache, limits, credits), `result backend` or `Django cache 'name'`."""
    url: str
    """Without password."""
    db: int
    run_id: str | None
    """The same for all databases of one server, whatever it is called."""
    role: str | None
    """master or slave."""
    cluster: bool | None
    maxmemory: int | None
    """Bytes; 0: no limit."""
    policy: str | None
    """maxmemory-policy."""
    appendonly: bool | None
    save: str | None
    """Save points; empty: none."""
    replicas: Mapping[str, str] | None
    """Address of each replica -> its state."""
    master_link: str | None
    """Of a replica: up or down."""
    skew: float | None
    """Seconds that its clock is ahead of ours, at least."""

    @property
    def evicts(self) -> bool:
        """Whether keys without a time to live may be thrown away when memory is full."""
        return bool(self.maxmemory) and (self.policy or "").startswith("allkeys")


def ask_redis(client: Any, purpose: str, url: str, questions: Questions) -> RedisServer | None:
    """What the server behind `client` says; None when it does not answer at all."""
    if questions.ask(f"Redis of the {purpose} ({url})", client.ping) is None:
        return None
    info = questions.ask(f"INFO of the {purpose}'s Redis", client.info) or {}
    config: dict[str, str] = {}
    wanted = [name for name, field in IN_INFO.items() if field not in info]
    if purpose == BROKER and not info.get("aof_enabled"):
        wanted.append("save")
    for name in wanted:  # one by one: what is missing is told by name
        config |= questions.ask(f"CONFIG GET {name} of the {purpose}'s Redis", partial(_setting, client, name)) or {}
    maxmemory, aof = info.get("maxmemory", config.get("maxmemory")), info.get("aof_enabled", config.get("appendonly"))
    return RedisServer(
        purpose=purpose,
        url=url,
        db=client.connection_pool.connection_kwargs.get("db") or 0,
        run_id=info.get("run_id"),
        role=info.get("role"),
        cluster=bool(info["cluster_enabled"]) if "cluster_enabled" in info else None,
        maxmemory=None if maxmemory is None else int(maxmemory),
        policy=info.get("maxmemory_policy", config.get("maxmemory-policy")),
        appendonly=None if aof is None else aof in (1, "yes"),
        save=config.get("save"),
        replicas=_replicas(info) if "connected_slaves" in info else None,
        master_link=info.get("master_link_status"),
        skew=questions.ask(f"TIME of the {purpose}'s Redis", lambda: _skew(client)),
    )


def _setting(client: Any, name: str) -> dict[str, str]:
    answer: dict[str, str] = client.config_get(name)
    if name not in answer:
        raise redis.ResponseError("the server has no such setting")
    return answer


def _replicas(info: Mapping[str, Any]) -> dict[str, str]:
    found = [info[f"slave{number}"] for number in range(info["connected_slaves"]) if f"slave{number}" in info]
    return {f"{each.get('ip')}:{each.get('port')}": str(each.get("state")) for each in found if isinstance(each, dict)}


def _skew(client: Any) -> float:
    before = time.time()
    whole, micro = client.time()
    return skew(whole + micro / 1e6, before, time.time())


def other_servers(app: Any, timeout: float, questions: Questions) -> list[RedisServer]:
    """The Redis of the runtime, of the result backend and of Django's caches, as far as they are configured in this process."""
    found = []
    for purpose, url in _configured(app):
        shown = shown_url(url)
        try:
            client = redis.Redis.from_url(
                re.sub("CERT_(NONE|OPTIONAL|REQUIRED)", lambda word: word[1].lower(), url),  # as Celery writes it, and as redis-py does
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError:
            questions.skip(f"Redis of the {purpose} ({shown})", "its URL cannot be read")
            continue
        with client:
            found.append(ask_redis(client, purpose, shown, questions))
    return [server for server in found if server is not None]


def _configured(app: Any) -> list[tuple[str, str]]:
    named = [(RUNTIME, settings().redis_url), (RESULTS, app.conf.result_backend)]
    django = sys.modules.get("django.conf")
    if django is not None and django.settings.configured:
        for name, cache in getattr(django.settings, "CACHES", {}).items():
            locations = cache.get("LOCATION")
            named += [(f"Django cache {name!r}", url) for url in ([locations] if isinstance(locations, str) else locations or [])]
    return [(purpose, url) for purpose, url in named if isinstance(url, str) and url.startswith(("redis://", "rediss://", "unix://"))]


def shown_url(url: str) -> str:
    """A URL, or several with `;` between, without passwords and options."""
    try:
        return ";".join(sanitize_url(each) for each in url.split(";"))
    except ValueError:
        return f"{url.partition('://')[0]}://…"
