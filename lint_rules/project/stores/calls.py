"""Where does the project call commands of caches and Redis clients, and with which arguments?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lint_rules.facts.model import Call, Const, Expr, Ref, Seq
from lint_rules.knowledge.store_commands import BOUNDED_BY_DEFAULT, NAMES, TABLES, Command, Keys
from lint_rules.project.displays import entries, written
from lint_rules.project.frames import Frame
from lint_rules.project.modules import Module, NotLoaded
from lint_rules.project.signatures import last_name, receiver_of
from lint_rules.project.stores.construction import Made, keyword_of, made_by, owner_of_pipeline
from lint_rules.project.stores.model import Expiry, Store, StoreCall
from lint_rules.project.stores.receivers import Receivers
from lint_rules.project.values import Literal

if TYPE_CHECKING:
    from lint_rules.project.project import Project

UNBOUNDED = ("keepttl", "persist")
"""Keywords of the expiry that give none."""


def store_calls(project: Project, receivers: Receivers, files: list[str]) -> list[StoreCall]:
    """Every command on a store of known type, by file and row; the files are loaded."""
    reader = _Reader(project, receivers)
    found: dict[str, list[StoreCall]] = {}
    while files:
        missing: set[str] = set()
        later = []
        for file in files:
            module = project.index.module(file)
            try:
                found[file] = list(reader.in_module(module)) if module is not None else []
            except NotLoaded as needed:
                missing.add(needed.file)
                later.append(file)
        project.index.load(missing)
        files = later
    return [call for _, group in sorted(found.items()) for call in sorted(group, key=lambda each: each.call.span.row)]


class _Reader:
    def __init__(self, project: Project, receivers: Receivers) -> None:
        self._resolver = project.resolver
        self._receivers = receivers

    def in_module(self, module: Module) -> Iterator[StoreCall]:
        """The commands of a module.

        Raises:
            NotLoaded: another module has to be loaded first.
        """
        for qualname in ("", *module.functions, *module.classes):
            if not any(last_name(call.func) in NAMES for call in module.scope(qualname).calls):
                continue
            frame = self._resolver.frame(module.file, qualname)
            for call in frame.scope.calls if frame is not None else ():
                assert frame is not None
                found = self._of_call(call, frame) if last_name(call.func) in NAMES else None
                if found is not None:
                    yield found

    def _of_call(self, call: Call, frame: Frame) -> StoreCall | None:
        receiver = receiver_of(call.func)
        store = self._receivers.of(receiver, frame) if receiver is not None else None
        if store is None or receiver is None:
            return None
        name, store = _command_name(last_name(call.func), store)
        row = TABLES[store.library].get(name)
        if row is None:
            return None
        made = self._made(receiver, frame) if store.is_redis else None
        client = self._client(made, store)
        keys, complete = self._keys(call, row, frame)
        return StoreCall(
            store=store,
            command=name,
            does=row.does,
            row=row,
            call=call,
            file=frame.module.file,
            frame=frame,
            receiver=receiver,
            keys=keys,
            all_keys=complete,
            value=_argument(call, row.value, row.values),
            expiry=self._expiry(call, row, store, frame),
            if_absent=_only_if(call, "nx", name in ("setnx", "msetnx", "add")),
            if_present=_only_if(call, "xx", False),
            loop=frame.scope.loops[call.loops[-1]] if call.loops else None,
            transaction=_transaction(made, store),
            decode_responses=keyword_of(self._resolver, client, "decode_responses") if store.is_redis else None,
        )

    def _made(self, receiver: Expr, frame: Frame) -> Made | None:
        return made_by(self._resolver, receiver, frame)

    def _client(self, made: Made | None, store: Store) -> Made | None:
        """The call that makes the client, also behind a pipeline."""
        if made is None or not store.pipeline:
            return made
        owner, frame = owner_of_pipeline(made)
        return made_by(self._resolver, owner, frame)

    def _keys(self, call: Call, row: Command, frame: Frame) -> tuple[tuple[Expr, ...], bool]:
        """The keys as far as they are written out, and whether they all are."""
        if row.keys is Keys.NONE:
            return (), True
        if row.keys is Keys.ALL:
            return call.args, not call.starred
        if row.keys is Keys.TWO:
            return call.args[:2], len(call.args) >= 2 and not call.starred
        if row.keys is Keys.COUNTED:
            return _counted(call)
        if row.keys is Keys.SECOND_ON:
            rest = self._listed(call.args[1], call.args[2:], frame) if len(call.args) > 1 else ((), False)
            return (*call.args[:1], *rest[0]), rest[1] and not call.starred
        first = _argument(call, 0, row.key)
        if first is None or (call.starred and call.args and first is call.args[0]):
            return (), False
        if row.keys is Keys.LIST:
            found, complete = self._listed(first, call.args[1:], frame)
            return found, complete and not call.starred
        if row.keys is Keys.MAPPING:
            given = entries(self._resolver, first, frame, call.span.row)
            return tuple(each.key for each in given or () if each.key is not None), given is not None
        return (first,), True

    def _listed(self, first: Expr, others: tuple[Expr, ...], frame: Frame) -> tuple[tuple[Expr, ...], bool]:
        """The items of a list of keys, or several keys."""
        if others:
            return (first, *others), True
        expr, home = written(self._resolver, first, frame)
        if isinstance(expr, Seq) and home is frame:
            return expr.items, True
        return ((first,), False) if isinstance(first, Ref) else ((first,), True)

    def _expiry(self, call: Call, row: Command, store: Store, frame: Frame) -> Expiry:
        absent = Expiry(
            "default" if store.library in BOUNDED_BY_DEFAULT else "unknown" if store.library in ("project", "dogpile") else "never"
        )
        for name, position in row.expiry:
            value = _argument(call, position, (name,))
            if value is None or name in UNBOUNDED:
                continue
            state = self._state(value, frame)
            if store.is_redis and state == "never":  # `ex=None` says nothing
                continue
            return Expiry(state, name, value)
        if row.expiry and (call.opaque_keywords or call.starred or call.keyword("keepttl") is not None):
            return Expiry("unknown")
        return absent

    def _state(self, value: Expr, frame: Frame) -> str:
        found = self._resolver.evaluate(value, frame)
        if value == Const(None) or found == (Literal(None),):
            return "never"
        if isinstance(value, Ref) and frame.function is not None:
            for parameter in frame.function.parameters:
                if parameter.name == value.path and parameter.default == Const(None):
                    return "optional"
        return "given"


def _command_name(name: str, store: Store) -> tuple[str, Store]:
    """The command without the `a` of Django's asynchronous methods."""
    if store.library in ("django", "project") and name not in TABLES["django"] and name[1:] in TABLES["django"] and name.startswith("a"):
        return name[1:], Store(store.library, store.client, asynchronous=True, namespaced=store.namespaced)
    return name, store


def _argument(call: Call, position: int | None, names: tuple[str, ...]) -> Expr | None:
    if position is not None and position < len(call.args):
        return call.args[position]
    return next((value for name in names if (value := call.keyword(name)) is not None), None)


def _counted(call: Call) -> tuple[tuple[Expr, ...], bool]:
    """The keys of a script: as many as the second argument says."""
    count = call.args[1] if len(call.args) > 1 else None
    if call.starred or not isinstance(count, Const) or not isinstance(count.value, int):
        return (), False
    return call.args[2 : 2 + count.value], True


def _only_if(call: Call, name: str, always: bool) -> bool | None:
    if always:
        return True
    value = call.keyword(name)
    if value is None:
        return None if call.opaque_keywords else False
    return value.value if isinstance(value, Const) and isinstance(value.value, bool) else None


def _transaction(made: Made | None, store: Store) -> bool | None:
    """Whether a pipeline is a transaction: the default of a client, not of a cluster."""
    if not store.pipeline or made is None or last_name(made[0].func) != "pipeline":
        return None
    value = made[0].keyword("transaction") or (made[0].args[0] if made[0].args else None)
    if value is None:
        return not store.cluster
    return value.value if isinstance(value, Const) and isinstance(value.value, bool) else None
