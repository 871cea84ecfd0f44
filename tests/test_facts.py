"""What one file says: the facts of each construct, and that extracting them never fails on valid source."""

from __future__ import annotations

import ast
import random
import sysconfig
from pathlib import Path

import hypothesmith
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lint_rules.facts.extract import extract
from lint_rules.facts.model import (
    OPAQUE,
    Attr,
    Binding,
    Computed,
    Const,
    Element,
    Entered,
    Expr,
    Formatted,
    Import,
    Item,
    Lambda,
    Map,
    ModuleFacts,
    OneOf,
    Percent,
    Ref,
    Result,
    Seq,
    Span,
    Template,
)
from lint_rules.source.decode import Unreadable
from lint_rules.source.reading import facts_of
from tests.projects import calls, facts, function, scopes


def value_of(expression: str) -> Expr:
    """The value of an expression at module level."""
    return facts(f"x = {expression}\n").body.bindings[-1].value


# ── imports ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import a", Import("a", "a", None, 0, 1)),
        ("import a as b", Import("b", "a", None, 0, 1)),
        ("import a.b.c", Import("a", "a", None, 0, 1, submodule="a.b.c")),
        ("import a.b as c", Import("c", "a.b", None, 0, 1)),
        ("from a.b import c", Import("c", "a.b", "c", 0, 1)),
        ("from a import b as c", Import("c", "a", "b", 0, 1)),
        ("from a import *", Import("*", "a", "*", 0, 1)),
        ("from . import a", Import("a", "", "a", 1, 1)),
        ("from ..a.b import c", Import("c", "a.b", "c", 2, 1)),
    ],
)
def test_each_form_of_import(statement: str, expected: Import) -> None:
    assert facts(statement).body.imports == (expected,)


def test_one_statement_may_import_several_names() -> None:
    assert [item.name for item in facts("import a, b.c\nfrom d import (e, f as g)\n").body.imports] == ["a", "b", "e", "g"]


@pytest.mark.parametrize("test", ["TYPE_CHECKING", "typing.TYPE_CHECKING", "t.TYPE_CHECKING"])
def test_imports_for_type_checkers_are_marked(test: str) -> None:
    found = facts(f"if {test}:\n    import a\nelse:\n    import b\nimport c\n").body.imports
    assert [(item.name, item.typing_only) for item in found] == [("a", True), ("b", False), ("c", False)]


def test_imports_belong_to_the_scope_they_stand_in() -> None:
    module = facts("import a\ntry:\n    import b\nexcept ImportError:\n    b = None\ndef f():\n    import c\n")
    assert [item.name for item in module.body.imports] == ["a", "b"]
    assert [item.name for item in function(module, "f").body.imports] == ["c"]


# ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_call_keeps_its_callee_arguments_and_keywords() -> None:
    (call,) = calls(facts('a.b.c(1, d, key="v", *rest, **more)\n'))
    assert call.func == Ref("a.b.c")
    assert call.args == (Const(1), Ref("d"), Computed((Ref("rest"),)))
    assert call.keywords == (("key", Const("v")), ("", Ref("more")))
    assert call.starred
    assert call.opaque_keywords
    assert call.keyword("key") == Const("v")
    assert call.keyword("other") is None


def test_a_plain_call_is_neither_starred_nor_opaque() -> None:
    (call,) = calls(facts("x = f(1, k=2)\n"))
    assert not call.starred
    assert not call.opaque_keywords


def test_calls_are_kept_in_source_order_the_outer_before_its_arguments() -> None:
    body = facts("x = f(g(1), h()).i()\n").body
    assert [call.func for call in body.calls] == [Attr(Result(1), "i"), Ref("f"), Ref("g"), Ref("h")]
    assert body.calls[1].args == (Result(2), Result(3))
    assert body.bindings[0].value == Result(0)


def test_spans_reach_from_the_first_character_to_behind_the_last() -> None:
    (outer, inner) = calls(facts("x = f(\n    g(1),\n)\n"))
    assert outer.span == Span(1, 4, 3, 1)
    assert inner.span == Span(2, 4, 2, 8)


