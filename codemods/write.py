"""Replacing a file's content so that it is, at any moment, either all old or all new.

The new text goes to a temporary file beside the old one, which is then renamed over it. It stays locked for as long as its writer lives:
one that nobody has locked was left by a killed run. (Process ids do not tell: containers give everyone the same few.)
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress

from msgspec import Struct

from codemods.change import Refused

if sys.platform != "win32":
    import fcntl

TEMPORARY = re.compile(r"\.crb-rewrite-(?P<process>\d+)-[0-9a-f]{8}\.tmp")
"""The names of temporary files. They do not hold the name of the file, which might be too long to add to."""


class NotWritten(Exception):
    """A file that was left as it was; the text is a clause that says why."""


class Original(Struct, frozen=True):
    """A file as it was read."""

    path: str
    """As given."""
    target: str
    """Where it lies, links resolved."""
    data: bytes


def read_original(path: str) -> Original:
    """Read a file that is to be rewritten.

    Raises:
        Refused: it is no regular file, or cannot be read.
    """
    try:
        target = os.path.realpath(path, strict=True)
        if not stat.S_ISREG(os.stat(target).st_mode):
            raise Refused("it is no regular file")
        return Original(path, target, _content(target))
    except OSError as error:
        raise Refused(f"it cannot be read: {error.strerror or error}") from None


def write(original: Original, data: bytes) -> None:
    """Replace the file's content; a link to it stays a link. Nothing happens where that is the content already.

    Mode and, where this user may set them, owner, group and extended attributes stay what they were. A file with several names (hard
    links) is refused: replacing one would leave the old text under the others, writing in place could be caught half-way.

    Raises:
        NotWritten: the file or its directory is read-only (for root, too, when the mode lets nobody write), the file has changed since it
            was read, or the system would not write it (disk full, ...). The file is as it was.
    """
    if data == original.data:
        return
    temporary = os.path.join(os.path.dirname(original.target), f".crb-rewrite-{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        status = os.stat(original.target)
        _check_writable(original.target, status)
        with open(temporary, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            if sys.platform != "win32":
                with suppress(OSError):  # a file system without locks
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _take_over(original.target, status, temporary)
            file.write(data)
            file.flush()
            # Kills do not need this, power cuts do: some file systems store the rename before the content, which leaves an empty file.
            # That the rename itself may get lost is no harm, so the directory is not synced.
            os.fsync(file.fileno())
            os.utime(temporary)
            if sys.platform == "win32":
                file.close()  # open files cannot be renamed there
            if os.path.realpath(original.path) != original.target or _content(original.target) != original.data:
                raise NotWritten("it was changed while it was being rewritten; run again")
            os.replace(temporary, original.target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, FileNotFoundError):
            raise NotWritten("it was removed or renamed while it was being rewritten; run again") from None
        if isinstance(error, OSError):
            raise NotWritten(f"the system refused: {error.strerror or error}") from None
        raise


def clear_leftovers(directories: Iterable[str]) -> list[str]:
    """Remove the temporary files that killed runs left in these directories, and say which.

    They lie where the file itself does: for a link, in the directory that it leads to.
    """
    removed = []
    for directory in directories:
        found: list[tuple[str, int]] = []
        with suppress(OSError), os.scandir(directory) as entries:
            found = [(entry.path, int(name["process"])) for entry in entries if (name := TEMPORARY.fullmatch(entry.name))]
        for path, process in found:
            with suppress(OSError):  # someone else's, or gone by now
                if _is_abandoned(path, process):
                    os.unlink(path)
                    removed.append(path)
    return removed


def _check_writable(target: str, status: os.stat_result) -> None:
    directory = os.path.dirname(target)
    if not status.st_mode & 0o222:
        raise NotWritten("it is read-only: nobody has the right to write to it")
    if not os.access(target, os.W_OK):
        raise NotWritten("this user may not write to it")
    if sys.platform != "win32" and not os.stat(directory).st_mode & 0o222:  # there, a directory's bit is about its icon
        raise NotWritten(f"the directory {directory} is read-only: nobody has the right to replace files in it")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise NotWritten(f"this user may not replace files in the directory {directory}")
    if status.st_nlink > 1:
        raise NotWritten(f"it has {status.st_nlink} names (hard links), and the others would keep the old text")


def _take_over(target: str, status: os.stat_result, temporary: str) -> None:
    """Give the new file what is known of the old one beside its content."""
    if sys.platform != "win32":
        for owner, group in ((-1, status.st_gid), (status.st_uid, -1)):
            with suppress(OSError):
                os.chown(temporary, owner, group)
    with suppress(OSError):
        shutil.copystat(target, temporary)  # extended attributes and flags
    os.chmod(temporary, stat.S_IMODE(status.st_mode))


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _is_abandoned(path: str, process: int) -> bool:
    """Whether the writer of a temporary file no longer runs. On Windows an open file cannot be removed: trying tells."""
    if sys.platform != "win32":
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks: go by the number
            return not _runs(process)
        finally:
            os.close(descriptor)
    return True


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
