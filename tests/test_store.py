"""What is kept between runs: facts by content, whole runs by the state of their inputs; whatever is damaged or foreign counts as absent."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import msgspec
import pytest

from lint_rules import cli, replay
from lint_rules.facts.model import FACTS_VERSION, ModuleFacts
from lint_rules.facts.store import FactsStore
from lint_rules.source.reading import Reader, facts_of
from tests.projects import settle, write

KEY = "ab" + "0" * 38
DATA = b"import celery\nx = f(1)\n"


def key_of(data: bytes) -> str:
    return blake2b(data, digest_size=20).hexdigest()


def entries(cache: Path) -> list[Path]:
    """The stored facts, one file each."""
    return [path for path in cache.rglob("*") if path.is_file() and path.parent.parent.name.startswith("facts-")]


# ── facts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_put_in_comes_out(tmp_path: Path) -> None:
    store = FactsStore(tmp_path)
    assert store.get(KEY) is None
    store.put(KEY, b"facts")
    assert store.get(KEY) == b"facts"
    assert FactsStore(tmp_path).get(KEY) == b"facts"
    assert FactsStore(tmp_path).get("cd" + KEY[2:]) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[1:],
        lambda data: data + b"x",
        lambda data: bytes([data[0] ^ 1]) + data[1:],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    ],
)
def test_a_damaged_entry_is_ignored_and_rebuilt(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    cache = tmp_path / "cache"
    write(tmp_path, {"a.py": DATA})
    with Reader(tmp_path, FactsStore(cache)) as reader:
        first = reader.facts(["a.py"])["a.py"]
    (entry,) = entries(cache)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    assert FactsStore(cache).get(key_of(DATA)) is None
    with Reader(tmp_path, FactsStore(cache)) as reader:
        assert reader.facts(["a.py"])["a.py"] == first == facts_of(DATA)
    assert entry.read_bytes() == whole


@pytest.mark.parametrize("encoded", [b"", b"\xc1", msgspec.msgpack.encode({"other": "things"}), msgspec.msgpack.encode([1, 2, 3])])
def test_an_entry_of_another_shape_is_ignored_even_with_a_right_checksum(tmp_path: Path, encoded: bytes) -> None:
    write(tmp_path, {"a.py": DATA})
    store = FactsStore(tmp_path / "cache")
    store.put(key_of(DATA), encoded)
    with Reader(tmp_path, store) as reader:
        assert reader.facts(["a.py"])["a.py"] == facts_of(DATA)


def test_a_stored_entry_is_used_instead_of_parsing(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": DATA})
    store = FactsStore(tmp_path / "cache")
    store.put(key_of(DATA), msgspec.msgpack.encode(facts_of(b"other = 1\n")))
    with Reader(tmp_path, store) as reader:
        assert reader.facts(["a.py"])["a.py"] == facts_of(b"other = 1\n")


def test_the_facts_of_another_version_are_not_looked_at(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": DATA})
    store = FactsStore(tmp_path / "cache")
    store.put(key_of(DATA), msgspec.msgpack.encode(facts_of(b"other = 1\n")))
    shutil.move(tmp_path / "cache" / f"facts-{FACTS_VERSION}", tmp_path / "cache" / f"facts-{FACTS_VERSION + 1}")
    with Reader(tmp_path, FactsStore(tmp_path / "cache")) as reader:
        assert reader.facts(["a.py"])["a.py"] == facts_of(DATA)


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": DATA, "cache": "a file where a directory is wanted"})
    store = FactsStore(tmp_path / "cache")
    store.put(KEY, b"facts")
    assert store.get(KEY) is None
    with Reader(tmp_path, store) as reader:
        assert reader.facts(["a.py"])["a.py"] == facts_of(DATA)


def test_unreadable_files_are_not_stored(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "def (:\n"})
    with Reader(tmp_path, FactsStore(tmp_path / "cache")) as reader:
        assert reader.facts(["a.py"])["a.py"] is None
    assert entries(tmp_path / "cache") == []


def _write_many(directory: str, started: float) -> None:
    store = FactsStore(Path(directory))
    time.sleep(max(started - time.time(), 0))
    for number in range(300):
        store.put(f"{number % 4:02x}" + "0" * 38, b"facts" * 2_000)


def test_processes_that_write_at_once_leave_whole_entries(tmp_path: Path) -> None:
    started = time.time() + 0.3
    writers = [multiprocessing.get_context("fork").Process(target=_write_many, args=(str(tmp_path), started)) for _ in range(2)]
    for each in writers:
        each.start()
    store = FactsStore(tmp_path)
    seen = set()
    while any(each.is_alive() for each in writers):
        seen.add(store.get("00" + "0" * 38))
    for each in writers:
        each.join()
    assert [each.exitcode for each in writers] == [0, 0]
    assert seen <= {None, b"facts" * 2_000}
    assert [store.get(f"{number:02x}" + "0" * 38) for number in range(4)] == [b"facts" * 2_000] * 4
    assert list(tmp_path.rglob("*.tmp")) == []


# ── whole runs ───────────────────────────────────────────────────────────────────────────────────────────────────────

SHOP = {
    "pyproject.toml": '[tool.crb]\nignore = ["CRB101"]\n',
    ".gitignore": "made.py\n",
    "tasks.py": """
    from celery import shared_task
    import requests
    from shop.net import url

    @shared_task
    def ping():
        requests.get(url)
    """,
    "shop/__init__.py": "",
    "shop/net.py": "url = 'https://example.org'\n",
}


class Counted:
    """Runs `crb check` and tells whether the engine was asked."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.capsys, self.asked = root, capsys, 0
        import lint_rules.run as engine

        real = engine.whole_project

        def counting(*args: object, **keywords: object) -> object:
            self.asked += 1
            return real(*args, **keywords)  # type: ignore[arg-type]

        monkeypatch.setattr(engine, "whole_project", counting)

    def check(self, *options: str) -> tuple[bool, list[str]]:
        """Whether the run was replayed, and the codes found."""
        before = self.asked
        cli.main(["check", str(self.root), "--output-format", "json", *options])
        return self.asked == before, [row["code"] for row in json.loads(self.capsys.readouterr().out)]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Counted:
    settle(write(tmp_path, SHOP))
    counted = Counted(tmp_path, monkeypatch, capsys)
    assert counted.check() == (False, ["CRB406"])
    assert counted.check() == (True, ["CRB406"])
    return counted


