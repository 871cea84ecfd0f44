"""The sample shop: what fixtures/shop/EXPECTED.md intends is found, what it calls correct is not, and nothing else is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lint_rules.analysis import Analysis, analyse
from lint_rules.rules.registry import all_rules
from lint_rules.settings import read_settings

SHOP = Path(__file__).parent.parent / "fixtures" / "shop"

Place = tuple[str, str, int]


def section(title: str) -> set[Place]:
    text = (SHOP / "EXPECTED.md").read_text(encoding="utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (CRB\d{3}) \| (\S+):(\d+) \|", text, re.M)
    return {(code, file, int(row)) for code, file, row in rows if code in all_rules()}


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    settings, problems = read_settings(SHOP / "pyproject.toml", "pyproject.toml", all_rules)
    return analyse(SHOP, settings, problems)


def test_what_is_intended_is_found_and_nothing_else(analysis: Analysis) -> None:
    found = {(finding.code, finding.place.file, finding.place.row) for finding in analysis.findings}
    intended = section("Intended findings")
    assert len(intended) > 80
    assert intended - found == set()
    assert found - intended - section("May speak") == set()


def test_what_is_correct_on_purpose_stays_silent(analysis: Analysis) -> None:
    found = {(finding.code, finding.place.file, finding.place.row) for finding in analysis.findings}
    assert len(section("Correct on purpose")) > 30
    assert section("Correct on purpose") & found == set()


def test_every_task_is_found_with_its_workload(analysis: Analysis) -> None:
    labels = {task.name: analysis.project.workload(task) for task in analysis.project.tasks}
    assert len(labels) >= 88
    assert labels["shop.tasks.images.analyse_palette"] == "cpu"
    assert labels["shop.tasks.search.drop_product"] == "io"
    assert labels["shop.tasks.orders.confirm_order"] == "db"
    assert labels["shop.tasks.search.index_product"] == "mixed"
    assert labels["shop.tasks.orders.announce_order"] == "dispatch"
    assert labels["shop.tasks.orders.heartbeat"] == "unknown"
