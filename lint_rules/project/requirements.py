"""Which Celery a project runs and which packages it requires, as its requirement and lock files say."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

Version = tuple[int, ...]

NAMES = ("requirements*.txt", "requirements*.in", "pyproject.toml", "poetry.lock", "uv.lock", "pdm.lock", "Pipfile", "Pipfile.lock")
"""Looked for in the root and in directories up to two levels below it; in a directory `requirements` every .txt and .in file counts."""

DEPTH = 2

_REQUIREMENT = re.compile(r"""(?i)^celery\s*(?:\[[^\]]*\])?\s*(?P<versions>[^;#]*)""")
_LOCKED = re.compile(r"""(?m)^name = "celery"\s*\nversion = "([^"]+)\"""")
"""A package in poetry.lock, uv.lock or pdm.lock (parsing one of these as TOML would take longer than all the rest)."""
_BOUND = re.compile(r"(===?|~=|>=|>|\^|~)?\s*v?(\d+(?:\.\d+)*)")


def celery_version(root: Path, files: Iterable[str]) -> Version | None:
    """The lowest Celery that the files (relative to `root`) pin, else the lowest that they allow; None where they say nothing."""
    texts = []
    for file in files:
        try:
            data = (root / file).read_bytes()
        except OSError:
            continue
        if b"celery" in data.lower():
            texts.append((file.rpartition("/")[2], data.decode("utf-8", "replace")))
    return lowest_version(texts)


def requirement_files(root: Path, directories: Iterable[str]) -> list[str]:
    """The requirement and lock files in `root` and those of the `directories` (relative to it, "" for itself) that are not too deep."""
    found = []
    for directory in directories:
        if directory and directory.count("/") >= DEPTH:
            continue
        inside = f"/{directory}".endswith("/requirements") or "/requirements/" in f"/{directory}"
        try:
            names = os.listdir(root / directory)
        except OSError:
            continue
        for name in names:
            if any(fnmatchcase(name, pattern) for pattern in NAMES) or (inside and name.endswith((".txt", ".in"))):
                found.append(f"{directory}/{name}" if directory else name)
    return sorted(found)


def names_package(root: Path, files: Iterable[str], packages: Iterable[str]) -> bool:
    """Whether one of the files (relative to `root`) requires one of the packages."""
    names = "|".join(re.escape(package) for package in packages)
    locked = re.compile(rf"""(?m)^name = "(?:{names})"$""")
    listed = re.compile(rf"""(?im)(?:^|["'])\s*(?:{names})\s*(?=$|[\[=<>~!;@,#"'])""")
    for file in files:
        try:
            text = (root / file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        pattern = locked if file.endswith(".lock") and not file.endswith("Pipfile.lock") else listed
        if pattern.search(text) is not None:
            return True
    return False


def lowest_version(texts: Iterable[tuple[str, str]]) -> Version | None:
    """As `celery_version`, of (file name, text) pairs."""
    pinned: list[Version] = []
    allowed: list[Version] = []
    for name, text in texts:
        for exact, version in _versions(name, text):
            (pinned if exact else allowed).append(version)
    return min(pinned or allowed, default=None)


def _versions(name: str, text: str) -> Iterator[tuple[bool, Version]]:
    """(whether it is pinned, version) of every mention of Celery in one file."""
    if name.endswith((".txt", ".in")):
        for line in text.splitlines():
            yield from _of_requirement(line.strip())
        return
    if name.endswith(".lock") and name != "Pipfile.lock":
        for version in _LOCKED.findall(text):
            yield from _of_bounds(f"=={version}")
        return
    try:
        table = json.loads(text) if name == "Pipfile.lock" else tomllib.loads(text)
    except ValueError:
        return
    if name == "Pipfile.lock":
        yield from _of_pipfile_lock(table)
    else:
        yield from _of_declarations(table)


def _of_requirement(line: str) -> Iterator[tuple[bool, Version]]:
    found = _REQUIREMENT.match(line)
    if found is not None:
        yield from _of_bounds(found["versions"])


def _of_bounds(text: str) -> Iterator[tuple[bool, Version]]:
    """The lower bound of `==5.4`, `>=5.2,<6`, `^5.3`, `~5.4`."""
    for part in text.split(","):
        found = _BOUND.match(part.strip())
        if found is not None and not part.strip().startswith(("<", "!")):
            yield (found[1] in ("==", "===") and "*" not in part), tuple(int(number) for number in found[2].split("."))
            return


def _of_pipfile_lock(table: dict[str, Any]) -> Iterator[tuple[bool, Version]]:
    for group in ("default", "develop"):
        entry = table.get(group, {}).get("celery") if isinstance(table.get(group, {}), dict) else None
        if isinstance(entry, dict):
            yield from _of_bounds(str(entry.get("version", "")))


def _of_declarations(table: Any) -> Iterator[tuple[bool, Version]]:
    """Requirement strings and `celery = "^5.3"` entries anywhere in a pyproject.toml or Pipfile."""
    if isinstance(table, str):
        yield from _of_requirement(table)
    elif isinstance(table, list):
        for item in table:
            yield from _of_declarations(item)
    elif isinstance(table, dict):
        for key, value in table.items():
            if key == "celery" and isinstance(value, (str, dict)):
                yield from _of_bounds(value if isinstance(value, str) else str(value.get("version", "")))
            elif key not in ("urls", "crb"):
                yield from _of_declarations(value)
