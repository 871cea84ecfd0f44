"""Caches and Redis: which code talks to them, under which keys, and what for (issue 6; research/survey.md section 5)."""
