"""Files that ruff's formatter accepts are told from others by the real ruff, and laid out with the project's own settings."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from codemods import layout
from codemods.layout import Layout

GOOD, BAD = b"x = 'a'\n", b'x = "a"\n'
SETTINGS = """
[tool.ruff]
extend-exclude = ["generated"]
[tool.ruff.format]
quote-style = "single"
exclude = ["by_hand/**"]
"""
FILES: Mapping[str, tuple[bytes, bool]] = {
    "good.py": (GOOD, True),
    "bad.py": (BAD, False),
    "empty.py": (b"", True),
    "broken.py": (b"x = (\n", False),
    "latin1.py": (b"# coding: latin-1\nx = '\xe9'\n", False),
    "ascii_latin1.py": (b"# coding: latin-1\nx = 'e'\n", True),
    "crlf.py": (b"x = 'a'\r\ny = 'b'\r\n", True),
    "mixed_ends.py": (b"x = 'a'\r\ny = 'b'\n", False),
    "bom.py": (b"\xef\xbb\xbfx = 'a'\n", False),
    "no_final_newline.py": (b"x = 'a'", False),
    "off.py": (b"# fmt: off\nx = [1,\n  2]\n", True),
    "generated/bad.py": (BAD, True),  # not asked of it, not changed by it
    "by_hand/bad.py": (BAD, True),
    "nested/double.py": (BAD, True),
    "nested/single.py": (GOOD, False),
    "with space/é[1]*.py": (BAD, False),
    "with space/-x.py": (GOOD, True),
    "with space/new\nline.py": (BAD, False),
}


def project(root: Path, files: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """A project with single quotes, one directory in it with double ones; its files by their absolute paths."""
    contents = {name: data for name, (data, _) in FILES.items()} if files is None else files
    (root / "nested").mkdir(exist_ok=True)
    (root / "pyproject.toml").write_text(SETTINGS)
    (root / "nested/ruff.toml").write_text('[format]\nquote-style = "double"\n')
    for name, data in contents.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(data)
    return {str(root / name): data for name, data in contents.items()}


def names(root: Path, paths: frozenset[str]) -> set[str]:
    return {os.path.relpath(path, root) for path in paths}


def expected(*without: str) -> set[str]:
    return {name for name, (_, accepted) in FILES.items() if accepted and name not in without}


class Counted(list[list[str]]):
    """The commands that were run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        run = subprocess.run

        def counting(command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
            self.append(command)
            return run(command, **options)

        monkeypatch.setattr(subprocess, "run", counting)


def tool(directory: Path, code: str) -> str:
    """A script that stands in for ruff."""
    path = directory / "tools" / "ruff"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!{sys.executable}\nimport os, subprocess, sys, time\nreal = {RUFF!r}\n{code}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


RUFF = Layout(os.getcwd())._ruff or ""


def with_tool(root: Path, code: str) -> Layout:
    asked = Layout(str(root))
    asked._ruff = tool(root.parent, code)
    return asked


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "project"
    path.mkdir()
    return path


# ── what it accepts ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_ruff_accepts(root: Path) -> None:
    asked = Layout(str(root))
    assert names(root, asked.accepted(project(root))) == expected()
    assert asked.problems == []
    assert not (root / ".ruff_cache").exists()
    assert asked.accepted({}) == frozenset()


def test_ruff_itself_agrees(root: Path) -> None:
    for path in project(root):
        result = subprocess.run(
            [RUFF, "format", "--check", "--no-cache", "--force-exclude", path], cwd=root, capture_output=True, check=False
        )
        assert (result.returncode == 0) == FILES[os.path.relpath(path, root)][1], path


def test_one_command_for_all_and_one_more_where_some_are_not_accepted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = project(root, {f"m{number}.py": GOOD for number in range(50)})
    commands = Counted(monkeypatch)
    assert Layout(str(root)).accepted(good) == frozenset(good)
    assert len(commands) == 1
    mixed = project(root, {"bad.py": BAD, "broken.py": b"x = (\n", "latin1.py": b"'\xe9'\n"})
    commands.clear()
    assert Layout(str(root)).accepted({**mixed, **good}) == frozenset(good)
    assert len(commands) == 2


def test_many_files_are_asked_about_in_parts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "AT_ONCE", 3)
    assert names(root, Layout(str(root)).accepted(project(root))) == expected()


def test_what_is_not_on_the_disk_is_asked_about_as_it_is(root: Path) -> None:
    files = project(root, {"good.py": GOOD, "bad.py": BAD})
    unsaved = {
        str(root / "good.py"): BAD,
        str(root / "bad.py"): GOOD,
        str(root / "new.py"): GOOD,
        str(root / "nested/new.py"): BAD,
        str(root / "generated/new.py"): b"x=1",
        str(root / "new_bad.py"): BAD,
        str(root / "missing/new_bad.py"): b"x = (",
    }
    assert names(root, Layout(str(root)).accepted(unsaved)) == {"bad.py", "new.py", "nested/new.py", "generated/new.py"}
    assert {path: Path(path).read_bytes() for path in files} == files


