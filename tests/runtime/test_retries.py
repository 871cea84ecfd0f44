"""Retries of a configuration are Celery's own."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis
import requests
import sqlalchemy.exc
import urllib3
from celery import Celery
from celery._state import _task_stack
from celery.exceptions import Retry
from celery.utils.time import get_exponential_backoff_interval

from celery_best_practices import DBTaskConfig, run_db_task_with_best_practices


class Own(Exception):
    pass


@pytest.fixture
def app() -> Iterator[Celery]:
    made = Celery("retries", broker="memory://", backend="cache+memory://", set_as_current=False)
    yield made
    made.close()


def failing(app: Celery, error: BaseException, config: DBTaskConfig, *, coroutine: bool, **options: Any) -> Any:
    if coroutine:

        async def task() -> None:
            raise error
    else:

        def task() -> None:  # type: ignore[misc]
            raise error

    return run_db_task_with_best_practices(config=config, app=app, shared=False, **options)(task)


def delay_of(task: Any, retries: int) -> Any:
    """Seconds until the retry that a worker's run would ask for; None: it asks for none."""
    _task_stack.push(task)
    task.push_request(called_directly=False, is_eager=True, id="i", args=(), kwargs={}, retries=retries, delivery_info={})
    try:
        task.run()
    except Retry as retry:
        return retry.when
    except Exception:
        return None
    finally:
        task.pop_request()
        _task_stack.pop()


BOTH = pytest.mark.parametrize("coroutine", [False, True])


@BOTH
@pytest.mark.parametrize("error", [ConnectionError(), TimeoutError(), OSError(), ConnectionResetError()])
def test_transient_errors_by_default(app: Celery, error: Exception, coroutine: bool) -> None:
    task = failing(app, error, DBTaskConfig(max_retries=2), coroutine=coroutine)
    assert [delay_of(task, retries) for retries in range(4)] == [180, 180, None, None]
    assert task.max_retries == 2


@BOTH
@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectTimeout("late"),
        redis.ConnectionError(),
        sqlite3.OperationalError("database is locked"),
        sqlalchemy.exc.OperationalError("select 1", {}, Exception("gone")),
        requests.ConnectionError(),
        urllib3.exceptions.ProtocolError(),
    ],
    ids=lambda error: type(error).__module__,
)
def test_transient_errors_of_libraries(app: Celery, error: Exception, coroutine: bool) -> None:
    assert delay_of(failing(app, error, DBTaskConfig(max_retries=2), coroutine=coroutine), 0) == 180


@BOTH
@pytest.mark.parametrize("error", [FileNotFoundError(), PermissionError(), sqlite3.IntegrityError(), httpx.InvalidURL("no")], ids=repr)
def test_errors_that_stay_are_not_retried(app: Celery, error: Exception, coroutine: bool) -> None:
    assert delay_of(failing(app, error, DBTaskConfig(max_retries=2), coroutine=coroutine), 0) is None


@BOTH
def test_other_errors_and_other_configurations(app: Celery, coroutine: bool) -> None:
    assert delay_of(failing(app, Own(), DBTaskConfig(max_retries=2, backoff=1), coroutine=coroutine, name="a"), 0) is None
    assert delay_of(failing(app, ConnectionError(), DBTaskConfig(), coroutine=coroutine, name="b"), 0) is None
    assert delay_of(failing(app, ConnectionError(), DBTaskConfig(max_retries=0), coroutine=coroutine, name="c"), 0) is None


@BOTH
def test_given_errors_only(app: Celery, coroutine: bool) -> None:
    config = DBTaskConfig(max_retries=2)
    assert delay_of(failing(app, Own(), config, coroutine=coroutine, name="a", autoretry_for=(Own,), default_retry_delay=7), 0) == 7
    assert delay_of(failing(app, OSError(), config, coroutine=coroutine, name="b", autoretry_for=(Own,)), 0) is None
    assert (
        delay_of(failing(app, ConnectionError(), config, coroutine=coroutine, name="c", dont_autoretry_for=(ConnectionError,)), 0) is None
    )


@BOTH
def test_backoff_without_max_retries_keeps_celerys(app: Celery, coroutine: bool) -> None:
    task = failing(app, ConnectionError(), DBTaskConfig(backoff=2), coroutine=coroutine)
    assert [delay_of(task, retries) is None for retries in range(5)] == [False, False, False, True, True]


@BOTH
@pytest.mark.parametrize("options", [{}, {"retry_jitter": False}, {"retry_backoff_max": 5}, {"retry_kwargs": {"max_retries": 20}}], ids=str)
def test_backoff_in_whole_seconds_is_celerys(app: Celery, coroutine: bool, options: dict[str, Any]) -> None:
    def delays(task: Any) -> list[Any]:
        random.seed(1)
        return [delay_of(task, retries) for retries in range(12)]

    def plain() -> None:
        raise ConnectionError

    given = {"autoretry_for": (ConnectionError,), "max_retries": 11, **options}
    reference = app.task(retry_backoff=2, name="plain", shared=False, **given)(plain)
    ours = failing(app, ConnectionError(), DBTaskConfig(backoff=2, max_retries=11), coroutine=coroutine, **options)
    assert delays(ours) == delays(reference)
    assert ours.retry_backoff == 2


@BOTH
def test_backoff_in_fractions(app: Celery, coroutine: bool) -> None:
    task = failing(app, ConnectionError(), DBTaskConfig(backoff=0.5, max_retries=20), coroutine=coroutine)
    delays = [[delay_of(task, retries) for _ in range(100)] for retries in range(13)]
    for retries, drawn in enumerate(delays):
        assert 0 <= min(drawn) < max(drawn) <= min(600, 0.5 * 2**retries)
        assert max(drawn) > 0.8 * min(600, 0.5 * 2**retries)
    steady = failing(
        app, OSError(), DBTaskConfig(backoff=0.5, max_retries=20), coroutine=coroutine, name="s", retry_jitter=False, retry_backoff_max=3
    )
    assert [delay_of(steady, retries) for retries in range(5)] == [0.5, 1, 2, 3, 3]


def test_the_formula_is_the_one_that_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "randrange", lambda limit: limit - 1)
    assert [get_exponential_backoff_interval(2, n, 600, True) for n in (0, 1, 5, 20)] == [2, 4, 64, 600]
