"""Context sources are registered, checked, found by what they may have, and forgotten (GS CIM 009, 5.9, 5.10, 5.12)."""

from __future__ import annotations

import datetime
import time
from typing import Any

import pytest

from real_server import Running

PATH = "/ngsi-ld/v1/csourceRegistrations"
CONTEXT = {"バス停": "https://x.example/BusStop", "名称": "https://x.example/name"}


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    return "csr_" + request.node.name.lower().translate({ord(c): "_" for c in "[]-. "})[:40].strip("_")


def registration(**members: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": "urn:ngsi-ld:ContextSourceRegistration:tonari",
        "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": "BusStop"}], "propertyNames": ["name"]}],
        "endpoint": "http://127.0.0.1:9999",
    }
    return {name: value for name, value in {**body, **members}.items() if value is not None}


def register(server: Running, tenant: str, **members: Any) -> Any:
    return server.call("POST", PATH, registration(**members), NGSILD_Tenant=tenant)


def found(server: Running, tenant: str, query: str, **headers: str) -> list[str]:
    reply = server.call("GET", f"{PATH}?{query}", NGSILD_Tenant=tenant, **headers)
    assert reply.status == 200, reply.body
    return [one["id"].rpartition(":")[2] for one in reply.body]


def test_a_source_is_registered_read_changed_and_deleted(server: Running, tenant: str) -> None:
    """5.9.2, 5.9.3, 5.9.4, 5.10.1."""
    made = register(server, tenant, id=None, description="隣町", 備考="試験中")
    assert made.status == 201
    address = made.headers["location"]
    body = server.call("GET", address, NGSILD_Tenant=tenant).body
    assert body["id"] == address.rpartition("/")[2]
    assert body["information"] == [{"entities": [{"type": "BusStop"}], "propertyNames": ["name"]}]
    assert (body["description"], body["備考"]) == ("隣町", "試験中")
    assert "createdAt" not in body
    patch = {"description": None, "endpoint": "http://127.0.0.1:9998", "備考": "本番"}
    assert server.call("PATCH", address, patch, NGSILD_Tenant=tenant).status == 204
    after = server.call("GET", address + "?options=sysAttrs", NGSILD_Tenant=tenant).body
    assert "description" not in after
    assert (after["endpoint"], after["備考"]) == ("http://127.0.0.1:9998", "本番")
    assert after["modifiedAt"] >= after["createdAt"]
    assert server.call("GET", address, NGSILD_Tenant=tenant + "_other").status == 404
    assert server.call("DELETE", address, NGSILD_Tenant=tenant).status == 204
    assert server.call("DELETE", address, NGSILD_Tenant=tenant).status == 404
    assert server.call("GET", address, NGSILD_Tenant=tenant).status == 404


