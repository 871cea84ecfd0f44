"""How does one thread wait for a coroutine on the loop of another, with and without gevent?"""

from __future__ import annotations

import _thread
import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, Self

from celery_best_practices.request_context import RequestContext


class _Wait(Protocol):
    """One wait: `wake` is called on the loop's thread, `wait` and `close` on the waiting one."""

    def wait(self) -> None: ...
    def wake(self) -> None: ...
    def close(self) -> None: ...


class _LockWait:
    """A wait of a native thread."""

    def __init__(self, request: RequestContext) -> None:
        self.lock = _thread.allocate_lock()
        self.lock.acquire()

    def wait(self) -> None:
        with self.lock:
            pass

    def wake(self) -> None:
        self.lock.release()

    def close(self) -> None:
        pass


class _GreenletWait:
    """A wait of a greenlet: a watcher is what another native thread may use to wake this thread's hub."""

    def __init__(self, request: RequestContext) -> None:
        from gevent import get_hub
        from gevent.event import Event

        from celery_best_practices.gevent_sending import own_connections_by_thread

        for task in request.tasks:
            own_connections_by_thread(task.app)
        self.event = Event()
        self.watcher = get_hub().loop.async_()
        self.watcher.start(self.event.set)

    def wait(self) -> None:
        self.event.wait()

    def wake(self) -> None:
        self.watcher.send()

    def close(self) -> None:
        self.watcher.close()


class LoopThread:
    """A native thread with a loop that was made in it (under gevent a loop made elsewhere belongs to the wrong hub)."""

    def __init__(self, *, gevent: bool) -> None:
        start: Callable[..., Any] = _thread.start_new_thread
        allocate_lock: Callable[[], Any] = _thread.allocate_lock
        if gevent:
            from gevent.monkey import get_original

            start, allocate_lock = get_original("_thread", "start_new_thread"), get_original("_thread", "allocate_lock")
        self._new_wait: type[_GreenletWait] | type[_LockWait] = _GreenletWait if gevent else _LockWait
        self._stopped = False
        ready = allocate_lock()
        ready.acquire()
        start(self._live, (ready,))
        with ready:
            pass

    def _live(self, ready: Any) -> None:
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.loop.call_soon(ready.release)
        while not self._stopped:
            with suppress(BaseException):  # a task's SystemExit stops the loop; it is raised where the task is waited for, others go on
                self.loop.run_forever()
        self.loop.close()

    def run(self, body: Any, request: RequestContext) -> Any:
        """Run the coroutine `body` on the loop, in the context `request`, and give its result.

        What interrupts the wait cancels the coroutine and is raised once it has unwound.
        """
        wait: _Wait = self._new_wait(request)
        tasks: list[asyncio.Task[Any]] = []

        def begin() -> None:
            task = self.loop.create_task(body, context=request.context)
            task.add_done_callback(lambda _: wait.wake())
            tasks.append(task)

        self.loop.call_soon_threadsafe(begin)
        try:
            try:
                wait.wait()
            except BaseException:
                self.loop.call_soon_threadsafe(lambda: tasks[0].cancel())
                wait.wait()
                _ = tasks[0].cancelled() or tasks[0].exception()
                raise
            return tasks[0].result()
        finally:
            wait.close()
            request.close()

    def stop(self) -> None:
        """End the thread after what is already due."""
        self._stopped = True
        self.loop.call_soon_threadsafe(self.loop.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
