"""What is stored, what for, and whose data is in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from lint_rules.analysis import check
from lint_rules.findings import Place, Report, Severity
from lint_rules.project.project import Project
from lint_rules.project.stores.model import CacheUse, StoreCall
from lint_rules.rules.registry import Rule
from tests.projects import project_in

HEAD = """
import json, secrets, time, uuid
import redis
from functools import partial, wraps
from django.core.cache import cache
from django.shortcuts import get_object_or_404
from shop.models import Order, price_of, unused, in_context
r = redis.Redis()
"""

MODELS = """
class Order: ...
def price_of(product, user):
    return product.price * user.rebate
def unused(product, user):
    return product.price
def in_context(request):
    return request.user.orders
"""


def uses_of(tmp_path: Path, body: str, head: str = HEAD) -> list[CacheUse]:
    """The uses in a module."""
    files = {"shop/__init__.py": "", "shop/models.py": MODELS, "shop/views.py": dedent(head) + dedent(body)}
    return project_in(tmp_path, files).stores.uses


def only(tmp_path: Path, body: str) -> CacheUse:
    """The one use."""
    (use,) = uses_of(tmp_path, body)
    return use


@pytest.mark.parametrize(
    ("body", "purpose"),
    [
        ("v = cache.get('k')\n    if v is None:\n        v = compute()\n        cache.set('k', v)", "value"),
        ("cache.set('k', compute(), 60)", "value"),
        ("return cache.get('k')", "value"),
        ("return cache.get_or_set('k', compute, 60)", "value"),
        ("v = cache.get('k')\n    if v is None:\n        v = compute()\n        cache.add('k', v, 60)", "value"),
        ("rows = []\n    rows.append(compute())\n    cache.set('k', rows)", "value"),
        ("if cache.add('k', 1, 60):\n        compute()", "lock"),
        ("if r.set('k', '1', nx=True, ex=60):\n        compute()", "lock"),
        ("got = r.set('k', uuid.uuid4().hex, nx=True)\n    return got", "lock"),
        ("with r.lock('k'):\n        compute()", "lock"),
        ("r.set('order:lock', a, ex=5)", "lock"),
        ("ok = cache.add(a, b)\n    cache.delete(a)", "lock"),
        ("if not cache.get('import_running'):\n        cache.set('import_running', True)", "lock"),
        ("r.set('k', json.dumps(a), nx=True)", "value"),
        ("r.incr('k')", "counter"),
        ("n = cache.get('k', 0)\n    n += 1\n    cache.set('k', n)", "counter"),
        ("n = cache.get('k', 0)\n    cache.set('k', n + 1)", "counter"),
        ("cache.add('login:attempts', 0)\n    cache.incr('login:attempts')", "rate-limit"),
        ("cache.set(f'throttle:{a}', time.time(), 60)", "rate-limit"),
        ("cache.set('k', True)", "flag"),
        ("r.setex('k', 60, '1')", "flag"),
        ("cache.set('k', time.time())", "flag"),
        ("token = secrets.token_hex()\n    cache.set(f'x:{token}', a, 60)", "one-time-token"),
        ("code = str(secrets.randbelow(10))\n    cache.set(f'magic:{a}', code, 60)", "one-time-token"),
        ("found = cache.get(f'x:{token}')\n    cache.delete(f'x:{token}')", "one-time-token"),
        ("return r.getdel('k')", "one-time-token"),
        ("r.set(f'session:{a}', json.dumps(b), ex=60)", "session"),
        ("cache.delete('k')", "invalidation"),
        ("cache.touch('k', 60)", "invalidation"),
        ("r.expire('k', 60)", "invalidation"),
        ("r.lpush('k', a)", "structure"),
        ("r.hset('k', 'f', a)\n    r.expire('k', 60)", "structure"),
        ("r.publish('k', a)", "structure"),
        ("r.flushdb()", "housekeeping"),
        ("r.keys('k*')", "housekeeping"),
    ],
)
def test_what_something_is_stored_for(tmp_path: Path, body: str, purpose: str) -> None:
    use = only(tmp_path, f"def f(a, b, token):\n    {body}\n")
    assert use.purpose == purpose, use.because


def test_reads_and_writes_of_one_key_belong_together(tmp_path: Path) -> None:
    body = """
        def f(a):
            key = f"x:{a}"
            value = cache.get(key)
            def fill():
                cache.set(f"x:{a}", 1 + a, 60)
            cache.get(f"y:{a}")
    """
    assert sorted([call.command for call in use.calls] for use in uses_of(tmp_path, body)) == [["get"], ["get", "set"]]


def test_a_counter_is_one_where_it_is_read(tmp_path: Path) -> None:
    body = """
        def count(page):
            r.incr(f"views:{page}")
        def views(number):
            return r.get(f"views:{number}")
        def reset(page_id):
            r.set(f"views:{page_id}", 0)
        def other(number):
            return r.get(f"pages:{number}")
    """
    assert [use.purpose for use in uses_of(tmp_path, body)] == ["counter", "counter", "counter", "value"]


def test_a_value_beside_a_counter_of_the_same_shape_stays_one(tmp_path: Path) -> None:
    body = """
        def count(domain):
            r.incr(f"embed:{domain}")
        def page(url):
            text = r.get(f"embed:{url}") or fetch(url)
            r.set(f"embed:{url}", text, ex=60)
    """
    assert [use.purpose for use in uses_of(tmp_path, body)] == ["counter", "value"]


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        # computed from the user, and the key does not say so
        ("def f(request):\n    v = request.user.orders.all()\n    cache.set('k', v)", ["request.user"]),
        ("def f(request):\n    user = request.user\n    cache.set('k', json.dumps(user.name))", ["request.user"]),
        ("def f(customer, n):\n    v = n * customer.rebate\n    cache.set(f'k:{n}', v)", ["customer"]),
        ("def f(customer):\n    v = 1 if customer.vip else 2\n    cache.set('k', v)", ["customer"]),
        ("def f(user_id):\n    rows = []\n    for o in load(user_id):\n        rows.append(o)\n    cache.set('k', rows)", ["user_id"]),
        ("def f(product, user):\n    cache.set('k', price_of(product, user))", ["user"]),
        ("def f(request):\n    cache.set('k', in_context(request))", ["request.user"]),
        ("def f(request):\n    return cache.get_or_set('k', lambda: request.user.orders, 60)", ["request.user"]),
        ("def f(product, user):\n    return cache.get_or_set('k', partial(price_of, product, user), 60)", ["user"]),
        ("class V:\n    def get(self, request):\n        cache.set('k', self.request.user.name)", ["self.request.user"]),
        ("def f(info):\n    cache.set('k', load(info.context.user))", ["info.context.user"]),
        # it is in the key
        ("def f(request):\n    cache.set(f'k:{request.user.id}', request.user.orders)", []),
        ("def f(user):\n    key = f'k:{user.pk}'\n    cache.set(key, user.orders)", []),
        ("def f(request, tenant):\n    cache.set(f'k:{tenant.id}', request.user.orders)", []),
        ("def f(user, token):\n    cache.set(f'k:{token}', user.orders)", []),
        ("def f(user):\n    key = f'k:{user.id}' if user else 'public'\n    cache.set(key, user.orders)", []),
        # nothing of it is in the value
        ("def f(request, n):\n    request.user.touch()\n    cache.set(f'k:{n}', n * 2)", []),
        ("def f(product, user):\n    cache.set('k', unused(product, user))", []),
        ("def f(product, user):\n    return cache.get_or_set('k', partial(unused, product, user), 60)", []),
        ("def f(request):\n    cache.set('k', request.user.is_authenticated)", []),
        (
            "def f(request, slug):\n    o = get_object_or_404(Order.visible(request.user), slug=slug)\n    cache.set(f'k:{slug}', o.text)",
            [],
        ),
        # who knows
        ("def f(key, user):\n    cache.set(key, user.orders)", []),
        ("def f(user):\n    cache.set(make(user), user.orders)", []),
        # not a value
        ("def f(user):\n    r.lpush('k', user.id)", []),
    ],
)
def test_whose_data_is_in_a_value(tmp_path: Path, body: str, paths: list[str]) -> None:
    assert [data.path for data in only(tmp_path, body + "\n").user_data] == paths


@pytest.mark.parametrize(
    ("test", "anonymous"),
    [
        ("if not request.user.is_authenticated:", True),
        ("if request.user.is_anonymous:", True),
        ("if not user.is_authenticated():", True),
        ("if not request.user.is_authenticated and a:", True),
        ("if user is None:", True),
        ("if not user:", True),
        ("if request.user.is_authenticated:", False),
        ("if user:", False),
        ("if request.user.is_anonymous or a:", False),
        ("if a:", False),
    ],
)
def test_what_is_stored_for_nobody_in_particular(tmp_path: Path, test: str, anonymous: bool) -> None:
    body = f"def f(request, user, a):\n    {test}\n        cache.set('k', compute(request.user))\n"
    assert only(tmp_path, body).anonymous is anonymous


def test_an_earlier_return_for_those_who_are_logged_in(tmp_path: Path) -> None:
    body = (
        "def f(request, a):\n    if request.user.is_authenticated or a:\n        return view(request)\n    cache.set('k', view(request))\n"
    )
    assert only(tmp_path, body).anonymous


# ── functions that are given a key ───────────────────────────────────────────────────────────────────────────────────


def test_a_function_that_is_given_a_key_and_a_producer(tmp_path: Path) -> None:
    body = """
        def get_or_set(key, function, *args, timeout=None):
            value = cache.get(key)
            if value is None:
                value = function(*args)
                cache.set(key, value, timeout=timeout)
            return value
        def rating(book, user):
            return get_or_set(f"rating:{book.id}", lambda u, b: b.ratings(), user, book, timeout=60)
        def shelf(book, user):
            return get_or_set(f"shelf:{book.id}", lambda u, b: u.shelves(b), user, book)
    """
    inner, rating, shelf = uses_of(tmp_path, body)
    assert ([key.text for key in inner.keys], inner.expiry.state) == (["{key}"], "optional")
    assert ([call.command for call in rating.calls], rating.expiry.state, rating.user_data) == (["get_or_set"], "given", ())
    assert (shelf.expiry.state, [data.path for data in shelf.user_data]) == ("never", ["user"])
    assert shelf.calls[0].through == "get_or_set"


def test_a_lock_whose_name_is_given(tmp_path: Path) -> None:
    body = """
        def store(key, value):
            cache.set(key, value)
        def start(n):
            store(f"lock:{n}", True)
    """
    assert [use.purpose for use in uses_of(tmp_path, body)] == ["lock", "lock"]


# ── decorators ───────────────────────────────────────────────────────────────────────────────────────────────────────


def decorated(tmp_path: Path, body: str) -> CacheUse:
    """The one function that a decorator caches."""
    (use,) = [use for use in uses_of(tmp_path, body) if use.form == "decorator"]
    return use


DJANGO = """
    from django.views.decorators.cache import cache_page
    from django.views.decorators.vary import vary_on_cookie, vary_on_headers
    from django.utils.decorators import method_decorator
    from django.contrib.auth.decorators import login_required
