"""Which geometries are taken (GS CIM 009, 4.7; RFC 7946)."""

from __future__ import annotations

from typing import Any

import pytest

from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.model.geometry import GEOMETRIES, check_geometry, is_geometry

RING = [[0, 0], [1, 0], [1, 1], [0, 0]]
GOOD: list[tuple[str, Any]] = [
    ("Point", [134.05, 34.34]),
    ("Point", [-180, 90, 12.5]),
    ("MultiPoint", [[0, 0], [1, 1]]),
    ("LineString", [[0, 0], [1, 1]]),
    ("MultiLineString", [[[0, 0], [1, 1]]]),
    ("Polygon", [RING, RING]),
    ("MultiPolygon", [[RING]]),
]
BAD: list[tuple[Any, str]] = [
    ({"type": "Point", "coordinates": [180.1, 0]}, "longitude"),
    ({"type": "Point", "coordinates": [0, -90.5]}, "latitude"),
    ({"type": "Point", "coordinates": [float("nan"), 0]}, "longitude"),
    ({"type": "Point", "coordinates": [1]}, "no position"),
    ({"type": "Point", "coordinates": [1, 2, 3, 4]}, "no position"),
    ({"type": "Point", "coordinates": ["1", 2]}, "'1'"),
    ({"type": "Point", "coordinates": [True, 2]}, "true"),
    ({"type": "Point", "coordinates": [None, 2]}, "null"),
    ({"type": "Point", "coordinates": [[1, 2]]}, "no position"),
    ({"type": "Point", "coordinates": None}, "no position"),
    ({"type": "Point"}, "coordinates is missing"),
    ({"type": "Point", "coordinates": [1, 2], "crs": {}}, "crs"),
    ({"type": "Point", "coordinates": [1, 2], "bbox": [1, 2]}, "bbox"),
    ({"type": "Point", "coordinates": [1, 2], "bbox": [1, 2, "3", 4]}, "bbox"),
    ({"type": "MultiPoint", "coordinates": []}, "at least 1 position"),
    ({"type": "LineString", "coordinates": [[0, 0]]}, "at least 2 positions"),
    ({"type": "MultiLineString", "coordinates": []}, "at least one line"),
    ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 0]]]}, "at least 4"),
    ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}, "coordinates[0] is not closed"),
    ({"type": "Polygon", "coordinates": [RING, [[0, 0], [1, 0], [1, 99], [0, 0]]]}, "coordinates[1][2]"),
    ({"type": "MultiPolygon", "coordinates": [[]]}, "at least one ring"),
    ({"type": "GeometryCollection", "geometries": []}, "GeometryCollection"),
    ({"type": 5, "coordinates": [1, 2]}, "type is 5"),
    ({"coordinates": [1, 2]}, "type is null"),
    ([1, 2], "no GeoJSON"),
    ('{"type": "Point"', "not GeoJSON"),
    ("[1, 2]", "no GeoJSON"),
]


@pytest.mark.parametrize(("kind", "coordinates"), GOOD)
def test_every_supported_geometry_is_taken_as_it_is(kind: str, coordinates: Any) -> None:
    geometry = {"type": kind, "coordinates": coordinates, "bbox": [0, 0, 1, 1]}
    assert check_geometry(geometry, "location") is geometry
    assert is_geometry(geometry)
    assert kind in GEOMETRIES


@pytest.mark.parametrize(("value", "named"), BAD)
def test_what_is_no_geometry_is_refused_by_name(value: Any, named: str) -> None:
    with pytest.raises(BadRequestData) as refused:
        check_geometry(value, "location")
    assert named in refused.value.detail
    assert refused.value.detail.startswith("location")


def test_a_geometry_may_come_as_text() -> None:
    assert check_geometry('{"type":"Point","coordinates":[1,2]}', "location") == {
        "type": "Point",
        "coordinates": [1, 2],
    }
