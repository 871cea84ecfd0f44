"""The decorators declare the tasks that Celery's own would have declared."""

from __future__ import annotations

import asyncio
import functools
import inspect
import signal
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery, Task, _state, current_task, shared_task
from celery.contrib.testing.worker import start_worker
from celery.exceptions import SoftTimeLimitExceeded

from celery_best_practices import (
    CPUTaskConfig,
    DBTaskConfig,
    IOTaskConfig,
    coroutines,
    run_cpu_task_with_best_practices,
    run_db_task_with_best_practices,
    run_io_task_with_best_practices,
)


class OwnTask(Task):  # type: ignore[misc]
    flavour = "own"


@pytest.fixture(autouse=True)
def _shared_tasks_of_one_test() -> Iterator[None]:
    """Shared tasks go to every application made later: forget those of the test."""
    before = set(_state._on_app_finalizers)
    yield
    _state._on_app_finalizers.clear()
    _state._on_app_finalizers.update(before)


@pytest.fixture
def app() -> Iterator[Celery]:
    made = Celery("made", broker="memory://", backend="cache+memory://", task_cls=OwnTask, set_as_current=False)
    made.conf.task_always_eager = True
    before = _state._tls.current_app
    made.set_current()
    yield made
    _state._tls.current_app = before
    made.close()


def declared(app: Celery, shared: bool, **options: Any) -> Any:
    """A plain task, declared by one of our decorators."""

    def double(x: int) -> int:
        """Twice."""
        return 2 * x

    return run_cpu_task_with_best_practices(config=CPUTaskConfig(), app=None if shared else app, **options)(double)


@pytest.mark.parametrize("shared", [True, False])
def test_a_default_configuration_changes_nothing(app: Celery, shared: bool) -> None:
    def plain(x: int) -> int:
        return x

    def migrated(x: int) -> int:
        return x

    (shared_task if shared else app.task)(plain)
    run_db_task_with_best_practices(config=DBTaskConfig(), app=None if shared else app)(migrated)
    reference, ours = app.tasks[f"{__name__}.plain"], app.tasks[f"{__name__}.migrated"]
    assert type(ours).__mro__[1:] == type(reference).__mro__[1:] == app.Task.__mro__
    assert set(vars(type(ours))) == set(vars(type(reference)))
    assert ours.run is migrated


def test_names_are_celerys(app: Celery) -> None:
    assert declared(app, False).name == f"{__name__}.double"
    assert declared(app, True, name="other").name == "other"

    @run_io_task_with_best_practices(config=IOTaskConfig(queue="q"), app=app)
    async def coroutine() -> None: ...

    assert coroutine.name == f"{__name__}.coroutine"
    assert f"{__name__}.coroutine" in app.tasks


@pytest.mark.parametrize("shared", [True, False])
def test_calls(app: Celery, shared: bool) -> None:
    task = declared(app, shared)
    assert task(4) == 8
    assert task.run(4) == 8
    assert task.delay(4).get() == task.apply_async((4,)).get() == task.s(4).delay().get() == task.si(4).apply().get() == 8
    assert (task.s(1) | task.s() | task.s()).delay().get() == 8
    assert task.__doc__ == "Twice."
    assert inspect.signature(task.run) == inspect.signature(task.__wrapped__)
    assert list(inspect.signature(task.run).parameters) == ["x"]


def test_options_of_celery_are_given_on(app: Celery) -> None:
    class Base(Task):  # type: ignore[misc]
        colour = None

    def on_failure(*_: Any) -> None: ...

    task = declared(
        app, False, base=Base, colour="red", serializer="json", acks_late=True, rate_limit="10/m", ignore_result=True,
        soft_time_limit=5, time_limit=9, throws=(KeyError,), on_failure=on_failure, autoretry_for=(KeyError,), retry_jitter=False,
    )  # fmt: skip
    assert isinstance(task._get_current_object(), Base)
    assert (task.colour, task.acks_late, task.rate_limit, task.ignore_result) == ("red", True, "10/m", True)
    assert (task.soft_time_limit, task.time_limit, task.throws, task.autoretry_for) == (5, 9, (KeyError,), (KeyError,))