def test_columns_are_code_points_not_bytes() -> None:
    found = calls(facts('é = "日本" ; f("ß", g())\n# ü\nh("😀"); i()\n'))
    assert [(call.span.row, call.span.column, call.span.end_column) for call in found] == [(1, 11, 22), (1, 18, 21), (3, 0, 6), (3, 8, 11)]


@pytest.mark.parametrize(
    ("statement", "awaited", "discarded"),
    [
        ("f()", False, True),
        ("x = f()", False, False),
        ("await f()", True, True),
        ("x = await f()", True, False),
        ("return f()", False, False),
        ("g(x := f())", False, False),
        ("f() or g", False, False),
    ],
)
def test_whether_a_call_is_awaited_and_whether_anybody_reads_it(statement: str, awaited: bool, discarded: bool) -> None:
    module = facts(f"async def main():\n    {statement}\n")
    (call,) = [call for call in calls(module) if call.func == Ref("f")]
    assert (call.awaited, call.discarded) == (awaited, discarded)


@pytest.mark.parametrize(
    ("text", "looping"),
    [
        ("for x in here(): pass", False),
        ("for x in y: here()", True),
        ("for x in y: pass\nelse: here()", False),
        ("while here(): pass", True),
        ("while x: here()", True),
        ("while x: pass\nelse: here()", False),
        ("z = [here() for x in y]", True),
        ("z = [x for x in here()]", False),
        ("z = [x for x in y for w in here()]", True),
        ("z = {x: here() for x in y}", True),
        ("z = {x for x in y if here()}", True),
        ("for x in y:\n    if x:\n        with z:\n            here()", True),
        ("for x in y:\n    def f(): here()", False),
        ("for x in y:\n    f = lambda: here()", False),
        ("if x: here()", False),
    ],
)
def test_whether_a_call_stands_in_a_loop(text: str, looping: bool) -> None:
    (call,) = [call for call in calls(facts(text)) if call.func == Ref("here")]
    assert call.in_loop == looping


def test_the_with_items_around_a_call_are_listed_outermost_first() -> None:
    body = facts("with a(), b() as c:\n    with d:\n        here()\n    there()\nafter()\n").body
    assert body.withs == (Result(0), Result(1), Ref("d"))
    under = {call.func.path: call.withs for call in body.calls if isinstance(call.func, Ref)}
    assert under == {"a": (), "b": (0,), "here": (0, 1, 2), "there": (0, 1), "after": ()}
    assert body.bindings == (Binding("c", Entered(Result(1)), 1),)


def test_calls_in_conditions_handlers_and_matches_are_kept() -> None:
    text = "try:\n    a()\nexcept b():\n    c()\nelse:\n    d()\nfinally:\n    e()\nmatch f():\n    case g.H() if i():\n        j()\n"
    text += "assert k(), l()\nraise m() from n()\ndel o()[p()]\nx = q() if r() else s()\ny = not t() < u()\nz: v() = w()\n"
    assert {call.func.path for call in calls(facts(text)) if isinstance(call.func, Ref)} >= set("abcdefijklmnopqrstuvw")


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a", Ref("a")),
        ("a.b.c", Ref("a.b.c")),
        ("f().a.b", Attr(Result(0), "a.b")),
        ("a['k']", Item(Ref("a"), Const("k"))),
        ("'text'", Const("text")),
        ("'a' 'b'", Const("ab")),
        ("'a' + 'b'", Const("ab")),
        ("None", Const(None)),
        ("True", Const(True)),
        ("-5", Const(-5)),
        ("1.5", Const(1.5)),
        ("60 * 60 * 24", Const(86400)),
        ("10 - 3 + 1", Const(8)),
        ("2 ** 70", OPAQUE),
        ("2 ** 10", OPAQUE),
        ("99999999999999999999999", OPAQUE),
        ("1j", OPAQUE),
        ("b'bytes'", OPAQUE),
        ("...", OPAQUE),
        ("'\\ud800'", OPAQUE),
        ("(1, a)", Seq("tuple", (Const(1), Ref("a")))),
        ("[1]", Seq("list", (Const(1),))),
        ("{1}", Seq("set", (Const(1),))),
        ("[f(y) for y in z]", Seq("list", (Result(0),))),
        ("{'k': 1, **m}", Map((Const("k"), None), (Const(1), Ref("m")), (1, 1))),
        ("a if b else c", OneOf((Ref("a"), Ref("c")), Ref("b"))),
        ("a or b", OneOf((Ref("a"), Ref("b")))),
        ("a and b", Ref("b")),
        ("a | None", OneOf((Ref("a"), Const(None)))),
        ("lambda: 1", Lambda("<lambda>")),
        ("(y := 5)", Const(5)),
        ("not a", Computed((Ref("a"),))),
        ("a < b", Computed((Ref("a"), Ref("b")))),
    ],
)
def test_the_value_of_each_kind_of_expression(expression: str, expected: Expr) -> None:
    assert value_of(expression) == expected


