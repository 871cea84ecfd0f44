"""The peer of `codemods.migrate` in the benchmark: the same replacement as a command of `libcst.tool`, written the usual way.

`python -m libcst.tool codemod -x benchmarks.libcst_command.ReplaceTaskDecorator PATH`

`@app.task` and `@shared_task`, bare or called, become our io decorator with a config; queue, priority, max_retries and retry_backoff move
into the config. It does not know what a task does, does not check names beyond the file, and proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst
import libcst.matchers as m
from libcst.codemod import VisitorBasedCodemodCommand
from libcst.codemod.visitors import AddImportsVisitor, RemoveImportsVisitor
from libcst.metadata import QualifiedNameProvider

DECORATOR, CONFIG = "run_io_task_with_best_practices", "IOTaskConfig"
FIELDS = {"queue": "queue", "priority": "task_priority", "max_retries": "max_retries", "retry_backoff": "backoff"}
TIGHT = cst.AssignEqual(whitespace_before=cst.SimpleWhitespace(""), whitespace_after=cst.SimpleWhitespace(""))


class ReplaceTaskDecorator(VisitorBasedCodemodCommand):
    """Replaces plain Celery decorators."""

    DESCRIPTION = "Replaces @app.task and @shared_task by a decorator with a config."
    METADATA_DEPENDENCIES = (QualifiedNameProvider,)

    def leave_Decorator(self, original_node: cst.Decorator, updated_node: cst.Decorator) -> cst.Decorator:
        """Replace one decorator, and ask for the imports."""
        plain = original_node.decorator
        target = plain.func if isinstance(plain, cst.Call) else plain
        if not self._declares_a_task(target):
            return updated_node
        call = updated_node.decorator
        arguments = call.args if isinstance(call, cst.Call) else ()
        own = [_argument("config", self._config(arguments)), *(each for each in arguments if _keyword(each) not in FIELDS)]
        if isinstance(target, cst.Attribute):
            own.append(_argument("app", target.value))
        for name in (DECORATOR, CONFIG):
            AddImportsVisitor.add_needed_import(self.context, "celery_best_practices", name)
        RemoveImportsVisitor.remove_unused_import(self.context, "celery", "shared_task")
        return updated_node.with_changes(decorator=cst.Call(func=cst.Name(DECORATOR), args=own))

    def _declares_a_task(self, target: cst.BaseExpression) -> bool:
        if m.matches(target, m.Attribute(attr=m.Name("task"), value=m.Name("app") | m.Name("celery_app") | m.Name("celery"))):
            return True
        names = self.get_metadata(QualifiedNameProvider, target, set())
        return any(each.name in ("celery.shared_task", "celery.app.shared_task") for each in names)

    def _config(self, arguments: Sequence[cst.Arg]) -> cst.Call:
        moved = [_argument(FIELDS[_keyword(each)], each.value) for each in arguments if _keyword(each) in FIELDS]
        return cst.Call(func=cst.Name(CONFIG), args=moved)


def _keyword(argument: cst.Arg) -> str:
    return argument.keyword.value if argument.keyword is not None else ""


def _argument(keyword: str, value: cst.BaseExpression) -> cst.Arg:
    return cst.Arg(value, keyword=cst.Name(keyword), equal=TIGHT)
