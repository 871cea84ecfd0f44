"""Text to a syntax tree, also for code that is newer than the interpreter that runs us.

Where `ast` gives up, the new syntax is rewritten into an older form that means the same to us, at the same rows and columns:

- PEP 758 `except A, B:` -> `except A| B:`
- PEP 695/696 type parameters become blanks, `type X = Y` -> `X      = Y`
- PEP 701/750 f-strings and t-strings become `~( a , b )` of the expressions in them

The common one-line forms of the first two are rewritten where `ast` stumbles over them (`_mended`). For everything else libcst, whose own
parser knows the newest grammar, reads the file (`lowering`): that takes half a second to import, so it comes second.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings

from lint_rules.source.decode import Unreadable

DEEPEST = 20_000
"""Recursion limit while `ast` builds its tree: a 5,000-term expression nests 5,000 deep."""


MOST_BRACKETS = 500
"""Open brackets at one place. Python itself allows 200; at some 2,000 libcst's native parser overflows the stack and ends the process."""

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

MOST_MENDED = 100
"""Lines of new syntax in one file; each costs a parse up to it."""


def parse(text: str) -> tuple[ast.Module, str]:
    """The syntax tree of `text`, and the text it was made from: what was rewritten has as many characters, but not as many bytes.

    Raises:
        Unreadable: neither this interpreter's grammar nor the newest one reads it.
    """
    try:
        return _parse(text), text
    except SyntaxError as error:
        failure = error
    except (RecursionError, MemoryError):
        raise _too_deep() from None
    except ValueError as error:
        raise Unreadable(str(error)) from None
    for older in (_mended, _lowered):
        rewritten = older(text)
        if rewritten is not None:
            try:
                return _parse(rewritten), rewritten
            except (RecursionError, MemoryError):
                raise _too_deep() from None
            except (SyntaxError, ValueError):
                pass
    raise Unreadable(
        f"syntax error: {failure.msg} (read with the grammar of Python {PYTHON} and with the newest known)",
        failure.lineno or 1,
        max((failure.offset or 1) - 1, 0),
    )


def _too_deep() -> Unreadable:
    """Newer versions of Python give up at a depth of some thousands that cannot be raised; 3.11 reads on."""
    return Unreadable(f"the code is nested too deeply to be parsed by Python {PYTHON}")


def _parse(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes and the like are not our subject
        limit = sys.getrecursionlimit()
        try:
            return ast.parse(text)
        except RecursionError:
            sys.setrecursionlimit(DEEPEST)
            return ast.parse(text)
        finally:
            sys.setrecursionlimit(limit)


_GENERIC = re.compile(r"(\s*(?:async\s+def|def|class)\s+\w+)(\[.*)")
_ALIAS = re.compile(r"(\s*)type(\s+)(\w+)(\s*)(=.*)")
_EXCEPT = re.compile(r"(\s*except\s+)([\w.]+(?:\s*,\s*[\w.]+)+)(\s*:.*)")


def _mended(text: str) -> str | None:
    """`text` with each line that `ast` stumbles over rewritten, None where such a line is of no known form."""
    lines = text.split("\n")
    for _ in range(MOST_MENDED):
        try:
            _parse("\n".join(lines))
            return "\n".join(lines)
        except SyntaxError as error:
            row = (error.lineno or 0) - 1
        except (RecursionError, MemoryError):
            return "\n".join(lines)  # no syntax error any more
        except ValueError:
            return None
        older = _older_line(lines[row]) if 0 <= row < len(lines) else None
        if older is None:
            return None
        lines[row] = older
    return None


def _older_line(line: str) -> str | None:
    if found := _EXCEPT.fullmatch(line):
        return found[1] + found[2].replace(",", "|") + found[3]
    if found := _ALIAS.fullmatch(line):
        return f"{found[1]}{found[3]}{' ' * (4 + len(found[2]) + len(found[4]))}{found[5]}"
    if found := _GENERIC.fullmatch(line):
        depth = 0
        for place, character in enumerate(found[2]):
            depth += (character == "[") - (character == "]")
            if not depth:
                return found[1] + " " * (place + 1) + found[2][place + 1 :]
    return None


def _deepest_brackets(text: str) -> int:
    """How many brackets are open at once, those in strings and comments included."""
    depth = deepest = 0
    for bracket in re.findall(r"[(\[{)\]}]", text):
        depth = depth + 1 if bracket in "([{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


def _lowered(text: str) -> str | None:
    """`text` in the grammar of Python 3.10, or None where the newest grammar does not read it either."""
    if _deepest_brackets(text) > MOST_BRACKETS:
        return None
    import libcst  # 0.4 s: only files that need it pay

    from lint_rules.source.lowering import Lowering

    try:
        module = libcst.parse_module(text)
        return module.visit(Lowering(module.default_indent)).code
    except (libcst.ParserSyntaxError, RecursionError, MemoryError):
        return None
    except Exception:  # libcst's native parser panics on some malformed files; the caller reports the syntax error
        return None
