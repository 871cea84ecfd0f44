"""The knowledge tables, read once: which library calls have which effect, and what library calls return."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field


class Effect(StrEnum):
    """What a call does besides computing."""

    NETWORK = "network"
    DB = "db"
    REDIS = "redis"
    SUBPROCESS = "subprocess"
    FILE = "file"
    SLEEP = "sleep"
    CPU = "cpu"
    LIKELY_NETWORK = "likely-network"
    """By its name: a function of a library without rows that is called send, notify, fetch ... Good for a label, not for a finding."""
    DISPATCH = "dispatch"
    """Sends a Celery task."""
    RESULT = "result"
    """Waits for the result of a Celery task."""
    AFTER_COMMIT = "after-commit"
    """Runs the function it is given once the transaction is over."""


THIRD_PARTY_MODEL = re.compile(r"\w+(\.\w+)*\.models(\.\w+)?\.[A-Z]\w*")
"""A class in a module `models` of a library that no row knows: by Django's convention a model. `django.db.models` itself has rows."""


class CallRow(Struct, frozen=True):
    """What is known of a library call."""

    effect: Effect
    source: str
    timeout: str | None = None
    """The keyword that bounds a call which else waits for ever."""
    timeout_position: int | None = None
    is_async: bool = False
    in_loop: bool = False
    """Whether the row is about calls inside a loop only (hashing chunk after chunk)."""


class Tables(Struct):
    """All rows, ready to be asked."""

    exact: dict[str, CallRow | None] = field(default_factory=dict)
    """None for what a broader pattern would claim and what is known to do nothing (`effect = "none"`)."""
    below: dict[str, CallRow] = field(default_factory=dict)
    """`X.**` by X."""
    one_step: dict[str, dict[str, CallRow]] = field(default_factory=dict)
    """Patterns with one `*` in the middle: what stands before it, then what stands behind it."""
    patterns: dict[str, list[tuple[str, CallRow]]] = field(default_factory=dict)
    """Other patterns by what stands before their first `*`."""
    returns: dict[str, str] = field(default_factory=dict)
    return_patterns: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)
    bases: dict[str, list[str]] = field(default_factory=dict)
    transactions: set[str] = field(default_factory=set)
    strong: dict[str, Effect] = field(default_factory=dict)
    harmless: set[str] = field(default_factory=set)
    local: set[str] = field(default_factory=set)
    """Packages that wait for nobody, whatever their functions are called."""

    def add(self, table: Mapping[str, Any]) -> None:
        """Take in one parsed TOML table."""
        for row in table.get("call", ()):
            if row["effect"] == "none":
                self.exact.update(dict.fromkeys(row["names"]))
                continue
            fact = CallRow(
                effect=Effect(row["effect"]),
                source=row.get("source", ""),
                timeout=row.get("timeout"),
                timeout_position=row.get("timeout_position"),
                is_async=row.get("async", False),
                in_loop=row.get("loop", False),
            )
            self.add_calls(row["names"], fact)
        for row in table.get("returns", ()):
            if "*" in row["name"]:
                self.return_patterns.setdefault(row["name"].partition("*")[0], []).append((row["name"], row["gives"]))
            else:
                self.returns[row["name"]] = row["gives"]
        for row in table.get("same", ()):
            self.same[row["name"]] = row["is"]
        for row in table.get("isa", ()):
            self.bases.setdefault(row["name"], []).append(row["base"])
        for row in table.get("transaction", ()):
            self.transactions.update(row["names"])
        for row in table.get("strong", ()):
            self.strong.update(dict.fromkeys(row["methods"], Effect(row["effect"])))
        for row in table.get("local", ()):
            self.local.update(row["packages"])
        for row in table.get("harmless", ()):
            self.harmless.update(row["methods"])

    def add_calls(self, names: Iterable[str], fact: CallRow) -> None:
        """Give all `names` (paths or patterns) the same row."""
        for name in names:
            if name.endswith(".**") and "*" not in name[:-3]:
                self.below[name[:-3]] = fact
            elif name.count("*") == 1:
                head, _, tail = name.partition("*")
                self.one_step.setdefault(head, {})[tail] = fact
            elif "*" in name:
                self.patterns.setdefault(name.partition("*")[0], []).append((name, fact))
            else:
                self.exact[name] = fact


OF_PLAIN_VALUES = frozenset(
    {"lower", "upper", "title", "strip", "lstrip", "rstrip", "splitlines", "startswith", "endswith", "casefold", "capitalize", "zfill"}
    | {"isdigit", "isoformat", "strftime", "timestamp", "total_seconds", "astimezone"}
)
"""Methods of text and dates: a row for everything below a client does not mean those of the values it gives."""


