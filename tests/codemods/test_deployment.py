"""Fixes in deployment files: edits of bytes, what the proof finds, and the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import codemods.deployment as deployment
from codemods.change import Refused
from codemods.command_site import Change, CommandSite
from codemods.deployment_manifest import Outcome, commands, differences, key_of
from codemods.deployment_proof import check_deployment_text
from codemods.migrate import main
from codemods.notation import edits_of, stands
from codemods.place import place_of, refuse_control
from codemods.plan import Migration
from codemods.registry import all_codemods
from codemods.rewriting import Rewritten
from codemods.text_edits import TextEdit, Written, shifted
from lint_rules.analysis import Analysis, analyse
from lint_rules.cli import main as crb
from lint_rules.deploy.model import Option, WorkerCommand
from lint_rules.deploy.text import Source
from lint_rules.settings import Settings
from tests.codemods.golden import FIXTURES
from tests.codemods.test_rewrites import migrated
from tests.projects import write

SHOP = FIXTURES.parent / "shop"

TASKS = """\
from celery import Celery

app = Celery("shop")


@app.task
def nothing():
    return 0
"""

COMPOSE = """\
services:
  worker:
    image: shop:1  # the newest
    command: celery -A tasks worker --pool solo --concurrency 4 --loglevel INFO
  other:
    image: shop:1
    command: celery -A tasks worker -Q other
"""

FIXED = COMPOSE.replace(" --concurrency 4", "")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path, {"pyproject.toml": "", "tasks.py": TASKS.encode(), "docker-compose.yml": COMPOSE.encode()})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def text(project: Path, name: str = "docker-compose.yml") -> str:
    return (project / name).read_text()


# ── bytes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("data", "edits", "result"),
    [
        (b"a b c", [TextEdit(1, 3)], b"a c"),
        (b"a\r\nb\r\nc", [TextEdit(2, 4)], b"a\r\nc"),
        (b"a\rb\r\nc\n", [TextEdit(2, 3, "x"), TextEdit(4, 5, "y")], b"a\rx\r\ny\n"),
        (b"\xef\xbb\xbfa b", [TextEdit(0, 1, "x")], b"\xef\xbb\xbfx b"),
        ("é\r\nö b".encode(), [TextEdit(2, 3, "ü")], "é\r\nü b".encode()),
        (b"a\r\nb\r\n", [TextEdit(1, 1, "\nx")], b"a\r\nx\r\nb\r\n"),
        (b"a\nb\r\nc", [TextEdit(3, 3, "\nx"), TextEdit(1, 1, "\ny")], b"a\ny\nb\r\nx\r\nc"),
        (b"a", [TextEdit(1, 1, "\nx")], b"a\nx"),
    ],
)
def test_edits_leave_all_other_bytes(data: bytes, edits: list[TextEdit], result: bytes) -> None:
    assert Written("x", data).edited(edits) == result


def test_what_is_no_utf_8_is_refused() -> None:
    with pytest.raises(Refused, match="UTF-8"):
        Written("x", b"caf\xe9")


def test_shifted_says_where_the_new_text_stands() -> None:
    edits = [TextEdit(1, 3), TextEdit(5, 6, "long")]
    after = Written("x", b"0123456789").edited(edits).decode()
    assert [after[edit.start : edit.end] for edit in shifted(edits)] == ["", "long"]


# ── every option of every fixture ────────────────────────────────────────────────────────────────────────────────────

TREES = [SHOP, *sorted(FIXTURES.glob("*/*/before"))]


def edits_for_each_option(analysis: Analysis, root: Path) -> Iterator[tuple[WorkerCommand, Option, Change, Rewritten]]:
    """Each option of each worker taken out, and given another value."""
    for worker in analysis.project.workers:
        if worker.file.endswith(".py"):
            continue
        written = Written(worker.file, (root / worker.file).read_bytes())
        for name, option in worker.options.items():
            for change in (Change(option, None), *([Change(option, name, "other")] if option.value is not None else [])):
                try:
                    refuse_control(written.source, worker.span)
                    edits = tuple(edits_of(change, worker.words, written.source)) if stands(option, worker.words, written.source) else ()
                except Refused:
                    continue
                if edits and option.span is not None:
                    place = place_of(written.source, option.span)
                    yield (
                        worker,
                        option,
                        change,
                        Rewritten(worker.file, written.edited(edits), edits=edits, places=((place.start, place.end),)),
                    )


@pytest.mark.parametrize("tree", TREES, ids=[f"{tree.parent.parent.name}/{tree.parent.name}" for tree in TREES])
def test_an_edit_of_an_option_changes_nothing_else(tree: Path, tmp_path: Path) -> None:
    before = analyse(tree, Settings(select=("CRB203",)))
    root = tmp_path / "project"
    for worker, option, change, result in edits_for_each_option(before, tree):
        assert list(check_deployment_text((tree / worker.file).read_bytes(), result)) == []
        sharing = [each for each in before.project.workers if each.file == worker.file and each.options.get(option.name) == option]
        outcomes = {(key_of(each, before.project), name): value for each in sharing for name, value in change.outcome}
        files = {
            path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*") if path.is_file() and path.suffix != ".pyc"
        }
        after = analyse(write(root, {**files, worker.file: result.data}), Settings(select=("CRB203",)))
        assert list(differences(before.project, after.project, outcomes, {})) == [], (worker.file, option, change)


# ── the proof ────────────────────────────────────────────────────────────────────────────────────────────────────────


def failures(root: Path) -> list[tuple[str, str]]:
    migration: Migration = migrated(root, "CRB203")
    assert migration.changes == {}
    return [(each.check, each.reason) for each in migration.failures]


def tampered(monkeypatch: pytest.MonkeyPatch, *instead: tuple[str, str]) -> None:
    """Let the codemod write other text: of each pair the first becomes the second, wherever that is in the file."""

    def edits(change: Change, words: object, source: Source) -> list[TextEdit]:
        found = []
        for old, new in instead:
            start = source.text.find(old)
            if start < 0:
                raise Refused("done")
            found.append(TextEdit(start, start + len(old), new))
        return found

    monkeypatch.setattr(deployment, "edits_of", edits)


RIGHT = (" --concurrency 4", "")


def test_the_right_edit_passes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tampered(monkeypatch, RIGHT)
    migration = migrated(project, "CRB203")
    assert migration.failures == []
    assert migration.changes["docker-compose.yml"].data.decode() == FIXED


@pytest.mark.parametrize(
    ("instead", "check"),
    [
        ([(" --loglevel INFO", "")], "outside"),
        ([RIGHT, (" -Q other", "")], "outside"),
        ([RIGHT, ("shop:1  #", "shop:2  #")], "outside"),
        ([RIGHT, ("# the newest", "# the oldest")], "outside"),
        ([(" --concurrency 4 --loglevel INFO", "")], "outside"),
        ([("--concurrency 4", "--concurrency 5")], "commands"),
        ([("--concurrency 4", "--without-gossip")], "commands"),
        ([("--concurrency 4", "'")], "commands"),
        ([("--concurrency 4", "-A shop")], "commands"),
        ([("--concurrency 4", ": [")], "parse"),
        ([("--concurrency 4", "\n  third:\n    command: celery -A tasks worker")], "outside"),
        ([("--concurrency 4", "&& celery -A tasks worker -Q more")], "commands"),
    ],
)
def test_a_wrong_edit_is_not_written(project: Path, monkeypatch: pytest.MonkeyPatch, instead: list[tuple[str, str]], check: str) -> None:
    tampered(monkeypatch, *instead)
    found = failures(project)
    assert check in [each for each, _ in found], found


def test_a_fix_changes_only_what_it_is_there_for(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rewrite gone wrong: it takes out another option as well."""

    def rewrite(site: CommandSite) -> Iterator[Change]:
        for name in ("concurrency", "loglevel"):
            yield Change(site.worker.options[name], None)

    codemod = all_codemods()["CRB203"]
    monkeypatch.setattr("codemods.registry._CODEMODS", {"CRB203": type(codemod)(**{**_fields(codemod), "changes": rewrite})})
    assert failures(project) == [("commands", "a fix changes loglevel, which it is not there for")]


