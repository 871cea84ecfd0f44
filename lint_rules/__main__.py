"""`crb`, and `python -m lint_rules` (which is `crb check`)."""

from __future__ import annotations

import sys


def main() -> int:
    """The `crb` command."""
    if sys.argv[1:] == ["--version"]:
        from lint_rules import VERSION

        print(f"crb {VERSION}")
        return 0
    from lint_rules.cli import main as run

    return run()


if __name__ == "__main__":
    from lint_rules.cli import main as run

    sys.exit(run(["check", *sys.argv[1:]]))
