"""Turn the coordinates of a row into a GeoJSON point, or say what is wrong with them; pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from hiroba.apps.imports.reasons import Unfit
from hiroba.apps.imports.table import missing

Box = tuple[float, float, float, float]
JAPAN: Box = (122.0, 20.0, 154.5, 46.0)
"""West, south, east, north of the country with its outer islands (degrees)."""
EARTH: Box = (-180.0, -90.0, 180.0, 90.0)

_DECIMAL = re.compile(r"[+\-]?\d+(\.\d*)?")
_SEXAGESIMAL = re.compile(
    r"[neNE東北]?[経緯]?(\d{1,3})[°度/:\s](\d{1,2}(?:\.\d+)?)[′'’分/:\s](?:(\d{1,2}(?:\.\d+)?)[″\"”'′秒]*)?[ne]?"
)
_PAIR = re.compile(r"\s*\(?\s*([+\-]?\d+\.\d+)\s*[,、\s]\s*([+\-]?\d+\.\d+)\s*\)?\s*")


def to_degrees(cell: Any) -> float | None:
    """Return degrees from decimal or sexagesimal text or a `[degrees, minutes]` pair; None if missing."""
    if isinstance(cell, list):
        if len(cell) == 2 and all(isinstance(part, int | float) for part in cell):
            return round(float(cell[0]) + float(cell[1]) / 60, 7)
        raise Unfit("not_a_coordinate")
    if missing(cell):
        return None
    text = unicodedata.normalize("NFKC", str(cell)).strip()
    if _DECIMAL.fullmatch(text):
        return float(text)
    if match := _SEXAGESIMAL.fullmatch(text):
        degrees, minutes, seconds = match.groups()
        return float(degrees) + float(minutes) / 60 + float(seconds or 0) / 3600
    raise Unfit("not_a_coordinate")


def with_minutes(degrees: Any, minutes: Any) -> float | None:
    """Return degrees from two cells, whole degrees and minutes."""
    whole, part = to_degrees(degrees), to_degrees(minutes)
    return None if whole is None else round(whole + (part or 0.0) / 60, 7)


def point(lat: float | None, lon: float | None, *, bounds: Box = JAPAN) -> dict[str, Any] | None:
    """Return the point, or None when both are missing or zero; raises Unfit for half, swapped or far ones."""
    if not lat and not lon:
        return None
    if lat is None or lon is None:
        raise Unfit("half_coordinates")
    if not inside(lon, lat, bounds):
        code = "swapped_coordinates" if inside(lat, lon, bounds) else "outside"
        raise Unfit(code, lat=lat, lon=lon)
    return {"type": "Point", "coordinates": [lon, lat]}


def pair(cell: str) -> tuple[float, float] | None:
    """Return (lat, lon) from one cell such as `34.34,134.05`; the larger number is the longitude."""
    if missing(cell):
        return None
    match = _PAIR.fullmatch(unicodedata.normalize("NFKC", cell))
    if not match:
        raise Unfit("not_a_coordinate")
    first, second = float(match.group(1)), float(match.group(2))
    return (first, second) if first <= second else (second, first)


def inside(lon: float, lat: float, bounds: Box) -> bool:
    """Tell whether a position is within a box."""
    west, south, east, north = bounds
    return west <= lon <= east and south <= lat <= north


def geometry(shape: dict[str, Any], *, bounds: Box = JAPAN) -> dict[str, Any] | None:
    """Return a GeoJSON geometry all within bounds; None for an empty one or a point at 0,0."""
    kind, coordinates = shape.get("type"), shape.get("coordinates")
    if kind not in _DEPTHS:
        raise Unfit("unknown_geometry", kind=kind)
    if not coordinates:
        return None
    if kind == "Point" and isinstance(coordinates, list) and len(coordinates) > 1:
        lon, lat = _position(coordinates)
        placed = point(lat, lon, bounds=bounds)
        return placed and {"type": "Point", "coordinates": [lon, lat]}
    return {"type": kind, "coordinates": _checked(coordinates, _DEPTHS[kind], bounds)}


_DEPTHS = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}


def _checked(coordinates: Any, depth: int, bounds: Box) -> Any:
    if not isinstance(coordinates, list):
        raise Unfit("not_a_coordinate")
    if depth:
        return [_checked(part, depth - 1, bounds) for part in coordinates]
    lon, lat = _position(coordinates)
    if not inside(lon, lat, bounds):
        code = "swapped_coordinates" if inside(lat, lon, bounds) else "outside"
        raise Unfit(code, lat=lat, lon=lon)
    return [lon, lat]


def _position(coordinates: list[Any]) -> tuple[float, float]:
    if len(coordinates) < 2 or not all(
        isinstance(part, int | float) and not isinstance(part, bool) for part in coordinates[:2]
    ):
        raise Unfit("not_a_coordinate")
    return coordinates[0], coordinates[1]
