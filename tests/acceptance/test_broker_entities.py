"""Entities and attributes through the HTTP door of a real server (GS CIM 009, 5.6, 5.7.1, 5.7.2)."""

from __future__ import annotations

import zlib
from urllib.parse import quote

import pytest

from real_server import Running

V1 = "/ngsi-ld/v1"
GAUGE = {
    "id": "urn:ngsi-ld:RiverGauge:春日川-1",
    "type": "RiverGauge",
    "名称": {"type": "Property", "value": "春日川橋水位計"},
    "waterLevel": {
        "type": "Property",
        "value": 1.25,
        "unitCode": "MTR",
        "observedAt": "2026-04-01T00:00:00Z",
    },
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.08, 34.32]}},
    "river": {"type": "Relationship", "object": "urn:ngsi-ld:River:kasuga"},
}
AT = f"{V1}/entities/{quote(GAUGE['id'], safe=':')}"


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    return f"t{zlib.crc32(request.node.name.encode())}"


@pytest.fixture
def city(server: Running, tenant: str) -> Running:
    reply = server.call("POST", f"{V1}/entities", GAUGE, NGSILD_Tenant=tenant)
    assert reply.status == 201
    assert reply.headers["Location"] == AT
    return server


def test_an_entity_comes_back_as_it_was_written(city: Running, tenant: str) -> None:
    reply = city.call("GET", AT, NGSILD_Tenant=tenant)
    assert reply.status == 200
    assert reply.body == GAUGE
    assert reply.headers["NGSILD-Tenant"] == tenant
    assert 'rel="http://www.w3.org/ns/json-ld#context"' in reply.headers["Link"]


def test_another_tenant_does_not_see_it(city: Running, tenant: str) -> None:
    reply = city.call("GET", AT, NGSILD_Tenant=f"{tenant}_elsewhere")
    assert reply.status == 404
    assert reply.body["type"].endswith("/NonexistentTenant")
    assert city.call("GET", AT).status == 404


def test_creating_twice_is_refused_and_changes_nothing(city: Running, tenant: str) -> None:
    again = {**GAUGE, "waterLevel": {"type": "Property", "value": 9}}
    reply = city.call("POST", f"{V1}/entities", again, NGSILD_Tenant=tenant)
    assert reply.status == 409
    assert reply.body["type"].endswith("/AlreadyExists")
    assert city.call("GET", AT, NGSILD_Tenant=tenant).body == GAUGE


@pytest.mark.parametrize(
    ("representation", "expected"),
    [
        ("simplified", {"waterLevel": 1.25, "river": "urn:ngsi-ld:River:kasuga", "名称": "春日川橋水位計"}),
        ("concise", {"waterLevel": {"value": 1.25, "unitCode": "MTR", "observedAt": "2026-04-01T00:00:00Z"}}),
    ],
)
def test_representations(city: Running, tenant: str, representation: str, expected: dict[str, object]) -> None:
    body = city.call("GET", f"{AT}?format={representation}", NGSILD_Tenant=tenant).body
    assert {name: body[name] for name in expected} == expected


def test_geojson(city: Running, tenant: str) -> None:
    reply = city.call("GET", AT, NGSILD_Tenant=tenant, Accept="application/geo+json")
    assert reply.headers["Content-Type"] == "application/geo+json"
    assert reply.body["type"] == "Feature"
    assert reply.body["geometry"] == {"type": "Point", "coordinates": [134.08, 34.32]}
    assert reply.body["properties"]["waterLevel"]["value"] == 1.25


def test_pick_omit_and_system_attributes(city: Running, tenant: str) -> None:
    picked = city.call("GET", f"{AT}?pick=id,waterLevel", NGSILD_Tenant=tenant).body
    assert set(picked) == {"id", "waterLevel"}
    omitted = city.call("GET", f"{AT}?omit=waterLevel,river", NGSILD_Tenant=tenant).body
    assert set(omitted) == {"id", "type", "名称", "location"}
    stamped = city.call("GET", f"{AT}?options=sysAttrs", NGSILD_Tenant=tenant).body
    assert stamped["createdAt"].endswith("Z")
    assert stamped["waterLevel"]["modifiedAt"] >= stamped["waterLevel"]["createdAt"]


