"""
What it does
------------
Reports pickle as a serialiser of Celery: in `task_serializer`, `result_serializer`, `accept_content` and `result_accept_content`, and as
`serializer=` of a task or of a call that sends one. Also reports serialisers, pickle and YAML, that the application does not accept.

Why it matters
--------------
A worker that accepts pickle runs what is in the message: whoever can write to the broker runs code in the worker. And where only JSON is
accepted, which is the default, the worker refuses a pickled message, logs "Refusing to deserialize untrusted content", and drops it: the
task never runs, and its caller waits for ever.

Example
-------
```python
from celery import Celery

app = Celery("shop", broker="redis://localhost:6379/0")
app.conf.accept_content = ["json", "pickle"]


@app.task(serializer="pickle")
def pivot(rows):
    return len(rows)
```

Use instead
-----------
```python
from celery import Celery

app = Celery("shop", broker="redis://localhost:6379/0")
app.conf.accept_content = ["json"]


@app.task(serializer="json")
def pivot(rows):
    return len(rows)
```

Fix safety
----------
There is no automatic fix yet: arguments that JSON does not know would fail. Accept both while old messages are still in the queues.

Known limits
------------
Serialisers that are only known at run time are not judged, and no message is said to be dropped where `accept_content` cannot be read. YAML
is loaded with `yaml.safe_load` and is no danger; it is only reported where it is refused. The serialiser of results is left out where
`result_backend` is None.

References
----------
- [Celery: security, serializers](https://docs.celeryq.dev/en/stable/userguide/security.html#serializers)
- [Celery: accept_content](https://docs.celeryq.dev/en/stable/userguide/configuration.html#accept-content)
- `kombu.serialization`
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lint_rules.findings import Place, Related, Report, Severity
from lint_rules.project.apps import App
from lint_rules.project.mentions import lines_naming
from lint_rules.project.project import UNSEEN, Project
from lint_rules.project.tasks import Task
from lint_rules.project.test_files import for_tests
from lint_rules.rules.declaring.declarations import label
from lint_rules.rules.registry import rule

NAMES = {
    "pickle": "pickle",
    "application/x-python-serialize": "pickle",
    "yaml": "yaml",
    "application/x-yaml": "yaml",
    "json": "json",
    "application/json": "json",
    "msgpack": "msgpack",
    "application/x-msgpack": "msgpack",
}
"""What a serialiser may be called, and its short name."""

SERIALIZERS = {"task_serializer": "accept_content", "result_serializer": "result_accept_content"}
"""Setting -> the setting that says what is accepted."""

DANGER = {
    "accept_content": "whoever can write to the broker runs code in the worker",
    "result_accept_content": "whoever can write to the result backend runs code where results are read",
}

_UPDATED = re.compile(r"conf\.update\((\*\*|[a-z_][\w.]*[\[(),])", re.I)
"""A mapping from elsewhere."""


@rule("CRB608", "unsafe-serializer", on=Project, severity=Severity.WARNING)
def unsafe_serializer(project: Project, _: Project) -> Iterator[Report]:
    """Pickle, and what is refused."""
    yield from _settings(project)
    for task in project.tasks:
        name = _name(project.option(task, "serializer"))
        if name is not None and not for_tests(task.file):
            app = project.routing.app_of(task)
            yield from _sent(project.at_decorator(task), f"task {label(task)!r} is sent as {name}", name, app, project, task)
    for send in project.sends:
        given = send.options.get("serializer")
        name = _name(project.literal(given, send.frame)) if given is not None and not for_tests(send.file) else None
        if name is not None:
            app = project.routing.app_of(send.task) if send.task is not None else None
            what = f"{label(send.task) if send.task is not None else send.task_name or 'the task'!s} is sent as {name}"
            yield from _sent(project.at_call(send.file, send.call), what, name, app, project, send.task)


def _settings(project: Project) -> Iterator[Report]:
    for setting in project.celery_settings:
        if for_tests(setting.file):
            continue
        place, value = Place.row_of(setting.file, setting.row), project.literal(setting.value, setting.frame)
        if setting.name in ("accept_content", "result_accept_content"):
            if isinstance(value, (list, tuple)) and "pickle" in map(_name, value):
                yield Report(place, f"{setting.written or setting.name} accepts pickle: {DANGER[setting.name]}; accept json alone")
        elif setting.name in SERIALIZERS:
            name = _name(value)
            if name in ("pickle", "yaml") and not (setting.name == "result_serializer" and _no_results(setting.app, project)):
                what = f"{setting.written or setting.name} is {name}"
                yield from _sent(place, what, name, setting.app, project, None, SERIALIZERS[setting.name])


def _no_results(app: App | None, project: Project) -> bool:
    """Whether the project says that results are stored nowhere."""
    backends = project.routing.settings("result_backend", app)
    return bool(backends) and all(project.literal(each.value, each.frame) is None for each in backends)


def _sent(
    place: Place, what: str, name: str, app: App | None, project: Project, task: Task | None, accepting: str = "accept_content"
) -> Iterator[Report]:
    accepted, where = _accepted(app, accepting, project)
    of_task = task.name if task is not None else None
    if name in ("pickle", "yaml") and accepted is not None and name not in accepted:
        if accepting == "accept_content":
            harm = "the worker refuses the message and drops it, and the caller waits for ever"
        else:
            harm = "whoever asks for a result gets ContentDisallowed"
        said = f"{accepting} has {', '.join(sorted(accepted))} alone" if where else "Celery accepts json alone by default"
        yield Report(place, f"{what}, but {said}: {harm}; use json", task=of_task, related=where, severity=Severity.ERROR)
    elif name == "pickle":
        yield Report(place, f"{what}: {DANGER[accepting]}; use json", task=of_task, related=where)


def _name(value: object) -> str | None:
    """The short name of a serialiser; None of what is none, or not known."""
    return NAMES.get(value.lower()) if isinstance(value, str) else None


def _accepted(app: App | None, accepting: str, project: Project) -> tuple[set[str] | None, tuple[Related, ...]]:
    """What an application accepts, and where that is said; None where it cannot be told."""
    settings = project.routing.settings(accepting, app)
    if not settings and accepting == "result_accept_content":
        settings = project.routing.settings("accept_content", app)
    found: set[str] = set()
    for setting in settings:
        value = project.literal(setting.value, setting.frame)
        if value is UNSEEN or not isinstance(value, (list, tuple)):
            return None, ()
        found |= {_name(each) or str(each) for each in value}
    if settings:
        return found, tuple(Related(each.file, each.row, "what is accepted") for each in settings[:3])
    visible = bool(project.celery_settings) and (app is not None or project.apps.only is not None)
    return ({"json"} if visible and not _hidden(project) else None), ()


def _hidden(project: Project) -> bool:
    """Whether settings may come from where they cannot be seen, or the code turns all serialisers on."""
    naming = project.index.naming
    if naming(["enable_insecure_serializers", "config_from_envvar"]):
        return True
    if naming(["config_from_object"]) and not any(setting.form == "object" for setting in project.celery_settings):
        return True
    return any(_UPDATED.search(line) for _, _, line in lines_naming(project.index, "conf.update"))
