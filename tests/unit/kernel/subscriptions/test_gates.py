"""A gate never keeps back what the condition itself would let through, and keeps back most of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hiroba.kernel.model.entity import LOCATION
from hiroba.kernel.query.geo import parse_geo
from hiroba.kernel.query.q import parse_q
from hiroba.kernel.subscriptions.entry import Condition
from hiroba.kernel.subscriptions.gates import Bound, Equal, Gated, Place, gate_of


def condition(q: str | None = None, geo: Any = None) -> Condition:
    return Condition(parse_q(q, lambda name: f"urn:{name}") if q else None, geo, None)


def near(lon: float, lat: float, metres: float) -> Any:
    return parse_geo(f"near;maxDistance=={metres}", "Point", [lon, lat], LOCATION)


def within(west: float, south: float, east: float, north: float, georel: str = "within") -> Any:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return parse_geo(georel, "Polygon", [ring], LOCATION)


def held(*conditions: Condition) -> Gated[Condition]:
    gated: Gated[Condition] = Gated()
    for number, one in enumerate(conditions):
        gated.put(str(number), one, gate_of(one))
    return gated


def entity(**attrs: Any) -> dict[str, Any]:
    return {"id": "urn:x:1", "type": ["urn:T"], "attrs": {f"urn:{name}": ones for name, ones in attrs.items()}}


texts = st.sampled_from(["", "a", "b", "1", "true", "2026-01-01", "urn:r:1", "urn:r:2"])
scalars = st.one_of(st.integers(-3, 3), st.floats(-3, 3, allow_nan=False), st.booleans(), texts)
values = st.one_of(
    scalars,
    st.lists(scalars, max_size=3),
    st.builds(lambda one: {"@type": "T", "@value": one}, scalars),
    st.builds(lambda one: {"urn:k": one}, scalars),
    st.just([[1]]),
    st.none(),
)
links = st.one_of(texts, st.lists(texts, min_size=1, max_size=2))
instances = st.one_of(
    st.builds(lambda value: {"type": "Property", "value": value}, values),
    st.builds(lambda value: {"type": "Property", "value": value, "datasetId": "urn:d:1"}, values),
    st.builds(lambda value: {"type": "Relationship", "object": value}, links),
    st.builds(lambda value: {"type": "LanguageProperty", "languageMap": {"en": value}}, texts),
    st.builds(lambda value: {"type": "VocabProperty", "vocab": value}, texts),
    st.builds(lambda value: {"type": "JsonProperty", "json": value}, values),
    st.builds(lambda value: {"type": "ListProperty", "valueList": [value]}, scalars),
)
attributes = st.lists(instances, min_size=1, max_size=3)
entities = st.dictionaries(st.sampled_from(["p", "r"]), attributes).map(lambda attrs: entity(**attrs))

literals = st.sampled_from(["1", "-2", "0.5", "true", "false", '"a"', '"1"', "urn:r:1"])
dates = st.sampled_from(["2026-01-01", '"2026-01-01"'])
terms = st.one_of(
    st.builds(
        lambda name, op, value: f"{name}{op}{value}",
        st.sampled_from(["p", "r"]),
        st.sampled_from(["==", "!="]),
        st.one_of(literals, dates),
    ),
    st.builds(lambda name, one, two: f"{name}=={one},{two}", st.sampled_from(["p", "r"]), literals, literals),
    st.builds(lambda low, high: f"p=={min(low, high)}..{max(low, high)}", st.integers(-3, 3), st.integers(-3, 3)),
    st.builds(lambda op, bound: f"p{op}{bound}", st.sampled_from([">", ">=", "<", "<="]), st.integers(-3, 3)),
    st.sampled_from(
        ["p", "p.r==1", "p[k]==1", 'p~="a"', 'p>"a"', "p<2026-01-02", "id==urn:x:1", "p.observedAt>2026-01-01"]
    ),
)
queries = st.lists(terms, min_size=1, max_size=3).flatmap(
    lambda parts: st.sampled_from([";".join(parts), "|".join(parts)])
)


@settings(max_examples=600, deadline=None)
@given(st.lists(queries, min_size=1, max_size=6), st.lists(entities, min_size=1, max_size=6))
def test_queries_that_are_met_pass(found: list[str], seen: list[dict[str, Any]]) -> None:
    conditions = [condition(one) for one in found]
    gated = held(*conditions)
    for one in seen:
        through = list(gated.let_through(one))
        for number, wanted in enumerate(conditions):
            test = wanted.test()
            if test is not None and test(one):
                assert wanted in through, found[number]


lons = st.floats(133.9, 134.1).map(lambda one: round(one, 3))
lats = st.floats(34.2, 34.4).map(lambda one: round(one, 3))
points = st.builds(lambda lon, lat: {"type": "Point", "coordinates": [lon, lat]}, lons, lats)
lines = st.builds(
    lambda a, b: {"type": "LineString", "coordinates": [a["coordinates"], b["coordinates"]]}, points, points
)
places = st.one_of(
    st.builds(near, lons, lats, st.sampled_from([1, 10, 500, 3000, 50_000, 30_000_000])),
    st.builds(
        lambda west, south, size, georel: within(west, south, west + size, south + size, georel),
        lons,
        lats,
        st.sampled_from([0.001, 0.05, 1.0, 30.0]),
        st.sampled_from(["within", "intersects", "disjoint", "contains", "overlaps"]),
    ),
    st.builds(lambda lon, lat: parse_geo("near;minDistance==100", "Point", [lon, lat], LOCATION), lons, lats),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(places, min_size=1, max_size=6), st.lists(st.one_of(points, lines), min_size=1, max_size=5))
def test_places_that_are_met_pass(found: list[Any], shapes: list[dict[str, Any]]) -> None:
    conditions = [condition(geo=one) for one in found]
    gated = held(*conditions)
    for shape in shapes:
        one = {"id": "urn:x:1", "type": ["urn:T"], "attrs": {LOCATION: [{"type": "GeoProperty", "value": shape}]}}
        through = list(gated.let_through(one))
        for wanted in conditions:
            test = wanted.test()
            if test is not None and test(one):
                assert wanted in through


def test_across_the_date_line() -> None:
    gated = held(condition(geo=near(179.999, 0, 1000)), condition(geo=near(-179.999, 0, 1000)))
    for lon in (179.9995, -179.9995):
        point = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, 0]}}
        assert len({id(one) for one in gated.let_through({"attrs": {LOCATION: [point]}})}) == 2


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (condition("p>1"), Bound),
        (condition("p>1;r==1"), Equal),
        (condition("p>1;(r==1|p<0)"), Bound),
        (condition("p>1|r==1"), type(None)),
        (condition('p>"a"'), type(None)),
        (condition("p!=1"), type(None)),
        (condition("p>1", near(134, 34, 100)), Place),
        (condition(geo=near(134, 34, 30_000_000)), type(None)),
        (condition(), type(None)),
    ],
)
def test_the_sharpest_gate_is_taken(one: Condition, kind: type) -> None:
    assert type(gate_of(one)) is kind


def test_most_are_kept_back() -> None:
    bounds = held(*(condition(f"p>{number}") for number in range(1000)))
    assert len(list(bounds.let_through(entity(p=[{"type": "Property", "value": 9}])))) == 10
    assert list(bounds.let_through(entity(p=[{"type": "Property", "value": "text"}]))) == []
    assert list(bounds.let_through(entity())) == []
    below = held(*(condition(f"p<={number}") for number in range(1000)))
    assert len(list(below.let_through(entity(p=[{"type": "Property", "value": 990}])))) == 10
    equal = held(*(condition(f"p=={number}") for number in range(1000)))
    assert len(list(equal.let_through(entity(p=[{"type": "Property", "value": [3, 4]}])))) == 2
    homes = held(*(condition(geo=near(130 + number / 100, 34, 100)) for number in range(1000)))
    point = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.0, 34.0]}}
    assert len(list(homes.let_through({"attrs": {LOCATION: [point]}}))) < 10


def test_what_is_dropped_is_gone() -> None:
    conditions = [
        *(condition(f"p>{number % 7}") for number in range(30)),
        *(condition(f"p=={number % 7},8") for number in range(30)),
        *(condition(geo=near(134 + number / 1000, 34, 100)) for number in range(30)),
        condition(),
    ]
    gated = held(*conditions)
    assert len(gated) == 91
    for number in range(91):
        gated.drop(str(number))
    assert (len(gated), gated._free, gated._equal, gated._bounds, gated._places) == (0, {}, {}, {}, {})
