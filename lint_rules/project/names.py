"""Names that speak of communication: they prove nothing, they tell where not being able to look inside matters."""

from __future__ import annotations

SENDING = frozenset({"send", "notify", "fetch", "upload", "download", "publish", "push", "deliver", "post", "request"})
"""First words of names of functions that wait for others, when a library without rows defines them."""

COMMUNICATION = SENDING | {"requests", "emit", "invoke", "handler", "callback", "action", "webhook", "email", "mail", "http", "rpc"}
"""Words in names of calls that may well wait for others. They prove nothing: they only make a task's workload unknown."""

TALKERS = frozenset({"client", "api", "sdk", "gateway", "mailer", "notifier", "transport", "synchronizer"})
"""Words in names of objects, modules and packages whose methods may well do."""

DATA = frozenset({"get", "update", "copy", "status", "values", "items", "add", "count", "index", "name", "format", "parse"})

QUERY_METHODS = frozenset({"query", "execute", "scalars", "scalar", "add", "get", "delete", "merge"})


def may_talk(path: str) -> bool:
    """Whether the names in a call's path speak of communication."""
    *owners, name = path.lower().split(".")
    if name in DATA or path.startswith(("celery.", "builtins.")):
        return False
    if not COMMUNICATION.isdisjoint(name.split("_")):
        return True
    return any(not TALKERS.isdisjoint(owner.replace("(", "_").split("_")) for owner in owners[-2:])


def sends(path: str) -> bool:
    """Whether a library function is called like one that waits for others: `send_mail`, `fetch`, `upsert_object_request`."""
    words = path.rpartition(".")[2].lower().split("_")
    return (words[0] in SENDING or words[-1] == "request") and "signal" not in path