def test_shared_tasks_belong_to_every_application_in_its_own_class() -> None:
    class Other(Task):  # type: ignore[misc]
        pass

    @run_io_task_with_best_practices(config=IOTaskConfig(queue="q"))
    async def everywhere() -> None: ...

    apps = [Celery(f"app{number}", task_cls=cls, set_as_current=False) for number, cls in enumerate((OwnTask, Other, Task))]
    for app, cls in zip(apps, (OwnTask, Other, Task)):
        task = app.tasks[f"{__name__}.everywhere"]
        assert isinstance(task, cls)
        assert (task.app, task.queue) == (app, "q")
        app.close()


def test_arguments_are_checked_where_the_task_is_sent(app: Celery) -> None:
    @run_io_task_with_best_practices(config=IOTaskConfig(), app=app, bind=True)
    async def wants(self: Any, x: int, *, y: int = 1) -> int:
        return x + y

    assert str(inspect.signature(wants.run)) == "(x: 'int', *, y: 'int' = 1) -> 'int'"
    assert wants.delay(1, y=2).get() == 3
    for call in (lambda: wants.delay(), lambda: wants.delay(1, 2), lambda: wants.delay(1, z=2)):
        with pytest.raises(TypeError):
            call()


def test_coroutines_run_eagerly_directly_and_awaited(app: Celery) -> None:
    @run_io_task_with_best_practices(config=IOTaskConfig(), app=app, bind=True)
    async def ident(self: Any, x: int) -> tuple[int, Any]:
        await asyncio.sleep(0)
        return x, self.request.id

    @run_db_task_with_best_practices(config=DBTaskConfig(), app=app)
    async def nested(x: int) -> Any:
        return [ident.delay(x).get(disable_sync_subtasks=False), await ident(x), await ident.run(x)]

    assert ident.apply((1,), task_id="me").get() == (1, "me")
    assert ident(1) == (1, None)

    async def caller() -> Any:
        return await ident(2), ident.apply((3,), task_id="inside").get()

    assert asyncio.run(caller()) == ((2, None), (3, "inside"))
    eager, awaited, run = nested.delay(5).get()
    assert (eager[0], awaited, run) == (5, (5, None), (5, None))
    assert eager[1]


def test_a_coroutine_behind_a_decorator_that_is_a_function(app: Celery) -> None:
    def measured(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any) -> Any:
            return function(*args)

        return wrapper

    @run_io_task_with_best_practices(config=IOTaskConfig(), app=app)
    @measured
    async def hidden(x: int) -> int:
        await asyncio.sleep(0)
        return x

    assert hidden.delay(3).get() == 3


def test_eager_coroutines_in_threads(app: Celery) -> None:
    @run_io_task_with_best_practices(config=IOTaskConfig(timeout=5), app=app, bind=True)
    async def ident(self: Any) -> Any:
        await asyncio.sleep(0.01)
        return self.request.id, current_task.request.id

    async def many() -> list[Any]:
        return await asyncio.gather(*(asyncio.to_thread(ident.apply, task_id=str(number)) for number in range(20)))

    assert [result.get() for result in asyncio.run(many())] == [(str(number), str(number)) for number in range(20)]


def test_a_coroutine_that_is_cancelled_from_within_fails(app: Celery) -> None:
    @run_io_task_with_best_practices(config=IOTaskConfig(), app=app)
    async def suicidal() -> None:
        own = asyncio.current_task()
        assert own is not None
        own.cancel()
        await asyncio.sleep(1)

    result = suicidal.delay()
    assert result.state == "FAILURE"
    assert "cancelled from within" in str(result.result)


def test_a_limit_that_strikes_in_the_loop_itself_stops_the_coroutine() -> None:
    """A signal's exception may be raised while the loop runs a callback, which swallows exceptions."""
    cleaned = []

    def strike() -> None:
        raise SoftTimeLimitExceeded

    async def body() -> None:
        asyncio.get_running_loop().call_soon(strike)
        try:
            await asyncio.sleep(30)
        finally:
            cleaned.append(True)

    for _ in range(2):
        with pytest.raises(SoftTimeLimitExceeded):
            coroutines.run(body())
    assert cleaned == [True, True]


