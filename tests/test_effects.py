"""What tasks do: evidence chains over the call graph, what counts as running something, the words for it, and the knowledge behind it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from lint_rules.knowledge.tables import Effect, Knowledge, Tables, load, read_tables
from lint_rules.project.workload import workload
from tests.projects import Files, project_in, row_of, task, write

HEAD = "from celery import shared_task\nimport requests\n"


def effects(root: Path, text: str, more: Files | None = None, name: str = "main") -> dict[str, tuple[str, list[str]]]:
    """Effect -> (call, chain) of the task `main` in tasks.py."""
    project = project_in(root, {**(more or {}), "tasks.py": HEAD + dedent(text)})
    return {each["effect"]: (each["call"], [step.split(" ")[0] for step in each["chain"]]) for each in row_of(project, name)["evidence"]}


# ── chains ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_chain_names_each_function_where_it_is_called(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/tasks.py": """
        from celery import shared_task
        from shop.images import Logo

        @shared_task
        def render(url):
            logo = Logo(url)
            return logo.fetch()
        """,
        "shop/images.py": """
        from shop import net

        class Logo:
            def __init__(self, url):
                self.url = url

            def fetch(self):
                return self._download()

            def _download(self):
                return net.download(
                    self.url,
                )
        """,
        "shop/net.py": "import requests\n\n\ndef download(url):\n    return requests.get(\n        url)\n",
    }
    row = row_of(project_in(tmp_path, files), "render")
    assert row["evidence"] == [
        {
            "effect": "network",
            "call": "requests.get",
            "filename": "shop/net.py",
            "row": 5,
            "chain": ["Logo.fetch (shop/tasks.py:8)", "Logo._download (shop/images.py:9)", "download (shop/images.py:12)"],
        }
    ]
    assert row["workload"] == "io"


def test_evidence_in_the_body_has_no_chain_and_the_nearest_counts(tmp_path: Path) -> None:
    text = """
    @shared_task
    def main():
        far()
        requests.get("x")
    def far():
        return requests.post("y")
    """
    assert effects(tmp_path, text) == {"network": ("requests.get", [])}


def test_each_effect_has_its_own_shortest_chain(tmp_path: Path) -> None:
    text = """
    import subprocess, time
    @shared_task
    def main():
        a()
    def a():
        time.sleep(1)
        b()
    def b():
        subprocess.run(["x"])
        requests.get("x")
    """
    found = effects(tmp_path, text)
    assert found == {
        "sleep": ("time.sleep", ["a"]),
        "subprocess": ("subprocess.run", ["a", "b"]),
        "network": ("requests.get", ["a", "b"]),
    }


def test_cycles_end_and_still_reach_what_lies_behind_them(tmp_path: Path) -> None:
    text = """
    @shared_task
    def main():
        a()
    def a():
        b()
    def b():
        a()
        b()
        main()
        c()
    def c():
        requests.get("x")
    """
    assert effects(tmp_path, text) == {"network": ("requests.get", ["a", "b", "c"])}


def test_functions_nobody_calls_are_not_counted(tmp_path: Path) -> None:
    text = """
    @shared_task
    def main():
        x = other
        def inner():
            requests.get("x")
    def other():
        requests.get("x")
    class A:
        def m(self):
            requests.get("x")
    """
    assert effects(tmp_path, text) == {}


# ── what runs ────────────────────────────────────────────────────────────────────────────────────────────────────────

RUNS = {
    "a nested function": ("def inner(): requests.get('x')\n    inner()", "", ["main.inner"]),
    "a lambda": ("f = lambda: requests.get('x')\n    f()", "", ["main.<lambda>"]),
    "an attribute of known type": ("A().send()", "class A:\n    s = requests.Session()\n    def send(self): self.s.get('x')\n", ["A.send"]),
    "a typed argument": ("use(requests.Session())", "def use(s): s.get('x')\n", ["use"]),
    "a typed keyword": ("use(s=requests.Session())", "def use(*, s): s.get('x')\n", ["use"]),
    "an annotated parameter": ("use(make())", "def use(s: requests.Session): s.get('x')\n", ["use"]),
    "the constructor": ("A()", "class A:\n    def __init__(self): requests.get('x')\n", ["A.__init__"]),
    "__post_init__": ("A()", "class A:\n    def __post_init__(self): requests.get('x')\n", ["A.__post_init__"]),
    "__call__": ("A()()", "class A:\n    def __call__(self): requests.get('x')\n", ["A.__call__"]),
    "__enter__": ("with A(): pass", "class A:\n    def __enter__(self): requests.get('x')\n", ["A.__enter__"]),
    "__exit__": ("with A() as a: pass", "class A:\n    def __exit__(self, *a): requests.get('x')\n", ["A.__exit__"]),
    "a property": ("A().p.strip()", "class A:\n    @property\n    def p(self): return requests.get('x')\n", ["A.p"]),
    "a base class's method": ("B().m()", "class A:\n    def m(self): requests.get('x')\nclass B(A): pass\n", ["A.m"]),
    "super()": ("B().m()", "class A:\n    def m(self): requests.get('x')\nclass B(A):\n    def m(self): super().m()\n", ["B.m", "A.m"]),
    "an overridden hook": (
        "B().run()",
        "class A:\n    def run(self): self.hook()\n    def hook(self): pass\nclass B(A):\n    def hook(self): requests.get('x')\n",
        ["A.run", "B.hook"],
    ),
    "an abstract method's override": (
        "use(make())",
        "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def m(self): ...\nclass B(A):\n    def m(self): requests.get('x')\n"
        "def make() -> A: ...\ndef use(a: A): a.m()\n",
        ["use", "B.m"],
    ),
    "a callback": ("each([], work)", "def work(): requests.get('x')\ndef each(items, f):\n    for i in items: f(i)\n", ["work"]),
    "a method as callback": (
        "a = A()\n    pool.submit(a.m)",
        "class A:\n    def m(self): requests.get('x')\n",
        ["A.m"],
    ),
    "partial, called": ("partial(work, 1)()", "from functools import partial\ndef work(x): requests.get('x')\n", ["work"]),
    "partial, handed on": ("run(partial(work, 1))", "from functools import partial\ndef work(x): requests.get('x')\n", ["work"]),
    "async_to_sync": ("async_to_sync(work)()", "from asgiref.sync import async_to_sync\nasync def work(): requests.get('x')\n", ["work"]),
    "asyncio.run": ("asyncio.run(work())", "import asyncio\nasync def work(): requests.get('x')\n", ["work"]),
    "on_commit": (
        "transaction.on_commit(work)",
        "from django.db import transaction\ndef work(): requests.get('x')\n",
        ["work"],
    ),
    "a context manager": (
        "with opened(): pass",
        "from contextlib import contextmanager\n@contextmanager\ndef opened():\n    requests.get('x')\n    yield\n",
        ["opened"],
    ),
    "a task called": ("other()", "@shared_task\ndef other(): requests.get('x')\n", ["other"]),
    "a task's run": ("other.run()", "@shared_task\ndef other(): requests.get('x')\n", ["other"]),
    "a wrapping decorator below": (
        "helped()",
        "def deco(f):\n    def wrapper(*a):\n        requests.get('x')\n        return f(*a)\n    return wrapper\n"
        "@deco\ndef helped(): pass\n",
        ["helped", "deco.wrapper"],
    ),
    "an imported module's function": ("net.go()", "import net\n", ["go"]),
    "import inside the function": ("from net import go\n    go()", "", ["go"]),
    "a comprehension": ("[go(x) for x in y]", "from net import go\n", ["go"]),
    "match and try": ("try:\n        match x:\n            case 1: go()\n    finally: pass", "from net import go\n", ["go"]),
}


@pytest.mark.parametrize("case", RUNS)
def test_what_a_task_runs_counts(case: str, tmp_path: Path) -> None:
    body, rest, chain = RUNS[case]
    text = f"{rest}@shared_task\ndef main(x=None, y=None, pool=None):\n    {body}\n"
    found = effects(tmp_path, text, {"net.py": "import requests\ndef go(x=1): requests.get('x')\n"})
    call, steps = found["network"]
    assert call in ("requests.get", "requests.Session().get")
    assert steps == chain


DOES_NOT_RUN = {
    "delay": "other.delay()",
    "apply_async": "other.apply_async(args=[1], countdown=3)",
    "a signature": "x = other.s(1)\n    y = other.si()",
    "a group": "group(other.s() for i in range(3)).delay()",
    "a chain": "chain(other.s(), other.si())()",
    "handed on by name": "enqueue(other)",
    "an exception's constructor": "raise NetError(1)",
    "registered for later": "signal.connect(work)",
    "a class that is only named": "x = Work",
    "a local that hides it": "requests = None\n    requests.get('x')",
}


@pytest.mark.parametrize("case", DOES_NOT_RUN)
def test_what_a_task_only_sends_or_names_does_not_count(case: str, tmp_path: Path) -> None:
    text = f"""
