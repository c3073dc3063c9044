"""What NGSIv2 asks of every adapter of the store beyond NGSI-LD: conditions without an index, places anywhere, ids."""

from __future__ import annotations

import pytest
from contract_town import create, iri, make, point, prop

from hiroba.kernel.query.tree import (
    ANYWHERE,
    And,
    Beyond,
    Compare,
    GeoQuery,
    Or,
    OrderBy,
    Path,
    Query,
    ScopeIs,
    TypeIs,
)
from hiroba.kernel.store.port import EntityQuery, TenantStore

A = Path(iri("a"))
RAW_NULL = {"type": "JsonProperty", "json": None, **{name: prop(1)[name] for name in ("createdAt", "modifiedAt")}}
SQUARE = (((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)),)


@pytest.fixture
async def town(tenant: TenantStore) -> TenantStore:
    await tenant.mutate(
        [
            create(make(1, a=1, scope=["/x/y"])),
            create(make(2, a=RAW_NULL, location=point(0.5, 0.5))),
            create(make(3, b=prop(1, attrs={iri("m"): [{"type": "Property", "value": 5}]}), door=point(1.0, 0.5))),
            create(make(4, a=2, scope=["/x"], door=point(5.0, 5.0))),
            create({**make(5, "Room"), "id": "urn:ngsi-v2:R%C3%A9:Room"}),
        ]
    )
    return tenant


async def found(town: TenantStore, **query: object) -> list[int]:
    page = await town.find(EntityQuery(**query, count=True))  # type: ignore[arg-type]
    numbers = [5 if row.entity["id"].startswith("urn:ngsi-v2:") else int(row.entity["id"][-1]) for row in page.rows]
    assert page.count == len(numbers)
    return numbers


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        (Beyond("missing", A), [3, 5]),
        (Beyond("null", A), [2]),
        (Beyond("valued", A), [1, 4]),
        (Beyond("missing", Path("scope")), [2, 3, 5]),
        (Beyond("scope", Path("scope"), ScopeIs(("x",), True)), [1, 4]),
        (Beyond("scope", Path("scope"), ScopeIs(("x",))), [4]),
        (Beyond("id", Path("id"), "^Ré$"), [5]),
        (Beyond("id", Path("id"), "[12]$"), [1, 2]),
        (Beyond("missing", Path(iri("b"), (iri("m"),))), [1, 2, 4, 5]),
        (And((Beyond("missing", A), Compare(Path(iri("b")), "==", (1,)))), [3]),
        (Or((Beyond("null", A), Compare(A, ">", (1,)))), [2, 4]),
        (And((Compare(Path("type"), "==", (iri("Room"),)), Beyond("missing", A))), [5]),
    ],
)
async def test_conditions_that_no_index_answers(town: TenantStore, q: Query, expected: list[int]) -> None:
    assert await found(town, q=q) == expected


@pytest.mark.parametrize(
    ("georel", "geometry", "coordinates", "distance", "expected"),
    [
        ("coveredBy", "Polygon", SQUARE, None, [2, 3]),
        ("within", "Polygon", SQUARE, None, [2]),
        ("intersects", "Polygon", SQUARE, None, [2, 3]),
        ("disjoint", "Polygon", SQUARE, None, [4]),
        ("near", "Point", (5.0, 5.0), 1000.0, [4]),
        ("equals", "Point", (0.5, 0.5), None, [2]),
    ],
)
async def test_places_anywhere(
    town: TenantStore, georel: str, geometry: str, coordinates: object, distance: float | None, expected: list[int]
) -> None:
    geo = GeoQuery(georel, geometry, coordinates, ANYWHERE, max_distance=distance)
    assert await found(town, geo=geo) == expected
    assert await found(town, geo=geo, types=TypeIs(iri("Room"))) == []


async def test_order_by_the_distance_of_any_place(town: TenantStore) -> None:
    near = GeoQuery("near", "Point", (5.0, 5.0), ANYWHERE, max_distance=9e6)
    order = (OrderBy(Path("geo:distance"), False, near),)
    assert await found(town, geo=near, order=order) == [4, 3, 2]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("^urn:ngsi-v2:R%C3%A9:", [5]),
        ("^urn:ngsi-ld:Sensor:[13]", [1, 3]),
        ("^urn:ngsi-ld:Sensor:1?", [1, 2, 3, 4]),
        ("^urn:ngsi-ld:Sensor:1$", [1]),
        (r"^urn:ngsi\-ld:Sensor:4", [4]),
        ("^urn:ngsi-ld:Sensor:1|v2", [1, 5]),
        ("^nothing", []),
    ],
)
async def test_ids_by_their_beginning(town: TenantStore, pattern: str, expected: list[int]) -> None:
    assert await found(town, id_pattern=pattern) == expected
    rooms = [one for one in expected if one == 5]
    assert await found(town, id_pattern=pattern, types=TypeIs(iri("Room"))) == rooms


async def test_the_border_belongs_to_what_covers(tenant: TenantStore) -> None:
    edge = {"type": "LineString", "coordinates": [[0.0, 0.0], [1.0, 0.0]]}
    await tenant.mutate([create(make(1, door={**point(0, 0), "value": edge}))])
    assert await found(tenant, geo=GeoQuery("coveredBy", "Polygon", SQUARE, ANYWHERE)) == [1]
    assert await found(tenant, geo=GeoQuery("within", "Polygon", SQUARE, ANYWHERE)) == []
