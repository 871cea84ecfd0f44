"""Does a setting count in every environment, or does a test or a settings module of one environment decide?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lint_rules.project.celery_settings import Setting

if TYPE_CHECKING:
    from lint_rules.project.project import Project


def is_certain(project: Project, setting: Setting) -> bool:
    """Whether a setting counts wherever the project runs, as far as can be seen.

    One under a test (`if sys.platform == "win32":`) does not, nor does one of a Django settings module that another environment's
    settings module does not import.
    """
    if setting.conditional:
        return False
    modules = project.index.settings_files()
    if setting.file not in modules or len(modules) == 1:
        return True
    imported = {file: project.loading(lambda file=file: _imported(project, file)) for file in modules}  # type: ignore[misc]
    below = {file for files in imported.values() for file in files}
    return all(_reaches(imported, file, setting.file) for file in modules if file not in below)


def _imported(project: Project, file: str) -> frozenset[str]:
    """The settings modules that a settings module takes names from."""
    module = project.index.module(file)
    modules = {*project.index.settings_files()} - {file}
    found = set()
    for item in module.facts.body.imports if module is not None else ():
        target = project.index.absolute(file, item.module, item.level)
        for name in (target, f"{target}.{item.attribute}") if target is not None else ():
            other = project.index.find(name, file)
            if other in modules:
                found.add(other)
    return frozenset(found)


def _reaches(imported: dict[str, frozenset[str]], start: str, wanted: str) -> bool:
    seen, pending = {start}, [start]
    while pending:
        file = pending.pop()
        if file == wanted:
            return True
        new = imported[file] - seen
        seen |= new
        pending += new
    return False
