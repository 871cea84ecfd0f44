"""Rewrites of what the linter finds (`python -m codemods.migrate`): to come with the migration milestone."""
