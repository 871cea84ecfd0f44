"""The trees of files that are measured: the corpus as it is, its files without Celery, its Celery files several times over."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

CELERY = re.compile(rb"(?i)celery|kombu|shared_task|apply_async|\.delay\(")
"""A file with none of these in it has nothing to do with Celery."""

LARGEST_SETTINGS = 2_000_000
"""Bytes; what is larger in a project's root is no settings, requirements or lock file worth copying."""


def python_files(root: Path) -> list[str]:
    """The Python files below a directory by their relative paths, sorted; hidden directories and environments are left out."""
    found: list[str] = []
    for directory, below, files in os.walk(root):
        below[:] = [
            name
            for name in below
            if not name.startswith(".")
            and name not in ("__pycache__", "node_modules")
            and not os.path.exists(os.path.join(directory, name, "pyvenv.cfg"))
        ]
        found += [os.path.relpath(os.path.join(directory, name), root) for name in files if name.endswith(".py")]
    return sorted(path for path in found if (root / path).is_file())


def lines_in(root: Path, files: list[str]) -> int:
    """How many lines the files have together."""
    return sum(_content(root / file).count(b"\n") for file in files)


def without_celery(root: Path, files: list[str], most: int) -> list[str]:
    """The first files that have nothing to do with Celery."""
    found: list[str] = []
    for file in files:
        if len(found) == most:
            break
        if not CELERY.search(_content(root / file)):
            found.append(file)
    return found


def with_celery(root: Path, files: list[str]) -> list[str]:
    """The files that speak of Celery."""
    return [file for file in files if CELERY.search(_content(root / file))]


def copy_files(root: Path, files: list[str], target: Path) -> None:
    """Copy files to a project of its own."""
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / file, target / file)
    target.mkdir(parents=True, exist_ok=True)
    (target / "pyproject.toml").touch()


def copy_project(root: Path, files: list[str], target: Path) -> None:
    """Copy a whole project: its Python files, and what lies in its root (settings, requirements, lock files)."""
    beside = [entry.name for entry in os.scandir(root) if entry.is_file() and entry.stat().st_size < LARGEST_SETTINGS]
    copy_files(root, sorted({*files, *beside}), target)


def multiply(root: Path, files: list[str], times: int, target: Path) -> int:
    """Copy files `times` times, each copy's top-level packages and modules under names of its own, imports following; returns how many."""
    sources = [(Path(file), _content(root / file)) for file in files]
    names = {file.parts[_place(file)].removesuffix(".py") for file, _ in sources}
    either = b"|".join(re.escape(name.encode()) for name in sorted(names, key=len, reverse=True))
    mentions = re.compile(rb"(^[ \t]*(?:from|import)[ \t]+|(?<=[\"']))(" + either + rb")(?=\.\w|[ \t\r\n])", re.MULTILINE)
    for number in range(1, times + 1):
        suffix = f"_copy{number}"
        for file, content in sources:
            copy = target / _renamed(file, suffix)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(mentions.sub(rb"\1\2" + suffix.encode(), content))
    (target / "pyproject.toml").write_text("[tool.crb]\nexclude = []\n", encoding="utf-8")  # every file counts, tests as well
    return len(sources) * times


def _place(file: Path) -> int:
    """Which part of a path is imported by name first."""
    return 1 if file.parts[0] == "src" and len(file.parts) > 1 else 0


def _renamed(file: Path, suffix: str) -> Path:
    place = _place(file)
    top = file.parts[place]
    name = f"{top.removesuffix('.py')}{suffix}.py" if top.endswith(".py") else top + suffix
    return Path(*file.parts[:place], name, *file.parts[place + 1 :])


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
