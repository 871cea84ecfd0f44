"""The command line: exit codes, formats, what PATH means, and one clear line for everything that is wrong."""

from __future__ import annotations

import ast
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lint_rules import VERSION
from lint_rules.cli import main
from lint_rules.facts.model import FACTS_VERSION
from lint_rules.rules.registry import HEADINGS, all_rules
from tests.projects import write

CRB = str(Path(sys.executable).with_name("crb"))

TASKS = """
from celery import shared_task
from shop.net import fetch


@shared_task
def ping(url):
    return fetch(url)
"""
NET = "import requests\n\n\ndef fetch(url):\n    return requests.get(url)\n"
CLEAN = "def f():\n    return 1\n"

Result = tuple[int, str, str]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one task and one finding (CRB406 in shop/net.py), as the working directory."""
    write(
        tmp_path,
        {"pyproject.toml": '[tool.crb]\nignore = ["CRB101"]\n', "shop/__init__.py": "", "shop/tasks.py": TASKS, "shop/net.py": NET},
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def crb(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs a command in this process: exit code, output, errors."""

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        try:
            code = main(list(arguments))
        except SystemExit as left:  # argparse
            code = left.code if isinstance(left.code, int) else 1
        out, err = capsys.readouterr()
        return code, out, err

    return run


def rows(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result[1])
    return found


# ── exit codes ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_findings_give_1_and_none_give_0(shop: Path, crb: Callable[..., Result]) -> None:
    assert crb("check")[0] == 1
    assert crb("check", "--ignore", "CRB")[0] == 0
    assert crb("check", "--exit-zero")[0] == 0
    write(shop, {"shop/net.py": NET.replace("(url)\n", "(url, timeout=5)\n")})
    code, out, _ = crb("check")
    assert (code, out) == (0, "No findings in 1 task.\n")


def test_a_file_that_cannot_be_read_gives_2_and_the_rest_is_done(shop: Path, crb: Callable[..., Result]) -> None:
    write(shop, {"shop/broken.py": "from celery import shared_task\n@shared_task\ndef broken(:\n    pass\n"})
    code, out, _ = crb("check", "--output-format", "concise")
    assert code == 2
    assert "shop/broken.py:3:12: CRB001" in out
    assert "shop/net.py:5:12: CRB406" in out
    assert crb("check", "shop/net.py")[0] == 1
    assert crb("check", "--exit-zero")[0] == 2


def test_a_wrong_configuration_gives_2_and_the_rest_is_done(shop: Path, crb: Callable[..., Result]) -> None:
    write(shop, {"pyproject.toml": '[tool.crb]\nignor = ["CRB101"]\n'})
    code, out, _ = crb("check", "shop/net.py", "--output-format", "concise")
    assert code == 2
    assert out.splitlines()[0].startswith("pyproject.toml:2:1: CRB003 ")
    assert "shop/net.py:5:12: CRB406" in out


def test_the_command_itself_exits_with_those_codes(shop: Path) -> None:
    def code(*arguments: str) -> int:
        return subprocess.run([CRB, *arguments], capture_output=True, cwd=shop, check=False).returncode

    assert [code("check"), code("check", "--ignore", "CRB"), code("check", "absent"), code("rules"), code("bogus"), code()] == [
        1,
        0,
        2,
        0,
        2,
        2,
    ]
    module = subprocess.run([sys.executable, "-m", "lint_rules", "shop"], capture_output=True, cwd=shop, check=False)
    assert (module.returncode, b"CRB406" in module.stdout) == (1, True)


def test_the_version_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    assert subprocess.run([CRB, "--version"], check=False).returncode == 0
    assert capfd.readouterr().out == f"crb {VERSION}\n"


# ── formats ──────────────────────────────────────────────────────────────────────────────────────────────────────────

FIELDS = ["code", "name", "severity", "message", "filename", "location", "end_location", "task", "related", "fix", "url"]


def test_json_rows_have_exactly_the_documented_fields(shop: Path, crb: Callable[..., Result]) -> None:
    (row,) = rows(crb("check", "--output-format", "json"))
    assert list(row) == FIELDS
    assert (row["code"], row["name"], row["severity"]) == ("CRB406", "network-call-without-timeout", str(all_rules()["CRB406"].severity))
    assert (row["filename"], row["location"], row["end_location"]) == (
        "shop/net.py",
        {"row": 5, "column": 12},
        {"row": 5, "column": 29},
    )
    assert row["task"] == "shop.tasks.ping"
    assert row["url"].endswith("/CRB406.html")
    assert row["fix"] in (None, "safe", "unsafe")
    assert {"filename": "shop/tasks.py", "location": {"row": 8, "column": 1}, "message": "calls fetch"} in row["related"]
    assert all(list(each) == ["filename", "location", "message"] for each in row["related"])


