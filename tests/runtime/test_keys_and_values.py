"""Keys are shared by equal calls of one identity and by no others; values come back equal, types included."""

from __future__ import annotations

import itertools
import pickle
import random
from collections import OrderedDict, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from celery_best_practices import AuthContext, build_cache_key, codec, configure
from celery_best_practices.cache_key import NotCacheable, encode
from celery_best_practices.contract import CacheKey

SECRET = "a secret of the tests, long enough"


@pytest.fixture(autouse=True, scope="module")
def _secret() -> None:
    configure(secret=SECRET)


def f(x: Any, y: Any = 1, *rest: Any, z: Any = None, **more: Any) -> None: ...


def anything(*values: Any) -> None: ...


def other(x: Any) -> None: ...


atoms = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.decimals(allow_nan=False) | st.uuids()
    | st.dates() | st.datetimes() | st.datetimes(timezones=st.just(UTC)) | st.times() | st.timedeltas() | st.fractions()
    | st.complex_numbers(allow_nan=False)
)  # fmt: skip
hashable = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.tuples(st.integers(), st.text())
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(hashable, inner) | st.sets(hashable) | st.frozensets(hashable)
    ),
    max_leaves=20,
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.lists(inner).map(tuple),
    max_leaves=8,
)
identities = st.builds(
    AuthContext,
    user_id=st.none() | st.text(min_size=1) | st.integers(),
    roles=st.lists(st.sampled_from(["user", "admin", "a", "b", "a,b", "a:b", "{", "%", "user,admin", "admin,user"]), max_size=3),
    token=st.none() | st.text(min_size=1),
)


def same(left: Any, right: Any) -> bool:
    """Equal, all types included."""
    if type(left) is not type(right):
        return False
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(sorted(left.items(), key=repr), sorted(right.items(), key=repr))
    if isinstance(left, (set, frozenset)):
        return left == right and sorted(map(repr, left)) == sorted(map(repr, right))
    return bool(left == right) and repr(left) == repr(right)


@given(values)
def test_values_come_back_as_they_were(value: Any) -> None:
    assert same(codec.decode(codec.encode(value)), value)


def test_surrogates_and_not_a_number() -> None:
    assert str(codec.decode(codec.encode(float("nan")))) == "nan"
    with pytest.raises(NotCacheable):
        codec.encode("\ud800")


class Colour(Enum):
    RED = 1


class Number(IntEnum):
    ONE = 1


class Name(StrEnum):
    ONE = "one"


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    "value",
    [object(), Colour.RED, Number.ONE, Name.ONE, Point(1, 2), OrderedDict(a=1), range(3), ValueError("x"), print, datetime.now(ZoneInfo("Europe/Berlin")),
     {"deep": [{"inside": Colour.RED}]}, {Number.ONE: 1}, iter([]), time(1, tzinfo=UTC)],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_values_that_would_change_are_refused(value: Any) -> None:
    with pytest.raises(NotCacheable):
        codec.encode(value)


def test_circles_and_giants_are_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    for value in (circle, "x" * (codec.LARGEST + 1)):
        with pytest.raises(NotCacheable):
            codec.encode(value)


@pytest.mark.parametrize("zstd", [True, False])
def test_large_values_are_compressed_where_that_pays(monkeypatch: pytest.MonkeyPatch, zstd: bool) -> None:
    if not zstd:
        monkeypatch.setattr(codec, "_zstd", None)
    noise = random.Random(1).randbytes(50_000)
    for value, tag in [
        ("x" * 4000, b"r"), ("x" * 5000, b"s" if zstd else b"z"), (noise, b"r"), ([{"name": str(n)} for n in range(9000)], b"s" if zstd else b"z"),
    ]:  # fmt: skip
        data = codec.encode(value)
        assert data[:1] == tag
        assert codec.decode(data) == value


def test_bombs_and_foreign_bytes_are_damaged_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "LARGEST", 10**9)
    bombs = [codec.encode("x" * (9 * 1024 * 1024))]
    monkeypatch.setattr(codec, "_zstd", None)
    bombs.append(codec.encode("x" * (9 * 1024 * 1024)))
    monkeypatch.undo()
    for data in [*bombs, b"", b"r", b"z123", b"s123", b"x", pickle.dumps(1), b"r\xc7\x01\x05\x01", b"5"]:
        with pytest.raises(codec.Damaged):
            codec.decode(data)


@settings(max_examples=60)
@given(values, values)
def test_texts_of_arguments_differ_as_the_arguments_do(left: Any, right: Any) -> None:
    try:
        texts = encode(left), encode(right)
    except NotCacheable:
        return
    if texts[0] == texts[1]:
        assert left == right
    for text in texts:
        assert not set(text) & set(":{}"), text


@settings(max_examples=60)
@given(st.lists(plain, max_size=3), st.lists(plain, max_size=3), identities, identities)
def test_distinct_calls_never_share_a_key_and_equal_ones_always_do(left: Any, right: Any, one: AuthContext, two: AuthContext) -> None:
    left_key, right_key = build_cache_key(anything, one, left), build_cache_key(anything, two, right)
    equal = one.roles == two.roles and one.identity().scope == two.identity().scope and same(left, right)
    assert (left_key == right_key) is equal
    parsed = CacheKey.parse(left_key)
    assert parsed is not None
    assert str(parsed) == left_key


