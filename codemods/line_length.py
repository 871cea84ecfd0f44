"""How long a line of a project may be: what its formatter or linter is told."""

from __future__ import annotations

import configparser
import tomllib
from pathlib import Path
from typing import Any

SHORTEST = 40
"""What is shorter is no line length."""


def line_length(root: str) -> int | None:
    """What ruff, black, flake8 or pycodestyle are told in the root of a project, in this order; None where none of them is."""
    tools = _toml(root, "pyproject.toml").get("tool", {})
    told = [
        *(_toml(root, name).get("line-length") for name in (".ruff.toml", "ruff.toml")),
        *(tools.get(tool, {}).get("line-length") for tool in ("ruff", "black") if isinstance(tools.get(tool, {}), dict)),
        *(_ini(root, name, section) for name in (".flake8", "setup.cfg", "tox.ini") for section in ("flake8", "pycodestyle")),
    ]
    return next((length for length in told if isinstance(length, int) and length >= SHORTEST), None)


def _toml(root: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(root, name).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # whoever else reads it says so
        return {}


def _ini(root: str, name: str, section: str) -> int | None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(Path(root, name), encoding="utf-8")
        return parser.getint(section, "max-line-length", fallback=None)
    except (configparser.Error, ValueError):
        return None
