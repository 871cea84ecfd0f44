"""A migration of one project, run on a copy, and everything that must hold of it afterwards.

The command is a program like any other here: it is started, and what it says about its changes is compared with the files. What the tasks
are is asked of `crb tasks`, what the imports are of ruff; neither the codemods nor their own proof take part.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.migrate_checks import Rows, Violation, file_violations, imported_names, read
from benchmarks.trees import LARGEST_SETTINGS
from lint_rules.source.decode import Unreadable

MIGRATE = (sys.executable, "-m", "codemods.migrate", "--unsafe", "--output-format", "json")

LONGEST = 900
"""Seconds that one command may take."""

TEXTS = frozenset(
    {"", ".cfg", ".conf", ".dockerfile", ".env", ".example", ".in", ".ini", ".j2", ".lock", ".py", ".pyi", ".sample", ".service", ".sh"}
    | {".toml", ".txt", ".yaml", ".yml"}
)
"""Endings of files that the linter may read, or a formatter's settings may be in."""

LEFT_OUT = ("node_modules", "__pycache__", ".git", ".crb_cache", ".ruff_cache")

CHECKS = ("crash", "report", "parse", "diff", "tree", "comments", "layout", "again", "tasks", "imports", "format", "lint")
"""What is checked, in the order of the table. "lint": what ruff says with the project's own settings."""

IMPORTS = ("--isolated", "--select", "F401,F811,F821")
"""Arguments of ruff."""

OPTION_OF_FIELD = {
    "queue": "queue",
    "task_priority": "priority",
    "max_retries": "max_retries",
    "backoff": "retry_backoff",
    "rate_limit": "rate_limit",
}
"""Field of our config -> Celery's option that means the same."""

IN_ALL = " in all"
"""Behind a rate limit: that of our config counts the calls of all workers together, Celery's those of each."""

UNIT_OF_WINDOW = {"1": "s", "60": "m", "3600": "h"}

CHANGED_BY = {
    "CRB101": {"rate_limit" + IN_ALL},
    "CRB103": {"config"},
    "CRB104": {"async"},
    "CRB107": {"options"},
    "CRB108": {"bind", "signature"},
    "CRB109": {"rate_limit"},
    "CRB111": {"autoretry_for"},
    "CRB112": {"name", "options"},
    "CRB113": {"name"},
    "CRB115": {"queue", "priority", "routing_key", "exchange", "delivery_mode"},
    "CRB401": {"tasks"},
    "CRB404": {"bind", "signature"},
}
"""Code -> what of a task its fix changes on purpose: an option, "options" (any), "name", "signature", "async", "tasks" (more of
them), "rate_limit in all" (the same number, counted over all workers)."""

DROPS_COMMENTS = frozenset({"CRB002"})


class Kept(NamedTuple):
    """A file as it was."""

    data: bytes
    """Of a link: where it leads."""
    mode: int


@dataclass(frozen=True)
class Fix:
    """A change that the command reports, rows of the old file."""

    file: str
    code: str
    rows: Rows
    task: str


@dataclass
class Report:
    """What the command says it did."""

    files: list[str] = field(default_factory=list)
    fixes: list[Fix] = field(default_factory=list)
    refused: list[tuple[str, str, int, str]] = field(default_factory=list)
    """Code, file, row, reason."""
    undecided: int = 0
    failed: list[tuple[str, str, str]] = field(default_factory=list)
    """File, check, reason: rewrites that the command could not prove, and did not write."""
    notes: list[str] = field(default_factory=list)


@dataclass
class Outcome:
    """One project migrated."""

    project: str
    rewritten: list[str]
    report: Report
    violations: list[Violation]
    declared: list[Violation]
    """Differences of tasks that a reported fix says."""
    seconds: float


# ── the copy ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def copy_texts(source: Path, target: Path) -> None:
    """Copy a project's code and settings; links stay links, those out of the project are left out."""
    root = source.resolve()

    def ignored(directory: str, names: list[str]) -> set[str]:
        return {name for name in names if name in LEFT_OUT or not _wanted(Path(directory, name), root)}

    shutil.copytree(source, target, symlinks=True, ignore=ignored)


def _wanted(path: Path, root: Path) -> bool:
    if path.is_symlink():
        return not os.path.isabs(os.readlink(path)) and path.resolve().is_relative_to(root)
    if path.is_dir():
        return True
    return path.suffix.lower() in TEXTS and path.is_file() and path.stat().st_size <= LARGEST_SETTINGS


