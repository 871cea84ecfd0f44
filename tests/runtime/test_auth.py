"""The auth context of a call site reaches whatever comes of the call, signed, and nothing else passes for one."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
import redis
from celery import chain, chord, group
from celery.signals import before_task_publish

from celery_best_practices import AuthContext, PermissionDenied, as_user, configure
from celery_best_practices.auth import HEADER, NOBODY, Identity, identity_of, sign, verify
from celery_best_practices.runtime_settings import ConfigurationMissing
from tests.runtime import sample

ADA = AuthContext("ada", ["user"])
WAIT = 15


def get(result: Any) -> Any:
    return result.get(timeout=WAIT, interval=0.02)


def test_it_reaches_links_bodies_nested_sends_and_retries(queue: str, gate_redis: redis.Redis) -> None:
    def on(task: Any, *args: Any) -> Any:
        return task.s(*args).set(queue=queue)

    who, ada = sample.asks_who, ["ada", ["user"], 0]
    with as_user(ADA):
        single = who.apply_async(queue=queue)
        linked = chain(on(who), on(who), on(sample.add, []), on(who))
        linked = chain(on(who), on(who), on(who)).apply_async()
        grouped = group(on(who), on(who)).apply_async()
        body = chord([on(who), on(who)])(on(who))
        plain = sample.sends.apply_async((queue,), queue=queue)
        retried = sample.asks_who_again.apply_async(queue=queue)
        by_name = sample.app.send_task(who.name, queue=queue)
    assert get(single) == get(linked) == get(body) == get(by_name) == ada
    assert get(grouped) == [ada, ada]
    assert get(sample.app.AsyncResult(get(plain))) == ada
    assert get(retried) == ["ada", 2]
    with pytest.raises(PermissionDenied, match="one of the roles user"):
        get(who.apply_async(queue=queue))


@pytest.mark.usefixtures("gate_redis")
def test_workers_refuse_headers_that_prove_nothing(queue: str) -> None:
    header = sign(ADA.identity())
    configure(auth_lifetime=1e-3)
    expired = sign(ADA.identity())
    configure(secret="a secret of somebody else, as long", auth_lifetime=7 * 24 * 3600)
    forged = sign(ADA.identity())
    time.sleep(0.1)
    for bad, reason in ((forged, "not signed"), (resigned(header, i0="bob"), "not signed"), (expired, "expired")):
        with pytest.raises(PermissionDenied, match=reason):
            get(sample.asks_who.apply_async(queue=queue, headers={HEADER: bad}))
    assert get(sample.asks_who.apply_async(queue=queue, headers={HEADER: header})) == ["ada", ["user"], 0]


def test_contexts_nest_and_end() -> None:
    configure(secret="another secret of the tests")
    sent: list[str | None] = []

    def note(headers: dict[str, Any], **_: Any) -> None:
        sent.append(verify(headers[HEADER]).user if HEADER in headers else None)

    def send() -> None:
        headers: dict[str, Any] = {}
        before_task_publish.send(sender="t", headers=headers)

    before_task_publish.connect(note)
    try:
        send()
        with as_user(ADA):
            send()
            with as_user(AuthContext("bob")):
                send()
            with as_user(AuthContext()):
                send()
            with pytest.raises(KeyError), as_user(AuthContext("bob")):
                raise KeyError
            send()
        send()
    finally:
        before_task_publish.disconnect(note)
        configure(secret=None)
    assert sent == [None, "ada", "bob", None, "ada", None]


@pytest.fixture
def secret() -> Any:
    configure(secret="a secret of the tests, long enough", auth_lifetime=1000)
    yield
    configure(secret=None)


class Request:
    headers: dict[str, Any] | None = None
    is_eager = False

    def __init__(self, header: str | None = None) -> None:
        self.headers = {HEADER: header} if header is not None else {}


@pytest.mark.usefixtures("secret")
def test_a_header_says_who_and_no_token() -> None:
    identity = AuthContext(7, ["x", "user"], "s3cr3t").identity()
    header = sign(identity)
    assert verify(header) == identity == Identity("7", ("user", "x"), identity.token_hash)
    assert "s3cr3t" not in str(base64.urlsafe_b64decode(header.split(".")[1] + "=="))
    assert identity.token_hash not in (None, "s3cr3t")
    assert identity_of(Request()) == NOBODY
    assert identity_of(Request(header)) == identity


def resigned(header: str, **changes: Any) -> str:
    """A header whose claims were changed by somebody without the secret."""
    version, payload, signature = header.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    for index, value in changes.items():
        claims[int(index[1:])] = value
    return f"{version}.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.{signature}"


@pytest.mark.usefixtures("secret")
def test_forged_altered_and_expired_headers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    header = sign(ADA.identity())
    _, payload, signature = header.split(".")
    forged = [
        "", "x", "1..", "1.x.y", payload, f"2.{payload}.{signature}", f"1.{payload}.", f"1.{payload}.{signature}x", f"1.{payload}.{signature[:-1]}",
        f"1.{payload}x.{signature}", f"{header}.x", "é.é.é", "\ud800", resigned(header, i0="bob"), resigned(header, i1=["admin"]),
        resigned(header, i3=10**12),
    ]  # fmt: skip
    configure(secret="a secret of somebody else, as long")
    forged.append(sign(ADA.identity()))
    configure(secret="a secret of the tests, long enough")
    for text in forged:
        with pytest.raises(PermissionDenied, match="not signed with this worker's secret"):
            verify(text)
    assert verify(header)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1001)
    with pytest.raises(PermissionDenied, match="expired"):
        verify(header)


def test_without_a_secret_nothing_is_signed_and_nothing_is_believed(secret: None) -> None:
    header = sign(ADA.identity())
    configure(secret=None)
    with pytest.raises(ConfigurationMissing, match="configure"), as_user(ADA):
        pass
    with pytest.raises(ConfigurationMissing):
        verify(header)
    with pytest.raises(ConfigurationMissing):
        AuthContext(token="t").identity()
    with as_user(AuthContext()):
        pass


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"secret": "short"}, ValueError, "at least 16 characters"),
        ({"secret": b"x" * 20}, ValueError, "must be a string"),
        ({"redis_timeout": 0}, ValueError, "number of seconds above 0"),
        ({"redis": "x"}, TypeError, "did you mean 'redis_url'"),
        ({"zzz": "x"}, TypeError, "the settings are redis_url"),
    ],
)
def test_wrong_settings(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        configure(**given)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from celery_best_practices.runtime_settings import settings

    monkeypatch.setenv("CRB_REDIS_URL", "redis://somewhere/1")
    monkeypatch.setenv("CRB_SECRET", "x" * 16)
    configure()
    assert (settings().redis_url, settings().secret) == ("redis://somewhere/1", "x" * 16)
    configure(redis_url="redis://elsewhere/1")
    assert settings().redis_url == "redis://elsewhere/1"
    monkeypatch.setenv("CRB_SECRET", "short")
    configure(redis_url=None)
    with pytest.raises(ValueError, match="CRB_SECRET"):
        settings()
    monkeypatch.undo()
    configure()