def test_names_belong_to_the_context_they_came_with(server: Running, tenant: str) -> None:
    """5.5.7: names are expanded when registered, and shown as the reader's context calls them."""
    body = registration(information=[{"entities": [{"type": "バス停"}], "propertyNames": ["名称"]}])
    body["@context"] = CONTEXT
    kind = "application/ld+json"
    assert server.call("POST", PATH, body, Content_Type=kind, NGSILD_Tenant=tenant).status == 201
    (plain,) = server.call("GET", f"{PATH}?type=https://x.example/BusStop", NGSILD_Tenant=tenant).body
    assert plain["information"][0]["entities"][0]["type"] == "https://x.example/BusStop"
    assert plain["information"][0]["propertyNames"] == ["https://x.example/name"]
    assert found(server, tenant, "type=BusStop") == []


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"type": "Subscription"}, "type"),
        ({"information": None}, "information is missing"),
        ({"information": []}, "information"),
        ({"information": [{}]}, "information[0] is empty"),
        ({"information": [{"entities": [{"id": "urn:x:1"}]}]}, "information[0].entities[0].type"),
        ({"information": [{"entities": [{"type": "A", "idPattern": "("}]}]}, "idPattern"),
        ({"information": [{"propertyNames": []}]}, "information[0].propertyNames"),
        ({"information": [{"properties": ["a"]}]}, "information[0].properties"),
        ({"endpoint": None}, "endpoint"),
        ({"endpoint": "ftp://a"}, "endpoint"),
        ({"mode": "sometimes"}, "mode"),
        ({"mode": "exclusive"}, "information[0]"),
        ({"mode": "auxiliary"}, "operations"),
        ({"operations": ["fly"]}, "operations"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"location": {"type": "Point", "coordinates": [190, 0]}}, "location"),
        ({"managementInterval": {"endAt": "2020-01-01T00:00:00Z"}}, "managementInterval.startAt"),
        ({"management": {"timeout": 0}}, "management.timeout"),
        ({"management": {"localOnly": "yes"}}, "management.localOnly"),
        ({"refreshRate": "soon"}, "refreshRate"),
        ({"contextSourceInfo": [{"key": "a"}]}, "contextSourceInfo[0].value"),
        ({"contextSourceInfo": [{"key": "accept", "value": "text/html"}]}, "contextSourceInfo[0].value"),
        ({"contextSourceInfo": [{"key": "ngsildConformance", "value": "1"}]}, "contextSourceInfo[0].value"),
        ({"datasetId": ["none"]}, "datasetId"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(
    server: Running, tenant: str, members: dict[str, Any], named: str
) -> None:
    """5.9.2.4, 5.2.9 to 5.2.11, 5.2.34, 4.3.6.6."""
    assert server.call("POST", "/ngsi-ld/v1/entities", {"id": "urn:x:1", "type": "A"}, NGSILD_Tenant=tenant).status in (
        201,
        409,
    )
    body = registration(**members)
    if members.get("information", 0) is None or members.get("endpoint", 0) is None:
        body = registration()
        body.pop(next(iter(members)))
    reply = server.call("POST", PATH, body, NGSILD_Tenant=tenant)
    assert (reply.status, reply.body["type"].rpartition("/")[2]) == (400, "BadRequestData")
    assert named in reply.body["detail"]
    assert found(server, tenant, "type=BusStop,A&attrs=a,name") == []


def test_sources_are_found_by_what_they_may_have(server: Running, tenant: str) -> None:
    """5.12: types, ids, patterns and attributes; one information that fits is enough, and alone is told."""
    gauges = [{"type": "RiverGauge", "idPattern": "^urn:ngsi-ld:RiverGauge:kawa"}]
    lights = [{"type": "Streetlight", "id": "urn:ngsi-ld:Streetlight:1"}]
    assert register(server, tenant).status == 201
    two = [{"entities": gauges, "propertyNames": ["waterLevel"]}, {"entities": lights}]
    assert register(server, tenant, id="urn:x:kawa", information=two).status == 201
    assert register(server, tenant, id="urn:x:any", information=[{"relationshipNames": ["isIn"]}]).status == 201
    assert found(server, tenant, "type=BusStop") == ["tonari", "any"]
    assert found(server, tenant, "type=BusStop&attrs=name") == ["tonari"]
    assert found(server, tenant, "attrs=isIn") == ["kawa", "any"]
    assert found(server, tenant, "type=RiverGauge&id=urn:ngsi-ld:RiverGauge:kawa-2&attrs=waterLevel") == ["kawa"]
    assert found(server, tenant, "type=RiverGauge&id=urn:ngsi-ld:RiverGauge:umi&attrs=waterLevel") == []
    assert found(server, tenant, "type=Streetlight&idPattern=Streetlight:1&attrs=power") == ["kawa"]
    assert found(server, tenant, "q=waterLevel%3E2") == ["kawa"]
    (one,) = server.call("GET", f"{PATH}?type=Streetlight&attrs=power", NGSILD_Tenant=tenant).body
    assert one["information"] == [{"entities": lights}]
    page = server.call("GET", f"{PATH}?type=*&attrs=name,isIn,power&limit=1&count=true", NGSILD_Tenant=tenant)
    assert len(page.body) == 1
    assert page.headers["ngsild-results-count"] == "3"


def test_sources_are_found_by_place_time_scope_and_their_own_properties(server: Running, tenant: str) -> None:
    """5.10.2.4."""
    harbour = {"type": "Point", "coordinates": [134.05, 34.35]}
    week = {"startAt": "2026-04-01T00:00:00Z", "endAt": "2026-04-08T00:00:00Z"}
    assert register(server, tenant, id="urn:x:here", location=harbour, scope="/港/東", owner="港湾課").status == 201
    assert register(server, tenant, id="urn:x:past", observationInterval=week).status == 201
    near = "type=BusStop&georel=near;maxDistance==2000&geometry=Point&coordinates="
    assert found(server, tenant, near + "%5B134.051,34.351%5D") == ["here"]
    assert found(server, tenant, near + "%5B135,35%5D") == []
    assert found(server, tenant, "type=BusStop") == ["here"]
    assert found(server, tenant, "type=BusStop&timerel=after&timeAt=2026-04-02T00:00:00Z") == ["past"]
    assert found(server, tenant, "type=BusStop&timerel=after&timeAt=2026-05-01T00:00:00Z") == []
    assert found(server, tenant, "type=BusStop&timerel=before&timeAt=2026-04-02T00:00:00Z&timeproperty=createdAt") == []
    assert found(server, tenant, "type=BusStop&scopeQ=/%E6%B8%AF/%23") == ["here"]
    assert found(server, tenant, "type=BusStop&scopeQ=/%E5%B1%B1") == []
    assert found(server, tenant, "type=BusStop&csf=owner==%22%E6%B8%AF%E6%B9%BE%E8%AA%B2%22") == ["here"]
    assert found(server, tenant, "type=BusStop&csf=owner==%22x%22") == []
    wide = server.call("GET", PATH, NGSILD_Tenant=tenant)
    assert (wide.status, wide.body["type"].rpartition("/")[2]) == (400, "BadRequestData")


def test_nothing_is_kept_here_of_what_another_holds_alone(server: Running, tenant: str) -> None:
    """4.3.6.3, 5.9.2.4: exclusive and redirect registrations conflict with each other and with data kept here."""
    stop = {"id": "urn:ngsi-ld:BusStop:1", "type": "BusStop", "name": "港"}
    assert server.call("POST", "/ngsi-ld/v1/entities", stop, NGSILD_Tenant=tenant).status == 201
    alone = [{"entities": [{"id": stop["id"], "type": "BusStop"}], "propertyNames": ["timetable"]}]
    named = [{"entities": [{"id": stop["id"], "type": "BusStop"}], "propertyNames": ["name"]}]
    refused = register(server, tenant, mode="exclusive", information=named)
    assert (refused.status, refused.body["type"].rpartition("/")[2]) == (409, "Conflict")
    assert stop["id"] in refused.body["detail"]
    assert register(server, tenant, mode="redirect").status == 409
    assert register(server, tenant, mode="exclusive", information=alone).status == 201
    again = register(server, tenant, id="urn:x:2", mode="exclusive", information=alone)
    assert again.status == 409
    assert "tonari" in again.body["detail"]
    assert register(server, tenant, id="urn:x:2", mode="redirect", information=alone).status == 409
    assert register(server, tenant, id="urn:x:2", information=alone).status == 201
    assert register(server, tenant, id="urn:x:2").status == 409
    turned = server.call("PATCH", f"{PATH}/urn:x:2", {"mode": "exclusive"}, NGSILD_Tenant=tenant)
    assert turned.status == 409
    assert "mode" not in server.call("GET", f"{PATH}/urn:x:2", NGSILD_Tenant=tenant).body


def test_a_registration_ends_when_it_expires(server: Running, tenant: str) -> None:
    """5.9.2.4."""
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1.5)
    assert register(server, tenant, expiresAt=soon.isoformat().replace("+00:00", "Z")).status == 201
    assert found(server, tenant, "type=BusStop") == ["tonari"]
    deadline = time.monotonic() + 15
    while found(server, tenant, "type=BusStop") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found(server, tenant, "type=BusStop") == []
    assert register(server, tenant).status == 201


def test_sources_outlive_a_restart(start_server: Any) -> None:
    first = start_server("--store", "store")
    assert register(first, "town").status == 201
    first.stop()
    second = start_server("--store", "store")
    assert found(second, "town", "type=BusStop") == ["tonari"]
