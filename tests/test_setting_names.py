"""The names of Celery's settings: the tables are Celery's, and what is called dead has no effect there."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import celery
import pytest
from celery import Celery
from celery.app.defaults import _TO_NEW_KEY, SETTING_KEYS
from celery.exceptions import ImproperlyConfigured

from lint_rules.knowledge.celery_settings import OLD_NAMES, SETTINGS, UNLISTED
from lint_rules.knowledge.spelling import mistakes, nearest
from lint_rules.rules.deploying.dead_setting import dead_in_conf, dead_in_object

NEWEST = tuple(int(part) for part in celery.__version__.split(".")[:2])


def configured(namespace: str | None, **settings: Any) -> Celery:
    module = ModuleType("settings_of_a_test")
    module.__dict__.update(settings)
    sys.modules[module.__name__] = module
    app = Celery("test", set_as_current=False)
    app.config_from_object(module.__name__, namespace=namespace)
    return app


def test_the_tables_are_celerys() -> None:
    if NEWEST == (5, 7):
        assert set(SETTING_KEYS) == SETTINGS
        assert _TO_NEW_KEY == OLD_NAMES
    assert not UNLISTED & SETTINGS


FORMS = ["task_acks_late", "TASK_ACKS_LATE", "CELERY_TASK_ACKS_LATE", "CELERY_ACKS_LATE", "CELERY_task_acks_late", "task_ack_late"]


@pytest.mark.parametrize("namespace", [None, "CELERY"])
@pytest.mark.parametrize("name", [*FORMS, "CELERY_TASK_ACK_LATE", "CELERY_ACK_LATE"])
def test_what_an_object_names_in_vain_has_no_effect(name: str, namespace: str | None) -> None:
    dead = dead_in_object(name, f"{namespace}_".lower() if namespace else "", NEWEST)
    assert not (dead is not None and configured(namespace, **{name: True}).conf.task_acks_late)


@pytest.mark.parametrize(
    ("name", "namespace", "better"),
    [
        ("task_ack_late", None, "task_acks_late"),
        ("TASK_ACKS_LATE", None, ""),
        ("CELERY_TASK_ACKS_LATE", None, ""),
        ("CELERY_ACK_LATE", None, "CELERY_ACKS_LATE"),
        ("CELERY_TASK_ACK_LATE", "celery_", "CELERY_TASK_ACKS_LATE"),
        ("CELERY_ACK_LATE", "celery_", "CELERY_TASK_ACKS_LATE"),
        ("CELERY_task_acks_late", "celery_", "CELERY_TASK_ACKS_LATE"),
        ("CELERY_MAX_TASKS_PER_CHILD", "celery_", "CELERY_WORKER_MAX_TASKS_PER_CHILD"),
        ("CELERY_CONCURRENCY", "celery_", "CELERY_WORKER_CONCURRENCY"),
    ],
)
def test_what_is_dead_and_what_to_write(name: str, namespace: str | None, better: str) -> None:
    dead = dead_in_object(name, namespace or "", NEWEST)
    assert dead is not None
    assert dead.better == better


@pytest.mark.parametrize("name", [*FORMS[:4], "celery_acks_late", "task_ack_late"])
def test_what_is_set_on_conf_in_vain_has_no_effect(name: str) -> None:
    app = Celery("test", set_as_current=False)
    app.conf[name] = True
    assert app.conf.task_acks_late == (dead_in_conf(name, namespaced=False) is None)


def test_old_and_new_names_do_not_mix() -> None:
    with pytest.raises(ImproperlyConfigured):
        assert configured(None, CELERY_ACKS_LATE=True, task_track_started=True).conf.task_acks_late
    assert configured(None, CELERY_ACKS_LATE=True, task_acks_late=True).conf.task_acks_late


@pytest.mark.parametrize(("version", "read"), [((5, 6), False), ((5, 7), True), (None, True)])
def test_old_names_below_a_namespace_depend_on_the_version(version: tuple[int, ...] | None, read: bool) -> None:
    assert (dead_in_object("CELERY_DEFAULT_QUEUE", "celery_", version) is None) == read
    assert (dead_in_object("CELERYD_CONCURRENCY", "celery_", version) is None) == read


_EXTENSIONS = (
    "CELERY_RESULT_BACKEND CELERY_CACHE_BACKEND CELERY_RESULT_EXTENDED DJANGO_CELERY_RESULTS_TASK_ID_MAX_LENGTH CELERY_BEAT_SCHEDULER "
    "DJANGO_CELERY_BEAT_TZ_AWARE CELERY_BEAT_CRON_STARTING_DEADLINE CELERY_EMAIL_TASK_CONFIG CELERY_EMAIL_BACKEND CELERY_EMAIL_CHUNK_SIZE "
    "CELERY_EMAIL_MESSAGE_EXTRA_ATTRIBUTES CELERY_REDBEAT_REDIS_URL CELERY_REDBEAT_LOCK_KEY CELERY_REDBEAT_LOCK_TIMEOUT "
    "CELERY_REDBEAT_KEY_PREFIX CELERY_REDBEAT_REDIS_OPTIONS CELERY_REDBEAT_REDIS_USE_SSL CELERY_ONCE CELERY_ONCE_DEFAULT_TIMEOUT "
    "CELERY_SINGLETON_BACKEND_URL CELERY_SINGLETON_KEY_PREFIX CELERY_SINGLETON_LOCK_EXPIRY CELERY_SINGLETON_RAISE_ON_DUPLICATE "
    "CELERY_HAYSTACK_DEFAULT_TASK CELERY_HAYSTACK_QUEUE CELERY_HAYSTACK_COUNTDOWN CELERY_FLOWER_USER CELERY_FLOWER_PASSWORD "
    "CELERY_TASK_CLS CELERY_APP CELERY_ENABLED CELERY_LOG_LEVEL CELERY_QUEUE_NAME CELERY_TASK_DEFAULT_RETRY_DELAY CELERY_MAX_RETRIES"
)


@pytest.mark.parametrize("name", _EXTENSIONS.split())
def test_names_of_extensions_are_left_alone(name: str) -> None:
    assert dead_in_object(name, "celery_", (5, 6)) is None
    assert dead_in_conf(name.lower().removeprefix("celery_"), namespaced=False) is None


def test_misspelt_names() -> None:
    assert mistakes("task_defualt_queue", "task_default_queue") == 1
    assert mistakes("", "abc") == 3
    assert nearest("task_ack_late", SETTINGS) == "task_acks_late"
    assert nearest("worker_prefetch_multplier", SETTINGS) == "worker_prefetch_multiplier"
    assert nearest("redis_host_name", SETTINGS) is None
    assert nearest("task_acks_on_", SETTINGS) is None
