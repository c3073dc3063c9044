"""Turns values into bytes that sort as SQLite sorts the values: numbers, then texts by code point, then the others.

One column of bytes holds every kind of value, so that one index serves all of them; a text may hold any character.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final

from hiroba.kernel.store.rows import Value

_NUMBER, _TEXT, _OTHER = b"\x01", b"\x02", b"\x03"
_DOUBLE: Final = struct.Struct(">d")
_BITS: Final = struct.Struct(">Q")
_SIGN: Final = 1 << 63
_ALL: Final = (1 << 64) - 1
_LONGEST: Final = 200
"""Bytes of an id that are indexed as they are; of a longer one the beginning and a digest."""
_SHORTENED: Final = _LONGEST - 32

LEAST_TEXT: Final = _TEXT
LEAST_OTHER: Final = _OTHER


def value_key(value: Value) -> bytes:
    """Return a value's key. Two whole numbers beyond 2^53 may share one."""
    if isinstance(value, str):
        return _TEXT + value.encode("utf-8")
    if isinstance(value, bytes):
        return _OTHER + value
    (bits,) = _BITS.unpack(_DOUBLE.pack(value + 0.0))
    return _NUMBER + _BITS.pack(bits ^ (_ALL if bits & _SIGN else _SIGN))


def id_key(id: str) -> bytes:
    """Return an id's key: the id itself, as far as an index can hold it, and never that of another."""
    raw = id.encode("utf-8", "surrogatepass")
    if len(raw) <= _LONGEST:
        return raw
    return raw[:_SHORTENED] + hashlib.sha256(raw).digest()


def beginning_keys(beginning: str) -> tuple[bytes, bytes]:
    """Return the bounds, the upper one not included, between which lie the keys of ids that begin so."""
    raw = beginning.encode("utf-8", "surrogatepass")[:_SHORTENED]
    return raw, raw + b"\xff"