def test_partial_update_keeps_the_members_not_given(city: Running, tenant: str) -> None:
    patch = {"value": 2.5, "observedAt": "2026-04-01T01:00:00Z"}
    assert city.call("PATCH", f"{AT}/attrs/waterLevel", patch, NGSILD_Tenant=tenant).status == 204
    level = city.call("GET", AT, NGSILD_Tenant=tenant).body["waterLevel"]
    assert level == {
        "type": "Property",
        "value": 2.5,
        "unitCode": "MTR",
        "observedAt": "2026-04-01T01:00:00Z",
    }


def test_partial_update_of_a_missing_attribute_is_refused(city: Running, tenant: str) -> None:
    reply = city.call("PATCH", f"{AT}/attrs/flow", {"value": 1}, NGSILD_Tenant=tenant)
    assert reply.status == 404
    assert "flow" in reply.body["detail"]
    assert "flow" not in city.call("GET", AT, NGSILD_Tenant=tenant).body


def test_append_overwrites_or_leaves(city: Running, tenant: str) -> None:
    more = {"waterLevel": {"type": "Property", "value": 7}, "flow": {"type": "Property", "value": 3}}
    left = city.call("POST", f"{AT}/attrs?options=noOverwrite", more, NGSILD_Tenant=tenant)
    assert left.status == 207
    assert [one["attributeName"].rsplit("/", 1)[1] for one in left.body["notUpdated"]] == ["waterLevel"]
    body = city.call("GET", AT, NGSILD_Tenant=tenant).body
    assert (body["waterLevel"]["value"], body["flow"]["value"]) == (1.25, 3)
    assert city.call("POST", f"{AT}/attrs", more, NGSILD_Tenant=tenant).status == 204
    assert city.call("GET", AT, NGSILD_Tenant=tenant).body["waterLevel"] == more["waterLevel"]


def test_update_deletes_by_null(city: Running, tenant: str) -> None:
    gone = {"river": {"type": "Relationship", "object": "urn:ngsi-ld:null"}}
    assert city.call("PATCH", f"{AT}/attrs", gone, NGSILD_Tenant=tenant).status == 204
    assert "river" not in city.call("GET", AT, NGSILD_Tenant=tenant).body


def test_merge_goes_into_values(city: Running, tenant: str) -> None:
    address = {"address": {"type": "Property", "value": {"city": "汐見市", "street": "港町1"}}}
    city.call("POST", f"{AT}/attrs", address, NGSILD_Tenant=tenant)
    patch = {"address": {"type": "Property", "value": {"street": "港町2", "city": "urn:ngsi-ld:null"}}}
    assert city.call("PATCH", AT, patch, NGSILD_Tenant=tenant).status == 204
    body = city.call("GET", AT, NGSILD_Tenant=tenant).body
    assert body["address"]["value"] == {"street": "港町2"}
    assert body["waterLevel"] == GAUGE["waterLevel"]


def test_replace_exchanges_everything_but_the_creation_time(city: Running, tenant: str) -> None:
    before = city.call("GET", f"{AT}?options=sysAttrs", NGSILD_Tenant=tenant).body
    new = {"type": "RiverGauge", "flow": {"type": "Property", "value": 3}}
    assert city.call("PUT", AT, new, NGSILD_Tenant=tenant).status == 204
    after = city.call("GET", f"{AT}?options=sysAttrs", NGSILD_Tenant=tenant).body
    assert set(after) == {"id", "type", "createdAt", "modifiedAt", "flow"}
    assert after["createdAt"] == before["createdAt"]


def test_attribute_replace_and_delete(city: Running, tenant: str) -> None:
    new = {"type": "Property", "value": 8}
    assert city.call("PUT", f"{AT}/attrs/waterLevel", new, NGSILD_Tenant=tenant).status == 204
    assert city.call("GET", AT, NGSILD_Tenant=tenant).body["waterLevel"] == new
    assert city.call("DELETE", f"{AT}/attrs/waterLevel", NGSILD_Tenant=tenant).status == 204
    assert city.call("DELETE", f"{AT}/attrs/waterLevel", NGSILD_Tenant=tenant).status == 404
    assert "waterLevel" not in city.call("GET", AT, NGSILD_Tenant=tenant).body


