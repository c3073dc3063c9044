"""Turns values into bytes that sort as SQLite sorts the values: numbers, then texts by code point, then the others.

One column of bytes holds every kind of value, so that one index serves all of them; a text may hold any character.
"""

from __future__ import annotations

import hashlib
import math
import struct
from typing import Final

from hiroba.kernel.store.rows import Value

_NUMBER, _TEXT, _OTHER = b"\x01", b"\x02", b"\x03"
_DOUBLE: Final = struct.Struct(">d")
_BITS: Final = struct.Struct(">Q")
_SIGN: Final = 1 << 63
_ALL: Final = (1 << 64) - 1
_LONGEST_ID: Final = 200
_LONGEST_SCOPE: Final = 600
"""Bytes that are indexed as they are; of something longer the beginning and a digest."""
_DIGEST: Final = 32
_ABOVE: Final = b"\xff" * (_DIGEST + 1)

LEAST_TEXT: Final = _TEXT
LEAST_OTHER: Final = _OTHER


def value_key(value: Value) -> bytes:
    """Return a value's key, never that of another: what a double cannot hold exactly has its digits behind it."""
    if isinstance(value, str):
        return _TEXT + value.encode("utf-8")
    if isinstance(value, bytes):
        return _OTHER + value
    near = float(value)
    key = _number_key(near)
    return key if near == value else key + str(value).encode()


def _number_key(value: float) -> bytes:
    (bits,) = _BITS.unpack(_DOUBLE.pack(value + 0.0))  # there is one zero
    return _NUMBER + _BITS.pack(bits ^ (_ALL if bits & _SIGN else _SIGN))


def number_bounds(low: float | None, high: float | None) -> tuple[bytes, bytes]:
    """Return keys with all numbers between two, or up to or from one, in between; both may be there themselves."""
    return (
        _NUMBER if low is None else _number_key(_near(low)),
        LEAST_TEXT if high is None else _number_key(_near(high)) + b"\xff",
    )


def _near(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def id_key(id: str) -> bytes:
    """Return an id's key: the id itself, as far as an index can hold it, and never that of another."""
    return _shortened(id, _LONGEST_ID)


def beginning_bounds(beginning: str) -> tuple[bytes, bytes]:
    """Return the bounds, the upper one not included, between which lie the keys of ids that begin so."""
    raw = _raw(beginning)[: _LONGEST_ID - _DIGEST]
    return raw, raw + _ABOVE


def scope_key(scope: str) -> bytes:
    """Return a scope's key, never that of another."""
    return _shortened(scope, _LONGEST_SCOPE)


def scope_bounds(scope: str) -> tuple[bytes, bytes]:
    """Return the bounds, the upper one not included, between which lie the keys of scopes below one, and some more."""
    raw = _raw(scope)
    if len(raw) < _LONGEST_SCOPE - _DIGEST:
        return raw + b"/", raw + b"0"
    raw = raw[: _LONGEST_SCOPE - _DIGEST]
    return raw, raw + _ABOVE


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _shortened(text: str, longest: int) -> bytes:
    raw = _raw(text)
    return raw if len(raw) <= longest else raw[: longest - _DIGEST] + hashlib.sha256(raw).digest()
