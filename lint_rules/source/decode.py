"""Bytes to text, the way Python reads a source file: byte order mark, then the PEP 263 cookie, then UTF-8."""

from __future__ import annotations

import io
import tokenize


class Unreadable(Exception):
    """A file that cannot be analysed; the text is the sentence to show, `row` where it went wrong."""

    def __init__(self, reason: str, row: int = 1, column: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.row = row
        self.column = column


LARGEST = 4 * 1024 * 1024
"""Bytes. Larger files are data or generated code; parsing one would take gigabytes."""


def decode(data: bytes) -> str:
    """The text of a Python file with `\\n` line ends.

    Raises:
        Unreadable: it is no text in the encoding it claims, or larger than `LARGEST`.
    """
    if len(data) > LARGEST:
        raise Unreadable(
            f"the file has {len(data) / 1e6:.1f} MB; files over {LARGEST / 1e6:.1f} MB are not analysed (exclude it to silence this)"
        )
    if data.isascii() and b"coding" not in data[:300]:
        text = data.decode("ascii")
    else:
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        except SyntaxError as error:
            raise Unreadable(f"{error.msg}; save the file as UTF-8 or name its encoding on the first line") from None
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            row = data.count(b"\n", 0, error.start) + 1
            raise Unreadable(
                f"not valid {encoding} (byte 0x{data[error.start]:02x}); save it as UTF-8 or name its encoding on the first line", row
            ) from None
        except (LookupError, UnicodeError):  # rot13, hex, punycode ...: codecs, but no encodings of source text
            raise Unreadable(f"{encoding} is no encoding of Python source; save it as UTF-8") from None
    if "\0" in text:
        raise Unreadable("the file contains null bytes: it is not Python source", text.count("\n", 0, text.index("\0")) + 1)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text