from celery import chain, group
from django.dispatch import Signal
signal = Signal()
@shared_task
def other(x=1): requests.get("x")
def work(): requests.get("x")
class Work:
    def __init__(self): requests.get("x")
class NetError(Exception):
    def __init__(self, x): requests.get("x")
@shared_task
def main():
    {DOES_NOT_RUN[case]}
"""
    found = effects(tmp_path, text)
    assert "network" not in found
    assert ("dispatch" in found) == (case in ("delay", "apply_async", "a signature", "a group", "a chain"))


def test_the_decorators_of_a_task_run_around_it(tmp_path: Path) -> None:
    text = """
    from functools import wraps
    def checked(flag):
        def decorate(f):
            @wraps(f)
            def wrapper(*args):
                requests.get("x")
                return f(*args)
            return wrapper
        return decorate
    @shared_task
    @checked(True)
    def main(): pass
    """
    assert effects(tmp_path, text) == {"network": ("requests.get", ["checked.decorate.wrapper"])}


def test_the_hooks_of_a_task_class_run_around_it_and_self_is_of_that_class(tmp_path: Path) -> None:
    text = """
    from celery import Task
    import time
    class Base(Task):
        def before_start(self, *args): time.sleep(1)
        def __call__(self, *args): return self.run(*args)
        def on_failure(self, *args): subprocess.run("x")
        @property
        def client(self): return requests.Session()
    @shared_task(bind=True, base=Base)
    def main(self):
        self.client.get("x")
    """
    assert effects(tmp_path, text) == {"sleep": ("time.sleep", ["Base.before_start"]), "network": ("requests.Session().get", [])}


def test_retrying_is_sending(tmp_path: Path) -> None:
    assert effects(tmp_path, "@shared_task(bind=True)\ndef main(self): self.retry()\n") == {"dispatch": ("celery.Task().retry", [])}


def test_waiting_for_a_result_is_an_effect_of_its_own(tmp_path: Path) -> None:
    text = "@shared_task\ndef other(): pass\n@shared_task\ndef main():\n    r = other.delay()\n    r.get()\n"
    assert effects(tmp_path, text)["result"] == ("celery.result.AsyncResult().get", [])


def test_a_management_command_runs_its_handle(tmp_path: Path) -> None:
    files = {
        "shop/management/commands/sync.py": """
        import requests
        from django.core.management.base import BaseCommand
        class Command(BaseCommand):
            def handle(self, *args, **options): requests.get("x")
        """,
    }
    text = "from django.core.management import call_command\n@shared_task\ndef main(): call_command('sync')\n"
    assert effects(tmp_path, text, files) == {"network": ("requests.get", ["Command.handle"])}


def test_an_unreadable_module_on_the_way_is_unknown_not_harmless(tmp_path: Path) -> None:
    project = project_in(tmp_path, {"broken.py": "def (:\n", "tasks.py": HEAD + "from broken import go\n@shared_task\ndef main(): go()\n"})
    row = row_of(project, "main")
    assert (row["workload"], row["evidence"]) == ("unknown", [])


def test_a_receiver_that_gets_many_types_has_none(tmp_path: Path) -> None:
    kinds = "".join(f"class K{n}:\n    def go(self): {'requests.get(1)' if n == 4 else 'pass'}\n" for n in range(5))
    uses = "".join(f"    use(K{n}())\n" for n in range(5))
    assert effects(tmp_path, f"{kinds}def use(k): k.go()\n@shared_task\ndef main():\n{uses}") == {}


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("seen", "label"),
    [
        ({Effect.NETWORK}, "io"),
        ({Effect.LIKELY_NETWORK}, "io"),
        ({Effect.SUBPROCESS}, "io"),
        ({Effect.SLEEP}, "io"),
        ({Effect.FILE}, "io"),
        ({Effect.REDIS}, "io"),
        ({Effect.RESULT}, "io"),
        ({Effect.DB}, "db"),
        ({Effect.DB, Effect.REDIS, Effect.FILE, Effect.SLEEP}, "db"),
        ({Effect.DB, Effect.NETWORK}, "mixed"),
        ({Effect.DB, Effect.CPU}, "mixed"),
        ({Effect.NETWORK, Effect.CPU}, "mixed"),
        ({Effect.CPU}, "cpu"),
        ({Effect.CPU, Effect.FILE}, "cpu"),
        ({Effect.DISPATCH}, "dispatch"),
        ({Effect.DISPATCH, Effect.DB}, "db"),
        (set(), "unknown"),
    ],
)
def test_the_word_for_a_set_of_effects(seen: set[Effect], label: str) -> None:
    assert workload(seen) == label


@pytest.mark.parametrize(
    ("seen", "callables", "messages", "label"),
    [
        ({Effect.DB, Effect.NETWORK}, 3, 3, "mixed"),
        ({Effect.NETWORK}, 0, 3, "io"),
        ({Effect.NETWORK}, 1, 0, "unknown"),
        ({Effect.DB}, 0, 1, "unknown"),
        ({Effect.DB}, 1, 0, "unknown"),
        ({Effect.CPU}, 0, 1, "unknown"),
        ({Effect.DISPATCH}, 0, 1, "unknown"),
    ],
)
def test_what_could_not_be_followed_makes_the_word_unknown_where_it_matters(
    seen: set[Effect], callables: int, messages: int, label: str
) -> None:
    assert workload(seen, callables, messages) == label


@pytest.mark.parametrize(
    ("body", "label"),
    [
        ("return x + 1", "unknown"),
        ("requests.get(x)", "io"),
        ("Order.objects.get(pk=x)", "db"),
        ("Order.objects.get(pk=x)\n    requests.get(x)", "mixed"),
        ("other.delay(x)", "dispatch"),
        ("for handle in HANDLERS:\n        handle()\n    Order.objects.get(pk=x)", "unknown"),
        ("x.client.send_message(1)\n    Order.objects.get(pk=x)", "unknown"),
        ("x.strip()\n    Order.objects.get(pk=x)", "db"),
        ("Image.open(x).resize((1, 2))", "cpu"),
    ],
)
def test_workloads_of_whole_tasks(tmp_path: Path, body: str, label: str) -> None:
    text = f"""