def test_a_root_reached_by_a_link(root: Path) -> None:
    project(root)
    link = root.parent / "link"
    link.symlink_to(root)
    asked = Layout(str(link))
    assert names(link, asked.accepted({str(link / name): data for name, (data, _) in FILES.items()})) == expected()


def test_an_older_ruff_that_knows_no_json(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = with_tool(
        root,
        """
del os.environ["RUFF_OUTPUT_FORMAT"]
if "--check" not in sys.argv:
    sys.exit(subprocess.run([real, *sys.argv[1:]]).returncode)
code = 0
for path in sys.argv[sys.argv.index("--no-cache") + 1 :]:
    result = subprocess.run([real, *sys.argv[1 : sys.argv.index("--no-cache") + 1], path], capture_output=True)
    code = max(code, result.returncode)
    if result.returncode == 1:
        print("Would reformat: " + os.path.relpath(path))
sys.exit(code)
""",
    )
    assert names(root, old.accepted(project(root))) == expected()
    commands = Counted(monkeypatch)
    assert names(root, old.accepted(project(root, {"good.py": GOOD, "bad.py": BAD, "nested/single.py": GOOD}))) == {"good.py"}
    assert len(commands) == 2


def test_broken_settings_count_for_their_files_only(root: Path) -> None:
    files = project(root)
    (root / "nested/ruff.toml").write_text("[format")
    asked = Layout(str(root))
    assert names(root, asked.accepted(files)) == expected("nested/double.py")
    (problem,) = asked.problems
    assert problem.startswith("ruff format could not be asked: ")
    assert str(root / "nested/ruff.toml") in problem


# ── what it makes of a text ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "data", "after"),
    [
        ("a.py", b'f( "a",1 )\n', b"f('a', 1)\n"),
        ("nested/a.py", b"f( 'a',1 )\n", b'f("a", 1)\n'),
        ("not/there/a.py", b'f("a")\n', b"f('a')\n"),
        ("generated/a.py", b'f( "a",1 )\n', b'f( "a",1 )\n'),
        ("by_hand/a.py", b'f( "a",1 )\n', b'f( "a",1 )\n'),
        ("a.py", b'f( "a",1 )\r\ng( )\r\n', b"f('a', 1)\r\ng()\r\n"),
        ("a.py", b'# fmt: off\nf( "a" )\n# fmt: on\nf( "a" )\n', b"# fmt: off\nf( \"a\" )\n# fmt: on\nf('a')\n"),
        ("a.py", b'f( "a" )  # fmt: skip\n', b'f( "a" )  # fmt: skip\n'),
        ("a.py", "f( 'é' )".encode(), "f('é')\n".encode()),
        ("a.py", b"", b""),
    ],
)
def test_the_projects_settings_count(root: Path, name: str, data: bytes, after: bytes) -> None:
    project(root)
    asked = Layout(str(root))
    assert asked.formatted(str(root / name), data) == after
    assert asked.problems == []


@pytest.mark.parametrize(("data", "reason"), [(b"x = (\n", "parse"), (b"x = '\xe9'\n", "UTF-8")])
def test_what_ruff_cannot_lay_out_stays_and_is_said_once(root: Path, data: bytes, reason: str) -> None:
    asked = Layout(str(root))
    path = str(root / "a.py")
    assert asked.formatted(path, data) == asked.formatted(path, data) == data
    (problem,) = asked.problems
    assert problem.startswith(f"ruff format could not lay out {path}: ")
    assert reason in problem


# ── without an answer ────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_ruff_nothing_is_accepted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *arguments, **options: None)
    asked = Layout(str(root))
    assert asked.accepted(project(root)) == frozenset()
    assert asked.formatted(str(root / "bad.py"), BAD) == BAD
    assert asked.problems == []


def test_a_ruff_that_does_not_end_is_asked_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "SECONDS", 0.5)
    asked = with_tool(root, "time.sleep(30)")
    commands = Counted(monkeypatch)
    began = time.monotonic()
    assert asked.accepted(project(root)) == frozenset()
    assert asked.formatted(str(root / "bad.py"), BAD) == BAD
    assert len(commands) == 1
    assert time.monotonic() - began < 10
    (problem,) = asked.problems
    assert "took more than 0.5 s" in problem


def test_a_ruff_that_cannot_be_run(root: Path) -> None:
    asked = with_tool(root, "")
    Path(str(asked._ruff)).write_bytes(b"\0\0\0\0")
    assert asked.accepted(project(root)) == frozenset()
    assert asked.formatted(str(root / "bad.py"), BAD) == BAD
    assert len(asked.problems) == 1


def test_a_ruff_that_fails(root: Path) -> None:
    asked = with_tool(root, "sys.exit(101)")
    assert asked.accepted(project(root)) == frozenset()
    assert asked.formatted(str(root / "bad.py"), BAD) == BAD
    assert asked.problems == [f"ruff format could not lay out {root / 'bad.py'}: exit code 101"]
