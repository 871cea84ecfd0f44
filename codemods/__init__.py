"""Rewrites of what the linter finds, in code and in deployment files, with a proof (`python -m codemods.migrate`)."""
