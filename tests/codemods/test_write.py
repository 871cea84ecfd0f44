"""Files are replaced whole or not at all, whatever is in the way; what git would show is known beforehand."""

from __future__ import annotations

import errno
import os
import random
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import kill
from codemods import worktree
from codemods.change import Refused
from codemods.worktree import uncommitted
from codemods.write import TEMPORARY, NotWritten, clear_leftovers, read_original, write

OLD, NEW = b"old = 1\n", b"new = 1\r\n\xe9"
ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(sys.platform == "win32", reason="modes, owners, links and signals are those of POSIX")


def file_in(directory: Path, name: str = "a.py", data: bytes = OLD) -> Path:
    """A new file."""
    path = directory / name
    path.write_bytes(data)
    return path


def temporaries(directory: Path) -> list[Path]:
    """The temporary files below a directory, by the name that they promise to have."""
    return [path for path in directory.rglob("*") if TEMPORARY.fullmatch(path.name)]


def refusal(path: Path, data: bytes = NEW, meanwhile: Callable[[], object] = lambda: None) -> str:
    """Why a file cannot be written; what `meanwhile` does happens between reading and writing."""
    original = read_original(str(path))
    meanwhile()
    with pytest.raises(NotWritten) as caught:
        write(original, data)
    assert not temporaries(path.parent)
    return str(caught.value)


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process that runs Python code with the names of `codemods.write`."""
    begin = "import os, sys, time; from codemods.write import *; import codemods.write\n"
    return subprocess.Popen([sys.executable, "-c", begin + code, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def answer(code: str, *arguments: object) -> str:
    """What that process prints."""
    with python(code, *arguments) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return output.strip()


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_read_with_the_place_it_lies_at(tmp_path: Path) -> None:
    path = file_in(tmp_path)
    (tmp_path / "link.py").symlink_to(path)
    assert read_original(str(path)).data == OLD
    original = read_original(str(tmp_path / "link.py"))
    assert (original.path, original.target) == (str(tmp_path / "link.py"), os.path.realpath(path))


@posix
def test_what_is_no_readable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dangling.py").symlink_to("nowhere.py")
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "directory.py").mkdir()
    os.mkfifo(tmp_path / "fifo.py")  # opening it would wait for ever
    for name, reason in (
        ("missing.py", "it cannot be read: No such file or directory"),
        ("dangling.py", "it cannot be read: No such file or directory"),
        ("loop.py", "it cannot be read: Too many levels of symbolic links"),
        ("directory.py", "it is no regular file"),
        ("fifo.py", "it is no regular file"),
    ):
        with pytest.raises(Refused, match=reason):
            read_original(str(tmp_path / name))


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("data", [NEW, b"", OLD * 200_000])
def test_the_content_is_replaced_and_nothing_is_left(tmp_path: Path, data: bytes) -> None:
    path = file_in(tmp_path)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    write(read_original(str(path)), data)
    assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["a.py"]
    assert path.stat().st_mtime > time.time() - 60  # editors and caches must see that it changed


def test_what_is_written_already_is_not_written_again(tmp_path: Path) -> None:
    path = file_in(tmp_path)
    before = path.stat()
    write(read_original(str(path)), OLD)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@posix
@pytest.mark.parametrize("mode", [0o644, 0o600, 0o755, 0o664, 0o666, 0o464])
def test_the_mode_stays(tmp_path: Path, mode: int) -> None:
    path = file_in(tmp_path)
    path.chmod(mode)
    write(read_original(str(path)), NEW)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    path = file_in(tmp_path)
    os.chown(path, 12345, 23456)
    path.chmod(0o2755)  # changing the owner clears this bit
    write(read_original(str(path)), NEW)
    assert (path.stat().st_uid, path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (12345, 23456, 0o2755)


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_extended_attributes_stay(tmp_path: Path) -> None:
    path = file_in(tmp_path)
    try:
        os.setxattr(path, "user.origin", b"somewhere")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    write(read_original(str(path)), NEW)
    assert os.getxattr(path, "user.origin") == b"somewhere"


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = file_in(tmp_path / "elsewhere")
    (tmp_path / "between.py").symlink_to("elsewhere/a.py")
    link = tmp_path / "link.py"
    link.symlink_to("between.py")
    replace = os.replace
    renamed: list[tuple[str, str]] = []

    def recorded(temporary: str, into: str) -> None:
        renamed.append((temporary, into))
        replace(temporary, into)

    monkeypatch.setattr(os, "replace", recorded)
    write(read_original(str(link)), NEW)
    assert [(os.path.dirname(temporary), into) for temporary, into in renamed] == [(str(target.parent), str(target))]
    assert (os.readlink(link), os.readlink(tmp_path / "between.py")) == ("between.py", "elsewhere/a.py")
    assert target.read_bytes() == NEW
    assert not target.is_symlink()


def test_a_name_as_long_as_names_can_be(tmp_path: Path) -> None:
    path = file_in(tmp_path, "é" * 126 + ".py")
    write(read_original(str(path)), NEW)
    assert path.read_bytes() == NEW


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_read_only_file_is_refused_to_root_too(tmp_path: Path) -> None:
    path = file_in(tmp_path)
    path.chmod(0o444)
    assert refusal(path) == "it is read-only: nobody has the right to write to it"
    assert path.read_bytes() == OLD


@posix
def test_a_read_only_directory_is_refused_to_root_too(tmp_path: Path) -> None:
    path = file_in(tmp_path)
    tmp_path.chmod(0o555)
    try:
        assert refusal(path) == f"the directory {tmp_path} is read-only: nobody has the right to replace files in it"
    finally:
        tmp_path.chmod(0o755)
    assert path.read_bytes() == OLD


AS_NOBODY = """
original = read_original(sys.argv[1])
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    write(original, b"new")
    print("written")
