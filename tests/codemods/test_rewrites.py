"""Every codemod over the fixtures and the documentation of its rule, and the tools that codemods share."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import libcst as cst
import msgspec
import pytest

from codemods.arguments import Space, appended, argument, is_spread, items_of, laid_out
from codemods.change import Refused
from codemods.plan import Migration, Options, Planner
from codemods.registry import all_codemods
from codemods.rewrites.unused_suppression import without
from lint_rules.findings import Finding
from lint_rules.rules.registry import all_rules
from lint_rules.settings import read_settings
from tests.rule_cases import cases, project_from, project_of

CODES = list(all_codemods())
CASES = [(code, path) for code, path in cases() if code in CODES]

NOT_MENDED = {
    "CRB401": "the answer of a request cannot be handed on in a message",
    "CRB112": "the example is a method, which has to become a function",
    "CRB115": "the example has no settings in which the task could be routed",
    "CRB203": "the limit in the declaration belongs to the task, whatever its workers make of it",
    "CRB213": "there is no setting that worker_autoscale could be meant for",
}
"""Rules with a codemod that cannot mend their own example, and why."""


def migrated(root: Path, code: str) -> Migration:
    """What one codemod makes of a project when everything is allowed."""
    settings, problems = read_settings(root / "pyproject.toml", "pyproject.toml", all_rules)
    settings = msgspec.structs.replace(settings, extend_select=(*settings.extend_select, code))
    return Planner(str(root), settings, problems, Options((code,), unsafe=True, jobs=1), lambda file: True).migration()


def known(finding: Finding) -> tuple[str, str]:
    """What stays of a finding while rows move."""
    return finding.place.file, finding.task or finding.message


@pytest.mark.parametrize(("code", "path"), CASES, ids=[f"{code}-{path.stem}" for code, path in CASES])
def test_each_finding_of_the_fixtures_is_mended_or_refused(code: str, path: Path, tmp_path: Path) -> None:
    root = project_of(path, tmp_path / "project")
    migration = migrated(root, code)
    assert migration.failures == []
    found = [finding for finding in migration.before.findings if finding.code == code]
    left = [finding for finding in migration.after.findings if finding.code == code]
    applied = [finding for change in migration.changes.values() for finding in change.applied]
    reasons = {refusal.finding: refusal.reason for refusal in migration.refused}
    assert [finding for finding in left if not reasons.get(finding)] == []
    assert Counter(map(known, found)) == Counter(map(known, (*applied, *left)))
    unfixable = Counter(known(finding) for finding in found if finding.fix is None)
    assert unfixable <= Counter(known(finding) for finding in left if finding.fix is None)
    for file, change in migration.changes.items():
        (root / file).write_bytes(change.data)
    assert migrated(root, code).changes == {}


@pytest.mark.parametrize("code", CODES)
def test_the_example_of_the_documentation_is_mended(code: str, tmp_path: Path) -> None:
    for number, files in enumerate(all_rules()[code].examples("Example")):
        root = project_from(files, tmp_path / str(number))
        migration = migrated(root, code)
        left = [finding for finding in migration.after.findings if finding.code == code]
        assert migration.failures == []
        assert bool(left) == (code in NOT_MENDED), migration.refused
        assert len(migration.refused) == len(left)


# ── unused_suppression ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("comment", "code", "start", "rest"),
    [
        ("# noqa: CRB101", "CRB101", 0, ""),
        ("# noqa: CRB101,CRB404", "CRB404", 0, "# noqa: CRB101"),
        ("# noqa: CRB101 CRB404", "CRB101", 0, "# noqa: CRB404"),
        ("#noqa:E501,CRB101", "CRB101", 0, "#noqa:E501"),
        ("# NOQA : crb101, e501", "CRB101", 0, "# NOQA : e501"),
        ("# noqa: CRB101 - the router does it", "CRB101", 0, "# - the router does it"),
        ("# noqa: CRB101  # type: ignore", "CRB101", 0, "# type: ignore"),
        ("# type: ignore  # noqa: CRB101", "CRB101", 16, "# type: ignore"),
        ("# type: ignore  # noqa: CRB101  # nosec", "CRB101", 16, "# type: ignore  # nosec"),
        ("# noqa", "", 0, ""),
        ("# crb: ignore", "", 0, ""),
        ("# crb: ignore[CRB101]", "CRB101", 0, ""),
        ("# crb: ignore[CRB101, CRB404] on purpose", "CRB404", 0, "# crb: ignore[CRB101] on purpose"),
        ("# crb: ignore[CRB101] on purpose", "CRB101", 0, "# on purpose"),
        ("# flake8: noqa: CRB101", "CRB101", 0, ""),
        ("# flake8: noqa: CRB101, E501", "CRB101", 0, "# flake8: noqa: E501"),
        ("# nothing to see here", "CRB101", 0, "# nothing to see here"),
    ],
)
def test_without(comment: str, code: str, start: int, rest: str) -> None:
    assert without(comment, code, start) == rest


# ── arguments ────────────────────────────────────────────────────────────────────────────────────────────────────────

WIDE, NARROW = Space(80, "    "), Space(18, "    ")


def call_of(text: str) -> cst.Call:
    call = cst.parse_expression(text)
    assert isinstance(call, cst.Call)
    return call


def code_of(call: cst.Call) -> str:
    return cst.Module([]).code_for_node(call)


COMMENTED = """\
f(
    # first
    a,  # the first
    # second

    b=2,  # two
    **c
    # last
)"""


def test_items_of_knows_whose_comments_they_are() -> None:
    items, last = items_of(call_of(COMMENTED))
    assert [(item.keyword, item.above, item.behind) for item in items] == [
        ("", ("# first",), "# the first"),
        ("b", ("# second",), "# two"),
        ("", (), ""),
    ]
    assert last == ("# last",)


@pytest.mark.parametrize("text", ["f(a  # here\n  , b)", "f(a,\n  b  # here\n  ,)"])
def test_items_of_refuses_comments_that_would_be_lost(text: str) -> None:
    with pytest.raises(Refused, match="comment"):
        items_of(call_of(text))


@pytest.mark.parametrize(
    ("text", "space", "result"),
    [
        ("f( )", WIDE, "f()"),
        ("f(a,b = 1 , )", WIDE, "f(a, b = 1)"),
        ("f(*a, b=1, **c)", WIDE, "f(*a, b=1, **c)"),
        ("f(each for each in a)", WIDE, "f(each for each in a)"),
        ("f(a,\n  b=1)", WIDE, "f(a, b=1)"),
        ("f(first=1, second=2)", NARROW, "f(\n    first=1,\n    second=2,\n)"),
        ("f(first=1, second=2)", NARROW._replace(around="  "), "f(\n      first=1,\n      second=2,\n  )"),
        ("f(\n  a\n)", WIDE, "f(\n    a,\n)"),
        ("f(a,  # one\n  b)", WIDE, "f(\n    a,  # one\n    b,\n)"),
        ("f([\n  1,\n])", WIDE, "f(\n    [\n  1,\n],\n)"),
        ("f(  # here\n  a)", WIDE, "f(  # here\n    a,\n)"),
        (COMMENTED, WIDE, COMMENTED.replace("second\n\n", "second\n").replace("**c\n", "**c,\n")),
    ],
)
def test_laid_out(text: str, space: Space, result: str) -> None:
    call = call_of(text)
    laid = code_of(laid_out(call, *items_of(call), space, is_spread(call)))
    assert laid == result
    again = call_of(laid)
    assert code_of(laid_out(again, *items_of(again), space, is_spread(again))) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("f()", "f(n=1)"),
        ("f(a)", "f(a, n=1)"),
        ("f(a,)", "f(a, n=1,)"),
        ("f(a, b)", "f(a, b, n=1)"),
        ("f(\n    a, b\n)", "f(\n    a, b, n=1\n)"),
        ("f(\n    a,\n)", "f(\n    a,\n    n=1,\n)"),
        ("f(\n    a\n)", "f(\n    a, n=1\n)"),
        ("f(\n    a\n    b\n)".replace("a\n", "'a'\n").replace("b\n", "'b'\n"), "f(\n    'a'\n    'b',\n    n=1\n)"),
        ("f(a,\n  b)", "f(a,\n  b,\n  n=1)"),
        ("f(\n    a,\n    b,  # two\n    # last\n)", "f(\n    a,\n    b,  # two\n    n=1,\n    # last\n)"),
        ("f(\n    a,  # one\n    b  # two\n)", "f(\n    a,  # one\n    b,  # two\n    n=1\n)"),
    ],
)
def test_appended(text: str, result: str) -> None:
    assert code_of(appended(call_of(text), argument("n", "1").arg)) == result


def test_nothing_stands_beside_a_bare_generator() -> None:
    call = call_of("f(each for each in a)")
    items, last = items_of(call)
    assert code_of(laid_out(call, items, last, NARROW)) == "f(each for each in a)"
    with pytest.raises(Refused, match="generator"):
        laid_out(call, [*items, argument("n", "1")], last, WIDE)
    with pytest.raises(Refused, match="generator"):
        appended(call, argument("n", "1").arg)
