"""Inside the real flake8, each file shows what `crb check` shows for it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lint_rules.cli import main
from tests.projects import settle, write

SHOP = Path(__file__).parent.parent / "fixtures" / "shop"
FLAKE8 = str(Path(sys.executable).with_name("flake8"))

Shown = set[tuple[str, int, int, str, str]]

TASKS = """
from celery import shared_task
from shop.net import fetch


@shared_task
def ping(url):
    return fetch(url)
"""
NET = "import requests\n\n\ndef fetch(url):\n    return requests.get(url)\n"
FILES: dict[str, str | bytes] = {
    "pyproject.toml": '[tool.crb]\nignore = ["CRB101"]\n',
    "shop/__init__.py": "",
    "shop/tasks.py": TASKS,
    "shop/net.py": NET,
}


def run(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """flake8 without any configuration of its own but the arguments."""
    return subprocess.run([FLAKE8, "--isolated", *arguments], capture_output=True, text=True, cwd=cwd, check=False)


def flake8(cwd: Path, *arguments: str) -> Shown:
    """What flake8 shows, file names relative to `cwd`."""
    done = run(cwd, "--select", "CRB", *arguments)
    assert done.stderr == ""
    found: Shown = set()
    for line in done.stdout.splitlines():
        match = re.fullmatch(r"(?:\./)?(.+?):(\d+):(\d+): (CRB\d{3}) (.*)", line)
        assert match is not None, line
        found.add((match[1], int(match[2]), int(match[3]), match[4], match[5]))
    assert done.returncode == (1 if found else 0)
    return found


def check(root: Path, capsys: pytest.CaptureFixture[str], *options: str) -> Shown:
    """What `crb check` shows for the Python files, file names relative to the root; of deployment files, at the Python code concerned."""
    capsys.readouterr()
    main(["check", str(root), "--no-cache", "--output-format", "json", *options])
    shown: Shown = set()
    for row in json.loads(capsys.readouterr().out):
        file = Path(row["filename"]).relative_to(root).as_posix()
        where = f" ({file}:{row['location']['row']})"
        places = [(row, "")] if file.endswith(".py") else [(each, where) for each in row["related"] if each["filename"].endswith(".py")]
        for place, suffix in places:
            name, location = Path(place["filename"]).relative_to(root).as_posix(), place["location"]
            shown.add((name, location["row"], location["column"], row["code"], row["message"] + suffix))
    return shown


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample shop."""
    target = tmp_path_factory.mktemp("sample") / "shop"
    shutil.copytree(SHOP, target, ignore=shutil.ignore_patterns("__pycache__", ".crb_cache"))
    return target


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write(tmp_path / "project", FILES)


