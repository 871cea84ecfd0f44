"""Facts kept between runs, by the hash of the content they were read from.

One file an entry, in a format that cannot execute anything (msgpack of known types). Whatever cannot be read back exactly counts as
absent, and writing goes through a temporary file, so runs at the same time do no harm to each other.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from lint_rules.facts.model import FACTS_VERSION, ModuleFacts

_DECODER = msgspec.msgpack.Decoder(ModuleFacts)
_ENCODER = msgspec.msgpack.Encoder()


class FactsStore:
    """Facts in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = str(directory / f"facts-{FACTS_VERSION}")
        self._made: set[str] = set()

    def _path(self, key: str) -> str:
        return os.path.join(self.directory, key[:2], key[2:])

    def get(self, key: str) -> ModuleFacts | None:
        """The stored facts, None where there are none that can be used."""
        try:
            with open(self._path(key), "rb") as file:
                return _DECODER.decode(file.read())
        except (OSError, msgspec.DecodeError, RecursionError):
            return None

    def put(self, key: str, facts: ModuleFacts) -> None:
        """Store facts; a cache that cannot be written is no error."""
        path = self._path(key)
        temporary = f"{path}.{os.getpid()}.tmp"
        try:
            if key[:2] not in self._made:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                self._made.add(key[:2])
            with open(temporary, "wb") as file:
                file.write(_ENCODER.encode(facts))
            os.replace(temporary, path)
        except OSError:
            return
