"""Distances on the ellipsoid against brute force, and the boxes of a spatial index against distances."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyproj import Geod

from hiroba.kernel.query.boxes import geo_bbox, geo_boxes
from hiroba.kernel.query.distance import metres_between, point_distance, points_within
from hiroba.kernel.query.geo import geo_matcher, parse_geo

GEOD = Geod(ellps="WGS84")
SAMPLES = 150

centres = st.tuples(
    st.sampled_from([-180.0, -179.99, 0.0, 134.05, 179.9999]) | st.floats(-180, 180),
    st.sampled_from([-89.9, -70.0, 0.0, 34.35, 89.0]) | st.floats(-89.5, 89.5),
)
scales = st.sampled_from([1e-5, 1e-3, 0.1, 3.0, 20.0])


def wrapped(x: float, y: float) -> tuple[float, float]:
    return ((x + 180) % 360) - 180, max(-90.0, min(90.0, y))


@st.composite
def shapes(draw: Any, centre: tuple[float, float], scale: float) -> Any:
    offset = st.floats(-1, 1)
    middle = [centre[0] + draw(offset) * scale * 2, centre[1] + draw(offset) * scale * 2]
    spots = draw(st.lists(st.tuples(offset, offset), min_size=3, max_size=5))
    x0 = wrapped(*middle)[0]
    places = [
        (max(-180.0, min(180.0, x0 + dx * scale)), max(-90.0, min(90.0, middle[1] + dy * scale))) for dx, dy in spots
    ]
    kind = draw(st.sampled_from(["Point", "MultiPoint", "LineString", "Polygon"]))
    if kind == "Point":
        return shapely.Point(places[0])
    if kind == "MultiPoint":
        return shapely.MultiPoint(places)
    if kind == "LineString":
        assume(len(set(places)) > 1)
        return shapely.LineString(places)
    hull = shapely.convex_hull(shapely.MultiPoint(places))
    assume(hull.geom_type == "Polygon")
    return hull


pairs = st.tuples(centres, scales).flatmap(lambda cs: st.tuples(shapes(*cs), shapes(*cs)))


def sampled(shape: Any) -> Any:
    """Return places along a shape's points, lines and rings."""
    found = []
    for part in shapely.get_parts(shape):
        run = shapely.get_coordinates(part)
        if len(run) == 1:
            found.append(run)
        for a, b in itertools.pairwise(run):
            found.append(a + np.linspace(0, 1, SAMPLES)[:, None] * (b - a))
    return np.concatenate(found)


def brute(one: Any, other: Any) -> tuple[float, float]:
    """Return the least distance of sampled places, and how much closer others could be at most."""
    a, b = sampled(one), sampled(other)
    i, j = (grid.ravel() for grid in np.meshgrid(np.arange(len(a)), np.arange(len(b)), indexing="ij"))
    spacing = 0.0
    for shape, places in ((one, a), (other, b)):
        if shape.geom_type in ("LineString", "Polygon"):
            steps = GEOD.inv(places[:-1, 0], places[:-1, 1], places[1:, 0], places[1:, 1])[2]
            spacing += float(np.max(steps)) / 2
    return float(np.min(GEOD.inv(a[i, 0], a[i, 1], b[j, 0], b[j, 1])[2])), spacing


@settings(deadline=None, max_examples=120)
@given(pairs)
def test_distances_agree_with_brute_force(pair: tuple[Any, Any]) -> None:
    one, other = pair
    measured = metres_between(one, other)
    assert measured == pytest.approx(metres_between(other, one), rel=0.004, abs=0.01)
    if shapely.intersects(one, other):
        assert measured == 0
        return
    least, spacing = brute(one, other)
    assert measured <= least * 1.005 + 0.01
    assert measured >= least - spacing - 0.01


@pytest.mark.parametrize("gap", [0.5, 20.0, 3000.0, 250_000.0])
def test_parallel_lines_keep_their_gap(gap: float) -> None:
    """Lines along two parallels of latitude are as far apart as a piece of a meridian."""
    north = GEOD.fwd(0, 34.0, 0, gap)[1]
    one = shapely.LineString([[130, 34.0], [140, 34.0]])
    other = shapely.LineString([[131, north], [139, north]])
    assert metres_between(one, other) == pytest.approx(gap, rel=0.005, abs=0.002)


