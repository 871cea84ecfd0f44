"""How is an examination shown? As text for people, or as JSON."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from celery_best_practices.doctor.examination import Examination
from celery_best_practices.doctor.findings import SEVERITIES, counted, listed, seconds
from celery_best_practices.doctor.queue_checks import consumers
from celery_best_practices.doctor.redis_server import BROKER, RedisServer

COLOURS = {"error": "31", "warning": "33", "info": "36", "bold": "1"}

Row = dict[str, Any]


def as_rows(examination: Examination) -> Row:
    """The examination as JSON: see docs/runtime/doctor.md."""
    backlog = examination.backlog
    read = consumers(examination.workers)
    return {
        "app": examination.app,
        "broker": examination.broker,
        "workers": [
            {
                "name": worker.name,
                "pool": worker.pool,
                "concurrency": worker.slots,
                "prefetch": worker.prefetch,
                "queues": None if worker.queues is None else list(worker.queues),
                "running": None if worker.active is None else len(worker.active),
                "clock_skew": worker.skew,
            }
            for worker in examination.workers
        ],
        "queues": [
            {
                "name": each.queue,
                "priority": each.priority,
                "waiting": each.count,
                "key": each.key,
                "published": backlog is not None and each.key in backlog.reading.keys(each.queue),
                "workers": read.get(each.queue, []),
                "tasks": [task.name for task in examination.tasks if task.queue == each.queue],
            }
            for each in (backlog.waiting if backlog else ())
        ],
        "unacked": {
            "count": backlog.unacked.count,
            "oldest_seconds": backlog.unacked.oldest,
            "visibility_timeout": backlog.visibility_timeout,
        }
        if backlog and backlog.unacked
        else None,
        "redis": [
            {
                "purpose": server.purpose,
                "url": server.url,
                "role": server.role,
                "maxmemory": server.maxmemory,
                "policy": server.policy,
                "appendonly": server.appendonly,
                "save": server.save,
                "replicas": None if server.replicas is None else len(server.replicas),
                "clock_skew": server.skew,
            }
            for server in examination.servers
        ],
        "findings": [
            {"name": each.name, "severity": each.severity, "message": each.message, "subject": each.subject}
            for each in examination.findings
        ],
        "not_checked": [{"what": each.what, "why": each.why} for each in examination.not_checked],
    }


def as_text(examination: Examination, coloured: bool) -> Iterator[str]:
    """Lines for people: what is there, what is wrong, what could not be looked at."""

    def paint(text: str, colour: str) -> str:
        return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if coloured else text

    yield f"{paint(examination.app, 'bold')} on {examination.broker}: {counted(len(examination.tasks), 'task')}"
    yield from _section(paint("Workers", "bold"), _workers(examination))
    yield from _section(paint("Queues", "bold"), _queues(examination))
    yield from _section(paint("Redis", "bold"), [_server(server) for server in examination.servers])
    yield ""
    for finding in examination.findings:
        yield f"{paint(finding.severity, finding.severity)} {paint(finding.name, 'bold')}: {finding.message}"
    yield from _section(paint("Not checked", "bold"), [f"{each.what}: {each.why}" for each in examination.not_checked])
    counts = Counter(finding.severity for finding in examination.findings)
    kinds = ", ".join(counted(counts[severity], severity) for severity in SEVERITIES if counts[severity])
    found = f"Found {counted(len(examination.findings), 'finding')} ({kinds})" if kinds else "No findings"
    left = f", {counted(len(examination.not_checked), 'question')} not answered" if examination.not_checked else ""
    yield f"{found}{left}."


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)


def _workers(examination: Examination) -> list[str]:
    rows = [
        [
            worker.name,
            f"{worker.pool or '?'} x {worker.slots if worker.slots is not None else '?'}",
            f"fetches {worker.prefetch if worker.prefetch else 'any number' if worker.prefetch == 0 else '?'}",
            f"runs {len(worker.active) if worker.active is not None else '?'}",
            f"reads {', '.join(worker.queues) if worker.queues else '?' if worker.queues is None else 'nothing'}",
        ]
        for worker in examination.workers
    ]
    return _aligned(rows)


def _queues(examination: Examination) -> list[str]:
    if examination.backlog is None:
        return []
    read = consumers(examination.workers)
    waiting: dict[str, dict[int, int]] = defaultdict(Counter)
    for each in examination.backlog.waiting:
        waiting[each.queue][each.priority] += each.count
    rows = []
    for queue, counts in waiting.items():
        shown = ", ".join(f"{priority}: {count}" for priority, count in sorted(counts.items()) if count)
        rows.append(
            [queue, f"{sum(counts.values())} waiting", f"({shown})" if shown else "", f"read by {listed(read.get(queue, [])) or 'nobody'}"]
        )
    lines = _aligned(rows)
    if unacked := examination.backlog.unacked:
        oldest = f", the oldest for {seconds(unacked.oldest)}" if unacked.oldest is not None else ""
        allowed = seconds(examination.backlog.visibility_timeout)
        lines.append(f"{counted(unacked.count, 'unacknowledged message')}{oldest}; visibility timeout {allowed}")
    return lines


def _server(server: RedisServer) -> str:
    facts = [
        f"policy {server.policy or '?'}",
        f"maxmemory {server.maxmemory if server.maxmemory is not None else '?'}",
    ]
    if server.purpose == BROKER:
        facts.append(
            "on disk"
            if server.appendonly or server.save
            else "on disk: ?"
            if server.appendonly is None or server.save is None
            else "not on disk"
        )
        facts.append(f"replicas {len(server.replicas) if server.replicas is not None else '?'}")
    return f"{server.purpose} {server.url}: {', '.join(facts)}"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
