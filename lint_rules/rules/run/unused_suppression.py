"""
What it does
------------
Reports a comment such as `# noqa: CRB404` or `# crb: ignore[CRB404]` that suppresses nothing.

Why it matters
--------------
It tells the reader that something is wrong on this line when nothing is, and it will hide the next real finding.

Example
-------
```python
from celery import shared_task


@shared_task  # noqa: CRB101, CRB404
def ping():
    return "pong"
```

Use instead
-----------
```python
from celery import shared_task


@shared_task  # noqa: CRB101
def ping():
    return "pong"
```

Fix safety
----------
Safe: only the comment, or the code in it, is removed.

Known limits
------------
A bare `# noqa` is left alone: other tools read it too. Codes of rules that are not enabled are not judged.

References
----------
- [flake8: in-line ignoring](https://flake8.pycqa.org/en/stable/user/violations.html#in-line-ignoring-errors)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import FixKind, Report, Severity
from lint_rules.project.project import Project
from lint_rules.rules.registry import rule


@rule("CRB002", "unused-suppression", on=None, severity=Severity.WARNING, fix=FixKind.SAFE)
def unused_suppression(subject: object, project: Project) -> Iterator[Report]:
    """Reported by the run itself, once all findings are known."""
    yield from ()
