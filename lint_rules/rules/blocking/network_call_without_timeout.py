"""
What it does
------------
Reports network calls without a timeout that running some task reaches, where the library waits for ever by default: requests, urllib,
smtplib, ftplib, imaplib, sockets and others.

Why it matters
--------------
A server that accepts the connection and never answers holds the worker's slot until someone restarts the worker. A few such messages stop
the queue, and nothing is logged.

Example
-------
```python
import requests
from celery import shared_task


@shared_task
def post_to_chat(text):
    requests.post("https://chat.example/hook", json={"text": text})
```

Use instead
-----------
```python
import requests
from celery import shared_task


@shared_task
def post_to_chat(text):
    requests.post("https://chat.example/hook", json={"text": text}, timeout=(3, 10))
```

Fix safety
----------
Unsafe: a call that took longer than the new timeout and succeeded fails now.

Known limits
------------
A call with `**kwargs` or `*args`, and a session that is a parameter or comes from where it cannot be followed, may have a timeout and is
not reported. Time limits of the task are not counted: they end the wait by ending the task. httpx has a timeout of 5 seconds by itself.

References
----------
- [requests: timeouts](https://requests.readthedocs.io/en/latest/user/advanced/#timeouts)
- [Celery: avoid blocking for ever](https://docs.celeryq.dev/en/stable/userguide/tasks.html)
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from lint_rules.facts.model import Attr, Call, Const, Expr, Ref
from lint_rules.findings import FixKind, Related, Report, Severity
from lint_rules.knowledge.tables import CallRow
from lint_rules.project.frames import Frame
from lint_rules.project.origins import call_behind
from lint_rules.project.project import Project, TaskCall
from lint_rules.project.values import Bound, ClassValue, External
from lint_rules.rules.blocking.session_origin import may_bring_timeout
from lint_rules.rules.registry import rule

SOCKET_DEFAULT = ("urllib.", "smtplib.", "ftplib.", "imaplib.", "poplib.", "telnetlib.", "socket.", "ssl.", "imap_tools.")
"""What `socket.setdefaulttimeout` bounds; requests and urllib3 overrule it."""

TIMERS = frozenset({"gevent.Timeout()", "gevent.timeout.Timeout()", "eventlet.Timeout()", "eventlet.timeout.Timeout()"})


@rule("CRB406", "network-call-without-timeout", on=TaskCall, severity=Severity.WARNING, fix=FixKind.UNSAFE)
def network_call_without_timeout(reached: TaskCall, project: Project) -> Iterator[Report]:
    """Calls that wait for ever unless they are told not to, and are not told."""
    row, call, frame, path = reached.effect.row, reached.call, reached.node.frame, reached.effect.path
    if row is None or row.timeout is None or _given(call, row):
        return
    if _hidden(call, path, row, frame, project) or _bounded_around(call, path, frame, project):
        return
    through = f", reached through {project.chain(reached.steps)}" if reached.steps else ""
    task = reached.task
    yield Report(
        project.at_call(reached.node.file, call),
        f"{path} has no timeout: a server that never answers holds the worker slot of task {task.function.name!r} for ever{through}; "
        f"pass {row.timeout}=",
        task=task.name,
        related=(Related(task.file, task.function.row, f"task {task.name}"), *project.related_steps(reached.steps)),
        fix=FixKind.UNSAFE,
    )


def _given(call: Call, row: CallRow) -> bool:
    """Whether the call itself passes a timeout, or may do so."""
    if call.starred or call.opaque_keywords:
        return True
    timeout = call.keyword(row.timeout or "")
    if timeout is None and row.timeout_position is not None and row.timeout_position < len(call.args):
        timeout = call.args[row.timeout_position]
    return timeout not in (None, Const(None))


def _hidden(call: Call, path: str, row: CallRow, frame: Frame, project: Project) -> bool:
    """Whether what is called may have got a timeout before: a partial, a subclass, a session."""
    for value in project.values(call.func, frame):
        if isinstance(value, ClassValue):
            made = project.loading(partial(project.resolver.classes.attribute, value, "__init__", value))
            return any(isinstance(each, Bound) for each in made)
    name = path.rpartition(".")[2]
    if not _written_as(name, call.func, frame):
        behind = project.loading(lambda: call_behind(project.resolver, call.func, frame))
        if behind is None or External("functools.partial") not in project.values(behind[0].func, behind[1]):
            return True
        return "Session()" in path or _given(behind[0], row)
    if "Session()" not in path or not isinstance(call.func, (Ref, Attr)):
        return False
    return may_bring_timeout(_receiver(call.func), frame, project)


def _written_as(name: str, func: Expr, frame: Frame) -> bool:
    """Whether a callee is written with the library's own name for it, or under an alias given by an import from the library."""
    if not isinstance(func, (Ref, Attr)):
        return False
    head, _, last = func.path.rpartition(".")
    if head or isinstance(func, Attr):
        return last == name
    scope: Frame | None = frame
    while scope is not None:
        for item in scope.module.imports(scope.qualname).get(last, ()):
            return item.attribute == name
        scope = scope.parent
    return any(item.attribute == name for item in frame.module.imports("").get(last, ()))


def _receiver(func: Ref | Attr) -> Expr:
    owner = func.path.rpartition(".")[0]
    if isinstance(func, Ref):
        return Ref(owner)
    return Attr(func.base, owner) if owner else func.base


def _bounded_around(call: Call, path: str, frame: Frame, project: Project) -> bool:
    """Whether a default of the sockets, or a timer around the call, ends the wait."""
    for place in call.withs:
        if any(isinstance(value, External) and value.path in TIMERS for value in project.values(frame.scope.withs[place], frame)):
            return True
    return path.startswith(SOCKET_DEFAULT) and _socket_default(project)


def _socket_default(project: Project) -> bool:
    for module in project.index.loaded():
        for qualname in ("", *module.functions):
            for call in module.scope(qualname).calls:
                if isinstance(call.func, (Ref, Attr)) and call.func.path.endswith("setdefaulttimeout"):
                    return True
    return False