A, B = Ref("a"), Ref("b")


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("f'{a}'", [A]),
        ("f'x{a}y{b.c}'", [Const("x"), A, Const("y"), Ref("b.c")]),
        ("'x' f'{a}' 'y'", [Const("x"), A, Const("y")]),
        ("f'{a!s}{a!r}{a!a}'", [A, Formatted(A, "!r"), Formatted(A, "!a")]),
        ("f'{a:>10}{a!r:{b}}'", [Formatted(A, ":>10"), Formatted(A, "!r:{}")]),
        ("f'{a=}'", [Const("a="), Formatted(A, "!r")]),
        ("f'{f()}{f().g}'", [Result(0), Attr(Result(1), "g")]),
        ("f'{1}{a}{None}'", [Const("1"), A, Const("None")]),
        ("f'x{\"y\" + a}'", [Const("xy"), A]),
        ("'x%s' % a", [Const("x"), A]),
        ("'%s:%s%%' % (a, b)", [A, Const(":"), B, Const("%")]),
        ("'%s:%s' % a", [Item(A, Const(0)), Const(":"), Item(A, Const(1))]),
        ("'%s:%s' % (a,)", [A, Const(":"), OPAQUE]),
        ("'%(k)s' % a", [Item(A, Const("k"))]),
        ("'%(k)s%(l)s' % {'k': a}", [A, OPAQUE]),
        ("'%05d%r' % (a, b)", [Formatted(A, "%05d"), Formatted(B, "!r")]),
        ("'x{}y{}'.format(a, b)", [Const("x"), A, Const("y"), B]),
        ("'{1}{0}{{}}'.format(a, b)", [B, A, Const("{}")]),
        ("'{k}{k.m[0][n]!r:x}'.format(k=a)", [A, Formatted(Item(Item(Ref("a.m"), Const(0)), Const("n")), "!r:x")]),
        ("'{0.m}'.format(f())", [Attr(Result(1), "m")]),
        ("'{k}{0}'.format(**a)", [OPAQUE, OPAQUE]),
        ("'x' + a + 'y'", [Const("x"), A, Const("y")]),
        ("a + b + 'y'", [A, B, Const("y")]),
        ("'x' + (a + 'y')", [Const("x"), A, Const("y")]),
        ("'x' + str(a)", [Const("x"), Result(0)]),
        ("'-'.join([a, 'x', b])", [A, Const("-x-"), B]),
        ("''.join((a, b))", [A, B]),
    ],
)
def test_texts_made_of_others_keep_their_parts(expression: str, parts: list[Expr]) -> None:
    assert value_of(expression) == Template(tuple(parts))


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("f'x'", "x"),
        ("'x' + 'y' + 'z'", "xyz"),
        ("'%s-%s' % ('x', 1)", "x-1"),
        ("'{}{}'.format('x', 1)", "x1"),
        ("', '.join(['x', 'y'])", "x, y"),
        ("', '.join([])", ""),
    ],
)
def test_texts_made_of_constants_are_constants(expression: str, text: str) -> None:
    assert value_of(expression) == Const(text)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'{}'.format(*a)", Result(0)),
        ("'{:{}}'.format(a, b)", Result(0)),
        ("'{'.format(a)", Result(0)),
        ("'x'.join(a)", Result(0)),
        ("'x'.join([*a, b])", Result(0)),
        ("'x'.join(y for y in a)", Result(0)),
        ("a.format(b)", Result(0)),
        ("'%' % a", OPAQUE),
        ("'%d items, 50%, all' % a", OPAQUE),
        ("'%*d' % (a, b)", OPAQUE),
        ("a % b", Percent(A, B)),
        ("a % 2", Computed((A,))),
        ("a + b", Computed((A, B))),
        ("b'%s' % a", Computed((A,))),
        (f"f'{'x' * 501}{{a}}'", OPAQUE),
        (f"f'{'x' * 300}{{a}}{'x' * 300}'", OPAQUE),
        ("f'\\ud800{a}'", OPAQUE),
        ("f'" + "{a}" * 70 + "'", OPAQUE),
    ],
)
def test_what_cannot_be_followed_is_no_template(expression: str, expected: Expr) -> None:
    assert value_of(expression) == expected