def test_an_unchanged_project_is_replayed_in_every_format(shop: Counted) -> None:
    assert shop.check("--output-format", "json", "--show-suppressed") == (True, ["CRB406"])
    assert shop.check() == (True, ["CRB406"])


def test_a_changed_file_is_seen(shop: Counted) -> None:
    write(shop.root, {"tasks.py": SHOP["tasks.py"].replace("(url)", "(url, timeout=5)")})
    assert shop.check() == (False, [])


def test_a_change_of_the_same_size_is_seen(shop: Counted) -> None:
    write(shop.root, {"tasks.py": SHOP["tasks.py"].replace("@shared_task", "#shared_task")})
    assert shop.check() == (False, [])


def test_a_change_of_size_under_the_same_time_is_seen(shop: Counted) -> None:
    status = (shop.root / "tasks.py").stat()
    write(shop.root, {"tasks.py": SHOP["tasks.py"] + "\n\n"})
    os.utime(shop.root / "tasks.py", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert shop.check()[0] is False


def test_a_new_file_is_seen(shop: Counted) -> None:
    write(shop.root, {"shop/more.py": SHOP["tasks.py"]})
    assert shop.check() == (False, ["CRB406", "CRB406"])


def test_a_new_directory_is_seen(shop: Counted) -> None:
    write(shop.root, {"other/more.py": SHOP["tasks.py"]})
    assert shop.check() == (False, ["CRB406", "CRB406"])


def test_a_removed_file_is_seen(shop: Counted) -> None:
    (shop.root / "tasks.py").unlink()
    assert shop.check() == (False, [])


def test_a_renamed_file_is_seen(shop: Counted) -> None:
    (shop.root / "tasks.py").rename(shop.root / "test_tasks.py")
    assert shop.check() == (False, [])


def test_a_changed_gitignore_is_seen(shop: Counted) -> None:
    write(shop.root, {".gitignore": "tasks.py\n"})
    assert shop.check() == (False, [])


def test_changed_settings_are_seen(shop: Counted) -> None:
    write(shop.root, {"pyproject.toml": '[tool.crb]\nignore = ["CRB101", "CRB406"]\n'})
    assert shop.check() == (False, [])


def test_settings_that_appear_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    settle(write(tmp_path, {"setup.cfg": "", "a/tasks.py": SHOP["tasks.py"]}))
    counted = Counted(tmp_path, monkeypatch, capsys)
    assert counted.check() == (False, ["CRB101", "CRB406"])
    assert counted.check()[0] is True
    write(tmp_path, {"pyproject.toml": SHOP["pyproject.toml"]})
    assert counted.check() == (False, ["CRB406"])


def test_other_options_are_another_run(shop: Counted) -> None:
    assert shop.check("--select", "CRB0") == (False, [])
    assert shop.check("--ignore", "CRB406") == (False, ["CRB101"])
    assert shop.check("--profile", "core") == (False, ["CRB406"])
    assert shop.check("--select", "CRB0") == (True, [])
    assert shop.check() == (True, ["CRB406"])


def test_without_the_cache_nothing_is_replayed_or_written(shop: Counted) -> None:
    shutil.rmtree(shop.root / ".crb_cache")
    assert shop.check("--no-cache") == (False, ["CRB406"])
    assert not (shop.root / ".crb_cache").exists()


def test_a_cache_elsewhere_is_used(shop: Counted, tmp_path: Path) -> None:
    shutil.rmtree(shop.root / ".crb_cache")
    elsewhere = str(tmp_path / ".kept")
    assert shop.check("--cache-dir", elsewhere)[0] is False
    assert shop.check("--cache-dir", elsewhere)[0] is True
    assert not (shop.root / ".crb_cache").exists()
    write(shop.root, {"pyproject.toml": '[tool.crb]\nignore = ["CRB101"]\ncache-dir = "kept/here"\n'})
    settle(shop.root)
    assert shop.check() == (False, ["CRB406"])
    assert shop.check() == (True, ["CRB406"])
    assert (shop.root / "kept" / "here" / "CACHEDIR.TAG").exists()
    assert not (shop.root / ".crb_cache").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"root": 1}', b"\xff\xfe", b'{"root": "/", "directories": {}}'])
