"""One walk over a module's syntax tree, giving its facts.

The walk keeps its own stack, so deeply nested code does not hit the recursion limit: statements are taken from the stack one by one, and an
expression is followed only `DEEP` levels down before the rest of it goes back onto the stack.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable
from typing import Any, Union

from msgspec import Struct
from msgspec.structs import replace

from lint_rules.facts.guards import guards
from lint_rules.facts.model import (
    OPAQUE,
    Attr,
    Binding,
    Call,
    Class,
    Computed,
    Const,
    Decorator,
    Element,
    Entered,
    Expr,
    Function,
    Guard,
    Import,
    Item,
    Lambda,
    Loop,
    Map,
    ModuleFacts,
    OneOf,
    Opaque,
    Parameter,
    Percent,
    Ref,
    Result,
    Scope,
    Seq,
    Span,
    Suppression,
    Template,
)
from lint_rules.facts.references import references
from lint_rules.facts.templates import LONGEST_TEXT, format_call, formatted, joined, percent, template

DEEP = 80
"""How many levels of one expression keep their value; what lies deeper is still searched for calls."""

FunctionNode = Union[ast.FunctionDef, ast.AsyncFunctionDef]


class _Scope:
    """A scope while it is being read."""

    __slots__ = (
        *("bindings", "calls", "globals", "guards", "imports", "loops", "qualname", "reads", "returns", "withs", "yields", "yields_under"),
    )

    def __init__(self, qualname: str) -> None:
        self.qualname = qualname
        self.calls: list[Call | None] = []
        self.bindings: list[Binding] = []
        self.imports: list[Import] = []
        self.returns: list[Expr] = []
        self.yields: list[Expr] = []
        self.withs: list[Expr] = []
        self.guards: list[Guard] = []
        self.globals: list[str] = []
        self.yields_under: list[tuple[int, ...]] = []
        self.loops: list[Loop] = []
        self.reads: dict[str, None] = {}

    def dropped(self, *values: Expr) -> None:
        """Keep the names in values that are not kept themselves."""
        self.reads.update(dict.fromkeys(references(*values)))

    def frozen(self) -> Scope:
        return Scope(
            calls=tuple(self.calls),  # type: ignore[arg-type]  # every reserved place has been filled by now
            bindings=tuple(self.bindings),
            imports=tuple(self.imports),
            returns=tuple(self.returns),
            yields=tuple(self.yields),
            withs=tuple(self.withs),
            guards=tuple(self.guards),
            globals=tuple(self.globals),
            yields_under=tuple(self.yields_under),
            loops=tuple(self.loops),
            reads=tuple(self.reads),
        )


class _Context(Struct, frozen=True, gc=False):
    """Where the walk stands: the scope and what surrounds the node."""

    scope: _Scope
    in_class: bool = False
    loops: tuple[int, ...] = ()
    typing_only: bool = False
    withs: tuple[int, ...] = ()
    guards: tuple[int, ...] = ()

    def looping(self, kind: str, iterated: Expr, row: int) -> _Context:
        """Inside a loop."""
        self.scope.loops.append(Loop(kind, iterated, row))
        return replace(self, loops=(*self.loops, len(self.scope.loops) - 1))

    def under(self, items: Iterable[int]) -> _Context:
        return replace(self, withs=(*self.withs, *items))

    def for_typing(self) -> _Context:
        return replace(self, typing_only=True)

    def guarded(self, test: ast.expr, outcome: bool) -> _Context:
        """The same place, reached only when `test` comes out as `outcome`."""
        first = len(self.scope.guards)
        self.scope.guards.extend(guards(test, outcome))
        return replace(self, guards=(*self.guards, *range(first, len(self.scope.guards))))


def extract(tree: ast.Module, source: str, suppressions: tuple[Suppression, ...] = ()) -> ModuleFacts:
    """The facts of a parsed module; `source` is the text it was parsed from (columns are converted with it)."""
    return _Extractor(source).read(tree, suppressions)


class _Extractor:
    def __init__(self, source: str) -> None:
        self.lines: list[bytes] | None = None if source.isascii() else [line.encode() for line in source.split("\n")]
        self.functions: list[Function] = []
        self.classes: list[Class] = []
        self.open: list[Callable[[], None]] = []
        self.stack: list[tuple[ast.AST, _Context]] = []
        self.taken: dict[str, int] = {}
        self.main_block: tuple[int, int] | None = None

    def read(self, tree: ast.Module, suppressions: tuple[Suppression, ...]) -> ModuleFacts:
        scope = _Scope("")
        self.push(tree.body, _Context(scope))
        while self.stack:
            node, context = self.stack.pop()
            handler = _STATEMENTS.get(type(node))
            if handler is not None:
                handler(self, node, context)
            elif isinstance(node, ast.expr):
                context.scope.dropped(self.expr(node, context, 0))
            else:
                self.push(ast.iter_child_nodes(node), context)
        for finish in self.open:
            finish()
        self.functions.sort(key=lambda function: function.row)
        self.classes.sort(key=lambda class_: class_.row)
        return ModuleFacts(
            body=scope.frozen(),
            functions=tuple(self.functions),
            classes=tuple(self.classes),
            suppressions=suppressions,
            main_block=self.main_block,
        )

    # ── places ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def push(self, nodes: Iterable[ast.AST], context: _Context) -> None:
        placed = []
        for node in nodes:
            placed.append((node, context))
            if type(node) is ast.If and not node.orelse and isinstance(node.body[-1], _LEAVING):
                context = context.guarded(node.test, False)
        self.stack.extend(reversed(placed))

    def column(self, row: int, offset: int) -> int:
        if self.lines is None or row > len(self.lines):
            return offset
        return len(self.lines[row - 1][:offset].decode("utf-8", "replace"))

    def span(self, node: ast.expr | ast.stmt) -> Span:
        end_row = node.end_lineno or node.lineno
        return Span(
            node.lineno,
            self.column(node.lineno, node.col_offset),
            end_row,
            self.column(end_row, node.end_col_offset or 0),
        )

    def header(self, node: FunctionNode | ast.ClassDef) -> Span:
        """From the first decorator to the last row before the body."""
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        body = node.body[0]
        start = min([body.lineno, *(decorator.lineno for decorator in getattr(body, "decorator_list", ()))])
        return Span(first, self.column(node.lineno, node.col_offset), max(node.lineno, start - 1), 0)

    def qualname(self, context: _Context, name: str) -> str:
        """Unique within the module: a second definition of the same name gets `#2`."""
        prefix = context.scope.qualname
        full = f"{prefix}.{name}" if prefix else name
        count = self.taken[full] = self.taken.get(full, 0) + 1
        return full if count == 1 else f"{full}#{count}"

    # ── expressions ──────────────────────────────────────────────────────────────────────────────────────────────────

    def expr(self, node: ast.expr, context: _Context, depth: int) -> Expr:
        """The value of an expression as far as facts keep it; every call below it is recorded."""
        if depth > DEEP:
            self.stack.append((node, context))
            return OPAQUE
        handler = _EXPRESSIONS.get(type(node))
        if handler is not None:
            return handler(self, node, context, depth + 1)
        self.push(ast.iter_child_nodes(node), context)
        return OPAQUE

    def name(self, node: ast.Name, context: _Context, depth: int) -> Expr:
        return Ref(node.id)

    def attribute(self, node: ast.Attribute, context: _Context, depth: int) -> Expr:
        names = [node.attr]
        base: ast.expr = node.value
        while isinstance(base, ast.Attribute):
            names.append(base.attr)
            base = base.value
        if isinstance(base, ast.Name):
            names.append(base.id)
            return Ref(".".join(reversed(names)))
        return Attr(self.expr(base, context, depth), ".".join(reversed(names)))

    def call(self, node: ast.Call, context: _Context, depth: int, *, awaited: bool = False, discarded: bool = False) -> Expr:
        scope = context.scope
        index = len(scope.calls)
        scope.calls.append(None)
        func = self.expr(node.func, context, depth)
        starred = False
        args: list[Expr] = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                starred = True
                args.append(_computed(self.expr(argument.value, context, depth)))
            else:
                args.append(self.expr(argument, context, depth))
        keywords = [(keyword.arg or "", self.expr(keyword.value, context, depth)) for keyword in node.keywords]
        scope.calls[index] = Call(
            func=func,
            args=tuple(args),
            keywords=tuple(keywords),
            span=self.span(node),
            starred=starred,
            awaited=awaited,
            loops=context.loops,
            discarded=discarded,
            withs=context.withs,
            guards=context.guards,
        )
        if isinstance(func, Attr) and isinstance(func.base, Const) and isinstance(func.base.value, str):
            return self.text_method(func.base.value, func.path, node, scope.calls[index]) or Result(index)
        return Result(index)

    def text_method(self, text: str, name: str, node: ast.Call, call: Call | None) -> Expr | None:
        """`"...".format(x)` and `"...".join([x, y])` as the text they give; None for what is no template."""
        assert call is not None
        if call.starred:
            return None
        if name == "format":
            return format_call(text, call.args, dict(call.keywords))
        if name == "join" and len(node.args) == 1 and isinstance(items := node.args[0], (ast.List, ast.Tuple)):
            given = call.args[0]
            if isinstance(given, Seq) and not any(isinstance(item, ast.Starred) for item in items.elts):
                return joined(text, given.items) if len(given.items) == len(items.elts) else None
        return None

    def awaited(self, node: ast.Await, context: _Context, depth: int) -> Expr:
        if isinstance(node.value, ast.Call):
            return self.call(node.value, context, depth, awaited=True)
        return self.expr(node.value, context, depth)

    def constant(self, node: ast.Constant, context: _Context, depth: int) -> Expr:
        value = node.value
        if isinstance(value, str):
            return Const(value) if len(value) <= LONGEST_TEXT and _storable(value) else OPAQUE
        if value is None or isinstance(value, (bool, float)):
            return Const(value)
        if isinstance(value, int) and value.bit_length() < 63:
            return Const(value)
        return OPAQUE

    def subscript(self, node: ast.Subscript, context: _Context, depth: int) -> Expr:
        return Item(self.expr(node.value, context, depth), self.expr(node.slice, context, depth))

    def display(self, node: ast.Tuple | ast.List | ast.Set, context: _Context, depth: int) -> Expr:
        items = tuple([self.expr(item, context, depth) for item in node.elts[:LONGEST_TEXT]])
        self.push(node.elts[LONGEST_TEXT:], context)
        return Seq(type(node).__name__.lower(), items)

    def mapping(self, node: ast.Dict, context: _Context, depth: int) -> Expr:
        keys = tuple([None if key is None else self.expr(key, context, depth) for key in node.keys[:LONGEST_TEXT]])
        values = tuple([self.expr(value, context, depth) for value in node.values[:LONGEST_TEXT]])
        self.push([*filter(None, node.keys[LONGEST_TEXT:]), *node.values[LONGEST_TEXT:]], context)
        return Map(keys, values, tuple([(key or value).lineno for key, value in zip(node.keys, node.values)][:LONGEST_TEXT]))

    def conditional(self, node: ast.IfExp, context: _Context, depth: int) -> Expr:
        options = (self.expr(node.body, context, depth), self.expr(node.orelse, context, depth))
        tested = self.expr(node.test, context, depth)
        return OneOf(options, None if isinstance(tested, (Const, Opaque)) else tested)

    def either(self, node: ast.BoolOp, context: _Context, depth: int) -> Expr:
        options = tuple([self.expr(value, context, depth) for value in node.values])
        if isinstance(node.op, ast.Or):
            return OneOf(options)
        context.scope.dropped(*options[:-1])
        return options[-1]

    def interpolated(self, node: ast.JoinedStr, context: _Context, depth: int) -> Expr:
        parts: list[Expr] = []
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                base = self.expr(value.value, context, depth)
                spec = self.format_spec(value.format_spec, context, depth)
                parts.append(formatted(base, chr(value.conversion) if value.conversion > 0 else None, spec))
            else:
                parts.append(self.expr(value, context, depth))
        texts = [part for part, value in zip(parts, node.values) if isinstance(value, ast.Constant)]
        return template(parts) if all(isinstance(text, Const) for text in texts) else OPAQUE

    def format_spec(self, spec: ast.expr | None, context: _Context, depth: int) -> str:
        """A format specification as text; what is computed in it is written `{}`."""
        texts = []
        for value in spec.values if isinstance(spec, ast.JoinedStr) else ():
            if isinstance(value, ast.FormattedValue):
                self.expr(value.value, context, depth)
                texts.append("{}")
            elif isinstance(value, ast.Constant) and isinstance(value.value, str) and _storable(value.value):
                texts.append(value.value)
        return "".join(texts)[:LONGEST_TEXT]

    def arithmetic(self, node: ast.BinOp, context: _Context, depth: int) -> Expr:
        if isinstance(node.op, ast.Add):
            return self.addition(node, context, depth)
        left = self.expr(node.left, context, depth)
        right = self.expr(node.right, context, depth)
        if isinstance(node.op, ast.Mod) and isinstance(left, Const) and isinstance(left.value, str):
            return percent(left.value, right) or OPAQUE
        if isinstance(left, Const) and isinstance(right, Const):
            return _folded(node.op, left.value, right.value)
        if isinstance(node.op, ast.BitOr):  # `X | None` as an annotation, `sig | sig` as a chain
            return OneOf((left, right))
        if isinstance(node.op, ast.Mod) and isinstance(left, (Ref, Attr)) and not isinstance(right, Const):
            return Percent(left, right)
        return _computed(left, right)

    def addition(self, node: ast.BinOp, context: _Context, depth: int) -> Expr:
        """A sum of numbers, or texts one after the other: `a + b + "c"` is one text where a single operand is one."""
        operands: list[ast.expr] = []
        first: ast.expr = node
        while isinstance(first, ast.BinOp) and isinstance(first.op, ast.Add):
            operands.append(first.right)
            first = first.left
        values = [self.expr(operand, context, depth) for operand in (first, *reversed(operands))]
        if any(isinstance(value, Template) or (isinstance(value, Const) and isinstance(value.value, str)) for value in values):
            return template(values)
        total = values[0]
        for value in values[1:]:
            total = _folded(node.op, total.value, value.value) if isinstance(total, Const) and isinstance(value, Const) else OPAQUE
        return total if isinstance(total, Const) else _computed(*values)

    def negative(self, node: ast.UnaryOp, context: _Context, depth: int) -> Expr:
        value = self.expr(node.operand, context, depth)
        if isinstance(node.op, ast.USub) and isinstance(value, Const) and isinstance(value.value, (int, float)):
            return Const(-value.value)
        return _computed(value)

    def compared(self, node: ast.Compare, context: _Context, depth: int) -> Expr:
        return _computed(*[self.expr(operand, context, depth) for operand in (node.left, *node.comparators)])

    def walrus(self, node: ast.NamedExpr, context: _Context, depth: int) -> Expr:
        value = self.expr(node.value, context, depth)
        self.bind(node.target, value, context)
        return value

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, context: _Context, depth: int) -> Expr:
        inner = self.generators(node.generators, context, depth)
        return Seq("list", (self.expr(node.elt, inner, depth),))

    def dict_comprehension(self, node: ast.DictComp, context: _Context, depth: int) -> Expr:
        inner = self.generators(node.generators, context, depth)
        return _computed(self.expr(node.key, inner, depth), self.expr(node.value, inner, depth))

    def generators(self, generators: list[ast.comprehension], context: _Context, depth: int) -> _Context:
        for generator in generators:
            iterated = self.expr(generator.iter, context, depth)
            self.bind(generator.target, Element(iterated), context)
            context = context.looping("comprehension", iterated, generator.target.lineno)
            self.push(generator.ifs, context)
        return context

    def anonymous(self, node: ast.Lambda, context: _Context, depth: int) -> Expr:
        qualname = self.qualname(context, "<lambda>")
        scope = _Scope(qualname)
        self.open.append(
            lambda: self.functions.append(
                Function(
                    name="<lambda>",
                    qualname=qualname,
                    parent=context.scope.qualname,
                    owner="",
                    header=self.span(node),
                    row=node.lineno,
                    parameters=parameters,
                    decorators=(),
                    body=scope.frozen(),
                    returns_value=True,
                )
            )
        )
        parameters = self.parameters(node.args, context, depth)
        inner = _Context(scope)
        self.stack.append((_Returned(node.body), inner))
        return Lambda(qualname)

    def yielded(self, node: ast.Yield | ast.YieldFrom, context: _Context, depth: int) -> Expr:
        value = OPAQUE if node.value is None else self.expr(node.value, context, depth)
        context.scope.yields.append(Element(value) if isinstance(node, ast.YieldFrom) else value)
        context.scope.yields_under.append(context.withs)
        return OPAQUE

    def annotation(self, node: ast.expr | None, context: _Context) -> Expr | None:
        """An annotation as an expression; quoted ones are read like unquoted ones."""
        if node is None:
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value.strip(), mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return None
        if any(isinstance(part, ast.Call) for part in ast.walk(node)):
            self.stack.append((node, context))
            return None
        return self.expr(node, context, 0)

    # ── statements ───────────────────────────────────────────────────────────────────────────────────────────────────

    def bind(self, target: ast.expr, value: Expr, context: _Context, annotation: Expr | None = None, *, augmented: bool = False) -> None:
        """Record what a target gets; targets in tuples get the matching items."""
        pending = [(target, value)]
        while pending:
            target, value = pending.pop()
            if isinstance(target, ast.Starred):
                target, value = target.value, OPAQUE
            if isinstance(target, (ast.Tuple, ast.List)):
                if isinstance(value, Seq) and value.kind in ("tuple", "list") and len(value.items) == len(target.elts):
                    pending.extend(zip(target.elts, value.items))
                else:
                    pending.extend((item, Item(value, Const(place))) for place, item in enumerate(target.elts))
            elif isinstance(target, (ast.Name, ast.Attribute)):
                path = self.expr(target, context, 0)
                if isinstance(path, Ref):
                    context.scope.bindings.append(Binding(path.path, value, target.lineno, annotation, context.guards, augmented))
                else:
                    context.scope.dropped(value)
            elif isinstance(target, ast.Subscript):
                base = self.expr(target.value, context, 0)
                key = self.expr(target.slice, context, 0)
                if isinstance(base, Ref) and isinstance(key, Const) and isinstance(key.value, str):
                    name = f"{base.path}[{key.value}]"
                    context.scope.bindings.append(Binding(name, value, target.lineno, None, context.guards, augmented))
                else:
                    context.scope.dropped(key, value)

    def function(self, node: FunctionNode, context: _Context) -> None:
        qualname = self.qualname(context, node.name)
        decorators = tuple([Decorator(self.expr(decorator, context, 0), self.span(decorator)) for decorator in node.decorator_list])
        parameters = self.parameters(node.args, context, 0)
        returns = self.annotation(node.returns, context)
        scope = _Scope(qualname)
        header = self.header(node)
        is_async = isinstance(node, ast.AsyncFunctionDef)
        owner = context.scope.qualname if context.in_class else ""
        is_stub = all(_does_nothing(statement) for statement in node.body)

        def finish() -> None:
            self.functions.append(
                Function(
                    name=node.name,
                    qualname=qualname,
                    parent=context.scope.qualname,
                    owner=owner,
                    header=header,
                    row=node.lineno,
                    parameters=parameters,
                    decorators=decorators,
                    body=scope.frozen(),
                    returns=returns,
                    is_async=is_async,
                    is_generator=bool(scope.yields),
                    is_stub=is_stub,
                    returns_value=any(value != Const(None) for value in scope.returns),
                )
            )

        self.open.append(finish)
        self.push(node.body, _Context(scope))

    def parameters(self, arguments: ast.arguments, context: _Context, depth: int) -> tuple[Parameter, ...]:
        found: list[tuple[ast.arg, str, ast.expr | None]] = []
        positional = [(a, "positional-only") for a in arguments.posonlyargs] + [(a, "positional") for a in arguments.args]
        defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
        found.extend((argument, kind, default) for (argument, kind), default in zip(positional, defaults))
        if arguments.vararg:
            found.append((arguments.vararg, "args", None))
        found.extend((argument, "keyword", default) for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults))
        if arguments.kwarg:
            found.append((arguments.kwarg, "kwargs", None))
        return tuple(
            [
                Parameter(
                    argument.arg,
                    kind,
                    self.annotation(argument.annotation, context),
                    None if default is None else self.expr(default, context, depth),
                )
                for argument, kind, default in found
            ]
        )

    def class_(self, node: ast.ClassDef, context: _Context) -> None:
        qualname = self.qualname(context, node.name)
        bases = tuple([self.expr(base, context, 0) for base in node.bases])
        for keyword in node.keywords:
            self.expr(keyword.value, context, 0)
        decorators = tuple([Decorator(self.expr(decorator, context, 0), self.span(decorator)) for decorator in node.decorator_list])
        scope = _Scope(qualname)
        header = self.header(node)
        self.open.append(
            lambda: self.classes.append(
                Class(
                    name=node.name,
                    qualname=qualname,
                    parent=context.scope.qualname,
                    header=header,
                    row=node.lineno,
                    bases=bases,
                    decorators=decorators,
                    body=scope.frozen(),
                )
            )
        )
        self.push(node.body, _Context(scope, in_class=True))

    def import_(self, node: ast.Import, context: _Context) -> None:
        for alias in node.names:
            module, name = alias.name, alias.asname
            submodule = None
            if name is None:
                name, _, rest = module.partition(".")
                submodule = module if rest else None
                module = name
            context.scope.imports.append(Import(name, module, None, 0, node.lineno, typing_only=context.typing_only, submodule=submodule))

    def import_from(self, node: ast.ImportFrom, context: _Context) -> None:
        for alias in node.names:
            context.scope.imports.append(
                Import(
                    alias.asname or alias.name,
                    node.module or "",
                    alias.name,
                    node.level,
                    node.lineno,
                    typing_only=context.typing_only,
                )
            )

    def assign(self, node: ast.Assign, context: _Context) -> None:
        value = self.expr(node.value, context, 0)
        for target in node.targets:
            self.bind(target, value, context)

    def alias(self, node: Any, context: _Context) -> None:
        """`type X = Y`, which Python 3.12 reads and older grammars get as an assignment."""
        self.bind(node.name, self.expr(node.value, context, 0), context)

    def annotated(self, node: ast.AnnAssign, context: _Context) -> None:
        value = OPAQUE if node.value is None else self.expr(node.value, context, 0)
        self.bind(node.target, value, context, self.annotation(node.annotation, context))

    def augmented(self, node: ast.AugAssign, context: _Context) -> None:
        value = self.expr(node.value, context, 0)
        self.bind(node.target, value, context, augmented=True)

    def for_(self, node: ast.For | ast.AsyncFor, context: _Context) -> None:
        iterated = self.expr(node.iter, context, 0)
        self.bind(node.target, Element(iterated), context)
        self.push(node.orelse, context)
        self.push(node.body, context.looping("for", iterated, node.lineno))

    def while_(self, node: ast.While, context: _Context) -> None:
        self.push(node.orelse, context)
        self.push([node.test, *node.body], context.looping("while", OPAQUE, node.lineno))

    def with_(self, node: ast.With | ast.AsyncWith, context: _Context) -> None:
        items: list[int] = []
        for item in node.items:
            value = self.expr(item.context_expr, context.under(items), 0)
            items.append(len(context.scope.withs))
            context.scope.withs.append(value)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, Entered(value), context)
        self.push(node.body, context.under(items))

    def return_(self, node: ast.Return, context: _Context) -> None:
        context.scope.returns.append(Const(None) if node.value is None else self.expr(node.value, context, 0))

    def returned(self, node: _Returned, context: _Context) -> None:
        context.scope.returns.append(self.expr(node.value, context, 0))

    def expression(self, node: ast.Expr, context: _Context) -> None:
        value = node.value
        awaited = isinstance(value, ast.Await)
        if isinstance(value, ast.Await):
            value = value.value
        if isinstance(value, ast.Call):
            self.call(value, context, 0, awaited=awaited, discarded=True)
        else:
            context.scope.dropped(self.expr(value, context, 0))

    def if_(self, node: ast.If, context: _Context) -> None:
        test = node.test
        if node.orelse:
            self.push(node.orelse, context.guarded(test, False))
        if isinstance(test, (ast.Name, ast.Attribute)) and (test.id if isinstance(test, ast.Name) else test.attr) == "TYPE_CHECKING":
            self.push(node.body, context.for_typing())
            return
        if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__" and not context.scope.qualname:
            self.main_block = (node.lineno, node.end_lineno or node.lineno)
        self.push(node.body, context.guarded(test, True))
        self.push([test], context)

    def global_(self, node: ast.Global | ast.Nonlocal, context: _Context) -> None:
        context.scope.globals.extend(node.names)


class _Returned(ast.AST):
    """The body of a lambda, waiting on the stack."""

    def __init__(self, value: ast.expr) -> None:
        self.value = value


_LEAVING = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def _computed(*parts: Expr) -> Expr:
    """What is made of others, as far as they are more than constants."""
    kept = tuple(part for part in parts if not isinstance(part, (Const, Opaque)))
    return Computed(kept) if kept else OPAQUE


def _folded(operator: ast.operator, left: object, right: object) -> Expr:
    """Arithmetic on small number literals: `60 * 60`."""
    if not isinstance(left, (int, float)) or not isinstance(right, (int, float)):
        return OPAQUE
    result: float | None = None
    if isinstance(operator, ast.Mult):
        result = left * right
    elif isinstance(operator, ast.Add):
        result = left + right
    elif isinstance(operator, ast.Sub):
        result = left - right
    return Const(result) if result is not None and abs(result) < 2**53 else OPAQUE


def _storable(text: str) -> bool:
    """Whether the text is Unicode proper: a lone surrogate (`"\\ud800"`) cannot be stored, and is no name or key."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _does_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.Raise):
        raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
    return False


