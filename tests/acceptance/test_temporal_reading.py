"""Histories through the HTTP door of a real server (GS CIM 009, 5.7.3, 5.7.4, 6.18, 6.19, 6.24)."""

from __future__ import annotations

from typing import Any

import pytest

from real_server import Running

V1 = "/ngsi-ld/v1"
TEMPORAL = f"{V1}/temporal/entities"
ID = "urn:ngsi-ld:RiverGauge:春日川-1"
QUOTED = "urn:ngsi-ld:RiverGauge:%E6%98%A5%E6%97%A5%E5%B7%9D-1"
HOURS = [f"2026-04-01T{hour:02d}:00:00Z" for hour in range(10)]


@pytest.fixture(scope="module")
def city(server: Running) -> Running:
    """Give the default tenant ten hours of a gauge, and a bus of which nothing is known but where it was."""
    for hour, at in enumerate(HOURS):
        gauge = {
            "id": ID,
            "type": "RiverGauge",
            "waterLevel": {"type": "Property", "value": hour / 10, "unitCode": "MTR", "observedAt": at},
            "state": {"type": "Property", "value": "high" if hour >= 8 else "low", "observedAt": at},
            "label": {"type": "LanguageProperty", "languageMap": {"ja": f"水位{hour}", "en": f"level {hour}"}},
        }
        bus = {
            "id": "urn:ngsi-ld:Bus:1",
            "type": "Bus",
            "location": {
                "type": "GeoProperty",
                "value": {"type": "Point", "coordinates": [134.0 + hour / 10, 34.3]},
                "observedAt": at,
            },
        }
        reply = server.call("POST", f"{V1}/entityOperations/upsert", [gauge, bus])
        assert reply.status in (201, 204), reply.body
    return server


def retrieve(city: Running, query: str = "", status: int = 200, **headers: str) -> Any:
    reply = city.call("GET", f"{TEMPORAL}/{QUOTED}{query}", **headers)
    assert reply.status == status, reply.body
    return reply.body


def levels(document: dict[str, Any]) -> list[float]:
    return [one["value"] for one in document["waterLevel"]]


def test_whole_history(city: Running) -> None:
    document = retrieve(city)
    assert (document["id"], document["type"]) == (ID, "RiverGauge")
    assert levels(document) == [hour / 10 for hour in range(10)]
    first = document["waterLevel"][0]
    assert first.pop("instanceId").startswith("urn:")
    assert first == {"type": "Property", "value": 0.0, "unitCode": "MTR", "observedAt": HOURS[0]}
    assert len({one["instanceId"] for one in document["waterLevel"][1:]}) == 9


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"timerel=before&timeAt={HOURS[3]}", [0, 1, 2]),
        (f"timerel=after&timeAt={HOURS[7]}", [7, 8, 9]),
        (f"timerel=between&timeAt={HOURS[2]}&endTimeAt={HOURS[5]}", [2, 3, 4]),
        ("lastN=3", [7, 8, 9]),
        (f"timerel=before&timeAt={HOURS[5]}&lastN=2", [3, 4]),
        ("timerel=after&timeAt=2000-01-01T00:00:00Z&timeproperty=modifiedAt", list(range(10))),
    ],
)
def test_times(city: Running, query: str, expected: list[int]) -> None:
    assert levels(retrieve(city, f"?{query}&attrs=waterLevel")) == [hour / 10 for hour in expected]


def test_nothing_in_the_time_asked_for(city: Running) -> None:
    document = retrieve(city, "?timerel=after&timeAt=2030-01-01T00:00:00Z")
    assert document == {"id": ID, "type": "RiverGauge"}


def test_projection(city: Running) -> None:
    assert set(retrieve(city, "?attrs=state")) == {"id", "type", "state"}
    assert set(retrieve(city, "?pick=id,state")) == {"id", "state"}
    assert set(retrieve(city, "?omit=state,type")) == {"id", "waterLevel", "label"}