def test_the_closest_place_of_a_long_edge_is_not_at_its_ends() -> None:
    edge = shapely.LineString([[-40, 60], [40, 60]])
    assert metres_between(shapely.Point(0, 61), edge) == pytest.approx(point_distance(0, 61, 0, 60), rel=0.001)


def test_many_vertices_are_measured() -> None:
    angles = np.linspace(0, 2 * math.pi, 3000)
    coast = shapely.LinearRing(np.stack((134 + np.cos(angles), 34 + np.sin(angles)), axis=1))
    other = shapely.LinearRing(np.stack((136.5 + np.cos(angles), 34 + np.sin(angles)), axis=1))
    assert metres_between(coast, other) == pytest.approx(point_distance(135, 34, 135.5, 34), rel=0.005)


@given(centres, centres, st.floats(0.99, 1.01))
def test_the_quick_test_for_points_is_exact(a: Any, b: Any, factor: float) -> None:
    exact = point_distance(*a, *b)
    assume(exact > 1e-6)
    assert points_within(*a, *b, metres=exact * factor) == (exact <= exact * factor)


def inside(box: tuple[float, ...], bounds: tuple[float, ...]) -> bool:
    return box[0] <= bounds[2] and bounds[0] <= box[2] and box[1] <= bounds[3] and bounds[1] <= box[3]


@settings(max_examples=400)
@given(centres, st.floats(0, 360), st.floats(0.1, 2.1e7), st.floats(0, 1))
def test_boxes_hold_everything_that_is_near(centre: Any, azimuth: float, metres: float, part: float) -> None:
    query = parse_geo(f"near;maxDistance=={metres:.3f}", "Point", list(centre), "L")
    x, y, _ = GEOD.fwd(*centre, azimuth, float(f"{metres:.3f}") * part)
    boxes = geo_boxes(query)
    if boxes is None:
        return
    assert any(inside(box, (x, y, x, y)) for box in boxes)
    if abs(x) == 180:  # the same place by its other name
        assert any(inside(box, (-x, y, -x, y)) for box in boxes)
    whole = geo_bbox(query)
    assert whole is not None
    assert inside(whole, (x, y, x, y))
    assert all(-180 <= box[0] <= box[2] <= 180 and -90 <= box[1] <= box[3] <= 90 for box in boxes)


@settings(deadline=None, max_examples=150)
@given(
    pairs,
    st.floats(1, 1e6),
    st.sampled_from(["near", "within", "contains", "overlaps", "intersects", "equals"]),
)
def test_no_match_lies_outside_of_the_boxes(pair: tuple[Any, Any], metres: float, georel: str) -> None:
    one, other = (json_of(shape) for shape in pair)
    text = f"near;maxDistance=={metres:.3f}" if georel == "near" else georel
    query = parse_geo(text, one["type"], one["coordinates"], "L")
    entity = {"id": "urn:x:1", "type": ["T"], "attrs": {"L": [{"type": "GeoProperty", "value": other}]}}
    if geo_matcher(query)(entity):
        boxes = geo_boxes(query)
        assert boxes is None or any(inside(box, pair[1].bounds) for box in boxes)


def json_of(shape: Any) -> dict[str, Any]:
    return dict(json.loads(shapely.to_geojson(shape)))


def test_boxes_near_the_date_line_are_two_and_small() -> None:
    boxes = geo_boxes(parse_geo("near;maxDistance==1000", "Point", [179.999, 35], "L"))
    assert boxes is not None
    assert len(boxes) == 2
    assert sum(east - west for west, _, east, _ in boxes) < 0.03


def test_boxes_at_a_pole_span_all_longitudes() -> None:
    boxes = geo_boxes(parse_geo("near;maxDistance==1000", "Point", [10, 89.999], "L"))
    assert boxes is not None
    assert [(box[0], box[2], box[3]) for box in boxes] == [(-180, 180, 90)]


def test_relations_that_match_anywhere_have_no_box() -> None:
    assert geo_boxes(parse_geo("disjoint", "Point", [0, 0], "L")) is None
    assert geo_bbox(parse_geo("near;minDistance==5", "Point", [0, 0], "L")) is None