def test_datasets_live_side_by_side(city: Running, tenant: str) -> None:
    second = {"waterLevel": {"type": "Property", "value": 1.3, "datasetId": "urn:ngsi-ld:dataset:radar"}}
    assert city.call("POST", f"{AT}/attrs", second, NGSILD_Tenant=tenant).status == 204
    both = city.call("GET", AT, NGSILD_Tenant=tenant).body["waterLevel"]
    assert [one["value"] for one in both] == [1.25, 1.3]
    one = city.call("GET", f"{AT}?datasetId=urn:ngsi-ld:dataset:radar", NGSILD_Tenant=tenant).body
    assert one["waterLevel"]["value"] == 1.3
    gone = city.call("DELETE", f"{AT}/attrs/waterLevel?datasetId=urn:ngsi-ld:dataset:radar", NGSILD_Tenant=tenant)
    assert gone.status == 204
    assert city.call("GET", AT, NGSILD_Tenant=tenant).body["waterLevel"] == GAUGE["waterLevel"]


def test_delete(city: Running, tenant: str) -> None:
    assert city.call("DELETE", AT, NGSILD_Tenant=tenant).status == 204
    assert city.call("GET", AT, NGSILD_Tenant=tenant).status == 404
    assert city.call("DELETE", AT, NGSILD_Tenant=tenant).status == 404


def fill(server: Running, tenant: str, count: int = 30) -> None:
    gauges = [
        {
            "id": f"urn:ngsi-ld:Gauge:{n:02}",
            "type": "Gauge" if n % 2 else "Weir",
            "level": {"type": "Property", "value": n},
            "名称": {"type": "Property", "value": f"水位計{n}"},
            "location": {
                "type": "GeoProperty",
                "value": {"type": "Point", "coordinates": [134 + n / 1000, 34.3]},
            },
            "scope": [f"/防災/川/区{n % 3}"],
        }
        for n in range(count)
    ]
    reply = server.call("POST", f"{V1}/entityOperations/create", gauges, NGSILD_Tenant=tenant)
    assert (reply.status, len(reply.body)) == (201, count)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=Gauge", 15),
        ("type=Gauge,Weir", 30),
        ("type=Weir&q=level>20", 4),
        ("q=level>=10;level<12", 2),
        ('q=名称=="水位計7"', 1),
        ("q=level==3,5..7", 4),
        ("type=*&scopeQ=/防災/川/区1", 10),
        ("type=*&scopeQ=/防災/#", 30),
        ("type=Gauge,Weir&georel=near;maxDistance==500&geometry=Point&coordinates=[134.010,34.3]", 11),
        ("attrs=level&type=Weir", 15),
        ("idPattern=^urn:ngsi-ld:Gauge:0.*&type=*", 10),
        ("type=Nothing", 0),
    ],
)
def test_queries(server: Running, tenant: str, query: str, expected: int) -> None:
    fill(server, tenant)
    encoded = quote(query, safe="=&,;:*")
    reply = server.call("GET", f"{V1}/entities?{encoded}&limit=100&count=true", NGSILD_Tenant=tenant)
    assert reply.status == 200, reply.body
    assert len(reply.body) == expected
    assert reply.headers["NGSILD-Results-Count"] == str(expected)


def test_paging_follows_the_links(server: Running, tenant: str) -> None:
    fill(server, tenant)
    seen: list[str] = []
    path: str | None = f"{V1}/entities?type=Gauge,Weir&limit=12"
    while path:
        reply = server.call("GET", path, NGSILD_Tenant=tenant)
        seen += [one["id"] for one in reply.body]
        links = ", ".join(reply.headers.get_all("Link") or [])
        after = [link for link in links.split(", ") if 'rel="next"' in link]
        path = after[0].split(">")[0].strip("<") if after else None
    assert len(seen) == len(set(seen)) == 30


def test_the_same_query_as_a_document(server: Running, tenant: str) -> None:
    fill(server, tenant)
    document = {"type": "Query", "entities": [{"type": "Weir"}], "q": "level>20", "pick": ["id", "level"]}
    reply = server.call("POST", f"{V1}/entityOperations/query", document, NGSILD_Tenant=tenant)
    assert reply.status == 200
    assert [one["level"]["value"] for one in reply.body] == [22, 24, 26, 28]


