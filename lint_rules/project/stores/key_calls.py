"""What does a call make of its arguments on the way into a key: the same text, a digest, a number, something random?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from lint_rules.facts.model import Call, Const, Expr, Map, Ref, Result, Seq
from lint_rules.facts.templates import format_call
from lint_rules.knowledge import key_functions as known
from lint_rules.project.interpolation import literal
from lint_rules.project.origins import call_behind
from lint_rules.project.signatures import last_name, receiver_of
from lint_rules.project.stores.definitions import sources
from lint_rules.project.stores.made import At, Made, given_to
from lint_rules.project.stores.model import Origin, Part
from lint_rules.project.stores.provenance import annotated_names
from lint_rules.project.stores.words import words
from lint_rules.project.values import Bound, External, Value

if TYPE_CHECKING:
    from lint_rules.project.stores.keys import KeyReader

DIGESTING = frozenset({"hash", "digest", "md5", "sha", "sha1", "sha256", "checksum", "fingerprint", "hashed"})
"""Words in the names of functions that give a digest."""

MOST_RETURNS = 3

KEPT_BY_NUMBERS = frozenset({Origin.NOW, Origin.DATE, Origin.RANDOM, Origin.BUILTIN_HASH, Origin.IDENTITY, Origin.PARAMETER, Origin.ROUTE})


class CallReader:
    """Reads calls in keys, for one reader of keys."""

    def __init__(self, keys: KeyReader) -> None:
        self._keys = keys
        self._resolver = keys.resolver

    def read(self, expr: Result, at: At) -> list[Made]:
        """All that the result of a call can be as text."""
        call = at.frame.scope.calls[expr.index]
        values = self._resolver.evaluate(call.func, at.frame)
        path = next((value.path for value in values if isinstance(value, External)), "")
        return (
            self._method(path, expr, call, at)
            or self._library(path, expr, call, at)
            or next((found for value in values if (found := self._project(value, expr, call, at))), [])
            or [self._opaque(expr, call, at)]
        )

    def _opaque(self, expr: Result, call: Call, at: At) -> Made:
        """A call that cannot be looked into: what it gives may have all that it is given in it."""
        own = [Origin.DIGEST] if not DIGESTING.isdisjoint(words(last_name(call.func))) else []
        owner = receiver_of(call.func)
        given = (*call.args, *(value for _, value in call.keywords))
        inside = self._keys.inner(given, at)
        if isinstance(owner, Result):
            inside += self._keys.inner([owner], at)
        return self._one(self._keys.variable(expr, at, *own, inside=inside))

    # ── libraries ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _library(self, path: str, expr: Result, call: Call, at: At) -> list[Made]:
        keys, first = self._keys, call.args[0] if call.args else None
        if path in known.SAME and first is not None:
            return self._shown(path, first, at)
        if path in known.NUMBERS:
            inside = keys.inner(call.args, at)
            kept = {each for part in inside for each in part.origins} & KEPT_BY_NUMBERS if path == "builtins.int" else set()
            return [self._one(replace(keys.variable(expr, at, Origin.NUMBER, *kept), inside=inside))]
        if path in ("builtins.hash", "builtins.id", "builtins.repr"):
            origin = {"hash": Origin.BUILTIN_HASH, "id": Origin.IDENTITY, "repr": Origin.REPR}[path.rpartition(".")[2]]
            return [self._one(keys.variable(expr, at, origin, inside=keys.inner(call.args, at)))]
        if path in known.JSON:
            unsorted = [Origin.UNSORTED] if first is not None and self._unsorted(call, first, at) else []
            return [self._one(keys.variable(expr, at, Origin.JSON, *unsorted, inside=keys.inner(call.args[:1], at)))]
        if path == known.FRAGMENT:
            name = keys.read(first, at)[0].parts if first is not None else ()
            return [self._made((Part("template.cache."), *name, Part("."), self._digest(expr, call.args[1:], at)))]
        if path in known.BUILDERS:
            inside = keys.inner((*call.args[1:], *(value for _, value in call.keywords)), at)
            return [replace(self._one(keys.variable(expr, at, inside=inside)), built=True)]
        if path.startswith(known.RANDOM):
            return [self._one(self._plain(expr, at, Origin.RANDOM))]
        if path.startswith(known.NOW):
            return [self._one(self._plain(expr, at, Origin.NOW))]
        if path.startswith(known.DATES):
            return [self._one(self._plain(expr, at, Origin.DATE))]
        if path.startswith(known.DIGESTS):
            return [self._one(self._digest(expr, self._hashed(call, at), at))]
        return []

    def _plain(self, expr: Result, at: At, origin: Origin) -> Part:
        """A value that is made here: what it is called like says nothing."""
        part = self._keys.variable(expr, at)
        return replace(part, origins=frozenset({origin}))

    def _seconds(self, call: Call) -> bool:
        """Whether `strftime` shows seconds."""
        text = call.args[0].value if call.args and isinstance(call.args[0], Const) else ""
        return isinstance(text, str) and any(field in text for field in ("%S", "%f", "%s", "%X", "%c", "%T"))

    def _shown(self, path: str, first: Expr, at: At) -> list[Made]:
        """`str(x)` and its like."""
        found = self._keys.read(first, at.deeper())
        if path == "builtins.sorted" and isinstance(first, (Ref, Result)):
            return [self._without(made, Origin.REPR) for made in found]
        return found

    def _without(self, made: Made, origin: Origin) -> Made:
        return replace(made, parts=tuple(replace(part, origins=part.origins - {origin}) for part in made.parts))

    def _unsorted(self, call: Call, first: Expr, at: At) -> bool:
        """Whether `json.dumps` is known to be given a dict that is not written out, and does not sort it."""
        if call.opaque_keywords or call.keyword("sort_keys") not in (None, Const(False)) or call.keyword("option") is not None:
            return False
        if isinstance(first, (Map, Seq, Const)):
            return False
        found = self._keys.read(first, at.deeper())
        if any(part.has(Origin.REPR) for made in found for part in made.parts):
            return True
        function = at.frame.function
        for parameter in function.parameters if function is not None and isinstance(first, Ref) else ():
            if parameter.name == first.path:  # type: ignore[union-attr]
                return bool(annotated_names(parameter.annotation) & {"dict", "Dict", "Mapping", "MutableMapping", "JSON"})
        return False

    def _digest(self, expr: Result, hashed: tuple[Expr, ...], at: At) -> Part:
        part = self._keys.variable(expr, at)
        return replace(part, origins=frozenset({Origin.DIGEST}), inside=self._keys.inner(hashed, at))

    def _hashed(self, call: Call, at: At) -> tuple[Expr, ...]:
        """What goes into a digest: the arguments of the call, or of the one that made the hash object, and of its updates."""
        if last_name(call.func) not in known.DIGEST_METHODS:
            return (*call.args, *(value for _, value in call.keywords))
        owner = receiver_of(call.func)
        made = call_behind(self._resolver, owner, at.frame)
        if made is None or made[1] is not at.frame:
            return ()
        updates: list[Expr] = []
        if isinstance(owner, Ref):
            updates = [each for other in at.frame.scope.calls if other.func == Ref(f"{owner.path}.update") for each in other.args]
        return (*made[0].args, *updates)

    # ── methods of text ──────────────────────────────────────────────────────────────────────────────────────────────

    def _method(self, path: str, expr: Result, call: Call, at: At) -> list[Made]:
        name, owner = last_name(call.func), receiver_of(call.func)
        if owner is None:
            return []
        if name in ("strftime", "date") and self._is_now(owner, at):
            return [self._one(self._plain(expr, at, Origin.NOW if self._seconds(call) else Origin.DATE))]
        if name in known.SAME_METHODS:
            found = self._keys.read(owner, at.deeper())
            rounded = name == "replace" and call.keyword("second") is not None  # `now.replace(second=0, microsecond=0)`
            return [self._without(made, Origin.NOW) for made in found] if rounded else found
        if name == "format":
            text = literal(self._resolver, owner, at.frame)
            filled = format_call(text.value, call.args, dict(call.keywords)) if text is not None and isinstance(text.value, str) else None
            return self._keys.read(filled, at.deeper()) if filled is not None and not call.starred else []
        if name == "sub" and len(call.args) == 2 and path.endswith(").sub"):  # of a compiled regular expression
            return self._keys.read(call.args[1], at.deeper())
        if name == "join" and isinstance(owner, Const) and len(call.args) == 1:
            return self._join(str(owner.value), call.args[0], expr, at)
        if name in known.DIGEST_METHODS:
            return [self._one(self._digest(expr, self._hashed(call, at), at))]
        return []

    def _is_now(self, expr: Expr, at: At) -> bool:
        return any(part.has(Origin.NOW) for made in self._keys.read(expr, at.deeper()) for part in made.parts)

    def _join(self, separator: str, items: Expr, expr: Result, at: At) -> list[Made]:
        """`":".join(parts)` of a list that is written out under a name."""
        found = [items]
        if isinstance(items, Ref) and "." not in items.path:
            found = [source.value for source in sources(items.path, at.frame, at.place) if source.value is not None]
        if len(found) == 1 and isinstance(found[0], Seq) and not self._grows(items, at) and len(found[0].items) > 1:
            between = [each for item in found[0].items for each in (Const(separator), item)][1:]
            return self._keys.joined(between, at)
        inside = self._keys.inner(found[0].items if len(found) == 1 and isinstance(found[0], Seq) else [items], at)
        return [self._one(self._keys.variable(expr, at, Origin.TEXT, inside=inside))]

    def _grows(self, items: Expr, at: At) -> bool:
        """Whether a list gets more items later."""
        changing = {f"{items.path}.{name}" for name in ("append", "extend", "insert")} if isinstance(items, Ref) else set()
        return any(isinstance(call.func, Ref) and call.func.path in changing for call in at.frame.scope.calls)

    # ── functions of the project ─────────────────────────────────────────────────────────────────────────────────────

    def _project(self, value: Value, expr: Result, call: Call, at: At) -> list[Made]:
        """What a function of the project returns, with the arguments in the place of its parameters."""
        if not isinstance(value, Bound) or call.starred:
            return []
        frame = self._resolver.frame_of(value)
        if frame is None or frame.function is None or frame is at.frame or frame.function.is_generator:
            return []
        returns = [each for each in frame.scope.returns if each != Const(None)][:MOST_RETURNS]
        arguments: list[tuple[int | str, Expr]] = [*enumerate(call.args), *((name, value) for name, value in call.keywords if name)]
        given = given_to(value, frame, arguments, at)
        found = [made for each in returns for made in self._keys.read(each, at.inside(frame, given))]
        if not any(self._tells(made) for made in found):
            return []
        return [made if made.maker else replace(made, maker=frame.function.qualname) for made in found]

    def _tells(self, made: Made) -> bool:
        """Whether following a function led to more than one unknown part."""
        part = made.single
        return (
            part is None
            or part.constant
            or made.built
            or part.has(Origin.DIGEST, Origin.RANDOM, Origin.NOW, Origin.JSON, Origin.BUILTIN_HASH)
        )

    def _one(self, part: Part) -> Made:
        return self._made((part,))

    def _made(self, parts: tuple[Part, ...]) -> Made:
        return Made(parts)
