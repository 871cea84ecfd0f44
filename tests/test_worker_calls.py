"""Which workers, beats and Redis servers Python code starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from lint_rules.deploy.model import BeatCommand, RedisServer, WorkerCommand
from lint_rules.project.project import Project
from tests.projects import project_in

IMPORTS = """
import asyncio, os, shlex, subprocess, sys, uuid
from subprocess import Popen, check_call as checked
import subprocess as sp
import pexpect
from django.core.management import call_command
from celery import current_app
from shop.main import app
from shop import main
QUEUE = "mail"
"""

FIRST = IMPORTS.count("\n") + 1
"""The first row of what follows the imports."""

MAIN = "from celery import Celery\napp = Celery('shop')\n"


def project_of(tmp_path: Path, text: str, **files: str) -> Project:
    """A module that starts something, beside the application of a small shop."""
    contents = {"shop/__init__.py": "", "shop/main.py": MAIN, "shop/run.py": IMPORTS + text}
    return project_in(tmp_path, {**contents, **{f"shop/{name}.py": content for name, content in files.items()}})


def shown(worker: WorkerCommand) -> str:
    """A worker as a text: `shop.main concurrency=2 queues=a,b`; `?` after what is not known, `...` where there may be more options."""
    options = [
        name if option.value is None else f"{name}={option.value}{'' if option.known else '?'}"
        for name, option in sorted(worker.options.items())
    ]
    return " ".join([worker.app or "-", *options, *(["..."] if worker.open else [])])


def workers(tmp_path: Path, text: str, **files: str) -> list[str]:
    project = project_of(tmp_path, text, **files)
    return [shown(each) for each in project.started if isinstance(each, WorkerCommand)]


LINE = "'celery -A shop.main worker -Q mail -c 2'"
LIST = "['celery', '-A', 'shop.main', 'worker', '-Q', 'mail', '-c', '2']"
EXPECTED = "shop.main concurrency=2 queues=mail"


@pytest.mark.parametrize(
    "text",
    [
        f"subprocess.run({LIST})",
        f"subprocess.run(args={LIST}, check=True)",
        f"subprocess.Popen(({LIST[1:-1]}))",
        f"Popen({LIST})",
        f"checked({LIST})",
        f"sp.call({LIST})",
        f"subprocess.check_output({LINE}, shell=True)",
        f"subprocess.call(shlex.split({LINE}))",
        f"subprocess.call({LINE}.split())",
        f"subprocess.call({LINE}.split(' '))",
        f"os.system({LINE})",
        f"os.popen({LINE})",
        f"subprocess.getoutput({LINE})",
        f"os.execvp('celery', {LIST})",
        f"os.execlp('celery', {LIST[1:-1]})",
        f"os.spawnvp(os.P_NOWAIT, 'celery', {LIST})",
        f"os.spawnlp(os.P_NOWAIT, 'celery', {LIST[1:-1]})",
        f"os.execvpe('celery', {LIST}, os.environ)",
        f"async def f():\n    await asyncio.create_subprocess_exec({LIST[1:-1]})",
        f"async def f():\n    await asyncio.create_subprocess_shell({LINE})",
        f"pexpect.spawn({LINE})",
        "pexpect.spawn('celery', ['-A', 'shop.main', 'worker', '-Q', 'mail', '-c', '2'])",
        f"call_command({LIST[1:-1]})",
        f"def f():\n    import subprocess as own\n    own.run({LIST})",
        f"def f():\n    command = {LIST}\n    subprocess.run(command)",
        f"def f():\n    command = {LINE}\n    words = shlex.split(command)\n    subprocess.run(words)",
        f"COMMAND = {LINE}\ndef f():\n    subprocess.run(shlex.split(COMMAND))",
        "subprocess.run(f'celery -A shop.main worker -Q {QUEUE} -c {1 + 1}', shell=True)",
        "subprocess.run('celery -A shop.main worker -Q %s -c %d' % (QUEUE, 2), shell=True)",
        "subprocess.run('celery -A shop.main worker -Q {} -c {}'.format(QUEUE, 2).split())",
        "subprocess.run(('celery -A shop.main worker -Q ' + QUEUE + ' -c ' + str(2)).split())",
        "subprocess.run(' '.join(['celery', '-A', 'shop.main', 'worker', '-Q', QUEUE, '-c2']), shell=True)",
        "subprocess.run(['celery', '-A', 'shop.main', 'worker', '-Q', QUEUE, f'--concurrency={2}'])",
        "subprocess.run(['celery', '-A', 'shop.main', 'worker', '-Q', QUEUE, '-c', os.environ.get('WORKERS', '2')])",
        f"os.system('cd /srv && ' + {LINE} + ' &')",
        f"subprocess.run(['sh', '-c', {LINE}])",
    ],
)
def test_each_way_to_start_a_command(tmp_path: Path, text: str) -> None:
    assert workers(tmp_path, text) == [EXPECTED]


def test_what_is_known_at_run_time_alone_stays_unknown(tmp_path: Path) -> None:
    text = """