def _fields(codemod: object) -> dict[str, object]:
    return {name: getattr(codemod, name) for name in type(codemod).__struct_fields__}  # type: ignore[attr-defined]


def test_bytes_outside_of_the_edits_are_compared(project: Path) -> None:
    place = COMPOSE.index("--concurrency")
    edit = TextEdit(place - 1, place + len("--concurrency 4"))
    result = Rewritten("docker-compose.yml", FIXED.encode(), edits=(edit,), places=((place, place + len("--concurrency 4")),))
    assert list(check_deployment_text(COMPOSE.encode(), result)) == []
    for data in (FIXED.replace("newest", "oldest"), FIXED.replace("\n", "\r\n"), FIXED + " ", "\ufeff" + FIXED):
        wrong = Rewritten("docker-compose.yml", data.encode(), edits=(edit,), places=result.places)
        assert [each.check for each in check_deployment_text(COMPOSE.encode(), wrong)] == ["outside"]


def test_values_beside_an_edit_are_compared() -> None:
    """An edit that closes a quote too early moves everything behind it."""
    before = 'services:\n  a:\n    command: "celery worker -c 4"\n    image: "x"\n'
    place = before.index("-c 4")
    edit = TextEdit(place, place + 4, '-c 4" #')
    result = Rewritten("docker-compose.yml", Written("", before.encode()).edited([edit]), edits=(edit,), places=((place, place + 4),))
    assert list(check_deployment_text(before.encode(), result)) == []  # the comment swallows only what was quoted
    broken = TextEdit(place, place + 4, '"')
    result = Rewritten("docker-compose.yml", Written("", before.encode()).edited([broken]), edits=(broken,), places=((place, place + 4),))
    assert [each.check for each in check_deployment_text(before.encode(), result)] == ["parse"]


