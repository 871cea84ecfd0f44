"""Does what runs suit what the code says? `crb doctor` asks the live workers and Redis, and compares.

The command line: arguments in, exit code out. Celery is imported when there is something to examine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from celery_best_practices.doctor.examination import Seen

NOTHING, FOUND, FAILED = 0, 1, 2


def main(argv: list[str] | None = None, *, prog: str = "python -m celery_best_practices.doctor", seen: Seen | None = None) -> int:
    """Examine an application; 0: nothing but infos, 1: errors or warnings, 2: it cannot be loaded or its broker does not answer.

    seen: what static analysis knows of tasks that declare no workload; it is called when the application is loaded.
    """
    arguments = _parser(prog).parse_args(argv)
    try:
        from celery_best_practices.doctor.application import CannotExamine, load
        from celery_best_practices.doctor.examination import examine
        from celery_best_practices.doctor.report import as_rows, as_text
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("celery", "kombu", "redis"):
            raise
        print(f"crb: {error.name} is not installed here: pip install 'celery-best-practices[runtime]'", file=sys.stderr)
        return FAILED
    try:
        examination = examine(
            load(arguments.app), name=arguments.app, seen=seen or _nothing_seen, timeout=arguments.timeout, threshold=arguments.backlog
        )
    except CannotExamine as error:
        print(f"crb: {error}", file=sys.stderr)
        return FAILED
    if arguments.output_format == "json":
        print(json.dumps(as_rows(examination), indent=2))
    else:
        coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print("\n".join(as_text(examination, coloured)))
    wrong = any(finding.severity != "info" for finding in examination.findings)
    return FOUND if wrong and not arguments.exit_zero else NOTHING


def _nothing_seen() -> tuple[dict[str, str], list[str]]:
    return {}, ["only `crb doctor` reads them from the code"]


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description="Asks the live workers and Redis, and compares with what the code says.")
    parser.add_argument(
        "-A", "--app", required=True, metavar="PKG.APP", help="the Celery application, as for celery -A: pkg.app or pkg.app:name"
    )
    parser.add_argument("--output-format", choices=["text", "json"], default="text")
    parser.add_argument(
        "--timeout", type=_seconds, default=2.0, metavar="SECONDS", help="how long to wait for each kind of answer (default: 2)"
    )
    parser.add_argument("--backlog", type=int, default=1000, metavar="N", help="report queues with more waiting messages (default: 1000)")
    parser.add_argument("--exit-zero", action="store_true", help="exit with 0 even when there are findings")
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 3600:
        raise argparse.ArgumentTypeError("must be a number of seconds above 0 and below 3600")
    return value
