"""Fixtures of rules: `fixtures/rules/CRB405/*.py` are projects of one file, `fixtures/rules/CRB405/*/` projects of several.

A comment `# CRB405` (or `# CRB405: 12`, with the column) stands on every line of which the rule must speak, and nowhere else, in code and
in deployment files alike. Where a format has no comments at the end of a line, a file `EXPECTED` in the case's directory has lines
`deploy/shop.service:8 CRB202` (or `:8:11`). A project's own pyproject.toml may set `[tool.crb]`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from lint_rules.analysis import Analysis, analyse
from lint_rules.rules.registry import all_rules
from lint_rules.settings import read_settings

FIXTURES = Path(__file__).parent.parent / "fixtures" / "rules"
EXPECTATION = re.compile(r"# (CRB\d{3})(?:: (\d+))?(?=\s|$)")
LISTED = re.compile(r"^(\S+?):(\d+)(?::(\d+))? (CRB\d{3})$", re.M)

Expected = tuple[str, int, str, int | None]
"""File, row, code, and column where it matters."""


def cases() -> Iterator[tuple[str, Path]]:
    """All (code, file or directory)."""
    for folder in sorted(FIXTURES.glob("CRB*")):
        for path in sorted(folder.iterdir()):
            if path.suffix == ".py" or (path.is_dir() and path.name != "__pycache__"):
                yield folder.name, path


def project_of(path: Path, target: Path) -> Path:
    """A copy of a case as a project of its own."""
    if path.is_dir():
        shutil.copytree(path, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.mkdir()
        shutil.copy(path, target / path.name)
    return target


def project_from(files: Mapping[str, str], target: Path) -> Path:
    """An example of the documentation as a project."""
    for file, text in files.items():
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        (target / file).write_text(text)
    return target


def run(root: Path, *codes: str) -> Analysis:
    """Analyse a project for some codes only."""
    settings, problems = read_settings(root / "pyproject.toml", "pyproject.toml", all_rules)
    return analyse(root, msgspec.structs.replace(settings, select=codes), problems)


def texts(root: Path) -> Iterator[tuple[Path, str]]:
    """The files of a case."""
    for file in [root] if root.is_file() else sorted(root.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file, file.read_text()


def listed(root: Path) -> set[Expected]:
    """The expectations in the file `EXPECTED`."""
    file = root / "EXPECTED"
    rows = LISTED.findall(file.read_text()) if file.is_file() else []
    return {(name, int(row), code, int(column) if column else None) for name, row, column, code in rows}


def expected(root: Path) -> set[Expected]:
    """Every expectation of a case (a directory, or its only file)."""
    found = listed(root)
    for file, text in texts(root):
        for row, line in enumerate(text.splitlines(), 1):
            for match in EXPECTATION.finditer(line):
                found.add((file.relative_to(root).as_posix(), row, match[1], int(match[2]) if match[2] else None))
    return found
