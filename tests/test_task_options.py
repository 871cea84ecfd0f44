"""What the linter takes for an option of Celery, the runtime passes on: else a migrated module could not be imported."""

from __future__ import annotations

import pytest

from celery_best_practices.task_options import check_options
from lint_rules.knowledge.celery_options import EXECUTION_OPTIONS, TASK_OPTIONS


def test_the_runtime_passes_on_what_the_linter_knows() -> None:
    check_options("a decorator", dict.fromkeys(TASK_OPTIONS), None, "IOTaskConfig")


@pytest.mark.parametrize("option", sorted(EXECUTION_OPTIONS))
def test_the_runtime_refuses_what_the_linter_reports(option: str) -> None:
    with pytest.raises(TypeError, match=option):
        check_options("a decorator", {option: None}, None, "IOTaskConfig")
