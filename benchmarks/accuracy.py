"""How many tasks are found, and how often their workload is right, against labelled repositories.

`python -m benchmarks.accuracy --tasks tasks.jsonl --workload workload.jsonl --corpus DIR`: DIR holds a checkout of every repository named
in the files, under that name. Lines of `--tasks`: {"repo", "path", "name"}; of `--workload`: the same (or the path begins with the
repository) and {"workload"}, and {"also_defensible": [labels]} where a second label would do. A task without any effect counts as
"unknown" ("trivial"), Redis next to a database as "db". Labels that their rater left "unsure" are not counted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from lint_rules.run import project_tasks
from lint_rules.source.root import find_root

Row = dict[str, Any]
SAME = {"db+redis": "db", "trivial": "unknown"}


def labelled(file: Path) -> dict[str, list[Row]]:
    """The lines of a file by repository, with paths relative to it."""
    found: dict[str, list[Row]] = defaultdict(list)
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if "repo" not in row:
            row["repo"], _, row["path"] = row["path"].partition("/")
        found[row["repo"]].append(row)
    return found


def tasks_of(repository: Path) -> list[Row]:
    """The tasks found in a checkout, with paths relative to it."""
    root = find_root(str(repository))
    rows, problems = project_tasks(root, str(Path(root) / "pyproject.toml"), None)
    for problem in problems:
        print(f"  {problem}")
    prefix = Path(repository).resolve().relative_to(root).as_posix()
    for row in rows:
        row["path"] = row["filename"] if prefix == "." else row["filename"].removeprefix(prefix + "/")
    return rows


def key(row: Row) -> tuple[str, str]:
    """What identifies a task in a repository."""
    return row["path"], row.get("function", row.get("name", "")).rpartition(".")[2]


def main(arguments: list[str]) -> int:
    """Print the comparison; the exit code is always 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description="Compare with labelled repositories.")
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR")
    parser.add_argument("--tasks", type=Path, metavar="FILE")
    parser.add_argument("--workload", type=Path, metavar="FILE")
    asked = parser.parse_args(arguments)
    all_tasks = labelled(asked.tasks) if asked.tasks else {}
    workloads = labelled(asked.workload) if asked.workload else {}
    wanted = found_in_all = missing = extra = 0
    verdicts: Counter[str] = Counter()
    for name in sorted({*all_tasks, *workloads}):
        found = {key(row): row for row in tasks_of(asked.corpus / name)}
        expected = {key(row) for row in all_tasks.get(name, ())}
        if name in all_tasks:
            wanted += len(expected)
            found_in_all += len(expected & set(found))
            missing += len(expected - set(found))
            extra += len(set(found) - expected)
            for word, those in (("missing", expected - set(found)), ("extra", set(found) - expected)):
                for path, function in sorted(those):
                    print(f"  {word}: {name}/{path} {function}")
        for row in workloads.get(name, ()):
            if row["workload"] == "unsure":
                continue
            label = SAME.get(row["workload"], row["workload"])
            got = found.get(key(row), {"workload": "not found"})["workload"]
            right = got == label or got in row.get("also_defensible", ())
            verdict = "right" if right else "unknown" if got == "unknown" else "wrong"
            verdicts[verdict] += 1
            if verdict != "right":
                print(f"  {verdict}: {name}/{row['path']} {row['name']}: {label}, not {got}")
    if all_tasks:
        print(f"tasks: {found_in_all} of {wanted} found, {missing} missing, {extra} that are none")
    total = sum(verdicts.values())
    if total:
        shares = ", ".join(f"{verdicts[kind]} {kind} ({verdicts[kind] / total:.1%})" for kind in ("right", "wrong", "unknown"))
        print(f"workload of {total} tasks: {shares}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
