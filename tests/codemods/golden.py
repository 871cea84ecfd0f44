"""Golden cases of codemods: `fixtures/codemods/<rewrite>/<case>/` is a project in which `before.py` is rewritten to `after.py`.

Where several files matter, as for deployment files, `before/` is the project, and `after/` has those of its files that are rewritten.

Without `after` nothing may be rewritten; `refused.txt` holds a part of each reason that must be given, one a line. `case.toml` may set
`unsafe`, `route` and `select`; else the codes of the rewrite are selected, with `unsafe` where their rule's fix is.
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from codemods.plan import Migration, Options, Planner
from codemods.registry import all_codemods
from lint_rules.findings import FixKind
from lint_rules.rules.registry import all_rules
from lint_rules.settings import read_settings

FIXTURES = Path(__file__).parent.parent.parent / "fixtures" / "codemods"

UNSAFE = {"blocking_call_in_async_task"}
"""Rewrites of findings whose fix is unsafe in some of their forms."""


def cases() -> Iterator[Path]:
    """All cases."""
    for rewrite in sorted(FIXTURES.iterdir()):
        yield from sorted(case for case in rewrite.iterdir() if (case / "before.py").is_file() or (case / "before").is_dir())


def codes_of(case: Path) -> tuple[str, ...]:
    """The codes that the case's rewrite mends."""
    return tuple(code for code, codemod in all_codemods().items() if codemod.name == case.parent.name)


def texts_before(case: Path) -> dict[str, bytes]:
    """The files that the case may rewrite."""
    if (case / "before.py").exists():
        return {"before.py": (case / "before.py").read_bytes()}
    return _texts_in(case / "before")


def texts_after(case: Path) -> dict[str, bytes]:
    """The files that it rewrites, as they are afterwards."""
    if (case / "after.py").exists():
        return {"before.py": (case / "after.py").read_bytes()}
    return _texts_in(case / "after")


def _texts_in(folder: Path) -> dict[str, bytes]:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def project_of(case: Path, target: Path, texts: Mapping[str, bytes] | None = None) -> Path:
    """A copy of the case as a project of its own, with other texts of its files where they are given."""
    source = case / "before" if (case / "before").is_dir() else case
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("after.py", "refused.txt", "case.toml", "__pycache__"))
    if not (target / "pyproject.toml").exists():
        (target / "pyproject.toml").write_text("[tool.crb]\n")
    for file, data in (texts or {}).items():
        (target / file).write_bytes(data)
    return target


def migrated(root: Path, case: Path) -> Migration:
    """What the case's codemods make of a project."""
    options = case_options(case)
    select = tuple(options.get("select", codes_of(case)))
    unsafe = any(all_rules()[code].fix is FixKind.UNSAFE for code in codes_of(case))
    settings, problems = read_settings(root / "pyproject.toml", "pyproject.toml", all_rules)
    settings = msgspec.structs.replace(settings, extend_select=(*settings.extend_select, *select))
    wanted = Options(select, unsafe=options.get("unsafe", unsafe), route=options.get("route", False), jobs=1)
    return Planner(str(root), settings, problems, wanted, lambda file: True).migration()


def case_options(case: Path) -> dict[str, Any]:
    """What `case.toml` sets."""
    file = case / "case.toml"
    return tomllib.loads(file.read_text()) if file.exists() else {}


# ── the same text in other clothes ───────────────────────────────────────────────────────────────────────────────────


def _crlf(text: bytes) -> bytes:
    return text.replace(b"\n", b"\r\n")


def _tabs(text: bytes) -> bytes:
    lines = []
    for line in text.split(b"\n"):
        stripped = line.lstrip(b" ")
        indent = len(line) - len(stripped)
        lines.append(b"\t" * (indent // 4) + b" " * (indent % 4) + stripped)
    return b"\n".join(lines)


def _no_final_newline(text: bytes) -> bytes:
    return text.rstrip(b"\n")


def _bom(text: bytes) -> bytes:
    return b"\xef\xbb\xbf" + text


def _latin_1(text: bytes) -> bytes:
    return "# -*- coding: latin-1 -*-\n# déjà vu\n\n".encode("latin-1") + text


FOR_ALL_FORMATS = ("crlf", "no-final-newline", "bom")
"""What the text of a deployment file can be dressed in."""

CLOTHES: dict[str, Callable[[bytes], bytes]] = {
    "crlf": _crlf,
    "tabs": _tabs,
    "no-final-newline": _no_final_newline,
    "bom": _bom,
    "latin-1": _latin_1,
}
