"""The arithmetic of tiles, checked against a reader of the format and known positions."""

import itertools
import math

import mapbox_vector_tile
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiroba.apps.map.tiles import DEEPEST, EXTENT, TILE_PIXELS, Tile, drawn, encode, point

SHIOMI = Tile(14, 14273, 6541)


def decoded(features):
    answer = mapbox_vector_tile.decode(encode(features), default_options={"y_coord_down": True})
    return answer["entities"]["features"] if answer else []


def test_the_world_is_the_box_of_the_only_tile_at_zoom_0():
    west, south, east, north = Tile(0, 0, 0).box
    assert (west, east) == (-180, 180)
    assert north == pytest.approx(85.0511287798)
    assert south == pytest.approx(-85.0511287798)


def test_a_known_tile_holds_the_place_it_is_known_for():
    # 東京駅 (139.767125, 35.681236)
    west, south, east, north = Tile(18, 232847, 103226).box
    assert west < 139.767125 < east
    assert south < 35.681236 < north


@given(z=st.integers(0, DEEPEST), data=st.data())
def test_neighbours_share_their_edges(z, data):
    side = 1 << z
    x, y = data.draw(st.integers(0, side - 1)), data.draw(st.integers(0, side - 1))
    tile = Tile(z, x, y)
    if x + 1 < side:
        assert Tile(z, x + 1, y).box[0] == tile.box[2]
    if y + 1 < side:
        assert Tile(z, x, y + 1).box[3] == tile.box[1]


@given(lon=st.floats(-179.9, 179.9), lat=st.floats(-85, 85), z=st.integers(0, 20))
def test_a_point_is_in_exactly_one_tile_and_comes_back_where_it_was(lon, lat, z):
    side = 1 << z
    column = math.floor((lon + 180) / 360 * side)
    rough = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * side
    around = {
        (x, y)
        for x in range(column - 1, column + 2)
        for y in range(int(rough) - 1, int(rough) + 2)
        if 0 <= x < side and 0 <= y < side
    }
    hits = [Tile(z, x, y) for x, y in around if point(Tile(z, x, y), lon, lat, {}) is not None]
    assert len(hits) == 1
    west, south, east, north = hits[0].box
    shape, _ = point(hits[0], lon, lat, {})
    assert west + (shape.x / EXTENT) * (east - west) == pytest.approx(lon, abs=(east - west) / EXTENT * 1.01)
    assert south - 1e-9 <= lat <= north + 1e-9


@pytest.mark.parametrize(("z", "x", "y"), [(-1, 0, 0), (0, 1, 0), (3, 0, 8), (3, -1, 0), (DEEPEST + 1, 0, 0)])
def test_a_tile_outside_the_world_is_refused(z, x, y):
    with pytest.raises(ValueError, match="there is no tile"):
        Tile(z, x, y)


@pytest.mark.parametrize("pixels", [24, 32, 48, 64])
def test_cells_divide_a_tile_evenly_and_are_about_as_large_as_asked(pixels):
    west, south, east, north = SHIOMI.box
    lon, lat = SHIOMI.cell(pixels)
    across = (east - west) / lon
    assert across == pytest.approx(round(across))
    assert (north - south) / lat == pytest.approx(across)
    assert pixels / 1.5 <= TILE_PIXELS / across <= pixels * 1.5


def test_points_keep_their_properties():
    west, south, east, north = SHIOMI.box
    middle = ((west + east) / 2, (south + north) / 2)
    properties = {"id": "urn:ngsi-ld:AED:1", "name": "市役所 本庁舎", "n": 1, "type": "AED"}
    features = decoded([point(SHIOMI, *middle, properties)])
    assert [feature["properties"] for feature in features] == [properties]
    x, y = features[0]["geometry"]["coordinates"]
    assert abs(x - EXTENT / 2) <= 1
    assert abs(y - EXTENT / 2) <= 8


def test_no_features_are_no_bytes():
    assert encode([]) == b""


def line(*positions):
    return {"type": "LineString", "coordinates": [list(position) for position in positions]}


def square(west, south, size):
    ring = [
        [west, south],
        [west + size, south],
        [west + size, south + size],
        [west, south + size],
        [west, south],
    ]
    return {"type": "Polygon", "coordinates": [ring]}


def test_a_line_through_a_tile_is_cut_a_little_outside_its_edges():
    west, south, east, north = SHIOMI.box
    middle = (south + north) / 2
    (feature,) = decoded(drawn(SHIOMI, line((west - 1, middle), (east + 1, middle)), {"id": "r"}))
    xs = [x for x, _ in feature["geometry"]["coordinates"]]
    assert feature["geometry"]["type"] == "LineString"
    assert -EXTENT / 16 <= min(xs) < 0
    assert EXTENT < max(xs) <= EXTENT * 17 / 16


