"""Text to a syntax tree, also for code that is newer than the interpreter that runs us.

Where `ast` gives up, libcst (whose own parser knows the newest grammar) rewrites the new syntax into an older form that means the same to
us, on the same rows, and `ast` reads that:

- PEP 758 `except A, B:` -> `except (A, B):`
- PEP 695/696 type parameters are dropped, `type X = Y` -> `X = Y`
- PEP 701/750 f-strings and t-strings become a tuple of the expressions in them
"""

from __future__ import annotations

import ast
import sys
import warnings

from lint_rules.source.decode import Unreadable

DEEPEST = 20_000
"""Recursion limit while `ast` builds its tree: a 5,000-term expression nests 5,000 deep."""


def parse(text: str) -> ast.Module:
    """The syntax tree of `text`.

    Raises:
        Unreadable: neither this interpreter's grammar nor the newest one reads it.
    """
    try:
        return _parse(text)
    except SyntaxError as error:
        failure = error
    except (RecursionError, MemoryError):
        raise Unreadable("the code is nested too deeply to be parsed") from None
    except ValueError as error:
        raise Unreadable(str(error)) from None
    lowered = _lowered(text)
    if lowered is not None:
        try:
            return _parse(lowered)
        except (SyntaxError, RecursionError, MemoryError, ValueError):
            pass
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise Unreadable(
        f"syntax error: {failure.msg} (read with the grammar of Python {version} and with the newest known)",
        failure.lineno or 1,
        max((failure.offset or 1) - 1, 0),
    )


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


def _lowered(text: str) -> str | None:
    """`text` in the grammar of Python 3.10, or None where the newest grammar does not read it either."""
    import libcst  # 0.4 s: only files that need it pay

    from lint_rules.source.lowering import Lowering

    try:
        return libcst.parse_module(text).visit(Lowering()).code
    except (libcst.ParserSyntaxError, RecursionError, MemoryError):
        return None
    except Exception:  # libcst's native parser panics on some malformed files; the caller reports the syntax error
        return None
