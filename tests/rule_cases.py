"""Fixtures of rules: `fixtures/rules/CRB405/*.py` are projects of one file, `fixtures/rules/CRB405/*/` projects of several.

A comment `# CRB405` (or `# CRB405: 12`, with the column) stands on every line of which the rule must speak, and nowhere else. A project's
own pyproject.toml may set `[tool.crb]`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from lint_rules.analysis import Analysis, analyse
from lint_rules.rules.registry import all_rules
from lint_rules.settings import read_settings

FIXTURES = Path(__file__).parent.parent / "fixtures" / "rules"
EXPECTATION = re.compile(r"# (CRB\d{3})(?:: (\d+))?(?=\s|$)")


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


def run(root: Path, *codes: str) -> Analysis:
    """Analyse a project for some codes only."""
    settings, problems = read_settings(root / "pyproject.toml", "pyproject.toml", all_rules)
    return analyse(root, msgspec.structs.replace(settings, select=codes), problems)


def expected(root: Path) -> set[tuple[str, int, str, int | None]]:
    """(file, row, code, column or None) of every expectation."""
    found = set()
    for file in root.rglob("*.py"):
        for row, line in enumerate(file.read_text().splitlines(), 1):
            for match in EXPECTATION.finditer(line):
                found.add((file.relative_to(root).as_posix(), row, match[1], int(match[2]) if match[2] else None))
    return found
