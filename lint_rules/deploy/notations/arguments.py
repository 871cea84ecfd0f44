"""Which command is a list of arguments, or a line that is split into them without a shell?"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import Union

from msgspec import Struct

from lint_rules.deploy.model import Word
from lint_rules.deploy.notations.interpolation import UNKNOWN, is_known
from lint_rules.deploy.notations.splitting import parts
from lint_rules.deploy.text import Text
from lint_rules.facts.model import Span

SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "ksh"})


class Argument(Struct, frozen=True, eq=False):
    """One argument, and where it stands with its quotes (None where it does not)."""

    text: Text
    span: Union[Span, None]

    @property
    def word(self) -> Word:
        """The argument as a word of a command."""
        return Word(self.text.value, self.span, is_known(self.text.value))


def split(text: Text) -> tuple[Argument, ...]:
    """The arguments of a line: quotes and backslashes count as for `shlex.split`; what is only known at run time is never cut."""
    return tuple(Argument(*part) for part in parts(text, UNKNOWN))


def script(arguments: Sequence[Argument]) -> Text | None:
    """The script of `sh -c script` (behind whatever: `tini -- bash -lc script`); None where no shell is called that way."""
    for place, argument in enumerate(arguments):
        if posixpath.basename(argument.text.value) in SHELLS:
            for flag, given in zip(arguments[place + 1 :], arguments[place + 2 :]):
                if re.fullmatch(r"-[a-z]*c", flag.text.value):
                    return given.text
                if not flag.text.value.startswith("-") and flag.text.value != "pipefail":
                    break
    return None
