"""The `[tool.crb]` table of pyproject.toml as a typed value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct, field

from lint_rules.findings import Place
from lint_rules.source.patterns import is_pattern

DEFAULT_EXCLUDE = (
    ".*",
    "__pycache__/",
    "__pypackages__/",
    "node_modules/",
    "site-packages/",
    "venv/",
    "tests/",
    "test/",
    "test_*.py",
    "*_test.py",
    "tests.py",
    "conftest.py",
)
"""gitignore patterns. Tests are no production code: their tasks are doubles, and what they block is nobody's queue."""

Workload = Literal["cpu", "io", "db"]
EffectName = Literal["network", "db", "redis", "subprocess", "file", "sleep", "cpu"]


class Settings(Struct, frozen=True, rename="kebab"):
    """What a project can set under `[tool.crb]`."""

    select: Annotated[tuple[str, ...], Meta(description="Codes or prefixes to report instead of the default set")] = ()
    extend_select: Annotated[tuple[str, ...], Meta(description="Codes to report as well (turns optional rules on)")] = ()
    ignore: Annotated[tuple[str, ...], Meta(description="Codes or prefixes not to report")] = ()
    extend_ignore: Annotated[tuple[str, ...], Meta(description="More codes or prefixes not to report")] = ()
    per_file_ignores: Annotated[dict[str, tuple[str, ...]], Meta(description="gitignore pattern -> codes not to report there")] = field(
        default_factory=dict
    )
    profile: Annotated[Literal["adopt", "core"], Meta(description='"core" leaves out the convention rules')] = "adopt"
    exclude: Annotated[tuple[str, ...], Meta(description="gitignore patterns of files that are not read (replaces the default)")] = (
        DEFAULT_EXCLUDE
    )
    extend_exclude: Annotated[tuple[str, ...], Meta(description="More gitignore patterns of files that are not read")] = ()
    src: Annotated[tuple[str, ...], Meta(description="Directories from which modules are imported")] = (".", "src")
    target_celery: Annotated[str | None, Meta(description='Lowest Celery version in use, "5.4"; else read from the requirements')] = None
    broker: Annotated[
        Literal["redis", "amqp", "sqs", "memory"] | None,
        Meta(description="The broker; else inferred from the settings and the deployment files"),
    ] = None
    task_decorators: Annotated[tuple[str, ...], Meta(description="Dotted globs of decorators that make a function a task")] = ()
    task_registering_decorators: Annotated[
        tuple[str, ...], Meta(description="Dotted globs of decorators that may stand above a task decorator")
    ] = ()
    cache_objects: Annotated[tuple[str, ...], Meta(description="Dotted globs of cache objects, their classes or factories")] = ()
    redis_clients: Annotated[tuple[str, ...], Meta(description="Dotted globs of Redis clients, their classes or factories")] = ()
    atomic_wrappers: Annotated[tuple[str, ...], Meta(description="Dotted globs of what opens a database transaction")] = ()
    on_commit_wrappers: Annotated[
        tuple[str, ...], Meta(description="Dotted globs of what runs a function after commit (no rule uses it yet)")
    ] = ()
    dispatch_methods: Annotated[
        tuple[str, ...], Meta(description="Dotted globs of project functions that send a task (no rule uses it yet)")
    ] = ()
    workload: Annotated[dict[str, Workload], Meta(description='Dotted task function -> "cpu", "io" or "db"')] = field(default_factory=dict)
    knowledge: Annotated[
        dict[EffectName, tuple[str, ...]], Meta(description="Effect -> library paths that have it (knowledge/README.md)")
    ] = field(default_factory=dict)
    deploy_files: Annotated[
        tuple[str, ...], Meta(description="gitignore patterns of more files that start workers, documentation for instance")
    ] = ()
    generated_markers: Annotated[
        tuple[str, ...], Meta(description="Texts that mark a generated file: codemods leave a file alone that has one in its first 4 KB")
    ] = ("@generated",)
    baseline: Annotated[str | None, Meta(description="File of known findings (nothing uses it yet)")] = None
    cache_dir: Annotated[str, Meta(description="Where facts are kept between runs")] = ".crb_cache"


class Problem(Struct, frozen=True):
    """Something wrong in the configuration, and where."""

    place: Place
    message: str