def snapshot(root: Path) -> dict[str, Kept]:
    """Every file below a directory, what tools keep for themselves left out."""
    found: dict[str, Kept] = {}
    for directory, below, names in os.walk(root):
        below[:] = [name for name in below if name not in LEFT_OUT]
        for name in names:
            path = Path(directory, name)
            mode = path.lstat().st_mode
            data = os.readlink(path).encode() if stat.S_ISLNK(mode) else path.read_bytes() if stat.S_ISREG(mode) else b""
            found[path.relative_to(root).as_posix()] = Kept(data, mode)
    return found


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────────────


def environment() -> dict[str, str]:
    """This process's environment, with this checkout importable from anywhere and the ruff beside this interpreter found first."""
    here, scripts = str(Path(__file__).resolve().parent.parent), sysconfig.get_path("scripts")
    first = {"PYTHONPATH": here, "PATH": scripts}
    return {**os.environ, **{name: os.pathsep.join(filter(None, (value, os.environ.get(name)))) for name, value in first.items()}}


def run(command: Sequence[str], directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a directory; one that takes too long ends with code 124."""
    try:
        return subprocess.run(
            command,
            cwd=directory,
            env={**environment(), **variables},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(list(command), 124, "", f"took longer than {LONGEST} s")


def all_codes() -> str:
    """The codes of all rules that have a fix, those that are optional as well, as `--select` takes them."""
    done = run(["crb", "rules", "--output-format", "json"], Path.cwd())
    return ",".join(rule["code"] for rule in json.loads(done.stdout) if rule["fix"])


def crash_of(done: subprocess.CompletedProcess[str]) -> str:
    """Why a run counts as crashed, "" if it does not."""
    complaint = (done.stderr.strip().splitlines() or ["nothing on standard error"])[-1][:300]
    if "Traceback (most recent call last)" in done.stderr:
        return f"a traceback: {complaint}"
    if done.returncode not in (0, 1, 2):
        return f"exit code {done.returncode}: {complaint}"
    try:
        json.loads(done.stdout)
    except ValueError:
        return f"no JSON, exit code {done.returncode}: {complaint}"
    return ""


def report_of(output: str) -> Report:
    """The command's JSON as a report; of several projects below one path, all together."""
    told = json.loads(output)
    report = Report()
    for part in told if isinstance(told, list) else [told]:
        for entry in part["files"]:
            name = os.path.normpath(entry["filename"])
            if entry.get("error"):
                report.failed.append((name, "write", entry["error"]))
            else:
                report.files.append(name)
                report.fixes += [_fix(fix) for fix in entry["fixes"]]
        report.refused += [(row["code"], row["filename"], row["row"], row["reason"]) for row in part.get("refused", ())]
        report.undecided += len(part.get("undecided", ()))
        report.failed += [(row["filename"], row["check"], row["reason"]) for row in part.get("failed", ())]
        report.notes += [f"{row['filename']}:{row['row']} {row['code']} speaks only now" for row in part.get("revealed", ())]
    return report


def _fix(row: Mapping[str, Any]) -> Fix:
    return Fix(os.path.normpath(row["filename"]), row["code"], (row["row"], row.get("end_row") or row["row"]), row.get("task") or "")


# ── the tasks ────────────────────────────────────────────────────────────────────────────────────────────────────────

Task = dict[str, Any]
Entry = dict[str, str]
"""What is known of a task, each as text: "name", "async", "signature", and its options in Celery's words."""


def tasks_in(root: Path) -> list[Task] | str:
    """What `crb tasks` finds in a project, or why it did not."""
    done = run(["crb", "tasks", "--no-cache", "--output-format", "json", "."], root)
    crash = crash_of(done)
    return crash or json.loads(done.stdout)


def manifest(root: Path, tasks: Iterable[Task]) -> dict[tuple[str, str, int], Entry]:
    """The tasks by file, function and how many of that function came before."""
    found: dict[tuple[str, str, int], Entry] = {}
    trees: dict[str, ast.Module | None] = {}
    for task in tasks:
        file = os.path.normpath(task["filename"])
        if file not in trees:
            trees[file] = _tree(root / file)
        function = _function(trees[file], task["row"])
        key = file, task["function"]
        count = sum(known[:2] == key for known in found)
        found[(*key, count)] = {
            "name": task["name"],
            "async": str(task["async"]),
            "signature": ast.unparse(function.args) if function is not None else "",
            **celery_options(task, function, trees[file]),
        }
    return found


Function = ast.FunctionDef | ast.AsyncFunctionDef


def _tree(path: Path) -> ast.Module | None:
    try:
        return read(path.read_bytes()).tree
    except (Unreadable, OSError):
        return None


def _function(tree: ast.Module | None, row: int) -> Function | None:
    nodes = ast.walk(tree) if tree is not None else ()
    return next((node for node in nodes if isinstance(node, Function) and node.lineno == row), None)


def celery_options(task: Task, function: Function | None = None, tree: ast.Module | None = None) -> Entry:
    """The options of a task in Celery's words, None left out; the app it belongs to counts as one.

    They are read off its decorator where it has one: `crb tasks` tells values of options, but a config as it is written.
    """
    called = task["declaration"].removeprefix("@").partition("(")[0]
    options = _written(function, called)
    if options is None:
        options = {name: _plain(value) for name, value in task["options"].items()}
    options.pop("name", None)
    if task["declared"]:
        options |= _fields(options.pop("config", ""), tree)
    elif called.endswith(".task"):
        options.setdefault("app", called.removesuffix(".task"))
    if options.get("retry_backoff") == "True":
        options["retry_backoff"] = "1"
    if re.fullmatch(r"[\w.]+", options.get("rate_limit", "None")) and options.get("rate_limit") not in (None, "None"):
        options["rate_limit"] = repr(f"{options['rate_limit']}/s")  # a number counts calls a second
    only = re.fullmatch(r"\{'max_retries': (.*)\}|dict\(max_retries=(.*)\)", options.get("retry_kwargs", ""))
    own = function is not None and ".retry(" in ast.unparse(function)
    if only and "autoretry_for" in options and "max_retries" not in options and not own:  # what automatic retries go by, either way
        del options["retry_kwargs"]
        options["max_retries"] = only[1] or only[2]
    return {name: value for name, value in options.items() if value != "None"}


def _written(function: Function | None, called: str) -> dict[str, str] | None:
    """The arguments of a function's decorator by keyword or number, None where it has no such decorator."""
    for decorator in function.decorator_list if function is not None else ():
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == called:
            return _arguments(decorator)
        if ast.unparse(decorator) == called:
            return {}
    return None


def _arguments(call: ast.Call) -> dict[str, str]:
    given = [(f"argument {number}", value) for number, value in enumerate(call.args, start=1)]
    return {name: ast.unparse(value) for name, value in [*given, *((keyword.arg or "**", keyword.value) for keyword in call.keywords)]}


def _fields(config: str, tree: ast.Module | None) -> dict[str, str]:
    """The fields of a config by the options that mean the same; a name is looked up among the module's assignments."""
    if not config:
        return {}
    made = _assigned(tree, config) or ast.parse(config, mode="eval").body
    if not isinstance(made, ast.Call):
        return {"config": config}
    fields = _arguments(made)
    if "rate_limit" in fields:
        window = fields.pop("rate_window", "60")
        fields["rate_limit"] = repr(f"{fields['rate_limit']}/{UNIT_OF_WINDOW.get(window, window)}") + IN_ALL
    return {OPTION_OF_FIELD.get(name, f"config {name}"): value for name, value in fields.items()}


def _assigned(tree: ast.Module | None, name: str) -> ast.expr | None:
    for node in tree.body if tree is not None else ():
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
            return node.value
    return None


def _plain(value: object) -> str:
    """An option's value from JSON as an expression."""
    if not isinstance(value, str):
        return repr(value)
    try:
        return ast.unparse(ast.parse(value, mode="eval"))
    except SyntaxError:
        return value


def task_violations(
    before: Mapping[tuple[str, str, int], Entry], after: Mapping[tuple[str, str, int], Entry], fixes: Sequence[Fix]
) -> tuple[list[Violation], list[Violation]]:
    """The differences of two manifests: those that no reported fix says, and those that one does."""
    strange: list[Violation] = []
    declared: list[Violation] = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        name = (old or new or {})["name"]
        codes = {fix.code for fix in fixes if fix.file == key[0] and fix.task in (name, "")}
        said = {what for code in codes for what in CHANGED_BY.get(code, ())}
        if old is None or new is None:
            anywhere = {what for fix in fixes if fix.file == key[0] for what in CHANGED_BY.get(fix.code, ())}
            what = f"task {name} is gone" if new is None else f"task {name} is new"
            (declared if old is None and "tasks" in anywhere else strange).append(Violation("tasks", key[0], 0, what))
            continue
        for each in sorted(old.keys() | new.keys()):
            if old.get(each) != new.get(each):
                what = f"{each} of task {name} was {old.get(each, 'not given')} and is {new.get(each, 'not given')}"
                option = each not in ("name", "async", "signature")
                in_all = f"{old.get(each)}{IN_ALL}" == new.get(each) and each + IN_ALL in said
                allowed = in_all or each in said or (option and "options" in said)
                (declared if allowed else strange).append(Violation("tasks", key[0], 0, what))
    return strange, declared


# ── the imports and the formatter ────────────────────────────────────────────────────────────────────────────────────


class Complaint(NamedTuple):
    """One finding of ruff."""

    file: str
    code: str
    message: str


def complaints(root: Path, *arguments: str) -> dict[Complaint, list[int]] | str:
    """What ruff says of a project, with the rows, or why it says nothing; settings may ask it to mend what it finds, which it must not."""
    done = run(["ruff", "check", "--no-fix", "--no-cache", *arguments, "--output-format", "json", "."], root)
    if crash := crash_of(done):
        return crash
    found: dict[Complaint, list[int]] = {}
    for row in json.loads(done.stdout):
        if row["code"]:  # None: a syntax error
            file = os.path.relpath(os.path.realpath(row["filename"]), os.path.realpath(root))
            message = re.sub(r"line \d+", "another line", row["message"])  # lines move
            found.setdefault(Complaint(file, row["code"], message), []).append(row["location"]["row"])
    return found


def complaint_violations(
    check: str, before: Mapping[Complaint, list[int]] | str, after: Mapping[Complaint, list[int]] | str
) -> Iterator[Violation]:
    """Complaints that are new."""
    if isinstance(before, str) or isinstance(after, str):
        if before != after:
            yield Violation(check, "", 0, f"ruff did not run: {before if isinstance(before, str) else after}")
        return
    for complaint, rows in after.items():
        if len(rows) > len(before.get(complaint, ())):
            yield Violation(check, complaint.file, rows[-1], f"row of the new file: {complaint.code} {complaint.message}")


def borrowed_names(before: Mapping[str, Kept], after: Mapping[str, Kept], rewritten: Iterable[str]) -> Iterator[Violation]:
    """Names whose import a file lost while another file imports them from it, or names them by their path in a string."""
    for file in rewritten:
        try:
            lost = imported_names(read(before[file].data).tree).keys() - imported_names(read(after[file].data).tree).keys()
        except Unreadable:
            continue
        stem = Path(file).parent.name if Path(file).name == "__init__.py" else Path(file).stem
        for name in sorted(lost):
            asked = re.compile(
                rf"\b{re.escape(stem)}\.{re.escape(name)}\b|\bfrom\s+[\w.]*\b{re.escape(stem)}\s+import\b[^\n]*\b{re.escape(name)}\b"
            )
            for other, kept in after.items():
                if other.endswith(".py") and other != file and name.encode() in kept.data and stem.encode() in kept.data:
                    if asked.search(kept.data.decode(errors="replace")):
                        yield Violation("imports", file, 0, f"{name} is no longer imported; {other} seems to take it from here")


def formatted(root: Path, files: Sequence[str]) -> set[str]:
    """The files that `ruff format` with the project's own settings leaves as they are, or out; empty where ruff does not run."""
    if not files:
        return set()
    done = run(["ruff", "format", "--check", "--no-cache", "--force-exclude", "--", *files], root, RUFF_OUTPUT_FORMAT="json-lines")
    named = {json.loads(line)["filename"] for line in done.stdout.splitlines() if line.startswith("{")}
    named |= {line.removeprefix("Would reformat: ") for line in done.stdout.splitlines()}  # versions that write no JSON
    if done.returncode != 0 and named.isdisjoint({*files, *(str(root / file) for file in files)}):
        return set()
    return {file for file in files if file not in named and str(root / file) not in named}


# ── all of it ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Trial:
    """One project, copied to `copy`, and the command that migrates it."""

    def __init__(self, name: str, copy: Path, command: Sequence[str] = MIGRATE) -> None:
        self.name = name
        self.copy = copy
        self.command = command
        self.violations: list[Violation] = []

    @cached_property
    def before(self) -> dict[str, Kept]:
        """The files before the migration."""
        return snapshot(self.copy)

    def outcome(self) -> Outcome:
        """Migrate twice and check everything."""
        before = self.before
        python = sorted(path for path in before if path.endswith(".py"))
        tasks = tasks_in(self.copy)
        imports, lint = complaints(self.copy, *IMPORTS), complaints(self.copy)
        tidy = formatted(self.copy, python)
        known = manifest(self.copy, tasks) if isinstance(tasks, list) else {}

        began = os.times().elapsed
        done = run([*self.command, "."], self.copy)
        seconds = os.times().elapsed - began
        after = snapshot(self.copy)
        rewritten = sorted(path for path in before.keys() & after.keys() if before[path] != after[path])
        if crash := crash_of(done):
            self._add("crash", "", 0, crash)
            return Outcome(self.name, rewritten, Report(), self.violations, [], seconds)
        report = report_of(done.stdout)
        report.notes += [line for line in done.stderr.splitlines() if line.strip()]
        if done.returncode == 1 or (done.returncode == 2 and not report.failed):
            self._add("crash", "", 0, f"exit code {done.returncode} without a failed proof: {'; '.join(done.stderr.splitlines())[:300]}")

        self._report(before, after, rewritten, report)
        self._files(before, after, rewritten, report)
        self._again(after)
        declared = self._tasks(tasks, known, report)
        self.violations += complaint_violations("imports", imports, complaints(self.copy, *IMPORTS))
        self.violations += complaint_violations("lint", lint, complaints(self.copy))
        self.violations += borrowed_names(before, after, rewritten)
        for file in sorted(tidy.intersection(rewritten) - formatted(self.copy, rewritten)):
            self._add("format", file, 0, "ruff format accepted it before and would change it now")
        return Outcome(self.name, rewritten, report, self.violations, declared, seconds)

    def _add(self, check: str, file: str, row: int, what: str) -> None:
        self.violations.append(Violation(check, file, row, what))

    def _report(self, before: Mapping[str, Kept], after: Mapping[str, Kept], rewritten: Sequence[str], report: Report) -> None:
        for file in sorted(after.keys() - before.keys()):
            self._add("report", file, 0, "a file that was not there before")
        for file in sorted(before.keys() - after.keys()):
            self._add("report", file, 0, "the file is gone")
        for file in sorted(set(rewritten) - set(report.files)):
            self._add("report", file, 0, "rewritten, but not reported")
        for file in sorted(set(report.files) - set(rewritten)):
            self._add("report", file, 0, "reported as rewritten, but unchanged")

    def _files(self, before: Mapping[str, Kept], after: Mapping[str, Kept], rewritten: Sequence[str], report: Report) -> None:
        for file in rewritten:
            if before[file].mode != after[file].mode:
                self._add("layout", file, 0, f"the mode was {before[file].mode:o} and is {after[file].mode:o}")
            fixes = [fix for fix in report.fixes if fix.file == file]
            drops = any(fix.code in DROPS_COMMENTS for fix in fixes)
            if file.endswith(".py"):
                rows = [fix.rows for fix in fixes]
                self.violations += file_violations(file, before[file].data, after[file].data, rows, drops_comments=drops)

    def _again(self, first: Mapping[str, Kept]) -> None:
        done = run([*self.command, "."], self.copy)
        if crash := crash_of(done):
            self._add("again", "", 0, crash)
        second = snapshot(self.copy)
        for file in sorted(first.keys() | second.keys()):
            if first.get(file) != second.get(file):
                self._add("again", file, 0, "a second run changes it")

    def _tasks(self, tasks: list[Task] | str, known: dict[tuple[str, str, int], Entry], report: Report) -> list[Violation]:
        found = tasks_in(self.copy)
        if isinstance(tasks, str) or isinstance(found, str):
            self._add("tasks", "", 0, f"crb tasks did not run: {tasks if isinstance(tasks, str) else found}")
            return []
        strange, declared = task_violations(known, manifest(self.copy, found), report.fixes)
        self.violations += strange
        if Counter(task["name"] for task in tasks) != Counter(task["name"] for task in found) and not strange and not declared:
            self._add("tasks", "", 0, "the names of the tasks are not the same")
        return declared