def test_the_ways_to_write_a_call_share_a_key() -> None:
    keys = {
        build_cache_key(f, None, args, kwargs)
        for args, kwargs in [((5,), {}), ((5, 1), {}), ((), {"x": 5}), ((), {"y": 1, "x": 5}), ((5,), {"z": None}), ((5, 1), {"z": None})]
    }
    assert len(keys) == 1


def test_kinds_of_values_differ() -> None:
    calls = [
        1, True, 1.0, "1", b"1", Decimal(1), None, "None", [1], (1,), {1}, frozenset({1}), {1: 1}, {"1": 1}, [[1]], [1, []], "", [], (), {}, [""], ["", ""],
        "a,b", ["a", "b"], ["a,b"], date(2020, 1, 1), "2020-01-01", datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC),
        datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=1))), datetime(2020, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")), datetime(2020, 1, 1, fold=1),
        time(1), timedelta(1), UUID(int=1), str(UUID(int=1)),
    ]  # fmt: skip
    assert len({build_cache_key(other, None, (value,)) for value in calls}) == len(calls)


def test_the_documented_format() -> None:
    auth = AuthContext(user_id="m/1", roles=["user", "a:b"])
    name = __name__.replace(":", "")
    assert build_cache_key(f, auth, ("x y", 2), {"z": [1, None]}) == f"{name}.f:{{user.m%2F1}}:a%3Ab,user:sx%20y,i2:z=[i1,n]"
    assert build_cache_key(f, None, (1,)) == f"{name}.f:{{nobody}}::i1,i1:z=n"
    long = build_cache_key(f, None, ("x" * 500,))
    assert len(long) < 100
    assert ":~" in long


def test_who_shares_values() -> None:
    def scope(**given: Any) -> str:
        return AuthContext(**given).identity().scope

    assert scope(user_id=42) == scope(user_id="42", roles=["user"]) == scope(user_id=42, roles=["admin", "guest"], token="t") == "user.42"
    assert scope(user_id=42, roles=["guest"]) == "user.42"
    guest = scope(user_id=42, roles=["guest"], token="t")
    assert guest.startswith("token.")
    assert guest[6:] != "t"
    assert guest == scope(roles=["guest"], token="t") == scope(token="t") != scope(token="u")
    assert scope() == "nobody"
    ids = ["a", "a.b", "nobody", "token.1", "{", "}", ":", "%", "é", " ", "user.1"]
    assert len({scope(user_id=i) for i in ids}) == len(ids)


def test_calls_that_have_no_key() -> None:
    for value in (object(), Colour.RED, Number.ONE, [object()], {1: object()}):
        with pytest.raises(NotCacheable):
            build_cache_key(f, None, (value,))
    for args, kwargs in [((1, 2), {}), ((), {"zz": 1}), ((1,), {"x": 1})]:
        with pytest.raises(TypeError):
            build_cache_key(other, None, args, kwargs)


def test_arguments_may_be_left_out() -> None:
    def orders(customer: int, page: int = 1) -> None: ...

    keys = [
        build_cache_key(orders, AuthContext(7), (), {}),
        build_cache_key(orders, AuthContext(7), (), {"page": 2}),
        build_cache_key(orders, AuthContext(7), (1,)),
        build_cache_key(orders, AuthContext(7), (2,)),
        build_cache_key(orders, AuthContext(8), (), {}),
    ]
    assert len(set(keys)) == len(keys)
    assert build_cache_key(orders, AuthContext(7)) == keys[0]


def test_keys_hold_no_token() -> None:
    key = build_cache_key(f, AuthContext(roles=["guest"], token="s3cr3t"), (1,))
    assert "s3cr3t" not in key
    assert "s3cr3t" not in repr(AuthContext(token="s3cr3t"))


@pytest.mark.parametrize("text", ["", "a", "a:b", "a:{b}:c:d", "a:{}:b:c:d", "a:{b}:c:d:e:f", "a:b:c:d:e", "{a}:{b}:c:d:e"])
def test_other_texts_are_no_keys(text: str) -> None:
    assert CacheKey.parse(text) is None


@pytest.mark.parametrize(
    "given",
    [
        {"user_id": ""},
        {"user_id": True},
        {"user_id": 1.5},
        {"roles": "admin"},
        {"roles": [1]},
        {"roles": [""]},
        {"token": ""},
        {"token": b"x"},
    ],
)
def test_wrong_auth_contexts(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        AuthContext(**given)


def test_orders_do_not_matter() -> None:
    for order in itertools.permutations(["user", "admin", "z"]):
        assert AuthContext(1, order) == AuthContext(1, ["z", "user", "admin", "user"])
    assert encode({"a": 1, "b": 2}) == encode({"b": 2, "a": 1})
    assert encode({3, 1, 2}) == encode({1, 2, 3})
