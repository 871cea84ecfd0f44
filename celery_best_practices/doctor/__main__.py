"""`python -m celery_best_practices.doctor`: as `crb doctor`, without what the linter sees in the code."""

from __future__ import annotations

import sys

from celery_best_practices.doctor import main

if __name__ == "__main__":
    sys.exit(main())
