"""Each golden case as it is, a second time, and in other clothes; and that there are enough of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from codemods.plan import Migration
from codemods.registry import all_codemods
from tests.codemods.golden import (
    CLOTHES,
    FIXTURES,
    FOR_ALL_FORMATS,
    cases,
    codes_of,
    migrated,
    project_of,
    texts_after,
    texts_before,
)

CASES = list(cases())
NAMES = [f"{case.parent.name}/{case.name}" for case in CASES]
DRESSED = [
    (case, clothes)
    for case in CASES
    for clothes in CLOTHES
    if (case / "after.py").exists() or (clothes in FOR_ALL_FORMATS and texts_after(case))
]
WANTED = {"missing_best_practice_decorator": 24}


def rewritten(case: Path, migration: Migration) -> dict[str, bytes]:
    """The files of the case as they are afterwards, where they are not as before (others may be written on the way)."""
    return {file: change.data for file, change in migration.changes.items() if file in texts_before(case)}


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_before_becomes_after_and_stays_so(case: Path, tmp_path: Path) -> None:
    root = project_of(case, tmp_path / "project")
    migration = migrated(root, case)
    assert [f"{each.check}: {each.reason}" for each in migration.failures] == []
    assert rewritten(case, migration) == texts_after(case)
    if (case / "refused.txt").exists():
        reasons = [refusal.reason for refusal in migration.refused]
        for part in (case / "refused.txt").read_text().splitlines():
            assert any(part in reason for reason in reasons), (part, reasons)
    if migration.changes:
        again = project_of(case, tmp_path / "again", {file: change.data for file, change in migration.changes.items()})
        assert migrated(again, case).changes == {}


@pytest.mark.parametrize(("case", "clothes"), DRESSED, ids=[f"{case.parent.name}/{case.name}-{clothes}" for case, clothes in DRESSED])
def test_layout_survives(case: Path, clothes: str, tmp_path: Path) -> None:
    dress, after = CLOTHES[clothes], texts_after(case)
    root = project_of(case, tmp_path / "project", {file: dress(data) for file, data in texts_before(case).items() if file in after})
    migration = migrated(root, case)
    assert migration.failures == []
    assert rewritten(case, migration) == {file: dress(data) for file, data in after.items()}


def test_every_codemod_has_enough_cases() -> None:
    count = Counter(case.parent.name for case in CASES)
    assert {folder.name for folder in FIXTURES.iterdir()} == {codemod.name for codemod in all_codemods().values()}
    for codemod in all_codemods().values():
        assert count[codemod.name] >= WANTED.get(codemod.name, 5), codemod.name


def test_cases_belong_to_codemods() -> None:
    assert all(codes_of(case) for case in CASES)
