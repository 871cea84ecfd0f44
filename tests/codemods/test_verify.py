"""Each check of the proof finds what it is there for, and lets pass what a fix may do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from codemods.manifest import differences, manifest
from codemods.rewriting import Rewritten
from codemods.verify import Failure, by_file, check_project, check_text, revealed, same_code, silenced
from lint_rules.analysis import Analysis, analyse
from lint_rules.findings import Finding
from lint_rules.settings import Settings
from tests.projects import write

BEFORE = """\
import os
from celery import shared_task


@shared_task
def f(x):
    # why
    if x:
        return os.fspath(x)
    return x


def g():
    return 2
"""


def checks(before: str, after: str, *rows: tuple[int, int]) -> list[str]:
    result = Rewritten("a.py", after.encode(), rows=rows, released=("os",))
    return [failure.check for failure in check_text(before.encode(), result)]


def test_an_edit_in_its_rows_passes() -> None:
    assert checks(BEFORE, BEFORE.replace("@shared_task", "@shared_task(bind=True)"), (5, 6)) == []
    assert checks(BEFORE, BEFORE.replace("os.fspath(x)", "str(x)"), (9, 9)) == []


def test_imports_of_the_module_are_free_to_change() -> None:
    assert checks(BEFORE, BEFORE.replace("import os\n", "import os\nimport asyncio\n")) == []
    assert checks(BEFORE, BEFORE.replace("import os\n", "")) == []


def test_an_import_that_no_fix_released_must_stay() -> None:
    assert checks(BEFORE, BEFORE.replace("from celery import shared_task\n", "")) == ["imports"]
    star = BEFORE.replace("import os\n", "import os\nfrom tasks import *\n")
    assert checks(star, BEFORE) == ["imports"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return 2", "return 3"),
        ("def g():", "def g(y):"),
        ("    if x:\n", "    if not x:\n"),
        ("    return x\n", ""),
        ("        return os.fspath(x)\n", "        return os.fspath(x)\n    else:\n        return None\n"),
        ("def g():\n    return 2\n", ""),
        ("def g():", "z = 1\n\n\ndef g():"),
        ("        return os.fspath(x)\n", "        import os\n        return os.fspath(x)\n"),
        ("@shared_task\n", ""),
    ],
)
def test_a_change_elsewhere_is_found(old: str, new: str) -> None:
    assert checks(BEFORE, BEFORE.replace(old, new), (1, 2)) == ["outside"]


def test_a_change_elsewhere_is_found_in_every_kind_of_block() -> None:
    before = dedent("""\
        try:
            a = 1
        except (A, B):
            b = 1
        else:
            c = 1
        finally:
            d = 1
        with x as y:
            e = 1
        for i in j:
            f = 1
        else:
            g = 1
        while k:
            h = 1
        async def m():
            async with n:
                o = 1
        class P(Q):
            r = 1
        match s:
            case 1:
                t = 1
            case [u, *_]:
                v = 1
        """)
    for row, line in enumerate(before.split("\n"), 1):
        if "1" in line and "=" in line:
            changed = before.replace(line, line.replace("1", "2"))
            assert checks(before, changed) == ["outside"], line
            assert checks(before, changed, (row, row)) == [] or "case" in before.split("\n")[row - 2], line
    assert checks(before, before.replace("(A, B)", "(A, C)")) == ["outside"]
    assert checks(before, before.replace("case 1", "case 2")) == ["outside"]


def test_text_that_is_no_python_is_found() -> None:
    assert checks(BEFORE, BEFORE.replace("def g():", "def g(:"), (12, 13)) == ["parse"]
    assert "compile" in checks(BEFORE, BEFORE.replace("    return 2", "    break"), (12, 13))


def test_new_syntax_is_compared_too() -> None:
    before = "try:\n    a = 1\nexcept A, B:\n    b = 1\n"
    assert checks(before, before.replace("a = 1", "a = 2"), (2, 2)) == []
    assert checks(before, before.replace("b = 1", "b = 2"), (2, 2)) == ["outside"]


def test_a_lost_comment_is_found() -> None:
    assert checks(BEFORE, BEFORE.replace("    # why\n", ""), (5, 11)) == ["comments"]
    assert checks(BEFORE, BEFORE.replace("    # why\n", "").replace("return 2", "return 2  # why"), (5, 14)) == []


def test_a_comment_behind_an_import_goes_with_it() -> None:
    before = BEFORE.replace("import os\n", "import os  # for paths\n")
    assert checks(before, before.replace("import os  # for paths\n", "")) == []
    assert checks(before, before.replace("    # why\n", "").replace("import os  # for paths\n", ""), (5, 11)) == ["comments"]


def test_same_code() -> None:
    assert same_code(b"x = [1,2]\n", b"x = [1, 2]\n")
    assert not same_code(b"x = [1, 2]\n", b"x = [1, 3]\n")
    assert not same_code(b"x = 1\n", b"x = (\n")


# ── the whole project ────────────────────────────────────────────────────────────────────────────────────────────────

States = Callable[[dict[str, str], dict[str, str]], tuple[Analysis, Analysis]]

TASK = """\
import requests
from celery import shared_task


@shared_task({options})
def fetch(url):
    return requests.get(url, timeout=5).text
"""

OURS = """\
import requests
from celery_best_practices import IOTaskConfig, run_io_task_with_best_practices


