"""`python -m codemods.migrate [PATH...]`: rewrite what the linter's findings have a fix for, and prove it before writing."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lint_rules import VERSION, replay
from lint_rules.request import Request, config_file, requests_of
from lint_rules.run import UnknownCode, codes, refuse_unknown
from lint_rules.settings import Problem, Settings, read_settings

if TYPE_CHECKING:
    from codemods.plan import Migration

NOTHING, CHANGES, FAILED = 0, 1, 2


class Wanted(msgspec.Struct, frozen=True):
    """What the command line asks of a migration."""

    select: tuple[str, ...] = ()
    unsafe: bool = False
    route: bool = False
    interactive: bool = False
    write: bool = True
    jobs: int = 0
    cache: bool = True
    cache_dir: str | None = None
    config: str | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What became of the paths of one project."""

    request: Request
    migration: Migration
    unwritten: dict[str, str]
    """Files that could not be written, and why."""
    problems: list[str]
    """What is wrong with the configuration, and files that cannot be read, in sentences."""

    @property
    def failed(self) -> bool:
        """Whether something could not be done."""
        return bool(self.problems or self.unwritten or self.migration.failures)


def main(argv: list[str] | None = None) -> int:
    """Run the command; the exit code is 0, 1 (`--check` or `--diff` would change something) or 2 (something could not be done)."""
    arguments = _parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # names that the terminal's encoding lacks
    try:
        return _migrate(arguments)
    except UnknownCode as error:
        print(f"migrate: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        print("migrate: interrupted; each file is either as it was or rewritten whole", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m codemods.migrate",
        description="Rewrites what the findings of `crb check` have a fix for. Writes nothing that it cannot prove.",
    )
    parser.add_argument("--version", action="version", version=f"crb {VERSION}")
    parser.add_argument("paths", nargs="*", default=["."], metavar="PATH", help="files or directories (default: the current directory)")
    parser.add_argument("--diff", action="store_true", help="show what would be rewritten, write nothing (exit code 1 if there is any)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if something would be rewritten")
    parser.add_argument("--unsafe", action="store_true", help="also make fixes that may change what the code does")
    parser.add_argument("--select", action="append", metavar="CODES", help="codes or prefixes to fix (default: all that have a fix)")
    parser.add_argument("--interactive", action="store_true", help="show each rewrite and ask")
    parser.add_argument("--route", action="store_true", help="send migrated tasks to the queues cpu, io and db")
    parser.add_argument("--output-format", choices=["text", "json"], default="text")
    parser.add_argument("--jobs", type=int, default=0, metavar="N", help="processes (default: as many as pay)")
    parser.add_argument("--config", metavar="FILE", help="a pyproject.toml to read [tool.crb] from")
    parser.add_argument("--no-cache", action="store_true", help="neither read nor write the cache")
    parser.add_argument("--cache-dir", metavar="DIRECTORY", help="where the cache is (default: .crb_cache in the project's root)")
    parser.add_argument("-q", "--quiet", action="store_true", help="say only what was not done")
    return parser


def _migrate(arguments: argparse.Namespace) -> int:
    wanted = Wanted(
        select=tuple(code.strip().upper() for value in arguments.select or () for code in value.split(",") if code.strip()),
        unsafe=arguments.unsafe,
        route=arguments.route,
        interactive=arguments.interactive,
        write=not (arguments.diff or arguments.check),
        jobs=arguments.jobs,
        cache=not arguments.no_cache,
        cache_dir=arguments.cache_dir,
        config=arguments.config,
    )
    if wanted.interactive and arguments.output_format == "json":
        print("migrate: --interactive asks on the terminal and cannot be combined with --output-format json", file=sys.stderr)
        return FAILED
    if wanted.config is not None and not os.path.isfile(wanted.config):
        print(f"migrate: --config {wanted.config}: there is no such file", file=sys.stderr)
        return FAILED
    refuse_unknown(wanted.select)
    requests, missing = requests_of(arguments.paths)
    for path in missing:
        print(f"migrate: {path}: no such file or directory", file=sys.stderr)
    outcomes = [migrate(request, wanted, arguments.diff) for request in requests]
    if arguments.output_format == "json":
        from codemods.report import rows

        found = [rows(each.migration, each.request.shown, each.unwritten, wanted.write) for each in outcomes]
        print(json.dumps(found[0] if len(found) == 1 else found, indent=2))
    else:
        from codemods.report import text

        for each in outcomes:
            for line in text(each.migration, each.request.shown, each.unwritten, wanted.write, arguments.quiet):
                print(line)
    if missing or any(each.failed for each in outcomes):
        return FAILED
    return CHANGES if not wanted.write and any(each.migration.changes for each in outcomes) else NOTHING


def migrate(request: Request, wanted: Wanted, show: bool = False) -> Outcome:
    """Migrate the paths of one project."""
    from codemods.asking import Asker
    from codemods.plan import Options, Planner
    from codemods.report import diff
    from codemods.worktree import uncommitted
    from codemods.write import NotWritten, clear_leftovers, write

    root, config = request.root, config_file(wanted.config, request.root)
    settings, problems = _settings(root, config, wanted.select)
    cache = os.path.abspath(wanted.cache_dir) if wanted.cache_dir else replay.directory_of(root, config)
    options = Options(wanted.select, wanted.unsafe, wanted.route, wanted.jobs, cache if wanted.cache else None)
    asker = Asker(request.shown) if wanted.interactive else None
    migration = Planner(root, settings, problems, options, request.covers, asker).migration()
    wrong = [problem.message for problem in problems]
    wrong += [each.message for each in migration.before.findings if each.code == "CRB001" and request.covers(each.place.file)]
    for sentence in (*wrong, *migration.problems):
        print(f"migrate: {sentence}", file=sys.stderr)
    unwritten: dict[str, str] = {}
    if show:
        for file, change in migration.changes.items():
            sys.stdout.write(diff(request.shown(file), change.original.data, change.data))
    if wanted.write:
        directories = [os.path.join(root, directory) for directory in migration.before.listing.directories]
        targets = [os.path.dirname(change.original.target) for change in migration.changes.values()]
        clear_leftovers([*directories, *targets])
        dirty = uncommitted(root, [change.original.path for change in migration.changes.values()])
        if dirty:
            print(
                f"migrate: {len(dirty)} of the files to rewrite have uncommitted changes: `git diff` will show both together, "
                "and `git checkout` would undo both",
                file=sys.stderr,
            )
        written: dict[str, tuple[str, bytes]] = {}
        for file, change in migration.changes.items():
            target = change.original.target
            other, data = written.setdefault(target, (file, change.data))
            if data != change.data:
                unwritten[file] = f"it is the same file as {other}, which asks for another text"
            elif other == file:
                try:
                    write(change.original, data)
                except NotWritten as error:
                    unwritten[file] = str(error)
    return Outcome(request, migration, unwritten, wrong)


def _settings(root: str, config: str, select: tuple[str, ...]) -> tuple[Settings, list[Problem]]:
    """The project's settings; what is selected by name is looked for whatever the project ignores."""
    settings, problems = read_settings(Path(config), os.path.relpath(config, root).replace(os.sep, "/"), codes)
    kept = {
        name: tuple(code for code in getattr(settings, name) if not any(code.startswith(each) or each.startswith(code) for each in select))
        for name in ("ignore", "extend_ignore")
    }
    return msgspec.structs.replace(settings, extend_select=(*settings.extend_select, *select), **kept), problems


if __name__ == "__main__":
    sys.exit(main())
