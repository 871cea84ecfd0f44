"""CRB401: a cpu task that begins with waiting becomes an io task and a cpu task, and the task of the old name chains the two:

    @run_cpu_task_with_best_practices(config=CPUTaskConfig())
    def shrink(url, width):
        content = requests.get(url, timeout=10).content
        return encoded(Image.open(BytesIO(content)).resize((width, width)))

keeps its name, its signature and its options, and its body is

    if shrink.request.called_directly or shrink.request.is_eager:
        return shrink_cpu(shrink_io(url), width)
    return shrink.replace(chain(shrink_io.s(url), shrink_cpu.s(width)))

Seen with Celery 5.4.0 and 5.7.0, on prefork and threads, with and without a result backend: `replace` gives the chain the task's id, its
callbacks and errbacks and its place in a chain or a chord, so that whoever waits for the old name gets the result, or the error of either
part. It raises by itself. Called as a function it would send messages, and under `task_always_eager` it fails ("Never call result.get()
within a task!"): there the parts are called one after the other. What the io part returns is not stored, its errors are: else those who
wait for the whole would never hear of a failure there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import dropwhile, takewhile
from typing import NamedTuple

import libcst as cst

from celery_best_practices.contract import CONFIGS, DECORATORS
from codemods.arguments import Item, Space, argument, is_spread, items_of, laid_out, map_keyword
from codemods.change import Edit, Refused, Site
from codemods.import_place import is_docstring
from codemods.registry import codemod
from codemods.splitting import Body, Cut
from lint_rules.facts.model import Attr, Const, Expr, Map, Ref, Result, Seq
from lint_rules.project.values import Bound

FIELDS = frozenset({"max_retries", "backoff", "task_priority", "queue", "timeout"})
"""What each part is asked for as the whole was. A run is charged, cached, counted or permitted once: that cannot be shared out."""

OPTIONS = frozenset(
    {"config", "name", "app", "ignore_result", "store_errors_even_if_ignored", "serializer", "time_limit", "soft_time_limit", "throws"}
    | {"acks_late", "reject_on_worker_lost", "track_started", "max_retries", "default_retry_delay", "retry_kwargs"}
    | {"autoretry_for", "dont_autoretry_for", "retry_backoff", "retry_backoff_max", "retry_jitter"}
)
"""Options that each part takes over as they are: each is limited, acknowledged and retried by itself."""

AT_A_CALL = frozenset({"queue", "exchange", "routing_key", "priority", "serializer", "time_limit", "soft_time_limit"})
"""Options of `apply_async` that would stop at the first of three tasks."""

MOVED = ("CRB404", "CRB405", "CRB406", "CRB407", "CRB408", "CRB410")
"""Findings about calls that stand in one of the parts now."""

WHY = "# the chain takes over this task's id, callbacks and place in a canvas"


class _Whole(NamedTuple):
    """The task that is to be split."""

    function: cst.FunctionDef
    body: cst.IndentedBlock
    docstring: Sequence[cst.BaseStatement]
    declaration: cst.Call
    config: cst.Call

    @property
    def name(self) -> str:
        """Of the function."""
        return self.function.name.value

    def parameter(self, name: str) -> cst.Param:
        """A parameter as the parts have it: no default, no kind."""
        parameters = self.function.params
        everyone = (*parameters.posonly_params, *parameters.params, *parameters.kwonly_params)
        annotation = next(each.annotation for each in everyone if each.name.value == name)
        return cst.Param(cst.Name(name), annotation.deep_clone() if annotation is not None else None)


@codemod("CRB401", alters=("tasks",), reveals=("CRB113", *MOVED), settles=("CRB401", "CRB402", *MOVED))
def blocking_call_in_cpu_task(site: Site) -> Iterator[Edit]:
    """Split the task in two."""
    whole = _whole(site)
    _check_options(site, whole)
    _check_settings(site)
    cut = Body(site, whole.body.body[len(whole.docstring) :]).cut()
    names = [value.name for value in cut.values]
    packed = "fetched" if len(names) > 1 else ""
    if packed and re.search(rf"\b{packed}\b", site.tree.code(whole.function)):
        raise Refused(f"{packed} means something in it already")
    unpacked = [_statement(site, f"{', '.join(names)} = {packed}")] if packed else []
    io = _part(site, whole, "io", [*map(whole.parameter, cut.taken)], _returning(site, cut), stores=not names)
    first = [cst.Param(cst.Name(name)) for name in ([packed] if packed else names)]
    cpu = _part(site, whole, "cpu", [*first, *map(whole.parameter, cut.kept)], [*unpacked, *cut.rest])
    hand_over = _chaining(site, whole, cut)
    lines = whole.function.leading_lines
    own = len(lines) - len([*takewhile(lambda line: line.comment, reversed(lines))])
    blank = [*takewhile(lambda line: not line.comment, reversed(lines[:own]))] or [cst.EmptyLine(indent=False)] * 2

    def split(node: cst.FunctionDef) -> cst.FlattenSentinel[cst.FunctionDef]:
        return cst.FlattenSentinel(
            [
                io.with_changes(leading_lines=lines[:own] if own else blank),
                cpu.with_changes(leading_lines=blank),
                hand_over(node).with_changes(leading_lines=[*blank, *lines[own:]]),
            ]
        )

    yield Edit(whole.function, split)


# ── whether it can be split ──────────────────────────────────────────────────────────────────────────────────────────


def _whole(site: Site) -> _Whole:
    task, tree = site.task, site.tree
    if task.declaration.form != "ours" or task.declaration.workload != "cpu":
        raise Refused(f"it is declared by {task.declaration.text}, not as one of our cpu tasks")
    function = tree.parent(site.decorator)
    if not isinstance(function, cst.FunctionDef) or not isinstance(tree.parent(function), cst.Module):
        raise Refused("it is no function at the top of a module")
    if len(function.decorators) > 1:
        raise Refused("it has another decorator, which one of the parts or both may need")
    if function.asynchronous or task.function.is_generator or function.type_parameters or not isinstance(function.body, cst.IndentedBlock):
        raise Refused("it is no plain function")
    if any(each.kind in ("args", "kwargs") or each.name == function.name.value for each in task.function.parameters):
        raise Refused("it takes *args or **kwargs, or a parameter that is called like itself")
    for name in (f"{function.name.value}_io", f"{function.name.value}_cpu"):
        if re.search(rf"\b{name}\b", tree.module.code):
            raise Refused(f"{name} means something in the module already")
    declaration, config = site.decorator.decorator, site.arguments.get("config")
    if not isinstance(declaration, cst.Call) or config is None or not isinstance(config.value, cst.Call):
        raise Refused("its config is made elsewhere")
    docstring = [each for each in function.body.body[:1] if is_docstring(each) and len(each.body) == 1]  # type: ignore[attr-defined]
    return _Whole(function, function.body, docstring, declaration, config.value)


def _check_options(site: Site, whole: _Whole) -> None:
    task, project = site.task, site.project
    fields = [arg.keyword.value if arg.keyword is not None else "*" for arg in whole.config.args]
    options = [arg.keyword.value if arg.keyword is not None else "*" for arg in whole.declaration.args]
    for name in (*(field for field in fields if field not in FIELDS), *(option for option in options if option not in OPTIONS)):
        raise Refused(f"both parts cannot have its {name} without changing what it means")
    name_option = site.arguments.get("name")
    if name_option is not None and not isinstance(name_option.value, cst.SimpleString):
        raise Refused("its name is not written there as a string")
    if project.option(task, "serializer") not in (None, "json"):
        raise Refused("it does not use the JSON serializer")
    if {task.name, f"{task.module}.{task.qualname}"} & project.settings.workload.keys():
        raise Refused("[tool.crb] workload says what it does")
    module = project.module(task.file)
    if module is None or len(module.members.get("", {}).get(whole.name, ())) != 1 or module.bindings("").get(whole.name):
        raise Refused(f"{whole.name} means several things in the module")


def _check_settings(site: Site) -> None:
    """That settings and senders treat the parts as they treat the task."""
    task, project = site.task, site.project
    for setting in project.celery_settings:
        value = project.literal(setting.value, setting.frame)
        if setting.name == "task_serializer" and value != "json":
            raise Refused("task_serializer is not certain to be json")
        if setting.name == "accept_content" and not (isinstance(value, (list, tuple)) and {"json", "application/json"} & {*value}):
            raise Refused("accept_content is not certain to have json")
        if setting.name in ("task_routes", "task_annotations"):
            parts = setting.value.items if isinstance(setting.value, Seq) else (setting.value,)
            keys = [key for part in parts for key in (part.keys if isinstance(part, Map) else [None])]
            if not all(isinstance(key, Const) for key in keys) or Const(task.name) in keys:
                raise Refused(f"{setting.name} may be meant for it by name, and would not find its parts")
    project.index.load(project.index.naming([f"{task.function.name}."]))
    for module in project.index.loaded():
        for qualname in ("", *module.functions):
            for call in module.scope(qualname).calls:
                if AT_A_CALL & {keyword for keyword, _ in call.keywords} and _sends(site, call.func, module.file, qualname):
                    raise Refused(f"{module.file}:{call.span.row} sends it with options that its parts would not get")


def _sends(site: Site, func: Expr, file: str, qualname: str) -> bool:
    """Whether it is a method of the task or of a signature of it."""
    frame = site.project.resolver.frame(file, qualname)
    while frame is not None and isinstance(func, (Attr, Ref)):
        if isinstance(func, Ref):
            values = site.project.values(Ref(func.path.rpartition(".")[0]), frame) if f"{site.task.function.name}." in func.path else ()
            return any(isinstance(each, Bound) and (each.file, each.qualname) == (site.task.file, site.task.qualname) for each in values)
        func = frame.scope.calls[func.base.index].func if isinstance(func.base, Result) else func.base
    return False


# ── the three tasks ──────────────────────────────────────────────────────────────────────────────────────────────────


def _part(
    site: Site, whole: _Whole, workload: str, parameters: Sequence[cst.Param], body: Sequence[cst.BaseStatement], stores: bool = True
) -> cst.FunctionDef:
    """One of the two parts; what it returns is stored where the options say so, or not at all."""
    says = f"What {whole.name} {'waits for' if workload == 'io' else 'computes'}."
    docstring = [_statement(site, f'"""{says}"""')] if whole.docstring else []
    first, *others = body
    lines = [*dropwhile(lambda line: not line.comment, first.leading_lines)]  # type: ignore[attr-defined]
    ends = workload == "cpu"
    return cst.FunctionDef(
        name=cst.Name(f"{whole.name}_{workload}"),
        params=cst.Parameters(list(parameters)),
        body=cst.IndentedBlock(
            [*docstring, first.with_changes(leading_lines=lines), *others],
            indent=whole.body.indent,
            footer=whole.body.footer if ends else (),
        ),
        decorators=[cst.Decorator(_declared(site, whole, workload, stores))],
        returns=whole.function.returns.deep_clone() if ends and whole.function.returns is not None else None,
    )


def _returning(site: Site, cut: Cut) -> list[cst.BaseStatement]:
    """The first part with a `return` of what the second one needs."""
    sources = [value.source for value in cut.values]
    last = cut.lead[-1]
    match last:
        case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value)]):
            if [name] == sources:
                return [*cut.lead[:-1], last.with_changes(body=[cst.Return(value)])]
    returned = sources[0] if len(sources) == 1 else f"[{', '.join(sources)}]"
    return [*cut.lead, *([_statement(site, f"return {returned}")] if sources else [])]


def _declared(site: Site, whole: _Whole, workload: str, stores: bool) -> cst.Call:
    """The decorator of a part: the options of the whole under a name of its own, on the queue of its workload with --route."""
    space, quote = site.tree.space(site.decorator, 1), site.tree.quote
    fields = [Item(item.arg.deep_clone()) for item in items_of(whole.config)[0]]
    if site.choices.route:
        fields = [argument("queue", f"{quote}{workload}{quote}"), *(item for item in fields if item.keyword != "queue")]
    config = laid_out(cst.Call(_named(site, whole.config.func, CONFIGS, workload)), fields, (), space.within("config=,"))
    options = {item.keyword: Item(item.arg.deep_clone()) for item in items_of(whole.declaration)[0]}
    options["config"] = argument("config", config)
    if "name" in options:
        string = options["name"].arg.value
        assert isinstance(string, cst.SimpleString)
        end = len(string.raw_value) + len(string.prefix) + len(string.quote)
        options["name"] = argument("name", f"{string.value[:end]}.{workload}{string.quote}")
    if not stores and not site.task.flag("ignore_result"):
        options |= {name: argument(name, "True") for name in ("ignore_result", "store_errors_even_if_ignored")}
    function = _named(site, whole.declaration.func, DECORATORS, workload)
    return laid_out(cst.Call(function), [*options.values()], (), space, is_spread(whole.declaration))


def _named(site: Site, expression: cst.BaseExpression, names: Mapping[str, str], workload: str) -> cst.BaseExpression:
    """A decorator or config of ours for a workload, from where the whole has that of cpu."""
    if workload == "cpu":
        return expression.deep_clone()
    if isinstance(expression, cst.Attribute) and expression.attr.value == names["cpu"]:
        return expression.with_changes(attr=cst.Name(names[workload])).deep_clone()
    module = site.project.module(site.task.file)
    for item in module.imports("").get(expression.value, ()) if module is not None and isinstance(expression, cst.Name) else ():
        if item.attribute == names["cpu"]:
            return cst.parse_expression(site.name("." * item.level + item.module, names[workload], site.decorator))
    raise Refused(f"where {names['cpu']} comes from cannot be seen")


def _chaining(site: Site, whole: _Whole, cut: Cut) -> Callable[[cst.FunctionDef], cst.FunctionDef]:
    """What makes the whole hand its parts over."""
    indent = whole.body.indent or site.tree.module.default_indent
    space = Space(site.tree.width - len(indent) - len("return "), site.tree.module.default_indent)
    io, cpu = f"{whole.name}_io", f"{whole.name}_cpu"
    signatures = [f"{io}.s({', '.join(cut.taken)})", f"{cpu}.{'s' if cut.values else 'si'}({', '.join(cut.kept)})"]
    chain = _call(site.name("celery", "chain", whole.body.body[0]), map(cst.parse_expression, signatures), space.within(""))
    waiting = _call(io, map(cst.Name, cut.taken), space.within(""))
    computing = _call(cpu, [*([waiting] if cut.values else []), *map(cst.Name, cut.kept)], space.within(""))
    inline = [cst.Return(computing)] if cut.values else [cst.Expr(waiting), cst.Return(computing)]
    directly = cst.If(
        cst.parse_expression(f"{whole.name}.request.called_directly or {whole.name}.request.is_eager"),
        cst.IndentedBlock([cst.SimpleStatementLine([each]) for each in inline], indent=whole.body.indent),
    )
    replaced = cst.SimpleStatementLine(
        [cst.Return(_call(f"{whole.name}.replace", [chain], space))], leading_lines=[cst.EmptyLine(comment=cst.Comment(WHY))]
    )
    decorator = whole.declaration.with_changes(func=_named(site, whole.declaration.func, DECORATORS, "io"))
    config = whole.config.with_changes(func=_named(site, whole.config.func, CONFIGS, "io"))
    declared = map_keyword(decorator, "config", lambda arg: arg.with_changes(value=config))

    def chaining(node: cst.FunctionDef) -> cst.FunctionDef:
        return node.with_changes(
            decorators=[node.decorators[0].with_changes(decorator=declared)],
            body=node.body.with_changes(body=[*whole.docstring, directly, replaced], footer=()),
        )

    return chaining


def _call(function: str, arguments: Iterable[cst.BaseExpression], space: Space) -> cst.Call:
    return laid_out(cst.Call(cst.parse_expression(function)), [Item(cst.Arg(each)) for each in arguments], (), space)


def _statement(site: Site, code: str) -> cst.SimpleStatementLine | cst.BaseCompoundStatement:
    return cst.parse_statement(code, config=site.tree.module.config_for_parsing)