except NotWritten as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs files of two users")
@pytest.mark.parametrize(
    ("owner", "directory_mode", "said"),
    [
        (0, 0o777, "this user may not write to it"),
        (65534, 0o755, "this user may not replace files in the directory"),
        (65534, 0o777, "written"),
        (0, 0o1777, "this user may not write to it"),
    ],
)
def test_a_user_without_the_rights_is_told_so(owner: int, directory_mode: int, said: str) -> None:
    with tempfile.TemporaryDirectory() as temporary:  # (that of pytest is closed to others)
        path = file_in(Path(temporary))
        path.chmod(0o644)
        os.chown(path, owner, owner)
        os.chmod(temporary, directory_mode)
        assert answer(AS_NOBODY, path).startswith(said)
        assert path.read_bytes() == (b"new" if said == "written" else OLD)
        assert os.listdir(temporary) == ["a.py"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs files of two users")
def test_another_users_file_in_a_sticky_directory(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        path = file_in(Path(temporary))
        path.chmod(0o666)
        os.chmod(temporary, 0o1777)
        assert answer(AS_NOBODY, path) == "the system refused: Operation not permitted"
        assert path.read_bytes() == OLD
        assert os.listdir(temporary) == ["a.py"]


def test_hard_links_are_refused(tmp_path: Path) -> None:
    path = file_in(tmp_path)
    os.link(path, tmp_path / "b.py")
    assert refusal(path) == "it has 2 names (hard links), and the others would keep the old text"
    assert path.read_bytes() == (tmp_path / "b.py").read_bytes() == OLD


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
def test_a_full_disk(tmp_path: Path) -> None:
    path = file_in(tmp_path)
    code = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write(read_original(sys.argv[1]), b"x" * 1_000_000)
except NotWritten as error:
    print(error)
"""
    assert answer(code, path) == "the system refused: File too large"
    assert path.read_bytes() == OLD
    assert os.listdir(tmp_path) == ["a.py"]


# ── while it is being rewritten ──────────────────────────────────────────────────────────────────────────────────────

CHANGED = "it was changed while it was being rewritten; run again"
REMOVED = "it was removed or renamed while it was being rewritten; run again"


def change_keeping_size_and_time(path: Path) -> None:
    before = path.stat()
    path.write_bytes(OLD.replace(b"1", b"2"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_change_after_reading_is_kept(tmp_path: Path) -> None:
    path = file_in(tmp_path)
    assert refusal(path, meanwhile=lambda: change_keeping_size_and_time(path)) == CHANGED
    assert path.read_bytes() == b"old = 2\n"


def test_a_removed_file_is_not_brought_back(tmp_path: Path) -> None:
    path = file_in(tmp_path)
    assert refusal(path, meanwhile=path.unlink) == REMOVED
    assert not path.exists()


def test_a_link_that_leads_elsewhere_by_now(tmp_path: Path) -> None:
    path, other = file_in(tmp_path), file_in(tmp_path, "b.py")
    link = tmp_path / "link.py"
    link.symlink_to(path)

    def turn() -> None:
        link.unlink()
        link.symlink_to(other)

    assert refusal(link, meanwhile=turn) == CHANGED
    assert path.read_bytes() == other.read_bytes() == OLD


@pytest.mark.parametrize(
    ("change", "said", "left"),
    [
        ("open(path, 'ab').write(b'more = 1\\n')", CHANGED, OLD + b"more = 1\n"),
        ("open(path + '~', 'wb').write(b'saved = 1\\n'); os.replace(path + '~', path)", CHANGED, b"saved = 1\n"),
        ("os.unlink(path)", REMOVED, None),
    ],
)
def test_another_process_changes_it_during_the_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, said: str, left: bytes | None
) -> None:
    path = file_in(tmp_path)
    synced = os.fsync

    def interrupted(descriptor: int) -> None:
        synced(descriptor)
        subprocess.run([sys.executable, "-c", f"import os, sys; path = sys.argv[1]; {change}", path], check=True)

    monkeypatch.setattr(os, "fsync", interrupted)
    assert refusal(path) == said
    assert (path.read_bytes() if path.exists() else None) == left


@pytest.mark.parametrize("call", ["stat", "chmod", "utime", "fsync", "replace"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError, OSError(errno.ENOSPC, "No space left on device")])
def test_an_interruption_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: BaseException | type[BaseException]
) -> None:
    path = file_in(tmp_path)
    original = read_original(str(path))

    def fail(*arguments: object, **others: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        if isinstance(error, OSError):
            with pytest.raises(NotWritten, match="the system refused: No space left on device"):
                write(original, NEW)
        else:
            with pytest.raises(error):  # type: ignore[arg-type]
                write(original, NEW)
    assert path.read_bytes() == OLD
    assert os.listdir(tmp_path) == ["a.py"]


# ── killed ───────────────────────────────────────────────────────────────────────────────────────────────────────────

HANGING = """
def hang(*paths):
    print("here", flush=True)
    time.sleep(60)
os.replace = hang
write(read_original(sys.argv[1]), b"new")
"""


@contextmanager
def writer_that_hangs(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process with its temporary file written, just before it would rename it."""
    with python(HANGING, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        yield process
        process.kill()


@posix
def test_the_file_of_a_living_writer_is_left_alone_and_that_of_a_killed_one_removed(tmp_path: Path) -> None:
    path = file_in(tmp_path)
    with writer_that_hangs(path) as process:
        (temporary,) = temporaries(tmp_path)
        assert TEMPORARY.fullmatch(temporary.name)["process"] == str(process.pid)  # type: ignore[index]
        assert clear_leftovers([str(tmp_path)]) == []
        assert temporary.exists()
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, but its parent has not asked: a zombie still has its number
        assert temporary.exists()
        assert clear_leftovers([str(tmp_path)]) == [str(temporary)]
    assert os.listdir(tmp_path) == ["a.py"]
    assert path.read_bytes() == OLD


@posix
def test_where_files_cannot_be_locked_the_number_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def no_locks(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with python("pass") as ended:
        ended.wait()
    running = file_in(tmp_path, f".crb-rewrite-{os.getpid()}-0123abcd.tmp")
    gone = file_in(tmp_path, f".crb-rewrite-{ended.pid}-0123abcd.tmp")
    never = file_in(tmp_path, ".crb-rewrite-9999999999-0123abcd.tmp")
    assert set(clear_leftovers([str(tmp_path)])) == {str(gone), str(never)}
    assert running.exists()


def test_only_files_of_ours_are_removed(tmp_path: Path) -> None:
    ours = file_in(tmp_path, f".crb-rewrite-{os.getpid()}-0123abcd.tmp")  # of an earlier process with the number of this one
    others = [
        file_in(tmp_path, name)
        for name in ("a.py", "b.tmp", ".crb-rewrite-1-0123abcd.tmp.py", "crb-rewrite-1-0123abcd.tmp", ".crb-rewrite-x-0123abcd.tmp")
    ]
    (tmp_path / ".crb-rewrite-1-00000000.tmp").mkdir()
    (tmp_path / ".crb-rewrite-1-11111111.tmp").symlink_to("a.py")
    (tmp_path / "below").mkdir()
    others.append(file_in(tmp_path / "below", ".crb-rewrite-1-0123abcd.tmp"))
    assert clear_leftovers([str(tmp_path), str(tmp_path), str(tmp_path / "missing"), str(others[0])]) == [str(ours)]
    assert all(path.exists() for path in others)
    assert (tmp_path / ".crb-rewrite-1-00000000.tmp").is_dir()
    assert os.path.lexists(tmp_path / ".crb-rewrite-1-11111111.tmp")


WRITING = """
path = sys.argv[1]
texts = [letter * 5_000_000 for letter in (b"a", b"b")]
print("here", flush=True)
while True:
    original = read_original(path)
    write(original, texts[original.data == texts[0]])
"""


@posix
def test_a_kill_at_any_moment_leaves_one_text_or_the_other(tmp_path: Path) -> None:
    texts = [letter * 5_000_000 for letter in (b"a", b"b")]
    path = file_in(tmp_path, data=texts[0])
    moments = random.Random(3)
    seen = set()
    left = 0
    for _ in range(10):
        with python(WRITING, path) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "here\n"
            deadline = time.monotonic() + moments.uniform(0.05, 0.2)
            while time.monotonic() < deadline:
                seen.add(path.read_bytes())  # readers see whole texts as well
            process.kill()
        seen.add(path.read_bytes())
        left += len(temporaries(tmp_path))
        clear_leftovers([str(tmp_path)])
        assert os.listdir(tmp_path) == ["a.py"]
    assert seen == set(texts)
    assert left > 0  # else the kills were too gentle to show anything


TOOL = """
import sys, time
from pathlib import Path
IMPORT
for path in sorted(Path(sys.argv[1]).glob("*.py")):
    new = path.read_bytes().replace(b"old", b"new")
    WRITE
"""
SAFE = ("from codemods.write import *; clear_leftovers([sys.argv[1]])", "write(read_original(str(path)), new)")
TORN = ("", "path.write_bytes(new[:1000]); time.sleep(0.01); path.write_bytes(new)")
LITTERING = ("import os", "other = Path(f'{path}.{os.getpid()}'); other.write_bytes(new); time.sleep(0.01); other.replace(path)")


@posix
@pytest.mark.parametrize(("tool", "said"), [(SAFE, " 0 violations"), (TORN, "neither old"), (LITTERING, "after the rerun")])
def test_the_kill_benchmark_tells_a_tool_that_writes_safely(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tool: tuple[str, str], said: str
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for number in range(20):
        file_in(project, f"m{number}.py", b"old\n" * 200_000)
    script = file_in(tmp_path, "tool.py", TOOL.replace("IMPORT", tool[0]).replace("WRITE", tool[1]).encode())
    arguments = ["--runs", "6", "--project", str(project), "--command", f"{sys.executable} {script}", "--seed", "1"]
    assert kill.main(arguments) == (0 if tool is SAFE else 1)
    assert said in capsys.readouterr().out


# ── git ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def git(directory: Path, *arguments: str) -> None:
    settings = ("user.name=a", "user.email=a@b.c", "commit.gpgsign=false", "protocol.file.allow=always")
    subprocess.run(
        ["git", *(word for each in settings for word in ("-c", each)), *arguments], cwd=directory, check=True, capture_output=True
    )


def committed(directory: Path, *names: str) -> Path:
    """A repository with these files, all committed."""
    directory.mkdir(parents=True, exist_ok=True)
    git(directory, "init", "-q")
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        file_in(directory, name, f"# {name}\n".encode() * 20)
    git(directory, "add", ".")
    git(directory, "commit", "-qm", "first")
    return directory


def test_what_git_calls_changed(tmp_path: Path) -> None:
    odd = ['q"u o\té.py', "-x.py", "[a]*.py", ":(top)b.py", "new\nline.py"]
    root = committed(tmp_path, "clean.py", "edited.py", "staged.py", "moved.py", "pkg/deep.py", "pkg/clean.py", *odd)
    assert uncommitted(str(root), ["clean.py", "edited.py", *odd]) == []
    for name in ("edited.py", "staged.py", "pkg/deep.py", *odd):
        file_in(root, name, NEW)
    git(root, "add", "staged.py")
    git(root, "mv", "moved.py", "there.py")
    file_in(root, "fresh.py")
    (root / "folder/inner").mkdir(parents=True)
    file_in(root, "folder/inner/fresh.py")
    file_in(root, ".gitignore", b"ignored.py\n")
    file_in(root, "ignored.py")
    changed = ["edited.py", "staged.py", "pkg/deep.py", *odd, "moved.py", "there.py", "fresh.py", "folder/inner/fresh.py"]
    same = ["clean.py", "pkg/clean.py", "ignored.py", "missing.py"]
    assert uncommitted(str(root), same + changed) == changed
    absolute = [str(root / name) for name in changed]
    assert uncommitted(str(root / "pkg"), absolute) == absolute
    assert uncommitted(str(root / "pkg"), iter(["deep.py", "clean.py"])) == ["deep.py"]
    assert uncommitted(str(root), []) == []


def test_files_of_other_repositories_and_of_none(tmp_path: Path) -> None:
    root = committed(tmp_path / "root", "a.py", "b.py")
    other = committed(tmp_path / "other", "a.py", "b.py")
    git(root, "submodule", "add", "-q", str(other), "sub")
    git(root, "commit", "-qm", "second")
    git(other, "worktree", "add", "-q", str(tmp_path / "linked"))
    outside = file_in(tmp_path, "outside.py")
    changed = [root / "a.py", root / "sub/a.py", other / "a.py", tmp_path / "linked/a.py"]
    everything = [*changed, *(path.with_name("b.py") for path in changed), outside]
    assert uncommitted(str(root), map(str, everything)) == []
    for path in changed:
        path.write_bytes(NEW)
    assert uncommitted(str(root), map(str, everything)) == [str(path) for path in changed]


def test_links_stand_for_what_they_lead_to(tmp_path: Path) -> None:
    root = committed(tmp_path / "root", "a.py", "b.py")
    file_in(root, "a.py", NEW)
    (tmp_path / "way").symlink_to(root)
    (root / "link.py").symlink_to("b.py")  # itself untracked, but it is not what is rewritten
    (root / "changed.py").symlink_to("a.py")
    names = ["a.py", "b.py", "link.py", "changed.py"]
    assert uncommitted(str(tmp_path / "way"), names) == ["a.py", "changed.py"]


def test_a_hook_of_another_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = committed(tmp_path / "root", "a.py", "b.py")
    other = committed(tmp_path / "other", "c.py")
    file_in(root, "a.py", NEW)
    for name, place in (("GIT_DIR", ".git"), ("GIT_INDEX_FILE", ".git/index")):
        with monkeypatch.context() as patch:
            patch.setenv(name, str(other / place))
            assert uncommitted(str(root), ["a.py", "b.py"]) == ["a.py"]


def test_without_an_answer_from_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = committed(tmp_path / "root", "a.py")
    file_in(root, "a.py", NEW)
    (tmp_path / "none").mkdir()
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow/git").write_text(f"#!{sys.executable}\nimport time\ntime.sleep(30)\n")
    (tmp_path / "slow/git").chmod(0o755)
    assert uncommitted(str(root), ["a.py"]) == ["a.py"]
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path / "none"))
        assert uncommitted(str(root), ["a.py"]) == []
        patch.setenv("PATH", str(tmp_path / "slow"))
        patch.setattr(worktree, "SECONDS", 0.2)
        began = time.monotonic()
        assert uncommitted(str(root), ["a.py"]) == []
        assert time.monotonic() - began < 10
    (root / ".git/HEAD").write_text("rubbish")
    assert uncommitted(str(root), ["a.py"]) == []
