"""Which names of settings Celery reads, and which it takes and forgets."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery
from celery.exceptions import ImproperlyConfigured

from tests.claims.workers import Workers, claim


def conf(settings: dict[str, Any], namespace: str | None) -> Any:
    """The settings of an application that reads these."""
    app = Celery("settings", set_as_current=False)
    app.config_from_object(settings, namespace=namespace)
    return app.conf


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        ("task_default_queue", None),
        ("CELERY_DEFAULT_QUEUE", None),
        ("CELERY_TASK_DEFAULT_QUEUE", "CELERY"),
        ("CELERY_DEFAULT_QUEUE", "CELERY"),
        ("task_default_queue", "CELERY"),
        ("celery_task_default_queue", "celery"),
    ],
)
def test_read(name: str, namespace: str | None) -> None:
    row = f"CRB213: Celery (since 5.7 in the case of old names) reads {name} below namespace {namespace}"
    claim(conf({name: "shop"}, namespace).task_default_queue == "shop", row)


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        ("task_ack_late", None),
        ("TASK_ACKS_LATE", None),
        ("CELERY_TASK_ACKS_LATE", None),
        ("CELERY_ACK_LATE", None),
        ("CELERY_TASK_ACK_LATE", "CELERY"),
        ("TASK_ACKS_LATE", "CELERY"),
        ("CELERY_task_acks_late", "CELERY"),
        ("celery_task_acks_late", "CELERY"),
        ("CELERY_TASK_ACKS_LATE", "celery"),
    ],
)
def test_ignored(name: str, namespace: str | None) -> None:
    row = f"CRB213: Celery ignores {name} below namespace {namespace}, and says nothing"
    claim(conf({name: True}, namespace).task_acks_late is False, row)


def test_names_without_their_first_word() -> None:
    read = conf({"CELERY_CONCURRENCY": 7}, "CELERY").worker_concurrency
    claim(read is None, "CRB213: Celery ignores CELERY_CONCURRENCY below namespace CELERY")


@pytest.mark.parametrize(
    "settings",
    [
        {"task_acks_late": True, "CELERYD_CONCURRENCY": 2},
        {"CELERY_ACKS_LATE": True, "CELERYD_CONCURRENCY": 2, "task_default_queue": "shop"},
    ],
)
def test_old_and_new_names_together(settings: dict[str, Any]) -> None:
    row = f"CRB213: old and new names together raise: {[*settings]}"
    try:
        read = conf(settings, None).task_acks_late
    except ImproperlyConfigured as error:
        claim("Cannot mix" in str(error), f"{row}, but {error}")
    else:
        claim(False, f"{row}, but task_acks_late is {read}")


def test_both_names_of_one_setting() -> None:
    settings = {"task_acks_late": True, "CELERY_ACKS_LATE": False}
    claim(conf(settings, None).task_acks_late is True, "CRB213: both names of one setting do not raise, and the new one counts")


def test_old_and_new_names_below_a_namespace() -> None:
    read = conf({"CELERY_TASK_ACKS_LATE": True, "CELERYD_CONCURRENCY": 2}, "CELERY")
    claim((read.task_acks_late, read.worker_concurrency) == (True, 2), "CRB213: below a namespace old and new names go together")


def test_a_worker_with_dead_settings(workers: Workers) -> None:
    row = "CRB213: a worker starts with settings that Celery does not know, and they have no effect"
    settings = {"worker_concurency": 7, "CELERY_WORKER_CONCURRENCY": 7, "WORKER_CONCURRENCY": 7, "worker_concurrency": 2}
    became = workers.start("-P", "threads", settings=settings).became(row)
    claim(became["concurrency"] == 2, f"{row}, but the concurrency is {became['concurrency']}")
