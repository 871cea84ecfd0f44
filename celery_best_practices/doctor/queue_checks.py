"""Does every message reach a worker, once and in time? Queues that nobody reads, priorities, backlog and visibility timeout.

Facts: research/celery-facts.md 1 (priority steps), 7 (visibility timeout), 19.21 (unknown queues).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from celery_best_practices.doctor.backlog import Backlog, Reading, Waiting
from celery_best_practices.doctor.cluster import Worker
from celery_best_practices.doctor.expected import ExpectedTask
from celery_best_practices.doctor.findings import Finding, Severity, counted, listed, seconds


def consumers(workers: Iterable[Worker]) -> dict[str, list[str]]:
    """Queue -> the workers that read it."""
    found: dict[str, list[str]] = defaultdict(list)
    for worker in workers:
        for queue in worker.queues or ():
            found[queue].append(worker.name)
    return found


def nobody_works(workers: list[Worker], tasks: list[ExpectedTask], waiting: Iterable[Waiting], unsure: bool) -> Iterator[Finding]:
    """no-worker-answers, or queue-without-worker for each queue that tasks are sent to, or messages wait in, and nobody reads.

    unsure: whether there are workers that did not say what they read.
    """
    counts: dict[str, int] = defaultdict(int)
    for each in waiting:
        counts[each.queue] += each.count
    if not workers:
        total = sum(counts.values())
        waits = f", and {counted(total, 'message')} {'waits' if total == 1 else 'wait'}" if total else ""
        yield Finding(
            "no-worker-answers",
            "error",
            "workers",
            f"No worker answers{waits}: nothing runs, or all are too busy to say so. Start workers"
            f" (celery_best_practices.worker_commands tells how), or ask with a longer --timeout.",
        )
        return
    sent: dict[str, list[str]] = defaultdict(list)
    for task in tasks:
        sent[task.queue].append(task.name)
    read = consumers(workers)
    for queue in sorted({*sent, *(queue for queue, count in counts.items() if count)} - set(read)):
        waits = f"{counted(counts[queue], 'message')} {'waits' if counts[queue] == 1 else 'wait'} in it" if counts[queue] else ""
        goes = f"calls of {listed(sent[queue])} go there{'' if waits else ' and would wait for ever'}" if sent[queue] else ""
        severity: Severity = "error" if counts[queue] and not unsure else "warning"
        unless = ", unless one of those that did not answer does" if unsure else ""
        yield Finding(
            "queue-without-worker",
            severity,
            queue,
            f"No live worker reads the queue {queue!r}{unless}: {', '.join(filter(None, (waits, goes)))}."
            f" Start a worker with -Q {queue}, or correct the name where it is sent from.",
        )


def priorities(backlog: Backlog, readings: Mapping[str, Reading], read: Mapping[str, list[str]]) -> Iterator[Finding]:
    """priority-steps-differ: workers do not read all lists that this application publishes to, or messages wait where nobody reads.

    readings: worker -> the lists it reads of a queue; read: queue -> its workers.
    """
    ours = backlog.reading.keys("")
    for worker, reading in readings.items():
        if unread := [step for key, step in ours.items() if key not in reading.keys("")]:
            other = "" if reading.sep == backlog.reading.sep else f" and its `sep` is {reading.sep!r}, not {backlog.reading.sep!r}"
            yield Finding(
                "priority-steps-differ",
                "error",
                worker,
                f"Worker {worker} reads the priority steps {list(reading.steps)}{other}: what this application sends with"
                f" {_steps(unread)} it never reads. Give producers and workers the same broker_transport_options.",
            )
    lost: dict[str, list[Waiting]] = defaultdict(list)
    for each in backlog.waiting:
        readers = [readings[name] for name in read.get(each.queue, ()) if name in readings] or [backlog.reading]
        if each.count and not any(each.key in reader.keys(each.queue) for reader in readers):
            lost[each.queue].append(each)
    for queue, lists in lost.items():
        total = sum(each.count for each in lists)
        yield Finding(
            "priority-steps-differ",
            "error",
            queue,
            f"{counted(total, 'message')} of the queue {queue!r} will never be read, of {_steps([each.priority for each in lists])}: no"
            f" worker has a priority step for {listed([repr(each.key) for each in lists])}. Give producers and workers the same"
            f" priority_steps and sep in broker_transport_options; what waits is read by a worker that has those it was sent with.",
        )


def _steps(steps: list[int]) -> str:
    return f"{'priority' if len(steps) == 1 else 'priorities'} {', '.join(map(str, sorted(set(steps))))}"


def backlogs(waiting: Iterable[Waiting], threshold: int) -> Iterator[Finding]:
    """backlog: queues in which more messages wait than `threshold`."""
    lists: dict[str, dict[int, int]] = defaultdict(dict)
    for each in waiting:
        lists[each.queue][each.priority] = lists[each.queue].get(each.priority, 0) + each.count
    for queue, counts in lists.items():
        if (total := sum(counts.values())) > threshold:
            shown = ", ".join(f"{count} with priority {priority}" for priority, count in sorted(counts.items()) if count)
            yield Finding(
                "backlog",
                "warning",
                queue,
                f"{counted(total, 'message')} wait in the queue {queue!r} ({shown}): new ones wait behind those of their priority."
                f" Add workers with -Q {queue}, or send less; --backlog sets how many are too many.",
            )


def visibility(backlog: Backlog, tasks: Iterable[ExpectedTask]) -> Iterator[Finding]:
    """visibility-timeout-too-short, and unacked-overdue: messages that are delivered again while they are worked on."""
    allowed = backlog.visibility_timeout
    long = sorted((task for task in tasks if task.acks_late and (task.limit or 0) > allowed), key=lambda task: -(task.limit or 0))
    if long:
        most = long[0].limit or 0
        yield Finding(
            "visibility-timeout-too-short",
            "warning",
            long[0].name,
            f"{listed([task.name for task in long])} may run for {seconds(most)} and acknowledge late, but after the visibility timeout of"
            f" {seconds(allowed)} another worker gets the message as well. Set broker_transport_options['visibility_timeout'] above"
            f" {most:g}.",
        )
    unacked = backlog.unacked
    if unacked and unacked.oldest is not None and unacked.oldest > allowed:
        yield Finding(
            "unacked-overdue",
            "warning",
            "unacked",
            f"The oldest of {counted(unacked.count, 'unacknowledged message')} was fetched {seconds(unacked.oldest)} ago, more than the"
            f" visibility timeout of {seconds(allowed)}: it is delivered again, whether its task runs, waits for its time, or was lost"
            f" with its worker. Set the timeout above the longest run, countdown and wait.",
        )
