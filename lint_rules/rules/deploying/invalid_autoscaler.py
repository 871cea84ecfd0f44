"""
What it does
------------
Reports `worker_autoscaler` where it is anything but a class or the dotted path of one: a dict, a tuple, a number, `"10,2"`.

Why it matters
--------------
The setting names the class that scales, not the limits. Without `--autoscale` it has no effect; with it the worker dies at start, with
TypeError or ModuleNotFoundError.

Example
-------
```python
from celery import Celery

app = Celery("shop")
app.conf.worker_autoscaler = {"min": 2, "max": 10}
```

Use instead
-----------
```python
# shop/worker.py
from celery import Celery

app = Celery("shop")
```

```text
# Procfile
worker: celery -A shop.worker worker --autoscale=10,2
```

Fix safety
----------
Safe: the setting is removed. The limits go to the command by hand.

Known limits
------------
What is read from the environment is not judged.

References
----------
- [Celery: autoscaling](https://docs.celeryq.dev/en/stable/userguide/workers.html#autoscaling)
- `celery.worker.autoscale.WorkerComponent`
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lint_rules.facts.model import Map, Seq
from lint_rules.findings import FixKind, Place, Report, Severity
from lint_rules.project.celery_settings import Setting
from lint_rules.project.displays import written
from lint_rules.project.project import Project
from lint_rules.project.tasks import rendered
from lint_rules.rules.registry import rule

CLASS_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*[.:][^\W\d]\w*")


@rule("CRB205", "invalid-autoscaler", on=Project, severity=Severity.ERROR, fix=FixKind.SAFE)
def invalid_autoscaler(project: Project, _: Project) -> Iterator[Report]:
    """Values of worker_autoscaler that are no class."""
    for setting in project.celery_settings:
        text = _no_class(setting, project) if setting.name == "worker_autoscaler" else None
        if text is not None:
            yield Report(
                Place.row_of(setting.file, setting.row),
                f"{setting.written} is {text}, but it names a class: ignored, and with --autoscale the worker dies at start; "
                f"remove it and give the limits to the command: {_command(text)}",
                fix=FixKind.SAFE,
            )


def _no_class(setting: Setting, project: Project) -> str | None:
    """The value as text where it cannot name a class."""
    expr, frame = project.loading(lambda: written(project.resolver, setting.value, setting.frame))
    if isinstance(expr, (Map, Seq)):
        return rendered(expr, frame.scope.calls)
    value = project.literal(expr, frame)
    if isinstance(value, str):
        return None if CLASS_PATH.fullmatch(value) else repr(value)
    return repr(value) if isinstance(value, (int, float)) else None


def _command(text: str) -> str:
    """The option with the numbers that the setting has, if it has one or two."""
    numbers = sorted((int(number) for number in re.findall(r"(?<![\w.])\d+(?![\w.])", text)), reverse=True)
    return f"--autoscale={','.join(map(str, numbers))}" if 1 <= len(numbers) <= 2 else "--autoscale=MAX,MIN"
