"""What does a user's account hold? Balances, grants, and reservations whose runs were lost.

A charge is a ledger entry by task id, reserved -> committed or refunded: a retry, a redelivery or a killed worker never charges
twice. Credits belong to users, not to roles or tokens.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from celery_best_practices.auth import account
from celery_best_practices.scripts import FINISH, GRANT, SWEEP
from celery_best_practices.store import store

BATCH = 100


def check_balance(user_id: str | int | UUID, credit_type: str) -> int:
    """Credits that the user has left, without what running tasks have reserved.

    Gives back reservations of lost runs first. Raises ConfigurationMissing without a Redis, StoreDown when it does not answer.
    """
    sweep()
    return int(store().command("HGET", f"crb:balance:{{{account(user_id)}}}", credit_type) or 0)


def grant(user_id: str | int | UUID, credit_type: str, amount: int, *, idempotency_key: str | None = None) -> int:
    """Add `amount` credits to a user's account; gives the new balance.

    idempotency_key: grants with the same key count once in 90 days, so a grant may safely be tried again after an error.

    Raises ValueError for an amount that is not an integer above 0, and what `check_balance` raises.
    """
    if type(amount) is not int or amount <= 0:
        raise ValueError(f"grant(amount={amount!r}): amount must be an integer above 0.")
    if not (isinstance(credit_type, str) and credit_type):
        raise ValueError(f"grant(credit_type={credit_type!r}): credit_type must be a non-empty string.")
    scope = account(user_id)
    keys = [f"crb:balance:{{{scope}}}", f"crb:grant:{{{scope}}}:{idempotency_key or uuid4().hex}"]
    return int(store().run(GRANT, keys, [credit_type, amount]))


def sweep() -> int:
    """Give back the credits of runs that count as lost; gives how many there were.

    Nobody needs to call it: balances and admissions sweep, too.
    """
    total = 0
    while (found := int(store().run(SWEEP, [], [BATCH]))) == BATCH:
        total += found
    return total + found


def refund(task_id: str) -> None:
    """Give back what is reserved for a task that will not run any more. Raises StoreDown."""
    store().run(FINISH, ["", ""], ["", "refund", task_id, "", 0, 0, ""])
