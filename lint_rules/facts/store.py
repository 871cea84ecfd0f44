"""Facts kept between runs, by the hash of the content they were read from.

One file an entry, in a format that cannot execute anything (msgpack of known types), closed by its own checksum. Whatever does not read
back exactly counts as absent, and writing goes through a temporary file, so runs at the same time do no harm to each other.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path

from lint_rules.facts.model import FACTS_VERSION

CHECKSUM = 8
"""Bytes."""


class FactsStore:
    """Encoded facts in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = str(directory / f"facts-{FACTS_VERSION}")
        self._made: set[str] = set()

    def _path(self, key: str) -> str:
        return os.path.join(self.directory, key[:2], key[2:])

    def get(self, key: str) -> bytes | None:
        """The stored facts, None where there are none or they are damaged."""
        try:
            with open(self._path(key), "rb") as file:
                data = file.read()
        except OSError:
            return None
        encoded, checksum = data[:-CHECKSUM], data[-CHECKSUM:]
        return encoded if checksum == _checksum(encoded) else None

    def put(self, key: str, encoded: bytes) -> None:
        """Store facts; a cache that cannot be written is no error."""
        path = self._path(key)
        temporary = f"{path}.{os.getpid()}.tmp"
        try:
            if key[:2] not in self._made:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                self._made.add(key[:2])
            with open(temporary, "wb") as file:
                file.write(encoded + _checksum(encoded))
            os.replace(temporary, path)
        except OSError:
            return


def _checksum(encoded: bytes) -> bytes:
    return blake2b(encoded, digest_size=CHECKSUM).digest()
