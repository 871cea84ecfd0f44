"""Which Celery version and which packages are read from requirement and lock files."""

from __future__ import annotations

from pathlib import Path

import pytest

from lint_rules.project.requirements import celery_version, lowest_version, names_package, requirement_files


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("requirements.txt", "celery==5.4.0\n", (5, 4, 0)),
        ("requirements.txt", "django==5.0\nCelery[redis,gevent] >=5.2,<6  # queue\n", (5, 2)),
        ("requirements.txt", "celery~=5.3.1; python_version < '4'\n", (5, 3, 1)),
        ("requirements.txt", "celery<6\n", None),
        ("requirements.txt", "celery\n", None),
        ("requirements.txt", "celery-once==3.0\ndjango-celery-beat==2.8\n", None),
        ("requirements.in", "celery!=5.5.0,>=5.4\n", (5, 4)),
        ("requirements.txt", "celery @ git+https://github.com/celery/celery@v5.6\n", None),
        ("pyproject.toml", '[project]\ndependencies = ["celery[redis]>=5.4"]\n', (5, 4)),
        ("pyproject.toml", '[project.optional-dependencies]\nruntime = ["celery==5.7.0"]\n', (5, 7, 0)),
        ("pyproject.toml", '[dependency-groups]\nworker = ["celery>=5.5", {include-group = "dev"}]\n', (5, 5)),
        ("pyproject.toml", '[tool.poetry.dependencies]\ncelery = "^5.3"\n', (5, 3)),
        ("pyproject.toml", '[tool.poetry.dependencies]\ncelery = {version = "^5.2.1", extras = ["redis"]}\n', (5, 2, 1)),
        ("poetry.lock", '[[package]]\nname = "celery"\nversion = "5.6.2"\n', (5, 6, 2)),
        ("uv.lock", '[[package]]\nname = "celery-once"\nversion = "3.0"\n', None),
        ("Pipfile.lock", '{"default": {"celery": {"version": "==5.5.3"}}}', (5, 5, 3)),
        ("Pipfile", '[packages]\ncelery = "*"\n', None),
        ("pyproject.toml", "not toml", None),
        ("Pipfile.lock", "not json", None),
    ],
)
def test_one_file(name: str, text: str, expected: tuple[int, ...] | None) -> None:
    assert lowest_version([(name, text)]) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("requirements.txt", "psycopg2==2.9\n", True),
        ("requirements.txt", "  Psycopg2 >= 2.9 ; python_version > '3'\n", True),
        ("requirements.txt", "psycopg2[x]\n", True),
        ("requirements.txt", "psycopg2", True),
        ("requirements.txt", "psycopg2-binary==2.9\n", False),
        ("requirements.txt", "# psycopg2 is not enough\n", False),
        ("requirements.txt", "psycopg>=3\n", False),
        ("pyproject.toml", '[project]\ndependencies = ["psycopg2>=2.9"]\n', True),
        ("pyproject.toml", '[tool.poetry.dependencies]\npsycopg2 = "^2.9"\n', True),
        ("uv.lock", '[[package]]\nname = "psycopg2"\nversion = "2.9"\n', True),
        ("poetry.lock", '[package.extras]\npostgresql = ["psycopg2 (>=2.7)"]\n', False),
        ("Pipfile.lock", '{"default": {"psycopg2": {"version": "==2.9"}}}', True),
    ],
)
def test_a_package_is_required(name: str, text: str, expected: bool, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert names_package(tmp_path, ["absent.txt", name], ["psycopg2"]) is expected


def test_the_lowest_pin_counts_before_what_is_allowed() -> None:
    files = [
        ("pyproject.toml", '[project]\ndependencies = ["celery>=5.2"]\n'),
        ("a.lock", '[[package]]\nname = "celery"\nversion = "5.7.0"\n'),
    ]
    assert lowest_version(files) == (5, 7, 0)
    assert lowest_version([*files, ("requirements.txt", "celery==5.6.2\n")]) == (5, 6, 2)


def test_files_are_found_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "backend" / "requirements").mkdir(parents=True)
    (tmp_path / "backend" / "requirements" / "worker.txt").write_text("celery==5.5.3\n")
    (tmp_path / "backend" / "notes.txt").write_text("celery==4.0\n")
    files = requirement_files(tmp_path, ["", "backend", "backend/requirements"])
    assert files == ["backend/requirements/worker.txt"]
    assert celery_version(tmp_path, files) == (5, 5, 3)
    assert celery_version(tmp_path, []) is None


def test_lock_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "poetry.lock").write_text('[[package]]\nname = "celery"\nversion = "5.4.0"\ndescription = "x"\n')
    assert celery_version(tmp_path, requirement_files(tmp_path, [""])) == (5, 4, 0)
