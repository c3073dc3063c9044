"""Parses and evaluates geographic queries (GS CIM 009, 4.10).

Relations are those of the plane of longitude and latitude, as in GeoJSON; `near` measures on the WGS84
ellipsoid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final

import orjson
import shapely
from shapely.geometry.base import BaseGeometry

from hiroba.kernel.model.entity import Entity, Instance
from hiroba.kernel.model.errors import BadRequestData, TooComplexQuery
from hiroba.kernel.model.geometry import check_geometry
from hiroba.kernel.query.boxes import geo_boxes
from hiroba.kernel.query.distance import metres_between, point_distance, points_within
from hiroba.kernel.query.reference import reference_shape
from hiroba.kernel.query.tree import ANYWHERE, GeoQuery

GEORELS: Final = ("near", "within", "contains", "overlaps", "intersects", "equals", "disjoint")
MAX_BYTES: Final = 1 << 20
MAX_POSITIONS: Final = 20_000

_DISTANCE: Final = re.compile(r"(minDistance|maxDistance)==([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")
_DEPTHS: Final = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}

_Relation = Callable[[BaseGeometry], bool]


def parse_geo(georel: str, geometry: str, coordinates: Any, geoproperty: str) -> GeoQuery:
    """Return the query of these parameters; `coordinates` is JSON text or read, `geoproperty` an IRI.

    Altitudes are dropped; a ring that crosses itself stands for the areas that it encloses. Raises BadRequestData
    naming the parameter and the place in it, TooComplexQuery for more than 20,000 positions.
    """
    relation, low, high = _parse_georel(georel)
    if not isinstance(geometry, str) or geometry not in _DEPTHS:
        raise BadRequestData(f"geometry: expected one of {', '.join(_DEPTHS)}, found {str(geometry)[:40]!r}")
    query = GeoQuery(relation, geometry, _parse_coordinates(geometry, coordinates), geoproperty, low, high)
    if reference_shape(query).is_empty:
        raise BadRequestData(f"coordinates: a {geometry} without any place in it")
    return query


def _parse_georel(text: str) -> tuple[str, float | None, float | None]:
    if not isinstance(text, str):
        raise BadRequestData(f"georel: expected a text, found {type(text).__name__}")
    relation, *modifiers = (part.strip() for part in text.split(";"))
    if relation not in GEORELS:
        raise BadRequestData(f"georel: expected one of {', '.join(GEORELS)}, found {relation[:40]!r}")
    if relation != "near" and modifiers:
        raise BadRequestData(f"georel: expected nothing after '{relation}', found {modifiers[0][:40]!r}")
    bounds: dict[str, float] = {}
    for modifier in modifiers:
        found = _DISTANCE.fullmatch(modifier)
        metres = float(found[2]) if found else 0.0
        if found is None or found[1] in bounds or not 0 < metres < float("inf"):
            raise BadRequestData(
                "georel: expected maxDistance==metres or minDistance==metres (a number above 0) once each "
                f"after 'near;', found {modifier[:40]!r}"
            )
        bounds[found[1]] = metres
    if relation == "near" and len(bounds) != 1:
        raise BadRequestData("georel: expected one of ';maxDistance==' and ';minDistance==' and metres after 'near'")
    return relation, bounds.get("minDistance"), bounds.get("maxDistance")


def _parse_coordinates(geometry: str, coordinates: Any) -> Any:
    if isinstance(coordinates, (str, bytes)):
        if len(coordinates) > MAX_BYTES:
            raise TooComplexQuery(f"coordinates: more than {MAX_BYTES} characters")
        try:
            coordinates = orjson.loads(coordinates)
        except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
            raise BadRequestData(f"coordinates: expected JSON, {error}") from error
    checked = check_geometry({"type": geometry, "coordinates": coordinates}, "geometry")["coordinates"]
    flat = [checked]
    for _ in range(_DEPTHS[geometry]):
        flat = [inner for outer in flat for inner in outer]
    if len(flat) > MAX_POSITIONS:
        raise TooComplexQuery(f"coordinates: more than {MAX_POSITIONS} positions")
    return _frozen(checked, _DEPTHS[geometry])


def _frozen(value: Any, depth: int) -> Any:
    """Return nested tuples of (longitude, latitude), `depth` levels above the positions."""
    if depth == 0:
        return float(value[0]), float(value[1])
    return tuple(_frozen(item, depth - 1) for item in value)


@lru_cache(maxsize=4096)
def _target_shape(geojson: bytes) -> BaseGeometry | None:
    try:
        shape: BaseGeometry = shapely.from_geojson(geojson)
        if not shape.is_valid:
            shape = shapely.make_valid(shape)
    except shapely.errors.GEOSException:
        return None
    return None if shape.is_empty else shape


def geo_matcher(query: GeoQuery) -> Callable[[Entity], bool]:
    """Compile a geographic query to a function over entities, for use in one thread; any instance counts."""
    name = query.geoproperty
    relates = _relation(query)
    relates_point = _point_relation(query)

    def one(value: Any) -> bool:
        if isinstance(value, str):
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError:
                return False
        if not isinstance(value, dict):
            return False
        point = _plain_point(value) if relates_point is not None else None
        if point is not None and relates_point is not None:
            return relates_point(*point)
        shape = _shape_of(value)
        return shape is not None and relates(shape)

    def matches(entity: Entity) -> bool:
        for instance in entity.get("attrs", {}).get(name, ()):  # noqa: SIM110  # as fast as can be
            if one(instance.get("value")):
                return True
        return False

    def matches_anywhere(entity: Entity) -> bool:
        return any(one(instance.get("value")) for instance in _places_of(entity))

    return matches_anywhere if name == ANYWHERE else matches


def _places_of(entity: Entity) -> Iterator[Instance]:
    """Yield all instances of all GeoProperties of an entity."""
    for instances in entity.get("attrs", {}).values():
        for instance in instances:
            if instance["type"] == "GeoProperty":
                yield instance


def distance_from(query: GeoQuery) -> Callable[[Entity], float | None]:
    """Return a function from an entity to the metres between its GeoProperty and the reference geometry, or None.

    The closest instance counts; None when there is none with a geometry.
    """
    name = query.geoproperty
    reference = reference_shape(query)
    centre = query.coordinates if query.geometry == "Point" else None

    def metres(value: Any) -> float | None:
        if not isinstance(value, dict):
            return None
        point = _plain_point(value) if centre is not None else None
        if point is not None and centre is not None:
            return point_distance(centre[0], centre[1], point[0], point[1])
        shape = _shape_of(value)
        return metres_between(reference, shape) if shape is not None else None

    def closest(entity: Entity) -> float | None:
        instances = _places_of(entity) if name == ANYWHERE else entity.get("attrs", {}).get(name, ())
        found = [metres(instance.get("value")) for instance in instances]
        return min((one for one in found if one is not None), default=None)

    return closest


def _plain_point(value: dict[str, Any]) -> tuple[float, float] | None:
    position = value.get("coordinates")
    if value.get("type") != "Point" or not isinstance(position, (list, tuple)) or len(position) < 2:
        return None
    x, y = position[0], position[1]
    return (x, y) if isinstance(x, (int, float)) and isinstance(y, (int, float)) else None


def _shape_of(value: dict[str, Any]) -> BaseGeometry | None:
    if value.get("type") not in _DEPTHS:
        return None
    try:
        return _target_shape(orjson.dumps({"type": value["type"], "coordinates": value.get("coordinates")}))
    except orjson.JSONEncodeError:
        return None


def _point_relation(query: GeoQuery) -> Callable[[float, float], bool] | None:
    """Return a quick test for target points, None when there is none for this relation."""
    shape = reference_shape(query)
    match query.georel:
        case "within":
            return lambda x, y: bool(shapely.contains_xy(shape, x, y))
        case "intersects" | "coveredBy":
            return lambda x, y: bool(shapely.intersects_xy(shape, x, y))
        case "disjoint":
            return lambda x, y: not shapely.intersects_xy(shape, x, y)
        case "near" if query.geometry == "Point":
            x0, y0 = query.coordinates
            low, high = query.min_distance, query.max_distance

            def near(x: float, y: float) -> bool:
                if high is not None and not points_within(x0, y0, x, y, metres=high):
                    return False
                return low is None or not points_within(x0, y0, x, y, metres=low)

            return near
        case _:
            return None


def _relation(query: GeoQuery) -> _Relation:
    shape = reference_shape(query)
    if query.georel == "near":
        return _nearness(query, shape)
    # the prepared geometry comes first, hence the converse relation
    predicate: Any = {
        "within": shapely.contains,
        "coveredBy": shapely.covers,
        "contains": shapely.within,
        "overlaps": shapely.overlaps,
        "intersects": shapely.intersects,
        "equals": shapely.equals,
        "disjoint": shapely.disjoint,
    }[query.georel]

    def relates(target: BaseGeometry) -> bool:
        try:
            return bool(predicate(shape, target))
        except shapely.errors.GEOSException:  # no topology to be had from this target
            return False

    return relates


def _nearness(query: GeoQuery, shape: BaseGeometry) -> _Relation:
    low, high = query.min_distance, query.max_distance
    boxes = [shapely.box(*box) for box in geo_boxes(query) or ()]

    def near(target: BaseGeometry) -> bool:
        if boxes and not any(shapely.intersects(box, target) for box in boxes):
            return False
        metres = metres_between(shape, target)
        return (high is None or metres <= high) and (low is None or metres > low)

    return near
