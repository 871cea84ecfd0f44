"""Which Celery a project runs, as its requirement and lock files say."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Version = tuple[int, ...]

FILES: tuple[str, ...] = (
    *("requirements*.txt", "requirements*.in", "requirements/*.txt", "requirements/*.in", "requirements/*/*.txt"),
    *("pyproject.toml", "poetry.lock", "uv.lock", "pdm.lock", "Pipfile", "Pipfile.lock"),
)
"""Looked for in the root; of monorepos, the same files one and two directories down count as well."""

_REQUIREMENT = re.compile(r"""(?i)^celery\s*(?:\[[^\]]*\])?\s*(?P<versions>[^;#]*)""")
_BOUND = re.compile(r"(===?|~=|>=|>|\^|~)?\s*v?(\d+(?:\.\d+)*)")


def celery_version(root: Path) -> Version | None:
    """The lowest Celery that the project's files pin, else the lowest that they allow; None where they say nothing."""
    texts = []
    for file in requirement_files(root):
        try:
            texts.append((file.name, file.read_text(encoding="utf-8", errors="replace")))
        except OSError:
            continue
    return lowest_version(texts)


def requirement_files(root: Path) -> list[Path]:
    """The files that `celery_version` reads."""
    return sorted({path for pattern in FILES for depth in ("", "*/", "*/*/") for path in root.glob(depth + pattern)})


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
    try:
        table = json.loads(text) if name == "Pipfile.lock" else tomllib.loads(text)
    except ValueError:
        return
    if name.endswith(".lock"):
        yield from _of_lock(table)
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


def _of_lock(table: dict[str, Any]) -> Iterator[tuple[bool, Version]]:
    packages = table.get("package", ())
    if isinstance(packages, list):
        for package in packages:
            if isinstance(package, dict) and package.get("name") == "celery":
                yield from _of_bounds(f"=={package.get('version', '')}")
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