def test_simplified(city: Running) -> None:
    for asked in ("format=temporalValues", "options=temporalValues"):
        document = retrieve(city, f"?{asked}&lastN=2&attrs=waterLevel")
        assert document["waterLevel"] == {"type": "Property", "values": [[0.8, HOURS[8]], [0.9, HOURS[9]]]}
    maps = retrieve(city, "?format=temporalValues&attrs=label&lastN=1")["label"]
    assert maps["type"] == "LanguageProperty"
    assert maps["languageMaps"][0][0] == {"languageMap": {"ja": "水位9", "en": "level 9"}}
    japanese = retrieve(city, "?format=temporalValues&attrs=label&lastN=1&lang=ja")["label"]
    assert (japanese["type"], japanese["values"][0][0]) == ("Property", "水位9")


def test_system_attributes(city: Running) -> None:
    assert "modifiedAt" not in retrieve(city)["waterLevel"][0]
    document = retrieve(city, "?options=sysAttrs")
    assert {"createdAt", "modifiedAt"} <= set(document) & set(document["waterLevel"][0])


def test_aggregates(city: Running) -> None:
    query = f"?timerel=between&timeAt={HOURS[0]}&endTimeAt={HOURS[8]}&attrs=waterLevel&format=aggregatedValues"
    document = retrieve(city, f"{query}&aggrMethods=max,totalCount&aggrPeriodDuration=PT4H")
    edges = [f"2026-04-01T{hour:02d}:00:00Z" for hour in (0, 4, 8)]
    assert document["waterLevel"] == {
        "type": "Property",
        "max": [[0.3, edges[0], edges[1]], [0.7, edges[1], edges[2]]],
        "totalCount": [[4, edges[0], edges[1]], [4, edges[1], edges[2]]],
    }
    whole = retrieve(city, f"{query}&aggrMethods=min&options=aggregatedValues")
    assert whole["waterLevel"] == {"type": "Property", "min": [[0.0, edges[0], edges[2]]]}


def test_linked_data(city: Running) -> None:
    document = retrieve(city, "?lastN=1", Accept="application/ld+json")
    assert "@context" in document


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("timerel=sometime&timeAt=2026-01-01T00:00:00Z", "timerel"),
        ("timerel=before", "timeAt"),
        ("timeAt=2026-01-01T00:00:00Z", "timerel"),
        ("timerel=before&timeAt=yesterday", "timeAt"),
        ("timerel=between&timeAt=2026-01-01T00:00:00Z", "endTimeAt"),
        ("timerel=before&timeAt=2026-01-01T00:00:00Z&timeproperty=age", "timeproperty"),
        ("lastN=0", "lastN"),
        ("lastN=two", "lastN"),
        ("format=aggregatedValues", "aggrMethods"),
        ("format=aggregatedValues&aggrMethods=median", "median"),
        ("format=aggregatedValues&aggrMethods=sum&aggrPeriodDuration=hour", "aggrPeriodDuration"),
        ("options=aggregatedValues,temporalValues&aggrMethods=sum", "options"),
        ("format=concise", "format"),
    ],
)
def test_bad_parameters_are_named(city: Running, query: str, word: str) -> None:
    assert word in retrieve(city, f"?{query}", 400)["detail"]


def test_unknown_entities(city: Running) -> None:
    reply = city.call("GET", f"{TEMPORAL}/urn:ngsi-ld:RiverGauge:none")
    assert (reply.status, reply.body["type"]) == (404, "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound")
    assert city.call("GET", f"{TEMPORAL}/none").status == 400


def test_a_deleted_entity_keeps_its_history(city: Running) -> None:
    body = {"id": "urn:ngsi-ld:Well:1", "type": "Well", "depth": {"type": "Property", "value": 3}}
    assert city.call("POST", f"{V1}/entities", body).status == 201
    assert city.call("DELETE", f"{V1}/entities/urn:ngsi-ld:Well:1").status == 204
    assert city.call("GET", f"{V1}/entities/urn:ngsi-ld:Well:1").status == 404
    reply = city.call("GET", f"{TEMPORAL}/urn:ngsi-ld:Well:1")
    assert reply.status == 200
    first, last = reply.body["depth"]
    assert (first["value"], last["value"]) == (3, "urn:ngsi-ld:null")
    assert last["deletedAt"].endswith("Z")


