"""Put the parts of a Japanese address where they belong, each said once; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_PREFECTURE: Final = re.compile(r"(北海道|東京都|京都府|大阪府|.{2,3}?県)(?=.)")


def sorted_out(address: Mapping[str, Any]) -> dict[str, Any]:
    """Return a postal address whose locality names no prefecture and whose street names neither.

    A town's tables repeat them: `香川県高松市` as the municipality, `香川県高松市番町1-2` as the street. Parts that are
    not repeated stay as they are, so that nothing is lost.
    """
    parts = dict(address)
    locality = parts.get("addressLocality")
    if isinstance(locality, str) and (found := _PREFECTURE.match(locality)):
        parts.setdefault("addressRegion", found[1])
        parts["addressLocality"] = _without(locality, parts["addressRegion"])
    street = parts.get("streetAddress")
    for part in ("addressRegion", "addressLocality"):
        street = _without(street, parts.get(part))
    if street is not None:
        parts["streetAddress"] = street
    return {key: parts[key] for key in dict.fromkeys((*_ORDER, *parts)) if key in parts}


_ORDER: Final = ("postalCode", "addressRegion", "addressLocality", "streetAddress")


def _without(text: Any, start: Any) -> Any:
    """Return a text without its start, unless nothing else were left."""
    if not isinstance(text, str) or not isinstance(start, str) or not start or not text.startswith(start):
        return text
    return text[len(start) :].lstrip() or text
