"""Each golden case as it is, a second time, and in other clothes; and that there are enough of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from codemods.registry import all_codemods
from tests.codemods.golden import CLOTHES, FIXTURES, cases, codes_of, migrated, project_of

CASES = list(cases())
NAMES = [f"{case.parent.name}/{case.name}" for case in CASES]
REWRITING = [case for case in CASES if (case / "after.py").exists()]
WANTED = {"missing_best_practice_decorator": 24}


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_before_becomes_after_and_stays_so(case: Path, tmp_path: Path) -> None:
    root = project_of(case, tmp_path / "project")
    migration = migrated(root, case)
    assert [f"{each.check}: {each.reason}" for each in migration.failures] == []
    after = case / "after.py"
    before = (case / "before.py").read_bytes()
    result = migration.changes["before.py"].data if "before.py" in migration.changes else before
    assert result.decode() == (after.read_text() if after.exists() else before.decode())
    if (case / "refused.txt").exists():
        reasons = [refusal.reason for refusal in migration.refused]
        for part in (case / "refused.txt").read_text().splitlines():
            assert any(part in reason for reason in reasons), (part, reasons)
    if migration.changes:
        again = project_of(case, tmp_path / "again", result)
        for file, change in migration.changes.items():
            (again / file).write_bytes(change.data)
        assert migrated(again, case).changes == {}


@pytest.mark.parametrize("clothes", CLOTHES)
@pytest.mark.parametrize("case", REWRITING, ids=[f"{case.parent.name}/{case.name}" for case in REWRITING])
def test_layout_survives(case: Path, clothes: str, tmp_path: Path) -> None:
    dress = CLOTHES[clothes]
    root = project_of(case, tmp_path / "project", dress((case / "before.py").read_bytes()))
    migration = migrated(root, case)
    assert migration.failures == []
    assert migration.changes["before.py"].data == dress((case / "after.py").read_bytes())


def test_every_codemod_has_enough_cases() -> None:
    count = Counter(case.parent.name for case in CASES)
    assert {folder.name for folder in FIXTURES.iterdir()} == {codemod.name for codemod in all_codemods().values()}
    for codemod in all_codemods().values():
        assert count[codemod.name] >= WANTED.get(codemod.name, 5), codemod.name


def test_cases_belong_to_codemods() -> None:
    assert all(codes_of(case) for case in CASES)
