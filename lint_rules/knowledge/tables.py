"""The knowledge tables, read once: which library calls have which effect, and what library calls return."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct


class Effect(StrEnum):
    """What a call does besides computing."""

    NETWORK = "network"
    DB = "db"
    REDIS = "redis"
    SUBPROCESS = "subprocess"
    FILE = "file"
    SLEEP = "sleep"
    CPU = "cpu"
    DISPATCH = "dispatch"
    """Sends a Celery task."""
    RESULT = "result"
    """Waits for the result of a Celery task."""
    AFTER_COMMIT = "after-commit"
    """Runs the function it is given once the transaction is over."""


class CallRow(Struct, frozen=True):
    """What is known of a library call."""

    effect: Effect
    source: str
    timeout: str | None = None
    """The keyword that bounds a call which else waits for ever."""
    timeout_position: int | None = None
    is_async: bool = False


class Knowledge:
    """Answers about canonical library paths (the grammar of paths is in knowledge/README.md)."""

    def __init__(self) -> None:
        self._exact: dict[str, CallRow | None] = {}
        """None for what a broader pattern would claim and what is known to do nothing (`effect = "none"`)."""
        self._below: dict[str, CallRow] = {}
        self._patterns: list[tuple[str, re.Pattern[str], CallRow]] = []
        self._returns: dict[str, str] = {}
        self._return_patterns: list[tuple[str, re.Pattern[str], str]] = []
        self._same: dict[str, str] = {}
        self._bases: dict[str, list[str]] = {}
        self._transactions: set[str] = set()
        self.strong: dict[str, Effect] = {}
        self.harmless: set[str] = set()
        self._answers: dict[str, CallRow | None] = {}
        self._canonical: dict[str, str] = {}

    # ── building ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def add(self, table: Mapping[str, Any]) -> None:
        """Take in one parsed TOML table."""
        for row in table.get("call", ()):
            if row["effect"] == "none":
                self._exact.update(dict.fromkeys(row["names"]))
                continue
            fact = CallRow(
                Effect(row["effect"]), row.get("source", ""), row.get("timeout"), row.get("timeout_position"), row.get("async", False)
            )
            self.add_calls(row["names"], fact)
        for row in table.get("returns", ()):
            if "*" in row["name"]:
                self._return_patterns.append((row["name"].partition("*")[0], _pattern(row["name"]), row["gives"]))
            else:
                self._returns[row["name"]] = row["gives"]
        for row in table.get("same", ()):
            self._same[row["name"]] = row["is"]
        for row in table.get("isa", ()):
            self._bases.setdefault(row["name"], []).append(row["base"])
        for row in table.get("transaction", ()):
            self._transactions.update(row["names"])
        for row in table.get("strong", ()):
            self.strong.update(dict.fromkeys(row["methods"], Effect(row["effect"])))
        for row in table.get("harmless", ()):
            self.harmless.update(row["methods"])

    def add_calls(self, names: Iterable[str], fact: CallRow) -> None:
        """Give all `names` (paths or patterns) the same row."""
        for name in names:
            if name.endswith(".**") and "*" not in name[:-3]:
                self._below[name[:-3]] = fact
            elif "*" in name:
                self._patterns.append((name.partition("*")[0], _pattern(name), fact))
            else:
                self._exact[name] = fact

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def canonical(self, path: str) -> str:
        """The one name for things that can be imported from several places."""
        found = self._canonical.get(path)
        if found is None:
            found = path
            for _ in range(5):
                for prefix in _prefixes(found):
                    if prefix in self._same:
                        found = self._same[prefix] + found[len(prefix) :]
                        break
                else:
                    break
            self._canonical[path] = found
        return found

    def result(self, path: str) -> str:
        """What calling `path` gives: a row's answer, else `path()`."""
        for name in self._lineage(path):
            given = self._returns.get(name)
            if given is not None:
                return given
            for head, pattern, gives in self._return_patterns:
                if name.startswith(head) and pattern.fullmatch(name):
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
        return any(name in self._transactions for name in self._lineage(path))

    def is_a(self, path: str, base: str) -> bool:
        """Whether class `path` is `base` or known to inherit from it."""
        return base in self._lineage(path)

    def _find(self, path: str) -> CallRow | None:
        for name in self._lineage(path):
            if name in self._exact:
                return self._exact[name]
            for head, pattern, fact in self._patterns:
                if name.startswith(head) and pattern.fullmatch(name):
                    return fact
            for prefix in _prefixes(name):
                if prefix in self._below and prefix != name:
                    return self._below[prefix]
        return None

    def _lineage(self, path: str) -> list[str]:
        """`path`, then the same with each known base class in the place of a class in it."""
        found = [path]
        for name in found:
            for prefix in _prefixes(name):
                for base in self._bases.get(prefix, ()):
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


def _pattern(name: str) -> re.Pattern[str]:
    many = name.endswith(".**")
    body = re.escape(name[:-3] if many else name).replace(r"\*", r"[^.()\[\]]+")
    return re.compile(body + (r"[.(\[].+" if many else ""))


def load(extra: Mapping[str, Iterable[str]]) -> Knowledge:
    """All tables beside this file, and the users' own rows (effect -> names)."""
    knowledge = Knowledge()
    for file in sorted(Path(__file__).parent.glob("*.toml")):
        knowledge.add(tomllib.loads(file.read_text(encoding="utf-8")))
    for effect, names in extra.items():
        knowledge.add_calls(names, CallRow(Effect(effect), "[tool.crb] knowledge"))
    return knowledge
