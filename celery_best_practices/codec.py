"""How is a result kept so that it comes back equal and of the same types? As MessagePack with tags, never as pickle.

Compressed from 4 KiB on (research/runtime.md 3: below that it saves nothing), with zstd where it is installed, else zlib.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from typing import Any, Protocol
from uuid import UUID

import msgspec

from celery_best_practices.cache_key import NotCacheable

COMPRESS_FROM = 4096
"""Bytes."""
WORTH_IT = 0.9
"""A compressed value is kept if it is smaller than this share of the plain one."""
LARGEST = 8 * 1024 * 1024
"""Bytes of a value, before compression."""


class Damaged(ValueError):
    """Stored bytes that are not a value: written by something else, or with a compression that is not installed here."""


def encode(value: Any) -> bytes:
    """`value` as bytes. Raises NotCacheable if it would not come back equal, with all types the same, or is too large."""
    try:
        data = msgspec.msgpack.encode(_pack(value))
    except (UnicodeEncodeError, RecursionError, OverflowError) as error:
        raise NotCacheable(f"this result cannot be stored: {error}") from None
    if len(data) > LARGEST:
        raise NotCacheable(f"a result of {len(data)} bytes is too large to be cached (at most {LARGEST}).")
    if len(data) >= COMPRESS_FROM:
        tag, compress = (b"s", _zstd.compress) if _zstd else (b"z", _zlib.compress)
        small = compress(data)
        if len(small) < WORTH_IT * len(data):
            return tag + small
    return b"r" + data


def decode(data: bytes) -> Any:
    """The value of `encode`d bytes. Raises Damaged for anything else."""
    tag, body = data[:1], data[1:]
    try:
        if tag == b"z":
            body = _zlib.decompress(body)
        elif tag == b"s" and _zstd:
            body = _zstd.decompress(body)
        elif tag != b"r":
            raise Damaged(f"unknown compression {tag!r}")
        return _decoder.decode(body)
    except Damaged:
        raise
    except Exception as error:  # whatever a decompressor or a constructor says about bytes that are not ours
        raise Damaged(str(error)) from error


class _Compression(Protocol):
    def compress(self, data: bytes) -> bytes: ...
    def decompress(self, data: bytes) -> bytes: ...


class _Zlib:
    def compress(self, data: bytes) -> bytes:
        return zlib.compress(data, 1)

    def decompress(self, data: bytes) -> bytes:
        stream = zlib.decompressobj()
        plain = stream.decompress(data, LARGEST)
        if not stream.eof:
            raise Damaged("incomplete, or larger than a value may be")
        return plain


class _Zstd:
    def __init__(self, module: Any) -> None:
        self.module = module

    def compress(self, data: bytes) -> bytes:
        plain: bytes = self.module.ZstdCompressor(level=1).compress(data)
        return plain

    def decompress(self, data: bytes) -> bytes:
        if self.module.frame_content_size(data) > LARGEST:
            raise Damaged("larger than a value may be")
        plain: bytes = self.module.ZstdDecompressor().decompress(data, max_output_size=LARGEST)
        return plain


def _find_zstd() -> _Compression | None:
    try:
        return _Zstd(import_module("zstandard"))
    except ImportError:
        return None


_zlib: _Compression = _Zlib()
_zstd = _find_zstd()

_ATOMS = frozenset({type(None), bool, float, str, bytes})


def _pack(value: Any) -> Any:
    """`value` in what MessagePack itself tells apart, the rest as tagged extensions."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**64 else msgspec.msgpack.Ext(1, str(value).encode())
    if kind is list:
        return [_pack(item) for item in value]
    if kind is dict:
        if all(type(key) is str for key in value):
            return {key: _pack(item) for key, item in value.items()}
        return _tagged(2, [[key, item] for key, item in value.items()])
    tag = _TAGS.get(kind)
    if tag is None:
        raise NotCacheable(f"a result with a {kind.__qualname__} in it cannot be cached: it would come back as something else.")
    return _tagged(tag, _TO_PARTS[kind](value))


def _tagged(tag: int, parts: Any) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(tag, msgspec.msgpack.encode(_pack(parts)))


def _exact_datetime(value: datetime) -> Any:
    if value.tzinfo is not None and type(value.tzinfo).__module__ != "datetime":
        raise NotCacheable("a datetime whose time zone has a name would come back with a bare offset.")
    return [value.isoformat(), value.fold]


def _exact_time(value: time) -> Any:
    if value.tzinfo is not None:
        raise NotCacheable("a time with a time zone cannot be cached.")
    return [value.isoformat(), value.fold]


_TO_PARTS: dict[type, Callable[[Any], Any]] = {
    tuple: list,
    set: list,
    frozenset: list,
    datetime: _exact_datetime,
    date: date.isoformat,
    time: _exact_time,
    timedelta: lambda value: [value.days, value.seconds, value.microseconds],
    Decimal: str,
    UUID: lambda value: value.bytes,
    Fraction: lambda value: [value.numerator, value.denominator],
    complex: lambda value: [value.real, value.imag],
    bytearray: bytes,
}
_FROM_PARTS: dict[type, Callable[[Any], Any]] = {
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    datetime: lambda parts: datetime.fromisoformat(parts[0]).replace(fold=parts[1]),
    date: date.fromisoformat,
    time: lambda parts: time.fromisoformat(parts[0]).replace(fold=parts[1]),
    timedelta: lambda parts: timedelta(*parts),
    Decimal: Decimal,
    UUID: lambda parts: UUID(bytes=parts),
    Fraction: lambda parts: Fraction(*parts),
    complex: lambda parts: complex(*parts),
    bytearray: bytearray,
}
_TAGS = {kind: tag for tag, kind in enumerate(_TO_PARTS, start=3)}
_BUILD: dict[int, Callable[[Any], Any]] = {tag: _FROM_PARTS[kind] for kind, tag in _TAGS.items()} | {2: dict}


def _extension(tag: int, data: memoryview) -> Any:
    return int(bytes(data)) if tag == 1 else _BUILD[tag](_decoder.decode(data))


_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(ext_hook=_extension)