class Knowledge:
    """Answers about canonical library paths (the grammar of paths is in knowledge/README.md)."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.strong = tables.strong
        """Method names that say enough on any receiver."""
        self.harmless = tables.harmless
        """Method names that are plain data work on almost any receiver."""
        named = (tables.exact, tables.below, tables.patterns, tables.one_step, tables.returns, tables.same)
        self._libraries = {name.partition(".")[0] for group in named for name in group}
        self._libraries |= sys.stdlib_module_names | tables.local | {"celery", "builtins"}
        self._answers: dict[str, CallRow | None] = {}
        self._results: dict[str, str] = {}
        self._canonical: dict[str, str] = {}

    def knows_library(self, path: str) -> bool:
        """Whether the tables (or the standard library) cover the package of a path: what they do not name there does nothing."""
        return path.partition(".")[0].partition("(")[0] in self._libraries

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def canonical(self, path: str) -> str:
        """The one name for things that can be imported from several places."""
        found = self._canonical.get(path)
        if found is None:
            found = path
            for _ in range(5):
                for prefix in _prefixes(found):
                    if prefix in self.tables.same:
                        found = self.tables.same[prefix] + found[len(prefix) :]
                        break
                else:
                    break
            self._canonical[path] = found
        return found

    def result(self, path: str) -> str:
        """What calling `path` gives: a row's answer, else `path()`."""
        found = self._results.get(path)
        if found is None:
            found = self._results[path] = self._result(path)
        return found

    def _result(self, path: str) -> str:
        for name in self._lineage(path):
            given = self.tables.returns.get(name)
            if given is not None:
                return given
            for head in _heads(name):
                for pattern, gives in self.tables.return_patterns.get(head, ()):
                    if _fits(pattern, name):
                        return gives
        return path + "()"

    def call(self, path: str) -> CallRow | None:
        """What a call of `path` does, None where nothing is known."""
        try:
            return self._answers[path]
        except KeyError:
            answer = self._answers[path] = self._find(path)
            return answer

    def opens_transaction(self, path: str) -> bool:
        """Whether calling `path` gives a context manager or decorator that keeps a database transaction open."""
        return any(name in self.tables.transactions for name in self._lineage(path))

    def is_a(self, path: str, base: str) -> bool:
        """Whether class `path` is `base` or known to inherit from it."""
        return base in self._lineage(path)

    def _find(self, path: str) -> CallRow | None:
        if path.startswith("builtins."):
            return self.tables.exact.get(path)
        for name in self._lineage(path):
            if name in self.tables.exact:
                return self.tables.exact[name]
            for head in _heads(name):
                tails = self.tables.one_step.get(head)
                if tails is not None:
                    fact = tails.get(_behind_step(name, len(head)))
                    if fact is not None:
                        return fact
                for pattern, fact in self.tables.patterns.get(head, ()):
                    if _fits(pattern, name):
                        return fact
            for prefix in _prefixes(name):
                if prefix in self.tables.below and prefix != name and name.rpartition(".")[2] not in OF_PLAIN_VALUES:
                    return self.tables.below[prefix]
        return None

    def _lineage(self, path: str) -> list[str]:
        """`path`, then the same with each known base class in the place of a class in it."""
        found = [path]
        for name in found:
            models = ".models." in name and not name.startswith("django.db.")
            for prefix in _prefixes(name):
                bases = self.tables.bases.get(prefix)
                if bases is None:
                    if not models or not THIRD_PARTY_MODEL.fullmatch(prefix):
                        continue
                    bases = ["django.db.models.Model"]
                for base in bases:
                    other = base + name[len(prefix) :]
                    if other not in found and len(found) < 50:
                        found.append(other)
        return found


def _prefixes(path: str) -> Iterable[str]:
    """The path itself, then all that it begins with, longest first, cut before `.`, `()` and `[]`."""
    yield path
    for place in range(len(path) - 1, 0, -1):
        if path[place] in ".([":
            yield path[:place]


def _heads(path: str) -> Iterable[str]:
    """What of a path can stand before the first `*` of a pattern: all that ends in a dot."""
    for place, character in enumerate(path):
        if character == ".":
            yield path[: place + 1]


def _behind_step(path: str, start: int) -> str:
    """What follows the attribute that begins at `start`."""
    place = start
    while place < len(path) and path[place] not in ".([":
        place += 1
    return path[place:] if place > start else "?"


def _fits(pattern: str, path: str) -> bool:
    """Whether a pattern with `*` (one attribute step each) and perhaps a trailing `.**` describes a path."""
    many = pattern.endswith(".**")
    first, *rest = (pattern[:-3] if many else pattern).split("*")
    if not path.startswith(first):
        return False
    place, length = len(first), len(path)
    for literal in rest:
        start = place
        while place < length and path[place] not in ".([":
            place += 1
        if place == start or not path.startswith(literal, place):
            return False
        place += len(literal)
    return place < length and path[place] in ".([" if many else place == length


def load(extra: Mapping[Any, Iterable[str]]) -> Knowledge:
    """All tables beside this file, and the users' own rows (effect -> names)."""
    tables = _compiled()
    for effect, names in extra.items():
        tables.add_calls(names, CallRow(Effect(effect), "[tool.crb] knowledge"))
    return Knowledge(tables)


def _compiled() -> Tables:
    """The tables in their compiled form, which is kept beside the bytecode (parsing half a megabyte of TOML takes 0.1 s)."""
    files = sorted(Path(__file__).parent.glob("*.toml"))
    stamp = blake2b(
        repr([(file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in [*files, Path(__file__)]]).encode()
    ).digest()
    kept = Path(__file__).parent / "__pycache__" / "tables.msgpack"
    try:
        data = kept.read_bytes()
        if data.startswith(stamp):
            return msgspec.msgpack.decode(data[len(stamp) :], type=Tables)
    except (OSError, msgspec.DecodeError):
        pass
    tables = read_tables(files)
    temporary = kept.with_name(f"tables.{os.getpid()}.tmp")
    try:
        kept.parent.mkdir(exist_ok=True)
        temporary.write_bytes(stamp + msgspec.msgpack.encode(tables))
        temporary.replace(kept)
    except OSError:
        pass  # an installation that cannot be written to
    return tables


def read_tables(files: Iterable[Path]) -> Tables:
    """The rows of TOML files."""
    import tomllib

    tables = Tables()
    for file in files:
        tables.add(tomllib.loads(file.read_text(encoding="utf-8")))
    return tables
