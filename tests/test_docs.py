"""What the documentation takes from the code is up to date, and every rule says all it has to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.generate import ROOT, main, pages
from lint_rules.rules.registry import HEADINGS, all_rules


def test_generated_pages_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out + "run `python -m docs.generate`"


def test_a_changed_page_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    page, text = next(iter(pages()))
    monkeypatch.setattr("docs.generate.pages", lambda: iter([(page, text + "x")]))
    assert main(["--check"]) == 1


@pytest.mark.parametrize("code", all_rules())
def test_every_rule_fills_all_headings(code: str) -> None:
    rule = all_rules()[code]
    assert [heading for heading in HEADINGS if not rule.section(heading)] == []
    assert re.fullmatch(r"CRB\d{3}", code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.name)


def test_rule_files_are_called_like_their_rules() -> None:
    for rule in all_rules().values():
        assert rule.check.__module__.rpartition(".")[2] == rule.name.replace("-", "_")


def test_the_changelog_names_every_rule() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    ranges = [(int(a), int(b)) for a, b in re.findall(r"CRB(\d{3})(?: to CRB(\d{3}))?", text) if b] + [
        (int(a), int(a)) for a in re.findall(r"CRB(\d{3})", text)
    ]
    missing = [code for code in all_rules() if not any(low <= int(code[3:]) <= high for low, high in ranges)]
    assert missing == []


def test_no_machine_paths_in_the_project() -> None:
    for path in Path(ROOT).rglob("*.md"):
        if ".venv" not in path.parts:
            assert not re.search(r"(?<![\w.])/(home|root|work)/", path.read_text(encoding="utf-8")), path
