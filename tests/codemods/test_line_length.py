"""Where a project says how long its lines may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from codemods.line_length import line_length
from tests.projects import write


@pytest.mark.parametrize(
    ("files", "length"),
    [
        ({}, None),
        ({"pyproject.toml": "[tool.ruff]\nline-length = 100\n[tool.black]\nline-length = 90\n"}, 100),
        ({"pyproject.toml": "[tool.black]\nline-length = 90\n"}, 90),
        ({"ruff.toml": "line-length = 110\n", "pyproject.toml": "[tool.ruff]\nline-length = 100\n"}, 110),
        ({".flake8": "[flake8]\nmax-line-length = 120\n"}, 120),
        ({"setup.cfg": "[pycodestyle]\nmax-line-length = 99\n"}, 99),
        ({"tox.ini": "[flake8]\nmax-line-length = many\n"}, None),
        ({"pyproject.toml": "[tool.ruff\n", "setup.cfg": "[flake8]\nmax-line-length = 79\n"}, 79),
        ({"pyproject.toml": '[tool]\nruff = "x"\n'}, None),
        ({"pyproject.toml": "[tool.ruff]\nline-length = 1\n"}, None),
    ],
)
def test_line_length(tmp_path: Path, files: dict[str, str], length: int | None) -> None:
    assert line_length(str(write(tmp_path, files))) == length
