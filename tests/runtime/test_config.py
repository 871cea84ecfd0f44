"""Configurations hold what they are given, and say everything that is wrong with it at once."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest

from celery_best_practices import ConfigError, CPUTaskConfig, DBTaskConfig, IOTaskConfig
from celery_best_practices.contract import CONFIGS, DECORATORS, FIELDS

CLASSES = [CPUTaskConfig, IOTaskConfig, DBTaskConfig]


@pytest.mark.parametrize("cls", CLASSES)
def test_the_fields_are_those_of_the_contract(cls: type) -> None:
    assert [field.name for field in fields(cls)] == [field.name for field in FIELDS]


def test_the_names_are_those_of_the_contract() -> None:
    import celery_best_practices

    assert [cls.__name__ for cls in CLASSES] == list(CONFIGS.values())
    assert {*CONFIGS.values(), *DECORATORS.values()} <= set(celery_best_practices.__all__)
    for name in celery_best_practices.__all__:
        assert getattr(celery_best_practices, name)
    assert set(celery_best_practices.__all__) <= set(dir(celery_best_practices))


@pytest.mark.parametrize("cls", CLASSES)
def test_a_configuration_is_a_value(cls: Any) -> None:
    config = cls(credit_type="x", credit_amount=5, cache_ttl=3600, permission_roles=["user", "admin", "user"])
    assert config == cls(credit_type="x", credit_amount=5, cache_ttl=3600, permission_roles={"admin", "user"})
    assert config.permission_roles == ("admin", "user")
    assert {config: 1}[copy.deepcopy(config)] == 1
    assert pickle.loads(pickle.dumps(config)) == config
    assert replace(config, queue="q").queue == "q"
    assert repr(cls(queue="q")) == f"{cls.__name__}(queue='q')"
    with pytest.raises(FrozenInstanceError):
        config.queue = "q"


def test_none_means_as_plain_celery_does_it() -> None:
    assert CPUTaskConfig(**{field.name: None for field in FIELDS}) == CPUTaskConfig()  # type: ignore[arg-type]


GOOD: dict[str, list[Any]] = {
    "credit_type": ["reports"],
    "credit_amount": [1, 10**20],
    "cache_ttl": [0.5, 3600],
    "permission_roles": [["admin"], ("a", "b"), {"a"}, []],
    "rate_limit": [1],
    "rate_window": [0.1, 60],
    "max_retries": [0, 3],
    "backoff": [0.5, 2],
    "task_priority": [0, 9],
    "queue": ["q"],
    "timeout": [0.5, 3],
}
BAD: dict[str, list[Any]] = {
    "credit_type": ["", 3],
    "credit_amount": [0, -1, 1.5, True, "1"],
    "cache_ttl": [0, -1, "60", True, float("nan"), float("inf")],
    "permission_roles": ["admin", [""], [1], 3],
    "rate_limit": [0, 1.5, True],
    "rate_window": [0, "60"],
    "max_retries": [-1, 1.0, "3"],
    "backoff": [0, -2, float("nan")],
    "task_priority": [-1, 10, "high", 5.0],
    "queue": ["", b"q"],
    "timeout": [0, "3"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in GOOD.items() for value in values])
def test_good_values(name: str, value: Any) -> None:
    assert getattr(IOTaskConfig(**{name: value}), name) in (value, tuple(value) if name == "permission_roles" else value)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_bad_values(name: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        IOTaskConfig(**{name: value})
    assert str(caught.value).startswith(f"IOTaskConfig({name}={value!r}): {name} must be ")


def test_every_field_has_good_and_bad_values_here() -> None:
    assert list(GOOD) == list(BAD) == [field.name for field in FIELDS]


def test_all_problems_are_said_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        DBTaskConfig(rate_limit=0, task_priority=10, queue="")
    assert str(caught.value).splitlines() == [
        "DBTaskConfig(rate_limit=0): rate_limit must be an integer above 0 (calls in each rate_window, all workers together).",
        "DBTaskConfig(task_priority=10): task_priority must be an integer from 0 to 9 (0 is the highest).",
        "DBTaskConfig(queue=''): queue must be a non-empty string.",
    ]


def test_unknown_fields_and_positions() -> None:
    with pytest.raises(TypeError, match=r"DBTaskConfig has no field 'credit_ammount': did you mean 'credit_amount'\?"):
        DBTaskConfig(credit_ammount=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"has no field 'zzz': the fields are credit_type, "):
        DBTaskConfig(zzz=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"takes its fields by name, e\.g\. IOTaskConfig\(credit_type='x'\)"):
        IOTaskConfig("x")  # type: ignore[misc]


def test_importing_the_package_imports_neither_celery_nor_redis() -> None:
    code = """
import sys, celery_best_practices as best
best.IOTaskConfig(queue="q")
heavy = {"celery", "kombu", "redis", "lint_rules", "codemods", "asyncio"} & set(sys.modules)
assert not heavy, heavy
try:
    best.nothing
except AttributeError as error:
    assert "no attribute 'nothing'" in str(error)
best.run_io_task_with_best_practices
assert "celery" in sys.modules and "lint_rules" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
