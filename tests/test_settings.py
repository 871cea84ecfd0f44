"""`[tool.crb]`: what it sets, and one clear sentence with the row for each thing that is wrong."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from lint_rules.rules.registry import all_rules
from lint_rules.settings import DEFAULT_EXCLUDE, Settings, read_settings
from tests.projects import write


def read(root: Path, text: str | bytes) -> tuple[Settings, list[tuple[int, str]]]:
    """The settings in a pyproject.toml, and the (row, message) of each problem."""
    write(root, {"pyproject.toml": text})
    settings, problems = read_settings(root / "pyproject.toml", "pyproject.toml", all_rules)
    assert all(problem.place.file == "pyproject.toml" for problem in problems)
    return settings, [(problem.place.row, problem.message) for problem in problems]


def test_without_a_table_all_is_as_by_default(tmp_path: Path) -> None:
    assert read_settings(None, "pyproject.toml", all_rules) == (Settings(), [])
    assert read_settings(tmp_path / "absent.toml", "pyproject.toml", all_rules) == (Settings(), [])
    assert read(tmp_path, "[project]\nname = 'x'\n[tool.other]\nselect = 5\n") == (Settings(), [])
    assert Settings().exclude == DEFAULT_EXCLUDE
    assert Settings().profile == "adopt"


def test_every_key_is_read(tmp_path: Path) -> None:
    text = """
    [tool.crb]
    select = ["CRB1"]
    extend-select = ["CRB404"]
    ignore = ["CRB101"]
    extend-ignore = ["CRB102"]
    profile = "core"
    exclude = ["a/"]
    extend-exclude = ["b/"]
    src = ["lib"]
    target-celery = "5.4"
    broker = "redis"
    task-decorators = ["x.job"]
    task-registering-decorators = ["x.above"]
    cache-objects = ["x.cache"]
    redis-clients = ["x.redis"]
    atomic-wrappers = ["x.atomic"]
    on-commit-wrappers = ["x.after"]
    dispatch-methods = ["x.send"]
    deploy-files = ["deploy/*.yaml"]
    baseline = "known.json"
    cache-dir = ".kept"
    workload = { "a.b" = "cpu" }
    knowledge = { network = ["x.call"] }
    per-file-ignores = { "old/*" = ["CRB1"] }
    """
    settings, problems = read(tmp_path, text)
    assert problems == []
    fields = {field.encode_name: getattr(settings, field.name) for field in msgspec.structs.fields(Settings)}
    defaults = {field.encode_name: getattr(Settings(), field.name) for field in msgspec.structs.fields(Settings)}
    assert [name for name, value in fields.items() if value == defaults[name]] == []
    assert settings.per_file_ignores == {"old/*": ("CRB1",)}
    assert settings.workload == {"a.b": "cpu"}
    assert settings.knowledge == {"network": ("x.call",)}


@pytest.mark.parametrize(
    ("text", "row", "words"),
    [
        ("[tool.crb]\nignor = []\n", 2, ["no key 'ignor'", "did you mean 'ignore'"]),
        ("[tool.crb]\nzzz = 1\n", 2, ["no key 'zzz'", "known keys are", "per-file-ignores"]),
        ("[project]\nselect = 1\n[tool.crb]\nprofile = 'adopt'\nselect = 'CRB1'\n", 5, ["select", "a list"]),
        ("[tool.crb]\nselect = [1]\n", 2, ["select", "a string"]),
        ("[tool.crb]\nprofile = 'all'\n", 2, ["profile", "all"]),
        ("[tool.crb]\nbroker = 'kafka'\n", 2, ["broker", "kafka"]),
        ("[tool.crb]\nbaseline = 5\n", 2, ["baseline"]),
        ("[tool.crb]\nignore = ['CRB1', 'CRB999']\n", 2, ["ignore", "'CRB999' is no rule"]),
        ("[tool.crb]\nselect = ['E501']\n", 2, ["'E501' is no rule"]),
        ("[tool.crb]\nselect = ['CRB40l']\n", 2, ["'CRB40l'", "did you mean CRB4"]),
        ("[tool.crb]\n\n[tool.crb.per-file-ignores]\n'a.py' = ['CRB9']\n", 3, ["per-file-ignores", "'CRB9' is no rule"]),
        ("[tool.crb.knowledge]\nnetwrk = ['x']\n", 1, ["knowledge", "netwrk"]),
        ("[tool.crb.workload]\n'a.b' = 'gpu'\n", 1, ["workload", "gpu"]),
        ("[tool.crb]\nextend-exclude = ['ok/', '[z-a]']\n", 2, ["'[z-a]' is no gitignore pattern"]),
        ("[tool]\ncrb = 5\n", 1, ["[tool.crb] must be a table"]),
        ("[tool.crb]\nselect = [\n", 1, ["not valid TOML", "defaults are used"]),
        ("[tool.crb]\nselect = ['a'\n\nignore = []\n", 4, ["not valid TOML"]),
        (b"[tool.crb]\nselect = ['\xff']\n", 1, ["cannot be read", "defaults are used"]),
    ],
)
def test_each_mistake_gets_one_sentence_with_its_row(tmp_path: Path, text: str | bytes, row: int, words: list[str]) -> None:
    _, problems = read(tmp_path, text)
    ((found_row, message),) = problems
    assert "\n" not in message
    assert message.startswith("pyproject.toml")
    assert [word for word in words if word not in message] == []
    assert found_row == row


def test_a_wrong_entry_counts_as_not_set_and_the_others_count(tmp_path: Path) -> None:
    settings, problems = read(tmp_path, "[tool.crb]\nselect = 5\nignore = ['CRB101']\nprofil = 'core'\n")
    assert len(problems) == 2
    assert (settings.select, settings.ignore, settings.profile) == ((), ("CRB101",), "adopt")


@pytest.mark.parametrize("codes", [["CRB"], ["CRB1"], ["CRB10"], ["CRB101"], []])
def test_codes_and_their_prefixes_are_right(tmp_path: Path, codes: list[str]) -> None:
    settings, problems = read(tmp_path, f"[tool.crb]\nextend-select = {codes}\n")
    assert problems == []
    assert settings.extend_select == tuple(codes)
