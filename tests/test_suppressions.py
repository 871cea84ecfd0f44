"""Comments that silence findings: what is one, what it covers, and those that silence nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from lint_rules.analysis import Analysis
from lint_rules.suppressions import comments_in
from tests.projects import write
from tests.rule_cases import run

HEAD = "from celery import shared_task\nimport requests\n"


def checked(root: Path, text: str, *codes: str) -> Analysis:
    write(root, {"tasks.py": HEAD + text})
    return run(root, *(codes or ("CRB101", "CRB406", "CRB002")))


def places(analysis: Analysis) -> list[tuple[str, int]]:
    return [(finding.code, finding.place.row) for finding in analysis.findings]


@pytest.mark.parametrize(
    ("comment", "form", "codes"),
    [
        ("# noqa", "noqa", ()),
        ("#noqa", "noqa", ()),
        ("# NOQA", "noqa", ()),
        ("# noqa: CRB101", "noqa", ("CRB101",)),
        ("# noqa:CRB101,CRB406", "noqa", ("CRB101", "CRB406")),
        ("# noqa: CRB101 CRB406 - because", "noqa", ("CRB101", "CRB406")),
        ("# noqa: E501, crb101", "noqa", ("E501", "CRB101")),
        ("# why it is so  # noqa: CRB101", "noqa", ("CRB101",)),
        ("# noqa : CRB101", "noqa", ("CRB101",)),
        ("# crb: ignore", "ignore", ()),
        ("# crb: ignore[CRB101]", "ignore", ("CRB101",)),
        ("# crb:ignore[CRB101, crb4]", "ignore", ("CRB101", "CRB4")),
        ("# flake8: noqa", "file", ()),
        ("# flake8: noqa: CRB101", "file", ("CRB101",)),
    ],
)
def test_each_form_of_comment(comment: str, form: str, codes: tuple[str, ...]) -> None:
    (found,) = comments_in(f"x = 1\ny = 2  {comment}\n")
    assert (found.row, found.form, found.codes) == (2, form, codes)
    assert found.column == 7 + comment.lower().rindex("#" if form != "file" else "# flake8")


@pytest.mark.parametrize(
    "text", ["x = 1\n", "x = 'noqa'\n", "x = '# noqa: CRB101'\n", '"""\n# crb: ignore[CRB101]\n"""\n', "noqa = 1\n", "# noqa[CRB101]\n"]
)
def test_what_is_no_such_comment(text: str) -> None:
    assert comments_in(text) == ()


def test_a_comment_behind_a_string_that_holds_one_is_the_comment() -> None:
    (found,) = comments_in("x = '# noqa: CRB101'  # noqa: CRB406\n")
    assert found.codes == ("CRB406",)


DECORATED = """@shared_task(
    bind=True,
)
def f(
    self,
):
    requests.get("x")
"""


@pytest.mark.parametrize(("row", "silenced"), [(1, True), (2, True), (3, True), (4, True), (6, True), (7, False)])
def test_a_comment_counts_on_the_rows_of_the_header(tmp_path: Path, row: int, silenced: bool) -> None:
    lines = DECORATED.split("\n")
    lines[row - 1] += "  # noqa: CRB101"
    found = checked(tmp_path, "\n".join(lines))
    assert (("CRB101", 3) in places(found)) != silenced
    assert [finding.code for finding in found.suppressed] == (["CRB101"] if silenced else [])


@pytest.mark.parametrize(("row", "silenced"), [(1, True), (2, True), (3, True), (4, False)])
def test_a_comment_counts_on_all_rows_of_a_call(tmp_path: Path, row: int, silenced: bool) -> None:
    lines = ["    requests.get(", "        url,", "    )", "    return 1"]
    lines[row - 1] += "  # crb: ignore[CRB406]"
    found = checked(tmp_path, "@shared_task\ndef f(url):\n" + "\n".join(lines) + "\n", "CRB406")
    assert bool(found.findings) != silenced


