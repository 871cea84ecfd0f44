"""Each codemod as a `CodemodCommand` for `python -m libcst.tool codemod -x codemods.commands.SleepInTask PATH`.

The classes are called like the rules. They rewrite one file at a time as libcst does, without the proof over the whole project and without
our way of writing; `python -m codemods.migrate` has both. Arguments: `--unsafe`.
"""

from __future__ import annotations

import argparse
import os
from functools import cache
from pathlib import Path
from typing import ClassVar

import libcst as cst
import msgspec
from libcst.codemod import CodemodCommand, CodemodContext, SkipFile

from codemods.change import Choices
from codemods.line_length import line_length
from codemods.registry import all_codemods
from codemods.rewriting import rewrite_file
from codemods.verify import check_text
from lint_rules.analysis import Analysis
from lint_rules.findings import FixKind
from lint_rules.rules.registry import all_rules
from lint_rules.run import analysed, codes
from lint_rules.settings import read_settings
from lint_rules.source.root import find_root


class Command(CodemodCommand):
    """The fixes of one rule in one file."""

    CODE: ClassVar[str]

    def __init__(self, context: CodemodContext, unsafe: bool = False) -> None:
        super().__init__(context)
        self.unsafe = unsafe

    @staticmethod
    def add_args(arg_parser: argparse.ArgumentParser) -> None:
        """The command's own arguments."""
        arg_parser.add_argument("--unsafe", action="store_true", help="also make fixes that may change what the code does")

    def transform_module_impl(self, tree: cst.Module) -> cst.Module:
        """The rewritten module."""
        if self.context.filename is None:
            raise SkipFile("the codemods need to know where the file is: they read its whole project")
        path = os.path.abspath(self.context.filename)
        analysis = _analysis(find_root(path), self.CODE)
        file = os.path.relpath(path, find_root(path)).replace(os.sep, "/")
        findings = [
            finding
            for finding in analysis.findings
            if finding.code == self.CODE and finding.place.file == file and (self.unsafe or finding.fix is not FixKind.UNSAFE)
        ]
        if not findings:
            return tree
        result = rewrite_file(
            file,
            tree.bytes,
            findings,
            analysis.project.tasks,
            analysis.project,
            Choices(unsafe=self.unsafe, line_length=line_length(find_root(path))),
        )
        for refusal in result.refused:
            self.warn(f"line {refusal.finding.place.row}: {refusal.reason}")
        if not result.applied:
            return tree
        for failure in check_text(tree.bytes, result):
            raise SkipFile(f"its proof failed ({failure.check}): {failure.reason}")
        return cst.parse_module(result.data)


@cache
def _analysis(root: str, code: str) -> Analysis:
    settings, problems = read_settings(Path(root, "pyproject.toml"), "pyproject.toml", codes)
    return analysed(root, msgspec.structs.replace(settings, extend_select=(*settings.extend_select, code)), problems, None, 1)


def _command(code: str) -> type[Command]:
    rule = all_rules()[code]
    name = "".join(word.capitalize() for word in rule.name.split("-"))
    description = f"{code}: {all_codemods()[code].doc}"
    return type(name, (Command,), {"CODE": code, "DESCRIPTION": description, "__doc__": description, "__module__": __name__})


COMMANDS = {command.__name__: command for command in (_command(code) for code, each in all_codemods().items() if each.rewrite is not None)}
"""Every command by its name."""

globals().update(COMMANDS)  # libcst.tool looks for attributes of the module, and its processes pickle them by name