def test_the_calls_in_templates_are_kept_and_so_are_those_that_make_them() -> None:
    module = facts("x = f'{f():{g()}}' + '%s' % h() + '{}'.format(i()) + '-'.join([j(), k()])\n")
    called = [call.func.path for call in calls(module) if isinstance(call.func, (Ref, Attr))]
    assert called == ["f", "g", "h", "format", "i", "join", "j", "k"]


def test_a_text_of_very_many_parts_is_read() -> None:
    assert value_of(" + ".join(["'x'", *["a"] * 5000])) == OPAQUE
    assert len(calls(facts("x = " + " + ".join(["'x'", *["f()"] * 5000])))) == 5000


def test_long_texts_are_not_kept() -> None:
    assert value_of(repr("x" * 500)) == Const("x" * 500)
    assert value_of(repr("x" * 501)) == OPAQUE


def test_the_calls_of_a_display_longer_than_what_is_kept_are_kept() -> None:
    module = facts("x = [" + "f(), " * 700 + "]\ny = {" + "'k': g(), " * 700 + "}\n")
    assert len(calls(module)) == 1400
    assert isinstance(module.body.bindings[0].value, Seq)
    assert len(module.body.bindings[0].value.items) == 500


# ── bindings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("a = b", [("a", Ref("b"))]),
        ("a = b = 1", [("a", Const(1)), ("b", Const(1))]),
        ("self.client = 1", [("self.client", Const(1))]),
        ("a['k'] = 1", [("a[k]", Const(1))]),
        ("a[0] = 1", []),
        ("a, b = 1, 2", [("b", Const(2)), ("a", Const(1))]),
        ("a, (b, c) = 1, (2, 3)", [("c", Const(3)), ("b", Const(2)), ("a", Const(1))]),
        ("a, b = c", [("b", Item(Ref("c"), Const(1))), ("a", Item(Ref("c"), Const(0)))]),
        ("a, *b = c", [("b", OPAQUE), ("a", Item(Ref("c"), Const(0)))]),
        ("a += 1", [("a", Const(1))]),
        ("for a in b: pass", [("a", Element(Ref("b")))]),
        ("with b as a: pass", [("a", Entered(Ref("b")))]),
        ("x = [a for a in b]", [("a", Element(Ref("b"))), ("x", Seq("list", (Ref("a"),)))]),
        ("f(a := 1)", [("a", Const(1))]),
    ],
)
def test_each_form_of_binding(statement: str, expected: list[tuple[str, Expr]]) -> None:
    assert [(binding.target, binding.value) for binding in facts(statement).body.bindings] == expected


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("Client", Ref("Client")),
        ("'Client'", Ref("Client")),
        ("' http.Client '", Ref("http.Client")),
        ("'Client | None'", OneOf((Ref("Client"), Const(None)))),
        ("list['Client']", Item(Ref("list"), Const("Client"))),
        ("Optional[Client]", Item(Ref("Optional"), Ref("Client"))),
        ("'not an (annotation'", None),
        ("Annotated[int, Query()]", None),
    ],
)
def test_annotations_are_read_quoted_or_not(annotation: str, expected: Expr | None) -> None:
    (binding,) = facts(f"a: {annotation} = 1\n").body.bindings
    assert binding.annotation == expected
    module = facts(f"def f(a: {annotation}) -> {annotation}: ...\n")
    assert function(module, "f").parameters[0].annotation == expected
    assert function(module, "f").returns == expected


