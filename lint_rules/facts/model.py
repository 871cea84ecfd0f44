"""What one Python file says, as plain frozen values: the only form in which the rest of the linter sees code.

A `ModuleFacts` depends on the bytes of its file alone (not on its path), so it can be stored by content hash and shared.
Expressions are kept as far as they can give a name a type or an option a value; everything else is `OPAQUE`.

Rows count from 1, columns from 0, both in code points, as in `ast` but independent of UTF-8.
"""

from __future__ import annotations

from typing import Union

from msgspec import Struct

FACTS_VERSION = 7
"""Raised whenever the facts of unchanged bytes change: it is part of every stored file's key."""


class Fact(Struct, frozen=True, array_like=True, gc=False):
    """Base of all facts: immutable, compared by value, stored as arrays."""


# ── expressions ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Ref(Fact, frozen=True, tag=0):
    """A name, or attributes of a name: `requests.get` is `Ref("requests.get")`."""

    path: str


class Attr(Fact, frozen=True, tag=1):
    """Attributes of something that is no name: `f().a.b` is `Attr(Result(0), "a.b")`."""

    base: Expr
    path: str


class Result(Fact, frozen=True, tag=2):
    """What the call `calls[index]` of the same scope returns."""

    index: int


class Item(Fact, frozen=True, tag=3):
    """`base[key]`."""

    base: Expr
    key: Expr


class Const(Fact, frozen=True, tag=4):
    """A literal. Folded: `60 * 60` is `Const(3600)`."""

    value: Union[bool, int, float, str, None]


class Seq(Fact, frozen=True, tag=5):
    """A tuple, list or set display or comprehension (then `items` is its one element expression)."""

    kind: str
    items: tuple[Expr, ...]


class Map(Fact, frozen=True, tag=6):
    """A dict display; a `None` key is `**value`. `rows` are those of the entries."""

    keys: tuple[Union[Expr, None], ...]
    values: tuple[Expr, ...]
    rows: tuple[int, ...] = ()


class OneOf(Fact, frozen=True, tag=7):
    """Any of the options: `a if c else b`, `a or b`."""

    options: tuple[Expr, ...]
    tested: Union[Expr, None] = None
    """What decides: `c` of `a if c else b`, as far as it is no constant."""


class Element(Fact, frozen=True, tag=8):
    """What iterating over `base` gives."""

    base: Expr


class Entered(Fact, frozen=True, tag=9):
    """What `with base as x` binds to x."""

    base: Expr


class Lambda(Fact, frozen=True, tag=10):
    """A lambda; its body is the function of that qualified name."""

    qualname: str


class Opaque(Fact, frozen=True, tag=11):
    """Anything else."""


class Template(Fact, frozen=True, tag=12):
    """A text made of others: an f-string, `"..." % x`, `"...".format(x)`, `"a" + x`, `", ".join([x, y])`.

    `parts` are literal text (`Const` of a str, never two in a row) and what `str()` makes text of. Calls of `format` and `join` are
    recorded as all others. Constants alone are no template: they are a `Const`.
    """

    parts: tuple[Expr, ...]


class Formatted(Fact, frozen=True, tag=13):
    """A part of a template that is not what `str(base)` gives: `{x!r}`, `{x:>10}`, `%05d`.

    `how` is what stands behind the value in a replacement field, `!r:>10`, or the conversion of a `%` format with its `%`: `%05d` (`%r` is
    `!r` all the same).
    `repr(x)`, `str(x)` and `hash(x)` are calls like any other: `Result`.
    """

    base: Expr
    how: str


class Percent(Fact, frozen=True, tag=14):
    """`base % given`, where `base` is not written out: a text to be filled, or a number."""

    base: Expr
    given: Expr


class Computed(Fact, frozen=True, tag=15):
    """What is made of others in a way that is not kept: arithmetic, a comparison, `not x`, a dict comprehension, `*x` among arguments."""

    parts: tuple[Expr, ...]


Expr = Union[Ref, Attr, Result, Item, Const, Seq, Map, OneOf, Element, Entered, Lambda, Opaque, Template, Formatted, Percent, Computed]

OPAQUE = Opaque()


# ── statements ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Span(Fact, frozen=True):
    """Where something stands: first row and column, last row and the column after the end."""

    row: int
    column: int
    end_row: int
    end_column: int


class Call(Fact, frozen=True):
    """One call site. `keywords` has the name "" for `**mapping`; `starred` tells of a `*sequence` among `args`."""

    func: Expr
    args: tuple[Expr, ...]
    keywords: tuple[tuple[str, Expr], ...]
    span: Span
    starred: bool = False
    awaited: bool = False
    loops: tuple[int, ...] = ()
    """Indexes into the scope's `loops`, outermost first, of the loops this call stands in."""

    discarded: bool = False
    """Whether the call is a statement of its own: nobody reads its value."""
    withs: tuple[int, ...] = ()
    """Indexes into the scope's `withs`, outermost first, of the `with` items this call stands under."""

    guards: tuple[int, ...] = ()
    """Indexes into the scope's `guards`: the tests that must have come out a certain way for the call to run."""

    def keyword(self, name: str) -> Expr | None:
        """The value of keyword argument `name`, or None where it is not written out."""
        for key, value in self.keywords:
            if key == name:
                return value
        return None

    @property
    def opaque_keywords(self) -> bool:
        """Whether a `**mapping` may bring keywords that are not seen."""
        return any(not key for key, _ in self.keywords)

    @property
    def in_loop(self) -> bool:
        """Whether it stands in a loop or a comprehension of its own scope."""
        return bool(self.loops)


