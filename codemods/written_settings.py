"""Where does the code write a setting? As a name of a module or a class, on `app.conf`, or as an argument of `app.conf.update`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Union

import libcst as cst

from codemods.tree import Tree


class WrittenSetting(NamedTuple):
    """A place that gives a setting its value."""

    name: Union[cst.Name, cst.SimpleString]
    """How it is written there."""
    holder: Union[cst.Assign, cst.AnnAssign, cst.DictElement, cst.Arg]
    """What gives the value: a statement, an entry of a dict, a keyword argument."""


def written_settings(tree: Tree, name: str, below: cst.CSTNode | None = None) -> list[WrittenSetting]:
    """The places in a file, or below one of its nodes, that set `name`."""
    found: list[WrittenSetting] = []
    pending = [below if below is not None else tree.module]
    while pending:
        node = pending.pop()
        found += (each for each in _written(tree, node) if _text(each.name) == name)
        pending += reversed(node.children)
    return found


def _written(tree: Tree, node: cst.CSTNode) -> Iterator[WrittenSetting]:
    if isinstance(node, cst.Assign):
        for each in node.targets:
            yield from _of_target(tree, each.target, node)
    elif isinstance(node, cst.AnnAssign) and node.value is not None:
        yield from _of_target(tree, node.target, node)
    elif isinstance(node, cst.Call) and _is_conf(node.func.value if isinstance(node.func, cst.Attribute) else node.func):
        for arg in node.args if isinstance(node.func, cst.Attribute) and node.func.attr.value == "update" else ():
            if arg.keyword is not None:
                yield WrittenSetting(arg.keyword, arg)
            elif isinstance(arg.value, cst.Dict):
                for element in arg.value.elements:
                    if isinstance(element, cst.DictElement) and isinstance(element.key, cst.SimpleString):
                        yield WrittenSetting(element.key, element)


def _of_target(tree: Tree, target: cst.BaseExpression, holder: cst.Assign | cst.AnnAssign) -> Iterator[WrittenSetting]:
    if isinstance(target, cst.Name):
        if tree.within(holder, cst.FunctionDef) is None:  # names of functions are nobody's settings
            yield WrittenSetting(target, holder)
    elif isinstance(target, cst.Attribute) and _is_conf(target.value):
        yield WrittenSetting(target.attr, holder)
    elif isinstance(target, cst.Subscript) and _is_conf(target.value) and len(target.slice) == 1:
        index = target.slice[0].slice
        if isinstance(index, cst.Index) and isinstance(index.value, cst.SimpleString):
            yield WrittenSetting(index.value, holder)


def _is_conf(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Attribute) and node.attr.value == "conf"


def _text(name: cst.Name | cst.SimpleString) -> object:
    return name.value if isinstance(name, cst.Name) else name.evaluated_value
