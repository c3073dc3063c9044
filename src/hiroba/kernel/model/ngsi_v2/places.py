"""The simple location format of NGSIv2 (`geo:point` and its like, latitude first) and GeoJSON, both ways."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.model.geometry import check_geometry
from hiroba.kernel.model.ngsi_v2.errors import OrionError, bad_request

SIMPLE: Final = ("geo:point", "geo:line", "geo:box", "geo:polygon")
_NUMBER: Final = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?")
_LEAST: Final = {"geo:line": 2, "geo:box": 2, "geo:polygon": 4}


def from_simple(kind: str, value: Any) -> dict[str, Any]:
    """Return the GeoJSON geometry of a simple location; raises OrionError."""
    if kind == "geo:point":
        if type(value) is not str:
            raise _refused("geo:point needs a string as value")
        return {"type": "Point", "coordinates": position(value)}
    if type(value) is not list or not all(type(one) is str for one in value):
        raise _refused("geo:line, geo:box and geo:polygon needs array of strings as value")
    points = [position(one) for one in value]
    if len(points) < _LEAST[kind] or (kind == "geo:box" and len(points) > 2):
        raise _refused(f"not enough points in {kind}" if len(points) < _LEAST[kind] else "too many points in geo:box")
    if kind == "geo:line":
        return {"type": "LineString", "coordinates": points}
    if kind == "geo:polygon":
        if points[0] != points[-1]:
            raise _refused("first and last point in polygon must be the same")
        return {"type": "Polygon", "coordinates": [points]}
    (x0, y0), (x1, y1) = points
    if x0 == x1 or y0 == y1:
        raise _refused("box coordinates are not defining an actual box")
    return {"type": "Polygon", "coordinates": [[[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]]}


def to_simple(kind: str, geometry: dict[str, Any]) -> Any:
    """Return a geometry as the simple location that it was made from, None when it is of another shape by now."""
    shape, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind == "geo:point" and shape == "Point":
        return _text(coordinates)
    if kind == "geo:line" and shape == "LineString" and isinstance(coordinates, list):
        return [_text(one) for one in coordinates]
    if shape == "Polygon" and isinstance(coordinates, list) and len(coordinates) == 1:
        ring = coordinates[0]
        if kind == "geo:polygon":
            return [_text(one) for one in ring]
        if kind == "geo:box" and len(ring) == 5:
            return [_text(ring[0]), _text(ring[2])]
    return None


def position(text: str) -> list[Any]:
    """Return [longitude, latitude] of `latitude, longitude`; raises OrionError."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(_NUMBER.fullmatch(part) for part in parts):
        raise _refused("geo coordinates format error [see Orion user manual]: " + text[:80])
    latitude, longitude = (orjson.loads(part.lstrip("+")) for part in parts)
    if not -90 <= latitude <= 90 or not -180 <= longitude <= 180:
        raise _refused("geo coordinates format error [see Orion user manual]: " + text[:80])
    return [longitude, latitude]


def from_geojson(value: Any) -> dict[str, Any]:
    """Return the geometry of a `geo:json` value; of a Feature, or a collection of one, it is its geometry."""
    if type(value) is not dict:
        raise _refused("geo:json needs an object or null as value")
    if value.get("type") == "FeatureCollection":
        features = value.get("features")
        if type(features) is not list or len(features) != 1 or type(features[0]) is not dict:
            raise _refused("features in FeatureCollection has to be an array with 1 item")
        value = features[0]
    if value.get("type") == "Feature":
        if type(value.get("geometry")) is not dict:
            raise _refused("geometry in Feature is not an object")
        value = value["geometry"]
    try:
        return check_geometry(value, "geo:json")
    except BadRequestData as error:
        raise bad_request("Wrong GeoJson") from error


def _text(point: Any) -> str:
    return f"{orjson.dumps(point[1]).decode()}, {orjson.dumps(point[0]).decode()}"


def _refused(reason: str) -> OrionError:
    return bad_request(f"error parsing location attribute: {reason}")