from celery import shared_task
from PIL import Image
import requests
from django.db import models
class Order(models.Model): pass
HANDLERS = load()
@shared_task
def other(x): pass
@shared_task
def main(x):
    {body}
"""
    assert row_of(project_in(tmp_path, {"tasks.py": text}), "main")["workload"] == label


def test_the_settings_have_the_last_word_on_the_workload(tmp_path: Path) -> None:
    files = {"tasks.py": HEAD + "@shared_task(name='n.x')\ndef main(): requests.get('x')\n"}
    assert row_of(project_in(tmp_path, files, workload={"tasks.main": "cpu"}), "main")["workload"] == "cpu"
    project = project_in(tmp_path, files, workload={"n.x": "db"})
    assert project.workload(task(project, "main")) == project.declared(task(project, "main")) == "db"


# ── knowledge ────────────────────────────────────────────────────────────────────────────────────────────────────────

TABLE = """
[[call]]
effect = "network"
names = ["lib.exact", "lib.Client().*", "lib.below.**", "lib.*().send", "lib.deep.*.*().**", "lib.Client().session.get"]
timeout = "timeout"
timeout_position = 2
source = "here"

[[call]]
effect = "none"
names = ["lib.Client().close", "lib.below.quiet"]

[[call]]
effect = "db"
names = ["lib.below.table.**"]
source = "there"

