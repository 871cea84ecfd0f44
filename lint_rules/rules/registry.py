"""The rules and how they are declared: `@rule("CRB405", "result-get-inside-task", on=TaskCall, ...)` above one function a file."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from lint_rules.findings import FixKind, Report, Severity

if TYPE_CHECKING:
    from lint_rules.project.project import Project

Check = Callable[[Any, "Project"], Iterator[Report]]
Checked = TypeVar("Checked", bound=Callable[..., Iterator[Report]])

HEADINGS = ("What it does", "Why it matters", "Example", "Use instead", "Fix safety", "Known limits", "References")
"""Every rule's documentation has these headings, in this order."""

_FILE = re.compile(r"# (\S*\.\w+|(?:\S*/)?(?:Procfile|Dockerfile|Makefile))\n")
"""The comment that names the file of a block."""


class Rule(Struct, frozen=True, eq=False):
    """One rule: its identity, and the question it asks of one kind of subject."""

    code: str
    name: str
    subject: type | None
    """What the check is called with; None for what the engine itself reports (CRB0xx)."""
    severity: Severity
    fix: FixKind | None
    convention: bool
    """Left out by the profile `core`."""
    optional: bool
    """Off until it is selected by its full code."""
    check: Check
    documentation: str
    """The docstring of the rule's module."""

    @property
    def summary(self) -> str:
        """The first sentence of "What it does"."""
        text = self.section("What it does")
        return " ".join(text.split("\n\n")[0].split())

    def section(self, heading: str) -> str:
        """The text below one heading of the documentation."""
        following = "|".join(re.escape(other) for other in HEADINGS)
        found = re.search(rf"^{re.escape(heading)}\n-+\n(.*?)(?=^(?:{following})\n-+\n|\Z)", self.documentation, re.M | re.S)
        return found.group(1).strip() if found else ""

    def examples(self, heading: str) -> list[dict[str, str]]:
        """The examples below a heading, each as the texts of its files by path.

        A block that begins with a comment like `# docker-compose.yml` is that file; such blocks are one example together, and a path
        named again begins the next one. Any other Python block is an example of its own, `tasks.py`.
        """
        found: list[dict[str, str]] = []
        together: dict[str, str] = {}
        for language, block in re.findall(r"^```(\w+)\n(.*?)^```", self.section(heading), re.S | re.M):
            named = _FILE.match(block)
            if named is None:
                found += [{"tasks.py": block}] if language == "python" else []
                continue
            if not together or named[1] in together:
                together = {}
                found.append(together)
            together[named[1]] = block
        return found


_RULES: dict[str, Rule] = {}


def rule(
    code: str,
    name: str,
    *,
    on: type | None,
    severity: Severity,
    fix: FixKind | None = None,
    convention: bool = False,
    optional: bool = False,
) -> Callable[[Checked], Checked]:
    """Register the decorated function as the check of a rule, documented by its module's docstring."""

    def register(check: Checked) -> Checked:
        if code in _RULES:
            raise ValueError(f"{code} is defined twice: {_RULES[code].check.__module__} and {check.__module__}")
        documentation = (importlib.import_module(check.__module__).__doc__ or "").strip() + "\n"
        _RULES[code] = Rule(code, name, on, severity, fix, convention, optional, check, documentation)
        return check

    return register


def all_rules() -> dict[str, Rule]:
    """Every rule by its code, in order."""
    _import_all()
    return dict(sorted(_RULES.items()))


@cache
def _import_all() -> None:
    package = importlib.import_module("lint_rules.rules")
    for found in pkgutil.walk_packages(package.__path__, "lint_rules.rules."):
        if not found.ispkg and found.name != __name__:
            importlib.import_module(found.name)


def enabled(
    rules: Iterable[Rule], select: Iterable[str], extend_select: Iterable[str], ignore: Iterable[str], profile: str
) -> frozenset[str]:
    """The codes that are on. The most specific prefix decides, `ignore` wins a tie; an optional rule needs its full code."""
    chosen, added, dropped = tuple(select), tuple(extend_select), tuple(ignore)
    on = set()
    for each in rules:
        by_default = not each.optional and not (each.convention and profile == "core")
        wanted = -1
        if not chosen and by_default:
            wanted = 0
        for prefix in (*chosen, *added):
            if each.code.startswith(prefix) and (by_default or prefix == each.code):
                wanted = max(wanted, len(prefix))
        refused = max([len(prefix) for prefix in dropped if each.code.startswith(prefix)], default=-1)
        if wanted > refused:
            on.add(each.code)
    return frozenset(on)