_STATEMENTS: dict[type, Callable[[_Extractor, Any, _Context], None]] = {
    ast.FunctionDef: _Extractor.function,
    ast.AsyncFunctionDef: _Extractor.function,
    ast.ClassDef: _Extractor.class_,
    ast.Import: _Extractor.import_,
    ast.ImportFrom: _Extractor.import_from,
    ast.Assign: _Extractor.assign,
    ast.AnnAssign: _Extractor.annotated,
    ast.AugAssign: _Extractor.augmented,
    ast.For: _Extractor.for_,
    ast.AsyncFor: _Extractor.for_,
    ast.While: _Extractor.while_,
    ast.With: _Extractor.with_,
    ast.AsyncWith: _Extractor.with_,
    ast.Return: _Extractor.return_,
    ast.Expr: _Extractor.expression,
    ast.If: _Extractor.if_,
    ast.Global: _Extractor.global_,
    ast.Nonlocal: _Extractor.global_,
    _Returned: _Extractor.returned,
}

if sys.version_info >= (3, 12):
    _STATEMENTS[ast.TypeAlias] = _Extractor.alias

_EXPRESSIONS: dict[type, Callable[[_Extractor, Any, _Context, int], Expr]] = {
    ast.Name: _Extractor.name,
    ast.Attribute: _Extractor.attribute,
    ast.Call: _Extractor.call,
    ast.Await: _Extractor.awaited,
    ast.Constant: _Extractor.constant,
    ast.Subscript: _Extractor.subscript,
    ast.Tuple: _Extractor.display,
    ast.List: _Extractor.display,
    ast.Set: _Extractor.display,
    ast.Dict: _Extractor.mapping,
    ast.IfExp: _Extractor.conditional,
    ast.BoolOp: _Extractor.either,
    ast.BinOp: _Extractor.arithmetic,
    ast.JoinedStr: _Extractor.interpolated,
    ast.UnaryOp: _Extractor.negative,
    ast.Compare: _Extractor.compared,
    ast.NamedExpr: _Extractor.walrus,
    ast.ListComp: _Extractor.comprehension,
    ast.SetComp: _Extractor.comprehension,
    ast.GeneratorExp: _Extractor.comprehension,
    ast.DictComp: _Extractor.dict_comprehension,
    ast.Lambda: _Extractor.anonymous,
    ast.Yield: _Extractor.yielded,
    ast.YieldFrom: _Extractor.yielded,
}
