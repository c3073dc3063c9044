"""Crowds on a tile: none over another, all counted, the same whatever the order."""

import itertools
import math
import random
import re
from pathlib import Path

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from hiroba.apps.map import crowds
from hiroba.apps.map.crowds import apart, radius
from hiroba.apps.map.tiles import EXTENT, TILE_PIXELS

STYLE = Path(__file__).parents[4] / "console" / "src" / "map" / "style.ts"
PIXEL = EXTENT // TILE_PIXELS


def crowd(x, y, n):
    return shapely.Point(x * PIXEL, y * PIXEL), {"n": n, "type": "AED"}


def single(x, y, number=1):
    return shapely.Point(x * PIXEL, y * PIXEL), {
        "id": f"urn:ngsi-ld:AED:{number}", "name": "市役所", "n": 1, "type": "AED",
    }  # fmt: skip


def counted(features):
    return sum(properties["n"] for _, properties in features)


def circles(features):
    return [(shape.x / PIXEL, shape.y / PIXEL, radius(words["n"])) for shape, words in features if words["n"] > 1]


places = st.tuples(st.integers(0, 511), st.integers(0, 511))
tiles = st.lists(st.tuples(places, st.integers(1, 3000)), max_size=60).map(
    lambda found: [single(*at, number) if n == 1 else crowd(*at, n) for number, (at, n) in enumerate(found)]
)


def test_circles_are_as_large_as_the_console_draws_them():
    drawn = re.search(r"'circle-radius': \[[^\]]+\], \['log10', \['get', 'n'\]\], ([^\]]+)\]", STYLE.read_text())
    numbers = [float(number) for number in drawn[1].split(",")]
    assert tuple(zip(numbers[::2], numbers[1::2], strict=True)) == crowds.RADII
    assert f"'circle-stroke-width': {crowds.STROKE:g}" in STYLE.read_text()


def test_three_circles_over_one_another_become_one():
    (merged,) = apart([crowd(100, 100, 560), crowd(120, 100, 206), crowd(110, 120, 12)])
    shape, properties = merged
    assert properties == {"n": 778, "type": "AED"}
    assert shape.x / PIXEL == pytest.approx((100 * 560 + 120 * 206 + 110 * 12) / 778, abs=0.2)


def test_circles_that_do_not_touch_stay_as_they_are():
    there = [crowd(100, 100, 560), crowd(200, 100, 206), crowd(300, 300, 2)]
    assert apart(there) == there


def test_a_circle_that_grows_takes_in_what_it_touches_then():
    gap = radius(50) + radius(10)
    there = [crowd(200, 200, 50), crowd(200 - gap + 1, 200, 10), crowd(200 + radius(50) + radius(2) - 3, 200, 2)]
    assert counted(apart(there)) == 62
    assert len(apart(there)) == 1


def test_a_single_one_under_a_circle_is_counted_and_one_beside_it_stays():
    beside = single(300, 300, 2)
    merged, kept = apart([crowd(100, 100, 20), single(105, 100), beside])
    assert merged[1] == {"n": 21, "type": "AED"}
    assert kept == beside


def test_single_ones_are_never_made_a_crowd():
    there = [single(100 + step, 100, step) for step in range(5)]
    assert apart(there) == there


def test_lines_and_areas_are_left_alone():
    line = shapely.LineString([(0, 0), (4000, 4000)]), {"id": "r", "name": "", "n": 1, "type": "River"}
    assert apart([crowd(100, 100, 5), line, crowd(101, 100, 5)])[0] == line


@given(tile=tiles)
def test_no_circle_lies_over_another_or_over_the_edge_and_all_are_counted(tile):
    merged = apart(tile)
    assert counted(merged) == counted(tile)
    for (x1, y1, r1), (x2, y2, r2) in itertools.combinations(circles(merged), 2):
        assert math.hypot(x1 - x2, y1 - y2) > r1 + r2 - 0.5
    for x, y, r in circles(merged):
        assert r - 0.3 <= x <= 512 - r + 0.3
        assert r - 0.3 <= y <= 512 - r + 0.3


@given(tile=tiles, seed=st.integers())
def test_the_order_of_the_features_does_not_matter(tile, seed):
    mixed = random.Random(seed).sample(tile, len(tile))
    assert circles(apart(mixed)) == circles(apart(tile))
