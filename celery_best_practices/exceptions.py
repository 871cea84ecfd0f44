"""How does a task end that was not allowed to run? With one of these, as its failure."""

from __future__ import annotations


class PermissionDenied(Exception):
    """The caller has none of the roles that the task asks for, or could not prove who it is."""


class InsufficientCredits(Exception):
    """The caller's balance does not cover what the task costs."""


class RateLimited(Exception):
    """The task has been called as often as its `rate_limit` allows.

    Workers send the task again for later instead; only an eager call raises it.
    """
