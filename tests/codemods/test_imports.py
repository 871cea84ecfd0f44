"""Imports are repaired: the name that means something at a place, the import that is missing for it, and those that nothing uses any more."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codemods.change import Refused
from codemods.imports import Imports, Needed, repaired

ASYNCIO = Needed("asyncio", None)
CONFIG = Needed("celery_best_practices", "IOTaskConfig")

# ── lookup ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Finder(cst.CSTVisitor):
    """Where the name HERE stands: the scopes around it and the statement of the innermost."""

    def __init__(self) -> None:
        self.scopes: list[cst.FunctionDef | cst.ClassDef | cst.Lambda] = []
        self.statements: list[list[cst.BaseStatement]] = [[]]
        self.found: tuple[list[cst.FunctionDef | cst.ClassDef | cst.Lambda], cst.BaseStatement | None] = ([], None)

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Name) and node.value == "HERE":
            self.found = ([*self.scopes], self.statements[-1][-1] if self.statements[-1] else None)
        if isinstance(node, cst.BaseStatement):
            self.statements[-1].append(node)
        if isinstance(node, cst.FunctionDef | cst.ClassDef | cst.Lambda):
            for outside in [
                *getattr(node, "decorators", ()),
                *getattr(node, "bases", ()),
                *([node.params] if isinstance(node, cst.FunctionDef) else ()),
            ]:
                outside.visit(self)
            self.scopes.append(node)
            self.statements.append([])
            node.body.visit(self)
            self.scopes.pop()
            self.statements.pop()
            return False
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.BaseStatement) and self.statements[-1]:
            self.statements[-1].pop()


def looked_up(source: str, wanted: str, placed: bool = True) -> str:
    """`expression`, `expression + import` or `refused: why` for "module:name" at HERE; `placed`: whether the statement is told."""
    module = cst.parse_module(source)
    finder = Finder()
    module.visit(finder)
    inside, before = finder.found
    name, _, attribute = wanted.partition(":")
    try:
        expression, needed = Imports(module).lookup(name, attribute or None, inside=inside, before=before if placed else None)
    except Refused as why:
        return f"refused: {why}"
    return f"{expression} + {needed.module}:{needed.name or ''}" if needed else expression


def taken(name: str, line: int) -> str:
    return f"refused: the name {name!r} means something else here (line {line})"


@pytest.mark.parametrize(
    ("source", "wanted", "expected"),
    [
        ("HERE", "asyncio", "asyncio + asyncio:"),
        ("HERE", "celery:Task", "Task + celery:Task"),
        ("HERE", "celery.schedules", "celery.schedules + celery.schedules:"),
        ("import asyncio\nHERE", "asyncio", "asyncio"),
        ("import asyncio as aio\nHERE", "asyncio:sleep", "aio.sleep"),
        ("import asyncio as aio\nHERE", "asyncio", "aio"),
        ("from celery import Task\nHERE", "celery:Task", "Task"),
        ("from celery import Task as T\nHERE", "celery:Task", "T"),
        ("import celery\nfrom celery import Task as T\nHERE", "celery:Task", "T"),
        ("import celery\nHERE", "celery:Task", "celery.Task"),
        ("import a.b\nHERE", "a.b", "a.b"),
        ("import a.b.c\nHERE", "a.b:x", "a.b.x"),
        ("import a.b\nHERE", "a:x", "a.x"),
        ("import a\nHERE", "a.b:x", "x + a.b:x"),
        ("import a\nHERE", "a.b", "a.b + a.b:"),
        ("import a.b as c\nHERE", "a.b:x", "c.x"),
        ("from a import b\nHERE", "a.b:x", "b.x"),
        ("from .. import tasks\nHERE", "..tasks:x", "tasks.x"),
        ("from .tasks import x as y\nHERE", ".tasks:x", "y"),
        ("import os; import asyncio; x = 1\nHERE", "asyncio", "asyncio"),
        ("lazy import asyncio\nHERE", "asyncio", "asyncio"),
        ("from celery import *\nHERE", "celery:Task", "Task + celery:Task"),
        # blocks
        ("try:\n    import httpx\nexcept ImportError:\n    pass\nHERE", "httpx", "httpx"),
        ("try:\n    import httpx\nexcept ImportError:\n    httpx = None\nHERE", "httpx", taken("httpx", 4)),
        ("try:\n    from a import X\nexcept ImportError:\n    from b import X\nHERE", "a:X", taken("X", 4)),
        ("import a\ntry:\n    from a import X\nexcept ImportError:\n    from b import X\nHERE", "a:X", "a.X"),
        ("try:\n    x\nexcept E:\n    import httpx\nHERE", "httpx", "refused: 'httpx' is imported only in some cases (line 4)"),
        ("if x:\n    import httpx\nHERE", "httpx", "refused: 'httpx' is imported only in some cases (line 2)"),
        ("if x:\n    import asyncio\nHERE", "asyncio", "asyncio + asyncio:"),
        ("with suppress(ImportError):\n    import httpx\nHERE", "httpx", "httpx"),
        ("if TYPE_CHECKING:\n    from celery import Task\nHERE", "celery:Task", "Task + celery:Task"),
        ("if typing.TYPE_CHECKING:\n    import celery\nelse:\n    celery = None\nHERE", "celery", taken("celery", 4)),
        ("if TYPE_CHECKING:\n    from stubs import Task\nHERE", "celery:Task", taken("Task", 2)),
        ("from celery import Task\nif TYPE_CHECKING:\n    from celery import Task\nHERE", "celery:Task", "Task"),
        # above and below
        ("HERE\nimport asyncio", "asyncio", "asyncio + asyncio:"),
        ("x = 1\nimport celery as c\n@HERE\ndef f(): pass", "celery:Task", "c.Task"),
        ("@HERE\ndef f(): pass\nimport celery as c", "celery:Task", "Task + celery:Task"),
        ("def f():\n    HERE\nimport celery as c", "celery:Task", "Task + celery:Task"),
        ("x = 1\nimport celery as c\ndef f():\n    HERE", "celery:Task", "c.Task"),
        # functions and classes
        ("def f():\n    import asyncio\n    HERE", "asyncio", "asyncio"),
        ("def f():\n    import asyncio as aio\n    def g():\n        return lambda: HERE", "asyncio", "aio"),
        ("def f():\n    import asyncio\ndef g():\n    HERE", "asyncio", "asyncio + asyncio:"),
        (
            "def f():\n    HERE\n    import asyncio",
            "asyncio",
            "refused: 'asyncio' is imported in this function, but perhaps not before this place (line 3)",
        ),
        ("import asyncio\ndef f(asyncio):\n    HERE", "asyncio", taken("asyncio", 2)),
        ("import asyncio as aio\ndef f(asyncio):\n    HERE", "asyncio", "aio"),
        ("def f(x=HERE, *asyncio): pass", "asyncio", "asyncio + asyncio:"),
        ("def f():\n    for asyncio in x: pass\n    HERE", "asyncio", taken("asyncio", 2)),
        ("def f():\n    with x as (y, [asyncio]): HERE", "asyncio", taken("asyncio", 2)),
        ("def f():\n    try: HERE\n    except E as asyncio: pass", "asyncio", taken("asyncio", 3)),
        ("def f():\n    HERE, [(asyncio := 1) for _ in x]", "asyncio", taken("asyncio", 2)),
        ("def f():\n    HERE, [asyncio for asyncio in x]", "asyncio", "asyncio + asyncio:"),
        ("def f():\n    match x:\n        case {'a': [*asyncio]}: HERE", "asyncio", taken("asyncio", 3)),
        ("f = lambda asyncio: HERE", "asyncio", taken("asyncio", 1)),
        ("class A:\n    asyncio = 1\n    def f(self):\n        HERE", "asyncio", "asyncio + asyncio:"),
        ("class A:\n    asyncio = 1\n    @HERE\n    def f(self): pass", "asyncio", taken("asyncio", 2)),
        ("import asyncio\ndef f():\n    global asyncio\n    HERE", "asyncio", "asyncio"),
        # what else a module can bind
        ("asyncio: int\nHERE", "asyncio", taken("asyncio", 1)),
        ("HERE\nx = asyncio = 1", "asyncio", taken("asyncio", 2)),
        ("import asyncio\ndel asyncio\nHERE", "asyncio", taken("asyncio", 2)),
        ("import asyncio\nHERE\nasyncio = None", "asyncio", taken("asyncio", 3)),
        ("class asyncio: pass\nHERE", "asyncio", taken("asyncio", 1)),
        ("def f():\n    global asyncio\n    asyncio = 1\nHERE", "asyncio", taken("asyncio", 3)),
        ("import trio as asyncio\nHERE", "asyncio", taken("asyncio", 1)),
        ("type asyncio = int\nHERE", "asyncio", taken("asyncio", 1)),
        ("x.asyncio = f(asyncio=1)[0]\nHERE", "asyncio", "asyncio + asyncio:"),
        ("a = 1\nHERE", "a.b", taken("a", 1)),
        ("HERE", "asyncio:TimeoutError", "refused: the name 'TimeoutError' is a builtin"),
    ],
)
def test_a_name_is_looked_up(source: str, wanted: str, expected: str) -> None:
    assert looked_up(source, wanted) == expected


def test_without_the_statement_only_imports_at_the_start_of_the_body_count() -> None:
    assert looked_up('"""Doc."""\nimport os\nif x: pass\nimport celery as c\nHERE', "celery:Task", placed=False) == "c.Task"
    assert looked_up("x = 1\nimport celery as c\nHERE", "celery:Task", placed=False) == "Task + celery:Task"
    assert looked_up("def f():\n    import celery as c\n    x = 1\n    HERE", "celery:Task", placed=False) == "c.Task"


# ── repaired ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def repair(source: str, needed: str = "", released: str = "") -> str:
    """The repaired source; `needed` as "module:name module", `released` as names, both between spaces."""
    wanted = [Needed(each.partition(":")[0], each.partition(":")[2] or None) for each in needed.split()]
    result = repaired(cst.parse_module(source), wanted, released.split()).code
    assert repaired(cst.parse_module(result), wanted, released.split()).code == result, "a second run changes it again"
    return result


EDITS = [
    # needed, released, before, after
    # a file without imports
    ("asyncio", "", "", "import asyncio\n"),
    ("asyncio", "", "# license", "# license\n\nimport asyncio\n"),
    ("asyncio", "", "#!/usr/bin/python\n# coding: utf-8\n\nx = 1\n", "#!/usr/bin/python\n# coding: utf-8\n\nimport asyncio\n\nx = 1\n"),
    ("asyncio", "", "# license\n\n# about f\ndef f(): ...\n", "# license\n\nimport asyncio\n\n\n# about f\ndef f(): ...\n"),
    ("asyncio", "", '"""Doc."""\nx = 1\n', '"""Doc."""\n\nimport asyncio\n\nx = 1\n'),
    ("asyncio", "", '"""Doc."""\n\n\n@d\nclass A: ...\n', '"""Doc."""\n\nimport asyncio\n\n\n@d\nclass A: ...\n'),
    ("asyncio", "", '"""Doc."""\n\n\nx = 1\n', '"""Doc."""\n\nimport asyncio\n\nx = 1\n'),
    ("asyncio", "", '"""Doc."""\n\n\n\ndef f(): ...\n', '"""Doc."""\n\nimport asyncio\n\n\ndef f(): ...\n'),
    ("sys", "", "import os\n\n\n\ndef f(): ...\n", "import os\nimport sys\n\n\n\ndef f(): ...\n"),
    ("asyncio", "", '"""Doc."""\n# about x\nx = 1\n', '"""Doc."""\n\nimport asyncio\n\n# about x\nx = 1\n'),
    ("asyncio", "", "# a\n\n# b\n\n# about x\nx = 1\n", "# a\n\n# b\n\nimport asyncio\n\n# about x\nx = 1\n"),
    ("asyncio", "", '"""Doc."""; x = 1\ny = 1\n', '"""Doc."""; x = 1\n\nimport asyncio\n\ny = 1\n'),
    ("asyncio", "", "if x:\n    import os\n", "import asyncio\n\nif x:\n    import os\n"),
    ("celery:b celery:A httpx asyncio", "", "x = 1\n", "import asyncio\n\nimport httpx\nfrom celery import A, b\n\nx = 1\n"),
    # sections
    ("asyncio", "", "from __future__ import annotations\n", "from __future__ import annotations\n\nimport asyncio\n"),
    ("asyncio", "", "import os\n\nimport celery\n", "import asyncio\nimport os\n\nimport celery\n"),
    ("sys", "", "import os\n\nimport celery\n", "import os\nimport sys\n\nimport celery\n"),
    ("sys", "", "from os import path\n", "import sys\nfrom os import path\n"),
    ("httpx", "", "import os\n\nfrom . import x\n", "import os\n\nimport httpx\n\nfrom . import x\n"),
    ("httpx", "", "import os\nx = 1\n", "import os\n\nimport httpx\n\nx = 1\n"),
    ("asyncio", "", "# Packages\nimport celery\n", "# Packages\n\nimport asyncio\n\nimport celery\n"),
    ("asyncio", "", "# license\n\n# Packages\nimport celery\n", "# license\n\nimport asyncio\n\n# Packages\nimport celery\n"),
    ("celery:A", "", "import django\n\nimport mine\n", "import django\nfrom celery import A\n\nimport mine\n"),
    ("..models:A", "", "import os\n\nfrom . import x\n", "import os\n\nfrom ..models import A\nfrom . import x\n"),
    ("asyncio", "", "import os; import sys\n", "import asyncio\nimport os; import sys\n"),
    ("httpx", "", "import celery\nimport os\n", "import celery\nimport httpx\nimport os\n"),
    ("httpx", "", "import redis\nimport celery\nx\n", "import redis\nimport celery\nimport httpx\n\nx\n"),
    ("celery:A", "", "from b import c\nimport d\n", "from b import c\nfrom celery import A\nimport d\n"),
    ("httpx", "", "from b import c\nimport d\nfrom z import y\n", "from b import c\nimport d\nimport httpx\nfrom z import y\n"),
    # comments and blocks
    ("asyncio", "", "# Standard\nimport os\nimport sys\n", "# Standard\nimport asyncio\nimport os\nimport sys\n"),
    ("celery", "", "import os\n\n# for its effect\nimport httpx\n", "import os\n\nimport celery\n\n# for its effect\nimport httpx\n"),
    ("zope", "", "import celery\n\n# about it\nimport redis\n", "import celery\n\n# about it\nimport redis\nimport zope\n"),
    ("zope", "", "import redis\n\n# ours\nimport mine\n", "import redis\nimport zope\n\n# ours\nimport mine\n"),
    ("sys", "", "import os  # why\n# below\nx = 1\n", "import os  # why\nimport sys\n\n# below\nx = 1\n"),
    (
        "sys",
        "",
        "try:\n    import os\nexcept E:\n    pass\nimport z\n",
        "try:\n    import os\nexcept E:\n    pass\n\nimport sys\n\nimport z\n",
    ),
    # code between imports: below what sets things up, above definitions and the first use
    (
        "celery:A",
        "",
        "import os\n\nos.environ[1] = 2\n\nimport redis\n",
        "import os\n\nos.environ[1] = 2\n\nimport redis\nfrom celery import A\n",
    ),
    ("celery:A", "", "import os\n\nA\n\nimport redis\n", "import os\n\nfrom celery import A\n\nA\n\nimport redis\n"),
    ("celery:A", "", "x = 1\nfrom celery import B\nA\n", "x = 1\nfrom celery import A, B\nA\n"),
    ("celery:A", "", "A\nfrom celery import B\n", "from celery import A\n\nA\nfrom celery import B\n"),
    ("asyncio", "", "def f(): ...\nimport asyncio\nasyncio\n", "def f(): ...\nimport asyncio\nasyncio\n"),
    ("asyncio", "", "def f(): asyncio\n\n\nimport asyncio  # late\n", "import asyncio\n\n\ndef f(): asyncio\n"),
    # one more name of a module
    ("m:b", "", "from m import a, c  # why\n", "from m import a, b, c  # why\n"),
    ("m:B m:Z m:D_1", "", "from m import CONST, Ca, a\n", "from m import CONST, D_1, B, Ca, Z, a\n"),
    ("m:B", "", "from m import a, C, d\n", "from m import a, B, C, d\n"),
    ("m:b", "", "from m import z, a\n", "from m import z, a, b\n"),
    ("m:x3", "", "from m import x1, x10\n", "from m import x1, x3, x10\n"),
    ("m:b m:z", "", "from m import (a, c)\n", "from m import (a, b, c, z)\n"),
    (
        "m:b m:z",
        "",
        "from m import (a,\n               c)\n",
        "from m import (a,\n               b,\n               c,\n               z)\n",
    ),
    ("m:b", "", "from m import a, \\\n    c\n", "from m import a, \\\n    b, \\\n    c\n"),
    (
        "m:a m:c m:z",
        "",
        "from m import (  # all\n    # on b\n    b,  # b\n    # on d\n    d as e,  # d\n    # end\n)  # of m\n",
        "from m import (  # all\n    a,\n    # on b\n    b,  # b\n    c,\n    # on d\n    d as e,  # d\n    z,\n    # end\n)  # of m\n",
    ),
    ("m:b", "", "from m import (\n    a\n)\n", "from m import (\n    a,\n    b\n)\n"),
    ("m:b", "", "from m import a; import os\n", "from m import a, b; import os\n"),
    ("m:b", "", "from m import *\n", "from m import *\nfrom m import b\n"),
    ("m:a", "", "from m import b as c\n", "from m import a\nfrom m import b as c\n"),
    ("m:b", "", "from m import a\nfrom m import c\n", "from m import a\nfrom m import b\nfrom m import c\n"),
    ("m:a", "", "if TYPE_CHECKING:\n    from m import a, b\n", "from m import a\n\nif TYPE_CHECKING:\n    from m import a, b\n"),
    ("m:b", "", f"from m import {'a' * 70}\n", f"from m import {'a' * 70}, b\n"),
    ("m:b", "", f"from m import {'a' * 73}\n", f"from m import (\n    {'a' * 73},\n    b,\n)\n"),
    ("m:b", "", f"from k import {'l' * 80}\nfrom m import {'a' * 73}\n", f"from k import {'l' * 80}\nfrom m import {'a' * 73}, b\n"),
    # names that go
    ("", "b", "from m import a, b  # why\n", "from m import a  # why\n"),
    ("", "a", "from m import a, b  # why\n", "from m import b  # why\n"),
    ("", "a c", "from m import (a, b, c)\n", "from m import (b)\n"),
    ("", "c", "from m import (a,  # a\n    c)\n", "from m import (a  # a\n    )\n"),
    ("", "a", "import a, b\n", "import b\n"),
    ("", "b", "from m import a, \\\n    b\n", "from m import a\n"),
    (
        "",
        "b",
        "from m import (\n    a,  # a\n    # on b\n    b,  # b\n    # on c\n    c,  # c\n)\n",
        "from m import (\n    a,  # a\n    # on b\n    # on c\n    c,  # c\n)\n",
    ),
    ("", "a c", "from m import (  # m\n    a,  # a\n    b, c,  # line\n)\n", "from m import (  # m\n    b,  # line\n)\n"),
    ("", "os", "import os; import sys  # why\n", "import sys  # why\n"),
    ("", "sys", "import os; import sys\n", "import os\n"),
    ("", "os", "import os; x = 1\n", "x = 1\n"),
    ("", "a", "import a.b\nimport a as c\n", "import a as c\n"),
    # statements that go
    ("", "os", "import os\n", ""),
    ("", "os", "import os\n\n\ndef f(): ...\n", "def f(): ...\n"),
    ("", "os", '"""Doc."""\n\nimport os\n\n\ndef f(): ...\n', '"""Doc."""\n\n\ndef f(): ...\n'),
    ("", "os", "# license\n\nimport os\nimport sys\n", "# license\n\nimport sys\n"),
    ("", "os", "# license\n\nimport os  # os\n\n\nclass A: ...\n", "# license\n\n\nclass A: ...\n"),
    ("", "celery", "import os\n\nimport celery\n\nfrom . import x\n", "import os\n\nfrom . import x\n"),
    ("", "celery", "import os\n\nimport celery\nimport redis\n", "import os\n\nimport redis\n"),
    ("", "celery", "import os\n\n# Celery\nimport celery\nimport redis\n", "import os\n\n# Celery\nimport redis\n"),
    ("", "celery", "import os\n\n# Celery\nimport celery\n\n# Ours\nimport x\n", "import os\n\n# Celery\n# Ours\nimport x\n"),
    ("", "celery", "import os\n# Celery\nimport celery\n\nimport x\n", "import os\n\n# Celery\nimport x\n"),
    ("", "celery", "import os\n\n# Celery\nimport celery\n\n\ndef f(): ...\n", "import os\n\n# Celery\n\n\ndef f(): ...\n"),
    ("", "os", "x = 1\n# late\nimport os\n\n# end\n", "x = 1\n# late\n\n# end\n"),
    ("", "a", "from m import (\n    # on a\n    a,\n)\nx = 1\n", "# on a\nx = 1\n"),
    # both
    (
        "celery_best_practices:cpu_task",
        "shared_task",
        "import os\n\nfrom celery import shared_task\n\nfrom . import x\n",
        "import os\n\nfrom celery_best_practices import cpu_task\n\nfrom . import x\n",
    ),
    ("celery:Task", "shared_task", "from celery import shared_task  # app\n", "from celery import Task  # app\n"),
    ("asyncio", "time", "import time\n\n\ndef f(): ...\n", "import asyncio\n\n\ndef f(): ...\n"),
]


@pytest.mark.parametrize(("needed", "released", "before", "after"), EDITS)
def test_imports_are_repaired(needed: str, released: str, before: str, after: str) -> None:
    assert repair(before, needed, released) == after


@pytest.mark.parametrize(
    "rest",
    [
        "X",
        "X.y.z",
        "@X\ndef f(): ...",
        "def f(a: X): ...",
        "def f() -> X: ...",
        "def f(a=X): ...",
        "class A(X): ...",
        "class A:\n    X = X",
        "def f():\n    def g():\n        return X",
        "[y for X in X]",
        "f'{X}'",
        "del X",
        "X += 1",
        "match a:\n    case X.y: ...",
        "def f():\n    global X\n    X = 1\n    X",
        "a: 'X'",
        "a: 'list[X]'",
        "def f(a: Optional['m.n | X']): ...",
        "A = Optional['X']",
        "A: TypeAlias = 'X'",
        "cast('X', a)",
        "T = typing.TypeVar('T', bound='X')",
        "a = []  # type: list[X]",
        "__all__ = ['X']",
        "__all__ = ('a', 'X')",
        "__all__ += ['X']",
        "__all__.extend(['X'])",
        "globals()[a]",
    ],
)
def test_a_released_name_stays_while_it_is_used(rest: str) -> None:
    source = f"from m import X\n\n{rest}\n"
    assert repair(source, released="X") == source


@pytest.mark.parametrize(
    "source",
    [
        "from m import X  # noqa",
        "from m import X  # NOQA: E402, F401",
        "from m import X  # pylint: disable=unused-import",
        "from m import (  # noqa: F401\n    X,\n)",
        "from m import (\n    X,  # noqa\n)",
        "from m import X as X",
        "import X as X",
        "from __future__ import X",
        "from m import *",
        "try:\n    from m import X\nexcept ImportError:\n    X = None",
        "if TYPE_CHECKING:\n    from m import X",
        "if a:\n    import X",
        "def f():\n    import X",
    ],
)
def test_a_released_name_stays_where_its_import_says_so(source: str) -> None:
    assert repair(source, released="X annotations") == source


@pytest.mark.parametrize(
    "rest",
    [
        "def f(X): X",
        "a.X",
        "f(X=1)",
        "[X for X in a]",
        "lambda X: X",
        "def f():\n    import X\n    X",
        "'X'",
        "a: Literal['X']",
        "a['X']",
        "a = 1  # type: ignore[X]",
        "# X",
        "match a:\n    case B(X=1): ...",
    ],
)
def test_what_only_looks_like_a_use_keeps_no_import(rest: str) -> None:
    assert repair(f"from m import X  # noqa: E501\n\n{rest}\n", released="X") == f"{rest}\n"


def test_needs_that_contradict_each_other_or_the_file_are_refused() -> None:
    with pytest.raises(Refused, match=r"the name 'X' would mean both 'a\.X' and 'b\.X'"):
        repair("", "a:X b:X")
    with pytest.raises(Refused, match=r"the name 'X' means something else here \(line 1\)"):
        repair("from a import X\n", "b:X")


def test_where_the_project_is_known_its_own_imports_are_a_section() -> None:
    module = cst.parse_module("import os\n\nfrom shop.app import app\n\nfrom . import x\n")
    assert repaired(module, [CONFIG], [], own={"shop"}).code == (
        "import os\n\nfrom celery_best_practices import IOTaskConfig\n\nfrom shop.app import app\n\nfrom . import x\n"
    )


def test_a_module_with_nothing_to_repair_is_the_same_object() -> None:
    module = cst.parse_module("import asyncio\n\nasyncio\n")
    assert repaired(module, [ASYNCIO], ["asyncio"]) is module


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_indent_byte_order_mark_and_a_missing_last_line_end_are_kept(encoding: str, end: str, last: bool) -> None:
    def text(*lines: str) -> bytes:
        return (end.join(lines) + (end if last else "")).encode(encoding)

    module = cst.parse_module(text("import os", "def f():", "\tpass"))
    names = [Needed("m", "a" * 40), Needed("m", "b" * 40)]
    new = ["from m import (", f"\t{'a' * 40},", f"\t{'b' * 40},", ")"]
    assert repaired(module, names, ["os"]).bytes == text(*new, "", "", "def f():", "\tpass")
    assert repaired(cst.parse_module(text("import os", "import sys")), [ASYNCIO, CONFIG], []).bytes == text(
        "import asyncio", "import os", "import sys", "", "from celery_best_practices import IOTaskConfig"
    )


# ── whatever the imports look like ───────────────────────────────────────────────────────────────────────────────────

MODULES = (["os", "time", "concurrent.futures", "typing"], ["celery", "django.conf", "redis", "zope"], [".", "..models", ".views"])
NAMES = ["ALL", "Beta", "Cc", "d", "E_1", "f10", "f2", "Gg", "h_i", "JJ", "kk", "lm"]
NEEDS = [
    ASYNCIO,
    CONFIG,
    Needed("celery", "Celery"),
    Needed("celery", "zz"),
    Needed("typing", "Any"),
    Needed(".views", "ff"),
    Needed("httpx", None),
]
BLOCKS = [
    "value = {}",
    "def function({}):\n    return {}",
    "class Class:\n    # inside\n    a = {}",
    "@decorated({})\ndef function(): ...",
    "# about it\nuse({})",
    "try:\n    import json\nexcept ImportError:\n    json = None",
    "if use({}):\n    import json",
    "__all__ = ['{}']",
    "def function(a: '{}') -> {}: ...",
]


@st.composite
def from_imports(draw: st.DrawFn, module: str, names: list[str], comments: dict[str, list[str]]) -> str:
    """One statement; `comments` gets its comments and the names that each is about."""

    def comment(about: list[str]) -> str:
        if draw(st.integers(0, 3)):
            return ""
        text = f"# {len(comments)}" + draw(st.sampled_from(["", " noqa", " # noqa: F401", " # type: ignore"]))
        comments[text] = about
        return f"  {text}"

    written = [f"{name} as {name}_x" if draw(st.integers(0, 9)) == 0 else name for name in names]
    match draw(st.sampled_from(["line", "line", "lines", "lines", "hanging", "inside", "backslash"])):
        case "line":
            return f"from {module} import {', '.join(written)}{comment(names)}"
        case "lines":
            own = [f"    {comment([]).strip()}\n" if draw(st.booleans()) else "" for _ in names]
            lines = [
                f"{above if above.strip() else ''}    {one},{comment([name])}\n"
                for above, one, name in zip(own, written, names, strict=True)
            ]
            return f"from {module} import ({comment(names)}\n{''.join(lines)}){comment(names)}"
        case "hanging":
            return f"from {module} import (" + ",\n    ".join(written) + ")"
        case "inside":
            return f"from {module} import (\n    {', '.join(written)}\n)"
        case _:
            return f"from {module} import " + ", \\\n    ".join(written)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, list[Needed], list[str], dict[str, list[str]]]:
    """A source, what it needs, what it releases, and comments with the names that they are about."""
    comments: dict[str, list[str]] = {}
    names = draw(st.permutations(NAMES))
    sorts = draw(st.integers(0, 4)) > 0
    sections = []
    for modules in MODULES:
        chosen = draw(st.lists(st.sampled_from(modules), unique=True, max_size=3))
        plain = [each for each in chosen if not each.startswith(".") and draw(st.booleans())]
        rows = [f"import {each}" for each in (sorted(plain) if sorts else plain)]
        for module in sorted(chosen, key=lambda each: each.replace("..", "+")) if sorts else chosen:
            own, names = names[: draw(st.integers(1, 3))], names[3:] if len(names) > 3 else names
            if module not in plain and own:
                names = [each for each in names if each not in own]
                own = sorted(own, key=lambda each: (not each.isupper(), each.islower(), each.lower())) if sorts else own
                rows += ["\n" * (sorts and bool(rows)) + f"# above {len(comments)}"] * (draw(st.integers(0, 5)) == 0)
                rows.append(draw(from_imports(module, own, comments)))
        sections.append("\n".join(rows))
    imports = draw(st.sampled_from(["\n\n", "\n\n", "\n\n", "\n"])).join(filter(None, sections))
    needed = draw(st.lists(st.sampled_from(NEEDS), unique=True, max_size=4))
    released = draw(st.lists(st.sampled_from([*NAMES, "os", "time", "celery", "redis"]), unique=True))
    used = (
        ["len"]
        + [each.name or each.module for each in needed]
        + [each for each in NAMES if each not in released or not draw(st.integers(0, 4))]
    )
    code = [draw(st.sampled_from(BLOCKS)).format(*draw(st.permutations(used))[:2] * 2) for _ in range(draw(st.integers(0, 3)))]
    code += [f"use({each.name or each.module})" for each in needed]
    head = draw(st.sampled_from(["", "", "# license\n", "#!/usr/bin/env python\n# coding: utf-8\n\n"]))
    head += draw(st.sampled_from(["", '"""Doc."""\n\n', '"""Doc."""\n']))
    head += draw(st.sampled_from(["", "", "from __future__ import annotations\n\n"]))
    return head + draw(st.sampled_from(["\n\n\n", "\n\n"])).join(filter(None, [imports, *code])) + "\n", needed, released, comments


def own_lines(source: str) -> list[str]:
    return sorted(line.strip() for line in source.splitlines() if line.strip().startswith("#"))


def bound_names(source: str) -> set[str]:
    return {each.name for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom) for each in node.names}


def other_lines(source: str) -> list[str]:
    """What is no import at module level, no comment of its own and not blank."""
    gone = {
        line
        for node in ast.parse(source).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for line in range(node.lineno, (node.end_lineno or 0) + 1)
    }
    lines = enumerate(source.splitlines(), 1)
    return [line for number, line in lines if number not in gone and line.strip() and not line.strip().startswith("#")]


def complaints(folder: Path) -> dict[str, set[str]]:
    """What ruff says of each file, without line numbers."""
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--no-cache",
        "--select",
        "I,F401,F811,F821",
        "--output-format",
        "json",
        ".",
    ]
    found: dict[str, set[str]] = {}
    for each in json.loads(subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout):
        message = re.sub(r"line \d+", "", each["message"])
        found.setdefault(Path(each["filename"]).stem, set()).add(f"{each['code']} {message}")
    return found


def test_repaired_files_are_whole_and_ruff_finds_nothing_new_in_them(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    @settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(files())
    def check(file: tuple[str, list[Needed], list[str], dict[str, list[str]]]) -> None:
        source, needed, released, comments = file
        result = repaired(cst.parse_module(source), needed, released).code
        assert repaired(cst.parse_module(result), needed, released).code == result
        assert own_lines(result) == own_lines(source)
        assert other_lines(result) == other_lines(source)
        left = bound_names(result)
        assert [each for each, about in comments.items() if left & {*about} and each not in result] == []
        assert repaired(cst.parse_module(source.replace("\n", "\r\n")), needed, released).code == result.replace("\n", "\r\n")
        tabs = repaired(cst.parse_module(source.replace("    ", "\t").rstrip("\n").encode("utf-8-sig")), needed, released)
        assert tabs.bytes.decode("utf-8-sig").expandtabs(4) == result.rstrip("\n") or not needed
        seen.append((source, result))

    check()
    for i, (source, result) in enumerate(seen):
        (tmp_path / f"{i}_before.py").write_text(source)
        (tmp_path / f"{i}_after.py").write_text(result)
    found = complaints(tmp_path)
    sorted_before = 0
    for i, (source, result) in enumerate(seen):
        before, after = found.get(f"{i}_before", set()), found.get(f"{i}_after", set())
        assert after <= before, f"{after - before}\n{source}\n───\n{result}"
        sorted_before += not any(each.startswith("I001") for each in before)
    assert sorted_before > 25, "the test says little of sorted imports"
