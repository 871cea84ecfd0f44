"""Does a file serve tests or continuous integration, by its path?"""

from __future__ import annotations

import re

_DIRECTORY = re.compile(r"(^|/)(tests?|testing|ci|\.ci|\.github|\.gitlab|\.circleci)/")
_NAME = re.compile(r"(^|[._-])(tests?|testing|ci|conftest)[._-]|^\.(gitlab-ci|travis|drone)\.|^(azure|bitbucket)-pipelines\.|_test\.py$")


def for_tests(file: str) -> bool:
    """Whether it lies in such a directory, or is called so: `tests/app.py`, `docker-compose.test.yml`, `.gitlab-ci.yml`."""
    return bool(_DIRECTORY.search(file) or _NAME.search(file.rpartition("/")[2]))
