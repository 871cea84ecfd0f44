"""Which variables does an environment file (`.env`, `env_file`, EnvironmentFile) set?"""

from __future__ import annotations

import re

from lint_rules.deploy.notations.interpolation import interpolated, is_known
from lint_rules.deploy.text import Source

_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][\w.]*)[ \t]*=[ \t]*+"""
    r"""(?:"(?P<double>(?:[^"\\\n]|\\.)*)"|'(?P<single>[^'\n]*)'|(?P<bare>[^"'\n][^\n]*|$))[^\n]*$""",
    re.MULTILINE,
)
_COMMENT = re.compile(r"(?:^|\s)#")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def variables_of(source: Source, expand: bool = True) -> list[tuple[str, str, int]]:
    """Name, value and row of each variable. Values that go on over several lines are left out.

    With `expand` a reference to a variable set before is filled in, and a value that refers to another is left out; systemd takes `$` as it
    stands.
    """
    known: dict[str, str] = {}
    found: list[tuple[str, str, int]] = []
    for line in _LINE.finditer(source.text):
        value = _value(source, line, known if expand else None)
        if value is None:
            known.pop(line["name"], None)
        else:
            known[line["name"]] = value
            found.append((line["name"], value, source.position(line.start("name"))[0]))
    return found


def _value(source: Source, line: re.Match[str], known: dict[str, str] | None) -> str | None:
    if line["single"] is not None:
        return line["single"]
    group = "double" if line["double"] is not None else "bare"
    value = line[group]
    if known is not None and "$" in value and "\\$" not in value:
        value = interpolated(source.cut(*line.span(group)), known).value
        if not is_known(value):
            return None
    if group == "double":
        return _ESCAPE.sub(lambda escape: {"n": "\n", "t": "\t", "r": "\r"}.get(escape[1], escape[1]), value)
    return _COMMENT.split(value, maxsplit=1)[0].rstrip()
