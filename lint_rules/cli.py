"""The command line: arguments in, exit code out."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

from lint_rules import VERSION, replay
from lint_rules.request import Request, config_file, requests_of
from lint_rules.source.root import find_root

TYPE_CHECKING = False  # importing typing would take a tenth of a replayed run
if TYPE_CHECKING:
    from typing import IO, Any

    from lint_rules.report.graph import Graph
    from lint_rules.report.text import Paint

    Row = dict[str, Any]

NOTHING, FOUND, FAILED = 0, 1, 2

UNDONE = ("CRB001", "CRB003")
"""Rules that report what could not be read: the exit code is 2."""


class Refused(Exception):
    """A request that cannot be carried out; the text is the sentence to show."""


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit code is 0 (nothing to report), 1 (findings) or 2 (something could not be done)."""
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if rest and arguments.command is not _doctor:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.rest = rest
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names that the terminal's encoding lacks
    try:
        command: Callable[[argparse.Namespace], int] = arguments.command
        return command(arguments)
    except Refused as error:
        print(f"crb: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        print("crb: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="crb", description="Finds what goes wrong silently in Celery and Redis code.")
    parser.add_argument("--version", action="version", version=f"crb {VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    check = commands.add_parser("check", help="report findings (exit code 1 when there are any)")
    check.set_defaults(command=_check)
    check.add_argument("paths", nargs="*", default=["."], metavar="PATH", help="files or directories to report on; - for standard input")
    check.add_argument("--select", action="append", metavar="CODES", help="codes or prefixes instead of the default set")
    check.add_argument("--extend-select", action="append", metavar="CODES", help="codes as well (turns optional rules on)")
    check.add_argument("--ignore", action="append", metavar="CODES", help="codes or prefixes not to report")
    check.add_argument("--extend-ignore", action="append", metavar="CODES", help="more of them")
    check.add_argument("--profile", choices=["adopt", "core"], help="core leaves out the convention rules")
    check.add_argument("--output-format", choices=["full", "concise", "json", "jsonl"], default="full")
    check.add_argument("--output-file", metavar="FILE", help="write there instead of standard output")
    check.add_argument("--statistics", action="store_true", help="how often each rule speaks, instead of where")
    check.add_argument("--show-suppressed", action="store_true", help="report what comments silence, too")
    check.add_argument("--fix", action="store_true", help="rewrite what has a safe fix, then report the rest")
    check.add_argument("--unsafe", action="store_true", help="with --fix or --diff: also fixes that may change what the code does")
    check.add_argument("--diff", action="store_true", help="show what --fix would rewrite, write nothing")
    check.add_argument("--exit-zero", action="store_true", help="exit with 0 even when there are findings")
    check.add_argument("--stdin-filename", metavar="FILE", help="the file that standard input stands for")
    check.add_argument("-q", "--quiet", action="store_true", help="findings only, no summary")
    check.add_argument("-v", "--verbose", action="store_true", help="say what was read")
    check.add_argument("--timings", action="store_true", help="say where the time went")
    _common(check)

    tasks = commands.add_parser("tasks", help="list the tasks, what they do, and why we think so")
    tasks.set_defaults(command=_tasks)
    tasks.add_argument("paths", nargs="*", default=["."], metavar="PATH")
    tasks.add_argument("--output-format", choices=["text", "json"], default="text")
    _common(tasks)

    workers = commands.add_parser("workers", help="list the commands that start workers, wherever they stand")
    workers.set_defaults(command=_workers)
    workers.add_argument("paths", nargs="*", default=["."], metavar="PATH")
    workers.add_argument("--output-format", choices=["text", "json"], default="text")
    _common(workers)

    graph = commands.add_parser("graph", help="draw tasks, the queues they go to, and the workers that consume them")
    graph.set_defaults(command=_graph)
    graph.add_argument("path", nargs="?", default=".", metavar="PATH")
    graph.add_argument("--output-format", choices=["dot", "mermaid", "svg", "json"], default="dot")
    graph.add_argument("--output-file", metavar="FILE", help="write there instead of standard output")
    graph.add_argument(
        "--by", choices=["task", "module"], default="task", help="a node for each task, or for each module's tasks of a kind"
    )
    _common(graph)

    rule = commands.add_parser("rule", help="explain a rule")
    rule.set_defaults(command=_rule)
    rule.add_argument("code", metavar="CODE")
    rule.add_argument("--output-format", choices=["text", "json"], default="text")

    rules = commands.add_parser("rules", help="list all rules")
    rules.set_defaults(command=_rules)
    rules.add_argument("--output-format", choices=["text", "json"], default="text")

    config = commands.add_parser("config", help="show the settings in effect and what is wrong with them")
    config.set_defaults(command=_config)
    config.add_argument("path", nargs="?", default=".", metavar="PATH")
    config.add_argument("--config", metavar="FILE")
    config.add_argument("--output-format", choices=["text", "json"], default="text")

    doctor = commands.add_parser(
        "doctor", help="ask the live workers and Redis of an application, and compare with its code", add_help=False
    )
    doctor.set_defaults(command=_doctor)

    clean = commands.add_parser("clean", help="remove the cache")
    clean.set_defaults(command=_clean)
    clean.add_argument("path", nargs="?", default=".", metavar="PATH")
    clean.add_argument("--cache-dir", metavar="DIRECTORY")
    return parser


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="a pyproject.toml to read [tool.crb] from")
    parser.add_argument("--jobs", type=int, default=0, metavar="N", help="processes to read files with (default: as many as pay)")
    parser.add_argument("--no-cache", action="store_true", help="neither read nor write the cache")
    parser.add_argument("--cache-dir", metavar="DIRECTORY", help="where the cache is (default: .crb_cache in the project's root)")


