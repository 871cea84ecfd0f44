"""The benchmark measures every peer and says what was asked and reached."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

COMMANDS = {
    *("crb check, cold", "crb check, warm", "ruff check, cold", "ruff check, warm"),
    *("flake8 without the plugin", "flake8 with it, first run", "flake8 with it, next run"),
    *("python -c pass", "crb --version"),
}


def test_one_round_on_the_shop(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks.lint", "--corpus", str(ROOT / "fixtures" / "shop"), "--rounds", "1", "--json", str(file)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (0, "")

    figures = json.loads(file.read_text())
    commands = {each["name"]: each for each in figures["commands"]}
    assert set(commands) == COMMANDS, figures["notes"]
    for each in commands.values():
        assert 0 < each["wall"]["min"] <= each["wall"]["median"] <= each["wall"]["max"]
        assert each["peak_of_largest_process"] > 1
    asked = {each["name"]: each for each in figures["asked"]}
    ratio = commands["crb check, cold"]["wall"]["median"] / commands["ruff check, cold"]["wall"]["median"]
    assert asked["crb check, cold / ruff check, cold"]["reached"] == ratio
    assert all(each["met"] == (each["reached"] <= each["asked"]) for each in asked.values())
    assert all(name in run.stdout for name in (*commands, *asked))


def test_copies_import_from_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))  # benchmarks are not installed
    from benchmarks.trees import multiply

    (tmp_path / "shop" / "mail").mkdir(parents=True)
    (tmp_path / "shop" / "mail" / "tasks.py").write_text(
        "import shop.orders as orders\nfrom shop import mail\nfrom shopping import bag\nname = 'shop.mail.send'\nshop.orders\n"
    )
    (tmp_path / "worker.py").write_text("from shop.mail.tasks import send\nimport worker\n")
    target = tmp_path / "copies"

    assert multiply(tmp_path, ["shop/mail/tasks.py", "worker.py"], 2, target) == 4

    assert (target / "shop_copy2" / "mail" / "tasks.py").read_text() == (
        "import shop_copy2.orders as orders\nfrom shop_copy2 import mail\nfrom shopping import bag\n"
        "name = 'shop_copy2.mail.send'\nshop.orders\n"
    )
    assert (target / "worker_copy1.py").read_text() == "from shop_copy1.mail.tasks import send\nimport worker_copy1\n"
