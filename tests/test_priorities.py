"""Priorities and priority steps, as far as they can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from lint_rules.project.priorities import STEPS
from lint_rules.project.project import Project
from tests.projects import project_in

APP = """
from enum import Enum, IntEnum, auto
from celery import Celery

class Level(IntEnum):
    HIGHEST = 0
    HIGH = auto()
    LOW = 9

class Named(Enum):
    LOW = 8

class Plain:
    MIDDLE = 5

app = Celery("shop", broker="redis://localhost:6379/0")

@app.task
def total(day): ...

"""


def priorities(root: Path, body: str) -> Project:
    return project_in(root, {"shop.py": APP + body})


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("7", 7),
        ("Level.HIGH", 1),
        ("Level.LOW.value", 9),
        ("Named.LOW.value", 8),
        ("Plain.MIDDLE", 5),
        ("'high'", "high"),
        ("True", True),
    ],
)
def test_values_that_are_read(tmp_path: Path, written: str, value: object) -> None:
    (found,) = priorities(tmp_path, f"def send():\n    total.apply_async(priority={written})\n").priorities.explicit
    assert found.value == value
    assert found.written == written


@pytest.mark.parametrize("written", ["None", "Named.LOW", "given", "day.priority", "int(day)"])
def test_values_that_are_not_known(tmp_path: Path, written: str) -> None:
    body = f"def send(day, given=5):\n    total.apply_async(priority={written})\n"
    assert priorities(tmp_path, body).priorities.explicit == []


def test_both_of_two_values_are_read(tmp_path: Path) -> None:
    project = priorities(tmp_path, "def send(urgent):\n    total.apply_async(priority=1 if urgent else 9)\n")
    assert [each.value for each in project.priorities.explicit] == [1, 9]


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ("{}", STEPS),
        ("{'visibility_timeout': 60}", STEPS),
        ("{'priority_steps': [0, 5]}", (0, 5)),
        ("{'priority_steps': list(range(3))}", (0, 1, 2)),
        ("dict(priority_steps=range(0, 10, 5))", (0, 5)),
        ("{'priority_steps': sorted({4, 5})}", (4, 5)),
        ("{'priority_steps': list(range(len(app.tasks)))}", None),
        ("{'priority_steps': list(range(10**6))}", None),
        ("{'priority_steps': range(0, 10, 0)}", None),
        ("load()", None),
    ],
)
def test_priority_steps(tmp_path: Path, options: str, steps: tuple[int, ...] | None) -> None:
    assert priorities(tmp_path, f"app.conf.broker_transport_options = {options}\n").priorities.steps(None) == steps