def test_a_bare_annotation_binds_its_name_to_nothing_known() -> None:
    assert facts("a: int\n").body.bindings == (Binding("a", OPAQUE, 1, Ref("int")),)


# ── functions and classes ────────────────────────────────────────────────────────────────────────────────────────────


def test_parameters_have_kinds_annotations_and_defaults() -> None:
    found = function(facts("def f(a, b: int = 1, /, c=None, *args: str, d, e=g(), **kw): pass\n"), "f").parameters
    assert [(p.name, p.kind, p.default) for p in found] == [
        ("a", "positional-only", None),
        ("b", "positional-only", Const(1)),
        ("c", "positional", Const(None)),
        ("args", "args", None),
        ("d", "keyword", None),
        ("e", "keyword", Result(0)),
        ("kw", "kwargs", None),
    ]
    assert [p.annotation for p in found] == [None, Ref("int"), None, Ref("str"), None, None, None]
    assert [p.name for p in function(facts("def f(a, /, b, *, c): pass"), "f").positional] == ["a", "b"]


def test_decorators_belong_to_the_scope_around_and_the_header_covers_them() -> None:
    module = facts("@a.b\n@c(\n    1,\n)\ndef f(\n    x,\n):\n    here()\n")
    found = function(module, "f")
    assert [decorator.value for decorator in found.decorators] == [Ref("a.b"), Result(0)]
    assert [(decorator.span.row, decorator.span.column) for decorator in found.decorators] == [(1, 1), (2, 1)]
    assert module.body.calls[0].func == Ref("c")
    assert (found.header.row, found.header.end_row, found.row) == (1, 7, 5)
    assert [call.func for call in found.body.calls] == [Ref("here")]


def test_the_header_of_a_one_line_function_is_that_line() -> None:
    assert function(facts("x = 1\ndef f(): return 1\n"), "f").header == Span(2, 0, 2, 0)


def test_methods_have_an_owner_and_nested_definitions_a_parent() -> None:
    module = facts(
        """
        class A(B, metaclass=M()):
            x = 1
            def m(self):
                def inner(): pass
                class Local: pass
            class C:
                def n(self): pass
        """
    )
    assert {f.qualname: (f.parent, f.owner) for f in module.functions} == {
        "A.m": ("A", "A"),
        "A.m.inner": ("A.m", ""),
        "A.C.n": ("A.C", "A.C"),
    }
    assert {c.qualname: c.parent for c in module.classes} == {"A": "", "A.m.Local": "A.m", "A.C": "A"}
    assert next(c for c in module.classes if c.name == "A").bases == (Ref("B"),)
    assert [call.func for call in module.body.calls] == [Ref("M")]
    assert next(c for c in module.classes if c.name == "A").body.bindings == (Binding("x", Const(1), 3),)


def test_a_second_definition_of_a_name_is_told_apart() -> None:
    module = facts("def f(): a()\ndef f(): b()\nx = lambda: c()\ny = lambda: d()\n")
    assert [f.qualname for f in module.functions] == ["f", "f#2", "<lambda>", "<lambda>#2"]
    assert [f.body.calls[0].func for f in module.functions] == [Ref("a"), Ref("b"), Ref("c"), Ref("d")]


def test_a_lambda_is_a_function_that_returns_its_body() -> None:
    found = function(facts("x = lambda a, *b: f(a)\n"), "<lambda>")
    assert [p.name for p in found.parameters] == ["a", "b"]
    assert found.body.returns == (Result(0),)
    assert found.returns_value


