"""
What it does
------------
Reports `priority_steps` and `sep` in `broker_transport_options` that differ between applications on the same Redis broker.

Why it matters
--------------
kombu keeps a list for each queue and step, and puts the separator into its name. What one application writes into the list of a step that
the other does not have is never read: the messages stay in Redis, and nothing says so.

Example
-------
```python
from celery import Celery

BROKER = "redis://localhost:6379/0"

shop = Celery("shop", broker=BROKER)
shop.conf.broker_transport_options = {"priority_steps": list(range(10))}

feeds = Celery("feeds", broker=BROKER)
feeds.conf.task_default_queue = "feeds"
```

Use instead
-----------
```python
from celery import Celery

BROKER = "redis://localhost:6379/0"

shop = Celery("shop", broker=BROKER)
shop.conf.broker_transport_options = {"priority_steps": list(range(10))}

feeds = Celery("feeds", broker=BROKER)
feeds.conf.broker_transport_options = {"priority_steps": list(range(10))}
```

Fix safety
----------
There is no fix: messages that wait already are in the lists of the old steps.

Known limits
------------
Only applications of this project are compared, where their brokers' URLs agree, or are the same expression. Options that cannot be read are
left alone.

References
----------
- [Celery: Redis message priorities](https://docs.celeryq.dev/en/stable/userguide/routing.html#redis-message-priorities)
- `kombu.transport.redis.Channel`
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from msgspec import Struct

from lint_rules.facts.model import Map, Ref
from lint_rules.findings import Place, Related, Report, Severity
from lint_rules.project.apps import App
from lint_rules.project.celery_settings import Setting
from lint_rules.project.displays import Entry, entries, text_of
from lint_rules.project.origins import origin
from lint_rules.project.priorities import STEPS, numbers
from lint_rules.project.project import Project
from lint_rules.project.tasks import rendered
from lint_rules.project.test_files import for_tests
from lint_rules.rules.registry import rule

CONFIGURING = ("config_from_object", "config_from_envvar", "add_defaults")
"""Methods of an application that give it settings."""

SEPARATOR = "\x06\x16"
"""kombu's default `sep`."""


class Options(Struct, frozen=True, eq=False):
    """What an application says of how queues are kept in Redis."""

    app: App
    steps: tuple[int, ...]
    separator: str
    entry: Entry | None
    """The entry of one of them, None where both are the defaults."""
    setting: Setting | None

    @property
    def place(self) -> tuple[str, int]:
        """Where it says so: the entry, the setting, or where the application is made."""
        if self.entry is not None:
            return self.entry.file, self.entry.row
        return (self.setting.file, self.setting.row) if self.setting is not None else (self.app.file, self.app.row)


@rule("CRB216", "priority-steps-differ", on=Project, severity=Severity.ERROR)
def priority_steps_differ(project: Project, _: Project) -> Iterator[Report]:
    """Applications that do not read each other's messages."""
    apps = sorted((app for app in project.apps.all if not for_tests(app.file)), key=lambda app: (app.file, app.row))
    said = [options for app in apps if (options := _options(app, project)) is not None] if len(apps) > 1 else []
    for one, other in combinations(said, 2):
        if (one.steps, one.separator) == (other.steps, other.separator) or not _same_broker(one.app, other.app, project):
            continue
        first, second = (one, other) if one.entry is not None else (other, one)
        differs = "priority_steps" if first.steps != second.steps else "sep"
        file, row = first.place
        yield Report(
            Place.row_of(file, row),
            f"{differs} of application {_name(first.app)} is not that of {_name(second.app)} ({second.place[0]}:{second.place[1]}), which "
            f"uses the same broker: what one sends to the other can end up in a list that nobody reads; set the same in both",
            related=(Related(*second.place, "the other application's options"),),
        )


def _name(app: App) -> str:
    return repr(app.name) if app.name else f"in {app.file}:{app.row}"


def _options(app: App, project: Project) -> Options | None:
    """The options of an application, None where they cannot be read."""
    resolver = project.resolver
    own = [setting for setting in project.celery_settings if setting.app is app]
    settings = [setting for setting in own if setting.name == "broker_transport_options"]
    if len(settings) > 1 or (not settings and (not own or _configured_unseen(app, project))):
        return None
    steps: tuple[int, ...] = STEPS
    separator, telling = SEPARATOR, None
    for setting in settings:
        found = project.loading(lambda setting=setting: entries(resolver, setting.value, setting.frame, setting.row))  # type: ignore[misc]
        if found is None:
            return None
        for entry in found:
            name = project.loading(lambda entry=entry: text_of(resolver, entry.key, entry.frame))  # type: ignore[misc]
            value = numbers(project, entry.value, entry.frame) if name == "priority_steps" else None
            text = project.literal(entry.value, entry.frame) if name == "sep" else None
            if name is None or (name == "priority_steps" and value is None) or (name == "sep" and not isinstance(text, str)):
                return None
            steps = value if value is not None else steps
            separator = text if isinstance(text, str) else separator
            telling = entry if name in ("priority_steps", "sep") else telling
    return Options(app, steps, separator, telling, settings[0] if settings else None)


def _configured_unseen(app: App, project: Project) -> bool:
    """Whether an application may have options that were not seen: settings of an unknown application, an object that cannot be found."""
    if any(setting.app is None for setting in project.celery_settings):
        return True
    found = any(setting.app is app and setting.form == "object" for setting in project.celery_settings)
    for module in project.index.loaded():
        for qualname in ("", *module.functions):
            for call in module.scope(qualname).calls:
                owner, _, name = call.func.path.rpartition(".") if isinstance(call.func, Ref) else ("", "", "")
                frame = project.resolver.frame(module.file, qualname) if name in CONFIGURING or owner.endswith(".conf") else None
                if frame is None or (name == "update" and not call.opaque_keywords and all(isinstance(each, Map) for each in call.args)):
                    continue
                meant = project.loading(lambda: project.apps.behind(Ref(owner.removesuffix(".conf")), frame))  # noqa: B023
                if meant in (None, app) and name in (*CONFIGURING, "update") and not (name == "config_from_object" and found):
                    return True
    return False


def _same_broker(one: App, other: App, project: Project) -> bool:
    """Whether two applications are known to use one Redis: URLs that agree, or the same expression for them."""
    first, second = ({url.text for url in project.urls.broker_urls(app) if url.kind == "redis"} for app in (one, other))
    if first and second:
        return bool(first & second)
    same = _expressions(one, project) & _expressions(other, project)
    return bool(same) and {project.urls.kind(app) for app in (one, other)} <= {"redis", None}


def _expressions(app: App, project: Project) -> set[str]:
    """What the broker's URL is set to, as text that means the same everywhere: a name by the place where it gets its value."""
    found = set()
    for setting in project.celery_settings:
        if setting.name == "broker_url" and setting.app is app:
            value, frame = setting.value, setting.frame
            behind = project.loading(lambda: origin(project.resolver, value.path, frame)) if isinstance(value, Ref) else None  # noqa: B023
            if behind is not None:
                found.add(f"{behind[1].module.file}:{behind[0].row}")
            elif not isinstance(value, Ref) or "." in value.path:
                found.add(rendered(value, frame.scope.calls))
    return found - {"..."}
