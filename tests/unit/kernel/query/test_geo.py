"""Geographic queries (GS CIM 009, 4.10)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hiroba.kernel.model.errors import BadRequestData, TooComplexQuery
from hiroba.kernel.query.geo import geo_matcher, parse_geo
from hiroba.kernel.query.reference import reference_shape
from hiroba.kernel.query.tree import GeoQuery

SQUARE = [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]
RING = [*SQUARE, [[4, 4], [6, 4], [6, 6], [4, 6], [4, 4]]]
STATION = [134.0469, 34.3506]


def entity(*geometries: Any) -> dict[str, Any]:
    instances = [{"type": "GeoProperty", "value": geometry} for geometry in geometries]
    return {"id": "urn:x:1", "type": ["T"], "attrs": {"x:location": instances} if instances else {}}


def point(x: float, y: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [x, y]}


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def matches(georel: str, geometry: str, coordinates: Any, *targets: Any) -> bool:
    query = parse_geo(georel, geometry, json.dumps(coordinates), "x:location")
    return geo_matcher(query)(entity(*targets))


INNER = polygon([[1, 1], [2, 1], [2, 2], [1, 1]])
ACROSS = polygon([[5, 5], [15, 5], [15, 15], [5, 5]])
AROUND = polygon([[-1, -1], [11, -1], [11, 11], [-1, 11], [-1, -1]])
LINE = {"type": "LineString", "coordinates": [[-5, 5], [15, 5]]}


@pytest.mark.parametrize(
    ("georel", "target", "expected"),
    [
        ("within", point(5, 5), True),
        ("within", point(11, 5), False),
        ("within", point(10, 5), False),
        ("within", INNER, True),
        ("within", ACROSS, False),
        ("contains", AROUND, True),
        ("contains", INNER, False),
        ("contains", point(5, 5), False),
        ("overlaps", ACROSS, True),
        ("overlaps", INNER, False),
        ("overlaps", point(5, 5), False),
        ("intersects", point(10, 5), True),
        ("intersects", LINE, True),
        ("intersects", point(10.001, 5), False),
        ("equals", polygon([[10, 0], [10, 10], [0, 10], [0, 0], [5, 0], [10, 0]]), True),
        ("equals", INNER, False),
        ("disjoint", point(11, 5), True),
        ("disjoint", point(10, 5), False),
        ("disjoint", LINE, False),
    ],
)
def test_relations_to_a_polygon(georel: str, target: Any, expected: bool) -> None:
    assert matches(georel, "Polygon", SQUARE, target) is expected


def test_relations_to_a_point() -> None:
    assert matches("equals", "Point", [1, 2], point(1, 2))
    assert not matches("equals", "Point", [1, 2], point(1, 2.0001))
    assert matches("contains", "Point", [1.9, 1.5], INNER)
    assert matches("within", "Point", [1, 2], point(1, 2))


def test_a_hole_is_outside() -> None:
    assert not matches("within", "Polygon", RING, point(5, 5))
    assert matches("within", "Polygon", RING, point(3, 3))
    assert not matches("near;maxDistance==100000", "Polygon", RING, point(5, 5))
    assert matches("near;maxDistance==112000", "Polygon", RING, point(5, 5))


@pytest.mark.parametrize(
    ("georel", "x", "expected"),
    [
        ("near;maxDistance==1000", 134.0577, True),
        ("near;maxDistance==1000", 134.0578, False),
        ("near;minDistance==1000", 134.0577, False),
        ("near;minDistance==1000", 134.0578, True),
    ],
)
def test_near_a_point(georel: str, x: float, expected: bool) -> None:
    """A kilometre at this latitude is 0.010873 degrees of longitude."""
    assert matches(georel, "Point", STATION, point(x, STATION[1])) is expected


def test_near_works_across_the_date_line_and_over_the_pole() -> None:
    assert matches("near;maxDistance==20000", "Point", [179.95, 0], point(-179.95, 0))
    assert matches("near;maxDistance==3000", "Point", [0, 89.99], point(180, 89.99))
    line = {"type": "LineString", "coordinates": [[-179.9, -1], [-179.9, 1]]}
    assert matches("near;maxDistance==23000", "Point", [179.9, 0], line)
    assert not matches("near;maxDistance==22000", "Point", [179.9, 0], line)


def test_a_ring_that_crosses_itself_stands_for_what_it_encloses() -> None:
    bow = [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]
    assert matches("within", "Polygon", bow, point(0.2, 1))
    assert matches("within", "Polygon", bow, point(1.8, 1))
    assert not matches("within", "Polygon", bow, point(1, 0.2))
    assert matches("equals", "Polygon", bow, polygon(bow[0]))
    assert not matches("equals", "Polygon", bow, polygon([[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]))
    assert matches("near;maxDistance==56000", "Polygon", bow, point(1, 0.4))
    assert not matches("near;maxDistance==20000", "Polygon", bow, point(1, 0.4))


def test_near_an_area_measures_from_its_edge() -> None:
    """A degree along the equator is 111,319.5 m."""
    assert matches("near;maxDistance==111400", "Polygon", SQUARE, point(11, 0))
    assert not matches("near;maxDistance==111200", "Polygon", SQUARE, point(11, 0))
    assert matches("near;minDistance==111200", "Polygon", SQUARE, point(11, 0))
    assert not matches("near;minDistance==111400", "Polygon", SQUARE, point(11, 0))
    assert not matches("near;minDistance==1", "Polygon", SQUARE, INNER)


def test_any_instance_counts_and_none_never_does() -> None:
    assert matches("within", "Polygon", SQUARE, point(50, 50), point(5, 5))
    for georel in ("within", "disjoint", "near;minDistance==1"):
        assert not matches(georel, "Polygon", SQUARE)


@pytest.mark.parametrize(
    "target",
    [
        None,
        5,
        "no json",
        {},
        {"type": "Point"},
        {"type": "Point", "coordinates": ["a", "b"]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]},
        {"type": "Circle", "coordinates": [0, 0]},
        {"type": "Polygon", "coordinates": []},
    ],
)
def test_what_is_no_geometry_never_matches(target: Any) -> None:
    for georel in ("near;maxDistance==10", "within", "disjoint"):
        assert matches(georel, "Polygon", SQUARE, target) is False


def test_a_target_that_crosses_itself_still_counts() -> None:
    bow = polygon([[1, 1], [3, 3], [3, 1], [1, 3], [1, 1]])
    assert matches("within", "Polygon", SQUARE, bow)
    assert not matches("near;maxDistance==1000", "Point", [50, 50], bow)


def test_a_query_is_made_of_tuples_without_altitudes() -> None:
    query = parse_geo("near; maxDistance==1.5e3", "MultiPoint", "[[1, 2, 99], [3, 4]]", "x:location")
    assert query == GeoQuery("near", "MultiPoint", ((1.0, 2.0), (3.0, 4.0)), "x:location", None, 1500.0)
    assert hash(query) == hash(parse_geo("near;maxDistance==1500", "MultiPoint", [[1, 2], [3, 4]], "x:location"))


@pytest.mark.parametrize(
    ("georel", "geometry", "coordinates", "named"),
    [
        ("beside", "Point", "[0,0]", "georel: expected one of near"),
        ("near", "Point", "[0,0]", "georel: expected one of ';maxDistance=='"),
        ("near;maxDistance=5", "Point", "[0,0]", "georel: expected maxDistance==metres"),
        ("near;maxDistance==0", "Point", "[0,0]", "a number above 0"),
        ("near;maxDistance==-1", "Point", "[0,0]", "a number above 0"),
        ("near;maxDistance==1e999", "Point", "[0,0]", "a number above 0"),
        ("near;maxDistance==1;maxDistance==2", "Point", "[0,0]", "once each"),
        ("within;maxDistance==1", "Point", "[0,0]", "nothing after 'within'"),
        ("within", "GeometryCollection", "[0,0]", "geometry: expected one of"),
        ("within", ["Point"], "[0,0]", "geometry: expected one of"),
        (5, "Point", "[0,0]", "georel: expected a text"),
        ("within", "Point", "[0,", "coordinates: expected JSON"),
        ("within", "Point", "[" * 5000, "coordinates: expected JSON"),
        ("within", "Point", "[0]", "geometry.coordinates is no position"),
        ("within", "Point", "[true,0]", "geometry.coordinates contains"),
        ("within", "Point", "[181,0]", "longitude 181"),
        ("within", "Point", "[0,90.1]", "latitude 90.1"),
        ("within", "Point", '{"a":1}', "geometry.coordinates is no position"),
        ("within", "LineString", "[[0,0]]", "at least 2 positions"),
        ("within", "Polygon", "[[[0,0],[1,0],[1,1]]]", "geometry.coordinates[0] needs at least 4"),
        ("within", "Polygon", "[[[0,0],[1,0],[1,1],[0,1]]]", "geometry.coordinates[0] is not closed"),
        ("within", "Polygon", "[[0,0],[1,0],[1,1],[0,0]]", "geometry.coordinates[0] needs at least 4"),
        ("within", "MultiPolygon", "[[[[0,0],[1,0],[1,99],[0,0]]]]", "geometry.coordinates[0][0][2] has"),
    ],
)
def test_an_error_names_parameter_and_place(georel: Any, geometry: Any, coordinates: str, named: str) -> None:
    with pytest.raises(BadRequestData) as raised:
        parse_geo(georel, geometry, coordinates, "x:location")
    assert named in raised.value.detail


def test_a_prepared_geometry_is_shared_within_a_thread_only() -> None:
    one = parse_geo("within", "Polygon", SQUARE, "x:location")
    other = parse_geo("near;maxDistance==5", "Polygon", SQUARE, "x:area")
    assert reference_shape(one) is reference_shape(other)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(reference_shape, one).result() is not reference_shape(one)


def test_too_many_positions_are_refused() -> None:
    with pytest.raises(TooComplexQuery):
        parse_geo("within", "MultiPoint", [[0, 0]] * 20_001, "x:location")