def test_a_damaged_run_is_ignored_and_replaced(shop: Counted, content: bytes) -> None:
    (stored,) = (shop.root / ".crb_cache").glob("run-*.json")
    stored.write_bytes(content)
    assert shop.check() == (False, ["CRB406"])
    assert shop.check() == (True, ["CRB406"])


def test_a_run_of_another_directory_is_not_replayed(shop: Counted, tmp_path: Path) -> None:
    moved = tmp_path.parent / (tmp_path.name + "-moved")
    shutil.copytree(shop.root, moved)
    (stored,) = (moved / ".crb_cache").glob("run-*.json")
    assert replay.load(str(moved / ".crb_cache"), stored.stem.removeprefix("run-"), str(moved)) is None
    assert replay.load(str(shop.root / ".crb_cache"), stored.stem.removeprefix("run-"), str(shop.root)) is not None


def test_a_changed_linter_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = replay.key_of("x")
    monkeypatch.setattr(replay, "_engine", lambda: [("cli.py", 1, 1)])
    assert replay.key_of("x") != before


def test_a_file_written_just_before_the_run_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(write(tmp_path, SHOP))
    future = time.time_ns() + 3_600_000_000_000
    os.utime(tmp_path / "shop" / "net.py", ns=(future, future))
    counted = Counted(tmp_path, monkeypatch, capsys)
    assert counted.check()[0] is False
    assert counted.check()[0] is False
    settle(tmp_path / "shop")
    os.utime(tmp_path / "shop" / "net.py", (1, 1))
    assert counted.check()[0] is False
    assert counted.check()[0] is True


def test_the_cache_directory_is_marked_for_git_and_backups(shop: Counted) -> None:
    assert (shop.root / ".crb_cache" / ".gitignore").read_text() == "*\n"
    assert (shop.root / ".crb_cache" / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_facts_of_all_read_files_are_stored_and_decode(shop: Counted) -> None:
    stored = entries(shop.root / ".crb_cache")
    assert len(stored) == 2  # tasks.py, and net.py that it led to
    store = FactsStore(shop.root / ".crb_cache")
    for path in stored:
        encoded = store.get(path.parent.name + path.name)
        assert encoded is not None
        msgspec.msgpack.decode(encoded, type=ModuleFacts)
