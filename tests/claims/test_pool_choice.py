"""Which pool and which autoscaler a worker gets from options, settings and the environment together."""

from __future__ import annotations

from typing import Any

import pytest
from celery.app.defaults import NAMESPACES, flatten

from tests.claims.workers import Worker, Workers, claim

DEFAULT = "-P", "threads", "-c", "2"
"""A pool that starts quickly."""
STARTS: dict[str, tuple[tuple[str, ...], dict[str, Any], dict[str, str]]] = {
    "prefork over solo": (("-P", "prefork", "-c", "2"), {"worker_pool": "solo"}, {}),
    "prefork over gevent": (("-P", "prefork", "-c", "2"), {"worker_pool": "gevent"}, {}),
    "threads over solo": (("-P", "threads", "-c", "2"), {"worker_pool": "solo"}, {}),
    "solo over threads": (("-P", "solo"), {"worker_pool": "threads"}, {}),
    "a dict": (DEFAULT, {"worker_autoscaler": {"max": 10, "min": 2}}, {}),
    "text": (DEFAULT, {"worker_autoscaler": "10,2"}, {}),
    "a dict with --autoscale": ((*DEFAULT, "--autoscale=10,2"), {"worker_autoscaler": {"max": 10, "min": 2}}, {}),
    "text with --autoscale": ((*DEFAULT, "--autoscale=10,2"), {"worker_autoscaler": "10,2"}, {}),
    "worker_autoscale": (DEFAULT, {"worker_autoscale": [10, 2]}, {}),
    "--autoscale=2,10": ((*DEFAULT, "--autoscale=2,10"), {}, {}),
    "CELERY_WORKER_AUTOSCALE": (DEFAULT, {}, {"CELERY_WORKER_AUTOSCALE": "10,2"}),
    "-c 8": (("-P", "gevent", "-c", "8", "--autoscale=3,1"), {}, {}),
}


@pytest.fixture(scope="module")
def starts(workers: Workers) -> dict[str, Worker]:
    """All of them, starting."""
    return {name: workers.start(*options, settings=settings, env=env) for name, (options, settings, env) in STARTS.items()}


@pytest.mark.parametrize("setting", ["solo", "gevent"])
def test_prefork_does_not_override_the_setting(starts: dict[str, Worker], setting: str) -> None:
    row = f"CRB212, docs/pools.md: `-P prefork` does not override worker_pool='{setting}'"
    pool = starts[f"prefork over {setting}"].became(row)["pool"]
    claim(pool == setting, f"{row}, but the pool is {pool}")


@pytest.mark.parametrize(("option", "setting"), [("threads", "solo"), ("solo", "threads")])
def test_other_pools_override_the_setting(starts: dict[str, Worker], option: str, setting: str) -> None:
    row = f"CRB212, docs/pools.md: `-P {option}` overrides worker_pool='{setting}'"
    pool = starts[f"{option} over {setting}"].became(row)["pool"]
    claim(pool == option, f"{row}, but the pool is {pool}")


@pytest.mark.parametrize("value", ["a dict", "text"])
def test_an_autoscaler_that_is_no_class_does_nothing(starts: dict[str, Worker], value: str) -> None:
    row = f"CRB205, docs/pools.md: worker_autoscaler as {value} does nothing without --autoscale"
    became = starts[value].became(row)
    claim(became["autoscale"] is None and became["concurrency"] == 2, f"{row}, but {became}")


@pytest.mark.parametrize(("value", "error"), [("a dict", "'dict' object is not callable"), ("text", "No module named '10,2'")])
def test_an_autoscaler_that_is_no_class_stops_autoscaling_workers(starts: dict[str, Worker], value: str, error: str) -> None:
    row = f"CRB205, docs/pools.md: with worker_autoscaler as {value} and --autoscale the worker does not start"
    starts[f"{value} with --autoscale"].refused(error, row)


def test_worker_autoscale_is_no_setting(starts: dict[str, Worker]) -> None:
    row = "CRB213: Celery knows no setting worker_autoscale"
    claim("worker_autoscale" not in dict(flatten(NAMESPACES)), row)
    claim(starts["worker_autoscale"].became(row)["autoscale"] is None, f"{row}, but it has an effect")


@pytest.mark.parametrize("form", ["--autoscale=2,10", "CELERY_WORKER_AUTOSCALE"])
def test_autoscale_by_option_and_environment(starts: dict[str, Worker], form: str) -> None:
    row = f"docs/pools.md: {form} autoscales from 2 to 10"
    became = starts[form].became(row)
    claim(became["autoscale"] == [10, 2], f"{row}, but {became}")


def test_autoscale_replaces_concurrency(starts: dict[str, Worker]) -> None:
    row = "docs/pools.md: -c is ignored with --autoscale"
    became = starts["-c 8"].became(row)
    claim(became["autoscale"] == [3, 1], f"{row}, but {became}")