def test_every_file_of_the_sample_shop_shows_the_same(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = check(sample, capsys)
    assert len(expected) > 80
    assert flake8(sample, ".") == expected


def test_two_processes_show_the_same(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(sample / ".crb_cache", ignore_errors=True)
    assert flake8(sample, "-j", "2", ".") == check(sample, capsys)


def test_one_file_alone_shows_what_it_shows_in_a_full_run(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "src/shop/tasks/orders.py"
    expected = {each for each in check(sample, capsys) if each[0] == name}
    assert expected
    assert flake8(sample, name) == expected


def test_with_noqa_disabled_what_comments_silence_is_shown(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = check(sample, capsys, "--show-suppressed")
    assert expected > check(sample, capsys)
    assert flake8(sample, "--disable-noqa", ".") == expected


def test_findings_that_other_modules_cause_are_shown(shop: Path) -> None:
    assert {(file, row, column, code) for file, row, column, code, _ in flake8(shop, "shop")} == {("shop/net.py", 5, 12, "CRB406")}


def test_it_does_not_matter_from_where_it_is_started(shop: Path) -> None:
    for cwd, path in ((shop.parent, "project/shop/net.py"), (shop / "shop", "net.py"), (Path("/"), str(shop / "shop" / "net.py"))):
        found = flake8(cwd, path)
        assert [(Path(file).name, row, column, code) for file, row, column, code, _ in found] == [("net.py", 5, 12, "CRB406")]


@pytest.mark.parametrize(
    ("comment", "count"),
    [("# noqa", 0), ("# noqa: CRB406", 0), ("# noqa: E501", 1), ("# crb: ignore[CRB406]", 0), ("# noqa: CRB404", 2)],
)
def test_comments_silence_what_they_silence_in_crb(shop: Path, capsys: pytest.CaptureFixture[str], comment: str, count: int) -> None:
    write(shop, {"shop/net.py": f"import requests\n\n\ndef fetch(url):\n    return requests.get(url)  {comment}\n"})
    found = flake8(shop, "shop/net.py")
    assert len(found) == count
    assert found == {each for each in check(shop, capsys) if each[0] == "shop/net.py"}


def test_a_changed_file_shows_its_new_findings(shop: Path) -> None:
    assert len(flake8(shop, "shop")) == 1
    write(shop, {"shop/net.py": NET.replace("requests.get(url)", "requests.get(url, timeout=5)")})
    assert flake8(shop, "shop") == set()


def test_flake8_chooses_among_the_codes(shop: Path) -> None:
    assert run(shop, "--select", "CRB1", "shop").stdout == ""
    assert "CRB406" in run(shop, "--select", "CRB4", "shop").stdout
    assert "CRB406" in run(shop, "shop").stdout
    assert "CRB406" not in run(shop, "--extend-ignore", "CRB406", "shop").stdout


def test_the_profile_and_the_configuration_can_be_given(shop: Path) -> None:
    write(shop, {"pyproject.toml": "", "strict.toml": '[tool.crb]\nselect = ["CRB101"]\n'})
    assert {each[3] for each in flake8(shop, "shop")} == {"CRB101", "CRB406"}
    assert {each[3] for each in flake8(shop, "--crb-profile", "core", "shop")} == {"CRB406"}
    assert {each[3] for each in flake8(shop, "--crb-config", "strict.toml", "shop")} == {"CRB101"}


def test_files_without_celery_show_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"setup.cfg": "", "a.py": "import requests\n\n\ndef f():\n    return requests.get('x')\n"})
    assert flake8(tmp_path, "a.py") == set()


def test_a_file_flake8_cannot_parse_is_its_own_business(shop: Path) -> None:
    write(shop, {"shop/broken.py": "import celery\ndef broken(:\n"})
    done = run(shop, "shop")
    assert "Traceback" not in done.stderr
    assert "E999" in done.stdout
    assert "CRB406" in done.stdout


def test_standard_input_and_bad_settings_break_nothing(shop: Path) -> None:
    write(shop, {"pyproject.toml": "[tool.crb\n"})
    assert {each[3] for each in flake8(shop, "shop")} == {"CRB101", "CRB406"}
    done = subprocess.run(
        [FLAKE8, "--isolated", "--select", "CRB", "-"], input=TASKS, capture_output=True, text=True, cwd=shop, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_abandoned_lock_is_no_obstacle(shop: Path) -> None:
    settle(shop)
    assert len(flake8(shop, "shop")) == 1
    (stored,) = (shop / ".crb_cache").glob("run-*.json")
    lock = stored.with_suffix(".lock")
    assert not lock.exists()
    stored.unlink()
    lock.touch()
    os.utime(lock, (0, 0))
    assert len(flake8(shop, "shop")) == 1


def test_the_lock_of_a_killed_process_is_no_obstacle(shop: Path) -> None:
    settle(shop)
    assert len(flake8(shop, "shop")) == 1
    (stored,) = (shop / ".crb_cache").glob("run-*.json")
    lock = stored.with_suffix(".lock")
    stored.unlink()
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    lock.write_text(str(gone.pid))
    began = time.monotonic()
    assert len(flake8(shop, "shop")) == 1
    assert time.monotonic() - began < 60
    assert not lock.exists()
