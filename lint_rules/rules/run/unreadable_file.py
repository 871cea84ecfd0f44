"""
What it does
------------
Reports a file that cannot be analysed: it cannot be opened, is no text in the encoding it claims, or no Python that any
known grammar reads. Syntax newer than the running interpreter is analysed all the same.

Why it matters
--------------
Whatever that file declares, sends or blocks on was not looked at: a clean report would be a wrong one. The exit code is 2.

Example
-------
```text
def broken(:
```

Use instead
-----------
```python
def mended():
    return None
```

Fix safety
----------
There is no fix.

Known limits
------------
Only files that speak of Celery, or that a task's calls lead to, are read at all.

References
----------
- [PEP 263](https://peps.python.org/pep-0263/)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import Report, Severity
from lint_rules.project.project import Project
from lint_rules.rules.registry import rule


@rule("CRB001", "unreadable-file", on=None, severity=Severity.ERROR)
def unreadable_file(subject: object, project: Project) -> Iterator[Report]:
    """Reported by the run itself, where files are read."""
    yield from ()