def test_an_interruption_of_the_loop_cancels_the_coroutine() -> None:
    cleaned = []

    async def body() -> None:
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell started in the background
    try:
        with pytest.raises(KeyboardInterrupt):
            coroutines.run(body())
    finally:
        signal.signal(signal.SIGINT, before)
    assert cleaned == [True]
    assert coroutines.run(asyncio.sleep(0, "fine")) == "fine"


@pytest.mark.usefixtures("gate_redis")  # the worker sees the sample's shared tasks, which need it
def test_the_worker_of_celerys_own_testing_tools(app: Celery) -> None:
    app.conf.task_always_eager = False

    @run_io_task_with_best_practices(config=IOTaskConfig(), app=app, bind=True)
    async def ident(self: Any) -> Any:
        await asyncio.sleep(0)
        return self.request.id

    with start_worker(app, perform_ping_check=False):
        result = ident.delay()
        assert result.get(timeout=10) == result.id


IO, CPU = run_io_task_with_best_practices, run_cpu_task_with_best_practices


async def coroutine() -> None: ...


def generator() -> Iterator[int]:
    yield 1


WRONG_USES: list[tuple[Any, str]] = [
    (
        lambda: IO(),
        r"@run_io_task_with_best_practices needs a configuration: write @run_io_task_with_best_practices\(config=IOTaskConfig\(\)\)\.",
    ),
    (lambda: IO(coroutine), "needs a configuration: write "),
    (lambda: IO(IOTaskConfig(max_retries=2)), r"takes its configuration by name: config=IOTaskConfig\(max_retries=2\)\."),
    (lambda: IO(config=DBTaskConfig()), "got config=DBTaskConfig.*: take IOTaskConfig, or @run_db_task_with_best_practices"),
    (lambda: IO(config=None), "got config=None: it takes a IOTaskConfig"),
    (lambda: IO(config=IOTaskConfig), "got config=<class .*: it takes a IOTaskConfig"),
    (lambda: IO(config=IOTaskConfig(), max_retrys=3), r"has no task option 'max_retrys': did you mean 'max_retries'\?"),
    (lambda: IO(config=IOTaskConfig(), zzzzzz=3), "has no task option 'zzzzzz' and would ignore it: .*base="),
    (lambda: IO(config=IOTaskConfig(), countdown=3), "'countdown' is an option of apply_async"),
    (lambda: IO(config=IOTaskConfig(), cache_ttl=3), r"has no task option 'cache_ttl': it is a field: config=IOTaskConfig\(cache_ttl=3\)"),
    (
        lambda: IO(config=IOTaskConfig(max_retries=3), max_retries=3)(coroutine),
        "coroutine .*: max_retries= and IOTaskConfig.max_retries=. say the same",
    ),
    (lambda: IO(config=IOTaskConfig(backoff=3), retry_backoff=3)(coroutine), "say the same"),
    (lambda: IO(config=IOTaskConfig(queue="q"), queue="q")(coroutine), "say the same"),
    (lambda: IO(config=IOTaskConfig(task_priority=3), priority=3)(coroutine), "say the same"),
    (lambda: CPU(config=CPUTaskConfig(timeout=3), soft_time_limit=3)(lambda: 1), "say the same"),
    (lambda: CPU(config=CPUTaskConfig())(coroutine), r"on coroutine \(.*test_registration\.py:\d+\): a coroutine that computes"),
    (lambda: IO(config=IOTaskConfig())(generator), r"on generator \(.*test_registration\.py:\d+\): a generator's body would never run"),
]


@pytest.mark.parametrize(("use", "message"), WRONG_USES)
def test_wrong_uses_are_said_at_import(use: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        use()


def test_options_that_the_own_task_class_reads(app: Celery) -> None:
    assert run_cpu_task_with_best_practices(config=CPUTaskConfig(), app=app, flavour="new")(lambda_named()).flavour == "new"
    with pytest.raises(TypeError, match="flavour"):
        run_cpu_task_with_best_practices(config=CPUTaskConfig(), flavour="new")


def lambda_named() -> Any:
    def task() -> None: ...

    return task


def test_no_deprecation_warning(app: Celery) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        @run_io_task_with_best_practices(config=IOTaskConfig(queue="q", task_priority=3, max_retries=2, timeout=3), app=app)
        def quiet() -> None: ...

        assert quiet.delay().get() is None
