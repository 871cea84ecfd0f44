"""Findings and tasks as plain rows: what all output formats print, and what a stored run keeps (INTERFACES: `check` and `tasks` JSON)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lint_rules.findings import Finding
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task, rendered

Row = dict[str, Any]

DOCS = "https://celery-best-practices.readthedocs.io/en/latest/rules/{code}.html"


def finding_rows(findings: Iterable[Finding]) -> list[Row]:
    """Rows of findings; file names relative to the root."""
    return [
        {
            "code": finding.code,
            "name": finding.name,
            "severity": str(finding.severity),
            "message": finding.message,
            "filename": finding.place.file,
            "location": {"row": finding.place.row, "column": finding.place.column + 1},
            "end_location": {"row": finding.place.end_row, "column": finding.place.end_column + 1},
            "task": finding.task,
            "related": [
                {"filename": each.file, "location": {"row": each.row, "column": 1}, "message": each.message} for each in finding.related
            ],
            "fix": None if finding.fix is None else str(finding.fix),
            "url": DOCS.format(code=finding.code),
        }
        for finding in findings
    ]


def task_rows(project: Project) -> list[Row]:
    """Rows of all tasks; file names relative to the root."""
    return [_task_row(task, project) for task in project.tasks]


def _task_row(task: Task, project: Project) -> Row:
    options = {}
    for name, expr in task.declaration.options:
        frame = task.frame_of(name)
        value = project.literal(expr, frame)
        options[name] = value if isinstance(value, (str, int, float, bool)) or value is None else rendered(expr, frame.scope.calls)
    return {
        "name": task.name,
        "module": task.module,
        "function": task.qualname,
        "filename": task.file,
        "row": task.function.row,
        "declaration": task.declaration.text,
        "async": task.function.is_async,
        "options": options,
        "queue": options.get("queue"),
        "priority": options.get("priority"),
        "declared": task.declaration.workload,
        "workload": project.workload(task),
        "evidence": [
            {
                "effect": str(evidence.effect),
                "call": evidence.path,
                "filename": evidence.file,
                "row": evidence.row,
                "chain": [f"{step.name.partition('#')[0]} ({step.file}:{step.row})" for step in evidence.steps],
            }
            for evidence in project.all_evidence(task)
        ],
    }
