"""What stands between a worker and the body of a task? Permission, then cache, limit and credits in one question to Redis.

A run asks once before (admit) and once after (finish); a cached result asks once. Without Redis, cache and limits let the run
pass, credits send it again for later, permissions need none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import uniform
from typing import Any

from celery import Task
from celery._state import get_current_worker_task
from celery.exceptions import Retry

from celery_best_practices import codec
from celery_best_practices.auth import Identity, identity_of
from celery_best_practices.cache_key import NotCacheable, arranging, key_of, name_in_keys
from celery_best_practices.config import TaskConfig
from celery_best_practices.exceptions import InsufficientCredits, PermissionDenied, RateLimited
from celery_best_practices.outcomes import tell
from celery_best_practices.postponing import postpone
from celery_best_practices.run_ticket import Ticket, settle
from celery_best_practices.runtime_settings import settings
from celery_best_practices.scripts import ADMIT
from celery_best_practices.store import StoreDown, store
from celery_best_practices.task_class import overridden

LOCK = 60.0
"""Seconds that equal calls wait for one run to compute their result, where no time limit says more: then another may start."""
WAIT_IN_PLACE = 1.0
"""Seconds that a run waits for an equal one before it makes room for other tasks."""
OUTAGE = 5.0
"""Seconds until a task that costs credits is tried again while Redis is away."""


class Gate:
    """The gate of one task function."""

    def __init__(self, function: Callable[..., Any], config: TaskConfig, *, bound: bool) -> None:
        self.config = config
        self.roles = frozenset(config.permission_roles)
        self.needs_redis = bool(config.cache_ttl or config.rate_limit or config.credit_type)
        self.needs_secret = bool(self.roles or config.credit_type)
        self.name_in_keys = ""
        self.amount = config.credit_amount if config.credit_type else 0
        self.arrange = arranging(function, bound=bound)

    def run(self, task: Any, request: Any, args: Any, kwargs: Any, body: Callable[..., Any]) -> Any:
        """Run `body(*args, **kwargs)`, which is what Celery calls for `request`, or give its cached result.

        Raises PermissionDenied and InsufficientCredits. Where the task is over its limit or has to wait, it is sent again for
        later and Retry is raised; eager calls raise RateLimited.
        """
        try:
            identity = self._permit(task, request)
        except PermissionDenied:
            tell(task.name, "denied")
            raise
        if not self.needs_redis:
            return body(*args, **kwargs)
        ticket = self._ticket(task, request, identity, args, kwargs)
        try:
            if cached := self._admit(task, request, ticket, identity):
                return cached[0]
        except StoreDown as outage:
            tell(task.name, "outage")
            if ticket.charged:
                postpone(task, request, uniform(OUTAGE / 2, OUTAGE), outage)
            return body(*args, **kwargs)
        try:
            result = body(*args, **kwargs)
        except Retry as retry:
            ticket.retried(retry)
            raise
        except BaseException:
            ticket.failed()
            raise
        ticket.succeeded(result)
        return result

    def _permit(self, task: Any, request: Any) -> Identity:
        """Who asks, if they may."""
        identity = identity_of(request)
        if self.roles and self.roles.isdisjoint(identity.roles):
            raise PermissionDenied(f"{task.name} needs one of the roles {', '.join(sorted(self.roles))}.")
        if self.config.credit_type and identity.user is None:
            raise PermissionDenied(f"{task.name} costs credits of a user: send it inside as_user(AuthContext(user_id=…)).")
        return identity

    def _ticket(self, task: Any, request: Any, identity: Identity, args: Any, kwargs: Any) -> Ticket:
        key = counter = ""
        if self.config.cache_ttl:
            try:
                self.name_in_keys = self.name_in_keys or name_in_keys(task)
                key = str(key_of(self.name_in_keys, identity, *self.arrange(args, kwargs)))
            except NotCacheable:
                counter = f"{task.name}:uncacheable"
                tell(task.name, "uncacheable")
            except TypeError:  # wrong arguments: the function itself says so best
                pass
        limits = (self.config.timeout, task.time_limit, task.soft_time_limit, *(request.timelimit or ()))
        longest = max(filter(None, limits), default=0)
        charged = self.amount > 0
        hold = max(settings().reservation, longest) if charged else 0
        return Ticket(task.name, request.id, key, self.config.cache_ttl or 0, longest or LOCK, charged, hold, counter)

    def _admit(self, task: Any, request: Any, ticket: Ticket, identity: Identity) -> tuple[Any] | None:
        """None: run. A tuple: the cached result. Raises as `run` says, and StoreDown."""
        config, redis = self.config, store()
        settle()
        if not (ticket.key or config.rate_limit or ticket.charged):
            return None
        keys = [ticket.key, f"crb:rate:{task.name}" if config.rate_limit else ""]
        figures = b"%d %d %d %d %d" % (
            (ticket.longest + 1) * 1000,
            config.rate_limit or 0,
            config.rate_window * 1e6,
            self.amount,
            ticket.hold * 1e6,
        )
        arguments = [task.name, ticket.token, figures]
        if ticket.charged:
            arguments += [ticket.task_id, identity.scope, config.credit_type]
        give_up = time.monotonic() + WAIT_IN_PLACE
        pause = 0.005
        while True:
            answer = redis.run(ADMIT, keys, arguments)
            if answer == 1:
                if ticket.key:
                    tell(task.name, "miss")
                return None
            if type(answer) is bytes:
                try:
                    cached = (codec.decode(answer),)
                except codec.Damaged:
                    redis.command("UNLINK", ticket.key)
                    continue
                tell(task.name, "hit")
                return cached
            decision = answer[0]
            if decision == b"running":
                if time.monotonic() > give_up:
                    postpone(task, request, uniform(WAIT_IN_PLACE / 2, WAIT_IN_PLACE), RateLimited("An equal call is running."))
                time.sleep(pause)
                pause = min(2 * pause, 0.1)
            elif decision == b"limited":
                tell(task.name, "limited")
                self._put_off(task, request, int(answer[1]) / 1e6)
            else:
                left = int(answer[1])
                raise InsufficientCredits(
                    f"{task.name} costs {config.credit_amount} credits of {config.credit_type!r}, and {left} are left."
                )

    def _put_off(self, task: Any, request: Any, seconds: float) -> None:
        """Send the task again for when the limit has room; spread, so that not all that wait come back at once."""
        limit, window = self.config.rate_limit or 1, self.config.rate_window
        reason = RateLimited(f"{task.name} may run {limit} times in {window:g} s; there is room again in {seconds:.3g} s.")
        postpone(task, request, seconds + uniform(0, window / 2), reason)


def _refuse_items(task: Any) -> None:
    """Celery's `map`, `starmap` and `chunks` are one task that calls another for each item: no message, no task id, no retry."""
    running = get_current_worker_task()
    if running is not None and running.name in ("celery.map", "celery.starmap"):
        raise PermissionDenied(f"{task.name} checks each call, which map, starmap and chunks do not send: send a group of it instead.")


def gate_attributes(function: Callable[..., Any], config: TaskConfig, *, bound: bool) -> dict[str, Any]:
    """The attributes of a task class that passes the gate of `config`; none where the configuration asks for none.

    Only calls by Celery, in a worker or eagerly, pass it: `task(...)` and `task.run(...)` just call the function.
    """
    gate = Gate(function, config, bound=bound)
    if not (gate.needs_redis or gate.roles):
        return {}

    def __call__(task: Any, *args: Any, **kwargs: Any) -> Any:
        request = task.request
        if request.called_directly or "_admitted" in vars(request):
            _refuse_items(task)
            return overridden(task, "__call__", __call__)(*args, **kwargs)
        request._admitted = True
        return gate.run(task, request, args, kwargs, body_of(task))

    bodies: dict[type, bool] = {}

    def body_of(task: Any) -> Any:
        """What Celery would have called: `run`, unless a base class has a `__call__` of its own."""
        plain = bodies.get(type(task))
        if plain is None:
            plain = bodies[type(task)] = overridden(task, "__call__", __call__).__func__ is Task.__call__
        return task.run if plain else overridden(task, "__call__", __call__)

    return {"__call__": __call__, "_gate": gate}
