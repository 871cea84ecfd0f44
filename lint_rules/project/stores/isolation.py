"""Does a key tell users apart, and is what is cached only for nobody in particular?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lint_rules.facts.model import Guard
from lint_rules.knowledge.store_commands import Does
from lint_rules.project.frames import Frame
from lint_rules.project.resolver import Resolver
from lint_rules.project.stores.acting import acting, parameters_of
from lint_rules.project.stores.model import KeyTemplate, Origin, Part, StoreCall, UserData
from lint_rules.project.stores.users import Flow
from lint_rules.project.stores.words import words

UNKNOWN_KEYS = frozenset({"key", "keys", "prefix", "suffix", "hash", "digest", "identifier", "args", "kwargs", "parts", "params"})
"""Words in the names of parameters that may have anything in them."""


def user_data(resolver: Resolver, calls: Iterable[StoreCall], keys: list[KeyTemplate]) -> tuple[UserData, ...]:
    """What of the acting user is stored, where the key may be the same for another one.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    said = frozenset(part.text for key in keys for part in _all_parts(key) if part.expr is not None)
    found: dict[str, UserData] = {}
    for call in calls:
        if call.value is None or call.does not in (Does.WRITE, Does.READ_WRITE):
            continue
        flow = Flow(resolver, call.frame, call.call.span.row, said)
        if call.does is Does.READ_WRITE:
            flow.produced(call.value, call.arguments, call.frame)
        else:
            flow.follow([call.value], call.frame)
        found |= flow.found
    if not found or tells_users_apart(resolver, keys):
        return ()
    return tuple(found.values())


def tells_users_apart(resolver: Resolver, keys: Iterable[KeyTemplate]) -> bool:
    """Whether a key tells users apart, or may do so as far as can be seen.

    One of several keys is enough: the others are those of nobody (`f"user:{user.id}" if user else "public"`).
    """
    return any(_tells(resolver, key) for key in keys)


def _tells(resolver: Resolver, key: KeyTemplate) -> bool:
    if key.built or key.has(Origin.USER, Origin.TENANT, Origin.SECRET, Origin.RANDOM):
        return True
    if len(key.parts) == 1 and key.parts[0].has(Origin.PARAMETER):  # the caller's
        return True
    for part in _all_parts(key):
        if part.expr is None or part.frame is None:
            continue
        if part.has(Origin.PARAMETER) and UNKNOWN_KEYS.intersection(words(part.text)):
            return True
        flow = Flow(resolver, part.frame, key.row)
        flow.follow([part.expr], part.frame)
        if flow.found:
            return True
    return False


def _all_parts(key: KeyTemplate) -> Iterator[Part]:
    pending = list(key.parts)
    while pending:
        part = pending.pop()
        yield part
        pending += part.inside


def for_nobody(calls: Iterable[StoreCall]) -> bool:
    """Whether all of the calls are reached only where nobody is logged in."""
    found = [any(_anonymous(call.frame.scope.guards[place], call.frame) for place in call.call.guards) for call in calls]
    return bool(found) and all(found)


def _anonymous(guard: Guard, frame: Frame) -> bool:
    owner, _, last = guard.path.rpartition(".")
    if last == "is_anonymous":
        return guard.outcome
    if guard.outcome or not guard.path:
        return False
    return last == "is_authenticated" or acting(guard.path, parameters_of(frame)) == guard.path or (owner != "" and last == "user")


def body_data(resolver: Resolver, frame: Frame, keys: tuple[KeyTemplate, ...]) -> tuple[UserData, ...]:
    """What of the acting user a function reads whose result is cached, where the keys may be the same for another one.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    if frame.function is None or not keys or tells_users_apart(resolver, keys):
        return ()
    flow = Flow(resolver, frame, frame.function.row)
    flow.body(frame)
    said = {part.text for key in keys for part in key.parts if part.expr is not None}
    return tuple(each for each in flow.found.values() if each.path.partition(".")[0] not in said)