class Binding(Fact, frozen=True):
    """`target` gets `value`: an assignment, a loop or `with` target, a walrus. Targets are dotted (`self.client`)."""

    target: str
    value: Expr
    row: int
    annotation: Union[Expr, None] = None
    guards: tuple[int, ...] = ()
    """As of `Call`."""
    augmented: bool = False
    """Whether the value is added to what the target had: `target += value`."""


class Import(Fact, frozen=True):
    """`name` is bound to `attribute` of `module` (`attribute` None: to the module itself; name "*": a star import).

    `import a.b` binds `a` to module `a` and records `a.b` in `submodule`.
    """

    name: str
    module: str
    attribute: Union[str, None]
    level: int
    row: int
    typing_only: bool = False
    submodule: Union[str, None] = None


class Guard(Fact, frozen=True):
    """A test that came out as `outcome`: of `if` around a call, or of an earlier `if` that left the block otherwise.

    What must have come out true together (`a and b`), or false together (`a or b`), are guards of their own.
    """

    name: str
    """The name that is tested for truth (`if name:`), "" for any other test."""
    outcome: bool
    """Of a comparison with None: whether it is something else."""
    heads: tuple[str, ...]
    """The first names of what the test reads."""
    path: str = ""
    """What is tested for truth, called for the truth without arguments, or compared with None, as far as it is a dotted name:
    `user.is_anonymous` of `if user.is_anonymous():`."""


class Loop(Fact, frozen=True):
    """A loop or a part of a comprehension; a call that stands in it, or in the test of a `while`, names it in its `loops`."""

    kind: str
    """ "for", "while" or "comprehension"."""
    iterated: Expr
    """What is iterated over; of a `while` OPAQUE."""
    row: int


class Scope(Fact, frozen=True):
    """What happens in one body, in source order; nested functions and classes have scopes of their own."""

    calls: tuple[Call, ...] = ()
    bindings: tuple[Binding, ...] = ()
    imports: tuple[Import, ...] = ()
    returns: tuple[Expr, ...] = ()
    yields: tuple[Expr, ...] = ()
    withs: tuple[Expr, ...] = ()
    guards: tuple[Guard, ...] = ()
    globals: tuple[str, ...] = ()
    yields_under: tuple[tuple[int, ...], ...] = ()
    """For each of `yields`: the indexes into `withs`, outermost first, of the items it stands under."""
    loops: tuple[Loop, ...] = ()
    reads: tuple[str, ...] = ()
    """The dotted names that are read where the value is kept nowhere else: in tests, in targets of assignments."""


class Decorator(Fact, frozen=True):
    """A decorator as written. Its calls belong to the scope around the function."""

    value: Expr
    span: Span


class Parameter(Fact, frozen=True):
    """A parameter; `kind` is one of "positional-only", "positional", "keyword", "args", "kwargs"."""

    name: str
    kind: str
    annotation: Union[Expr, None] = None
    default: Union[Expr, None] = None


class Function(Fact, frozen=True):
    """A function, method or lambda. `owner` is the class it is a method of, `parent` the scope around it ("" = module)."""

    name: str
    qualname: str
    parent: str
    owner: str
    header: Span
    """From the first decorator to the colon that ends the `def` line."""
    row: int
    """Of `def`."""
    parameters: tuple[Parameter, ...]
    decorators: tuple[Decorator, ...]
    body: Scope
    returns: Union[Expr, None] = None
    is_async: bool = False
    is_generator: bool = False
    is_stub: bool = False
    """Whether the body does nothing: docstring, pass, ..., or raising NotImplementedError."""
    returns_value: bool = False

    @property
    def positional(self) -> tuple[Parameter, ...]:
        """The parameters that positional arguments fill."""
        return tuple(p for p in self.parameters if p.kind in ("positional-only", "positional"))


class Class(Fact, frozen=True):
    """A class; `parent` is the scope around it ("" = module)."""

    name: str
    qualname: str
    parent: str
    header: Span
    row: int
    bases: tuple[Expr, ...]
    decorators: tuple[Decorator, ...]
    body: Scope


class Suppression(Fact, frozen=True):
    """A comment that silences findings: `# noqa: CRB101` or `# crb: ignore[CRB101]` (no codes: all of ours)."""

    row: int
    column: int
    end_column: int
    form: str
    """"noqa" or "ignore"."""
    codes: tuple[str, ...]


class ModuleFacts(Fact, frozen=True):
    """All that one file says."""

    body: Scope
    functions: tuple[Function, ...]
    classes: tuple[Class, ...]
    suppressions: tuple[Suppression, ...] = ()
    main_block: Union[tuple[int, int], None] = None
    """First and last row of the `if __name__ == "__main__":` block."""
