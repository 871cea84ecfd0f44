"""The application of tests that kill workers and servers: what was lost comes back within seconds."""

from __future__ import annotations

import os
import time

from celery import Celery

from celery_best_practices import CPUTaskConfig, configure, run_cpu_task_with_best_practices

BROKER = os.environ.get("CRB_TEST_BROKER", "memory://")
COST = 3
DELIVERED_AGAIN, GIVEN_BACK = 1.5, 6
"""Seconds after which that happens to a message and to the credits of a run that was lost."""

app = Celery("outliving", broker=BROKER, backend=BROKER, set_as_current=False)
app.conf.update(
    worker_prefetch_multiplier=1,
    task_acks_late=True,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": DELIVERED_AGAIN,
        "polling_interval": 0.05,
        "unacked_restore_interval": 0.5,
        "unacked_restore_throttle": 1,
    },
)
if BROKER != "memory://":  # a worker, not a test that looks at this module
    configure(reservation=GIVEN_BACK)


@run_cpu_task_with_best_practices(config=CPUTaskConfig(credit_type="lives", credit_amount=COST), app=app, shared=False, name="charged")
def charged(number: int) -> int:
    """Every tenth run fails."""
    time.sleep(0.05)
    if number % 10 == 0:
        raise ValueError(number)
    return number