def test_columns_in_json_are_code_points_from_1(shop: Path, crb: Callable[..., Result]) -> None:
    write(shop, {"shop/net.py": "import requests\ndef fetch(url): é = 'ü€😀'; return requests.get(url)\n"})
    (row,) = rows(crb("check", "--output-format", "json"))
    assert (row["location"], row["end_location"]) == ({"row": 2, "column": 35}, {"row": 2, "column": 52})


def test_jsonl_is_the_same_rows_a_line_each(shop: Path, crb: Callable[..., Result]) -> None:
    write(
        shop,
        {"shop/more.py": TASKS.replace("fetch(url)", "fetch(url).get()") + "import requests\n@shared_task\ndef g(): requests.get('x')\n"},
    )
    as_list = rows(crb("check", "--output-format", "json"))
    lines = crb("check", "--output-format", "jsonl")[1].splitlines()
    assert len(as_list) > 1
    assert [json.loads(line) for line in lines] == as_list


def test_json_without_findings_is_an_empty_list(shop: Path, crb: Callable[..., Result]) -> None:
    assert crb("check", "--ignore", "CRB", "--output-format", "json")[1] == "[]\n"


def test_concise_is_one_line_a_finding(shop: Path, crb: Callable[..., Result]) -> None:
    _, out, _ = crb("check", "--output-format", "concise", "-q")
    (line,) = out.splitlines()
    assert line.startswith("shop/net.py:5:12: CRB406 ")


def test_full_shows_the_line_its_extent_and_the_evidence(shop: Path, crb: Callable[..., Result]) -> None:
    lines = crb("check")[1].splitlines()
    assert lines[0].startswith("CRB406 network-call-without-timeout (")
    assert "  --> shop/net.py:5:12" in lines
    shown = next(number for number, line in enumerate(lines) if line.endswith("return requests.get(url)"))
    marked = lines[shown + 1]
    assert lines[shown][marked.index("^") : marked.rindex("^") + 1] == "requests.get(url)"
    assert "   = shop/tasks.py:8: calls fetch" in lines
    assert lines[-1].startswith("Found 1 finding")


def test_a_form_feed_does_not_shift_the_line_shown(shop: Path, crb: Callable[..., Result]) -> None:
    write(shop, {"shop/net.py": "x = 1\x0c\ny = '\u2028'\n" + NET})
    lines = crb("check")[1].splitlines()
    assert any(line.endswith("|     return requests.get(url)") and line.split()[0] == "7" for line in lines)


def test_what_is_selected_by_name_is_reported_whatever_the_project_ignores(shop: Path, crb: Callable[..., Result]) -> None:
    write(shop, {"pyproject.toml": '[tool.crb]\nignore = ["CRB101"]\n'})
    assert {row["code"] for row in rows(crb("check", "--output-format", "json"))} == {"CRB406"}
    assert {row["code"] for row in rows(crb("check", "--select", "CRB101", "--output-format", "json"))} == {"CRB101"}
    assert rows(crb("check", "--select", "CRB101", "--ignore", "CRB101", "--output-format", "json")) == []


def test_statistics_count_each_rule(shop: Path, crb: Callable[..., Result]) -> None:
    write(shop, {"shop/net.py": NET + "    requests.post(url)\n"})
    lines = crb("check", "--statistics", "-q")[1].splitlines()
    assert [line.split() for line in lines] == [["2", "CRB406", "network-call-without-timeout"]]


def test_suppressed_findings_are_counted_and_shown_on_request(shop: Path, crb: Callable[..., Result]) -> None:
    write(shop, {"shop/net.py": "import requests\n\n\ndef fetch(url):\n    return requests.get(url)  # noqa: CRB406\n"})
    code, out, _ = crb("check")
    assert (code, out) == (0, "No findings in 1 task, 1 suppressed.\n")
    code, out, _ = crb("check", "--show-suppressed", "--output-format", "concise", "-q")
    assert (code, out.count("CRB406")) == (1, 1)