@pytest.mark.parametrize(
    ("comment", "left"),
    [
        ("# noqa", []),
        ("# noqa: CRB4", []),
        ("# noqa: CRB", []),
        ("# noqa: E501", ["CRB406"]),
        ("# noqa: CRB101", ["CRB406"]),
        ("# crb: ignore", []),
        ("# crb: ignore[CRB101]", ["CRB406"]),
    ],
)
def test_codes_and_prefixes_decide_what_is_silenced(tmp_path: Path, comment: str, left: list[str]) -> None:
    found = checked(tmp_path, f"@shared_task\ndef f():\n    requests.get('x')  {comment}\n", "CRB406")
    assert [finding.code for finding in found.findings] == left


@pytest.mark.parametrize(
    ("comment", "left"), [("# flake8: noqa", []), ("# flake8: noqa: CRB406", ["CRB101"]), ("# noqa", ["CRB101", "CRB406"])]
)
def test_a_whole_file_is_silenced_from_any_row(tmp_path: Path, comment: str, left: list[str]) -> None:
    found = checked(tmp_path, f"@shared_task\ndef f():\n    requests.get('x')\n\n{comment}\n", "CRB101", "CRB406")
    assert [finding.code for finding in found.findings] == left


def test_a_comment_in_the_middle_of_new_syntax_counts(tmp_path: Path) -> None:
    found = checked(tmp_path, '@shared_task\ndef f[T](x: T):\n    requests.get(f"{x[\'a\']}{x["b"]}")  # noqa: CRB406\n', "CRB406")
    assert (found.findings, len(found.suppressed)) == ([], 1)


# ── comments that silence nothing ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("# noqa: CRB404", ["CRB404 is suppressed here"]),
        ("# noqa: CRB406", []),
        ("# noqa: CRB404, CRB406", ["CRB404 is suppressed here"]),
        ("# noqa: CRB4", []),
        ("# noqa: E501", []),
        ("# noqa", []),
        ("# noqa: CRB502", []),
        ("# crb: ignore", []),
        ("# crb: ignore[CRB404]", ["CRB404 is suppressed here"]),
    ],
)
def test_codes_that_silence_nothing_are_reported_where_they_stand(tmp_path: Path, comment: str, said: list[str]) -> None:
    found = checked(tmp_path, f"@shared_task\ndef f():\n    requests.get('x')  {comment}\n", "CRB4", "CRB002")
    unused = [finding for finding in found.findings if finding.code == "CRB002"]
    assert [finding.message.partition(",")[0] for finding in unused] == said
    assert [(finding.place.row, finding.place.column) for finding in unused] == [(5, 23)] * len(said)


def test_a_comment_that_silences_nothing_at_all_is_reported_only_in_our_own_form(tmp_path: Path) -> None:
    found = checked(tmp_path, "x = 1  # crb: ignore\ny = 2  # noqa\n")
    assert places(found) == [("CRB002", 3)]


def test_codes_that_are_not_enabled_are_not_judged(tmp_path: Path) -> None:
    assert places(checked(tmp_path, "x = 1  # noqa: CRB404\n", "CRB101", "CRB002")) == []
    assert places(checked(tmp_path, "x = 1  # noqa: CRB404\n", "CRB404", "CRB002")) == [("CRB002", 3)]


def test_an_ignored_file_keeps_quiet_also_about_what_is_suppressed_there(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": '[tool.crb.per-file-ignores]\n"tasks.py" = ["CRB406"]\n'})
    found = checked(tmp_path, "@shared_task\ndef f():\n    requests.get('x')  # noqa: CRB406\n    requests.get('y')\n", "CRB406")
    assert (found.findings, found.suppressed) == ([], [])


def test_a_comment_on_another_decorator_of_the_header_counts(tmp_path: Path) -> None:
    found = checked(tmp_path, "@log  # noqa: CRB101\n@shared_task\ndef f(): pass\n")
    assert ("CRB101", 4) not in places(found)
    assert [finding.place.row for finding in found.suppressed] == [4]
