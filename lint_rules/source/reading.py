"""Files to facts: the byte prefilter, the store, and as many processes as it pays to use."""

from __future__ import annotations

import multiprocessing
import multiprocessing.pool
import os
import sys
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

import msgspec

from lint_rules.facts.model import ModuleFacts
from lint_rules.facts.store import FactsStore
from lint_rules.source.decode import Unreadable, decode

TOKENS = (
    *(b"celery", b"shared_task", b"soft_time_limit", b"register_task", b"best_practices", b"crb"),
    *(b".task(", b".task\n", b".task\r", b".task ", b".task,", b".task)"),
)
"""A file that declares a task, or speaks to this linter, has one of these in it, in lower or upper case."""

WORTH_SCANNING_TOGETHER = 150
"""Files to search in before a second process saves more than it costs to start."""

SEARCHED_TOGETHER = 100
"""Files that a process searches at a time."""

WORTH_PARSING_TOGETHER = 4
"""Files to parse in one go before they are shared out among processes that run already."""

_DECODER = msgspec.msgpack.Decoder(ModuleFacts)
_ENCODER = msgspec.msgpack.Encoder()

Error = tuple[str, int, int]
Read = tuple[str, bytes | None, Error | None]
"""A file, its facts as bytes, or why there are none."""


def facts_of(data: bytes) -> ModuleFacts:
    """The facts of a file's content.

    Raises:
        Unreadable: it is no Python that can be analysed.
    """
    from lint_rules.facts.extract import extract
    from lint_rules.source.grammar import parse
    from lint_rules.suppressions import comments_in

    text = decode(data)
    try:
        tree, parsed = parse(text)
        return extract(tree, parsed, comments_in(text))
    except (RecursionError, MemoryError):
        raise Unreadable("the code is nested too deeply to be analysed") from None


class _Files:
    """Reading one file after the other, in this process or a worker."""

    def __init__(self, root: str, store: FactsStore | None, overlay: Mapping[str, bytes]) -> None:
        self.root = root
        self.store = store
        self.overlay = overlay

    def content(self, file: str) -> bytes:
        if file in self.overlay:
            return self.overlay[file]
        try:
            with open(os.path.join(self.root, file), "rb", buffering=0) as handle:
                return handle.read()
        except OSError as error:
            raise Unreadable(error.strerror or str(error)) from None

    def matching(self, files: list[str], tokens: Sequence[bytes]) -> list[Read]:
        """The facts of the files in which a token is found; files that cannot be read count as well."""
        found: list[Read] = []
        for file in files:
            try:
                data = self.content(file)
            except Unreadable as error:
                found.append((file, None, (error.reason, error.row, error.column)))
                continue
            lowered = data.lower()
            if any(token in lowered for token in tokens):
                found.append(self._read(file, data))
        return found

    def facts(self, files: list[str]) -> list[Read]:
        """The facts of the files."""
        found: list[Read] = []
        for file in files:
            try:
                data = self.content(file)
            except Unreadable as error:
                found.append((file, None, (error.reason, error.row, error.column)))
            else:
                found.append(self._read(file, data))
        return found

    def _read(self, file: str, data: bytes) -> Read:
        key = blake2b(data, digest_size=20).hexdigest()
        stored = self.store.get(key) if self.store is not None else None
        if stored is not None:
            return file, stored, None
        try:
            encoded = _ENCODER.encode(facts_of(data))
        except Unreadable as error:
            return file, None, (error.reason, error.row, error.column)
        if self.store is not None:
            self.store.put(key, encoded)
        return file, encoded, None


_worker: _Files


def _start_worker(files: _Files) -> None:
    global _worker
    import gc

    if hasattr(os, "nice"):
        os.nice(10)  # what is read ahead must not hold up what is being worked on
    gc.disable()  # facts and trees have no cycles worth looking for in a process that ends soon
    _worker = files
    facts_of(b"")  # loads what parsing needs while the first files are still being listed


def _matching(job: tuple[list[str], Sequence[bytes]]) -> list[Read]:
    return _worker.matching(*job)


def _facts(files: list[str]) -> list[Read]:
    return _worker.facts(files)