def test_the_output_file_gets_what_would_be_printed(shop: Path, crb: Callable[..., Result]) -> None:
    printed = crb("check", "--output-format", "json")[1]
    code, out, _ = crb("check", "--output-format", "json", "--output-file", "report.json")
    assert (code, out) == (1, "")
    assert (shop / "report.json").read_text() == printed


def test_an_output_file_that_cannot_be_written_is_one_line(shop: Path, crb: Callable[..., Result]) -> None:
    code, _, err = crb("check", "--output-file", "absent/report.txt")
    assert code == 2
    assert err == "crb: --output-file absent/report.txt cannot be written: No such file or directory\n"


def test_colour_needs_a_terminal_and_no_no_color(shop: Path, crb: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def printed() -> str:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        main(["check", "--output-format", "concise"])
        monkeypatch.undo()
        monkeypatch.chdir(shop)
        return terminal.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in printed()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in printed()
    assert "\x1b[" not in crb("check")[1]


def test_names_the_terminal_cannot_show_are_escaped(shop: Path) -> None:
    name = b"shop/\xff\xc3\xa9.py"
    (Path(os.fsdecode(os.fsencode(str(shop)) + b"/" + name))).write_text(
        "from celery import shared_task\nimport requests\n@shared_task\ndef é(): requests.get('x')\n"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run([CRB, "check", "--output-format", "concise"], capture_output=True, cwd=shop, env=environment, check=False)
    assert b"Traceback" not in done.stderr
    assert done.returncode == 1
    assert b".py:4:10: CRB406" in done.stdout
    assert (
        subprocess.run([CRB, "check", "--output-file", "x.txt"], capture_output=True, cwd=shop, env=environment, check=False).stderr == b""
    )


def test_a_reader_that_goes_away_is_no_error_to_speak_of(shop: Path) -> None:
    process = subprocess.Popen([CRB, "rules", "--output-format", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=shop)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.wait()


# ── what PATH means ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_file_shows_the_same_as_a_full_run(shop: Path, crb: Callable[..., Result]) -> None:
    write(shop, {"other/tasks.py": "from celery import shared_task\nimport requests\n@shared_task\ndef g(): requests.get('x')\n"})
    whole = rows(crb("check", "--output-format", "json"))
    assert {row["filename"] for row in whole} == {"shop/net.py", "other/tasks.py"}
    for path in ("shop/net.py", "other/tasks.py", "shop", "shop/tasks.py"):
        expected = [row for row in whole if row["filename"] == path or row["filename"].startswith(path + "/")]
        assert rows(crb("check", path, "--output-format", "json")) == expected
    both = rows(crb("check", "shop", "other/tasks.py", "shop/net.py", "--output-format", "json"))
    assert sorted(both, key=str) == sorted(whole, key=str)


def test_a_path_that_only_begins_like_another_is_not_below_it(shop: Path, crb: Callable[..., Result]) -> None:
    (shop / "sho").mkdir()
    assert rows(crb("check", "sho", "--output-format", "json")) == []


def test_file_names_are_shown_as_they_were_given(shop: Path, crb: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    def names(*paths: str) -> list[str]:
        return [row["filename"] for row in rows(crb("check", *paths, "--output-format", "json"))]

    assert names(str(shop)) == [str(shop / "shop" / "net.py")]
    monkeypatch.chdir(shop / "shop")
    assert names() == ["net.py"]
    assert names("net.py") == ["net.py"]
    monkeypatch.chdir(shop.parent)
    assert names(shop.name) == [f"{shop.name}/shop/net.py"]


def test_several_projects_are_each_read_with_their_own_settings(
    tmp_path: Path, crb: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "from celery import shared_task\nimport requests\n@shared_task\ndef f(): requests.get('x')\n"
    write(tmp_path, {"a/pyproject.toml": '[tool.crb]\nselect = ["CRB406"]\n', "a/tasks.py": text})
    write(tmp_path, {"b/setup.cfg": "", "b/tasks.py": text, "b/pyproject.toml": '[tool.crb]\nselect = ["CRB101"]\n'})
    monkeypatch.chdir(tmp_path)
    found = [(row["filename"], row["code"]) for row in rows(crb("check", "a", "b/tasks.py", "--output-format", "json"))]
    assert found == [("a/tasks.py", "CRB406"), ("b/tasks.py", "CRB101")]


def test_a_missing_path_is_one_line_and_the_others_are_done(shop: Path, crb: Callable[..., Result]) -> None:
    code, out, err = crb("check", "absent.py", "shop", "--output-format", "concise")
    assert (code, err) == (2, "crb: absent.py: no such file or directory\n")
    assert "CRB406" in out


def test_standard_input_stands_for_a_file_of_the_project(shop: Path, crb: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    def found(text: str, name: str) -> list[str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        return [
            f"{row['filename']}:{row['location']['row']}"
            for row in rows(crb("check", "-", "--stdin-filename", name, "--output-format", "json"))
        ]

    assert found("import requests\ndef fetch(url): return requests.get(url)\n", "shop/net.py") == ["shop/net.py:2"]
    assert found("def fetch(url): return url\n", "shop/net.py") == []
    assert found("from celery import shared_task\nimport requests\n@shared_task\ndef f(): requests.get('x')\n", "shop/new.py") == [
        "shop/new.py:4"
    ]
    assert [row["location"]["row"] for row in rows(crb("check", "--output-format", "json"))] == [5]
    code, _, err = crb("check", "-")
    assert code == 2
    assert "--stdin-filename" in err


# ── choosing rules ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "codes"),
    [
        ([], {"CRB406"}),
        (["--ignore", ""], {"CRB101", "CRB406"}),
        (["--ignore", "crb4"], {"CRB101"}),
        (["--extend-ignore", "CRB406"], set()),
        (["--select", "CRB1"], {"CRB101"}),
        (["--select", "CRB1", "--ignore", "CRB4"], {"CRB101"}),
        (["--extend-select", "CRB113"], {"CRB113", "CRB406"}),
        (["--select", "CRB113,CRB406"], {"CRB113", "CRB406"}),
        (["--select", "CRB11"], set()),
        (["--profile", "core", "--ignore", ""], {"CRB406"}),
    ],
)
def test_options_choose_the_rules(shop: Path, crb: Callable[..., Result], options: list[str], codes: set[str]) -> None:
    assert {row["code"] for row in rows(crb("check", *options, "--output-format", "json"))} == codes


@pytest.mark.parametrize("option", ["--select", "--ignore", "--extend-select", "--extend-ignore"])
def test_an_unknown_code_is_refused_in_one_line(shop: Path, crb: Callable[..., Result], option: str) -> None:
    code, out, err = crb("check", option, "CRB406,CRB999")
    assert (code, out) == (2, "")
    assert err.startswith("crb: CRB999 is no rule")
    assert err.count("\n") == 1


def test_another_configuration_file_counts_instead(shop: Path, crb: Callable[..., Result]) -> None:
    write(shop, {"strict.toml": '[tool.crb]\nselect = ["CRB101"]\n'})
    assert [row["code"] for row in rows(crb("check", "--config", "strict.toml", "--output-format", "json"))] == ["CRB101"]
    code, _, err = crb("check", "--config", "absent.toml")
    assert (code, err) == (2, "crb: --config absent.toml: there is no such file\n")


# ── other commands ───────────────────────────────────────────────────────────────────────────────────────────────────

TASK_FIELDS = ["name", "module", "function", "filename", "row", "declaration", "async", "options", "queue", "priority", "declared"]
TASK_FIELDS += ["workload", "evidence"]


def test_tasks_rows_have_exactly_the_documented_fields(shop: Path, crb: Callable[..., Result]) -> None:
    result = crb("tasks", "--output-format", "json")
    (row,) = rows(result)
    assert result[0] == 0
    assert list(row) == TASK_FIELDS
    assert (row["name"], row["module"], row["function"], row["filename"], row["row"]) == (
        "shop.tasks.ping",
        "shop.tasks",
        "ping",
        "shop/tasks.py",
        7,
    )
    assert row["evidence"] == [
        {"effect": "network", "call": "requests.get", "filename": "shop/net.py", "row": 5, "chain": ["fetch (shop/tasks.py:8)"]}
    ]


def test_tasks_lists_the_tasks_below_the_paths(shop: Path, crb: Callable[..., Result]) -> None:
    assert "shop.tasks.ping" in crb("tasks", "shop/tasks.py")[1]
    assert crb("tasks", "shop/net.py")[:2] == (0, "No tasks found.\n")
    code, _, err = crb("tasks", "absent")
    assert (code, err) == (2, "crb: absent: no such file or directory\n")


def test_tasks_says_which_files_it_could_not_read(shop: Path, crb: Callable[..., Result]) -> None:
    write(shop, {"shop/broken.py": "import celery\ndef (:\n"})
    code, out, err = crb("tasks")
    assert code == 2
    assert "shop.tasks.ping" in out
    assert err.startswith("crb: shop/broken.py: syntax error")


@pytest.mark.parametrize("asked", ["CRB406", "crb406", "network-call-without-timeout"])
def test_a_rule_is_explained_by_code_or_name(crb: Callable[..., Result], asked: str) -> None:
    code, out, _ = crb("rule", asked)
    assert code == 0
    assert out.startswith("CRB406 network-call-without-timeout (")
    assert [heading for heading in HEADINGS if heading not in out] == []
    (row,) = rows((code, f"[{crb('rule', asked, '--output-format', 'json')[1]}]", ""))
    assert list(row["documentation"]) == list(HEADINGS)


@pytest.mark.parametrize(("asked", "hint"), [("CRB4066", "did you mean CRB406?"), ("zzz", "`crb rules` lists them")])
def test_an_unknown_rule_is_refused_with_the_nearest(crb: Callable[..., Result], asked: str, hint: str) -> None:
    assert crb("rule", asked) == (2, "", f"crb: there is no rule {asked}; {hint}\n")


def test_all_rules_are_listed(crb: Callable[..., Result]) -> None:
    assert [line.split()[0] for line in crb("rules")[1].splitlines()] == list(all_rules())
    assert [row["code"] for row in rows(crb("rules", "--output-format", "json"))] == list(all_rules())


def test_the_settings_in_effect_are_shown(shop: Path, crb: Callable[..., Result]) -> None:
    code, out, err = crb("config", "shop/tasks.py")
    assert (code, err) == (0, "")
    assert f"root: {shop}" in out
    assert 'ignore = ["CRB101"]' in out
    shown = json.loads(crb("config", "--output-format", "json")[1])
    assert shown["settings"]["ignore"] == ["CRB101"]
    assert "CRB406" in shown["rules"]
    assert "CRB101" not in shown["rules"]
    write(shop, {"pyproject.toml": "[tool.crb]\nprofil = 'core'\n"})
    code, _, err = crb("config")
    assert code == 2
    assert "did you mean 'profile'" in err


def test_the_cache_is_removed_and_nothing_else(shop: Path, crb: Callable[..., Result]) -> None:
    assert "nothing to remove" in crb("clean")[1]
    crb("check")
    assert (shop / ".crb_cache").is_dir()
    code, out, _ = crb("clean")
    assert (code, out) == (0, f"{shop / '.crb_cache'}: removed\n")
    assert not (shop / ".crb_cache").exists()
    code, _, err = crb("clean", "--cache-dir", "shop")
    assert code == 2
    assert "CACHEDIR.TAG" in err
    assert (shop / "shop" / "tasks.py").exists()


# ── bad input ────────────────────────────────────────────────────────────────────────────────────────────────────────

TERMS = " + ".join(["f(1)"] * 5_000)


def python_gives_up(text: str) -> bool:
    """Whether this Python cannot parse so deep, whatever its recursion limit (3.12 cannot)."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        ast.parse(text)
    except RecursionError:
        return True
    finally:
        sys.setrecursionlimit(limit)
    return False


TOO_DEEP = python_gives_up(TERMS)

HOSTILE: dict[str, tuple[dict[str, str | bytes], int, str]] = {
    "binary": ({"x.py": b"\x7fELF celery\0\0\xff"}, 2, "x.py:1:1: CRB001"),
    "wrong encoding": ({"x.py": b"import celery\nx = '\xff'\n"}, 2, "x.py:2:1: CRB001"),
    "odd cookie": ({"x.py": b"# coding: rot13\nimport celery\n"}, 2, "x.py:1:1: CRB001"),
    "10 MB on one line": ({"x.py": b"celery = [" + b"1, " * 3_500_000 + b"]\n"}, 2, "x.py:1:1: CRB001"),
    "5000 terms": ({"x.py": f"import celery\nx = {TERMS}\n"}, *((2, "x.py:1:1: CRB001") if TOO_DEEP else (1, ""))),
    "deep brackets": ({"x.py": "import celery\nx = " + "(" * 50_000}, 2, "x.py:2:"),
    "syntax error": ({"x.py": "import celery\nx = = 1\n"}, 2, "x.py:2:5: CRB001"),
    "empty": ({"x.py": ""}, 1, ""),
    "only a comment": ({"x.py": "# celery"}, 1, ""),
    "broken cache": ({".crb_cache/CACHEDIR.TAG": "x", f".crb_cache/facts-{FACTS_VERSION}": "a file", ".crb_cache/run-x.json": "{"}, 1, ""),
    "cache is a file": ({".crb_cache": "x"}, 1, ""),
    "no TOML": ({"pyproject.toml": "[tool.crb\n"}, 2, "pyproject.toml:1:1: CRB003"),
    "binary settings": ({"pyproject.toml": b"\xff\xfe[tool.crb]"}, 2, "pyproject.toml:1:1: CRB003"),
    "gitignore that is none": ({".gitignore": b"!\n[z-a]\n\\\n\xff\xfe\n"}, 1, ""),
    "patterns that are none": (
        {"pyproject.toml": '[tool.crb]\nexclude = ["!"]\nper-file-ignores = { "[z-a]" = ["CRB1"] }\n'},
        2,
        "pyproject.toml:2:1: CRB003",
    ),
    "names that are none": (
        {
            "pyproject.toml": '[tool.crb]\nsrc = ["/", "..", ""]\ntask-decorators = ["", "*", "["]\n'
            'workload = {"" = "cpu"}\nignore = ["CRB1"]\n'
        },
        1,
        "",
    ),
    "a directory named like a file": ({"x.py/celery.txt": "x"}, 1, ""),
    "a requirements file of noise": (
        {"requirements.txt": b"celery==\xff\xfe\ncelery>=x.y\n", "poetry.lock": "[[package", "Pipfile.lock": "[1"},
        1,
        "",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_bad_input_gets_a_clear_line_and_the_rest_is_done(case: str, shop: Path, crb: Callable[..., Result]) -> None:
    files, expected, line = HOSTILE[case]
    write(shop, files)
    for attempt in ("first", "from the cache"):
        code, out, err = crb("check", "--output-format", "concise")
        assert code == expected, attempt
        assert "shop/net.py:5:12: CRB406" in out
        assert err == ""
        assert [each for each in out.splitlines() if line and each.startswith(line)] or not line
    assert crb("tasks")[1].count("shop.tasks.ping") == 1


def test_links_that_lead_nowhere_or_in_circles_get_a_clear_line(shop: Path, crb: Callable[..., Result]) -> None:
    (shop / "loop.py").symlink_to("loop.py")
    (shop / "shop" / "again").symlink_to(shop)
    (shop / "nowhere.py").symlink_to("absent.py")
    code, out, _ = crb("check", "--output-format", "concise")
    assert code == 2
    assert [line for line in out.splitlines() if "CRB001" in line] == [
        "loop.py:1:1: CRB001 loop.py cannot be read: Too many levels of symbolic links",
        "nowhere.py:1:1: CRB001 nowhere.py cannot be read: the link leads nowhere, or to itself",
    ]
    assert "shop/net.py:5:12: CRB406" in out


def test_no_rule_is_confused_by_odd_but_valid_code(shop: Path, crb: Callable[..., Result]) -> None:
    write(
        shop,
        {
            "odd.py": """
            from celery import Celery, shared_task, Task, chain, group
            app = Celery(*a, **k)
            app.conf.update(*a, **k)
            app.conf[x] = app.conf.y.z = 1
            app.config_from_object()
            @shared_task(*a, **k)
            def a(*, self=1, **kw): return (yield)
            @shared_task(None, name=None, bind=..., base=(), queue={}, rate_limit=-1, time_limit="x", autoretry_for=None, options=[])
            def b(): pass
            @app.task(name=b"x", bind=b())(1)
            async def c(x, /): [await y async for y in z]
            @app.task()()()
            def d(): return d.delay().get().get(d)(d)[d]
            @shared_task
            class E(Task, metaclass=F()): run = lambda self: self.run()
            app.register_task(E)
            app.register_task(E(E())); app.register_task(); app.task(lambda: 1); app.task(app.task)(app)
            app.tasks.register(app.tasks[E.name])
            chain()(), group([])() | chain(a.s() | b.s() | ...)
            with app, app.x() as (y, *z): shared_task = shared_task(shared_task)
            def f(f=lambda f: f(f)): return f(f)
            f(f)
            class G(G): g = G().g; __getattr__ = __getattr__
            """
        },
    )
    code, out, err = crb("check", "--select", "CRB", "--output-format", "concise")
    assert (code, err) == (1, "")
    assert "CRB406" in out