def query(city: Running, text: str, status: int = 200) -> Any:
    reply = city.call("GET", f"{TEMPORAL}?{text}")
    assert reply.status == status, reply.body
    return reply.body


SINCE = f"timerel=after&timeAt={HOURS[0]}"


def test_query_by_type_and_values_of_that_time(city: Running) -> None:
    (found,) = query(city, f"type=RiverGauge&{SINCE}&attrs=waterLevel")
    assert levels(found) == [hour / 10 for hour in range(10)]
    high = f"type=RiverGauge&q=state==%22high%22&timerel=between&timeAt={HOURS[0]}&endTimeAt="
    assert query(city, high + HOURS[5]) == []
    assert [one["id"] for one in query(city, high + HOURS[9])] == [ID]


def test_query_by_place_of_that_time(city: Running) -> None:
    near = "type=Bus&georel=near;maxDistance==2000&geometry=Point&coordinates=%5B134.5,34.3%5D"
    assert query(city, f"{near}&timerel=before&timeAt={HOURS[3]}") == []
    (found,) = query(city, f"{near}&timerel=before&timeAt={HOURS[7]}")
    assert len(found["location"]) == 7


def test_query_pages_and_count(city: Running) -> None:
    tenant = "temporal_pages"
    many = [
        {"id": f"urn:ngsi-ld:Lamp:{n}", "type": "Lamp", "on": {"type": "Property", "value": n, "observedAt": HOURS[n]}}
        for n in range(5)
    ]
    assert city.call("POST", f"{V1}/entityOperations/create", many, NGSILD_Tenant=tenant).status == 201
    seen = []
    for offset in (0, 2, 4):
        path = f"{TEMPORAL}?type=Lamp&{SINCE}&limit=2&offset={offset}&count=true"
        reply = city.call("GET", path, NGSILD_Tenant=tenant)
        assert reply.headers["NGSILD-Results-Count"] == "5"
        seen += [one["id"] for one in reply.body]
        links = " ".join(reply.headers.get_all("Link") or ())
        assert ('rel="next"' in links, 'rel="prev"' in links) == (offset < 4, offset > 0)
    assert seen == [one["id"] for one in many]


def test_query_needs_a_time_and_a_choice(city: Running) -> None:
    assert "timerel" in query(city, "type=RiverGauge", 400)["detail"]
    assert "wide" in query(city, SINCE, 400)["detail"]


@pytest.mark.parametrize("order", ["waterLevel", "createdAt", "id,waterLevel"])
def test_order_by_anything_but_the_id_is_refused(city: Running, order: str) -> None:
    """5.7.4.4."""
    assert "orderBy" in query(city, f"type=RiverGauge&{SINCE}&orderBy={order}", 400)["detail"]


def test_order_by_id(city: Running) -> None:
    """5.7.4.4 and 4.23."""
    for order, turned in (("id", False), ("id;desc", True)):
        found = [one["id"] for one in query(city, f"type=RiverGauge,Bus&{SINCE}&orderBy={order}")]
        assert found == sorted(found, reverse=turned)
        assert len(found) > 1


def test_query_by_document(city: Running) -> None:
    body = {
        "type": "Query",
        "entities": [{"type": "RiverGauge"}],
        "temporalQ": {"timerel": "after", "timeAt": HOURS[0]},
        "aggrParams": {"aggrMethods": ["sum"], "aggrPeriodDuration": "P1D"},
        "pick": ["id", "waterLevel"],
    }
    reply = city.call("POST", f"{V1}/temporal/entityOperations/query?format=aggregatedValues", body)
    assert reply.status == 200, reply.body
    (found,) = reply.body
    assert set(found) == {"id", "waterLevel"}
    assert found["waterLevel"]["sum"][0][0] == 4.5
    none = city.call("POST", f"{V1}/temporal/entityOperations/query", {"type": "Query", "entities": []})
    assert none.status == 400


