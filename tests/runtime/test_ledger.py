"""Whatever happens to runs, in whatever order: balance + reserved + committed is what was granted, and no task id is charged twice."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import uuid4

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from celery_best_practices import check_balance, grant
from celery_best_practices.scripts import ADMIT, FINISH, SWEEP
from celery_best_practices.store import store

COST = 3
HOUR = 3_600_000_000
ids = st.sampled_from("abcd")


class Ledger(RuleBasedStateMachine):
    """One user, four task ids: deliveries, ends and losses as workers report them, beside what each must lead to."""

    redis: ClassVar[redis.Redis]

    def __init__(self) -> None:
        super().__init__()
        self.redis.flushdb()
        self.user, self.granted = uuid4().hex, 0
        self.states: dict[str, str] = {}

    def left(self) -> int:
        return self.granted - COST * sum(state in ("reserved", "committed") for state in self.states.values())

    @rule(amount=st.integers(1, 10))
    def grant(self, amount: int) -> None:
        assert grant(self.user, "c", amount) == self.left() + amount
        self.granted += amount

    @rule(id=ids)
    def deliver(self, id: str) -> None:
        answer = self.admit(id, hold=HOUR)
        if self.states.get(id) in ("reserved", "committed"):
            assert answer == 1
        elif self.left() >= COST:
            assert answer == 1
            self.states[id] = "reserved"
        else:
            assert answer == [b"poor", str(self.left()).encode()]

    def admit(self, id: str, *, hold: int) -> Any:
        return store().run(ADMIT, ["", ""], ["t", "token", f"1000 0 0 {COST} {hold}", id, f"user.{self.user}", "c"])

    @rule(id=ids)
    def succeed(self, id: str) -> None:
        """Also late, after its reservation was given back: then it is charged all the same."""
        self.finish(id, "commit")
        if id in self.states:
            self.states[id] = "committed"

    @rule(id=ids, outcome=st.sampled_from(["refund", "keep"]))
    def fail_or_retry(self, id: str, outcome: str) -> None:
        self.finish(id, outcome)
        if outcome == "refund" and self.states.get(id) == "reserved":
            self.states[id] = "refunded"

    def finish(self, id: str, outcome: str) -> None:
        store().run(FINISH, ["", ""], ["token", outcome, id, "", 0, HOUR, ""])

    @rule(id=ids)
    def lose(self, id: str) -> None:
        """Its worker is killed, and the time of its reservation passes."""
        if self.states.get(id) == "reserved":
            assert self.redis.zadd("crb:deadlines", {id: 1}, xx=True, ch=True) == 1
            assert store().run(SWEEP, [], [10]) == 1
            self.states[id] = "refunded"

    @invariant()
    def the_books_balance(self) -> None:
        assert check_balance(self.user, "c") == self.left()
        assert {id: self.redis.hget(f"crb:ledger:{id}", "state") for id in "abcd" if id in self.states} == self.states
        assert set(self.redis.zrange("crb:deadlines", 0, -1)) == {id for id, state in self.states.items() if state == "reserved"}


@pytest.mark.usefixtures("redis_url")
def test_the_books_balance(gate_redis: redis.Redis) -> None:
    Ledger.redis = gate_redis
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Ledger, settings=settings(max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
    )
