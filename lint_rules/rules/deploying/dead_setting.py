"""
What it does
------------
Reports settings that Celery never reads: misspelt names (`task_ack_late`), names in upper case or with a prefix where `config_from_object`
has no `namespace`, names from before Celery 4 below a namespace where the project runs Celery 5.6 or older, names without their first word
(`CELERY_CONCURRENCY`), and `worker_autoscale`, which does not exist. Also reports modules that mix old and new names.

Why it matters
--------------
Celery takes any name and looks at none that it does not know: the setting has no effect, and nothing says so. Old and new names together
raise ImproperlyConfigured when the configuration is first read.

Example
-------
```python
# shop/config.py
task_ack_late = True
worker_autoscale = (8, 2)
```

```python
# shop/worker.py
from celery import Celery

app = Celery("shop")
app.config_from_object("shop.config")
```

Use instead
-----------
```python
# shop/config.py
task_acks_late = True
```

```python
# shop/worker.py
from celery import Celery

app = Celery("shop")
app.config_from_object("shop.config")
```

Fix safety
----------
Safe for misspelt and for old names: the setting starts to do what it says.

Known limits
------------
A name that the code mentions anywhere else, and one that is not close to a name of Celery, may belong to the project or to an extension and
is left alone. `Celery(...)` takes settings as keywords, which are not looked at. Where the project does not say which version of Celery it
runs, old names below a namespace count as read (Celery 5.7 reads them, 5.0 to 5.6 do not).

References
----------
- [Celery: new lowercase settings](https://docs.celeryq.dev/en/stable/userguide/configuration.html#new-lowercase-settings)
- `celery.app.utils.detect_settings`
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from lint_rules.findings import FixKind, Place, Related, Report, Severity
from lint_rules.knowledge.celery_settings import OLD_NAMES, OLD_NAMES_BELOW_NAMESPACE, SECTIONS, SETTINGS, UNLISTED
from lint_rules.knowledge.spelling import nearest
from lint_rules.project.frames import Frame
from lint_rules.project.mentions import is_read
from lint_rules.project.project import Project
from lint_rules.rules.registry import rule

READ = SETTINGS | UNLISTED
RELATED = 5

OWN_SECTIONS = ("task", "worker", "beat", "broker", "result")
"""First words that only Celery's settings have: DATABASE_URL and REDIS_HOST are anybody's."""

CLEAR = frozenset({"concurrency", "schedule", "scheduler", "pool"})
"""Single words that can only mean the setting that ends in them."""

NO_SUCH = {"worker_autoscale": "there is no such setting, the limits belong to the command: --autoscale=MAX,MIN"}


class Dead(Struct, frozen=True):
    """Why a name is not read."""

    why: str
    better: str = ""
    """The name to write instead, where there is one."""


@rule("CRB213", "dead-setting", on=Project, severity=Severity.ERROR, fix=FixKind.SAFE)
def dead_setting(project: Project, _: Project) -> Iterator[Report]:
    """Settings without effect."""
    for frame, prefixes in _configured(project):
        for binding in frame.scope.bindings:
            verdicts = [dead_in_object(binding.target, prefix, project.target_celery) for prefix in sorted(prefixes)]
            if binding.target.isidentifier() and all(verdicts):
                yield from _report(project, frame.module.file, binding.row, binding.target, verdicts[0])
        if "" in prefixes and not frame.qualname:
            yield from _mixed(frame)
    namespaced = any(setting.prefix for setting in project.celery_settings)
    for setting in project.celery_settings:
        if setting.form == "conf":
            yield from _report(project, setting.file, setting.row, setting.written, dead_in_conf(setting.written, namespaced))


def _configured(project: Project) -> list[tuple[Frame, set[str]]]:
    """The modules and classes that `config_from_object` names, with the prefixes they are read with."""
    found: dict[tuple[str, str], tuple[Frame, set[str]]] = {}
    for setting in project.celery_settings:
        if setting.form == "object":
            found.setdefault((setting.file, setting.frame.qualname), (setting.frame, set()))[1].add(setting.prefix)
    return list(found.values())


def _report(project: Project, file: str, row: int, name: str, dead: Dead | None) -> Iterator[Report]:
    if dead is not None and not is_read(project.index, name):
        cure = f"; write {dead.better}" if dead.better else ""
        yield Report(Place.row_of(file, row), f"{name} has no effect: {dead.why}{cure}", fix=FixKind.SAFE if dead.better else None)


def dead_in_object(name: str, prefix: str, version: tuple[int, ...] | None) -> Dead | None:
    """Why Celery does not read a name of what `config_from_object` names; None where it does, or may belong to somebody else."""
    if name in READ or (name in OLD_NAMES and not prefix):
        return None
    if not prefix:
        return _dead_without_namespace(name)
    lowered = name.lower()
    if name in OLD_NAMES and lowered.startswith(prefix.rstrip("_")) and lowered.removeprefix(prefix) not in READ:
        if version is None or version >= OLD_NAMES_BELOW_NAMESPACE:
            return None
        return Dead("below a namespace, Celery reads names from before version 4 only since 5.7", prefix.upper() + OLD_NAMES[name].upper())
    if not lowered.startswith(prefix):
        return None
    rest = lowered.removeprefix(prefix)
    if rest in READ:
        if name in (lowered, lowered.upper()):
            return None
        return Dead("Celery reads it in upper case only", lowered.upper())
    if rest in NO_SUCH:
        return Dead(NO_SUCH[rest])
    meant = nearest(rest, SETTINGS) or _without_section(rest) or OLD_NAMES.get(nearest(name, OLD_NAMES) or "")
    if meant is None:
        return None
    return Dead("Celery knows no setting of that name", (prefix + meant).upper() if name.isupper() else prefix + meant)


def _without_section(name: str) -> str | None:
    """The only setting that a name is without its first word."""
    whole = [f"{section}_{name}" for section in SECTIONS if f"{section}_{name}" in SETTINGS]
    return whole[0] if len(whole) == 1 and ("_" in name or name in CLEAR) else None


def _dead_without_namespace(name: str) -> Dead | None:
    lowered = name.lower()
    if name == lowered:
        if name in NO_SUCH:
            return Dead(NO_SUCH[name])
        meant = nearest(name, SETTINGS)
        return Dead("Celery knows no setting of that name", meant) if meant is not None else None
    if not name.isupper():
        return None
    if lowered in SETTINGS and lowered.partition("_")[0] in OWN_SECTIONS:
        return Dead(f"Celery reads {lowered} in lower case only")
    if lowered.removeprefix("celery_") in SETTINGS and name.startswith("CELERY_"):
        return Dead("Celery reads it only below namespace='CELERY', and config_from_object() names none")
    if name.startswith(("CELERY", "BROKER_")):
        meant = nearest(name, OLD_NAMES)
        return Dead("Celery knows no setting of that name", meant) if meant is not None else None
    return None


def dead_in_conf(name: str, namespaced: bool) -> Dead | None:
    """Why Celery does not read a name that is set on `app.conf`."""
    lowered = name.lower()
    if name in READ or name in OLD_NAMES:
        return None
    if lowered in NO_SUCH:
        return Dead(NO_SUCH[lowered])
    if name == lowered:
        if name.upper() in OLD_NAMES:
            return Dead("Celery reads this old name in upper case only", OLD_NAMES[name.upper()])
        meant = nearest(name, SETTINGS)
        return Dead("Celery knows no setting of that name", meant) if meant is not None else None
    if lowered in SETTINGS:
        return Dead("Celery reads it in lower case only", lowered)
    if not namespaced and name.isupper() and name.startswith("CELERY_") and lowered.removeprefix("celery_") in SETTINGS:
        return Dead("Celery reads it only below a namespace, and there is none", lowered.removeprefix("celery_"))
    return None


def _mixed(frame: Frame) -> Iterator[Report]:
    """Old and new names in one module (celery/app/utils.py, `detect_settings`)."""
    if any(item.name == "*" for item in frame.scope.imports):
        return
    rows: dict[str, int] = {}
    for binding in frame.scope.bindings:
        rows.setdefault(binding.target, binding.row)
    new, old = [name for name in rows if name in SETTINGS], [name for name in rows if name in OLD_NAMES]
    left = new if len(old) > len(new) else old
    counterpart = {OLD_NAMES[name]: name for name in OLD_NAMES} | OLD_NAMES
    wrong = [name for name in left if counterpart[name] not in rows] if new and old else []
    if wrong:
        yield Report(
            Place.row_of(frame.module.file, rows[wrong[0]]),
            f"{_some(wrong)} among {'old' if left is new else 'new'} names: ImproperlyConfigured, Celery does not mix names from before "
            f"version 4 with those of today; write {counterpart[wrong[0]]}",
            related=tuple(Related(frame.module.file, rows[name], f"write {counterpart[name]}") for name in wrong[1:RELATED]),
            fix=FixKind.SAFE,
        )


def _some(names: Iterable[str]) -> str:
    first, *more = names
    return f"{first} (and {len(more)} more)" if more else first