"""


@pytest.mark.parametrize(
    ("body", "paths", "vary", "checks"),
    [
        ("@cache_page(60)\ndef f(request):\n    return render(request.user)", ["request.user"], (), ()),
        ("@cache_page(60)\ndef f(request):\n    return render(request.GET)", [], (), ()),
        ("@vary_on_cookie\n@cache_page(60)\ndef f(request):\n    return render(request.user)", ["request.user"], ("cookie",), ()),
        ("@vary_on_headers('Authorization')\n@cache_page(60)\ndef f(request): ...", [], ("authorization",), ()),
        ("@login_required\n@cache_page(60)\ndef f(request): ...", [], (), ("login_required",)),
        (
            "class V:\n    @method_decorator(cache_page(60))\n    def get(self, request):\n        return self.request.user",
            ["self.request.user"],
            (),
            (),
        ),
        (
            "@method_decorator(cache_page(60), name='get')\nclass V:\n    def get(self, request): ...\n    def post(self, request): ...",
            [],
            (),
            (),
        ),
        (
            "@method_decorator(cache_page(60), name='dispatch')\nclass V:\n    permission_classes = [Staff]\n    def get(self, request): ...",
            [],
            (),
            ("permission_classes",),
        ),
        ("def f(request):\n    return render(request.user)\nurls = [cache_page(60)(f)]", ["request.user"], (), ()),
        (
            "class V:\n    def get(self, request):\n        return request.user\nurls = [cache_page(60)(V.as_view())]",
            ["request.user"],
            (),
            (),
        ),
    ],
)
def test_cached_views(tmp_path: Path, body: str, paths: list[str], vary: tuple[str, ...], checks: tuple[str, ...]) -> None:
    use = decorated(tmp_path, dedent(DJANGO) + body + "\n")
    assert ([data.path for data in use.user_data], use.vary, use.checks) == (paths, vary, checks)
    assert (use.by, use.keys[0].from_url, use.expiry.state) == ("django.views.decorators.cache.cache_page", True, "given")


@pytest.mark.parametrize(
    ("body", "by", "key"),
    [
        ("from cachetools import cached, TTLCache\n@cached(TTLCache(9, 60))\ndef f(a): ...", "cachetools.cached", "shop.views.f:{a}"),
        ("from aiocache import cached\n@cached(ttl=60)\nasync def f(a): ...", "aiocache.cached", "shop.views.f:{a}"),
        ("from cashews import cache\n@cache(ttl='1h', key='x:{a}')\nasync def f(a): ...", "cashews.cache", "x:{a}"),
        (
            "from flask_caching import Cache\nc = Cache()\n@c.memoize(60)\ndef f(a): ...",
            "flask_caching.Cache().memoize",
            "shop.views.f:{a}",
        ),
        (
            "from flask_caching import Cache\nc = Cache()\n@c.cached(60, key_prefix='all')\ndef f(): ...",
            "flask_caching.Cache().cached",
            "all",
        ),
        (
            "from dogpile.cache import make_region\nregion = make_region()\n@region.cache_on_arguments()\ndef f(a): ...",
            "dogpile.cache.region.CacheRegion().cache_on_arguments",
            "shop.views.f:{a}",
        ),
    ],
)
def test_decorators_of_libraries(tmp_path: Path, body: str, by: str, key: str) -> None:
    use = decorated(tmp_path, body + "\n")
    assert (use.by, [each.text for each in use.keys], use.purpose) == (by, [key], "value")


OWN = """
    def cache_response(timeout=60, user=True):
        def decorator(view):
            @wraps(view)
            def wrapper(instance, request, *args, **kwargs):
                who = str(request.user.id) if user else None
                key = f"{request.path}:{who}" if who else request.path
                found = cache.get(key)
                if found is None:
                    found = view(instance, request, *args, **kwargs)
                    cache.set(key, found.data, timeout)
                return found
            return wrapper
        return decorator
    class V:
        @cache_response(%s)
        def get(self, request):
            return render(request.user)