@run_io_task_with_best_practices(config=IOTaskConfig({fields}){options})
def fetch(url):
    return requests.get(url, timeout=5).text
"""


@pytest.fixture
def states(tmp_path: Path) -> States:
    def made(before: dict[str, str], after: dict[str, str]) -> tuple[Analysis, Analysis]:
        found = []
        for name, files in (("before", before), ("after", after)):
            root = tmp_path / name
            root.mkdir()
            found.append(analyse(write(root, files), Settings()))
        return found[0], found[1]

    return made


def about(analysis: Analysis, code: str) -> list[Finding]:
    return [finding for finding in analysis.findings if finding.code == code]


def proof(before: Analysis, after: Analysis, *applied: Finding) -> list[str]:
    return [failure.check for failure in check_project(before, after, applied, ["a.py"])]


def test_a_migrated_task_passes(states: States) -> None:
    before, after = states({"a.py": TASK.format(options='queue="mail"')}, {"a.py": OURS.format(fields='queue="mail"', options="")})
    assert proof(before, after, *about(before, "CRB101")) == []


def test_a_finding_that_stays_is_found(states: States) -> None:
    before, after = states({"a.py": TASK.format(options="")}, {"a.py": TASK.format(options="")})
    assert proof(before, after, *about(before, "CRB101")) == ["mended"]


def test_a_finding_that_comes_is_found(states: States) -> None:
    worse = OURS.format(fields="", options="").replace(", timeout=5", "")
    before, after = states({"a.py": TASK.format(options="")}, {"a.py": worse})
    assert proof(before, after, *about(before, "CRB101")) == ["new"]
    assert [finding.code for finding in revealed(before, after)] == ["CRB406"]


def test_a_finding_that_nothing_mended_is_found(states: States) -> None:
    source = TASK.format(options="").replace(", timeout=5", "")
    before, after = states({"a.py": source}, {"a.py": OURS.format(fields="", options="")})
    assert proof(before, after, *about(before, "CRB101")) == ["silenced"]
    assert [finding.code for finding in silenced(before, after, about(before, "CRB101"))] == ["CRB406"]


@pytest.mark.parametrize(
    ("options", "fields", "others", "differs"),
    [
        ("", "", "", None),
        ('queue="mail"', 'queue="mail"', "", None),
        ('queue="mail"', 'queue="post"', "", "queue"),
        ('queue="mail"', "", "", "queue"),
        ("queue=None", "", "", None),
        ("priority=3", "task_priority=3", "", None),
        ("priority=3", "task_priority=4", "", "priority"),
        ("autoretry_for=(OSError,), retry_backoff=True", "backoff=1", ", autoretry_for=(OSError,)", None),
        ("autoretry_for=(OSError,), retry_backoff=2", "backoff=1", ", autoretry_for=(OSError,)", "retry_backoff"),
        ('autoretry_for=(OSError,), retry_kwargs={"max_retries": 4}', "max_retries=4", ", autoretry_for=(OSError,)", None),
        ("bind=True", "", "", "bind"),
        ("acks_late=True", "", ", acks_late=True", None),
        ('name="x"', "", "", "name"),
        ('rate_limit="10/m"', "", ', rate_limit="10/m"', None),
        ('rate_limit="10/m"', "rate_limit=10", "", "rate_limit"),
        ("", "timeout=5", "", "config timeout"),
    ],
)
def test_options_are_compared_in_celerys_words(states: States, options: str, fields: str, others: str, differs: str | None) -> None:
    before, after = states({"a.py": TASK.format(options=options)}, {"a.py": OURS.format(fields=fields, options=others)})
    found = {what for _, what, _ in differences(manifest(before.project), manifest(after.project))}
    assert found == ({differs} if differs else set())


def test_signatures_and_tasks_are_compared(states: States) -> None:
    source = TASK.format(options="")
    more = source + "\n\n@shared_task\ndef more():\n    return 1\n"
    changed = source.replace("fetch(url)", "fetch(url, *, retries=3)")
    before, after = states({"a.py": more, "b.py": source, "c.py": source}, {"a.py": source, "b.py": changed, "c.py": more})
    found = {(key[0], what) for key, what, _ in differences(manifest(before.project), manifest(after.project))}
    assert found == {("a.py", "tasks"), ("b.py", "parameters"), ("c.py", "tasks")}


def test_the_application_of_a_task_is_compared(states: States) -> None:
    app = 'from celery import Celery\n\napp = Celery("a")\nother = Celery("b")\n'
    plain = f"import requests\n{app}\n\n@app.task\ndef fetch(url):\n    return requests.get(url, timeout=5).text\n"
    ours = OURS.format(fields="", options=", app=other").replace("\n\n\n@", f"\n{app}\n\n@", 1)
    before, after = states({"a.py": plain}, {"a.py": ours})
    assert {what for _, what, _ in differences(manifest(before.project), manifest(after.project))} == {"app"}


def test_failures_belong_to_the_files_that_changed() -> None:
    own, foreign = Failure("new", "a.py", "x"), Failure("new", "elsewhere.py", "y")
    assert by_file([own], ["a.py", "b.py"]) == {"a.py": [own]}
    assert by_file([foreign], ["a.py", "b.py"]) == {"a.py": [foreign], "b.py": [foreign]}