@pytest.mark.parametrize(
    ("body", "stub", "generator", "returns"),
    [
        ("pass", True, False, False),
        ("...", True, False, False),
        ("'only words'", True, False, False),
        ("raise NotImplementedError", True, False, False),
        ("raise NotImplementedError('later')", True, False, False),
        ("raise ValueError()", False, False, False),
        ("return", False, False, False),
        ("return None", False, False, False),
        ("return 1", False, False, True),
        ("yield 1", False, True, False),
        ("yield from x", False, True, False),
        ("return (yield)", False, True, True),
        ("def g(): yield 1", False, False, False),
    ],
)
def test_what_the_body_makes_of_a_function(body: str, stub: bool, generator: bool, returns: bool) -> None:
    found = function(facts(f"def f():\n    {body}\n"), "f")
    assert (found.is_stub, found.is_generator, found.returns_value) == (stub, generator, returns)


def test_async_functions_are_marked() -> None:
    module = facts("async def f():\n    async with a() as b:\n        async for c in b: pass\ndef g(): pass\n")
    assert function(module, "f").is_async
    assert not function(module, "g").is_async
    assert [b.target for b in function(module, "f").body.bindings] == ["b", "c"]


def test_yields_know_the_with_items_they_stand_under() -> None:
    body = function(facts("def f():\n    yield 1\n    with a, b:\n        yield from c\n"), "f").body
    assert body.yields == (Const(1), Element(Ref("c")))
    assert body.yields_under == ((), (0, 1))


def test_global_and_nonlocal_names_are_kept() -> None:
    module = facts("def f():\n    global a, b\n    def g():\n        nonlocal c\n")
    assert function(module, "f").body.globals == ("a", "b")
    assert function(module, "f.g").body.globals == ("c",)


def test_the_main_block_is_the_one_at_module_level() -> None:
    assert facts("x = 1\nif __name__ == '__main__':\n    f()\n    g()\n").main_block == (2, 4)
    assert facts("def f():\n    if __name__ == '__main__':\n        g()\n").main_block is None
    assert facts("if name == 'main':\n    g()\n").main_block is None


# ── all of it ────────────────────────────────────────────────────────────────────────────────────────────────────────


def assert_sound(module: ModuleFacts) -> None:
    """Facts survive storing, and every index in them leads somewhere."""
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(module), type=ModuleFacts) == module
    qualnames = [each.qualname for each in module.functions] + [each.qualname for each in module.classes]
    assert len(set(qualnames)) == len(qualnames)
    for scope in scopes(module):
        assert len(scope.yields) == len(scope.yields_under)
        for call in scope.calls:
            assert all(place < len(scope.withs) for place in call.withs)
            assert (call.span.row, call.span.column) < (call.span.end_row, call.span.end_column)


def test_facts_are_equal_after_they_were_stored() -> None:
    text = """
    import a.b
    from . import c as d
    class E(a.F[int], metaclass=G):
        x: "int | None" = -1
        @property
        def y(self, *p: str, q=1.5, **r) -> list[int]:
            with self.z as w, v:
                yield from (lambda s: s)(w)[1:2]
    if __name__ == "__main__":
        E().y({1: [2, (3,)]}, *f(), **{"k": True if t else None})  # noqa: CRB101
    """
    assert_sound(facts(text))


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(hypothesmith.from_grammar())
def test_extraction_never_fails_on_what_the_grammar_allows(source: str) -> None:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # the grammar allows a little more than the compiler
        return
    assert_sound(extract(tree, source))


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(hypothesmith.from_node(auto_target=False))
def test_extraction_never_fails_on_generated_trees(source: str) -> None:
    tree = ast.parse(source)
    module = extract(tree, source)
    assert_sound(module)
    assert len(calls(module)) >= sum(isinstance(node, ast.Call) for node in ast.walk(tree))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_facts_or_one_sentence(data: bytes) -> None:
    refusal = None
    try:
        assert_sound(facts_of(data))
    except Unreadable as error:
        refusal = error
    if refusal is not None:
        assert "\n" not in refusal.reason
        assert refusal.row >= 1
        assert refusal.column >= 0


LIBRARY = Path(sysconfig.get_path("stdlib"))


def test_the_standard_library_is_read() -> None:
    files = sorted(path for path in LIBRARY.rglob("*.py") if "site-packages" not in path.parts)
    sample = random.Random(20261123).sample(files, 300)
    found = 0
    refused = []
    for path in sample:
        try:
            module = facts_of(path.read_bytes())
        except Unreadable as error:
            if not {"lib2to3", "test", "tests"}.intersection(path.parts):  # they keep broken files to test parsers with
                refused.append(f"{path.name}: {error.reason}")
            continue
        assert_sound(module)
        found += len(calls(module))
    assert refused == []
    assert found > 20_000


