"""What names stand for: imports, values through functions and classes, and the library calls whose result depends on their arguments."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lint_rules.facts.model import Const, Expr, Formatted, Ref, Seq, Template
from lint_rules.facts.templates import format_call, percent
from lint_rules.project.interpolation import conversion
from lint_rules.project.tasks import rendered
from lint_rules.project.values import Literal
from tests.projects import Files, Meanings, project_in

# ── imports ──────────────────────────────────────────────────────────────────────────────────────────────────────────

SHOP: Files = {
    "shop/__init__.py": "from shop.core import make as build\nfrom .core import Order\n",
    "shop/core.py": "import requests\nclass Order: pass\ndef make(): return Order()\nsession = requests.Session()\n_hidden = 1\n",
    "shop/sub/__init__.py": "",
    "shop/sub/deep.py": "from ..core import Order as O\nfrom .. import core\nfrom . import other\n"
    "from .other import thing\nfrom ...far import x\n",
    "shop/sub/other.py": "thing = 'other'\n",
}


@pytest.mark.parametrize(
    ("statement", "name", "expected"),
    [
        ("import requests as r", "r", ["requests"]),
        ("from requests import get as fetch", "fetch", ["requests.get"]),
        ("import os.path", "os", ["os"]),
        ("import shop", "shop", ["module shop"]),
        ("import shop.core as c", "c", ["module shop.core"]),
        ("from shop import core", "core", ["module shop.core"]),
        ("from shop.core import make", "make", ["def shop.core.make"]),
        ("from shop import build", "build", ["def shop.core.make"]),
        ("from shop import Order", "Order", ["class shop.core.Order"]),
        ("from shop.core import *", "session", ["requests.Session()"]),
        ("from requests import *", "get", ["requests.get"]),
        ("from shop.core import absent", "absent", []),
        ("from shop.absent import x", "x", []),
        ("import shop.core\nx = shop.core.session", "x", ["requests.Session()"]),
        ("from shop.sub import deep\nx = deep.O", "x", ["class shop.core.Order"]),
        ("x = open", "x", ["builtins.open"]),
        ("open = 5\nx = open", "x", ["5"]),
        ("x = nowhere", "x", []),
    ],
)
def test_names_are_followed_through_imports(tmp_path: Path, statement: str, name: str, expected: list[str]) -> None:
    assert Meanings(tmp_path, {**SHOP, "main.py": statement + "\n"}).of("main.py", name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("O", ["class shop.core.Order"]),
        ("core", ["module shop.core"]),
        ("other", ["module shop.sub.other"]),
        ("thing", ["'other'"]),
        ("x", []),
    ],
)
def test_relative_imports_stay_in_the_package_and_do_not_leave_it(tmp_path: Path, name: str, expected: list[str]) -> None:
    assert Meanings(tmp_path, {**SHOP, "far.py": "x = 1\n"}).of("shop/sub/deep.py", name) == expected


def test_an_import_above_the_top_package_is_unknown(tmp_path: Path) -> None:
    files = {"shop/__init__.py": "", "shop/tasks.py": "from ...app import app\nfrom ..app import app as other\n", "app.py": "app = 1\n"}
    meanings = Meanings(tmp_path, files)
    assert meanings.of("shop/tasks.py", "app") == []
    assert meanings.of("shop/tasks.py", "other") == []


def test_packages_below_src_are_imported_without_it(tmp_path: Path) -> None:
    files = {"src/shop/__init__.py": "", "src/shop/a.py": "class A: pass\n", "main.py": "from shop.a import A\n"}
    assert Meanings(tmp_path, files).of("main.py", "A") == ["class shop.a.A"]


def test_namespace_packages_are_imported_by_their_path(tmp_path: Path) -> None:
    files = {"src/shop/net/client.py": "class C: pass\n", "main.py": "import shop\nfrom shop.net.client import C\nx = shop.net.client.C\n"}
    meanings = Meanings(tmp_path, files)
    assert meanings.of("main.py", "C") == ["class shop.net.client.C"]
    assert meanings.of("main.py", "x") == ["class shop.net.client.C"]


def test_a_configured_source_root_counts(tmp_path: Path) -> None:
    files = {"lib/python/net/client.py": "class C: pass\n", "main.py": "from net.client import C\n"}
    assert Meanings(tmp_path / "a", files, src=("lib/python",)).of("main.py", "C") == ["class net.client.C"]
    assert Meanings(tmp_path / "b", files, src=(".",)).of("main.py", "C") == ["net.client.C"]


def test_a_script_imports_the_module_beside_it(tmp_path: Path) -> None:
    files = {
        "jobs/run.py": "from helper import C\n",
        "jobs/helper.py": "class C: pass\n",
        "other/run.py": "from helper import C\n",
        "other/helper.py": "class C: pass\n",
        "third/run.py": "from helper import C\n",
    }
    meanings = Meanings(tmp_path, files)
    assert meanings.of("jobs/run.py", "C") == ["class jobs.helper.C"]
    assert meanings.of("other/run.py", "C") == ["class other.helper.C"]
    assert meanings.of("third/run.py", "C") == ["helper.C"]


def test_of_two_modules_of_one_name_the_nearest_is_meant(tmp_path: Path) -> None:
    files = {
        f"{service}/app/{name}": text
        for service in ("billing", "mail")
        for name, text in (("__init__.py", ""), ("models.py", "class M: pass\n"), ("tasks.py", "from app.models import M\n"))
    }
    meanings = Meanings(tmp_path, files)
    for service in ("billing", "mail"):
        frame_file = f"{service}/app/tasks.py"
        meanings.of(frame_file, "M")
        frame = meanings.resolver.frame(frame_file)
        assert frame is not None
        (value,) = meanings.resolver.name("M", frame)
        assert getattr(value, "file", None) == f"{service}/app/models.py"


def test_a_module_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    files = {"broken.py": "def (:\n", "main.py": "from broken import x\nimport broken\ny = broken.z\n"}
    meanings = Meanings(tmp_path, files)
    assert meanings.of("main.py", "x") == []
    assert meanings.of("main.py", "y") == []


def test_modules_that_import_each_other_end(tmp_path: Path) -> None:
    files = {"a.py": "from b import x\ny = x\n", "b.py": "from a import y as x\n", "c.py": "from c import z\n"}
    meanings = Meanings(tmp_path, files)
    assert meanings.of("a.py", "y") == []
    assert meanings.of("c.py", "z") == []


def test_alternatives_of_try_and_if_are_all_kept(tmp_path: Path) -> None:
    text = "try:\n    import ujson as json\nexcept ImportError:\n    import json\nif x:\n    a = 1\nelse:\n    a = 'b'\n"
    meanings = Meanings(tmp_path, {"main.py": text})
    assert meanings.of("main.py", "json") == ["ujson", "json"]
    assert meanings.of("main.py", "a") == ["1", "'b'"]


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────

PRELUDE = """
import abc, asyncio, contextlib, enum, functools, typing
from functools import cached_property, partial
import requests
from asgiref.sync import async_to_sync

