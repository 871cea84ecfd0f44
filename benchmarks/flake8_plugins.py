"""flake8 with and without one plugin, in one and the same environment.

flake8 takes its plugins from the entry points of all installed distributions and runs every one on every file; no option turns one off.
But it looks at each distribution once: of two with the same name, the one that is earlier on `sys.path` counts. So to hide a plugin we put
a directory on PYTHONPATH with the metadata of a distribution of that name, version `0+hidden`, that offers no checks (flake8 passes over
one that offers nothing at all, so it offers a second name for a formatter that flake8 has loaded anyway). The environment is inherited,
hence it also holds for the processes of `--jobs`, however they are started. `flake8 --version` shows which ones are hidden; `hides` checks
it.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

HIDDEN = "0+hidden"

OURS = "celery-best-practices"

STANDARD = {"flake8", "mccabe"}
"""What every flake8 has."""


def installed_plugins() -> set[str]:
    """The names of the installed distributions with checks for flake8, apart from its own."""
    return {
        distribution.metadata["Name"]
        for distribution in importlib.metadata.distributions()
        if any(entry.group == "flake8.extension" for entry in distribution.entry_points)
    } - STANDARD


def hiding(names: Iterable[str], directory: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment in which flake8 does not see the plugins; `directory` is filled with what that takes."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        metadata = directory / f"{name.replace('-', '_')}-{HIDDEN}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {HIDDEN}\n", encoding="utf-8")
        (metadata / "entry_points.txt").write_text(
            f"[flake8.report]\nhidden-{name} = flake8.formatting.default:Nothing\n", encoding="utf-8"
        )
    path = environment.get("PYTHONPATH")
    return {**environment, "PYTHONPATH": f"{directory}{os.pathsep}{path}" if path else str(directory)}


def hides(flake8: str, name: str, environment: Mapping[str, str], directory: Path) -> bool:
    """Whether flake8, started in `directory`, runs without the plugin there."""
    shown = subprocess.run([flake8, "--version"], env=environment, cwd=directory, capture_output=True, text=True, check=False)
    return f"{name}: {HIDDEN}" in " ".join(shown.stdout.split())
