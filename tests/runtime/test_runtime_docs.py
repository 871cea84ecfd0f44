"""The examples in docs/runtime are code that runs, and what its tables say is what the code says."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from celery_best_practices.contract import FIELDS
from tests.runtime.servers import ROOT

PAGES = sorted((ROOT / "docs" / "runtime").glob("*.md"))
EXAMPLES = [(page.name, code) for page in PAGES for code in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)]
HTTPX = "import sys, types\nmodule = sys.modules['httpx'] = types.ModuleType('httpx')\nmodule.AsyncClient = object\n"


@pytest.mark.parametrize(("page", "code"), EXAMPLES, ids=[page for page, _ in EXAMPLES])
def test_examples_run(page: str, code: str) -> None:
    check = "\nfrom celery import current_app\nassert len(current_app.tasks) >= 9\n"
    done = subprocess.run([sys.executable, "-c", HTTPX + code + check], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([\w.]+\.md)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_all_fields_are_described() -> None:
    declaring = (ROOT / "docs" / "runtime" / "declaring.md").read_text()
    for field in FIELDS:
        assert f"`{field.name}`" in declaring