class Client:
    region: str = "eu"
    Inner = dict
    def __init__(self, session: requests.Session, retry=None):
        self.session = session
        self.http = requests.Session()
        self.raw = None
    def get(self) -> "Client": ...
    def clone(self): return self
    def __enter__(self): return self.http
    def __exit__(self, *args): pass
    def __iter__(self): yield self.http
    def __getitem__(self, key): return self.session
    def __call__(self): return self.http
    @property
    def prop(self): return self.http
    @cached_property
    def kept(self): return Client(None)
    @staticmethod
    def static(): return requests.Session()
    @classmethod
    def make(cls): return cls(None)
    @abc.abstractmethod
    def bare(self): ...
class Child(Client):
    def get(self): return super().get()
    def up(self): return super().prop
    def own(self): return self.make()
class Proxy:
    def __init__(self): self.inner = Client(None)
    def __getattr__(self, name): return getattr(self.inner, name)
class Colour(enum.Enum):
    RED = "red"
    def url(self): return requests.get("x")

def factory(): return requests.Session()
def annotated() -> requests.Session: return something()
def optional() -> typing.Optional[Client]: return None
def many() -> list[Client]: ...
def either(flag):
    if flag:
        return Client(None)
    return None
async def later(): return Client(None)
@contextlib.contextmanager
def opened():
    yield Client(None)
@contextlib.asynccontextmanager
async def aopened() -> typing.AsyncIterator[Client]:
    yield Client(None)
