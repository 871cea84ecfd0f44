"""What the rules of this family ask of a worker command: its place, its tasks, and how to name them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lint_rules.deploy.model import Option, WorkerCommand
from lint_rules.findings import FixKind, Place, Related
from lint_rules.project.celery_settings import Setting
from lint_rules.project.project import Project
from lint_rules.project.tasks import Task
from lint_rules.rules.declaring.declarations import label

MOST_RELATED = 5
MOST_NAMED = 3


def at_option(worker: WorkerCommand, *names: str) -> Place:
    """The first of the options that stands in the file, else the command; a comment on any row of the command silences the finding."""
    for name in names:
        option = worker.options.get(name)
        if option is not None and option.span is not None:
            return Place.of(worker.file, option.span, worker.span)
    return Place.of(worker.file, worker.span)


def at_setting(setting: Setting) -> Place:
    """The row of a setting."""
    return Place.row_of(setting.file, setting.row)


def rewritable(worker: WorkerCommand, option: Option | None, kind: FixKind) -> FixKind | None:
    """The kind of a fix that rewrites an option, None where it stands nowhere as such (in Python code it may stand in a literal)."""
    if option is None or (option.span is None and not (worker.file.endswith(".py") and option.source == "argument")):
        return None
    return kind


def related_tasks(project: Project, tasks: Iterable[Task], what: str) -> tuple[Related, ...]:
    """The places of some of the tasks."""
    places = [(project.at_decorator(task), task) for task in tasks]
    return tuple(Related(place.file, place.row, f"{label(task)}: {what}") for place, task in places[:MOST_RELATED])


def related_workers(workers: Iterable[WorkerCommand], what: str) -> tuple[Related, ...]:
    """The places of some of the workers."""
    return tuple(Related(worker.file, worker.row, what) for worker in [*workers][:MOST_RELATED])


def related_setting(setting: Setting | None, pool: str) -> tuple[Related, ...]:
    """The place of the setting that chooses the pool, where one does."""
    return () if setting is None else (Related(setting.file, setting.row, f"sets the pool {pool}"),)


def tasks_of(project: Project, worker: WorkerCommand) -> list[Task]:
    """The tasks that a worker is known to run."""
    return [use.task for use in project.routing.tasks_of(worker) if use.task is not None]


def listed(tasks: Sequence[Task]) -> str:
    """Some of the tasks by name: `resize, encode and 3 more`."""
    names = [label(task) for task in tasks]
    if len(names) > MOST_NAMED + 1:
        return f"{', '.join(names[:MOST_NAMED])} and {len(names) - MOST_NAMED} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def where(worker: WorkerCommand) -> str:
    """File and row of a worker, for messages about something else."""
    return f"{worker.file}:{worker.row}"
