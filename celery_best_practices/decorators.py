"""What do the three decorators do? They check how they are used and declare a Celery task.

Everything that is wrong with a declaration is said when the module is imported, with the place and the cure.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Generic, NoReturn, TypeVar

from celery import Celery, shared_task

import celery_best_practices.worker_hooks  # noqa: F401 - connects its handlers to Celery's signals
from celery_best_practices.async_functions import is_async, runs_coroutines
from celery_best_practices.config import CPUTaskConfig, DBTaskConfig, IOTaskConfig, TaskConfig
from celery_best_practices.contract import DECORATORS
from celery_best_practices.gate import gate_attributes
from celery_best_practices.routing import routing_attributes
from celery_best_practices.task_options import celery_options, check_options

C = TypeVar("C", bound=TaskConfig)
_MISSING: Any = object()


declared: dict[str, tuple[str, TaskConfig]] = {}
"""`name_of` a task's function -> the workload and the configuration it was declared with."""


def name_of(function: Callable[..., Any]) -> str:
    """Module and qualified name of the function that a person wrote."""
    written = inspect.unwrap(function)
    return f"{written.__module__}.{written.__qualname__}"


class TaskDecorator(Generic[C]):
    """A decorator like Celery's `@app.task` and `@shared_task` that also carries out what its `config` asks for."""

    def __init__(self, workload: str, config_class: type[C]) -> None:
        self.workload, self.config_class = workload, config_class
        self.__name__ = self.__qualname__ = DECORATORS[workload]

    def __call__(
        self, *misplaced: NoReturn, config: C = _MISSING, app: Celery | None = None, **celery_options: Any
    ) -> Callable[[Callable[..., Any]], Any]:
        """Declare a Celery task.

        config: what the task is asked to do besides running; required, `CPUTaskConfig()` and its like ask for nothing.
        app: the application to declare the task on; without it the task is a shared task, as with `@shared_task`.
        celery_options: options of `@app.task`, given to Celery as they are.

        Raises TypeError for a wrong or missing configuration, for options that Celery would silently ignore, for an async
        function under the cpu decorator and for generators.
        """
        self._check_config(misplaced, config)
        check_options(f"@{self.__name__}", celery_options, app, self.config_class.__name__)

        def declare(function: Callable[..., Any]) -> Any:
            return self._declare(function, config, app, celery_options)

        return declare

    def __repr__(self) -> str:
        return f"<decorator {self.__name__}>"

    def _check_config(self, misplaced: tuple[object, ...], config: object) -> None:
        """Refuse a configuration that is missing, not given by name, or of another workload."""
        wanted = self.config_class.__name__
        if misplaced and isinstance(misplaced[0], TaskConfig):
            raise TypeError(f"@{self.__name__} takes its configuration by name: config={misplaced[0]!r}.")
        if misplaced or config is _MISSING:
            raise TypeError(f"@{self.__name__} needs a configuration: write @{self.__name__}(config={wanted}()).")
        if not isinstance(config, self.config_class):
            other = next((name for name, cls in _CONFIG_CLASSES.items() if isinstance(config, cls)), None)
            cure = f"take {wanted}, or @{DECORATORS[other]}" if other else f"it takes a {wanted}"
            raise TypeError(f"@{self.__name__} got config={config!r}: {cure}.")

    def _declare(self, function: Callable[..., Any], config: C, app: Celery | None, options: dict[str, Any]) -> Any:
        place = f"@{self.__name__} on {_where(function)}"
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{place}: a generator's body would never run as a task: return a list, or send a task for each item.")
        if self.workload == "cpu" and inspect.iscoroutinefunction(function):
            raise TypeError(
                f"{place}: a coroutine that computes blocks every other one on its loop. Make it a plain `def`,"
                f" or use @{DECORATORS['io']} if it waits for something."
            )
        attributes = routing_attributes(config) | gate_attributes(function, config, bound=bool(options.get("bind")))
        asynchronous = is_async(function)
        if asynchronous:
            function, needed = runs_coroutines(function, config.timeout)
            attributes |= needed
        declared[name_of(function)] = (self.workload, config)
        made = celery_options(place, config, options, is_async=asynchronous) | attributes
        return shared_task(**made)(function) if app is None else app.task(**made)(function)


def _where(function: Callable[..., Any]) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    place = f" ({code.co_filename}:{code.co_firstlineno})" if code is not None else ""
    return f"{getattr(function, '__qualname__', repr(function))}{place}"


_CONFIG_CLASSES: dict[str, type[TaskConfig]] = {"cpu": CPUTaskConfig, "io": IOTaskConfig, "db": DBTaskConfig}

run_cpu_task_with_best_practices = TaskDecorator("cpu", CPUTaskConfig)
"""For tasks that compute: plain functions only."""
run_io_task_with_best_practices = TaskDecorator("io", IOTaskConfig)
"""For tasks that wait for a network or for files: functions and async functions."""
run_db_task_with_best_practices = TaskDecorator("db", DBTaskConfig)
"""For tasks that talk to a database: functions and async functions."""
