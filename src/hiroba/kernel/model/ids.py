"""Check the URIs that name things, and make new ones."""

from __future__ import annotations

import re
from itertools import count
from secrets import token_hex
from typing import Any, Final
from uuid import uuid4

from hiroba.kernel.model.errors import BadRequestData, shown

# what nobody can see or type again: ignorable characters, fillers, private use, noncharacters (RFC 3987, 2.2)
_UNSEEN: Final = (
    "\\x00-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u202a-\\u202e"
    "\\u2060-\\u206f\\u2800\\u3164\\ud800-\\uf8ff\\ufdd0-\\ufdef\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\uffff"
    + "".join(f"\\U{plane:04x}fffe-\\U{plane:04x}ffff" for plane in range(1, 14))
    + "\\U000e0000-\\U0010ffff"
)
_ASCII_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{}|\\^`\x00-\x1f\x7f]+")
_URI: Final = re.compile(rf"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{{}}|\\^`{_UNSEEN}]+")
_NAMESPACE: Final = "urn:ngsi-ld:"
# one random number a process and a counter: reading randomness for each instance costs more than the rest of a write
_INSTANCE: Final = f"{_NAMESPACE}Instance:{token_hex(8)}-"
_COUNTER: Final = count(1)


def is_uri(text: object) -> bool:
    """Tell whether a text is an absolute URI (RFC 3986); letters of any script are taken as they are (RFC 3987).

    Characters that cannot be seen are not: two ids that look alike must be one.
    """
    return type(text) is str and (_ASCII_URI if text.isascii() else _URI).fullmatch(text) is not None


def check_uri(text: Any, member: str) -> str:
    """Return the text when it is a URI; raises BadRequestData naming the member otherwise."""
    if type(text) is str and (_ASCII_URI if text.isascii() else _URI).fullmatch(text) is not None:
        return text
    raise BadRequestData(f"{member} is {shown(text)}; a URI is expected, such as urn:ngsi-ld:Building:1.")


def new_urn(kind: str) -> str:
    """Return a fresh `urn:ngsi-ld:<kind>:<random>`."""
    return f"{_NAMESPACE}{kind}:{uuid4()}"


def new_instance_id() -> str:
    """Return a fresh id for an instance of an attribute (4.5.7)."""
    return f"{_INSTANCE}{next(_COUNTER):x}"