def test_commands_are_compared(tmp_path: Path) -> None:
    """What differs in workers, beats, servers and variables is found."""
    before = analyse(write(tmp_path / "a", {"tasks.py": TASKS.encode(), "compose.yml": EVERYTHING.encode()}), Settings())
    assert {key[0] for key in commands(before.project)} == {"worker", "beat", "redis"}
    for number, (old, new) in enumerate(
        [
            ("-c 4", "-c 5"),
            ("-c 4", ""),
            ("-A tasks worker", "-A other worker"),
            ("worker:", "workers:"),
            ("LEVEL: a", "LEVEL: b"),
            ("-A tasks beat", "-A other beat"),
            ("--maxmemory 1gb", "--maxmemory 2gb"),
            ("beat --loglevel INFO", "worker --loglevel INFO"),
            ("worker -c 4", "worker -c 4 more"),
        ]
    ):
        after = analyse(
            write(tmp_path / str(number), {"tasks.py": TASKS.encode(), "compose.yml": EVERYTHING.replace(old, new).encode()}), Settings()
        )
        found = list(differences(before.project, after.project, {}, {}))
        assert found, (old, new)
        assert {file for file, _ in found} == {"compose.yml"}


EVERYTHING = """\
services:
  worker:
    environment: {LEVEL: a}
    command: celery -A tasks worker -c 4
  beat:
    command: celery -A tasks beat --loglevel INFO
  redis:
    image: redis:7
    command: redis-server --maxmemory 1gb
"""


def test_an_outcome_is_checked(tmp_path: Path) -> None:
    before = analyse(write(tmp_path / "a", {"tasks.py": TASKS.encode(), "compose.yml": EVERYTHING.encode()}), Settings())
    key = ("worker", "compose.yml", 0)
    for value in ("5", None):
        wanted = Outcome(key, "concurrency", value)
        found = list(differences(before.project, before.project, {(wanted.key, wanted.name): wanted.value}, {}))
        assert found == [("compose.yml", f"concurrency of the worker is '4' and was to become {value!r}")]


# ── the command line ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_migrate_rewrites_deployment_files(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert "Needs --unsafe: CRB203" in capsys.readouterr().out
    assert main(["--diff", "--unsafe"]) == 1
    out = capsys.readouterr().out
    assert "--- a/docker-compose.yml\n+++ b/docker-compose.yml\n" in out
    assert "-    command: celery -A tasks worker --pool solo --concurrency 4 --loglevel INFO\n" in out
    assert text(project) == COMPOSE
    assert main(["--unsafe", "--select", "CRB2"]) == 0
    assert text(project) == FIXED
    assert "docker-compose.yml: CRB203" in capsys.readouterr().out
    assert main(["--unsafe", "--select", "CRB2"]) == 0
    assert "Nothing to rewrite." in capsys.readouterr().out


def test_json_says_what_a_fix_alters(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "--unsafe", "--select", "CRB203", "--output-format", "json"]) == 1
    result = json.loads(capsys.readouterr().out)
    (file,) = result["files"]
    assert file["filename"] == "docker-compose.yml"
    assert "concurrency" in file["fixes"][0]["alters"]


def test_only_files_below_the_paths_are_rewritten(project: Path) -> None:
    write(project, {"deploy/Procfile": b"worker: celery -A tasks worker --pool solo -c 4\n"})
    assert main(["--unsafe", "--select", "CRB203", "deploy"]) == 0
    assert text(project) == COMPOSE
    assert text(project, "deploy/Procfile") == "worker: celery -A tasks worker --pool solo\n"


def test_a_comment_keeps_a_command_as_it_is(project: Path) -> None:
    silenced = COMPOSE.replace("--loglevel INFO\n", "--loglevel INFO  # crb: ignore[CRB203]\n", 1)
    write(project, {"docker-compose.yml": silenced.encode()})
    assert main(["--unsafe", "--select", "CRB203"]) == 0
    assert text(project) == silenced


def test_check_fix(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert crb(["check", "--select", "CRB203", "--diff", "--unsafe"]) == 1
    assert text(project) == COMPOSE
    assert crb(["check", "--select", "CRB203", "--fix", "--unsafe"]) == 0
    assert text(project) == FIXED


def test_code_and_deployment_are_rewritten_together(project: Path) -> None:
    run = b'import subprocess\n\nsubprocess.run(["celery", "-A", "tasks", "worker", "--pool=solo", "-c", "4"])\n'
    write(project, {"run.py": run})
    assert main(["--unsafe", "--select", "CRB203"]) == 0
    assert text(project) == FIXED
    assert text(project, "run.py") == run.decode().replace(', "-c", "4"', "")


def test_interactive_shows_the_file(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert main(["--unsafe", "--select", "CRB203", "--interactive"]) == 0
    assert "docker-compose.yml:4 CRB203" in capsys.readouterr().out
    assert text(project) == FIXED
