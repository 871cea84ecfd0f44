"""Where does a coroutine run inside a worker? On a loop that lives as long as the process, so that shared clients keep working.

Measured in research/runtime.md 2: a loop per call breaks every shared client, a loop per thread breaks half of them, and under
gevent the loop must live in a native thread and be made there. So:

- in the main thread (prefork, solo): one loop in this very thread;
- in any other thread, and everywhere under gevent: one loop in one native thread of the process;
- where a loop already runs in this thread (an eager call inside a coroutine): a native thread for this one call.

Background tasks that a coroutine leaves behind stay on the loop: shared clients keep such tasks on purpose.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded

from celery_best_practices.loop_thread import LoopThread
from celery_best_practices.request_context import RequestContext


class CoroutineCancelled(RuntimeError):
    """The coroutine of a task was cancelled by something other than its timeout or the worker."""


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def run(awaitable: Awaitable[Any], timeout: float | None = None) -> Any:
    """Run `awaitable` to its end and give its result; after `timeout` seconds cancel it and raise TimeoutError.

    Whatever interrupts the wait (a soft time limit, a killed greenlet) cancels it too, and is raised once it has unwound.
    """
    body = _within(awaitable, timeout)
    try:
        if running_loop() is not None:
            with LoopThread(gevent=_gevent()) as thread:
                return thread.run(body, RequestContext())
        if _gevent() or threading.current_thread() is not threading.main_thread():
            return _loops.thread().run(body, RequestContext())
        return _loops.main().run(body, RequestContext())
    except asyncio.CancelledError:
        raise CoroutineCancelled("The task's coroutine was cancelled from within.") from None


async def _within(awaitable: Awaitable[Any], timeout: float | None) -> Any:
    if timeout is None:
        return await awaitable
    try:
        async with asyncio.timeout(timeout) as limit:
            return await awaitable
    except TimeoutError:
        if limit.expired():
            raise TimeoutError(f"Cancelled after the {timeout:g} s that the task's configuration allows (timeout=).") from None
        raise


def _gevent() -> bool:
    """Whether gevent has patched this process."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


class _MainLoop:
    """A loop that runs in the main thread, and only while a coroutine is waited for."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(self._on_lost_exception)
        self.task: asyncio.Task[Any] | None = None
        self.interruption: BaseException | None = None

    def _on_lost_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A signal may strike while the loop is busy with its own affairs: the limit is meant for the coroutine all the same."""
        exception = context.get("exception")
        if isinstance(exception, SoftTimeLimitExceeded) and self.task is not None:
            self.interruption = exception
            self.task.cancel()
        else:
            loop.default_exception_handler(context)

    def run(self, body: Any, request: RequestContext) -> Any:
        self.task = task = self.loop.create_task(body, context=request.context)
        try:
            return self.loop.run_until_complete(task)
        except asyncio.CancelledError:
            if self.interruption is not None:
                raise self.interruption from None
            raise
        except BaseException:
            if not task.done():
                task.cancel()
                self.loop.run_until_complete(asyncio.wait([task]))
                _ = task.cancelled() or task.exception()
            raise
        finally:
            self.task = self.interruption = None
            request.close()


class _Loops:
    """The loops of this process, made when first needed and forgotten in a forked child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._main: _MainLoop | None = None
        self._thread: LoopThread | None = None
        self._parents: list[object] = []

    def main(self) -> _MainLoop:
        if self._main is None:
            self._main = _MainLoop()
        return self._main

    def thread(self) -> LoopThread:
        with self._lock:
            if self._thread is None:
                self._thread = LoopThread(gevent=_gevent())
            return self._thread

    def forget(self) -> None:
        """The parent's loops are kept, not closed: closing would take their file descriptors' registrations from the parent."""
        self._parents += [self._main, self._thread]
        self._lock = threading.Lock()
        self._main = self._thread = None


_loops = _Loops()
os.register_at_fork(after_in_child=_loops.forget)