class Reader:
    """Reads the files below a root; remembers which could not be read. A context manager: leaving it ends its processes."""

    def __init__(self, root: Path, store: FactsStore | None = None, jobs: int = 1, overlay: Mapping[str, bytes] | None = None) -> None:
        self.unreadable: dict[str, Unreadable] = {}
        self._files = _Files(str(root), store, overlay or {})
        self._jobs = jobs or min(processors(), 8)
        self._pool: multiprocessing.pool.Pool | None = None
        self._kept: dict[str, ModuleFacts] = {}
        self._tokens: Sequence[bytes] = TOKENS
        self._unsearched: list[str] = []
        self._searches: list[multiprocessing.pool.AsyncResult[list[Read]]] = []
        self._begun: dict[tuple[bytes, ...], Iterable[list[Read]]] = {}
        self._requested: deque[str] = deque()
        self._coming: set[str] = set()
        self._arrived: SimpleQueue[list[Read] | BaseException] = SimpleQueue()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool.join()
            self._pool = None  # what is still asked for is read by this process

    def start(self, files: Iterable[str], decorator_globs: Iterable[str]) -> None:
        """Begin to look for the files that may declare tasks; `look_at` adds more files, `celery_files` gives what is found."""
        names = [glob.rpartition(".")[2].strip("*") for glob in decorator_globs]
        self._tokens = (*TOKENS, *_tokens(names))
        self.look_at(files)

    def look_at(self, files: Iterable[str]) -> None:
        """More files that may declare tasks; in a large project they are searched at once, by other processes."""
        self._unsearched += files
        if self._jobs > 1 and (self._pool is not None or len(self._unsearched) >= WORTH_SCANNING_TOGETHER):
            while len(self._unsearched) >= SEARCHED_TOGETHER:
                group, self._unsearched = self._unsearched[:SEARCHED_TOGETHER], self._unsearched[SEARCHED_TOGETHER:]
                self._searches.append(self._processes().apply_async(_matching, ((group, self._tokens),)))

    def content(self, file: str) -> bytes:
        """The bytes of any file below the root. Raises Unreadable."""
        return self._files.content(file)

    def celery_files(self) -> list[str]:
        """The files that may declare tasks."""
        rest = self._files.matching(self._unsearched, self._tokens)
        self._unsearched = []
        return self._found([*(search.get() for search in self._searches), rest])

    def begin_naming(self, files: list[str], names: Iterable[str]) -> None:
        """Let other processes, where there are any, begin with what `files_naming` will be asked."""
        tokens = _tokens(names)
        if self._pool is not None and tokens not in self._begun:
            size = SEARCHED_TOGETHER
            groups = [(files[start : start + size], tokens) for start in range(0, len(files), size)]
            self._begun[tokens] = self._pool.imap_unordered(_matching, groups)

    def files_naming(self, files: list[str], names: Iterable[str]) -> list[str]:
        """The files with one of the names in them."""
        tokens = _tokens(names)
        if self._pool is None:
            return self._found([self._files.matching(files, tokens)])
        self.begin_naming(files, names)
        return self._found(self._begun.pop(tokens))

    def _found(self, searched: Iterable[list[Read]]) -> list[str]:
        found = [read for group in searched for read in group]
        self._take(found)
        return sorted(file for file, encoded, _ in found if encoded is not None)

    def facts(self, files: list[str]) -> Mapping[str, ModuleFacts | None]:
        """The facts of files, None for those that cannot be read (see `unreadable`)."""
        missing = [file for file in files if file not in self._kept and file not in self.unreadable]
        if self._pool is not None and len(missing) >= WORTH_PARSING_TOGETHER:
            for group in self._pool.imap_unordered(_facts, [[file] for file in missing]):
                self._take(group)
        else:
            self._take(self._files.facts(missing))
        return {file: self._kept.pop(file, None) for file in files}

    def request(self, file: str) -> None:
        """Begin to read a file; `receive` gives its facts."""
        self._requested.append(file)
        if self._pool is not None and file not in self._kept and file not in self.unreadable:
            self._pool.apply_async(_facts, ([file],), callback=self._arrived.put, error_callback=self._arrived.put)
            self._coming.add(file)

    def receive(self) -> Mapping[str, ModuleFacts | None]:
        """The facts of the file that was requested first, none where nothing is requested.

        The order in which files are given does not depend on how long each takes: the same project gives the same answers.
        """
        if not self._requested:
            return {}
        file = self._requested.popleft()
        while file in self._coming:
            group = self._arrived.get()
            if isinstance(group, BaseException):
                raise group
            self._take(group)
            self._coming.difference_update(read[0] for read in group)
        if file not in self._kept and file not in self.unreadable:
            self._take(self._files.facts([file]))
        return {file: self._kept.pop(file, None)}

    def _take(self, found: Iterable[Read]) -> None:
        for file, encoded, error in found:
            if error is not None:
                self.unreadable[file] = Unreadable(*error)
            elif encoded is not None:
                try:
                    self._kept[file] = _DECODER.decode(encoded)
                except (msgspec.DecodeError, RecursionError):  # a damaged cache entry
                    self._files.store = None
                    self._take(self._files.facts([file]))

    def _processes(self) -> multiprocessing.pool.Pool:
        if self._pool is None:
            sys.setswitchinterval(0.0005)  # facts that arrive are taken in at once, also while this thread computes
            method = "fork" if sys.platform.startswith("linux") else "spawn"
            self._pool = multiprocessing.get_context(method).Pool(self._jobs, _start_worker, (self._files,))
        return self._pool


def _tokens(names: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(name.lower().encode() for name in sorted(names) if name)


def processors() -> int:
    """How many processes can run at once."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every platform
        return os.cpu_count() or 1
