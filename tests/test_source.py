"""Files on the disk become text and syntax trees: which are listed, how they are decoded, and what is said of those that cannot be read."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from lint_rules.settings import Settings
from lint_rules.source.decode import LARGEST, Unreadable, decode
from lint_rules.source.discovery import discover
from lint_rules.source.reading import Reader
from lint_rules.source.root import find_root
from tests.projects import calls, facts, found_in, scopes, write

# ── discovery ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_python_file_below_the_root_is_listed_once_and_sorted(tmp_path: Path) -> None:
    write(tmp_path, {"b.py": "", "a/z.py": "", "a/b/c.py": "", "a/notes.txt": "", "a/x.pyc": "", "a/stub.pyi": ""})
    assert found_in(tmp_path) == ["a/b/c.py", "a/z.py", "b.py"]


def test_gitignore_patterns_leave_files_and_directories_out(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "build/\n*_pb2.py\n/only_here.py\n", "build/a.py": "", "x/build/b.py": "", "x/api_pb2.py": ""})
    write(tmp_path, {"only_here.py": "", "x/only_here.py": "", "x/kept.py": ""})
    assert found_in(tmp_path) == ["x/kept.py", "x/only_here.py"]


def test_a_nested_gitignore_counts_below_its_own_directory(tmp_path: Path) -> None:
    write(tmp_path, {"a/.gitignore": "/local.py\nmade/\n", "a/local.py": "", "a/b/local.py": "", "a/made/x.py": "", "made/x.py": ""})
    assert found_in(tmp_path) == ["a/b/local.py", "made/x.py"]


def test_a_negated_pattern_brings_a_file_back(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "gen_*.py\n!gen_keep.py\n", "gen_a.py": "", "gen_keep.py": "", "a/gen_keep.py": ""})
    write(tmp_path, {"b/.gitignore": "!gen_a.py\n", "b/gen_a.py": "", "b/gen_b.py": ""})
    assert found_in(tmp_path) == ["a/gen_keep.py", "b/gen_a.py", "gen_keep.py"]


def test_gitignore_lines_that_are_no_patterns_are_skipped_like_git_does(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "!\n[z-a]\n\\\n# comment\n\nout.py\n", "out.py": "", "kept.py": ""})
    assert found_in(tmp_path) == ["kept.py"]


def test_the_settings_replace_or_extend_what_is_excluded(tmp_path: Path) -> None:
    write(tmp_path, {"tests/a.py": "", "old/a.py": "", "new/a.py": "", "venv/a.py": ""})
    assert found_in(tmp_path) == ["new/a.py", "old/a.py"]
    assert found_in(tmp_path, extend_exclude=("old",)) == ["new/a.py"]
    assert found_in(tmp_path, exclude=("old/",)) == ["new/a.py", "tests/a.py", "venv/a.py"]


def test_an_exclude_counts_before_a_gitignore_that_brings_back(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "!old/\n!old/a.py\n", "old/a.py": "", "b.py": ""})
    assert found_in(tmp_path, extend_exclude=("old/",)) == ["b.py"]


def test_hidden_directories_tests_and_environments_are_left_out(tmp_path: Path) -> None:
    out = [".hidden/a.py", ".venv/a.py", "venv/a.py", "x/node_modules/a.py", "lib/site-packages/a.py", "tests/a.py", "x/test/a.py"]
    out += ["test_a.py", "x/a_test.py", "x/tests.py", "conftest.py", "my_env/lib/a.py", "cache/a.py"]
    write(tmp_path, {**dict.fromkeys(out, ""), "my_env/pyvenv.cfg": "", "cache/CACHEDIR.TAG": ""})
    write(tmp_path, {"contest.py": "", "latest/a.py": "", "testing.py": ""})
    assert found_in(tmp_path) == ["contest.py", "latest/a.py", "testing.py"]


def test_a_linked_directory_is_not_entered_so_a_loop_ends(tmp_path: Path) -> None:
    write(tmp_path, {"a/b.py": ""})
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    assert found_in(tmp_path) == ["a/b.py"]


def test_a_linked_file_is_listed_under_its_own_name(tmp_path: Path) -> None:
    write(tmp_path, {"real/a.py": "x = f()", "linked/readme.txt": ""})
    (tmp_path / "linked" / "b.py").symlink_to(tmp_path / "real" / "a.py")
    (tmp_path / "linked" / "nowhere.py").symlink_to(tmp_path / "absent.py")
    listing = discover(str(tmp_path), Settings())
    assert listing.files == ["linked/b.py", "real/a.py"]
    assert listing.unreadable == [("linked/nowhere.py", "the link leads nowhere, or to itself")]


def test_a_link_to_itself_is_named_and_the_rest_is_listed(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": ""})
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    listing = discover(str(tmp_path), Settings())
    assert listing.files == ["a.py"]
    assert [path for path, reason in listing.unreadable if reason] == ["loop.py"]


def test_a_directory_that_cannot_be_listed_is_named_and_the_rest_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"open/a.py": "", "shut/b.py": ""})
    scandir = os.scandir

    def refusing(path: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        if path.endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    listing = discover(str(tmp_path), Settings())
    assert listing.files == ["open/a.py"]
    assert listing.unreadable == [("shut", "Permission denied")]
    assert listing.directories == ["", "open"]


def test_a_file_that_only_exists_in_an_editor_is_listed_unless_excluded(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": ""})
    assert discover(str(tmp_path), Settings(), ["new.py", "a.py", "tests/new.py", "new.txt"]).files == ["a.py", "new.py"]


@pytest.mark.parametrize("marker", ["pyproject.toml", "setup.cfg", ".git/HEAD"])
def test_the_root_is_the_nearest_marked_directory(tmp_path: Path, marker: str) -> None:
    write(tmp_path, {"pyproject.toml": "", "a/b/c.py": "", f"a/{marker}": ""})
    assert find_root(str(tmp_path / "a" / "b" / "c.py")) == str(tmp_path / "a")
    assert find_root(str(tmp_path / "a" / "b")) == str(tmp_path / "a")
    assert find_root(str(tmp_path)) == str(tmp_path)


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "from celery import x",
        "@shared_task",
        "@app.task",
        "app.register_task(X())",
        "@run_io_task_with_best_practices",
        "x = 1  # noqa: CRB101",
    ],
)
def test_files_that_may_declare_tasks_have_a_token(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"a.py": text + "\ndef f(): pass\n" if text.startswith("@") else text, "b.py": "tasks = multitasking\n"})
    with Reader(tmp_path) as reader:
        reader.start(["a.py", "b.py"], ())
        assert reader.celery_files() == ["a.py"]


def test_the_last_name_of_a_configured_decorator_is_a_token_too(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "@jobs.background\ndef f(): pass\n", "b.py": "x = 1\n"})
    with Reader(tmp_path) as reader:
        reader.start(["a.py", "b.py"], ["jobs.back*"])
        assert reader.celery_files() == ["a.py"]


def test_a_file_that_cannot_be_opened_is_remembered_and_the_rest_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "x = f()\n"})
    (tmp_path / "dir.py").mkdir()
    with Reader(tmp_path) as reader:
        found = reader.facts(["a.py", "dir.py", "gone.py"])
    assert [file for file, read in found.items() if read is not None] == ["a.py"]
    assert {file: error.reason for file, error in reader.unreadable.items()} == {
        "dir.py": "Is a directory",
        "gone.py": "No such file or directory",
    }


def test_several_processes_read_what_one_reads(tmp_path: Path) -> None:
    write(tmp_path, {f"m{number}.py": f"import celery\nx = f({number})\n" for number in range(450)})
    write(tmp_path, {"broken.py": "import celery\ndef (:\n"})
    files = found_in(tmp_path)
    results = []
    for jobs in (1, 2):
        with Reader(tmp_path, jobs=jobs) as reader:
            reader.start(files, ())
            matching = reader.celery_files()
            results.append((matching, reader.facts(matching), {file: error.reason for file, error in reader.unreadable.items()}))
    assert results[0] == results[1]
    assert len(results[0][0]) == 450
    assert list(results[0][2]) == ["broken.py"]


def test_unsaved_text_is_read_instead_of_the_file(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "old()\n"})
    with Reader(tmp_path, overlay={"a.py": b"new()\n"}) as reader:
        found = reader.facts(["a.py"])["a.py"]
    assert found == facts("new()\n")


# ── decoding ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"x = 1\n", "x = 1\n"),
        ("x = 'é'\n".encode(), "x = 'é'\n"),
        (b"\xef\xbb\xbfx = '\xc3\xa9'\n", "x = 'é'\n"),
        (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", "# -*- coding: latin-1 -*-\nx = 'é'\n"),
        (
            b"#!/usr/bin/python\n# vim: set fileencoding=cp1251 :\nx = '\xe9'\n",
            "#!/usr/bin/python\n# vim: set fileencoding=cp1251 :\nx = 'й'\n",
        ),
        (b"a = 1\r\nb = 2\rc = 3\n", "a = 1\nb = 2\nc = 3\n"),
        (b"", ""),
    ],
)
def test_text_is_decoded_as_python_decodes_it(data: bytes, text: str) -> None:
    assert decode(data) == text


@pytest.mark.parametrize(
    ("data", "row", "words"),
    [
        (b"a = 1\nx = '\xe9'\n", 2, "not valid utf-8 (byte 0xe9)"),
        (b"# coding: ascii\n\n\nx = '\xe9'\n", 4, "not valid ascii (byte 0xe9)"),
        (b"# coding: klingon\nx = 1\n", 1, "unknown encoding: klingon"),
        (b"\xef\xbb\xbf# coding: latin-1\nx = 1\n", 1, "encoding problem"),
        ("x = 1\n".encode("utf-16"), 1, "encoding"),
        (b"# coding: rot13\nk = 1\n", 1, "rot_13 is no encoding" if sys.version_info >= (3, 14) else "rot13 is no encoding"),
        (b"# coding: undefined\nx = 1\n", 1, "undefined is no encoding"),
        (b"x = 1\ny = '\0'\n", 2, "null bytes"),
        (b"\x7fELF\x02\x01\x01\0\0\0\n", 1, "null bytes"),
    ],
)
def test_what_is_no_text_is_refused_with_its_row(data: bytes, row: int, words: str) -> None:
    with pytest.raises(Unreadable) as caught:
        decode(data)
    assert words in caught.value.reason
    assert caught.value.row == row


def test_a_file_over_the_limit_is_refused_without_parsing_it() -> None:
    began = time.perf_counter()
    with pytest.raises(Unreadable, match=r"10\.0 MB"):
        facts(b"x = [" + b"1, " * 3_333_330 + b"]\n")
    assert time.perf_counter() - began < 1
    assert len(decode(b"#" * LARGEST)) == LARGEST


# ── grammar ──────────────────────────────────────────────────────────────────────────────────────────────────────────

SAME_FACTS = {
    "PEP 758 with a comma at the end": ("try:\n    f()\nexcept A, B,:\n    g()\n", "try:\n    f()\nexcept (A, B):\n    g()\n"),
    "PEP 758 dotted, a comment behind": (
        "try:\n    f()\nexcept a.B, C, D:  # why\n    g(1)\n",
        "try:\n    f()\nexcept(a.B, C, D):  # why\n    g(1)\n",
    ),
    "PEP 758 with calls in it": ("try:\n    f()\nexcept h(1), B:\n    g()\n", "try:\n    f()\nexcept(h(1), B):\n    g()\n"),
    "PEP 758 group": ("try:\n    f()\nexcept* A, B:\n    g()\n", "try:\n    f()\nexcept*(A, B):\n    g()\n"),
    "PEP 695 function": ("def f[T: (int, str)](x: T) -> T: return g(x)\n", "def f               (x: T) -> T: return g(x)\n"),
    "PEP 695 class": ("class A[T, *Ts, **P](B, key=f()):\n    x = g()\n", "class A             (B, key=f()):\n    x = g()\n"),
    "PEP 695 async method": (
        "class A:\n    async def f[T](self, x: list[T]) -> T:\n        await g(x)\n",
        "class A:\n    async def f   (self, x: list[T]) -> T:\n        await g(x)\n",
    ),
    "PEP 695 alias": ("type X = dict[str, f]\ny = g()\n", "X      = dict[str, f]\ny = g()\n"),
    "PEP 695 alias with parameters": ("type X[T] = list[T]; g()\n", "X         = list[T]; g()\n"),
    "PEP 696 defaults": ("def f[T = int](x: T): return g(x)\n", "def f         (x: T): return g(x)\n"),
    "PEP 695 over several rows": ("def f[\n    T,\n    S,\n](x: T):\n    g(x)\n", "def f \\\n      \\\n      \\\n (x: T):\n    g(x)\n"),
    "PEP 701 same quotes": ('x = f"{f(\'a\')} {g("b")}"; h()\n', "x =~(  f('a'),  g(\"b\"),); h()\n"),
    "PEP 701 rows inside": ('x = f"{\n  f(1)\n}"; g()\n', "x =~(\n  f(1),\n ); g()\n"),
    "PEP 701 nested deep": ('x = f"{f(f"{g(f"{h()}")}")}"\n', "x = ~( f(~( g(~( h(),)),)),)\n"),
    "PEP 701 format spec": ('x = f"{f("a"):>{g()}}"\n', 'x = ~( f("a"),  g(),)\n'),
    "PEP 701 joined strings": ('x = "a" f"{f("a")}" rf"{g("b")}"\n', 'x = ~(     f("a"),     g("b"),)\n'),
    "PEP 750 template": ('x = t"hello {f(1)}!" + g()\n', "x = ~(        f(1),   ) + g()\n"),
}


@pytest.mark.parametrize("case", SAME_FACTS)
def test_new_syntax_gives_the_facts_of_the_old_syntax(case: str) -> None:
    new, old = (facts(text) for text in SAME_FACTS[case])
    assert [call.func for call in calls(new)] == [call.func for call in calls(old)]
    assert calls(new)
    if "PEP 7" not in case or "758" in case:  # strings are opaque, and stand at other columns in the hand-lowered text
        assert new == old


@pytest.mark.parametrize(
    "text",
    [
        "try: f()\nexcept A, B: here()\n",
        "try: f()\nexcept  A,  B  :here()\n",
        "try: f()\nexcept* A, B: here()\n",
        "try: f()\nexcept g(1, 2), B,: here()\n",
        "def f():\n    def g [\n        T,\n        S\n    ] (x): return here()\n",
        "type  X  [ T ]  =  list[T]; here()\n",
        "if x:\n    class A[\n        T\n    ]: y = here()\n",
        "def f[T](x: T) -> T: return here(x)\n",
        "class A[T: tuple[int, str]](Base, key=here()): pass\n",
        "type X[T] = list[T]; here()\n",
        "type é[T] = list[T]; here()\n",
        'x = f"{a["b"]}" + here()\n',
        'x = f"{here("b")}"\n',
        'x = f"é{a["b"]} ü {here()}"\n',
        'x = f"é{a["b"]}" + here()\n',
        'x = f"""\n  é {a["""b"""]} {here()}\n"""\n',
        'x = "é" f"{a["b"]}" f"{here()}"\n',
        'x = t"é {here()}"\n',
        'x = f"{a["b"]:>{here()}}"\n',
        'x = f"{a["b"]!r:é{here()}}"\n',
        'if True:\n\tx = f"{\n\t\there(\n\t\t)\n\t}"\n',
        "def f[\n  T\n](x): return here()\n",
    ],
)
def test_calls_in_new_syntax_stand_at_their_rows_and_columns(text: str) -> None:
    (found,) = [call for call in calls(facts(text.encode())) if getattr(call.func, "path", "") == "here"]
    rows = text.split("\n")
    row = next(number for number, line in enumerate(rows, 1) if "here(" in line)
    column = rows[row - 1].index("here(")
    assert (found.span.row, found.span.column) == (row, column)
    ending = rows[found.span.end_row - 1]
    assert ending[found.span.end_column - 1] == ")"


def test_many_lines_of_new_syntax_are_read() -> None:
    text = "".join(f"try:\n    f{number}()\nexcept A, B:\n    g{number}()\n" for number in range(250))
    assert len(calls(facts(text))) == 500


def calls_unless_too_deep(text: str) -> int | None:
    """How many calls the facts hold; None where this Python says that it cannot parse so deep (3.11 can)."""
    try:
        return sum(len(scope.calls) for scope in scopes(facts(text.encode())))
    except Unreadable as error:
        if sys.version_info < (3, 12) or "nested too deeply" not in error.reason:
            raise
        return None


def test_new_syntax_next_to_a_very_long_expression_is_read_quickly() -> None:
    began = time.perf_counter()
    found = calls_unless_too_deep("try:\n    pass\nexcept A, B:\n    pass\nx = " + " + ".join(["f(1)"] * 5_000))
    assert found in (5_000, None)
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("text", "row", "column"),
    [("def broken(:\n    pass\n", 1, 11), ("x = 1\ny = = 2\n", 2, 4), ("if x:\nf()\n", 2, 0), ("x = f(1\ny = 2\n", 1, 5)],
)
def test_a_syntax_error_has_its_place_and_names_the_grammars(text: str, row: int, column: int) -> None:
    with pytest.raises(Unreadable) as caught:
        facts(text.encode())
    error = caught.value
    assert (error.row, error.column) == (row, column)
    assert error.reason.startswith("syntax error: ")
    assert f"Python {sys.version_info.major}.{sys.version_info.minor} and with the newest known" in error.reason


def test_an_expression_of_5000_terms_is_read() -> None:
    assert calls_unless_too_deep("x = " + " + ".join(["f(1)"] * 5_000)) in (5_000, None)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("x = " + "(" * 150 + "f(1)" + ")" * 150, 1),
        ("x = " + "[" * 150 + "f(1)" + "]" * 150, 1),
        ("x = " + "not " * 3_000 + "f(1)", 1),
        ("x = a" + ".b()" * 3_000, 3_000),
        ("x = a" + ".b" * 10_000 + "\nf(1)", 1),
        ("x = " + "1 if a else " * 2_000 + "f(1)", 1),
        ("x = " + "f(" * 150 + ")" * 150, 150),
        ("if a:\n  f(1)\n" + "elif b:\n  f(1)\n" * 3_000, 3_001),
        ("".join(" " * depth + "if a:\n" for depth in range(95)) + " " * 95 + "f(1)\n", 1),
        ("".join(" " * depth + "def f():\n" for depth in range(80)) + " " * 80 + "f(1)\n", 1),
        ("".join(" " * depth + "class A:\n" for depth in range(80)) + " " * 80 + "f(1)\n", 1),
    ],
)
def test_deeply_nested_code_keeps_all_its_calls(text: str, count: int) -> None:
    assert calls_unless_too_deep(text) in (count, None)


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * 100_000 + ")" * 100_000,
        "x = " + "[" * 100_000,
        "x = = " + "{" * 5_000,
        "x = " + "-" * 100_000 + "1",
        "x = " + "lambda: " * 5_000 + "1",
        "".join(" " * depth + "if a:\n" for depth in range(150)) + " " * 150 + "f(1)\n",
    ],
)
def test_code_nested_beyond_what_python_reads_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(Unreadable, match=r"nested|levels of indentation|invalid syntax"):
        facts(text.encode())


def test_warnings_of_the_analysed_code_stay_silent(recwarn: Any) -> None:
    facts(b"x = '\\d' is 'y'\n")
    assert [str(warning.message) for warning in recwarn] == []
