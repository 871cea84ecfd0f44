"""What the project's `task_routes` say of a task, where that is a dict that can be read."""

from __future__ import annotations

from lint_rules.facts.model import Map
from lint_rules.project.celery_settings import Setting
from lint_rules.project.project import Project


def literal_routes(project: Project) -> Setting | None:
    """The one `task_routes` of the project that is written as a dict; None where there is none, or more than one."""
    found = [setting for setting in project.celery_settings if setting.name == "task_routes"]
    places = {(setting.file, setting.row): setting for setting in found}
    only = next(iter(places.values())) if len(places) == 1 else None
    return only if only is not None and isinstance(only.value, Map) else None


def route_of(name: str, project: Project) -> dict[str, object]:
    """The options that an entry of its own gives a task."""
    setting = literal_routes(project)
    table = setting.value if setting is not None else None
    if not isinstance(table, Map) or setting is None:
        return {}
    for key, value in zip(table.keys, table.values):
        if key is not None and project.literal(key, setting.frame) == name:
            found = project.literal(value, setting.frame)
            return {str(option): each for option, each in found.items()} if isinstance(found, dict) else {"": None}
    return {}
