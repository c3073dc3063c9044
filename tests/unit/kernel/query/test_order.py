"""Orders (GS CIM 009, 4.23)."""

from __future__ import annotations

from typing import Any

import pytest

from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.query.order import parse_order, sort_key
from hiroba.kernel.query.tree import OrderBy, Path


def same(name: str) -> str:
    return name


def entity(number: int, **values: Any) -> dict[str, Any]:
    attrs = {name: [{"type": "Property", "value": value}] for name, value in values.items()}
    return {"id": f"urn:x:{number}", "type": ["T"], "attrs": attrs}


def ordered(text: str, entities: list[dict[str, Any]]) -> list[str]:
    return [e["id"].rpartition(":")[2] for e in sorted(entities, key=sort_key(parse_order(text, same)))]


def test_orders_are_read() -> None:
    assert parse_order("name, age;desc ,address[city];asc,a.observedAt", same) == (
        OrderBy(Path("name")),
        OrderBy(Path("age"), descending=True),
        OrderBy(Path("address", (), ("city",))),
        OrderBy(Path("a", ("observedAt",))),
    )


def test_kinds_have_their_places_and_what_is_missing_comes_last_both_ways() -> None:
    kinds: list[Any] = [1, 2.5, "a", "b", {"k": 1}, [1], False, True]
    kinds += ["12:00:00Z", "2026-01-02", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", None]
    entities = [entity(i, a=value) for i, value in enumerate(kinds)] + [entity(13)]
    upwards = [str(i) for i in range(14)]
    assert ordered("a", entities[::-1]) == upwards
    assert ordered("a;desc", entities) == [*upwards[11::-1], "12", "13"]


def test_later_terms_decide_between_equals_and_equals_keep_their_order() -> None:
    entities = [entity(0, a=1, b="x"), entity(1, a=1, b="y"), entity(2, a=0, b="x"), entity(3, a=1, b="x")]
    assert ordered("a;desc,b;desc", entities) == ["1", "0", "3", "2"]


def test_members_of_the_entity_can_order() -> None:
    assert ordered("id;desc", [entity(1), entity(2)]) == ["2", "1"]


@pytest.mark.parametrize("text", ["", "a;", "a;up", "a,", "a b", "a;asc;desc", "a,a;desc"])
def test_a_bad_order_is_refused(text: str) -> None:
    with pytest.raises(BadRequestData, match="orderBy"):
        parse_order(text, same)


def place(number: int, *positions: list[float]) -> dict[str, Any]:
    instances = [{"type": "GeoProperty", "value": {"type": "Point", "coordinates": one}} for one in positions]
    return {"id": f"urn:x:{number}", "type": ["T"], "attrs": {"location": instances} if instances else {}}


@pytest.mark.parametrize(
    ("origin", "geometry", "expected"),
    [
        ("[134.05,34.34]", "Point", "1023"),
        ("[[134.0,34.9],[134.2,34.9]]", "LineString", "2013"),
        ("[[[134.04,34.3],[134.06,34.3],[134.06,34.36],[134.04,34.36],[134.04,34.3]]]", "Polygon", "1023"),
    ],
)
def test_distances_order_by_the_closest_instance(origin: str, geometry: str, expected: str) -> None:
    """What has no place comes last, both ways."""
    places = [
        place(0, [134.06, 34.40]),
        place(1, [150.0, 10.0], [134.05, 34.341]),
        place(2, [134.05, 34.8]),
        place(3),
    ]

    def ranked(direction: str) -> str:
        order = parse_order(f"location;{direction}", same, origin=origin, geometry=geometry)
        return "".join(one["id"][-1] for one in sorted(places, key=sort_key(order)))

    assert ranked("dist-asc") == expected
    assert ranked("dist-desc") == expected[2::-1] + "3"


@pytest.mark.parametrize(
    ("text", "origin", "named"),
    [
        ("location;dist-asc", None, "orderFrom"),
        ("location;dist-asc", "8,40", "coordinates"),
        ("location.a;dist-asc", "[8,40]", "GeoProperty"),
        ("location;dist-asc", "[8,400]", "geometry"),
    ],
)
def test_an_order_by_distance_needs_a_place(text: str, origin: Any, named: str) -> None:
    with pytest.raises(BadRequestData, match=named):
        parse_order(text, same, origin=origin)
