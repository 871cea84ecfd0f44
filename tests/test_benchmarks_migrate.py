"""Each check of the migration benchmark sees what it is there to see, and nothing in a migration without fault."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from libcst.codemod import CodemodContext, TransformSuccess, transform_module

from benchmarks.libcst_command import ReplaceTaskDecorator
from benchmarks.migrate import main
from benchmarks.migrate_checks import file_violations
from benchmarks.migrate_project import Trial, copy_texts, manifest

OLD = '''\
"""Tasks."""

import os  # paths

from celery import shared_task


# sends
@shared_task(queue="mails")
def send(to):
    first = to
    return os.fspath(first)


@shared_task
def other(to):
    for each in to:
        print(each)
    return 1
'''

NEW = OLD.replace(
    "from celery import shared_task\n",
    "from celery import shared_task\nfrom celery_best_practices import IOTaskConfig, run_io_task_with_best_practices\n",
).replace('@shared_task(queue="mails")', '@run_io_task_with_best_practices(\n    config=IOTaskConfig(queue="mails"),\n)')

FIX = [(9, 9)]
"""Where the decorator of `send` stands."""


def checks(old: str, new: str, rows: list[tuple[int, int]]) -> set[str]:
    return {each.check for each in file_violations("tasks.py", old.encode(), new.encode(), rows)}


def test_a_faultless_rewrite() -> None:
    assert file_violations("tasks.py", OLD.encode(), NEW.encode(), FIX) == []


def test_imports_may_come_before_the_first_statement() -> None:
    old = '"""Tasks."""\n\n\n@task\ndef f(): ...\n'
    assert checks(old, '"""Tasks."""\n\nimport os\n\n\n@task(os)\ndef f(): ...\n', [(4, 4)]) == set()


def test_a_new_statement_beside_a_fix() -> None:
    split = NEW.replace("\n\n@shared_task\n", "\n\ndef rest(first): ...\n\n\n@shared_task\n")
    assert checks(OLD, split, [(9, 12)]) == set()
    assert checks(OLD, split, [(9, 9)]) == {"tree", "diff"}


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (NEW.replace("def other(to)", "def other(to"), {"parse"}),
        (NEW.replace("    return 1", "    return 1\nreturn"), {"parse", "diff", "tree"}),
        (NEW.replace("print(each)", "print( each )"), {"diff"}),
        (NEW.replace("print(each)", "print(to)"), {"diff", "tree"}),
        (NEW.replace("first = to", "first = 2"), {"diff", "tree"}),
        (NEW.replace("def other(to)", "def other(to=1)"), {"diff", "tree"}),
        (NEW.replace("    return 1\n", ""), {"diff", "tree"}),
        (NEW + "\n\nsend()\n", {"diff", "tree"}),
        (NEW + "\n\nimport json\n", {"diff"}),
        (NEW + "\n\n", {"diff"}),
        (NEW.replace("import os  #", "from os import path as os  #"), {"imports"}),
        (NEW.replace("import os  #", "#"), {"imports", "diff"}),
        (NEW.replace("  # paths", ""), {"comments"}),
        (NEW.replace("# sends\n", ""), {"comments", "diff"}),
        (NEW.replace("\n", "\r\n"), {"layout", "diff"}),
        (NEW.rstrip(), {"layout", "diff"}),
        ("\ufeff" + NEW, {"layout", "diff"}),
        ("# coding: latin-1\n" + NEW, {"layout", "diff"}),
    ],
)
def test_planted_faults_in_a_file(new: str, expected: set[str]) -> None:
    assert checks(OLD, new, FIX) == expected


def test_only_imports_of_what_was_changed_may_go() -> None:
    old = "from celery import shared_task\nfrom more import *\n\n\n@shared_task\ndef f(): ...\n"
    new = "from more import *\n\n\n@task()\ndef f(): ...\n"
    assert checks(old, new, [(5, 5)]) == set()
    assert checks(old, new.replace("from more import *\n", ""), [(5, 5)]) == {"imports"}


def test_spaces_among_tabs() -> None:
    assert checks("@task\ndef f():\n\treturn 1\n", "@task(\n    a=1,\n)\ndef f():\n\treturn 1\n", [(1, 1)]) == {"layout"}


def test_newer_syntax_is_read() -> None:
    old = "type X = int\n\n@task\ndef f[T](a: T): ...\n"
    assert checks(old, old.replace("@task", "@task(1)"), [(3, 3)]) == set()
    assert "parse" in checks(old, old.replace("@task", "@task(1"), [(3, 3)])


# ── a whole project ──────────────────────────────────────────────────────────────────────────────────────────────────

FAKE = '''\
"""A migration: the edits of plan.json, told in report.json."""

import json, os, pathlib, sys

here = pathlib.Path(__file__).parent
for name, text in json.loads((here / "plan.json").read_text()).items():
    pathlib.Path(name).write_text(pathlib.Path(name).read_text() + text[1:] if text.startswith("+") else text)
for name in json.loads((here / "modes.json").read_text()):
    os.chmod(name, 0o755)
print((here / "report.json").read_text())
'''


def trial(tmp_path: Path, files: dict[str, str], plan: dict[str, str], report: dict[str, object], modes: tuple[str, ...] = ()) -> Trial:
    source, fake = tmp_path / "corpus" / "shop", tmp_path / "fake"
    fake.mkdir()
    for name, text in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    (fake / "migration.py").write_text(FAKE)
    for name, content in (("plan", plan), ("report", report), ("modes", modes)):
        (fake / f"{name}.json").write_text(json.dumps(content))
    copy = tmp_path / "copy"
    copy_texts(source, copy)
    return Trial("shop", copy, [sys.executable, str(fake / "migration.py")])


def told(*fixes: tuple[str, str, int, str]) -> dict[str, object]:
    files: dict[str, list[dict[str, object]]] = {}
    for file, code, row, task in fixes:
        files.setdefault(file, []).append({"filename": file, "code": code, "row": row, "end_row": row, "task": task})
    return {"files": [{"filename": file, "fixes": rows, "error": None} for file, rows in files.items()], "refused": [], "undecided": []}


def test_a_faultless_migration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    without = NEW.replace("from celery import shared_task\n", "").replace("@shared_task", "@run_io_task_with_best_practices()")
    report = told(("tasks.py", "CRB101", 9, "tasks.send"), ("tasks.py", "CRB101", 15, "tasks.other"))
    outcome = trial(tmp_path, {"tasks.py": OLD, "pyproject.toml": ""}, {"tasks.py": without}, report).outcome()
    assert (outcome.violations, outcome.declared, outcome.rewritten) == ([], [], ["tasks.py"])

    command = f"{sys.executable} {tmp_path / 'fake' / 'migration.py'}"
    assert main(["--corpus", str(tmp_path / "corpus"), "--command", command, "--keep", str(tmp_path / "kept")]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "project  files  CRB101  refused  undecided  unproved  crash  report  parse  diff  tree  comments  layout  again  tasks  imports  format  lint",
        "shop         1       2        0          0         0      0       0      0     0     0         0       0      0      0        0       0     0",
    ]
    assert (tmp_path / "kept" / "shop" / "tasks.py").read_text() == without
    assert (tmp_path / "corpus" / "shop" / "tasks.py").read_text() == OLD


def test_planted_faults_in_a_project(tmp_path: Path) -> None:
    files = {
        "options.py": OLD,
        "renamed.py": OLD,
        "unused.py": OLD,
        "undefined.py": OLD,
        "untidy.py": OLD,
        "silent.py": OLD,
        "mode.py": OLD,
        "lender.py": "from celery import shared_task\n\nx = 1\n",
        "borrower.py": "from lender import shared_task\n\n\n@shared_task\ndef borrowed(): ...\n",
        "growing.py": "x = 1\n",
        "untouched.py": "import json\n",
        "pyproject.toml": "[tool.ruff]\nline-length = 88\nfix = true\nlint.select = ['E501', 'F401']\n",
    }
    plan = {
        "options.py": NEW.replace('IOTaskConfig(queue="mails")', 'IOTaskConfig(queue="bulk")'),
        "renamed.py": NEW.replace("config=", 'name="renamed.deliver", config='),
        "unused.py": NEW.replace("import IOTaskConfig", "import DBTaskConfig, IOTaskConfig"),
        "undefined.py": NEW.replace("IOTaskConfig(", "CPUTaskConfig("),
        "untidy.py": NEW.replace("config=IO", "config = IO"),
        "silent.py": NEW,
        "lender.py": "x = 1\n",
        "growing.py": "+# more\n",
        "left.tmp": "x",
    }
    names = [name for name in plan if name not in ("silent.py", "left.tmp", "growing.py", "lender.py")]
    report = told(*((name, "CRB101", 9, f"{name[:-3]}.send") for name in [*names, "mode.py", "absent.py"]), ("lender.py", "CRB101", 1, ""))
    outcome = trial(tmp_path, files, plan, report, ("mode.py",)).outcome()
    found = {(each.check, each.file) for each in outcome.violations}
    assert found == {
        *(("tasks", "options.py"), ("tasks", "renamed.py"), ("imports", "unused.py"), ("imports", "undefined.py")),
        *(
            ("format", "untidy.py"),
            ("format", "renamed.py"),
            ("format", "unused.py"),
            ("report", "silent.py"),
            ("diff", "silent.py"),
            ("tree", "silent.py"),
        ),
        *(("layout", "mode.py"), ("imports", "lender.py"), ("report", "growing.py"), ("diff", "growing.py"), ("again", "growing.py")),
        *(("report", "left.tmp"), ("report", "absent.py"), ("tasks", "borrower.py"), ("lint", "unused.py"), ("lint", "undefined.py")),
    }


def test_what_a_fix_says_is_declared(tmp_path: Path) -> None:
    old = OLD.replace('queue="mails"', 'rate_limit="10/min"')
    outcome = trial(
        tmp_path,
        {"tasks.py": old, "pyproject.toml": ""},
        {"tasks.py": old.replace("10/min", "10/m")},
        told(("tasks.py", "CRB109", 9, "tasks.send")),
    ).outcome()
    assert outcome.violations == []
    assert [each.what for each in outcome.declared] == ["rate_limit of task tasks.send was '10/min' and is '10/m'"]


@pytest.mark.parametrize(("limit", "check"), [("4, rate_window=1", []), ("4, rate_window=60", ["tasks"])])
def test_a_rate_limit_may_count_over_all_workers(tmp_path: Path, limit: str, check: list[str]) -> None:
    old = OLD.replace('queue="mails"', 'rate_limit="4/s"')
    new = NEW.replace('queue="mails"', f"rate_limit={limit}")
    report = told(("tasks.py", "CRB101", 9, "tasks.send"))
    outcome = trial(tmp_path, {"tasks.py": old, "pyproject.toml": ""}, {"tasks.py": new}, report).outcome()
    assert [each.check for each in outcome.violations] == check
    assert len(outcome.declared) == (not check)


@pytest.mark.parametrize(
    "script", ["raise ValueError('no')", "print('no json')", "import os; os.kill(os.getpid(), 9)", "print('{}'); raise SystemExit(3)"]
)
def test_crashes(tmp_path: Path, script: str) -> None:
    case = trial(tmp_path, {"tasks.py": OLD, "pyproject.toml": ""}, {}, {})
    (tmp_path / "fake" / "migration.py").write_text(script)
    assert [each.check for each in case.outcome().violations] == ["crash"]


def test_options_in_celerys_words(tmp_path: Path) -> None:
    def options(declaration: str, declared: str | None, decorator: str) -> dict[str, str]:
        (tmp_path / "tasks.py").write_text(f"CONFIG = IOTaskConfig(queue=SLOW, task_priority=3)\n{decorator}\ndef f(x, y=1): ...\n")
        row = 2 + len(decorator.splitlines())
        task = {"name": "f", "function": "f", "filename": "tasks.py", "row": row, "async": False, "options": {}}
        (entry,) = manifest(tmp_path, [{**task, "declaration": declaration, "declared": declared}]).values()
        return entry

    ours = "@run_io_task_with_best_practices(...)", "io"
    name = ours[0].removesuffix("(...)")
    old = options("@app.task(...)", None, "@app.task(queue=SLOW, priority=3, max_retries=5, retry_backoff=True, rate_limit='1/m')")
    config = "IOTaskConfig(queue=SLOW, task_priority=3, max_retries=5, backoff=1)"
    assert options(*ours, f'{name}(config={config}, rate_limit="1/m", app=app)') == old
    assert options(*ours, f'{name}(config={config}, rate_limit="2/m", app=app)') != old
    assert options(*ours, f'{name}(config={config}, rate_limit="1/m")') == {name: value for name, value in old.items() if name != "app"}
    plain = options("@shared_task(...)", None, "@shared_task(queue=SLOW, priority=3)")
    assert plain == {"name": "f", "async": "False", "signature": "x, y=1", "queue": "SLOW", "priority": "3"}
    assert options(*ours, f"{name}(config=CONFIG)") == plain
    retries = options("@shared_task(...)", None, "@shared_task(autoretry_for=(OSError,), retry_kwargs={'max_retries': MOST})")
    assert options(*ours, f"{name}(config=IOTaskConfig(max_retries=MOST), autoretry_for=(OSError,))") == retries
    assert options(*ours, f"{name}(\n    config=CONFIG,\n    rate_limit=None,\n)") == plain
    assert options(*ours, f"{name}(config=IOTaskConfig(queue=SLOW, task_priority=3, timeout=3))") == {**plain, "config timeout": "3"}


def test_the_peer_does_the_same_replacement() -> None:
    source = "from celery import shared_task as task\nfrom shop import app\n\n@task(queue='q', bind=True)\ndef f(self): ...\n\n@app.task\ndef g(): ...\n"
    done = transform_module(ReplaceTaskDecorator(CodemodContext()), source)
    assert isinstance(done, TransformSuccess)
    assert "@run_io_task_with_best_practices(config=IOTaskConfig(queue='q'), bind=True)" in done.code
    assert "@run_io_task_with_best_practices(config=IOTaskConfig(), app=app)" in done.code
    assert "from celery_best_practices import IOTaskConfig, run_io_task_with_best_practices" in done.code
