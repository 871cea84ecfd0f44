"""Every way a task is declared is found, with its name and options; look-alikes are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lint_rules.report.rows import task_rows
from tests.projects import Files, names, project_in, row_of, task, write

APP: Files = {
    "shop/__init__.py": "",
    "shop/celery.py": "from celery import Celery\napp = Celery('shop')\n",
}

FORMS = {
    # name of the form: (more files, text of shop/tasks.py, expected task names)
    "shared_task, bare": ({}, "from celery import shared_task\n@shared_task\ndef f(): pass\n", ["shop.tasks.f"]),
    "shared_task, called": ({}, "from celery import shared_task\n@shared_task(bind=True)\ndef f(self): pass\n", ["shop.tasks.f"]),
    "shared_task, empty call": ({}, "from celery import shared_task\n@shared_task()\ndef f(): pass\n", ["shop.tasks.f"]),
    "shared_task, aliased": ({}, "from celery import shared_task as job\n@job\ndef f(): pass\n", ["shop.tasks.f"]),
    "shared_task, through the module": ({}, "import celery as c\n@c.shared_task\ndef f(): pass\n", ["shop.tasks.f"]),
    "shared_task, from celery.app": ({}, "from celery.app import shared_task\n@shared_task\ndef f(): pass\n", ["shop.tasks.f"]),
    "shared_task, re-exported": (
        {"shop/queue.py": "from celery import shared_task as background\n"},
        "from shop.queue import background\n@background(queue='q')\ndef f(): pass\n",
        ["shop.tasks.f"],
    ),
    "app.task, imported": ({}, "from shop.celery import app\n@app.task\ndef f(): pass\n", ["shop.tasks.f"]),
    "app.task, called": ({}, "from .celery import app\n@app.task(name='x.y')\ndef f(): pass\n", ["x.y"]),
    "app.task, relative module": ({}, "from . import celery\n@celery.app.task\ndef f(): pass\n", ["shop.tasks.f"]),
    "app.task, instance named like the library": (
        {},
        "from shop.celery import app as celery\n@celery.task\ndef f(): pass\n",
        ["shop.tasks.f"],
    ),
    "app.task, own instance": ({}, "import celery\napp = celery.Celery()\n@app.task\ndef f(): pass\n", ["shop.tasks.f"]),
    "current_app.task": ({}, "from celery import current_app\n@current_app.task\ndef f(): pass\n", ["shop.tasks.f"]),
    "app made by a factory": (
        {"shop/make.py": "from celery import Celery\ndef create():\n    application = Celery()\n    return application\napp = create()\n"},
        "from shop.make import app\n@app.task\ndef f(): pass\n",
        ["shop.tasks.f"],
    ),
    "a call of a factory": (
        {"shop/make.py": "from celery import Celery\ndef get_celery() -> Celery: ...\n"},
        "from shop.make import get_celery\n@get_celery().task\ndef f(): pass\n",
        ["shop.tasks.f"],
    ),
    "subclass of Celery": (
        {"shop/make.py": "from celery import Celery\nclass Shop(Celery): pass\napp = Shop('x')\n"},
        "from shop.make import app\n@app.task(ignore_result=True)\ndef f(): pass\n",
        ["shop.tasks.f"],
    ),
    "method of a subclass that registers": (
        {
            "shop/make.py": """
            from celery import Celery
            class Shop(Celery):
                def periodic(self, **options):
                    def decorate(f):
                        return self.task(f, **options)
                    return decorate
            app = Shop('x')
            """
        },
        "from shop.make import app\n@app.periodic(every=5)\ndef f(): pass\n",
        ["shop.tasks.f"],
    ),
    "pre-configured alias": (
        {},
        "from celery import shared_task\nretrying = shared_task(acks_late=True)\n@retrying\ndef f(): pass\n",
        ["shop.tasks.f"],
    ),
    "partial": (
        {},
        "from functools import partial\nfrom celery import shared_task\njob = partial(shared_task, queue='q')\n@job()\ndef f(): pass\n",
        ["shop.tasks.f"],
    ),
    "wrapper function": (
        {"shop/deco.py": "from shop.celery import app\ndef job(f):\n    return app.task(f)\n"},
        "from shop.deco import job\n@job\ndef f(): pass\n",
        ["shop.tasks.f"],
    ),
    "wrapper factory": (
        {
            "shop/deco.py": """
            from celery import shared_task
            def job(**options):
                def decorate(f):
                    return shared_task(**options)(f)
                return decorate
            """
        },
        "from shop.deco import job\n@job(queue='x')\ndef f(): pass\n",
        ["shop.tasks.f"],
    ),
    "wrapper that registers a function of its own": (
        {
            "shop/deco.py": """
            from celery import shared_task
            def job(f):
                def inner(*args): return f(*args)
                return shared_task(inner)
            """
        },
        "from shop.deco import job\n@job\ndef f(): pass\n",
        ["shop.tasks.f"],
    ),
    "wrapper of a wrapper": (
        {
            "shop/deco.py": "from shop.celery import app\ndef job(f): return app.task(f)\n",
            "shop/more.py": "from shop.deco import job\ndef nightly(f): return job(f)\n",
        },
        "from shop.more import nightly\n@nightly\ndef f(): pass\n",
        ["shop.tasks.f"],
    ),
    "x = app.task(f)": ({}, "from shop.celery import app\ndef f(): pass\ng = app.task(f)\n", ["shop.tasks.f"]),
    "shared_task(...)(f)": ({}, "from celery import shared_task\ndef f(): pass\ng = shared_task(name='n')(f)\n", ["n"]),
    "register_task(instance)": (
        {},
        "from celery import Task\nfrom shop.celery import app\nclass Job(Task):\n    def run(self): pass\njob = app.register_task(Job())\n",
        ["shop.tasks.Job"],
    ),
    "register_task(class)": (
        {},
        "from shop.celery import app\nclass Job(app.Task):\n    name = 'own.name'\n    def run(self): pass\napp.tasks.register(Job)\n",
        ["own.name"],
    ),
    "async def": ({}, "from celery import shared_task\n@shared_task\nasync def f(): pass\n", ["shop.tasks.f"]),
    "under another decorator": ({}, "from celery import shared_task\n@log\n@shared_task\n@atomic\ndef f(): pass\n", ["shop.tasks.f"]),
    "nested": ({}, "from celery import shared_task\ndef make():\n    @shared_task\n    def f(): pass\n    return f\n", ["shop.tasks.f"]),
    "our decorators": (
        {},
        "from celery_best_practices import run_io_task_with_best_practices\n@run_io_task_with_best_practices(config=None)\ndef f(): pass\n",
        ["shop.tasks.f"],
    ),
    "our decorators, by name alone": (
        {},
        "from x.y import run_cpu_task_with_best_practices\n@run_cpu_task_with_best_practices\ndef f(): pass\n",
        ["shop.tasks.f"],
    ),
    "our decorators, aliased": (
        {},
        "from celery_best_practices import run_db_task_with_best_practices as db_task\n@db_task()\ndef f(): pass\n",
        ["shop.tasks.f"],
    ),
    "app of a library": ({}, "from base_project.celery import celery_app\n@celery_app.task\ndef f(): pass\n", ["shop.tasks.f"]),
    "old periodic_task": ({}, "from celery.task import periodic_task\n@periodic_task(run_every=5)\ndef f(): pass\n", ["shop.tasks.f"]),
    "in try": (
        {},
        "try:\n    from celery import shared_task\nexcept ImportError:\n    shared_task = None\n@shared_task\ndef f(): pass\n",
        ["shop.tasks.f"],
    ),
    "two in a file": (
        {},
        "from celery import shared_task\n@shared_task\ndef f(): pass\n@shared_task\ndef g(): pass\n",
        ["shop.tasks.f", "shop.tasks.g"],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_declaration_is_found(form: str, tmp_path: Path) -> None:
    more, text, expected = FORMS[form]
    assert names(project_in(tmp_path, {**APP, **more, "shop/tasks.py": text})) == expected


LOOK_ALIKES = {
    "invoke": "from invoke import task\n@task\ndef celery(c): pass\n",
    "locust": "from locust import HttpUser, task\nclass U(HttpUser):\n    @task(3)\n    def celery(self): pass\n",
    "prefect": "from prefect import task\n@task\ndef celery(): pass\n",
    "huey": "from huey import RedisHuey\nhuey = RedisHuey()\n@huey.task()\ndef celery(): pass\n",
    "dramatiq": "import dramatiq  # not celery\n@dramatiq.actor\ndef f(): pass\n",
    "django-q": "from django_q.tasks import AsyncTask, Chain, async_task\nasync_task('celery.f')\nAsyncTask('x').run()\n",
    "signals": "from celery.signals import task_success, before_task_publish\n@task_success.connect\ndef f(**kw): pass\n",
    "setup signal": "from shop.celery import app\n@app.on_after_configure.connect\ndef f(sender, **kw): pass\n",
    "an own task function": "def task(f): return f\n@task\ndef celery(): pass\n",
    "a method called task": "class Board:\n    def task(self, f): return f\nboard = Board()\n@board.task\ndef celery(): pass\n",
    "docstring": '"""\nfrom celery import shared_task\n@shared_task\ndef f(): pass\n"""\n',
    "an app above the top package": "from ...celery import app\n@app.task\ndef f(): pass\n",
    "a Task that nobody registers": "from celery import Task\nclass Base(Task):\n    def run(self): pass\n",
    "a property called task": "from celery import shared_task\nclass A:\n    @property\n    def task(self): return 1\n",
    "names that speak of tasks": "from x import TaskRouter\n@TaskRouter.task_view\ndef celery(): pass\n",
    "calls of a task": "from celery import current_app\nx = current_app.tasks['a'](f)\ny = current_app.send_task('a')\n",
}


@pytest.mark.parametrize("form", LOOK_ALIKES)
def test_look_alikes_are_no_tasks(form: str, tmp_path: Path) -> None:
    assert names(project_in(tmp_path, {**APP, "shop/tasks.py": LOOK_ALIKES[form]})) == []


def test_test_modules_are_not_looked_at_unless_asked_to(tmp_path: Path) -> None:
    files = {"shop/tests/test_x.py": "from celery import shared_task\n@shared_task\ndef f(): pass\n"}
    assert names(project_in(tmp_path, files)) == []
    assert len(names(project_in(tmp_path, files, exclude=()))) == 1


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("files", "file", "expected"),
    [
        ({"a/__init__.py": "", "a/b/__init__.py": ""}, "a/b/tasks.py", "a.b.tasks.f"),
        ({}, "tasks.py", "tasks.f"),
        ({"src/a/__init__.py": ""}, "src/a/tasks.py", "a.tasks.f"),
        ({}, "src/a/tasks.py", "a.tasks.f"),
        ({"back/end/a/__init__.py": ""}, "back/end/a/tasks.py", "a.tasks.f"),
        ({}, "a/__init__.py", "a.f"),
    ],
)
def test_automatic_names_are_module_and_function(tmp_path: Path, files: Files, file: str, expected: str) -> None:
    write(tmp_path, {**files, file: "from celery import shared_task\n@shared_task\ndef f(): pass\n"})
    assert names(project_in(tmp_path, {})) == [expected]


def test_a_name_may_be_a_constant_of_another_module(tmp_path: Path) -> None:
    files = {
        "names.py": "PING = 'net.ping'\n",
        "tasks.py": "from celery import shared_task\nimport names\n@shared_task(name=names.PING)\ndef f(): pass\n",
    }
    assert names(project_in(tmp_path, files)) == ["net.ping"]


# ── options ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_options_are_shown_by_value_where_it_is_known_else_as_written(tmp_path: Path) -> None:
    text = """
    from celery import shared_task
    from consts import QUEUE, settings
    @shared_task(
        bind=True, queue=QUEUE, time_limit=60 * 5, max_retries=None, priority=3,
        autoretry_for=(OSError, KeyError), retry_kwargs={"max_retries": 3}, routing_key=settings.KEY, rate_limit=make("x", n=1),
    )
    def f(self): pass
    """
    row = row_of(project_in(tmp_path, {"consts.py": "QUEUE = 'slow'\n", "tasks.py": text}), "f")
    assert row["options"] == {
        "bind": True,
        "queue": "slow",
        "time_limit": 300,
        "max_retries": None,
        "priority": 3,
        "autoretry_for": "(OSError, KeyError)",
        "retry_kwargs": "{'max_retries': 3}",
        "routing_key": "settings.KEY",
        "rate_limit": "make('x', n=1)",
    }
    assert (row["queue"], row["priority"]) == ("slow", 3)
    assert row["declaration"] == "@shared_task(...)"


def test_an_alias_from_another_module_brings_its_options_with_their_meaning_there(tmp_path: Path) -> None:
    files = {
        "deco.py": "from celery import shared_task\nQ = 'slow'\nfirst()\nretrying = shared_task(queue=Q, rate_limit=limit(5), expires=9)\n",
        "tasks.py": "from deco import retrying\nQ = 'fast'\n@retrying\ndef f(): pass\n@retrying(expires=1)\ndef g(): pass\n",
    }
    project = project_in(tmp_path, files)
    assert row_of(project, "f")["options"] == {"queue": "slow", "rate_limit": "limit(5)", "expires": 9}
    assert task(project, "f").declaration.form == "alias"
    assert row_of(project, "g")["options"]["expires"] == 1


def test_the_options_of_a_task_class_are_those_of_its_body(tmp_path: Path) -> None:
    text = """
    from celery import Celery, Task
    app = Celery()
    class Job(Task):
        name = "job"
        queue = choose("a", 1)
        max_retries = 3
        def run(self): pass
    app.register_task(Job())
    """
    (row,) = task_rows(project_in(tmp_path, {"tasks.py": text}))
    assert row["options"] == {"name": "job", "queue": "choose('a', 1)", "max_retries": 3}
    assert (row["function"], row["declaration"]) == ("Job.run", "app.register_task(Job)")


def test_options_from_a_mapping_make_the_declaration_opaque(tmp_path: Path) -> None:
    text = "from celery import shared_task\n@shared_task(**LIMITS, queue='q')\ndef f(): pass\n@shared_task(queue='q')\ndef g(): pass\n"
    project = project_in(tmp_path, {"tasks.py": text})
    assert task(project, "f").declaration.opaque
    assert not task(project, "g").declaration.opaque
    assert row_of(project, "f")["options"] == {"queue": "q"}


@pytest.mark.parametrize(
    ("base", "expected"), [("base=Base", "Base"), ("base='tasks.Base'", None), ("base=other.Base", None), ("queue='q'", None)]
)
def test_the_projects_own_task_class_is_known(tmp_path: Path, base: str, expected: str | None) -> None:
    text = f"from celery import Task, shared_task\nclass Base(Task): pass\n@shared_task({base})\ndef f(): pass\n"
    found = task(project_in(tmp_path, {"tasks.py": text}), "f")
    assert (found.base.qualname if found.base else None) == expected
    assert found.has_base == base.startswith("base")


@pytest.mark.parametrize(
    ("decorator", "declared"),
    [("run_cpu_task_with_best_practices", "cpu"), ("run_io_task_with_best_practices", "io"), ("run_db_task_with_best_practices", "db")],
)
def test_our_decorators_declare_the_workload(tmp_path: Path, decorator: str, declared: str) -> None:
    text = f"from celery_best_practices import {decorator}\n@{decorator}(queue='q')\ndef f(): pass\n"
    assert row_of(project_in(tmp_path, {"tasks.py": text}), "f")["declared"] == declared


def test_the_row_is_that_of_the_definition(tmp_path: Path) -> None:
    text = "from celery import shared_task\n\n\n@shared_task(\n    bind=True,\n)\n@other\nasync def f(\n    self,\n): pass\n"
    row = row_of(project_in(tmp_path, {"tasks.py": text}), "f")
    assert (row["row"], row["async"]) == (8, True)


# ── wrappers and settings ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_name_of_a_wrapper_closes_over_files_that_do_not_mention_celery(tmp_path: Path) -> None:
    files = {
        "core/__init__.py": "",
        "core/deco.py": "from celery import shared_task\ndef job(f): return shared_task(f)\n",
        "core/use.py": "from core.deco import job as crunch\n@crunch\ndef a(): pass\ndef background(f): return crunch(f)\n",
        "core/far.py": "from core.use import background\n@background\ndef b(): pass\n",
        "core/quiet.py": "def c(): pass\n",
    }
    project = project_in(tmp_path, files)
    assert names(project) == ["core.far.b", "core.use.a"]
    assert all(module.file != "core/quiet.py" for module in project.index.loaded())


def test_a_decorator_that_only_calls_a_task_registers_nothing(tmp_path: Path) -> None:
    files = {
        "deco.py": """
        from celery import shared_task
        @shared_task
        def log(name): pass
        def logged(f):
            def wrapper(*args):
                log.delay(f.__name__)
                return f(*args)
            return wrapper
        """,
        "use.py": "from deco import logged\n@logged\ndef f(): pass\n",
    }
    assert names(project_in(tmp_path, files)) == ["deco.log"]


@pytest.mark.parametrize("glob", ["vendor.queue.job", "vendor.*.job", "*.job"])
def test_the_settings_name_further_decorators(tmp_path: Path, glob: str) -> None:
    files = {"tasks.py": "from vendor.queue import job, jobs\n@job(5)\ndef f(): pass\n@jobs\ndef g(): pass\n"}
    assert names(project_in(tmp_path, files)) == []
    assert names(project_in(tmp_path, files, task_decorators=(glob,))) == ["tasks.f"]


def test_a_task_registered_twice_is_one_task(tmp_path: Path) -> None:
    text = "from celery import shared_task, current_app\n@shared_task\ndef f(): pass\ng = current_app.task(f)\n"
    assert names(project_in(tmp_path, {"tasks.py": text})) == ["tasks.f"]
