"""Which queues a worker reads: those of -Q, else those of task_queues, else the default queue alone."""

from __future__ import annotations

from tests.claims.app import notes
from tests.claims.workers import PATIENCE, Workers, claim, new_key, outcome
from tests.runtime.servers import until


def test_without_anything_the_default_queue_alone(workers: Workers) -> None:
    row = "CRB209: a worker without -Q reads only task_default_queue where task_queues is unset"
    worker, other = workers.start("-P", "solo"), new_key()
    worker.send("modules", queue=other)
    claim(worker.became(row)["queues"] == [worker.name], row)
    claim(outcome(worker.send("modules"), row) == "socket", row)
    claim(notes.llen(other) == 1, f"{row}: a task sent to another queue stays there")


def test_task_queues_replace_the_default_queue(workers: Workers) -> None:
    row = "CRB209: a worker without -Q reads the queues of task_queues"
    declared = new_key()
    worker = workers.start("-P", "solo", settings={"task_queues": {declared: {"exchange": declared, "routing_key": declared}}})
    worker.send("modules")
    claim(worker.became(row)["queues"] == [declared], row)
    claim(outcome(worker.send("modules", queue=declared), row) == "socket", row)
    claim(worker.waiting() == 1, f"{row}, and not the default queue")


def test_named_queues_alone(workers: Workers) -> None:
    row = "CRB209: a worker with -Q reads the queues that it names"
    one, two = new_key(), new_key()
    worker = workers.start("-P", "solo", "-Q", f"{one},{two}")
    key = new_key()
    for queue in (worker.name, one, two):
        worker.send("note", key, queue, queue=queue)
    until(lambda: notes.llen(key) == 2, within=PATIENCE, what=row)
    claim({*notes.lrange(key, 0, -1)} == {one, two} and worker.waiting() == 1, f"{row}, and no other")
