"""Which reads and writes belong together, and what do they cache?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from lint_rules.knowledge.store_commands import Does, Keys
from lint_rules.project.stores.isolation import for_nobody, user_data
from lint_rules.project.stores.keys import KeyReader
from lint_rules.project.stores.model import CacheUse, Expiry, KeyTemplate, Origin, Purpose, StoreCall
from lint_rules.project.stores.purposes import BY_DEFAULT, purpose

if TYPE_CHECKING:
    from lint_rules.project.project import Project

MOST_KEYS = 8
"""Keys of one command that are looked at."""

LETTERS_OF_A_NAMESPACE = 3
"""Letters in the constant parts of a key that make it the same key wherever it is used."""


class _Group(Struct):
    """What one function does with one key."""

    calls: list[StoreCall]
    keys: list[KeyTemplate]


def uses_of(project: Project, calls: Iterable[StoreCall], keys: KeyReader) -> list[CacheUse]:
    """What the calls are for, by file and row."""
    groups = _grouped(project, calls, keys)
    found = [project.loading(lambda group=group: _use(project, group)) for group in groups]  # type: ignore[misc]
    return sorted(_agreeing(found), key=lambda use: (use.file, use.row))


def _grouped(project: Project, calls: Iterable[StoreCall], keys: KeyReader) -> Iterable[_Group]:
    """Calls in one function (and those in it) whose keys are the same text."""
    groups: dict[tuple[str, ...], _Group] = {}
    for call in calls:
        if call.does is Does.OTHER:
            continue
        if not call.keys or call.row.keys is Keys.PATTERN or call.does is Does.FLUSH:
            groups[(call.file, str(id(call)))] = _Group([call], [])
            continue
        for key in call.keys[:MOST_KEYS]:
            templates = project.loading(lambda call=call, key=key: keys.of_call(call, key))  # type: ignore[misc]
            texts = "|".join(sorted(template.text for template in templates))
            group = groups.setdefault((call.file, _function(call), call.store.library, texts), _Group([], []))
            if call not in group.calls:
                group.calls.append(call)
            group.keys += [each for each in templates if each.text not in {known.text for known in group.keys}]
    return groups.values()


def _function(call: StoreCall) -> str:
    """The outermost function that a call stands in."""
    frame = call.frame
    while frame.parent is not None:
        frame = frame.parent
    return frame.qualname


def _use(project: Project, group: _Group) -> CacheUse:
    resolver = project.resolver
    kind, because = purpose(resolver, group.calls, group.keys)
    writes = [call for call in group.calls if call.does in (Does.WRITE, Does.READ_WRITE)]
    first = group.calls[0]
    return CacheUse(
        form="calls",
        store=first.store,
        keys=tuple(group.keys),
        purpose=kind,
        because=because,
        file=first.file,
        frame=first.frame,
        row=group.keys[0].row if group.keys else first.call.span.row,
        calls=tuple(group.calls),
        user_data=user_data(resolver, writes, group.keys) if kind is Purpose.VALUE else (),
        anonymous=for_nobody(writes or group.calls),
        expiry=writes[0].expiry if writes else Expiry("unknown"),
    )


def _agreeing(uses: list[CacheUse]) -> Iterator[CacheUse]:
    """Where little speaks for a purpose, that of the same key elsewhere: a counter is one also where it is only read, or set to zero."""
    known: dict[tuple[str, str], set[Purpose]] = {}
    through: dict[tuple[str, str], set[Purpose]] = {}
    for use in uses:
        if use.because != BY_DEFAULT and use.purpose not in (Purpose.INVALIDATION, Purpose.FLAG):
            for shape in _shapes(use):
                known.setdefault((use.store.library, shape), set()).add(use.purpose)
        for call in use.calls if use.purpose is not Purpose.INVALIDATION else ():
            if call.through:
                through.setdefault((use.store.library, call.through), set()).add(use.purpose)
    for use in uses:
        elsewhere = {purpose for shape in _shapes(use) for purpose in known.get((use.store.library, shape), ())}
        elsewhere |= through.get((use.store.library, use.frame.qualname), set()) if _forwards(use) else set()
        if len(elsewhere) == 1 and (_open_to_doubt(use) or (use.because == BY_DEFAULT and Purpose.ONE_TIME_TOKEN in elsewhere)):
            yield replace(use, purpose=elsewhere.pop(), because="the same key elsewhere", user_data=())
        else:
            yield use


def _open_to_doubt(use: CacheUse) -> bool:
    """Whether the use itself says little: it only reads, stores nothing but constants, or is given its key."""
    return use.purpose is Purpose.FLAG or (use.because == BY_DEFAULT and (not use.writes or _forwards(use)))


def _forwards(use: CacheUse) -> bool:
    """Whether the key is a parameter as it was given."""
    return bool(use.keys) and all(len(key.parts) == 1 and key.parts[0].has(Origin.PARAMETER) for key in use.keys)


def _shapes(use: CacheUse) -> set[str]:
    """The keys, without the names, as far as their constant parts are long enough to be nobody else's."""
    return {key.shape for key in use.keys if sum(letter.isalpha() for letter in key.shape) >= LETTERS_OF_A_NAMESPACE}
