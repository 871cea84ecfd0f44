"""Which tasks are sent from where, and with which options."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from lint_rules.facts.model import Expr
from lint_rules.project.project import UNSEEN, Project
from lint_rules.project.sends import Send
from tests.projects import project_in

TASKS = """
from celery import Celery, shared_task, Task
app = Celery("shop")
@app.task
def add(x, y=0): ...
@shared_task(name="mail.send", bind=True)
def mail(self, to): ...
class Report(Task):
    name = "report"
    def run(self): ...
report = app.register_task(Report())
"""

IMPORTS = """
from celery import chain, chord, group, signature, Signature
from functools import partial
from django.db import transaction
from shop import settings
from shop.tasks import add, mail, report, app
from shop import tasks
"""


def project_of(tmp_path: Path, text: str, **files: str) -> Project:
    """A module that has imported the tasks of a small shop."""
    contents = {
        "shop/__init__.py": "",
        "shop/tasks.py": TASKS,
        "shop/settings.py": "FAST = 'fast'\n",
        "shop/use.py": IMPORTS + text,
        **{f"shop/{name}.py": content for name, content in files.items()},
    }
    return project_in(tmp_path, contents)


def shown(project: Project, send: Send) -> str:
    """A send as a text: `apply_async add queue=fast`; `?` for what is not known, `...` where there may be more options."""

    def value(expr: Expr) -> object:
        found = project.literal(expr, send.frame)
        return "?" if found is UNSEEN else found

    words = [send.method, send.task.function.name if send.task is not None else send.task_name or "?"]
    words += [f"{name}={value(expr)}" for name, expr in sorted(send.options.items())]
    words += [f"({name}={value(expr)})" for name, expr in sorted(send.inherited.items()) if name not in send.options]
    return " ".join([*words, *(["..."] if send.open else []), *([] if send.sent else ["unsent"])])


def lines(tmp_path: Path, text: str, **files: str) -> list[str]:
    project = project_of(tmp_path, text, **files)
    return [shown(project, send) for send in project.sends]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("add.delay(1, y=2)", ["delay add"]),
        ("tasks.add.delay(1)", ["delay add"]),
        ("add.delay_on_commit(1)", ["delay_on_commit add"]),
        ("report.delay()", ["delay run"]),
        ("app.tasks['mail.send'].delay('x')", ["delay mail"]),
        ("add.apply_async((1,), queue='fast', priority=3)", ["apply_async add priority=3 queue=fast"]),
        ("add.apply_async(args=[1], kwargs={'y': 2}, countdown=5)", ["apply_async add countdown=5"]),
        ("add.apply_async((1,), {'y': 2}, 'id')", ["apply_async add task_id=id"]),
        ("add.apply_async_on_commit((1,), queue=settings.FAST)", ["apply_async_on_commit add queue=fast"]),
        ("add.apply_async(queue=unknown())", ["apply_async add queue=?"]),
        ("add.apply_async(**unknown)", ["apply_async add ..."]),
        ("add.apply_async(**{'queue': 'fast'})", ["apply_async add queue=fast"]),
        ("OPTIONS = dict(queue='fast')\nadd.apply_async(**OPTIONS)", ["apply_async add queue=fast"]),
        ("OPTIONS = {'queue': 'fast'}\nOPTIONS['queue'] = 'slow'\nadd.apply_async(**OPTIONS)", ["apply_async add ..."]),
        ("OPTIONS = {'queue': 'fast'}\nOPTIONS.update(more)\nadd.apply_async(**OPTIONS)", ["apply_async add ..."]),
        ("transaction.on_commit(partial(add.apply_async, (1,), queue='fast'))", ["apply_async add queue=fast"]),
        ("transaction.on_commit(partial(add.delay, 1))", ["delay add"]),
        ("transaction.on_commit(lambda: add.delay(1))", ["delay add"]),
        ("for each in (add, mail):\n    each.apply_async(queue='fast')", ["apply_async add queue=fast", "apply_async mail queue=fast"]),
        ("class View:\n    def get(self):\n        add.delay(1)", ["delay add"]),
    ],
)
def test_methods_of_tasks(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert lines(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("add.s(1)", ["s add unsent"]),
        ("add.si(1, y=2)", ["si add unsent"]),
        ("add.signature((1,), queue='fast')", ["signature add queue=fast unsent"]),
        ("add.signature((1,), {}, {'queue': 'fast'}, countdown=1)", ["signature add countdown=1 queue=fast unsent"]),
        ("add.subtask(args=(1,), options={'queue': 'fast'}, immutable=True)", ["subtask add queue=fast unsent"]),
        ("add.s(1).set(queue='fast')", ["set add queue=fast unsent", "s add unsent"]),
        ("add.s(1).apply_async(priority=3)", ["apply_async add priority=3", "s add unsent"]),
        (
            "add.s(1).set(queue='fast', priority=1).apply_async(priority=3)",
            ["apply_async add priority=3 (queue=fast)", "set add priority=1 queue=fast unsent", "s add unsent"],
        ),
        ("work = add.s()\nwork.apply_async(queue='fast')", ["s add unsent", "apply_async add queue=fast"]),
        ("work = add.s()\nwork.set(queue='fast')", ["s add unsent", "set add queue=fast unsent"]),
        (
            "work = add.signature(queue='fast')\ndef send():\n    work.delay()",
            ["signature add queue=fast unsent", "delay add (queue=fast)"],
        ),
        ("signature('mail.send', options={'queue': 'fast'})", ["signature mail queue=fast unsent"]),
        ("signature('other.task', args=(1,), queue='fast')", ["signature other.task queue=fast unsent"]),
        ("Signature('mail.send').apply_async(queue='fast')", ["apply_async mail queue=fast", "Signature mail unsent"]),
        ("signature(add, (1,))", ["signature add unsent"]),
        ("app.signature('mail.send', queue='fast')", ["signature mail queue=fast unsent"]),
        ("app.send_task('mail.send', ['x'], queue='fast')", ["send_task mail queue=fast"]),
        ("app.send_task('other.task', None, None, 5)", ["send_task other.task countdown=5"]),
        ("app.send_task(add.name, queue='fast')", ["send_task add queue=fast"]),
        ("app.send_task(name='mail.send', **unknown)", ["send_task mail ..."]),
        ("app.send_task(unknown())", ["send_task ?"]),
        ("add.chunks(numbers, 10).apply_async(queue='fast')", ["apply_async add queue=fast"]),
    ],
)
def test_signatures_and_names(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert lines(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("group(add.s(1), mail.s('x')).apply_async(queue='fast')", ["apply_async add queue=fast", "apply_async mail queue=fast"]),
        ("group([add.s(1), mail.s('x')]).delay()", ["delay add", "delay mail"]),
        ("group(add.s(x) for x in range(9)).apply_async(queue='fast')", ["apply_async add queue=fast"]),
        ("group(add.s(1), unknown()).apply_async(queue='fast')", ["apply_async add queue=fast", "apply_async ? queue=fast"]),
        ("work = []\nwork.append(add.s(1))\ngroup(work).apply_async(expires=5)", ["apply_async add expires=5"]),
        ("work = [add.s(x) for x in y]\ngroup(work).apply_async(expires=5)", ["apply_async add expires=5"]),
        ("group(add.s(1)).set(queue='fast').apply_async()", ["apply_async add (queue=fast)"]),
        ("chain(add.s(1), mail.s('x')).apply_async(queue='fast')", ["apply_async add queue=fast", "apply_async mail"]),
        ("chain(add.s(1), mail.s('x'))()", ["__call__ add", "__call__ mail"]),
        ("(add.s(1) | mail.s('x')).apply_async(queue='fast')", ["apply_async add queue=fast", "apply_async mail"]),
        ("work = add.s(1) | mail.s('x')\nwork.delay()", ["delay add", "delay mail"]),
        (
            "chord([add.s(1)], mail.s('x')).apply_async(queue='fast')",
            ["apply_async add queue=fast", "apply_async mail queue=fast"],
        ),
        (
            "chord(header=[add.s(1)], body=mail.s('x')).on_error(report.s()).set(queue='fast').delay()",
            ["delay add (queue=fast)", "delay mail (queue=fast)"],
        ),
        ("chord([add.s(1)])(mail.s('x'))", ["__call__ add", "__call__ mail"]),
        ("chord(group(add.s(1)), chain(mail.s('x'), add.s()))()", ["__call__ add", "__call__ mail", "__call__ add"]),
    ],
)
def test_canvas(tmp_path: Path, text: str, expected: list[str]) -> None:
    found = [line for line in lines(tmp_path, text) if not line.endswith(" unsent")]
    assert found == expected


@pytest.mark.parametrize(
    "text",
    [
        "unknown.delay(1)",
        "def f(task, sig):\n    task.apply_async(queue='x')\n    sig.set(queue='x')",
        "import inspect\ninspect.signature(add)",
        "from pandas import Series\nSeries.s(1)",
        "cache.set('queue', 1)",
        "def add_later(): ...\nadd_later.delay()",
        "pool.apply_async(add, (1,))",
        "app.control.broadcast('x')",
        "add(1)",
        "add.s",
        "partial(add, 1)",
    ],
)
def test_what_is_not_known_to_be_a_task_is_left_alone(tmp_path: Path, text: str) -> None:
    assert lines(tmp_path, text) == []


def test_a_task_that_sends_itself(tmp_path: Path) -> None:
    text = """
    from celery import shared_task
    @shared_task(bind=True)
    def poll(self):
        self.apply_async(countdown=60)
        self.retry()
    """
    project = project_in(tmp_path, {"jobs.py": text})
    assert [shown(project, send) for send in project.sends] == ["apply_async poll countdown=60"]


def test_a_task_of_unknown_identity_is_sent_all_the_same(tmp_path: Path) -> None:
    text = "from celery import Task, Signature\ndef f(task: Task, sig: Signature):\n    task.delay()\n    sig.apply_async(queue='x')\n"
    assert lines(tmp_path, text) == ["delay ? ...", "apply_async ? queue=x ..."]


def test_keyword_arguments_of_tasks_are_kept(tmp_path: Path) -> None:
    text = (
        "add.delay(1, y=2)\nadd.apply_async(kwargs={'y': 3})\nadd.s(y=4)\napp.send_task('mail.send', kwargs=dict(to='x'))\nadd.delay(**z)\n"
    )
    project = project_of(tmp_path, text)
    found = [{name: project.literal(expr, send.frame) for name, expr in send.task_keywords.items()} for send in project.sends]
    assert found == [{"y": 2}, {"y": 3}, {"y": 4}, {"to": "x"}, {}]


def test_options_from_another_module_keep_their_values(tmp_path: Path) -> None:
    more = "from shop.tasks import add\nfrom os import environ\nNAME = 'fast'\nwork = add.s().set(queue=NAME, priority=environ['P'])\n"
    found = lines(tmp_path, "from shop.more import work\nwork.apply_async()\n", more=more)
    assert found[-1] == "apply_async add (priority=?) (queue=fast)"


def test_places_are_those_of_the_calls(tmp_path: Path) -> None:
    found = project_of(tmp_path, "\nadd.apply_async(\n    queue='x',\n)\n").sends
    assert [(send.file, send.row, send.call.span.end_row) for send in found] == [("shop/use.py", 9, 11)]


def test_files_that_never_say_celery_count(tmp_path: Path) -> None:
    project = project_in(
        tmp_path,
        {"shop/__init__.py": "", "shop/tasks.py": TASKS, "shop/views.py": "from shop.tasks import add\ndef view():\n    add.delay(1)\n"},
    )
    assert [(send.file, send.row) for send in project.sends] == [("shop/views.py", 3)]


def test_the_beat_schedule_sends_by_name(tmp_path: Path) -> None:
    text = """
    from celery.schedules import crontab
    app.conf.beat_schedule = {
        "mail": {"task": "mail.send", "schedule": 60, "options": {"queue": "fast", "priority": 3}},
        "other": {"task": "other.task", "schedule": crontab()},
        "add": {"task": add.name, "schedule": 60, "options": unknown},
        "broken": 5,
    }
    """
    project = project_of(tmp_path, dedent(text))
    assert [shown(project, send) for send in project.sends] == [
        "beat mail priority=3 queue=fast",
        "beat other.task",
        "beat add ...",
    ]
    assert [send.row for send in project.sends] == [11, 12, 13]


def test_a_django_beat_schedule(tmp_path: Path) -> None:
    celery = "from celery import Celery\napp = Celery('shop')\napp.config_from_object('django.conf:settings', namespace='CELERY')\n"
    settings = "CELERY_BEAT_SCHEDULE = {\n    'mail': {\n        'task': 'mail.send',\n        'options': {'queue': 'slow'},\n    },\n}\n"
    files = {"shop/__init__.py": "", "shop/tasks.py": TASKS, "shop/celery.py": celery, "shop/settings.py": settings}
    project = project_in(tmp_path, files)
    assert [(shown(project, send), send.file, send.row) for send in project.sends] == [("beat mail queue=slow", "shop/settings.py", 2)]


def test_periodic_tasks_added_at_run_time(tmp_path: Path) -> None:
    text = "@app.on_after_configure.connect\ndef setup(sender, **kwargs):\n"
    text += "    app.add_periodic_task(10.0, add.s(1), name='add', queue='slow')\n"
    found = [line for line in lines(tmp_path, text) if not line.endswith(" unsent")]
    assert found == ["add_periodic_task add queue=slow"]
