"""What a key is made of."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from lint_rules.project.project import Project
from lint_rules.project.stores.model import KeyTemplate, Part
from tests.projects import project_in

HEAD = """
import hashlib, json, secrets, time, uuid
from datetime import date, datetime
from django.conf import settings
from django.core.cache import cache
from celery_best_practices import AuthContext, build_cache_key
PREFIX = "shop"
TEMPLATE = "order:%s:%s"
class Basket:
    KIND = "basket"
    def __init__(self, number):
        self.key = f"basket:{number}"
    @property
    def long_key(self):
        return f"long:{self.key}"
def order_key(order_id, kind="order"):
    return f"{kind}:{order_id}"
def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()
"""


def keys_of(tmp_path: Path, body: str, head: str = HEAD) -> list[KeyTemplate]:
    """All that the key of the last call can be."""
    project = project_in(tmp_path, {"m.py": dedent(head) + dedent(body)})
    return keys_in(project)


def keys_in(project: Project) -> list[KeyTemplate]:
    """All that the key of the last call in a project can be."""
    stores = project.stores
    call = stores.calls[-1]
    return project.loading(lambda: stores.keys.of_call(call, call.keys[0]))


def text_of(tmp_path: Path, expression: str, parameters: str = "a, b, user, order, items") -> str:
    """The key of `cache.get(expression)` in a function with these parameters."""
    (key,) = keys_of(tmp_path, f"def f({parameters}):\n    cache.get({expression})\n")
    return key.text


def part_of(tmp_path: Path, expression: str, parameters: str = "a, b, user, order, items") -> Part:
    """The only variable part of such a key."""
    (key,) = keys_of(tmp_path, f"def f({parameters}):\n    cache.get({expression})\n")
    (part,) = [part for part in key.parts if part.expr is not None]
    return part


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("'constant'", "constant"),
        ("PREFIX", "shop"),
        ("f'{PREFIX}:{a}'", "shop:{a}"),
        ("PREFIX + a", "shop{a}"),
        ("PREFIX + ':' + str(a)", "shop:{a}"),
        ("'%s:%s' % (a, b)", "{a}:{b}"),
        ("TEMPLATE % (a, b)", "order:{a}:{b}"),
        ("'{}:{b}'.format(a, b=b)", "{a}:{b}"),
        ("TEMPLATE.format(a)", "order:%s:%s"),
        ("':'.join([PREFIX, a])", "shop:{a}"),
        ("f'x:{user.id}'", "x:{user.id}"),
        ("f'x:{a}'.lower()", "x:{a}"),
        ("order_key(order.id)", "order:{order.id}"),
        ("order_key(a, kind='x')", "x:{a}"),
        ("order_key(order_id=order.id)", "order:{order.id}"),
        ("Basket(a).key", "basket:{number}"),
        ("Basket(a).long_key", "long:basket:{number}"),
        ("f'{Basket.KIND}:{a}'", "basket:{a}"),
        ("f'{settings.CACHE_VERSION}:{a}'", "{settings.CACHE_VERSION}:{a}"),
        ("a", "{a}"),
        ("(PREFIX, a)", "shop,{a}"),
        ("items[0]", "{items[0]}"),
    ],
)
def test_the_text_of_a_key(tmp_path: Path, expression: str, text: str) -> None:
    assert text_of(tmp_path, expression) == text


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ("key = f'x:{a}'\n    cache.get(key)", ["x:{a}"]),
        ("key = 'x'\n    key = f'{key}:{a}'\n    cache.get(key)", ["x:{a}"]),
        ("key = 'x'\n    cache.get('other')\n    key = 'y'\n    cache.get(key)", ["y"]),
        ("if a:\n        key = 'x'\n    else:\n        key = 'y'\n    cache.get(key)", ["y", "x"]),
        ("if a:\n        key = 'x'\n    if not a:\n        key = 'y'\n        cache.get(key)", ["y"]),
        ("key = 'x' if a else 'y'\n    cache.get(key)", ["x", "y"]),
        ("key = 'x'\n    key += a\n    cache.get(key)", ["x{a}"]),
        ("key = f'x:{a}'\n    def inner():\n        cache.get(key)", ["x:{a}"]),
        ("parts = [a, b]\n    cache.get(':'.join(parts))", ["{a}:{b}"]),
        ("parts = [a]\n    parts.append(b)\n    cache.get(':'.join(parts))", ["{':'.join(parts)}"]),
    ],
)
def test_a_key_under_a_name(tmp_path: Path, body: str, texts: list[str]) -> None:
    assert [key.text for key in keys_of(tmp_path, f"def f(a, b):\n    {body}\n")] == texts


def test_a_key_stands_where_the_name_gets_it(tmp_path: Path) -> None:
    (key,) = keys_of(tmp_path, "def f(a):\n    key = order_key(a)\n    return cache.get(key)\n")
    rows = (HEAD + "def f(a):\n    key = order_key(a)\n").count("\n")
    assert (key.row, key.maker) == (rows, "order_key")


def test_a_key_that_another_module_makes(tmp_path: Path) -> None:
    files = {
        "keys.py": "VERSION = 'v2'\ndef user_key(user):\n    return f'{VERSION}:user:{user.pk}'\n",
        "m.py": "from django.core.cache import cache\nfrom keys import user_key\ndef f(request):\n    cache.get(user_key(request.user))\n",
    }
    (key,) = keys_in(project_in(tmp_path, files))
    assert (key.text, key.maker) == ("v2:user:{request.user.pk}", "user_key")
    assert key.has("user")


@pytest.mark.parametrize(
    ("expression", "origins"),
    [
        ("f'x:{user.id}'", {"user", "number"}),
        ("f'x:{request.user.pk}'", {"user", "number"}),
        ("f'x:{customer_id}'", {"user", "number", "parameter"}),
        ("f'x:{tenant.slug}'", {"tenant", "slug"}),
        ("f'x:{request.GET[name]}'", {"request"}),
        ("f'x:{request.GET.get(\"page\")}'", {"request", "number"}),
        ("f'x:{request.path}'", {"request", "url"}),
        ("f'x:{request.get_full_path()}'", {"request", "url"}),
        ("f'x:{self.request.id}'", {"number"}),
        ("f'x:{access_token}'", {"secret", "parameter"}),
        ("f'x:{request.headers[\"Authorization\"]}'", {"request", "secret"}),
        ("f'x:{page_token}'", {"parameter"}),
        ("f'x:{csrf_token}'", {"parameter"}),
        ("f'x:{uuid.uuid4()}'", {"random"}),
        ("f'x:{secrets.token_hex()}'", {"random"}),
        ("f'x:{time.time()}'", {"now"}),
        ("f'x:{datetime.now()}'", {"now"}),
        ("f'x:{int(time.time())}'", {"now", "number"}),
        ("f'x:{date.today()}'", {"date"}),
        ("f'x:{datetime.now().strftime(\"%Y-%m-%d\")}'", {"date"}),
        ("f'x:{datetime.now().strftime(\"%H:%M:%S\")}'", {"now"}),
        ("f'x:{hash(a)}'", {"builtin-hash"}),
        ("f'x:{id(a)}'", {"identity", "number"}),
        ("f'x:{repr(a)}'", {"repr"}),
        ("f'x:{len(a)}'", {"number"}),
        ("f'x:{mapping}'", {"parameter", "repr"}),
        ("f'x:{number}'", {"parameter", "number"}),
        ("f'x:{text}'", {"parameter", "text"}),
        ("f'x:{json.dumps(mapping)}'", {"json", "unsorted"}),
        ("f'x:{json.dumps(mapping, sort_keys=True)}'", {"json"}),
        ("f'x:{json.dumps([a, b])}'", {"json"}),
        ("f'x:{json.dumps(a)}'", {"json"}),
        ("f'x:{hashlib.md5(a.encode()).hexdigest()}'", {"digest"}),
        ("f'x:{digest(access_token)}'", {"digest"}),
        ("f'x:{f.__name__}'", {"function"}),
        ("f'x:{a}'", {"parameter"}),
        ("f'x:{Basket(1)}'", {"repr"}),
    ],
)
def test_where_a_part_comes_from(tmp_path: Path, expression: str, origins: set[str]) -> None:
    parameters = (
        "self, a, b, name, request, user, tenant, customer_id, access_token, page_token, csrf_token, mapping: dict, number: int, text: str"
    )
    assert set(part_of(tmp_path, expression, parameters).origins) == origins


@pytest.mark.parametrize(
    "body",
    [
        "token = secrets.token_urlsafe()\n    cache.set(f'reset:{token}', 1)",
        "token = str(uuid.uuid4())\n    cache.set(token, 1)",
    ],
)
def test_a_token_made_here_is_no_secret_of_somebody_else(tmp_path: Path, body: str) -> None:
    (key,) = keys_of(tmp_path, f"def f():\n    {body}\n")
    assert key.has("random")
    assert not key.has("secret")


def test_a_digest_that_replaces_what_it_is_of(tmp_path: Path) -> None:
    body = "def f(a, user):\n    k = f'{a}_{user.id}'\n    k = hashlib.sha1(k.encode()).hexdigest()\n    k = f'x:{k}'\n    cache.get(k)\n"
    (key,) = keys_of(tmp_path, body)
    assert ([each.text for each in key.parts], [each.text for each in key.parts[1].inside]) == (["x:", "k"], ["a", "user.id"])


def test_what_a_digest_is_of(tmp_path: Path) -> None:
    part = part_of(tmp_path, "digest(f'{user.id}:{a}')")
    assert [each.text for each in part.inside] == ["user.id", "a"]


def test_a_hash_object_that_is_updated(tmp_path: Path) -> None:
    body = "def f(a, user):\n    h = hashlib.sha256(a.encode())\n    h.update(user.email)\n    cache.get('x' + h.hexdigest())\n"
    (key,) = keys_of(tmp_path, body)
    assert [each.text for each in key.parts[1].inside] == ["a", "user.email"]
    assert key.has("user")


@pytest.mark.parametrize(
    ("head", "route"),
    [
        ("def view(request, slug):", True),
        ("@app.route('/<slug>')\ndef view(slug):", True),
        ("@api_view(['GET'])\ndef view(request, slug):", True),
        ("def view(slug):", False),
    ],
)
def test_parameters_of_views_come_from_outside(tmp_path: Path, head: str, route: bool) -> None:
    text = f"from django.core.cache import cache\n{head}\n    cache.get(slug)\n"
    (key,) = keys_in(project_in(tmp_path, {"shop/__init__.py": "", "shop/views.py": text}))
    assert key.has("route") is route


def test_our_own_keys(tmp_path: Path) -> None:
    body = "def f(customer_id):\n    cache.get(build_cache_key(f, AuthContext(user_id=customer_id), (), {}))\n"
    (key,) = keys_of(tmp_path, body)
    assert key.built
    assert key.prefixed


@pytest.mark.parametrize(
    ("expression", "prefixed"),
    [("a", False), ("str(a)", False), ("f'{a}:{b}'", False), ("f'x{a}'", True), ("f'{PREFIX}{a}'", True), ("f'{f.__name__}:{a}'", True)],
)
def test_whether_a_key_says_what_it_is_of(tmp_path: Path, expression: str, prefixed: bool) -> None:
    (key,) = keys_of(tmp_path, f"def f(a, b):\n    cache.get({expression})\n")
    assert key.prefixed is prefixed
