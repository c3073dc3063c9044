"""Linked entities through the HTTP door of a real server (GS CIM 009, 4.5.23, 4.21, 4.9 and 5.7.1 to 5.7.2)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from real_server import Running

V1 = "/ngsi-ld/v1"
LD = "application/ld+json"
STOP, BUS, CITY = "urn:ngsi-ld:Stop:1", "urn:ngsi-ld:Bus:1", "urn:ngsi-ld:City:1"


@pytest.fixture(scope="module")
def city(server: Running) -> Running:
    """Give a stop, the buses that call there, and the city of them all, which links back to the stop."""
    buses = [f"urn:ngsi-ld:Bus:{number}" for number in (1, 2, 3)]
    entities: list[dict[str, Any]] = [
        {
            "id": STOP,
            "type": "Stop",
            "name": "駅前",
            "in": {"type": "Relationship", "object": CITY},
            "calls": {"type": "Relationship", "object": [*buses, "urn:ngsi-ld:Bus:none"]},
            "route": {"type": "ListRelationship", "objectList": buses[:2]},
        },
        {"id": "urn:ngsi-ld:Stop:2", "type": "Stop", "name": "港", "in": {"type": "Relationship", "object": CITY}},
        {"id": CITY, "type": "City", "name": "高松", "centre": {"type": "Relationship", "object": STOP}},
        *(
            {
                "id": bus,
                "type": "Bus",
                "name": f"bus {number}",
                "seats": number * 10,
                "location": {"type": "Point", "coordinates": [134, 34]},
            }
            for number, bus in enumerate(buses, 1)
        ),
    ]
    for entity in entities:
        assert server.call("POST", f"{V1}/entities", entity).status == 201
    return server


def get(city: Running, path: str, **headers: str) -> Any:
    reply = city.call("GET", f"{V1}/entities{path}", **headers)
    assert reply.status == 200, reply.body
    return reply.body


def test_inline(city: Running) -> None:
    """4.5.23.2: links carry what they lead to, in the shape of the link; what is not there is left out."""
    stop = get(city, f"/{STOP}?join=inline")
    assert stop["in"]["object"] == CITY
    assert stop["in"]["entity"]["name"] == {"type": "Property", "value": "高松"}
    assert "entity" not in stop["in"]["entity"]["centre"]
    assert [one["id"] for one in stop["calls"]["entity"]] == [f"urn:ngsi-ld:Bus:{n}" for n in (1, 2, 3)]
    assert stop["calls"]["object"][3] == "urn:ngsi-ld:Bus:none"
    assert [one["seats"]["value"] for one in stop["route"]["entityList"]] == [10, 20]


def test_an_entity_is_never_shown_within_itself(city: Running) -> None:
    """4.5.23.1: loops end, however deep they may be followed."""
    stop = get(city, f"/{STOP}?join=inline&joinLevel=5")
    assert "entity" not in stop["in"]["entity"]["centre"]
    known = get(city, f"/{STOP}?join=inline&containedBy={CITY}")
    assert "entity" not in known["in"]
    assert "entity" in known["calls"]


def test_flat(city: Running) -> None:
    """4.5.23.3: an array, linking entities first, each entity once; a batch can take it as it is."""
    found = get(city, f"/{STOP}?join=flat&joinLevel=2")
    assert [one["id"] for one in found] == [STOP, CITY, *(f"urn:ngsi-ld:Bus:{n}" for n in (1, 2, 3))]
    assert city.call("POST", f"{V1}/entityOperations/upsert", found).status == 204
    page = get(city, "?type=Stop&join=flat&pick=id,in")
    assert [one["id"] for one in page] == [STOP, "urn:ngsi-ld:Stop:2", CITY]
    without = get(city, f"/{STOP}?join=flat&containedBy={CITY}&pick=in")
    assert without == [{"in": {"type": "Relationship", "object": CITY}}]


def test_simplified_and_concise(city: Running) -> None:
    """4.5.4 and 4.5.23.2."""
    stop = get(city, f"/{STOP}?join=inline&options=keyValues&pick=in,calls%7Bseats%7D,route%7Bid%7D")
    assert stop["in"] == {"id": CITY, "type": "City", "name": "高松", "centre": STOP}
    assert stop["calls"] == [{"seats": 10}, {"seats": 20}, {"seats": 30}, "urn:ngsi-ld:Bus:none"]
    assert stop["route"] == [{"id": "urn:ngsi-ld:Bus:1"}, {"id": "urn:ngsi-ld:Bus:2"}]
    concise = get(city, f"/{STOP}?join=inline&format=concise&pick=in%7Bname%7D")
    assert concise == {"in": {"object": CITY, "entity": {"name": "高松"}}}


def test_projection(city: Running) -> None:
    """4.21: braces choose or leave out members of linked entities, level by level."""
    picked = get(city, f"/{STOP}?join=inline&joinLevel=2&pick=in%7Bid,centre%7Bname%7D%7D")
    assert picked == {"in": {"type": "Relationship", "object": CITY, "entity": {"id": CITY, "centre": {
        "type": "Relationship", "object": STOP}}}}  # fmt: skip
    left = get(city, f"/{STOP}?join=inline&omit=id,calls,route,in%7Bid,centre%7D")
    assert left == {
        "type": "Stop",
        "name": {"type": "Property", "value": "駅前"},
        "in": {
            "type": "Relationship",
            "object": CITY,
            "entity": {"type": "City", "name": {"type": "Property", "value": "高松"}},
        },
    }


def test_linked_data_and_geojson(city: Running) -> None:
    """6.3.4 and 6.3.6: one @context for each document, none for those inside; Features for GeoJSON."""
    document = get(city, f"/{STOP}?join=inline", Accept=LD)
    assert "@context" in document
    assert "@context" not in document["in"]["entity"]
    assert all("@context" in one for one in get(city, f"/{STOP}?join=flat", Accept=LD))
    flat = get(city, f"/{STOP}?join=flat&pick=calls", Accept="application/geo+json")
    assert [one["geometry"] and one["geometry"]["type"] for one in flat["features"]] == [None, *["Point"] * 3]
    inline = get(city, f"/{STOP}?join=inline", Accept="application/geo+json")
    assert inline["properties"]["in"]["entity"]["id"] == CITY


def test_query_document(city: Running) -> None:
    """5.2.23: join, joinLevel and containedBy of a Query."""
    body = {
        "type": "Query",
        "entities": [{"type": "Stop", "id": STOP}],
        "join": "inline",
        "joinLevel": 1,
        "containedBy": [CITY],
        "pick": ["id", "in", "calls{id}"],
    }
    reply = city.call("POST", f"{V1}/entityOperations/query", body)
    assert reply.status == 200, reply.body
    (stop,) = reply.body
    assert stop["in"] == {"type": "Relationship", "object": CITY}
    assert [one["id"] for one in stop["calls"]["entity"]] == [f"urn:ngsi-ld:Bus:{n}" for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("q", "level", "found"),
    [
        ('in{name}=="高松"', 1, [1, 2]),
        ("calls{seats}>25", 1, [1]),
        ("calls{Bus:seats}>25", 1, [1]),
        ("calls{City,Bus:seats}>25", 1, [1]),
        ("calls{City:seats}>25", 1, []),
        ("calls{seats}>35", 1, []),
        ("calls{seats}!=10", 1, [1]),
        ('in{centre{name}}~="駅"', 2, [1, 2]),
        ('in{centre{name}}~="駅";name=="港"', 2, [2]),
        ('calls{seats}>25|name=="港"', 1, [1, 2]),
        ("in{name}", 1, [1, 2]),
        ("in{seats}", 1, []),
    ],
)
def test_conditions_on_linked_entities(city: Running, q: str, level: int, found: list[int]) -> None:
    """4.9, examples 13 and 14."""
    query = f"?type=Stop&pick=id&join=inline&joinLevel={level}&q={quote(q)}"
    assert get(city, query) == [{"id": f"urn:ngsi-ld:Stop:{number}"} for number in found]
