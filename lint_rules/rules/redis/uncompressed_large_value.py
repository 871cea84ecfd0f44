"""
What it does
------------
Reports whole querysets and data frames that are stored in Redis or in a cache without compression. Off unless it is selected by its full
code.

Why it matters
--------------
Such values grow with the table. They take the memory of a server that keeps everything in memory, and each read moves all of it over the
network while other commands wait. Rows as JSON repeat the name of every column, and compress well.

Example
-------
```python
import pandas as pd
import redis

client = redis.Redis()


def store_report(day, path):
    report = pd.read_csv(path)
    client.set(f"report:{day}", report.to_json(), ex=3600)
```

Use instead
-----------
```python
import zlib

import pandas as pd
import redis

client = redis.Redis()


def store_report(day, path):
    report = pd.read_csv(path)
    client.set(f"report:{day}", zlib.compress(report.to_json().encode()), ex=3600)
```

Fix safety
----------
There is no automatic fix yet: whoever reads the value has to decompress it.

Known limits
------------
How large a value is, is only known at run time: querysets that are sliced, and lists of single columns (`values_list`), are left out, and
others may be small all the same. Django's caches are left out where the project sets a `COMPRESSOR` of django-redis.

References
----------
- [django-redis: compression support](https://github.com/jazzband/django-redis#compression-support)
- [Redis: memory optimization](https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/memory-optimization/)
"""

from __future__ import annotations

from collections.abc import Iterator

from lint_rules.facts.model import Expr, Ref, Result
from lint_rules.findings import Report, Severity
from lint_rules.knowledge.store_commands import Does
from lint_rules.project.frames import Frame
from lint_rules.project.project import Project
from lint_rules.project.signatures import last_name, receiver_of
from lint_rules.project.stores.definitions import Place, sources
from lint_rules.project.stores.model import StoreCall
from lint_rules.project.test_files import for_tests
from lint_rules.project.values import External
from lint_rules.rules.registry import rule

SAME_SIZE = (
    *("json.dumps", "orjson.dumps", "ujson.dumps", "simplejson.dumps", "pickle.dumps", "cloudpickle.dumps", "msgpack.packb"),
    *("builtins.list", "builtins.tuple", "builtins.str", "builtins.bytes"),
)
"""What gives the first argument in another form."""

DATA_FRAME = "pandas.DataFrame()"

WHOLE_FRAMES = frozenset({"to_json", "to_csv", "to_dict", "to_records", "to_html", "to_string"})
"""Methods of a data frame that give all of it, uncompressed."""

ROWS = frozenset({"all", "filter", "exclude", "values", "select_related", "prefetch_related", "order_by", "annotate", "distinct", "defer"})
"""Last names of what gives a queryset of whole rows."""

DEEPEST = 6


@rule("CRB609", "uncompressed-large-value", on=StoreCall, severity=Severity.INFO, optional=True)
def uncompressed_large_value(call: StoreCall, project: Project) -> Iterator[Report]:
    """Writes of whole tables."""
    if call.does is not Does.WRITE or call.store.library not in ("redis", "django") or for_tests(call.file):
        return
    what = project.loading(lambda: _large(call.value, call.frame, Place.of(call.call), project, 0))
    if what and not (call.store.library == "django" and project.index.naming(["COMPRESSOR"])):
        yield Report(
            project.at_call(call.file, call.call),
            f"{call.command}() stores {what} uncompressed: it grows with the table, and fills memory and network; "
            f"compress it (zlib), or store less of it",
        )


def _large(expr: Expr | None, frame: Frame, place: Place, project: Project, depth: int) -> str:
    """What large thing an expression is, "" where it is none, or not known.

    Raises:
        NotLoaded: another module has to be loaded first.
    """
    if depth > DEEPEST:
        return ""
    if isinstance(expr, Ref) and "." not in expr.path:
        found = sources(expr.path, frame, place)
        if len(found) != 1 or found[0].binding is None or found[0].binding.augmented:
            return ""
        return _large(found[0].value, found[0].frame, Place(found[0].binding.row, found[0].binding.guards), project, depth + 1)
    if not isinstance(expr, Result):
        return ""
    made = frame.scope.calls[expr.index]
    name = last_name(made.func)
    for value in project.resolver.evaluate(made.func, frame):
        path = value.path if isinstance(value, External) else ""
        if path in SAME_SIZE and made.args:
            return _large(made.args[0], frame, place, project, depth + 1)
        if path.startswith(f"{DATA_FRAME}.") and name in WHOLE_FRAMES:
            return "a whole data frame"
        if path.startswith("django.db.models.Model.objects") and name in ROWS and "values_list" not in path:
            return "a whole queryset"
    if name == "encode":
        return _large(receiver_of(made.func), frame, place, project, depth + 1)
    frames = [value for value in project.resolver.evaluate(expr, frame) if isinstance(value, External) and value.path == DATA_FRAME]
    return "a whole data frame" if frames else ""