def read_settings(file: Path | None, name: str, codes: Callable[[], Collection[str]]) -> tuple[Settings, list[Problem]]:
    """The settings in a pyproject.toml (defaults where it is None or has no table), and what is wrong with them.

    `name` is how the file is called in messages, `codes` gives the rules that exist (asked only where some are named). A wrong entry counts
    as not set.
    """
    if file is None or not file.is_file():
        return Settings(), []
    import tomllib

    try:
        text = file.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        return Settings(), [Problem(Place.row_of(name, 1), f"{name} cannot be read ({error}); the defaults are used")]
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        row = int(found.group(1)) if found else 1
        return Settings(), [Problem(Place.row_of(name, row), f"{name} is not valid TOML: {error}; the defaults are used")]
    tool = table.get("tool", {})
    raw = tool.get("crb", {}) if isinstance(tool, dict) else {}
    if not isinstance(raw, dict):
        return Settings(), [Problem(Place.row_of(name, 1), f"{name}: [tool.crb] must be a table")]
    return _converted(raw, text, name, codes)


def _converted(raw: dict[str, Any], text: str, name: str, codes: Callable[[], Collection[str]]) -> tuple[Settings, list[Problem]]:
    problems: list[Problem] = []
    good: dict[str, Any] = {}
    hints = get_type_hints(Settings, include_extras=True)
    kinds = {entry.encode_name: hints[entry.name] for entry in msgspec.structs.fields(Settings)}
    for key, value in raw.items():
        place = Place.row_of(name, _row(text, key))
        if key not in kinds:
            near = difflib.get_close_matches(key, kinds, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(sorted(kinds))}"
            problems.append(Problem(place, f"{name}: [tool.crb] has no key {key!r}; {hint}"))
            continue
        try:
            converted = msgspec.convert(value, kinds[key])
        except msgspec.ValidationError as error:
            problems.append(Problem(place, f"{name}: [tool.crb] {key}: {_sentence(str(error), kinds[key])}"))
            continue
        wrong = [code for code in _codes_in(key, value) if not any(known.startswith(code) for known in codes())]
        for code in wrong:
            near = difflib.get_close_matches(code, codes(), 1)
            hint = f"did you mean {near[0]}?" if near else "see `crb rules`"
            problems.append(Problem(place, f"{name}: [tool.crb] {key}: {code!r} is no rule or prefix of one; {hint}"))
        for pattern in _patterns_in(key, value):
            if not is_pattern(pattern):
                problems.append(Problem(place, f"{name}: [tool.crb] {key}: {pattern!r} is no gitignore pattern; it matches nothing"))
        good[key] = converted
    known = {entry.encode_name: entry.name for entry in msgspec.structs.fields(Settings)}
    return Settings(**{known[key]: value for key, value in good.items()}), problems


def _codes_in(key: str, value: Any) -> list[str]:
    if key in ("select", "extend-select", "ignore", "extend-ignore"):
        return [each for each in value if isinstance(each, str)]
    if key == "per-file-ignores":
        return [each for group in value.values() for each in group]
    return []


def _patterns_in(key: str, value: Any) -> list[str]:
    return list(value) if key in ("exclude", "extend-exclude", "per-file-ignores", "deploy-files") else []


def _sentence(error: str, kind: Any) -> str:
    """msgspec's message with TOML's words."""
    if error.startswith("Invalid enum value"):
        value = error.partition("'")[2].partition("'")[0]
        return f"{value!r} is none of {', '.join(repr(each) for each in _allowed(kind))}"
    words = {
        "`array`": "a list",
        "`object`": "a table",
        "`str`": "a string",
        "`int`": "a number",
        "`bool`": "true or false",
        "`null`": "nothing",
    }
    for word, better in words.items():
        error = error.replace(word, better)
    return error[0].lower() + error[1:]


def _allowed(kind: Any) -> list[Any]:
    """The literals of a type, wherever in it they stand."""
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    return [value for part in get_args(kind) for value in _allowed(part)]


def _row(text: str, key: str) -> int:
    """The row of a key of [tool.crb] (1 where it cannot be found)."""
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            inside = stripped.startswith(("[tool.crb]", "[tool.crb."))
            if stripped.startswith(f"[tool.crb.{key}"):
                return number
        elif inside and re.match(rf"""["']?{re.escape(key)}["']?\s*[=.]""", stripped):
            return number
    return 1
