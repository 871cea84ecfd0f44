"""Files to facts: the byte prefilter, the store, and as many processes as it pays to use."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from types import TracebackType

from lint_rules.facts.model import ModuleFacts
from lint_rules.facts.store import FactsStore
from lint_rules.source.decode import Unreadable, decode

TOKENS = re.compile(rb"(?i)celery|shared_task|\.task\b|register_task|best_practices|\bcrb[0-9:]")
"""A file that declares a task, or speaks to this linter, has one of these in it."""

WORTH_A_POOL = 60
"""Files to parse before starting processes costs less than it saves."""


def read_bytes(root: str, file: str) -> bytes:
    """The content of a file of the project.

    Raises:
        Unreadable: it cannot be opened or read.
    """
    try:
        with open(os.path.join(root, file), "rb", buffering=0) as handle:
            return handle.read()
    except OSError as error:
        raise Unreadable(f"{error.strerror or error}") from None


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
        return extract(parse(text), text, comments_in(text))
    except (RecursionError, MemoryError):
        raise Unreadable("the code is nested too deeply to be analysed") from None


class Reader:
    """Reads the files below a root; remembers which could not be read. A context manager: leaving it ends its processes."""

    def __init__(self, root: Path, store: FactsStore | None = None, jobs: int = 1) -> None:
        self.root = str(root)
        self.store = store
        self.jobs = jobs
        self.unreadable: dict[str, Unreadable] = {}

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def celery_files(self, files: Iterable[str], decorator_globs: Iterable[str]) -> list[str]:
        """The files that may declare tasks."""
        names = [glob.rpartition(".")[2].strip("*") for glob in decorator_globs]
        return self._matching(files, [TOKENS, *([_any_of(names)] if any(names) else [])])

    def files_naming(self, files: Iterable[str], names: Iterable[str]) -> list[str]:
        """The files with one of the names in them."""
        return self._matching(files, [_any_of(names)])

    def _matching(self, files: Iterable[str], patterns: list[re.Pattern[bytes]]) -> list[str]:
        found = []
        for file in files:
            try:
                data = read_bytes(self.root, file)
            except Unreadable as error:
                self.unreadable[file] = error
                continue
            if any(pattern.search(data) for pattern in patterns):
                found.append(file)
        return found

    def facts(self, files: list[str]) -> Mapping[str, ModuleFacts | None]:
        """The facts of files, None for those that cannot be read (see `unreadable`)."""
        return {file: self._facts(file) for file in files}

    def _facts(self, file: str) -> ModuleFacts | None:
        try:
            data = read_bytes(self.root, file)
            key = blake2b(data, digest_size=20).hexdigest()
            stored = self.store.get(key) if self.store is not None else None
            if stored is not None:
                return stored
            facts = facts_of(data)
            if self.store is not None:
                self.store.put(key, facts)
            return facts
        except Unreadable as error:
            self.unreadable[file] = error
            return None


def _any_of(names: Iterable[str]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(re.escape(name.encode()) for name in sorted(names) if name))