def test_purge(server: Running, tenant: str) -> None:
    fill(server, tenant)
    assert server.call("DELETE", f"{V1}/entities?type=Weir&q=level%3E20", NGSILD_Tenant=tenant).status == 204
    rest = server.call("GET", f"{V1}/entities?type=Weir&limit=100", NGSILD_Tenant=tenant).body
    assert len(rest) == 11
    assert server.call("DELETE", f"{V1}/entities", NGSILD_Tenant=tenant).status == 400
    assert server.call("DELETE", f"{V1}/entities?type=Gauge&drop=level", NGSILD_Tenant=tenant).status == 204
    assert "level" not in server.call("GET", f"{V1}/entities/urn:ngsi-ld:Gauge:01", NGSILD_Tenant=tenant).body


def test_types_and_attributes(server: Running, tenant: str) -> None:
    fill(server, tenant)
    listed = server.call("GET", f"{V1}/types", NGSILD_Tenant=tenant).body
    assert sorted(listed["typeList"]) == ["Gauge", "Weir"]
    gauge = server.call("GET", f"{V1}/types/Gauge", NGSILD_Tenant=tenant).body
    assert gauge["entityCount"] == 15
    assert {one["attributeName"] for one in gauge["attributeDetails"]} == {"level", "location", "名称"}
    attribute = server.call("GET", f"{V1}/attributes/level", NGSILD_Tenant=tenant).body
    assert (attribute["attributeCount"], attribute["attributeTypes"]) == (30, ["Property"])
    assert sorted(attribute["typeNames"]) == ["Gauge", "Weir"]
    assert server.call("GET", f"{V1}/types/Nothing", NGSILD_Tenant=tenant).status == 404


def test_batch_upsert_and_delete_tell_of_each(server: Running, tenant: str) -> None:
    fill(server, tenant, 3)
    changed = [
        {"id": "urn:ngsi-ld:Gauge:01", "type": "Gauge", "level": 100},
        {"id": "urn:ngsi-ld:Gauge:77", "type": "Gauge", "level": 77},
        {"id": "no uri", "type": "Gauge"},
    ]
    reply = server.call("POST", f"{V1}/entityOperations/upsert?options=update", changed, NGSILD_Tenant=tenant)
    assert reply.status == 207
    assert sorted(reply.body["success"]) == ["urn:ngsi-ld:Gauge:01", "urn:ngsi-ld:Gauge:77"]
    assert [one["entityId"] for one in reply.body["errors"]] == ["no uri"]
    kept = server.call("GET", f"{V1}/entities/urn:ngsi-ld:Gauge:01?format=simplified", NGSILD_Tenant=tenant).body
    assert (kept["level"], kept["名称"]) == (100, "水位計1")
    ids = ["urn:ngsi-ld:Gauge:01", "urn:ngsi-ld:Gauge:99"]
    reply = server.call("POST", f"{V1}/entityOperations/delete", ids, NGSILD_Tenant=tenant)
    assert reply.status == 207
    assert reply.body["success"] == ids[:1]
    assert reply.body["errors"][0]["error"]["type"].endswith("/ResourceNotFound")


def test_an_own_context_names_the_attributes(server: Running, tenant: str) -> None:
    context = {"@context": {"水位": "https://example.jp/terms/waterLevel"}}
    stored = server.call("POST", f"{V1}/jsonldContexts", context)
    assert stored.status == 201
    entity = {
        "id": "urn:ngsi-ld:Gauge:1",
        "type": "Gauge",
        "水位": {"type": "Property", "value": 2},
        **context,
    }
    reply = server.call("POST", f"{V1}/entities", entity, NGSILD_Tenant=tenant, Content_Type="application/ld+json")
    assert reply.status == 201, reply.body
    plain = server.call("GET", f"{V1}/entities/urn:ngsi-ld:Gauge:1", NGSILD_Tenant=tenant).body
    assert "https://example.jp/terms/waterLevel" in plain
    link = f'<{server.url}{stored.headers["Location"]}>; rel="http://www.w3.org/ns/json-ld#context"'
    named = server.call("GET", f"{V1}/entities/urn:ngsi-ld:Gauge:1", NGSILD_Tenant=tenant, Link=link)
    assert named.body["水位"]["value"] == 2
    served = server.call("GET", stored.headers["Location"])
    assert served.body == context
    assert server.call("DELETE", stored.headers["Location"]).status == 204
    assert server.call("GET", stored.headers["Location"]).status == 404