def test_no_call_of_the_standard_library_is_lost() -> None:
    for name in ("argparse.py", "asyncio/base_events.py", "typing.py", "unittest/mock.py", "tarfile.py", "subprocess.py"):
        source = (LIBRARY / name).read_text(encoding="utf-8")
        wanted = sorted((n.lineno, n.col_offset) for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call))
        assert sorted((call.span.row, call.span.column) for call in calls(facts(source.encode()))) == wanted, name


# ── what decides, and what is read ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("test", "tested"),
    [
        ("a", [("a", True)]),
        ("not a", [("a", False)]),
        ("a.b.c", [("a.b.c", True)]),
        ("a.b()", [("a.b", True)]),
        ("a is None", [("a", False)]),
        ("a.b is not None", [("a.b", True)]),
        ("a == None", [("a", False)]),
        ("not a is None", [("a", True)]),
        ("(a := f()) is not None", [("a", True)]),
        ("a and not b", [("a", True), ("b", False)]),
        ("a and (b and c.d)", [("a", True), ("b", True), ("c.d", True)]),
        ("a or b", [("", True)]),
        ("not (a or b)", [("a", False), ("b", False)]),
        ("a == 1", [("", True)]),
        ("f(a)", [("", True)]),
        ("a is None is b", [("", True)]),
    ],
)
def test_what_a_guard_tests(test: str, tested: list[tuple[str, bool]]) -> None:
    body = facts(f"if {test}:\n    here()\n").body
    (call,) = [call for call in body.calls if call.func == Ref("here")]
    assert [(body.guards[place].path, body.guards[place].outcome) for place in call.guards] == tested


def test_what_an_earlier_return_leaves() -> None:
    body = function(facts("def f():\n    if a or b.c:\n        return\n    here()\n"), "f").body
    (call,) = body.calls
    assert [(body.guards[place].path, body.guards[place].outcome) for place in call.guards] == [("a", False), ("b.c", False)]


def test_the_loops_around_a_call_are_listed_outermost_first() -> None:
    body = facts("for x in a():\n    while b():\n        [here() for y in c.d]\n").body
    assert [(loop.kind, loop.iterated, loop.row) for loop in body.loops] == [
        ("for", Result(0), 1),
        ("while", OPAQUE, 2),
        ("comprehension", Ref("c.d"), 3),
    ]
    under = {call.func.path: call.loops for call in body.calls if isinstance(call.func, Ref)}
    assert under == {"a": (), "b": (0, 1), "here": (0, 1, 2)}


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("if a.b > c: pass", {"a.b", "c"}),
        ("if a.b: pass", {"a.b"}),
        ("while a: pass", {"a"}),
        ("assert a.b", {"a.b"}),
        ("x[a] = b.c", {"a", "b.c"}),
        ("f().x = a", {"a"}),
        ("a", {"a"}),
        ("x = a and b", {"a"}),
        ("[y for y in z if y.a]", {"y", "y.a"}),
        ("x = a[b:c]", {"b", "c"}),
        ("x = a", set()),
        ("f(a)", set()),
    ],
)
def test_names_that_are_read_where_no_value_is_kept(text: str, reads: set[str]) -> None:
    assert set(facts(text + "\n").body.reads) == reads


def test_an_assignment_may_add_to_what_is_there() -> None:
    assert [binding.augmented for binding in facts("a = 1\na += 2\n").body.bindings] == [False, True]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a * b", Computed((A, B))),
        ("a - 1", Computed((A,))),
        ("a < b.c < 2", Computed((A, Ref("b.c")))),
        ("{k: v for k, v in a}", Computed((Ref("k"), Ref("v")))),
        ("a.b % c", Percent(Ref("a.b"), Ref("c"))),
        ("1 - 2.5", Const(-1.5)),
    ],
)
def test_what_a_computed_value_is_made_of(expression: str, expected: Expr) -> None:
    assert value_of(expression) == expected
