"""Read from entities what the map needs to know: names, address, where they are (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import shapely.errors
import shapely.geometry

NAMES: Final = ("name", "title", "stationName", "officialName")
OTHER_NAMES: Final = ("alternateName", "nameKana", "nameEnglish", "shortName")
ADDRESS: Final = "address"
LOCATION: Final = "location"
WATCHED: Final = frozenset((*NAMES, *OTHER_NAMES, ADDRESS, LOCATION))
"""The attributes whose change changes the map or the search."""

_ADDRESS_PARTS: Final = (
    "addressCountry",
    "postalCode",
    "addressRegion",
    "addressLocality",
    "district",
    "streetAddress",
    "streetNr",
)
_SHAPES: Final = {"Point": "point", "MultiPoint": "point", "LineString": "line", "MultiLineString": "line"}


@dataclass(frozen=True, slots=True)
class Place:
    """What is kept of an entity; `shape` is `point`, `line`, `area`, or empty for one without a location."""

    id: str
    type: str
    name: str = ""
    names: tuple[str, ...] = ()
    address: str = ""
    lon: float | None = None
    lat: float | None = None
    shape: str = ""


def place(id: str, types: Iterable[str], attributes: Mapping[str, Any]) -> Place:
    """Return what is kept of an entity with these attributes (normalized)."""
    names = [text for key in (*NAMES, *OTHER_NAMES) for text in texts(attributes.get(key))]
    lon, lat, shape = position(attributes.get(LOCATION))
    return Place(
        id,
        next(iter(types), ""),
        name=names[0] if names else "",
        names=tuple(dict.fromkeys(names)),
        address=address(attributes.get(ADDRESS)),
        lon=lon,
        lat=lat,
        shape=shape,
    )


def entity_place(entity: Mapping[str, Any]) -> Place:
    """Return what is kept of a normalized entity."""
    kind = entity["type"]
    return place(entity["id"], [kind] if isinstance(kind, str) else kind, entity)


def _value(attribute: Any) -> Any:
    """Return the value of an attribute's first instance, whatever its type; None when there is none."""
    instance = attribute[0] if isinstance(attribute, list) and attribute else attribute
    if not isinstance(instance, Mapping):
        return None
    return instance.get("value", instance.get("languageMap", instance.get("vocab")))


def texts(attribute: Any) -> list[str]:
    """Return the texts of an attribute: one, several, or those of a language map with Japanese first."""
    value = _value(attribute)
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, Mapping):
        value = [value[key] for key in sorted(value, key=lambda key: (not str(key).startswith("ja"), str(key)))]
    if isinstance(value, list):
        return [text for text in value if isinstance(text, str) and text.strip()]
    return []


def address(attribute: Any) -> str:
    """Return an address on one line: a text as it is, a structured one from the region down to the house.

    What a Japanese part repeats of those before it is said once: 香川県 and 香川県高松市 are 香川県高松市.
    """
    value = _value(attribute)
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping):
        return ""
    parts = [str(value[key]) for key in _ADDRESS_PARTS[2:] if value.get(key)]
    japanese = all(not part.isascii() for part in parts[:2])
    return "".join(_said_once(parts)) if japanese else ", ".join(reversed(parts))


def _said_once(parts: list[str]) -> list[str]:
    said: list[str] = []
    for part in parts:
        again = next((at for at in range(len(said)) if part.startswith("".join(said[at:]))), len(said))
        said = [*said[:again], part]
    return said


def position(attribute: Any) -> tuple[float | None, float | None, str]:
    """Return a point of a location (lon, lat; for an area one inside it) and its shape; Nones without one."""
    value = _value(attribute)
    kind = value.get("type") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(kind, str):
        return None, None, ""
    if kind == "Point":
        lon, lat = value["coordinates"][:2]
        return float(lon), float(lat), "point"
    try:
        geometry = shapely.geometry.shape(value)
        if geometry.is_empty:
            return None, None, ""
        line = geometry.geom_type == "LineString"
        inside = geometry.interpolate(0.5, normalized=True) if line else geometry.representative_point()
    except (shapely.errors.ShapelyError, ValueError, TypeError):
        return None, None, ""
    return inside.x, inside.y, _SHAPES.get(kind, "area")
