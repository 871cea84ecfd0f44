"""What is something stored for: a value, a lock, a counter, a token ...? By what the commands do first, by names last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from lint_rules.facts.model import Computed, Const, Expr, Ref
from lint_rules.knowledge.store_commands import Does
from lint_rules.project.resolver import Resolver
from lint_rules.project.signatures import last_name
from lint_rules.project.stores import words
from lint_rules.project.stores.model import KeyTemplate, Origin, Part, Purpose, StoreCall
from lint_rules.project.stores.stored import Kind, kind_of, serialised

Verdict = tuple[Purpose, str]
"""A purpose, and what speaks for it."""

BY_DEFAULT = "nothing speaks for anything else"


class _Evidence(Struct, frozen=True, eq=False):
    """What calls do with one key in one function."""

    calls: list[StoreCall]
    keys: list[KeyTemplate]
    does: set[Does]
    writes: list[StoreCall]
    kinds: list[Kind]
    """What each of the writes stores."""
    serialised: bool
    """Whether one of them stores a whole value: JSON, a pickle."""
    text: str
    """The constant parts of the keys."""
    said: str
    """All names that have to do with the key: in it, of it, of the function that makes it, of the store."""

    @property
    def small(self) -> bool:
        """Whether nothing but constants, times and random numbers is stored."""
        return bool(self.kinds) and all(self.kinds)

    @property
    def commands(self) -> str:
        """The commands in words."""
        return ", ".join(dict.fromkeys(call.command for call in self.calls))


def purpose(resolver: Resolver, calls: list[StoreCall], keys: list[KeyTemplate]) -> Verdict:
    """The purpose of what calls do with one key in one function.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    writes = [call for call in calls if call.does in (Does.WRITE, Does.READ_WRITE)]
    evidence = _Evidence(
        calls=calls,
        keys=keys,
        does={call.does for call in calls},
        writes=writes,
        kinds=[kind_of(resolver, call) for call in writes],
        serialised=any(serialised(resolver, call) for call in writes),
        text=" ".join(part.text for key in keys for part in key.parts if part.expr is None),
        said=" ".join([*(f"{key.text} {key.maker}" for key in keys), *(name for call in calls for name in _names(call))]),
    )
    for judge in (_by_command, _counter, _rate_limit, _lock, _invalidation, _session, _token, _flag):
        found = judge(evidence)
        if found is not None:
            return found
    return Purpose.VALUE, BY_DEFAULT


def _names(call: StoreCall) -> Iterator[str]:
    """The names that the keys are passed under, and that of the store."""
    yield from (last_name(key) for key in call.keys if isinstance(key, Ref))
    yield last_name(call.receiver)


def _by_command(evidence: _Evidence) -> Verdict | None:
    if evidence.does <= {Does.SCAN, Does.FLUSH, Does.OTHER, Does.INSPECT}:
        return Purpose.HOUSEKEEPING, evidence.commands
    if Does.LOCK in evidence.does:
        return Purpose.LOCK, evidence.commands
    if evidence.does & {Does.STRUCTURE, Does.SCRIPT}:
        return Purpose.STRUCTURE, evidence.commands
    return None


def _counter(evidence: _Evidence) -> Verdict | None:
    if Does.COUNT not in evidence.does and not _counts(evidence.calls):
        return None
    limits = words.says(f"{evidence.said} {evidence.calls[0].frame.qualname}", words.RATE)
    return (Purpose.RATE_LIMIT if limits else Purpose.COUNTER), evidence.commands


def _counts(calls: list[StoreCall]) -> bool:
    """`n = cache.get(key, 0)`, `n += 1`, `cache.set(key, n)`."""
    if not any(call.does is Does.READ and len(call.call.args) == 2 and _is_number(call.call.args[1]) for call in calls):
        return False
    for write in (call for call in calls if call.does is Does.WRITE):
        if isinstance(write.value, Computed):
            return True
        path = write.value.path if isinstance(write.value, Ref) else ""
        if any(binding.augmented and binding.target == path for binding in write.frame.scope.bindings):
            return True
    return False


def _is_number(expr: Expr) -> bool:
    return isinstance(expr, Const) and isinstance(expr.value, (int, float)) and not isinstance(expr.value, bool)


def _rate_limit(evidence: _Evidence) -> Verdict | None:
    if words.says(evidence.said, words.LOCK) or not words.says(evidence.said, words.RATE):
        return None
    if evidence.small or any(call.if_absent for call in evidence.writes):
        return Purpose.RATE_LIMIT, "its name, and nothing but a constant, a number or a time is stored"
    return None


def _lock(evidence: _Evidence) -> Verdict | None:
    if evidence.serialised:
        return None
    if words.says(evidence.text, words.LOCK):
        return Purpose.LOCK, "its name"
    named = words.says(evidence.said, words.LOCK)
    for call, kind in zip(evidence.writes, evidence.kinds):
        if call.if_absent:
            if not call.call.discarded and not call.store.pipeline and (kind or named or call.store.is_redis):
                return Purpose.LOCK, f"{call.command} stores only where nothing is, and its answer is read"
            if (kind and named) or Does.DELETE in evidence.does:
                return Purpose.LOCK, f"{call.command}, and its name or that it is deleted"
    if named and (evidence.small or not evidence.writes):
        return Purpose.LOCK, "its name"
    return None


def _invalidation(evidence: _Evidence) -> Verdict | None:
    only = evidence.does <= {Does.DELETE, Does.EXPIRE, Does.INSPECT}
    return (Purpose.INVALIDATION, evidence.commands) if only else None


def _session(evidence: _Evidence) -> Verdict | None:
    named = words.says(f"{evidence.said} {evidence.calls[0].frame.qualname}", words.SESSION)
    return (Purpose.SESSION, "its name") if named else None


def _token(evidence: _Evidence) -> Verdict | None:
    if evidence.writes and any(part.has(Origin.RANDOM) for key in evidence.keys for part in _parts(key)):
        return Purpose.ONE_TIME_TOKEN, "the key is made at random"
    if Does.TAKE in evidence.does:
        return Purpose.ONE_TIME_TOKEN, "it is taken out when it is read"
    if not evidence.writes and {Does.READ, Does.DELETE} <= evidence.does and words.says(evidence.said, words.TAKEN):
        return Purpose.ONE_TIME_TOKEN, "its name, and it is deleted after it was read"
    if any(part.has(Origin.SECRET) for key in evidence.keys for part in key.parts) or not words.says(evidence.said, words.TOKEN):
        return None
    computed = bool(evidence.kinds) and not all(evidence.kinds)
    if computed or Kind.RANDOM in evidence.kinds or Does.DELETE in evidence.does:
        return Purpose.ONE_TIME_TOKEN, "its name"
    return None


def _parts(key: KeyTemplate) -> Iterable[Part]:
    return [*key.parts, *(inner for part in key.parts for inner in part.inside)]


def _flag(evidence: _Evidence) -> Verdict | None:
    return (Purpose.FLAG, "only a constant or a time is stored") if evidence.small else None