"""


@pytest.mark.parametrize(("arguments", "paths"), [("60", []), ("60, user=False", ["request.user"])])
def test_a_decorator_of_the_project(tmp_path: Path, arguments: str, paths: list[str]) -> None:
    use = decorated(tmp_path, dedent(OWN) % arguments)
    assert (use.by, [data.path for data in use.user_data]) == ("shop.views.cache_response", paths)
    assert use.frame.qualname == "V.get"


def test_a_memoised_function_is_told_apart_by_its_arguments(tmp_path: Path) -> None:
    body = "from cachetools import cached\n@cached({})\ndef f(user):\n    return user.orders\n@cached({})\ndef g(n):\n    return current_user.orders\n"
    f, g = uses_of(tmp_path, body)
    assert ([data.path for data in f.user_data], [data.path for data in g.user_data]) == ([], ["current_user"])


def test_whether_all_keys_of_a_use_tell_something(tmp_path: Path) -> None:
    use = only(tmp_path, "def f(user, a):\n    key = f'k:{user.id}' if a else 'k'\n    cache.set(key, a)\n")
    assert [key.has("user") for key in use.keys] == [True, False]
    assert not use.keyed_by("user")


@pytest.mark.parametrize(("subject", "rows"), [(StoreCall, [11, 12]), (CacheUse, [10])])
def test_rules_are_asked_about_each_call_and_each_use(tmp_path: Path, subject: type, rows: list[int]) -> None:
    files = {"shop.py": HEAD + "def f(a):\n    key = f'k:{a}'\n    cache.get(key)\n    cache.set(key, a)\n"}
    project = project_in(tmp_path, files)

    def ask(found: StoreCall | CacheUse, project: Project) -> Iterator[Report]:
        row = found.row if isinstance(found, CacheUse) else found.call.span.row
        yield Report(Place.row_of(found.file, row), "found")

    rule = Rule("CRB399", "found", subject, Severity.INFO, None, False, False, ask, "")
    assert [finding.place.row for finding in check(project, [rule])] == rows