# ── what is asked for ────────────────────────────────────────────────────────────────────────────────────────────────


def _codes(values: list[str] | None) -> tuple[str, ...] | None:
    if values is None:
        return None
    return tuple(code.strip().upper() for value in values for code in value.split(",") if code.strip())


def _overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the command line sets instead of the configuration."""
    names = ("select", "extend_select", "ignore", "extend_ignore")
    found: dict[str, Any] = {name: _codes(getattr(arguments, name, None)) for name in names}
    found["profile"] = getattr(arguments, "profile", None)
    return {name: value for name, value in found.items() if value is not None}


def _cache_directory(arguments: argparse.Namespace, root: str, config: str) -> str:
    return os.path.abspath(arguments.cache_dir) if arguments.cache_dir else replay.directory_of(root, config)


def _config_file(arguments: argparse.Namespace, root: str) -> str:
    if arguments.config is not None:
        if not os.path.isfile(arguments.config):
            raise Refused(f"--config {arguments.config}: there is no such file")
    return config_file(arguments.config, root)


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _check(arguments: argparse.Namespace) -> int:
    from lint_rules.report import text

    stdin: bytes | None = None
    if "-" in arguments.paths:
        if not arguments.stdin_filename:
            raise Refused("- needs --stdin-filename FILE: the place in the project that standard input stands for")
        stdin = sys.stdin.buffer.read()
        arguments.paths = [arguments.stdin_filename]
        requests = [Request(find_root(arguments.stdin_filename), arguments.paths)]
        missing: list[str] = []
    else:
        requests, missing = requests_of(arguments.paths)
    failed = bool(missing)
    for path in missing:
        print(f"crb: {path}: no such file or directory", file=sys.stderr)
    if arguments.fix or arguments.diff:
        if stdin is not None:
            raise Refused("--fix and --diff work on files, not on standard input")
        status = _fix(arguments, requests)
        if arguments.diff:
            return FAILED if failed else status
        failed = failed or status == FAILED
    elif arguments.unsafe:
        raise Refused("--unsafe belongs to --fix or --diff")
    rows: list[Row] = []
    tasks = suppressed = 0
    times: dict[str, float] = {}
    for request in requests:
        result = _run(arguments, request, stdin, times)
        tasks += result["tasks"]
        kept = [row for row in result["findings"] if request.covers(row["filename"]) or row["code"] == "CRB003"]
        silent = [row for row in result["suppressed"] if request.covers(row["filename"])]
        suppressed += len(silent)
        if arguments.show_suppressed:
            kept = sorted(kept + silent, key=lambda row: (row["filename"], row["location"]["row"], row["code"]))
        rows += [_shown(row, request) for row in kept]
        failed = failed or any(row["code"] in UNDONE for row in kept)
        if arguments.verbose:
            print(f"crb: {request.root}: {result['files']} files listed, {result['read']} read", file=sys.stderr)
    with _output(arguments.output_file) as out:
        paint = text.Paint(_coloured(out))
        if arguments.output_format == "json":
            out.write(json.dumps(rows, indent=2) + "\n")
        elif arguments.output_format == "jsonl":
            out.writelines(json.dumps(row) + "\n" for row in rows)
        else:
            if arguments.statistics:
                lines = text.statistics(rows)
            elif arguments.output_format == "concise":
                lines = text.concise(rows, paint)
            else:
                lines = text.full(rows, paint, text.lines_of(os.getcwd()))
            out.writelines(line + "\n" for line in lines)
            if not arguments.quiet:
                out.write(text.summary(rows, tasks, 0 if arguments.show_suppressed else suppressed) + "\n")
    if arguments.timings:
        for name, seconds in times.items():
            print(f"crb: {name}: {seconds:.3f} s", file=sys.stderr)
    if failed:
        return FAILED
    return FOUND if rows and not arguments.exit_zero else NOTHING


def _fix(arguments: argparse.Namespace, requests: list[Request]) -> int:
    """Let the codemods rewrite what they can prove; FOUND where `--diff` has something to show."""
    from codemods.migrate import Wanted, migrate
    from codemods.report import text
    from lint_rules.run import UnknownCode, refuse_unknown

    select = _codes(arguments.select) or ()
    try:
        refuse_unknown(select)
    except UnknownCode as error:
        raise Refused(str(error)) from None
    wanted = Wanted(
        select=select,
        unsafe=arguments.unsafe,
        write=not arguments.diff,
        jobs=arguments.jobs,
        cache=not arguments.no_cache,
        cache_dir=arguments.cache_dir,
        config=arguments.config,
    )
    status = NOTHING
    for request in requests:
        outcome = migrate(request, wanted, arguments.diff)
        for line in text(outcome.migration, request.shown, outcome.unwritten, wanted.write, arguments.quiet):
            print(line, file=sys.stderr)
        if outcome.failed:
            status = FAILED
        elif outcome.migration.changes and status == NOTHING:
            status = FOUND
    return status


def _run(arguments: argparse.Namespace, request: Request, stdin: bytes | None, times: dict[str, float]) -> Row:
    """The rows of a whole project, replayed where nothing has changed."""
    root, config = request.root, _config_file(arguments, request.root)
    overrides = _overrides(arguments)
    key = replay.key_of(config, overrides)
    cache = _cache_directory(arguments, root, config)
    cached = not arguments.no_cache and stdin is None
    began = time.perf_counter()
    result = replay.load(cache, key, root) if cached else None
    if result is None:
        from lint_rules.run import UnknownCode, whole_project

        started = time.time_ns()
        overlay = {} if stdin is None else {os.path.relpath(os.path.abspath(arguments.stdin_filename), root).replace(os.sep, "/"): stdin}
        try:
            run = whole_project(root, config, overrides, None if arguments.no_cache else cache, arguments.jobs, overlay)
        except UnknownCode as error:
            raise Refused(str(error)) from None
        result = run.result
        if cached:
            replay.save(cache, key, root, started, run.directories, run.files, run.absent, result)
    times[f"reading {root}" if result is not None else root] = time.perf_counter() - began
    return result


def _tasks(arguments: argparse.Namespace) -> int:
    from lint_rules.report import text
    from lint_rules.run import project_tasks

    return _listed(arguments, project_tasks, text.tasks)


def _workers(arguments: argparse.Namespace) -> int:
    from lint_rules.report import worker_rows
    from lint_rules.run import project_workers

    return _listed(arguments, project_workers, worker_rows.lines)


def _listed(
    arguments: argparse.Namespace,
    find: Callable[[str, str, str | None, int], tuple[list[Row], list[str]]],
    lines: Callable[[list[Row], Paint], Iterator[str]],
) -> int:
    """Print the rows that `find` gives of the files asked about: as JSON, or as lines."""
    from lint_rules.report import text

    requests, missing = requests_of(arguments.paths)
    for path in missing:
        print(f"crb: {path}: no such file or directory", file=sys.stderr)
    rows: list[Row] = []
    failed = bool(missing)
    for request in requests:
        config = _config_file(arguments, request.root)
        cache = None if arguments.no_cache else _cache_directory(arguments, request.root, config)
        found, problems = find(request.root, config, cache, arguments.jobs)
        for problem in problems:
            failed = True
            print(f"crb: {problem}", file=sys.stderr)
        rows += [_shown(row, request) for row in found if request.covers(row["filename"])]
    with _output(None) as out:
        if arguments.output_format == "json":
            out.write(json.dumps(rows, indent=2, default=str) + "\n")
        else:
            out.writelines(line + "\n" for line in lines(rows, text.Paint(_coloured(out))))
    return FAILED if failed else NOTHING


def _graph(arguments: argparse.Namespace) -> int:
    from lint_rules.run import project_graph

    requests, missing = requests_of([arguments.path])
    if missing:
        raise Refused(f"{arguments.path}: no such file or directory")
    request = requests[0]
    config = _config_file(arguments, request.root)
    cache = None if arguments.no_cache else _cache_directory(arguments, request.root, config)
    graph, problems = project_graph(request.root, config, cache, arguments.by, arguments.jobs)
    for problem in problems:
        print(f"crb: {problem}", file=sys.stderr)
    with _output(arguments.output_file) as out:
        if arguments.output_format == "json":
            out.write(json.dumps(graph.row, indent=2) + "\n")
        else:
            lines: Callable[[Graph], Iterator[str]] = import_module(f"lint_rules.report.graph_{arguments.output_format}").lines
            out.writelines(line + "\n" for line in lines(graph))
    return FAILED if problems else NOTHING


def _rule(arguments: argparse.Namespace) -> int:
    from lint_rules.rules.registry import all_rules
    from lint_rules.run import rule_row

    rules = all_rules()
    found = rules.get(arguments.code.upper()) or next((each for each in rules.values() if each.name == arguments.code.lower()), None)
    if found is None:
        import difflib

        near = difflib.get_close_matches(arguments.code.upper(), rules, 1) or difflib.get_close_matches(
            arguments.code.lower(), [each.name for each in rules.values()], 1
        )
        hint = f"did you mean {near[0]}?" if near else "`crb rules` lists them"
        raise Refused(f"there is no rule {arguments.code}; {hint}")
    if arguments.output_format == "json":
        print(json.dumps(rule_row(found), indent=2))
        return NOTHING
    fix = f"{found.fix} fix" if found.fix else "no fix"
    marks = "".join([", convention" if found.convention else "", ", off by default" if found.optional else ""])
    print(f"{found.code} {found.name} ({found.severity}, {fix}{marks})\n\n{found.documentation.strip()}")
    return NOTHING


def _rules(arguments: argparse.Namespace) -> int:
    from lint_rules.rules.registry import all_rules
    from lint_rules.run import rule_row

    rules = list(all_rules().values())
    if arguments.output_format == "json":
        print(json.dumps([rule_row(each) for each in rules], indent=2))
        return NOTHING
    for each in rules:
        marks = f"{each.severity}{', ' + each.fix + ' fix' if each.fix else ''}{', off by default' if each.optional else ''}"
        print(f"{each.code}  {each.name:38} {marks}")
    return NOTHING


def _config(arguments: argparse.Namespace) -> int:
    from lint_rules.run import effective_settings

    root = find_root(arguments.path)
    file = _config_file(arguments, root)
    settings, codes, problems = effective_settings(file)
    if arguments.output_format == "json":
        print(json.dumps({"root": root, "file": file, "settings": settings, "rules": codes}, indent=2))
    else:
        print(f"root: {root}\nfile: {file}{'' if os.path.isfile(file) else ' (absent: defaults)'}")
        for name, value in settings.items():
            print(f"{name} = {json.dumps(value)}")
        print(f"rules: {', '.join(codes)}")
    for problem in problems:
        print(f"crb: {problem}", file=sys.stderr)
    return FAILED if problems else NOTHING


def _doctor(arguments: argparse.Namespace) -> int:
    """The runtime asks the cluster, and reads its own arguments; what tasks do is read here, from the project around."""
    from celery_best_practices.doctor import main

    def seen() -> tuple[dict[str, str], list[str]]:
        from lint_rules.run import project_tasks

        root = find_root(".")
        config = config_file(None, root)
        rows, problems = project_tasks(root, config, replay.directory_of(root, config))
        return {row["name"]: row["workload"] for row in rows if row["name"]}, problems

    return main(arguments.rest, prog="crb doctor", seen=seen)


def _clean(arguments: argparse.Namespace) -> int:
    import shutil

    root = find_root(arguments.path)
    directory = _cache_directory(arguments, root, os.path.join(root, "pyproject.toml"))
    if not os.path.isdir(directory):
        print(f"{directory}: nothing to remove")
        return NOTHING
    if not os.path.exists(os.path.join(directory, "CACHEDIR.TAG")):
        raise Refused(f"{directory} does not look like a cache of this tool (it has no CACHEDIR.TAG); remove it yourself")
    shutil.rmtree(directory)
    print(f"{directory}: removed")
    return NOTHING


# ── output ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _shown(row: Row, request: Request) -> Row:
    """A row with file names as the user would write them."""
    row = {**row, "filename": request.shown(row["filename"])}
    for name in ("related", "evidence", "started_from"):
        if name in row:
            row[name] = [{**each, "filename": request.shown(each["filename"])} for each in row[name]]
    return row


@contextmanager
def _output(file: str | None) -> Iterator[IO[str]]:
    if file is None:
        yield sys.stdout
        return
    try:
        handle = open(file, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    except OSError as error:
        raise Refused(f"--output-file {file} cannot be written: {error.strerror}") from None
    with handle:
        yield handle


def _coloured(out: IO[str]) -> bool:
    return out.isatty() and not os.environ.get("NO_COLOR")
