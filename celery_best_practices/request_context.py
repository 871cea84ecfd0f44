"""How does Celery find the running task from inside a coroutine that runs in another thread?

Celery keeps the running task and its request in stacks by thread or greenlet (celery/utils/threads.py). On the thread of a loop
they are empty, and `raise self.retry()` there would lose the task (research/runtime.md 2). So the stacks are asked to look for a
context variable first, and a coroutine gets copies of the waiting thread's stacks under a name of its own: `self.request`,
`self.retry()` and `current_task` mean what they mean in a function, and tasks left behind on the loop see nothing once it ended.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any

from celery._state import _task_stack
from celery.utils.threads import get_ident

_owner: ContextVar[object] = ContextVar("celery_best_practices_stack_owner")


def _ident() -> object:
    try:
        return _owner.get()
    except LookupError:
        return get_ident()


class RequestContext:
    """A copy of this thread's context variables, in which Celery finds the task and the request that it finds here."""

    def __init__(self) -> None:
        self.context = copy_context()
        """For the coroutine to run in."""
        self._undo: list[Callable[[], Any]] = []
        self.tasks = tasks = list(_task_stack.stack)
        """The running task, last, after those that called it eagerly."""
        requests = {task: list(task.request_stack.stack) for task in tasks}
        self.context.run(self._enter, tasks, requests)

    def _enter(self, tasks: list[Any], requests: dict[Any, list[Any]]) -> None:
        _task_stack.__ident_func__ = _ident
        for task in requests:
            task.request_stack.__ident_func__ = _ident
        _owner.set(object())
        for task in tasks:
            self._push(_task_stack, task)
        for task, contexts in requests.items():
            for request in contexts:
                self._push(task.request_stack, request)

    def _push(self, stack: Any, entry: Any) -> None:
        stack.push(entry)
        self._undo.append(stack.pop)

    def close(self) -> None:
        """Drop the copies."""
        self.context.run(lambda: [undo() for undo in self._undo])
