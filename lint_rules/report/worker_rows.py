"""The worker commands of a project as plain rows and as lines for people (INTERFACES: `workers` JSON)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lint_rules.deploy.model import Option, WorkerCommand
from lint_rules.project.project import Project
from lint_rules.report.text import Paint

Row = dict[str, Any]


def worker_rows(project: Project) -> list[Row]:
    """Rows of all worker commands, by file and row; file names relative to the root."""
    return [_row(worker) for worker in sorted(project.workers, key=lambda worker: (worker.file, worker.row, worker.node))]


def _row(worker: WorkerCommand) -> Row:
    autoscale = worker.autoscale
    return {
        "filename": worker.file,
        "row": worker.row,
        "command": worker.command,
        "app": worker.app,
        "pool": _given(worker, "pool"),
        "queues": _listed(worker, "queues"),
        "exclude_queues": _listed(worker, "exclude-queues"),
        "concurrency": worker.concurrency if worker.concurrency is not None else _given(worker, "concurrency"),
        "autoscale": list(autoscale) if autoscale is not None else _given(worker, "autoscale"),
        "options": {name: True if option.value is None else option.value for name, option in sorted(worker.options.items())},
        "service": worker.service or None,
        "node": worker.node or None,
        "started_from": [{"filename": file, "location": {"row": row, "column": 1}} for file, row in worker.started_from],
    }


def _given(worker: WorkerCommand, name: str) -> str | None:
    """An option as written, None where it is not given."""
    option: Option | None = worker.options.get(name)
    return None if option is None else option.value


def _listed(worker: WorkerCommand, name: str) -> list[str] | None:
    said = _given(worker, name)
    return None if said is None else [part.strip() for part in said.split(",") if part.strip()]


def lines(rows: list[Row], paint: Paint) -> Iterator[str]:
    """Two lines for each worker: what it runs as, and the command."""
    for row in rows:
        name = f" {row['service']}" if row["service"] else ""
        name += f" node {row['node']}" if row["node"] else ""
        pool = row["pool"] or "default pool"
        concurrency = f" -c {row['concurrency']}" if row["concurrency"] is not None else ""
        scale = row["autoscale"]
        autoscale = f" autoscale {','.join(map(str, scale)) if isinstance(scale, list) else scale}" if scale is not None else ""
        queues = "queues " + ", ".join(row["queues"]) if row["queues"] is not None else "queues of the settings"
        without = f" without {', '.join(row['exclude_queues'])}" if row["exclude_queues"] else ""
        yield f"{paint(row['filename'], 'bold')}:{row['row']}{name}: {paint(pool, 'info')}{concurrency}{autoscale}, {queues}{without}"
        yield f"    {paint(row['command'], 'dim')}"
        for each in row["started_from"]:
            yield f"    started from {each['filename']}:{each['location']['row']}"
    yield f"{len(rows)} worker command{'' if len(rows) == 1 else 's'}." if rows else "No worker commands found."
