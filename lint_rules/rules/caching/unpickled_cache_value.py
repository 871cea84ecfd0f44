"""
What it does
------------
Reports `pickle.loads` (and `loads` of `dill`, `cloudpickle` and `marshal`) of what was read from Redis or a cache.

Why it matters
--------------
A pickle is a program. Whoever can write to that Redis, through another service, an open port or a key that a request chooses, runs code in
this process. Besides, values that an older version of a class wrote break after the next deployment.

Example
-------
```python
import pickle

import redis

client = redis.Redis()


def palette(product):
    raw = client.get(f"palette:{product}")
    return pickle.loads(raw) if raw else []
```

Use instead
-----------
```python
import json

import redis

client = redis.Redis()


def palette(product):
    raw = client.get(f"palette:{product}")
    return json.loads(raw) if raw else []
```

Fix safety
----------
There is no automatic fix yet: writers and readers must change together, and JSON knows fewer types.

Known limits
------------
The value is followed through names, `zlib` and `base64`, and one function of the project that reads the store. A function that checks a
signature (`hmac`, a signer) before it is not reported. What a library unpickles itself (Django's cache, flask-caching) is not seen.

References
----------
- [Python: pickle, warning](https://docs.python.org/3/library/pickle.html)
- [OWASP: deserialization of untrusted data](https://owasp.org/www-community/vulnerabilities/Deserialization_of_untrusted_data)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Call, Element, Expr, Item, OneOf, Ref, Result
from lint_rules.findings import Related, Report, Severity
from lint_rules.knowledge.store_commands import Does
from lint_rules.project.frames import Frame
from lint_rules.project.modules import Module
from lint_rules.project.project import Project
from lint_rules.project.signatures import last_name
from lint_rules.project.stores.definitions import Place, sources
from lint_rules.project.stores.model import StoreCall
from lint_rules.project.test_files import for_tests
from lint_rules.project.values import Bound, External
from lint_rules.rules.registry import rule

MODULES = frozenset({"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal"})

LOADERS = frozenset(f"{module}.loads" for module in MODULES)
"""What runs or rebuilds objects from bytes."""

DECODERS = (
    "zlib.",
    "gzip.",
    "bz2.",
    "lzma.",
    "base64.",
    "builtins.bytes",
    "builtins.memoryview",
    "io.BytesIO",
    "zstandard.",
    "lz4.",
    "snappy.",
)
"""What gives the same bytes in another form, by its first argument."""

SIGNATURES = ("hmac", "compare_digest", "unsign", "verify", "Signer", "TimestampSigner", "check_signature", "decrypt", "Fernet")
"""Last names of what tells whether the bytes are one's own."""

READING = (Does.READ, Does.TAKE, Does.STRUCTURE)

DEEPEST = 6

Read = tuple[str, int, int]
"""File, row and column of a command that reads."""


@rule("CRB310", "unpickled-cache-value", on=Project, severity=Severity.WARNING)
def unpickled_cache_value(project: Project, _: Project) -> Iterator[Report]:
    """Pickles out of a store."""
    reads = {_place(call.file, call.call): call for call in project.stores.calls if call.does in READING and not call.store.pipeline}
    for file in sorted({file for file, _, _ in reads}):
        module = project.module(file)
        if module is None or for_tests(file) or not _imports_loader(module):
            continue
        for qualname in ("", *module.functions):
            frame = project.resolver.frame(file, qualname)
            for call in frame.scope.calls if frame is not None else ():
                assert frame is not None
                loader = _loader(call, frame, project)
                read = project.loading(lambda call=call, frame=frame: _argument(call, frame, reads, project)) if loader else None  # type: ignore[misc]
                if read is not None and not _signed(frame):
                    yield _report(file, call, loader, read, project)


def _report(file: str, call: Call, loader: str, read: StoreCall, project: Project) -> Report:
    where = "Redis" if read.store.is_redis else "the cache"
    return Report(
        project.at_call(file, call),
        f"{loader}() runs what {read.command}() read from {where}: whoever can write there runs code in this process; "
        f"store JSON, or sign the value and check it first",
        related=(Related(read.file, read.call.span.row, "read here"),),
    )


def _place(file: str, call: Call) -> Read:
    return file, call.span.row, call.span.column


def _imports_loader(module: Module) -> bool:
    """Whether a module can call one, by its imports."""
    scopes = [module.scope(qualname) for qualname in ("", *module.functions)]
    return any(item.module.partition(".")[0] in MODULES for scope in scopes for item in scope.imports)


def _loader(call: Call, frame: Frame, project: Project) -> str:
    """The path of what unpickles, "" where the call does not."""
    values = project.values(call.func, frame) if call.args else ()
    return next((value.path for value in values if isinstance(value, External) and value.path in LOADERS), "")


def _argument(call: Call, frame: Frame, reads: dict[Read, StoreCall], project: Project) -> StoreCall | None:
    return _read(call.args[0], frame, Place.of(call), reads, project, 0)


def _signed(frame: Frame) -> bool:
    """Whether the function checks a signature, or decrypts."""
    return any(word in last_name(call.func) for call in frame.scope.calls for word in SIGNATURES)


def _read(expr: Expr | None, frame: Frame, place: Place, reads: dict[Read, StoreCall], project: Project, depth: int) -> StoreCall | None:
    """The command that an expression has its value from.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    if depth > DEEPEST:
        return None
    following: list[tuple[Expr | None, Frame, Place]] = []
    if isinstance(expr, Result):
        made = frame.scope.calls[expr.index]
        found = reads.get(_place(frame.module.file, made))
        if found is not None:
            return found
        following = list(_behind_call(made, frame, place, project))
    elif isinstance(expr, Ref) and "." not in expr.path:
        for source in sources(expr.path, frame, place):
            if source.binding is not None and not source.binding.augmented:
                following.append((source.value, source.frame, Place(source.binding.row, source.binding.guards)))
    elif isinstance(expr, (Item, Element)):
        following = [(expr.base, frame, place)]
    elif isinstance(expr, OneOf):
        following = [(option, frame, place) for option in expr.options]
    answers = (_read(value, where, at, reads, project, depth + 1) for value, where, at in following)
    return next((answer for answer in answers if answer is not None), None)


def _behind_call(made: Call, frame: Frame, place: Place, project: Project) -> Iterator[tuple[Expr | None, Frame, Place]]:
    """What a decoder is given, and what a function of the project returns."""
    if last_name(made.func) in ("encode", "decode", "items", "values") and isinstance(made.func, Ref):
        yield Ref(made.func.path.rpartition(".")[0]), frame, place
    for value in project.resolver.evaluate(made.func, frame):
        if isinstance(value, External) and value.path.startswith(DECODERS) and made.args:
            yield made.args[0], frame, place
        elif isinstance(value, Bound):
            inner = project.resolver.frame_of(value)
            if inner is not None and not _signed(inner):
                yield from ((each, inner, Place(10**9)) for each in inner.scope.returns)