def start(count, name):
    queue = name or "mail"
    worker = f"celery -A shop.main worker -l info --concurrency={count} -n core:{uuid.uuid4().hex}@%h -Q {QUEUE},{queue}"
    subprocess.Popen(worker.split(" "))
"""
    (worker,) = [each for each in project_of(tmp_path, text).started if isinstance(each, WorkerCommand)]
    assert worker.options["concurrency"].known is False
    assert worker.options["concurrency"].value == "{count}"
    assert worker.options["queues"].value == "mail,{queue}"
    assert worker.queues is None
    assert worker.concurrency is None
    assert worker.options["hostname"].value == "core:{uuid.uuid4().hex}@%h"
    assert (worker.file, worker.row, worker.form) == ("shop/run.py", FIRST + 3, "command")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(more):\n    subprocess.run(['celery', 'worker', *more])", "- ..."),
        ("def f(more):\n    words = ['celery', 'worker']\n    words.extend(more)\n    subprocess.run(words)", "- ..."),
        ("def f(more):\n    subprocess.run(f'celery worker {more}'.split())", "- ..."),
        ("def f(more):\n    os.system(f'celery worker {more}')", "- ..."),
        ("def f(more):\n    os.system(f'cd /srv && celery worker {more}')", "- ..."),
        ("def f(name):\n    os.system(f'cd /srv && celery worker -Q \"{name}\" -c 2')", "- concurrency=2 queues=${name}?"),
    ],
)
def test_words_that_may_be_more_options(tmp_path: Path, text: str, expected: str) -> None:
    assert workers(tmp_path, text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "subprocess.run(['celery', '-A', 'shop', 'flower'])",
        "subprocess.run(['pkill', '-f', 'celery worker'])",
        "subprocess.run('pkill -9 -f \"celery worker\"', shell=True)",
        "print('celery -A shop worker')",
        "run('celery -A shop worker')",
        "def f(command):\n    subprocess.run(command)",
        "def f(old):\n    command = 'celery -A shop worker'\n    command = old\n    subprocess.run(command)",
        "command = 'celery -A shop worker'\ncommand += ' -Q mail'\nsubprocess.run(command, shell=True)",
        "app.start()",
        "app.worker_main()",
        "thread.start(['worker'])",
        "from threading import Thread\nThread(target=app).start()",
        "class Worker: ...\nWorker(pool='solo')",
    ],
)
def test_what_starts_no_worker(tmp_path: Path, text: str) -> None:
    assert workers(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app.worker_main(['worker', '-P', 'solo', '-c', '1'])", "shop.main.app concurrency=1 pool=solo"),
        ("app.worker_main(argv=['worker', '--pool=solo'])", "shop.main.app pool=solo"),
        ("main.app.worker_main(['celery', 'worker', '-Q', QUEUE])", "shop.main.app queues=mail"),
        ("app.start(['worker', '-B'])", "shop.main.app beat"),
        ("app.start(argv=['celery', '-A', 'other', 'worker'])", "other"),
        ("current_app.worker_main(['worker', '-P', 'threads'])", "- pool=threads"),
        ("def f():\n    argv = ['worker', '-P', 'solo']\n    app.worker_main(argv)", "shop.main.app pool=solo"),
        ("app.worker_main('worker -P solo'.split())", "shop.main.app pool=solo"),
        ("app.worker_main(['worker', *sys.argv[1:]])", "shop.main.app ..."),
        ("app.Worker(pool='solo', concurrency=1)", "shop.main.app concurrency=1 pool=solo"),
        ("app.Worker(pool_cls='threads', autoscale=(10, 2))", "shop.main.app autoscale=10,2 pool=threads"),
        ("app.Worker(queues=['a', QUEUE], beat=True, purge=False)", "shop.main.app beat queues=a,mail"),
        ("app.Worker(queues='a,b', prefetch_multiplier=1)", "shop.main.app prefetch-multiplier=1 queues=a,b"),
        ("app.Worker(concurrency=os.cpu_count())", "shop.main.app concurrency={os.cpu_count()}?"),
        ("app.Worker(**unknown)", "shop.main.app ..."),
        ("app.WorkController(pool='solo').start()", "shop.main.app pool=solo"),
        ("from celery.apps.worker import Worker\nWorker(app=app, pool='solo').start()", "shop.main.app pool=solo"),
        ("from celery.worker import WorkController\nWorkController(app=app, pool='gevent')", "shop.main.app pool=gevent"),
        ("from celery.bin import worker\nworker.worker(app=app).run(pool='solo', loglevel='INFO')", "- loglevel=INFO pool=solo"),
    ],
)
def test_what_celery_itself_offers(tmp_path: Path, text: str, expected: str) -> None:
    (worker,) = project_of(tmp_path, text).workers
    assert shown(worker) == expected
    assert worker.form == "python"
    assert {option.source for option in worker.options.values()} <= {"argument", "keyword"}


def test_an_application_of_this_module(tmp_path: Path) -> None:
    text = "from celery import Celery\nown = Celery('own')\nif __name__ == '__main__':\n    own.worker_main(['worker'])\n"
    assert workers(tmp_path, text) == ["shop.run.own"]


def test_a_module_that_never_says_celery(tmp_path: Path) -> None:
    other = "from shop.main import app\napp.worker_main(['worker', '-P', 'solo'])\n"
    assert workers(tmp_path, "", other=other) == ["shop.main.app pool=solo"]


def test_beats_and_redis_servers(tmp_path: Path) -> None:
    text = "subprocess.Popen(['celery', '-A', 'shop.main', 'beat'])\napp.start(['beat'])\n"
    other = "import subprocess\nsubprocess.Popen(['redis-server', '--port', '7000'])\n"
    found = project_of(tmp_path, text, other=other).started
    beats = [each for each in found if isinstance(each, BeatCommand)]
    assert [(beat.app, beat.span.row) for beat in beats] == [("shop.main", FIRST), ("shop.main.app", FIRST + 1)]
    (server,) = [each for each in found if isinstance(each, RedisServer)]
    assert [(each.name, each.values) for each in server.directives] == [("port", ("7000",))]
    assert server.span.row == 2


def test_a_command_that_runs_in_two_places_is_one(tmp_path: Path) -> None:
    text = f"COMMAND = {LIST}\ndef f():\n    subprocess.run(COMMAND)\ndef g():\n    subprocess.run(COMMAND)\n"
    project = project_of(tmp_path, text)
    assert [worker.row for worker in project.workers] == [FIRST]


def test_the_place_is_the_call_where_the_command_stands_in_it(tmp_path: Path) -> None:
    (worker,) = project_of(tmp_path, f"\nsubprocess.run(\n    {LIST},\n)\n").workers
    assert (worker.span.row, worker.span.end_row) == (FIRST + 1, FIRST + 3)