def generic(x): return x
def recursive(): return recursive()
client = Client(None)
"""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("factory()", ["requests.Session()"]),
        ("factory().get", ["requests.Session().get"]),
        ("annotated()", ["requests.Session()"]),
        ("optional()", ["main.Client()"]),
        ("either(1)", ["main.Client()"]),
        ("many()", ["[main.Client()]"]),
        ("many()[0]", ["main.Client()"]),
        ("[each for each in many()][0]", ["main.Client()"]),
        ("next(iter(sorted(many())))", ["main.Client()"]),
        ("recursive()", []),
        ("client.get", ["def main.Client.get"]),
        ("client.get()", ["main.Client()"]),
        ("client.get().get().clone().http", ["requests.Session()"]),
        ("client.session", ["requests.Session()"]),
        ("client.raw", []),
        ("client.absent", []),
        ("client.region", ["builtins.str()"]),
        ("client.prop", ["requests.Session()"]),
        ("client.kept", ["main.Client()"]),
        ("client.kept.prop.get", ["requests.Session().get"]),
        ("client()", ["requests.Session()"]),
        ("client[0]", ["requests.Session()"]),
        ("Client.static()", ["requests.Session()"]),
        ("client.static()", ["requests.Session()"]),
        ("Client.make()", ["main.Client()"]),
        ("Child.make()", ["main.Child()"]),
        ("Child(None).own()", ["main.Child()"]),
        ("Child(None).http", ["requests.Session()"]),
        ("Child(None).get", ["def main.Child.get"]),
        ("Child(None).get()", ["main.Client()"]),
        ("Child(None).up()", ["requests.Session()"]),
        ("Proxy().http", ["requests.Session()"]),
        ("Colour.RED", ["main.Colour()"]),
        ("Colour.RED.url", ["def main.Colour.url"]),
        ("partial(factory, 1)", ["def main.factory"]),
        ("partial(factory, 1)()", ["requests.Session()"]),
        ("functools.partial(client.get)()", ["main.Client()"]),
        ("async_to_sync(later)()", ["main.Client()"]),
        ("asyncio.run(later())", ["main.Client()"]),
        ("typing.cast(Client, anything())", ["main.Client()"]),
        ("typing.cast('Client', anything())", ["main.Client()"]),
        ("getattr(client, 'http')", ["requests.Session()"]),
        ("getattr(client, name)", []),
        ("type(client)", ["class main.Client"]),
        ("client if x else Child(None)", ["main.Client()", "main.Child()"]),
        ("x or client", ["main.Client()"]),
        ("(lambda: client)()", ["main.Client()"]),
        ("{'k': client}['k']", ["main.Client()"]),
        ("(client, 1)", ["[main.Client(), 1]"]),
        ("list(zip([client], [factory]))[0][0]", ["main.Client()", "def main.factory"]),
        ("dict(enumerate([client]))", ["builtins.dict()"]),
        ("'a b'.split", ["builtins.str().split"]),
    ],
)
def test_values_are_followed_through_functions_and_classes(tmp_path: Path, expression: str, expected: list[str]) -> None:
    assert Meanings(tmp_path, {"main.py": f"{PRELUDE}\nresult = {expression}\n"}).of("main.py", "result") == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("with client as result: pass", ["requests.Session()"]),
        ("with requests.Session() as result: pass", ["requests.Session()"]),
        ("with opened() as result: pass", ["main.Client()"]),
        ("async with aopened() as result: pass", ["main.Client()"]),
        ("with contextlib.closing(client) as result: pass", ["requests.Session()"]),
        ("result = contextlib.ExitStack().enter_context(client)", ["main.Client()"]),
        ("for result in client: pass", ["requests.Session()"]),
        ("for result in many(): pass", ["main.Client()"]),
        ("for number, result in enumerate(many()): pass", ["main.Client()"]),
        ("for result in [x for x in many() if x]: pass", ["main.Client()"]),
        ("result, other = client, 1", ["main.Client()"]),
        ("result: Client = anything()", ["main.Client()"]),
        ("result: 'Client' = anything()", ["main.Client()"]),
        ("result: typing.Any = client", ["main.Client()"]),
        ("print(result := client)", ["main.Client()"]),
        ("box = []\n    box.append(client)\n    result = box[0]", ["main.Client()"]),
        ("from requests import get as result", ["requests.get"]),
        ("def result(): pass", ["def main.use.result"]),
        ("class result: pass", ["class main.use.result"]),
    ],
)
def test_local_names_get_their_values_in_every_way_a_statement_binds(tmp_path: Path, statement: str, expected: list[str]) -> None:
    text = f"{PRELUDE}\nasync def use():\n    {statement}\n"
    found = Meanings(tmp_path, {"main.py": text}).of("main.py", "result", "use")
    assert [each for each in found if not each.startswith("[")] == expected


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("Client", ["main.Client()"]),
        ("'Client'", ["main.Client()"]),
        ("Client | None", ["main.Client()"]),
        ("typing.Union[Client, requests.Session]", ["main.Client()", "requests.Session()"]),
        ("typing.Annotated[Client, 'x']", ["main.Client()"]),
        ("type[Client]", ["class main.Client"]),
        ("typing.Iterable[Client]", ["[main.Client()]"]),
        ("dict[str, Client]", ["builtins.dict()"]),
        ("requests.Session", ["requests.Session()"]),
        ("typing.Any", []),
        ("typing.Callable[[], Client]", []),
        ("Absent", []),
    ],
)
def test_parameters_are_what_their_annotations_say(tmp_path: Path, annotation: str, expected: list[str]) -> None:
    text = f"{PRELUDE}\ndef use(result: {annotation}): pass\n"
    assert Meanings(tmp_path, {"main.py": text}).of("main.py", "result", "use") == expected


def test_a_default_types_a_parameter_and_stars_are_containers(tmp_path: Path) -> None:
    meanings = Meanings(tmp_path, {"main.py": f"{PRELUDE}\ndef use(a=client, b=None, *c, **d): pass\n"})
    assert [meanings.of("main.py", name, "use") for name in "abcd"] == [["main.Client()"], [], ["[]"], ["builtins.dict()"]]


def test_names_are_looked_up_in_the_functions_around_not_in_the_class(tmp_path: Path) -> None:
    text = """
    x = "module"
    class A:
        x = "class"
        def m(self):
            y = "m"
            def inner(): return x, y
    def f():
        x = "f"
        def inner():
            global x
            return x
    """
    meanings = Meanings(tmp_path, {"main.py": text})
    assert meanings.of("main.py", "x", "A.m.inner") == ["'module'"]
    assert meanings.of("main.py", "y", "A.m.inner") == ["'m'"]
    assert meanings.of("main.py", "x", "f") == ["'f'"]


def test_what_functions_assign_globally_counts(tmp_path: Path) -> None:
    text = "import requests\nsession = None\ndef start():\n    global session\n    session = requests.Session()\n"
    assert Meanings(tmp_path, {"main.py": text}).of("main.py", "session") == ["requests.Session()"]


def test_attributes_of_base_classes_in_other_modules_are_found_in_order(tmp_path: Path) -> None:
    files = {
        "a.py": "class A:\n    who = 'a'\n    def f(self): return 'a'\n",
        "b.py": "from a import A\nclass B(A):\n    who = 'b'\nclass C(A):\n    who = 'c'\n    def f(self): return 'c'\n",
        "main.py": "from b import B, C\nclass D(B, C): pass\nd = D()\nx = d.who\ny = d.f()\n",
    }
    meanings = Meanings(tmp_path, files)
    assert meanings.of("main.py", "x") == ["'b'"]
    assert meanings.of("main.py", "y") == ["'c'"]


def test_a_method_of_a_library_base_class_is_that_librarys(tmp_path: Path) -> None:
    text = "import requests\nclass S(requests.Session):\n    def own(self): return self.get\nx = S().get\ny = S().own()\n"
    meanings = Meanings(tmp_path, {"main.py": text})
    assert meanings.of("main.py", "x") == ["requests.Session().get"]
    assert meanings.of("main.py", "y") == ["requests.Session().get"]


def test_a_class_that_inherits_from_itself_ends(tmp_path: Path) -> None:
    files = {"a.py": "from b import B\nclass A(B): pass\nx = A().absent\n", "b.py": "from a import A\nclass B(A): pass\n"}
    assert Meanings(tmp_path, files).of("a.py", "x") == []


# ── library calls whose result depends on their arguments ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("import_string('shop.core.session')", ["requests.Session()"]),
        ("import_string('shop.core.Order')", ["class shop.core.Order"]),
        ("import_module('shop.core').make()", ["shop.core.Order()"]),
        ("import_string('requests.Session')()", ["requests.Session()"]),
        ("import_string(unknown)", []),
        ("SimpleLazyObject(lambda: shop.core.Order())", ["shop.core.Order()"]),
        ("LocalProxy(shop.core.make)", ["shop.core.Order()"]),
        ("request.find_service(shop.core.Order)", ["shop.core.Order()"]),
        ("request.find_service(name='order')", []),
        ("registry.get_service(shop.core.Order)", ["shop.core.Order()"]),
    ],
)
def test_dotted_strings_lazy_objects_and_service_locators(tmp_path: Path, expression: str, expected: list[str]) -> None:
    text = f"""
    import shop.core
    from importlib import import_module
    from django.utils.functional import SimpleLazyObject
    from django.utils.module_loading import import_string
    from werkzeug.local import LocalProxy
    def use(request, registry):
        result = {expression}
    """
    assert Meanings(tmp_path, {**SHOP, "main.py": text}).of("main.py", "result", "use") == expected


def test_a_django_lazy_object_hands_on_to_what_it_wraps(tmp_path: Path) -> None:
    text = """
    from django.utils.functional import LazyObject
    class Mailer:
        def send(self): pass
    class Lazy(LazyObject):
        def _setup(self):
            self._wrapped = Mailer()
    mailer = Lazy()
    x = mailer.send
    """
    assert Meanings(tmp_path, {"main.py": text}).of("main.py", "x") == ["def main.Mailer.send"]


MODELS: Files = {
    "shop/__init__.py": "",
    "shop/models.py": """
    from django.db import models
    from django.conf import settings
    class OrderQuerySet(models.QuerySet):
        def open(self): return self.filter(open=True)
        def best(self): return self.open().first()
    class Customer(models.Model):
        def mail(self): pass
    class Order(models.Model):
        objects = OrderQuerySet.as_manager()
        plain = models.Manager()
        customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
        late = models.ForeignKey("shop.Customer", on_delete=models.CASCADE)
        parent = models.ForeignKey("self", null=True)
        tags = models.ManyToManyField(Customer)
        def pay(self): pass
    """,
    "shop/settings.py": "TIMEOUT = 5\n",
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Customer.objects.get(pk=1)", ["shop.models.Customer()"]),
        ("Customer.objects.filter(a=1).first().mail", ["def shop.models.Customer.mail"]),
        ("Customer.objects.get_or_create(a=1)[0]", ["shop.models.Customer()"]),
        ("Customer.objects.all()[0]", ["shop.models.Customer()"]),
        ("[c for c in Customer.objects.filter(a=1).exclude(b=2)][0].mail", ["def shop.models.Customer.mail"]),
        ("Order.objects", ["shop.models.OrderQuerySet()"]),
        ("Order.objects.open", ["def shop.models.OrderQuerySet.open"]),
        ("Order.objects.best().pay", ["def shop.models.Order.pay"]),
        ("Order.objects.open().open", ["def shop.models.OrderQuerySet.open"]),
        ("Order.plain.get(pk=1).pay", ["def shop.models.Order.pay"]),
        ("Order.objects.get(pk=1).customer", ["shop.models.Customer()"]),
        ("Order.objects.get(pk=1).late.mail", ["def shop.models.Customer.mail"]),
        ("Order.objects.get(pk=1).parent.pay", ["def shop.models.Order.pay"]),
        ("next(iter(Order().tags)).mail", ["def shop.models.Customer.mail"]),
        ("apps.get_model('shop', 'Order')", ["class shop.models.Order"]),
        ("apps.get_model('shop.Order').objects.get(pk=1).pay", ["def shop.models.Order.pay"]),
        ("get_object_or_404(Order, pk=1).pay", ["def shop.models.Order.pay"]),
        ("settings.TIMEOUT", ["5"]),
        ("Order().save", ["django.db.models.Model().save"]),
    ],
)
def test_django_managers_querysets_and_relations(tmp_path: Path, expression: str, expected: list[str]) -> None:
    text = f"""
    from django.apps import apps
    from django.conf import settings
    from django.shortcuts import get_object_or_404
    from shop.models import Customer, Order
    result = {expression}
    """
    assert Meanings(tmp_path, {**MODELS, "shop/views.py": text}).of("shop/views.py", "result") == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("session.get(Order, 1)", ["main.Order()"]),
        ("session.query(Order).filter_by(a=1).first()", ["main.Order()"]),
        ("session.query(Order).filter_by(a=1).one_or_none().pay", ["def main.Order.pay"]),
        ("session.scalars(select(Order).where(x)).first().pay", ["def main.Order.pay"]),
        ("session.execute(select(Order)).scalars().first().pay", ["def main.Order.pay"]),
        ("session.scalar(select(Order)).pay", ["def main.Order.pay"]),
        ("[o for o in session.query(Order).all()][0].pay", ["def main.Order.pay"]),
        ("make().get(Order, 1).customer.mail", ["def main.Customer.mail"]),
    ],
)
def test_sqlalchemy_selects_and_sessions(tmp_path: Path, expression: str, expected: list[str]) -> None:
    text = f"""
    from sqlalchemy import create_engine, select
    from sqlalchemy.orm import DeclarativeBase, Mapped, Session, sessionmaker, relationship
    class Base(DeclarativeBase): pass
    class Customer(Base):
        def mail(self): pass
    class Order(Base):
        customer: Mapped["Customer"] = relationship()
        def pay(self): pass
    make = sessionmaker(create_engine("sqlite://"))
    def use(session: Session):
        result = {expression}
    """
    assert Meanings(tmp_path, {"main.py": text}).of("main.py", "result", "use") == expected


@pytest.mark.parametrize("files", [{"celery/worker.py": "x = 1\n"}, {"shop/celery.py": "from celery import Celery\napp = Celery()\n"}])
@pytest.mark.parametrize(
    "text", ["from celery import shared_task as x", "import celery\nx = celery.shared_task", "import celery as c\nx = c.shared_task"]
)
def test_a_directory_or_script_named_like_a_library_does_not_hide_it(tmp_path: Path, files: Files, text: str) -> None:
    assert Meanings(tmp_path, {**files, "shop/tasks.py": text + "\n"}).of("shop/tasks.py", "x") == ["celery.shared_task"]


def test_a_package_named_like_a_library_does_hide_it(tmp_path: Path) -> None:
    files = {
        "celery/__init__.py": "def shared_task(): pass\n",
        "shop/tasks.py": "from celery import shared_task as x\nfrom celery import y\n",
    }
    meanings = Meanings(tmp_path, files)
    assert meanings.of("shop/tasks.py", "x") == ["def celery.shared_task"]
    assert meanings.of("shop/tasks.py", "y") == []


# ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────────────

PREFIX: Files = {"shop/__init__.py": "", "shop/names.py": "import os\nPREFIX = 'shop'\nSIZE = 3\nHOST = os.environ['HOST']\n"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("f'{names.PREFIX}.orders'", ["'shop.orders'"]),
        ("f'{names.PREFIX!r:>8}'", ["\"  'shop'\""]),
        ("f'{names.SIZE:03}'", ["'003'"]),
        ("'%s-%02d' % (names.PREFIX, names.SIZE)", ["'shop-03'"]),
        ("'{}-{size}'.format(names.PREFIX, size=names.SIZE)", ["'shop-3'"]),
        ("names.PREFIX + '.' + local", ["'shop.here'"]),
        ("'.'.join([names.PREFIX, local])", ["'shop.here'"]),
        ("f'{f\"{names.PREFIX}.a\"}.b'", ["'shop.a.b'"]),
        ("f'{names.HOST}.orders'", []),
        ("f'{unknown}'", []),
        ("f'{names.PREFIX if unknown else local}'", []),
        ("f'{str(names.SIZE)}'", []),
        ("f'{names.SIZE:{names.SIZE}}'", []),
        ("f'{names.SIZE:999999999}'", []),
        ("f'{names.PREFIX:d}'", []),
        ("import_module(f'{names.PREFIX}.names')", ["module shop.names"]),
    ],
)
def test_texts_made_of_constants_are_constants(tmp_path: Path, expression: str, expected: list[str]) -> None:
    text = f"""
    from importlib import import_module
    from shop import names
    local = "here"
    def use():
        result = {expression}
    """
    assert Meanings(tmp_path, {**PREFIX, "main.py": text}).of("main.py", "result", "use") == expected


def test_texts_that_double_and_texts_that_contain_themselves_end(tmp_path: Path) -> None:
    doubling = "a0 = 'x'\n" + "".join(f"a{n} = f'{{a{n - 1}}}{{a{n - 1}}}'\n" for n in range(1, 40)) + "b = f'{b}x'\n"
    meanings = Meanings(tmp_path, {"main.py": doubling})
    assert meanings.of("main.py", "a3") == [repr("x" * 8)]
    assert meanings.of("main.py", "a39") == []
    assert meanings.of("main.py", "b") == []


@pytest.mark.parametrize(
    ("expression", "text", "known"),
    [
        ("'orders'", "orders", True),
        ("f'{names.PREFIX}.{names.SIZE:02}'", "shop.03", True),
        ("f'{names.PREFIX}.{region}'", "shop.{region}", False),
        ("f'{names.PREFIX}.{order.shop[0].name}'", "shop.{order.shop[0].name}", False),
        ("f'{names.PREFIX}.{make(1, 2).name}'", "shop.{make().name}", False),
        ("f'{names.PREFIX}.{queue}'", "shop.{queue}", False),
        ("f'{names.PREFIX}.{changed}'", "shop.{changed}", False),
        ("f'{names.PREFIX}.{again}'", "shop.shop.here", True),
        ("names.PREFIX + '.' + str(names.SIZE)", "shop.3", True),
        ("'-c ' + os.environ.get('SIZE', '2')", "-c 2", True),
        ("'-c ' + os.getenv('SIZE')", "-c {os.getenv()}", False),
        ("region", "{region}", False),
        ("[1]", "{[1]}", False),
    ],
)
def test_what_is_known_of_a_text(tmp_path: Path, expression: str, text: str, known: bool) -> None:
    module = f"""
    import os
    from shop import names
    local = "here"
    again = f"{{names.PREFIX}}.{{local}}"
    changed = "a"
    changed = "b"
    def use(region, order, queue="default"):
        result = {expression}
        return result
    """
    project = project_in(tmp_path, {**PREFIX, "main.py": module})
    project.index.load(["main.py"])
    frame = project.resolver.frame("main.py", "use")
    assert frame is not None
    (binding,) = frame.scope.bindings
    piece = project.text(binding.value, frame)
    assert (piece.text, piece.known) == (text, known)
    assert project.text(Ref("result"), frame) == piece or not known


def in_words(made: Expr | None) -> str | None:
    """What a template of constants says, None where it is none or that cannot be told."""
    if isinstance(made, Const):
        return str(made.value)
    texts = []
    for part in made.parts if isinstance(made, Template) else ():
        base, how = (part.base, part.how) if isinstance(part, Formatted) else (part, "")
        text = conversion(Literal(base.value), how) if isinstance(base, Const) else None
        if text is None:
            return None
        texts.append(text)
    return "".join(texts) if texts else None


@settings(max_examples=500, deadline=None)
@given(st.text("a%%%sdr(k)05.+ -x*", max_size=12))
@example("%5.1s%%%-4d|")
@example("%(k)s")
def test_percent_formats_say_what_python_says(text: str) -> None:
    for given_values, expr in ((("x", 5), Seq("tuple", (Const("x"), Const(5)))), ("x", Const("x"))):
        said = in_words(percent(text, expr))
        try:
            wanted = text % given_values
        except (ValueError, TypeError, KeyError):
            continue
        assert said in (None, wanted)


@settings(max_examples=500, deadline=None)
@given(st.text("a{{{}}}01k!r:>5.d ", max_size=12))
@example("{}{{{k!r:>5}}}{1:02d}")
@example("{:{}}")
def test_format_calls_say_what_python_says(text: str) -> None:
    said = in_words(format_call(text, (Const("x"), Const(5)), {"k": Const("y")}))
    try:
        wanted = text.format("x", 5, k="y")
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return
    assert said in (None, wanted)


def test_a_template_is_shown_as_an_f_string() -> None:
    parts = (Const("a{}"), Ref("b.c"), Formatted(Ref("d"), "!r:>5"), Formatted(Ref("e"), "%05d"))
    assert rendered(Template(parts)) == "f'a{{}}{b.c}{d!r:>5}{e:05d}'"
