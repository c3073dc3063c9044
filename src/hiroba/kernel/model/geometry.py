"""Check GeoJSON geometries: shape, ranges, closed rings (GS CIM 009, 4.7; RFC 7946)."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, Final

import orjson

from hiroba.kernel.model.errors import BadRequestData, shown


def is_geometry(value: object) -> bool:
    """Tell whether a value has the look of a supported GeoJSON geometry: its type and coordinates."""
    if type(value) is not dict or "coordinates" not in value:
        return False
    kind = value.get("type")
    return type(kind) is str and kind in _CHECKS


def check_geometry(value: Any, member: str) -> dict[str, Any]:
    """Return the geometry, read from JSON text where it came as one (4.7.2).

    Coordinates are (longitude, latitude[, altitude]) in degrees and metres. Raises BadRequestData naming the member.
    """
    if type(value) is str:
        try:
            value = orjson.loads(value)
        except ValueError as error:
            raise BadRequestData(f"{member} is a text that is not GeoJSON: {error}.") from error
    if type(value) is not dict:
        raise BadRequestData(f"{member} is no GeoJSON geometry; an object with type and coordinates is expected.")
    kind = value.get("type")
    check = _CHECKS.get(kind) if type(kind) is str else None
    if check is None:
        known = ", ".join(_CHECKS)
        raise BadRequestData(f"{member}.type is {shown(kind)}; the supported geometries are {known}.")
    if "coordinates" not in value:
        raise BadRequestData(f"{member}.coordinates is missing.")
    check(value["coordinates"], member + ".coordinates")
    for extra in value:
        if extra not in ("type", "coordinates", "bbox"):
            raise BadRequestData(f"{member}.{extra} does not belong into a GeoJSON geometry.")
    if "bbox" in value:
        _check_box(value["bbox"], member + ".bbox")
    geometry: dict[str, Any] = value
    return geometry


def _position(value: Any, member: str) -> None:
    if type(value) is not list or not 2 <= len(value) <= 3:
        raise BadRequestData(f"{member} is no position; [longitude, latitude] or with an altitude is expected.")
    for number in value:
        if type(number) is not float and type(number) is not int:
            raise BadRequestData(f"{member} contains {shown(number)}; numbers are expected.")
    if not -180 <= value[0] <= 180:
        raise BadRequestData(f"{member} has the longitude {value[0]}; it lies between -180 and 180 (and comes first).")
    if not -90 <= value[1] <= 90:
        raise BadRequestData(f"{member} has the latitude {value[1]}; it lies between -90 and 90 (and comes second).")


def _positions(value: Any, member: str, *, least: int) -> None:
    if type(value) is not list or len(value) < least:
        raise BadRequestData(f"{member} needs at least {least} position{'s' if least > 1 else ''}.")
    for place, position in enumerate(value):
        _position(position, f"{member}[{place}]")


def _points(value: Any, member: str) -> None:
    _positions(value, member, least=1)


def _line(value: Any, member: str) -> None:
    _positions(value, member, least=2)


def _ring(value: Any, member: str) -> None:
    _positions(value, member, least=4)
    if value[0] != value[-1]:
        raise BadRequestData(f"{member} is not closed; its last position must equal its first.")


def _each(check: Callable[[Any, str], None], named: str) -> Callable[[Any, str], None]:
    def check_all(value: Any, member: str) -> None:
        if type(value) is not list or not value:
            raise BadRequestData(f"{member} needs at least one {named}.")
        for place, part in enumerate(value):
            check(part, f"{member}[{place}]")

    return check_all


def _check_box(value: Any, member: str) -> None:
    if type(value) is not list or len(value) not in (4, 6):
        raise BadRequestData(f"{member} needs four or six numbers.")
    for number in value:
        if type(number) not in (int, float) or not isfinite(number):
            raise BadRequestData(f"{member} contains {shown(number)}; numbers are expected.")


_CHECKS: Final[dict[str, Callable[[Any, str], None]]] = {
    "Point": _position,
    "MultiPoint": _points,
    "LineString": _line,
    "MultiLineString": _each(_line, "line"),
    "Polygon": _each(_ring, "ring"),
    "MultiPolygon": _each(_each(_ring, "ring"), "polygon"),
}

GEOMETRIES: Final = frozenset(_CHECKS)
"""The GeoJSON types that a GeoProperty may have (all but GeometryCollection)."""
