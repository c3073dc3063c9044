"""Histories written through the HTTP door of a real server (GS CIM 009, 5.6.11 to 5.6.16, 6.18 to 6.22)."""

from __future__ import annotations

from typing import Any

import pytest

from real_server import Running

V1 = "/ngsi-ld/v1"
TEMPORAL = f"{V1}/temporal/entities"
ID = "urn:ngsi-ld:Well:井戸-1"
QUOTED = "urn:ngsi-ld:Well:%E4%BA%95%E6%88%B8-1"


def at(hour: int) -> str:
    return f"2025-04-01T{hour:02d}:00:00Z"


def level(value: Any, hour: int, **members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": at(hour), **members}


@pytest.fixture
def well(server: Running) -> Any:
    """Give a well of which only the past is known."""
    body = {"id": ID, "type": "Well", "depth": [level(3, 3), level(1, 1), level(2, 2, datasetId="urn:d:second")]}
    reply = server.call("POST", TEMPORAL, body)
    assert reply.status == 201, reply.body
    assert reply.headers["Location"] == f"{TEMPORAL}/{QUOTED}"
    yield server
    server.call("DELETE", f"{V1}/entities/{QUOTED}")
    server.call("DELETE", f"{TEMPORAL}/{QUOTED}")


def read(server: Running, query: str = "", status: int = 200) -> Any:
    reply = server.call("GET", f"{TEMPORAL}/{QUOTED}{query}")
    assert reply.status == status, reply.body
    return reply.body


def depths(server: Running) -> list[Any]:
    return [one["value"] for one in read(server)["depth"]]


def test_a_past_is_no_present(well: Running) -> None:
    """5.6.11: what is created is a temporal evolution; nothing is there to be found as of now."""
    assert depths(well) == [1, 2, 3]
    assert well.call("GET", f"{V1}/entities/{QUOTED}").status == 404
    assert well.call("GET", f"{V1}/entities?type=Well").body == []
    found = well.call("GET", f"{TEMPORAL}?type=Well&timerel=before&timeAt={at(2)}")
    assert [one["id"] for one in found.body] == [ID]
    assert [one["value"] for one in found.body[0]["depth"]] == [1]


def test_writing_again_adds_and_corrects(well: Running) -> None:
    """5.6.11.4 and 5.6.12: instances are added, types united; the same time and dataset is the same instance."""
    body = {"id": ID, "type": ["Well", "Monument"], "depth": [level(4, 4), level(11, 1)]}
    reply = well.call("POST", TEMPORAL, body)
    assert (reply.status, reply.body) == (204, None)
    assert depths(well) == [11, 2, 3, 4]
    assert set(read(well)["type"]) == {"Well", "Monument"}


def test_the_present_stays_as_it_is(well: Running) -> None:
    """5.6.12: a correction of the past of an entity that is there."""
    entity = {"id": ID, "type": "Well", "depth": level(5, 5)}
    assert well.call("POST", f"{V1}/entities", entity).status == 201
    before = well.call("GET", f"{V1}/entities/{QUOTED}?options=sysAttrs").body
    reply = well.call("POST", f"{TEMPORAL}/{QUOTED}/attrs", {"depth": [level(9, 9)], "salt": [level(1, 1)]})
    assert reply.status == 204
    assert depths(well) == [1, 2, 3, 5, 9]
    assert well.call("GET", f"{V1}/entities/{QUOTED}?options=sysAttrs").body == before
    assert well.call("DELETE", f"{TEMPORAL}/{QUOTED}").status == 204
    assert well.call("GET", f"{V1}/entities/{QUOTED}?options=sysAttrs").body == before
    assert well.call("PATCH", f"{V1}/entities/{QUOTED}/attrs", {"depth": level(6, 6)}).status == 204
    assert depths(well) == [6]


def test_all_representations_can_be_written(server: Running) -> None:
    """5.2.20 with 4.5.9: simplified series, concise instances, all attribute types, and a deletion (4.5.7)."""
    id = "urn:ngsi-ld:Well:kinds"
    body = {
        "id": id,
        "type": "Well",
        "scope": [{"type": "Property", "value": ["/a", "/b"], "observedAt": at(1)}],
        "depth": {"type": "Property", "values": [[1, at(1)], [2, at(2)]]},
        "name": {"type": "LanguageProperty", "languageMaps": [[{"languageMap": {"ja": "井"}}, at(1)]]},
        "feeds": [{"object": "urn:ngsi-ld:River:1", "observedAt": at(1)}],
        "kind": {"type": "VocabProperty", "vocabs": [[{"vocab": "dug"}, at(1)]]},
        "raw": {"type": "JsonProperty", "jsons": [[{"json": {"id": 1}}, at(1)]]},
        "list": {"type": "ListProperty", "valueLists": [[[1, 2], at(1)]]},
        "links": {"type": "ListRelationship", "objectLists": [[["urn:ngsi-ld:River:1"], at(1)]]},
        "location": [{"value": {"type": "Point", "coordinates": [134, 34]}, "observedAt": at(1)}],
        "gone": [level(1, 1), {"type": "Property", "value": "urn:ngsi-ld:null", "observedAt": at(2)}],
    }
    assert server.call("POST", TEMPORAL, body).status == 201
    told = server.call("GET", f"{TEMPORAL}/{id}?options=temporalValues").body
    gone = told.pop("gone")["values"]
    assert gone == [[1, at(1)], ["urn:ngsi-ld:null", at(2)]]
    assert told == {
        "id": id,
        "type": "Well",
        "scope": {"type": "Property", "values": [[["/a", "/b"], at(1)]]},
        **{name: body[name] for name in ("depth", "name", "kind", "raw", "list", "links")},
        "feeds": {"type": "Relationship", "objects": [["urn:ngsi-ld:River:1", at(1)]]},
        "location": {"type": "GeoProperty", "values": [[{"type": "Point", "coordinates": [134, 34]}, at(1)]]},
    }
    gone = server.call("GET", f"{TEMPORAL}/{id}?timeproperty=deletedAt").body["gone"]
    assert [one["deletedAt"] for one in gone] == [at(2)]


def test_delete_an_attribute(well: Running) -> None:
    """5.6.13: the default instances, those of one dataset, or all."""
    attr = f"{TEMPORAL}/{QUOTED}/attrs/depth"
    assert well.call("DELETE", f"{attr}?datasetId=urn:d:other").status == 404
    assert depths(well) == [1, 2, 3]
    assert well.call("DELETE", f"{attr}?datasetId=urn:d:second").status == 204
    assert depths(well) == [1, 3]
    assert well.call("DELETE", attr).status == 204
    assert well.call("DELETE", attr).status == 404
    well.call("POST", f"{TEMPORAL}/{QUOTED}/attrs", {"depth": [level(1, 1), level(2, 2, datasetId="urn:d:a")]})
    assert well.call("DELETE", f"{attr}?deleteAll=true").status == 204
    read(well, status=404)


def test_one_instance(well: Running) -> None:
    """5.6.14 and 5.6.15: an instance is exchanged and keeps its id and createdAt, or goes."""
    first = read(well, "?options=sysAttrs")["depth"][0]
    attr = f"{TEMPORAL}/{QUOTED}/attrs/depth"
    one = f"{attr}/{first['instanceId']}"
    for body in ({"type": "Property", "value": 7}, [level(8, 1)], {"depth": [level(9, 1)]}):
        assert well.call("PATCH", one, body).status == 204
    now = read(well, "?options=sysAttrs")["depth"][0]
    assert now["value"] == 9
    assert (now["instanceId"], now["createdAt"]) == (first["instanceId"], first["createdAt"])
    assert now["modifiedAt"] > first["modifiedAt"]
    assert well.call("PATCH", f"{attr}/urn:x:none", level(1, 1)).status == 404
    assert well.call("PATCH", one, [level(1, 1), level(2, 2)]).status == 400
    assert well.call("PATCH", f"{attr}/none", level(1, 1)).status == 400
    assert well.call("DELETE", f"{TEMPORAL}/{QUOTED}/attrs/salt/{first['instanceId']}").status == 404
    assert depths(well) == [9, 2, 3]
    assert well.call("DELETE", one).status == 204
    assert well.call("DELETE", one).status == 404
    assert depths(well) == [2, 3]


def test_delete_the_whole(well: Running) -> None:
    """5.6.16."""
    assert well.call("DELETE", f"{TEMPORAL}/{QUOTED}").status == 204
    read(well, status=404)
    assert well.call("DELETE", f"{TEMPORAL}/{QUOTED}").status == 404
    assert well.call("POST", f"{TEMPORAL}/{QUOTED}/attrs", {"depth": [level(1, 1)]}).status == 404
    assert well.call("GET", f"{TEMPORAL}?type=Well&timerel=after&timeAt={at(0)}&idPattern=%E4%BA%95").body == []


@pytest.mark.parametrize(
    "body",
    [
        {"type": "Well", "depth": [level(1, 1)]},
        {"id": "urn:ngsi-ld:Well:bad", "depth": [level(1, 1)]},
        {"id": "urn:ngsi-ld:Well:bad", "type": "Well", "depth": []},
        {"id": "urn:ngsi-ld:Well:bad", "type": "Well", "depth": [level(1, 1, observedAt="yesterday")]},
        {"id": "urn:ngsi-ld:Well:bad", "type": "Well", "depth": {"type": "Property", "values": [[1]]}},
        {"id": "urn:ngsi-ld:Well:bad", "type": "Well", "scope": [{"type": "Relationship", "object": "urn:x:1"}]},
        {"id": "urn:ngsi-ld:Well:bad", "type": "Well", "expiresAt": "urn:ngsi-ld:null"},
        {"id": "urn:ngsi-ld:Well:bad", "type": "Well", "depth": [level(1, 1, unitCode="urn:ngsi-ld:null")]},
    ],
)
def test_bad_evolutions_are_refused(server: Running, body: dict[str, Any]) -> None:
    """5.6.11.4 with 5.5.4; nothing of them is kept."""
    reply = server.call("POST", TEMPORAL, body)
    assert reply.status == 400, reply.body
    assert reply.body["type"].endswith("BadRequestData")
    assert server.call("GET", f"{TEMPORAL}/urn:ngsi-ld:Well:bad").status == 404


def test_scope_is_recorded(server: Running) -> None:
    """4.18 and 4.5.6: each change of the scopes through the core API is an instance, its end one with deletedAt."""
    id = "urn:ngsi-ld:Well:scoped"
    body = {"id": id, "type": "Well", "scope": "/a", "depth": level(1, 1)}
    assert server.call("POST", f"{V1}/entities", body).status == 201
    assert server.call("PATCH", f"{V1}/entities/{id}", {"scope": ["/b", "/c"]}).status == 204
    assert server.call("DELETE", f"{V1}/entities/{id}/attrs/scope").status == 204
    told = server.call("GET", f"{TEMPORAL}/{id}?pick=scope").body["scope"]
    assert [one["value"] for one in told] == ["/a", ["/b", "/c"], "urn:ngsi-ld:null"]
    assert "deletedAt" in told[2]
    assert all("observedAt" in one for one in told[:2])
