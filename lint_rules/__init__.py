"""The linter of celery-best-practices."""

VERSION = "0.1.0"