def test_a_line_beside_a_tile_is_not_in_it():
    west, south, _, _ = SHIOMI.box
    assert drawn(SHIOMI, line((west - 1, south - 1), (west - 0.5, south - 0.5)), {}) == []


def test_a_line_loses_the_corners_that_nobody_could_see():
    west, south, east, north = SHIOMI.box
    middle, wobble = (south + north) / 2, (north - south) / 20000
    positions = [(west + (east - west) * step / 400, middle + wobble * (step % 2)) for step in range(401)]
    (feature,) = decoded(drawn(SHIOMI, line(*positions), {}))
    assert len(feature["geometry"]["coordinates"]) <= 3


def test_an_area_turns_the_way_the_format_asks():
    west, south, east, _ = SHIOMI.box
    size = (east - west) / 4
    (feature,) = decoded(drawn(SHIOMI, square(west + size, south + size / 2, size), {"id": "a"}))
    ring = feature["geometry"]["coordinates"][0]
    doubled = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in itertools.pairwise(ring))
    assert feature["geometry"]["type"] == "Polygon"
    assert doubled > 0


def test_an_area_too_small_to_see_is_still_there_to_pick():
    west, south, east, north = SHIOMI.box
    tiny = square((west + east) / 2, (south + north) / 2, (east - west) / 10000)
    (feature,) = decoded(drawn(SHIOMI, tiny, {"id": "hut"}))
    assert feature["geometry"]["type"] == "Point"
    assert feature["properties"]["id"] == "hut"


def test_several_geometries_of_one_entity_are_all_drawn():
    west, south, east, north = SHIOMI.box
    middle = ((west + east) / 2, (south + north) / 2)
    both = {
        "type": "GeometryCollection",
        "geometries": [{"type": "Point", "coordinates": list(middle)}, line((west, south), (east, north))],
    }
    kinds = [feature["geometry"]["type"] for feature in decoded(drawn(SHIOMI, both, {"id": "x"}))]
    assert sorted(kinds) == ["LineString", "Point"]


def ring_of(corners, *, radius, middle):
    """Return a round area whose border wobbles at every corner."""
    ring = [
        [
            middle[0] + radius * (1 + 0.01 * (step % 2)) * math.cos(2 * math.pi * step / corners),
            middle[1] + radius * (1 + 0.01 * (step % 2)) * math.sin(2 * math.pi * step / corners),
        ]
        for step in range(corners)
    ]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


@pytest.mark.parametrize("zoom", [4, 9, 14, 18])
def test_a_very_detailed_area_keeps_what_can_be_seen(zoom):
    side = 1 << zoom
    tile = Tile(zoom, int((133.66 + 180) / 360 * side), int(1634.5 / 4096 * side))
    west, south, east, north = tile.box
    area = ring_of(20_000, radius=0.05, middle=((west + east) / 2 + 0.05, (south + north) / 2))
    found = decoded(drawn(tile, area, {"id": "a"}))
    assert len(found) == 1
    assert len(str(found[0]["geometry"])) < 60_000


@pytest.mark.parametrize(
    "rings",
    [
        [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]],  # crosses itself
        [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], [[2, 2], [3, 2], [3, 3], [2, 2]]],  # a hole outside
        [[[0, 0], [1, 0], [2, 0], [0, 0]]],  # no area at all
        [[[0, 0], [1, 0], [1, 1], [0.5, 1], [0.5, 2], [0.5, 1], [0, 1], [0, 0]]],  # a spike
    ],
)
def test_a_broken_area_breaks_no_tile(rings):
    west, south, east, _ = SHIOMI.box
    size = (east - west) / 4
    placed = [[[west + size + x * size, south + size / 2 + y * size] for x, y in ring] for ring in rings]
    encode(drawn(SHIOMI, {"type": "Polygon", "coordinates": placed}, {"id": "broken"}))


geometries = st.one_of(
    st.builds(
        lambda kind, points: {"type": kind, "coordinates": points},
        st.sampled_from(["LineString", "MultiPoint"]),
        st.lists(st.tuples(st.floats(133, 134), st.floats(33.5, 34.5)), min_size=2, max_size=8),
    ),
    st.lists(st.tuples(st.floats(133, 134), st.floats(33.5, 34.5)), min_size=3, max_size=8).map(
        lambda ring: {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    ),
)


@given(geometry=geometries, zoom=st.integers(0, 18))
def test_any_geometry_makes_a_tile_that_can_be_read(geometry, zoom):
    side = 1 << zoom
    tile = Tile(zoom, int((133.5 + 180) / 360 * side), int(1634.5 / 4096 * side))
    for feature in decoded(drawn(tile, geometry, {"id": "any"})):
        assert feature["properties"] == {"id": "any"}
