"""Make ids that stay the same from one import to the next; pure."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Any
from urllib.parse import quote

_PLAIN = "-._~"


def urn(type: str, area: str, key: str) -> str:
    """Return `urn:ngsi-ld:<type>:<area>:<key>`, everything but letters, digits and `-._~` percent-encoded."""
    return f"urn:ngsi-ld:{quote(type, safe=_PLAIN)}:{quote(area, safe=_PLAIN)}:{quote(key, safe=_PLAIN)}"


def digest(parts: list[Any]) -> str:
    """Return 16 hexadecimal digits that stand for these parts, whatever their spacing and width."""
    text = "\x1f".join(_canonical(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _canonical(part: Any) -> str:
    if part is None:
        return ""
    if isinstance(part, dict):
        coordinates = part.get("coordinates")
        if part.get("type") == "Point" and isinstance(coordinates, list):
            return ",".join(f"{float(number):.6f}" for number in coordinates)
        return repr(part)
    if isinstance(part, float | int):
        return repr(part)
    return "".join(unicodedata.normalize("NFKC", str(part)).split())
