"""
What it does
------------
Reports an unknown key, a value of the wrong type or an unknown rule code under `[tool.crb]` in pyproject.toml.

Why it matters
--------------
The entry has no effect: a rule that was meant to be off is on, or the other way round. The exit code is 2.

Example
-------
```toml
[tool.crb]
ignor = ["CRB101"]
```

Use instead
-----------
```toml
[tool.crb]
ignore = ["CRB101"]
```

Fix safety
----------
There is no fix; the message names the nearest key or code.

Known limits
------------
The row is that of the key, found by text; in unusual TOML layouts it is the first row of the file.

References
----------
- [pyproject.toml](https://packaging.python.org/en/latest/specifications/pyproject-toml/)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.findings import Report, Severity
from lint_rules.project.project import Project
from lint_rules.rules.registry import rule


@rule("CRB003", "invalid-configuration", on=None, severity=Severity.ERROR)
def invalid_configuration(subject: object, project: Project) -> Iterator[Report]:
    """Reported by the run itself, where the configuration is read."""
    yield from ()
