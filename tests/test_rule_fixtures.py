"""Every rule speaks exactly where its fixtures say, and a comment on that line silences it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lint_rules.rules.registry import all_rules
from tests.rule_cases import EXPECTATION, FIXTURES, cases, expected, listed, project_from, project_of, run, texts

CASES = list(cases())


@pytest.mark.parametrize(("code", "path"), CASES, ids=[f"{code}-{path.stem}" for code, path in CASES])
def test_speaks_exactly_where_expected(code: str, path: Path, tmp_path: Path) -> None:
    root = project_of(path, tmp_path / "case")
    wanted = expected(root)
    asked = "CRB" if code == "CRB002" else code  # what is unused depends on what is looked for
    found = {(f.place.file, f.place.row, f.code, f.place.column + 1) for f in run(root, asked).findings if f.code == code}
    assert {each[:3] for each in found} == {each[:3] for each in wanted}
    assert {each for each in wanted if each[3]} <= found


SILENCEABLE = [(code, path) for code, path in CASES if not code.startswith("CRB0")]


@pytest.mark.parametrize(("code", "path"), SILENCEABLE, ids=[f"{code}-{path.stem}" for code, path in SILENCEABLE])
def test_a_comment_on_the_line_silences_it(code: str, path: Path, tmp_path: Path) -> None:
    root = project_of(path, tmp_path / "case")
    for file, text in texts(root):
        file.write_text(EXPECTATION.sub(r"# noqa: \1", text))
    findings = [f for f in run(root, code, "CRB002").findings if f.code in (code, "CRB002")]
    assert {(f.place.file, f.place.row, f.code) for f in findings} == {each[:3] for each in listed(root)}


@pytest.mark.parametrize("code", [code for code in all_rules() if code != "CRB003"])
def test_every_rule_has_fixtures_that_fire_and_fixtures_that_do_not(code: str) -> None:
    wanted = [expected(path) for folder, path in CASES if folder == code]
    assert sum(map(len, wanted)) >= 3, f"{code} needs 3 places where it fires in {FIXTURES}"
    assert any(not each for each in wanted), f"{code} needs a fixture in which it keeps quiet"


@pytest.mark.parametrize("code", [code for code, rule in all_rules().items() if rule.subject is not None])
def test_the_examples_in_the_documentation_hold(code: str, tmp_path: Path) -> None:
    rule = all_rules()[code]
    bad, good = rule.examples("Example"), rule.examples("Use instead")
    assert bad
    assert good
    for number, files in enumerate([*bad, *good]):
        root = project_from(files, tmp_path / str(number))
        fired = any(finding.code == code for finding in run(root, code).findings)
        assert fired == (number < len(bad)), f"{'Example' if number < len(bad) else 'Use instead'} of {code}:\n{files}"