def test_what_does_not_fit_comes_in_parts_with_the_span_covered(city: Running) -> None:
    tenant, path = "temporal_parts", f"{V1}/entityOperations/upsert"
    total, each = 10_400, 260
    for start in range(0, total, each):
        # several instances of one attribute in one request: one per entity version, so many small upserts in a batch
        batch = [
            {
                "id": "urn:ngsi-ld:Meter:1",
                "type": "Meter",
                "power": {"type": "Property", "value": n, "observedAt": instant(n)},
            }
            for n in range(start, start + each)
        ]
        assert city.call("POST", path, batch, NGSILD_Tenant=tenant).status in (201, 204)
    at = f"{TEMPORAL}/urn:ngsi-ld:Meter:1"
    since = "timerel=after&timeAt=2026-01-01T00:00:00Z"
    reply = city.call("GET", f"{at}?{since}&format=temporalValues", NGSILD_Tenant=tenant)
    assert reply.status == 206
    assert reply.headers["Content-Range"] == f"date-time 2026-01-01T00:00:00.000Z-{precise(9_999)}/*"
    first = reply.body["power"]["values"]
    assert [value for value, _ in first] == list(range(10_000))
    rest = city.call("GET", f"{at}?timerel=after&timeAt={precise(10_000)}&format=temporalValues", NGSILD_Tenant=tenant)
    assert rest.status == 200
    assert [value for value, _ in rest.body["power"]["values"]] == list(range(10_000, total))
    back = city.call("GET", f"{at}?{since}&lastN=10200&format=temporalValues", NGSILD_Tenant=tenant)
    assert back.status == 206
    assert back.headers["Content-Range"] == f"date-time {precise(total - 1)}-{precise(total - 10_000)}/10200"
    assert [value for value, _ in back.body["power"]["values"]] == list(range(400, total))
    sums = city.call("GET", f"{at}?{since}&format=aggregatedValues&aggrMethods=totalCount,sum", NGSILD_Tenant=tenant)
    assert sums.status == 200
    assert sums.body["power"]["totalCount"][0][0] == total
    assert sums.body["power"]["sum"][0][0] == total * (total - 1) // 2


def instant(number: int) -> str:
    minutes, second = divmod(number, 60)
    hour, minute = divmod(minutes, 60)
    return f"2026-01-01T{hour:02d}:{minute:02d}:{second:02d}Z"


def precise(number: int) -> str:
    return instant(number).replace("Z", ".000Z")


def test_attributes_that_never_were_are_not_found(city: Running) -> None:
    for query in ("?attrs=nothing", "?pick=nothing", "?omit=id,type,waterLevel,state,label"):
        assert retrieve(city, query, status=404)["type"].endswith("/ResourceNotFound")
    assert "waterLevel" not in retrieve(city, "?attrs=waterLevel&timerel=before&timeAt=2000-01-01T00:00:00Z")


def test_a_document_that_says_how_to_aggregate_gets_aggregates(city: Running) -> None:
    document = {
        "type": "Query",
        "entities": [{"type": "RiverGauge"}],
        "temporalQ": {"timerel": "between", "timeAt": HOURS[0], "endTimeAt": HOURS[8]},
        "aggrParams": {"aggrMethods": "totalCount", "aggrPeriodDuration": "PT4H"},
        "attrs": ["waterLevel"],
    }
    path = "/ngsi-ld/v1/temporal/entityOperations/query"
    (told,) = city.call("POST", path, document).body
    assert [row[0] for row in told["waterLevel"]["totalCount"]] == [4, 4]
    assert told["waterLevel"]["totalCount"][0][1].endswith(":00Z")
    document["aggrParams"] = {"aggrMethods": "totalCount", "aggrPeriodDuration": "4 hours"}
    assert city.call("POST", path, document).status == 400
