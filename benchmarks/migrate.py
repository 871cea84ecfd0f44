"""`codemods.migrate` on real projects: what it may not do, looked for, and its speed. `python -m benchmarks.migrate --corpus DIRECTORY`.

Every project below the directory is copied and migrated with `--unsafe` and all codes; what must hold afterwards is checked from the files
alone, with nothing of the codemods (`migrate_project`, `migrate_checks`). `--speed` measures instead (`migrate_speed`).

The exit code is 1 if anything is violated, 2 for bad usage.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.migrate_project import CHECKS, MIGRATE, Outcome, Trial, all_codes, copy_texts
from benchmarks.migrate_speed import Bounds, speed


def main(argv: list[str] | None = None) -> int:
    """Check (or measure) and print."""
    arguments = _parser().parse_args(argv)
    corpus = Path(arguments.corpus).resolve()
    names = arguments.project or sorted(path.name for path in corpus.iterdir() if path.is_dir()) if corpus.is_dir() else []
    missing = [name for name in names if not (corpus / name).is_dir()]
    if missing or not names:
        print(f"benchmarks.migrate: {corpus}: there is no {' nor '.join(missing) or 'project'} in it", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="crb-migrate-") as temporary:
        if arguments.speed:
            bounds = Bounds(arguments.rounds, arguments.peer_files, arguments.peer_seconds)
            for name in names:
                print("\n".join(speed(corpus / name, Path(temporary).resolve() / name, bounds)))
            return 0
        keep = Path(arguments.keep).resolve() if arguments.keep else None
        chosen = arguments.select or all_codes()
        command = arguments.command.split() if arguments.command else [*MIGRATE, "--select", chosen]
        outcomes = []
        for name in names:
            copy = Path(temporary).resolve() / name
            copy_texts(corpus / name, copy)
            outcomes.append(Trial(name, copy, command).outcome())
            if keep is not None:
                shutil.copytree(copy, keep / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(copy)
            print(f"{name}: {outcomes[-1].seconds:.1f} s", file=sys.stderr)
    print("\n".join(table(outcomes)))
    if arguments.details:
        print("\n".join(details(outcomes)))
    return 1 if any(outcome.violations for outcome in outcomes) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.migrate", description="Checks codemods.migrate on real projects, or measures it."
    )
    parser.add_argument("--corpus", required=True, metavar="DIRECTORY", help="a directory of projects; they are copied, never changed")
    parser.add_argument("--project", action="append", metavar="NAME", help="only this one (may be given several times)")
    parser.add_argument("--select", metavar="CODES", help="codes to fix (default: all that have a fix, optional ones as well)")
    parser.add_argument("--details", action="store_true", help="also list every violation, and what was not rewritten with the reason")
    parser.add_argument("--keep", metavar="DIRECTORY", help="leave the rewritten copies there")
    parser.add_argument("--command", metavar="COMMAND", help="another command than codemods.migrate (one that prints the same JSON)")
    parser.add_argument("--speed", action="store_true", help="measure beside libcst.tool instead of checking")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="measured runs of each command (default: 3)")
    parser.add_argument("--peer-files", type=int, metavar="N", help="time libcst.tool on so many files only, and scale by lines")
    parser.add_argument("--peer-seconds", type=int, default=3600, metavar="S", help="give libcst.tool up after so long (default: 3600)")
    return parser


# ── on paper ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The outcomes as one table, and what was not rewritten by reason."""
    codes = sorted({fix.code for outcome in outcomes for fix in outcome.report.fixes})
    heads = ["project", "files", *codes, "refused", "undecided", "unproved", *CHECKS]
    rows = []
    for outcome in outcomes:
        fixes = Counter(fix.code for fix in outcome.report.fixes)
        broken = Counter(violation.check for violation in outcome.violations)
        report = outcome.report
        counts = [len(outcome.rewritten), *(fixes[code] for code in codes), len(report.refused), report.undecided, len(report.failed)]
        rows.append([outcome.project, *(str(count) for count in [*counts, *(broken[check] for check in CHECKS)])])
    sums = [str(sum(int(row[column]) for row in rows)) for column in range(1, len(heads))]
    rows.append(["all", *sums])
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    for row in [heads, *rows]:
        first, *others = (
            cell.ljust(width) if not column else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join([first, *others])
    reasons = Counter((code, reason) for outcome in outcomes for code, _, _, reason in outcome.report.refused)
    if reasons:
        yield "\nrefused:"
        yield from (f"{count:6} {code} {reason}" for (code, reason), count in reasons.most_common())


def details(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Every violation with its place, what was declared, and what was not rewritten."""
    for outcome in outcomes:
        yield f"\n{outcome.project}"
        for each in outcome.violations:
            yield f"  VIOLATED {each.check}: {each.file}:{each.row} {each.what}"
        for each in outcome.declared:
            yield f"  declared: {each.file} {each.what}"
        for file, check, reason in outcome.report.failed:
            yield f"  unproved ({check}): {file}: {reason}"
        for code, file, row, reason in outcome.report.refused:
            yield f"  refused: {file}:{row} {code} {reason}"
        for note in outcome.report.notes:
            yield f"  note: {note}"


if __name__ == "__main__":
    sys.exit(main())