[[returns]]
name = "lib.client"
gives = "lib.Client()"

[[returns]]
name = "lib.*.make"
gives = "lib.Client()"

[[same]]
name = "lib.api"
is = "lib"

[[same]]
name = "lib.impl.client.Client"
is = "lib.Client"

[[isa]]
name = "other.Special"
base = "lib.Client"

[[isa]]
name = "far.MoreSpecial"
base = "other.Special"

[[transaction]]
names = ["lib.atomic"]
"""


@pytest.fixture
def knowledge(tmp_path: Path) -> Knowledge:
    write(tmp_path, {"table.toml": TABLE})
    return Knowledge(read_tables([tmp_path / "table.toml"]))


@pytest.mark.parametrize(
    ("path", "effect"),
    [
        ("lib.exact", Effect.NETWORK),
        ("lib.exact.more", None),
        ("lib.exactly", None),
        ("lib.Client().anything", Effect.NETWORK),
        ("lib.Client().close", None),
        ("lib.Client().a.b", None),
        ("lib.Client().session.get", Effect.NETWORK),
        ("lib.Client", None),
        ("lib.Client()", None),
        ("lib.below", None),
        ("lib.below.a", Effect.NETWORK),
        ("lib.below.a().b[].c", Effect.NETWORK),
        ("lib.below()", Effect.NETWORK),
        ("lib.below.a().strip", None),
        ("lib.belowmore", None),
        ("lib.below.quiet", None),
        ("lib.below.table.get", Effect.DB),
        ("lib.any().send", Effect.NETWORK),
        ("lib.any().sends", None),
        ("lib.a.b().send", None),
        ("lib.deep.a.b().c.d", Effect.NETWORK),
        ("lib.deep.a().c", None),
        ("other.Special().anything", Effect.NETWORK),
        ("other.Special().close", None),
        ("far.MoreSpecial().session.get", Effect.NETWORK),
        ("other.Plain().anything", None),
    ],
)
def test_patterns_describe_paths(knowledge: Knowledge, path: str, effect: Effect | None) -> None:
    row = knowledge.call(path)
    assert (row.effect if row else None) == effect


def test_rows_carry_their_timeout_and_source(knowledge: Knowledge) -> None:
    row = knowledge.call("lib.exact")
    assert row is not None
    assert (row.timeout, row.timeout_position, row.source, row.is_async) == ("timeout", 2, "here", False)


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("lib.client", "lib.Client()"),
        ("lib.x.make", "lib.Client()"),
        ("lib.x.y.make", "lib.x.y.make()"),
        ("lib.unknown", "lib.unknown()"),
    ],
)
def test_rows_say_what_calls_give(knowledge: Knowledge, path: str, given: str) -> None:
    assert knowledge.result(path) == given


def test_one_thing_has_one_name(knowledge: Knowledge) -> None:
    assert knowledge.canonical("lib.api.exact") == "lib.exact"
    assert knowledge.canonical("lib.impl.client.Client().close") == "lib.Client().close"
    assert knowledge.canonical("lib.apiary") == "lib.apiary"


def test_classes_inherit_through_other_libraries(knowledge: Knowledge) -> None:
    assert knowledge.is_a("far.MoreSpecial", "lib.Client")
    assert not knowledge.is_a("lib.Client", "far.MoreSpecial")
    assert knowledge.opens_transaction("lib.atomic")
    assert not knowledge.opens_transaction("lib.exact")


def test_a_library_is_known_once_a_row_names_it(knowledge: Knowledge) -> None:
    assert knowledge.knows_library("lib.sub.x")
    assert knowledge.knows_library("json.loads")
    assert not knowledge.knows_library("elsewhere.x")
    assert not Knowledge(Tables()).knows_library("lib.x")


def test_the_users_rows_join_the_tables() -> None:
    found = load({"network": ["erp.Client().**"], "cpu": ["erp.crunch"]})
    assert [getattr(found.call(path), "effect", None) for path in ("erp.Client().pull", "erp.crunch", "requests.get", "erp.x")] == [
        Effect.NETWORK,
        Effect.CPU,
        Effect.NETWORK,
        None,
    ]
    assert load({}).call("erp.crunch") is None


def test_knowledge_in_the_settings_decides_workloads(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[tool.crb.knowledge]\nnetwork = ["erp.Client().**"]\n',
        "tasks.py": HEAD + "import erp\n@shared_task\ndef main(): erp.Client().pull()\n",
    }
    row = row_of(project_in(tmp_path, files), "main")
    assert (row["workload"], row["evidence"][0]["call"]) == ("io", "erp.Client().pull")


def test_every_row_of_the_shipped_tables_can_be_asked() -> None:
    found = load({})
    asked = [*found.tables.exact, *(name + ".x" for name in found.tables.below)]
    assert len(asked) > 5_000
    wrong = [
        name
        for name in found.tables.below
        if found.call(name + ".method_of_no_row") is None and name + ".method_of_no_row" not in found.tables.exact
    ]
    assert wrong == []
    assert [name for name, row in found.tables.exact.items() if row is not None and found.call(name) is not row] == []
