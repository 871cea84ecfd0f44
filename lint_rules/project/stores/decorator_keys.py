"""Under which key does a library's decorator keep what a function gives?"""

from __future__ import annotations

from lint_rules.facts.model import Call, Const, Expr, Ref
from lint_rules.facts.templates import format_call
from lint_rules.knowledge.cache_decorators import CacheDecorator
from lint_rules.project.frames import Frame
from lint_rules.project.stores.definitions import END
from lint_rules.project.stores.keys import KeyReader
from lint_rules.project.stores.made import At
from lint_rules.project.stores.model import KeyTemplate, Part


class DecoratorKeys:
    """Reads the keys of decorators."""

    def __init__(self, keys: KeyReader) -> None:
        self._keys = keys

    def of(self, known: CacheDecorator, call: Call | None, outer: Frame, row: int, frame: Frame) -> KeyTemplate:
        """The key as the decorator says (its arguments stand in `outer`), else the URL, else the function and its arguments.

        Raises:
            NotLoaded: another module has to be loaded first.
        """
        file = outer.module.file
        given = next((value for name in known.key if call is not None and (value := call.keyword(name)) is not None), None)
        text = given.value if isinstance(given, Const) and isinstance(given.value, str) else None
        if known.library == "cashews" and text is not None:
            return self._filled(text, frame, row)
        if known.library == "flask-caching" and text is not None and "%s" not in text:
            return KeyTemplate((Part(text),), file, row, structured=True)
        if known.from_url and (given is None or text is not None):
            return KeyTemplate((), file, row, namespaced=given is not None, structured=True, from_url=True)
        if given is not None:
            return KeyTemplate((self._keys.variable(given, At(outer, END)),), file, row, structured=True)
        return self._of_arguments(frame, file, row)

    def _filled(self, text: str, frame: Frame, row: int) -> KeyTemplate:
        """`"user:{user_id}"`, filled with the arguments of the function."""
        parameters = frame.function.parameters if frame.function is not None else ()
        named: dict[str, Expr] = {parameter.name: Ref(parameter.name) for parameter in parameters}
        filled = format_call(text, (), named)
        return self._keys.templates(filled if filled is not None else Const(text), frame, END, row)[0]

    def _of_arguments(self, frame: Frame, file: str, row: int) -> KeyTemplate:
        assert frame.function is not None
        parts: list[Part] = [Part(f"{frame.module.name}.{frame.function.qualname}")]
        for place, parameter in enumerate(frame.function.parameters):
            if place or not frame.function.owner:
                parts += [Part(":"), self._keys.variable(Ref(parameter.name), At(frame, END))]
        return KeyTemplate(tuple(parts), file, row, structured=True)
