"""What one API writes the other reads: each row of the table in docs/reference/ngsi-v2.md has its test here."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from listener import Listener
from real_server import Reply, Running

CONTEXT = {"@context": {"warmth": "https://example.org/terms#warmth", "Hall": "https://example.org/terms#Hall"}}
LD_JSON = "application/ld+json"


class Town:
    """A tenant spoken to in both languages."""

    def __init__(self, server: Running, tenant: str) -> None:
        self.server, self.tenant = server, tenant

    def v2(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        return self.server.call(method, "/v2" + path, body, Fiware_Service=self.tenant, **headers)

    def ld(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        return self.server.call(method, "/ngsi-ld/v1" + path, body, NGSILD_Tenant=self.tenant, **headers)

    def write_v2(self, id: str = "urn:x:1", type: str = "Room", path: str = "", **attrs: Any) -> None:
        headers = {"Fiware_ServicePath": path} if path else {}
        reply = self.v2("POST", "/entities", {"id": id, "type": type, **attrs}, **headers)
        assert reply.status == 201, reply.body

    def write_ld(self, id: str = "urn:x:1", type: Any = "Room", **members: Any) -> None:
        kind = {"Content_Type": LD_JSON} if "@context" in members else {}
        reply = self.ld("POST", "/entities", {"id": id, "type": type, **members}, **kind)
        assert reply.status == 201, reply.body

    def read_v2(self, id: str = "urn:x:1", query: str = "") -> dict[str, Any]:
        reply = self.v2("GET", f"/entities/{quote(id, safe='')}{query}")
        assert reply.status == 200, reply.body
        found: dict[str, Any] = reply.body
        return found

    def read_ld(self, id: str = "urn:x:1", query: str = "") -> dict[str, Any]:
        reply = self.ld("GET", f"/entities/{quote(id, safe='')}{query}")
        assert reply.status == 200, reply.body
        found: dict[str, Any] = reply.body
        return found

    def ids_v2(self, **query: str) -> list[str]:
        return [one["id"] for one in self.v2("GET", f"/entities?{urlencode(query)}").body]


@pytest.fixture
def town(server: Running, request: pytest.FixtureRequest) -> Town:
    return Town(server, "".join(one if one.isalnum() else "_" for one in request.node.name.lower())[:50])


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


def test_ids(town: Town) -> None:
    for id, inside in (
        ("urn:ngsi-ld:Room:1", "urn:ngsi-ld:Room:1"),
        ("Room1", "urn:ngsi-v2:Room1:Room"),
        ("a%b", "urn:ngsi-v2:a%25b:Room"),
        ("部屋", "urn:ngsi-v2:部屋:Room"),
        ("urn:ngsi-v2:x:Room", "urn:ngsi-v2:urn%3Angsi-v2%3Ax%3ARoom:Room"),
    ):
        town.write_v2(id)
        assert town.read_ld(inside)["id"] == inside
        assert town.read_v2(id)["id"] == id
    deep = town.v2("POST", "/entities", {"id": "Room1", "type": "Room"}, Fiware_ServicePath="/a")
    assert deep.status == 201
    assert town.read_ld("urn:ngsi-v2:Room1:Room:%2Fa")["scope"] == "/a"


def test_a_uri_names_one_entity(town: Town) -> None:
    town.write_v2("urn:x:1", "Room")
    for type, path in (("Car", "/"), ("Room", "/a")):
        reply = town.v2("POST", "/entities", {"id": "urn:x:1", "type": type}, Fiware_ServicePath=path)
        assert (reply.status, reply.body["description"]) == (422, "Already Exists")
        body = {"id": "urn:x:1", "type": type, "a": {"value": 1}}
        for way, sent in (
            ("/entities?options=upsert", body),
            ("/op/update", {"actionType": "append", "entities": [body]}),
        ):
            reply = town.v2("POST", way, sent, Fiware_ServicePath=path)
            assert (reply.status, reply.body["description"]) == (422, "Already Exists")
    assert "a" not in town.read_v2()
    town.write_v2("plain", "Room")
    town.write_v2("plain", "Car")
    assert town.ids_v2() == ["urn:x:1", "plain", "plain"]


def test_service_paths_are_scopes(town: Town) -> None:
    town.write_v2("urn:x:1", path="/park/east")
    assert town.read_ld("urn:x:1")["scope"] == "/park/east"
    assert town.ld("GET", "/entities?type=Room&scopeQ=/park/%23").body[0]["id"] == "urn:x:1"
    town.write_ld("urn:x:2", scope=["/park/west", "/events"])
    assert town.read_v2("urn:x:2", "?attrs=servicePath")["servicePath"]["value"] == "/park/west"
    for path in ("/park/west", "/events", "/park/#"):
        found = town.v2("GET", "/entities", Fiware_ServicePath=path).body
        assert "urn:x:2" in [one["id"] for one in found]
    assert [one["id"] for one in town.v2("GET", "/entities", Fiware_ServicePath="/").body] == []


def test_levels_that_ngsi_ld_would_not_take(town: Town) -> None:
    town.write_v2("urn:x:1", path="/1st_floor")
    assert town.read_ld("urn:x:1")["scope"] == "/1st_floor"
    assert town.ld("POST", "/entities", {"id": "urn:x:2", "type": "Room", "scope": "/1st_floor"}).status == 400
    assert town.ld("GET", "/entities/urn:x:2").status == 404


def test_updates_that_name_no_service_path(town: Town) -> None:
    town.write_ld("urn:x:1", scope="/a", level={"type": "Property", "value": 1})
    assert town.v2("PATCH", "/entities/urn:x:1/attrs", {"level": {"value": 2}}).status == 204
    assert town.v2("PATCH", "/entities/urn:x:1/attrs", {"level": {"value": 3}}, Fiware_ServicePath="/").status == 404
    assert town.read_v2()["level"]["value"] == 2


def test_several_types(town: Town) -> None:
    town.write_ld(type=["Room", "Hall"], level={"type": "Property", "value": 1})
    assert town.read_v2()["type"] == "Room"
    assert town.ids_v2(type="Hall") == ["urn:x:1"]
    assert town.v2("PATCH", "/entities/urn:x:1/attrs?type=Hall", {"level": {"value": 2}}).status == 204
    assert town.read_ld()["type"] == ["Room", "Hall"]


def test_names_of_another_context(town: Town) -> None:
    town.write_ld(type="Hall", warmth={"type": "Property", "value": 7}, **CONTEXT)
    iri = "https://example.org/terms#warmth"
    assert town.read_v2()["type"] == "https://example.org/terms#Hall"
    assert town.read_v2()[iri]["value"] == 7
    path = f"/entities/urn:x:1/attrs/{quote(iri, safe='')}/value"
    assert town.v2("PUT", path, b"8", Content_Type="text/plain").status == 204
    assert town.ids_v2(q=f"'{iri}'>7", type="https://example.org/terms#Hall") == ["urn:x:1"]
    assert town.v2("PATCH", "/entities/urn:x:1/attrs", {iri: {"value": 9}}).status == 204
    assert town.read_ld()[iri]["value"] == 9


def test_names_that_ngsi_ld_keeps_for_itself(town: Town) -> None:
    town.write_v2(scope={"value": "wide"}, observedAt={"value": 5}, createdAt={"value": 6})
    shown = town.read_ld()
    assert shown["https://uri.etsi.org/ngsi-ld/default-context/scope"]["value"] == "wide"
    assert "scope" not in shown
    assert {name: one["value"] for name, one in town.read_v2().items() if name not in ("id", "type")} == {
        "scope": "wide",
        "observedAt": 5,
        "createdAt": 6,
    }


def test_attribute_types(town: Town) -> None:
    town.write_v2(a={"value": 5}, b={"value": 5, "type": "Percent"}, c={"value": "x", "type": "Text"})
    shown = town.read_ld()
    assert shown["a"] == {"type": "Property", "value": 5}
    assert shown["b"] == {"type": "Property", "value": 5, "valueType": "Percent"}
    assert shown["c"] == {"type": "Property", "value": "x"}
    patch = {"b": {"type": "Property", "value": 6, "valueType": "Percent"}}
    assert town.ld("PATCH", "/entities/urn:x:1/attrs", patch).status == 204
    assert town.read_v2()["b"] == {"type": "Percent", "value": 6, "metadata": {}}


def test_null(town: Town) -> None:
    town.write_v2(a={"value": None}, b={"value": {"x": [None]}}, c={"value": "urn:ngsi-ld:null"})
    shown = town.read_ld()
    assert shown["a"] == {"type": "JsonProperty", "json": None, "valueType": "None"}
    assert shown["b"] == {"type": "JsonProperty", "json": {"x": [None]}, "valueType": "StructuredValue"}
    assert shown["c"] == {"type": "JsonProperty", "json": "urn:ngsi-ld:null", "valueType": "Text"}
    again = town.read_v2()
    assert (again["a"]["value"], again["a"]["type"]) == (None, "None")
    assert again["b"]["value"] == {"x": [None]}
    assert again["c"] == {"type": "Text", "value": "urn:ngsi-ld:null", "metadata": {}}


def test_dates(town: Town) -> None:
    town.write_v2(a={"value": "2026-04-01T09:00+09", "type": "DateTime"})
    assert town.read_ld()["a"]["value"] == {"@type": "DateTime", "@value": "2026-04-01T00:00:00.000Z"}
    typed = {"@type": "DateTime", "@value": "2027-04-01T00:00:00Z"}
    town.write_ld("urn:x:2", a={"type": "Property", "value": typed}, b={"type": "Property", "value": "2027-04-01"})
    assert town.read_v2("urn:x:2")["a"] == {"type": "DateTime", "value": "2027-04-01T00:00:00Z", "metadata": {}}
    assert town.read_v2("urn:x:2")["b"]["type"] == "Text"
    assert town.ids_v2(q="a>2026-12-31") == ["urn:x:2"]
    assert [one["id"] for one in town.ld("GET", "/entities?q=a%3C2026-12-31").body] == ["urn:x:1"]


def test_places(town: Town) -> None:
    town.write_v2(spot={"type": "geo:point", "value": "34.34,134.05"})
    point = {"type": "Point", "coordinates": [134.05, 34.34]}
    assert town.read_ld()["spot"] == {"type": "GeoProperty", "value": point, "valueType": "geo:point"}
    assert town.read_v2()["spot"] == {"type": "geo:point", "value": "34.34, 134.05", "metadata": {}}
    line = {"type": "LineString", "coordinates": [[134, 34], [135, 35]]}
    patch = {"spot": {"type": "GeoProperty", "value": line, "valueType": "geo:point"}}
    assert town.ld("PATCH", "/entities/urn:x:1/attrs", patch).status == 204
    assert town.read_v2()["spot"] == {"type": "geo:json", "value": line, "metadata": {}}


def test_several_places(town: Town) -> None:
    near = {"type": "Point", "coordinates": [134.05, 34.34]}
    far = {"type": "Point", "coordinates": [0, 0]}
    town.write_ld(
        "urn:x:1", location={"type": "GeoProperty", "value": far}, door={"type": "GeoProperty", "value": near}
    )
    town.write_ld("urn:x:2", location={"type": "GeoProperty", "value": far})
    query = {"georel": "near;maxDistance:100", "geometry": "point", "coords": "34.34,134.05"}
    assert town.ids_v2(**query) == ["urn:x:1"]


def test_kinds_of_attributes(town: Town) -> None:
    attrs: dict[str, Any] = {
        "rel": {"type": "Relationship", "object": "urn:x:9"},
        "rels": {"type": "Relationship", "object": ["urn:x:8", "urn:x:9"]},
        "words": {"type": "LanguageProperty", "languageMap": {"ja": "川", "en": "river"}},
        "term": {"type": "VocabProperty", "vocab": "open"},
        "raw": {"type": "JsonProperty", "json": {"@id": 1}},
        "list": {"type": "ListProperty", "valueList": [1, "a"]},
        "links": {"type": "ListRelationship", "objectList": [{"object": "urn:x:9"}]},
    }
    town.write_ld(**attrs)
    shown = {name: one for name, one in town.read_v2().items() if name not in ("id", "type")}
    assert {name: one["type"] for name, one in shown.items()} == {name: one["type"] for name, one in attrs.items()}
    assert shown["words"]["value"] == {"ja": "川", "en": "river"}
    assert shown["links"]["value"] == ["urn:x:9"]
    before = town.read_ld()
    assert town.v2("PUT", "/entities/urn:x:1/attrs", shown).status == 204
    assert town.read_ld() == before


def test_bare_values_keep_the_kind(town: Town) -> None:
    town.write_ld(
        rel={"type": "Relationship", "object": "urn:x:9"},
        words={"type": "LanguageProperty", "languageMap": {"ja": "川"}},
    )
    simple = {"rel": "urn:x:10", "words": {"ja": "山"}}
    assert town.v2("PATCH", "/entities/urn:x:1/attrs?options=keyValues", simple).status == 204
    shown = town.read_ld()
    assert shown["rel"] == {"type": "Relationship", "object": "urn:x:10"}
    assert shown["words"] == {"type": "LanguageProperty", "languageMap": {"ja": "山"}}
    assert town.v2("PATCH", "/entities/urn:x:1/attrs?options=keyValues", {"rel": "no uri"}).status == 204
    assert town.read_ld()["rel"] == {"type": "Property", "value": "no uri"}


def test_metadata(town: Town) -> None:
    town.write_v2(
        a={"value": 1, "metadata": {"accuracy": {"value": 0.5}, "by": {"type": "Relationship", "value": "urn:x:9"}}}
    )
    shown = town.read_ld()["a"]
    assert shown["accuracy"] == {"type": "Property", "value": 0.5}
    assert shown["by"] == {"type": "Relationship", "object": "urn:x:9"}
    deep = {
        "type": "Property",
        "value": 1,
        "m": {"type": "Property", "value": 2, "mm": {"type": "Property", "value": 3}},
    }
    town.write_ld("urn:x:2", a=deep)
    assert town.read_v2("urn:x:2")["a"]["metadata"] == {"m": {"type": "Number", "value": 2}}
    assert town.v2("PATCH", "/entities/urn:x:2/attrs", {"a": {"value": 5}}).status == 204
    assert town.read_ld("urn:x:2")["a"]["m"]["mm"]["value"] == 3


def test_units_and_times(town: Town) -> None:
    at = "2026-04-01T00:00:00.000Z"
    metadata = {"unitCode": {"value": "CEL"}, "TimeInstant": {"type": "DateTime", "value": at}}
    town.write_v2(a={"value": 1, "metadata": metadata})
    shown = town.read_ld()["a"]
    assert (shown["unitCode"], shown["observedAt"]) == ("CEL", at)
    assert set(town.read_v2()["a"]["metadata"]) == {"unitCode", "TimeInstant"}
    town.write_ld("urn:x:2", a={"type": "Property", "value": 1, "unitCode": "MTR", "observedAt": at})
    assert town.read_v2("urn:x:2")["a"]["metadata"] == {
        "unitCode": {"type": "Text", "value": "MTR"},
        "observedAt": {"type": "DateTime", "value": at},
    }


def test_several_instances(town: Town) -> None:
    instances = [
        {"type": "Property", "value": 1},
        {"type": "Property", "value": 2, "datasetId": "urn:d:2"},
    ]
    town.write_ld(a=instances, b=[{"type": "Property", "value": 5, "datasetId": "urn:d:5"}])
    assert town.read_v2()["a"]["value"] == 1
    assert town.read_v2()["b"]["value"] == 5
    assert town.v2("PATCH", "/entities/urn:x:1/attrs", {"a": {"value": 7}, "b": {"value": 8}}).status == 204
    shown = town.read_ld()
    assert [one["value"] for one in shown["a"]] == [7, 2]
    assert shown["b"] == {"type": "Property", "value": 8, "datasetId": "urn:d:5"}


def test_when_an_entity_ends(town: Town) -> None:
    town.write_v2(dateExpires={"type": "DateTime", "value": "2090-01-01"}, a={"value": 1})
    assert town.read_ld(query="?options=sysAttrs")["expiresAt"] == "2090-01-01T00:00:00.000Z"
    town.write_ld("urn:x:2", expiresAt="2091-01-01T00:00:00Z")
    assert town.read_v2("urn:x:2", "?attrs=dateExpires")["dateExpires"]["value"] == "2091-01-01T00:00:00Z"
    assert "dateExpires" not in town.read_v2("urn:x:2")


def test_stamps(town: Town) -> None:
    town.write_ld(a={"type": "Property", "value": 1})
    stamps = town.read_ld(query="?options=sysAttrs")
    shown = town.read_v2(query="?attrs=dateCreated,dateModified,a&metadata=dateCreated")
    assert shown["dateCreated"]["value"] == stamps["createdAt"]
    assert shown["dateModified"]["value"] == stamps["modifiedAt"]
    assert shown["a"]["metadata"]["dateCreated"]["value"] == stamps["a"]["createdAt"]


def test_what_only_ngsi_ld_has_on_an_attribute(town: Town) -> None:
    town.write_ld(rel={"type": "Relationship", "object": "urn:x:9", "objectType": "Room"})
    assert town.read_v2()["rel"] == {"type": "Relationship", "value": "urn:x:9", "metadata": {}}
    put = {"type": "Relationship", "value": "urn:x:10"}
    assert town.v2("PUT", "/entities/urn:x:1/attrs/rel", put).status == 204
    assert town.read_ld()["rel"] == {"type": "Relationship", "object": "urn:x:10", "objectType": "Room"}


def test_forbidden_characters(town: Town) -> None:
    town.write_ld(a={"type": "Property", "value": "<b>(1)</b>"})
    assert town.read_v2()["a"]["value"] == "<b>(1)</b>"
    refused = town.v2("PATCH", "/entities/urn:x:1/attrs", {"a": {"value": "<i>"}})
    assert refused.status == 400
    assert town.read_v2()["a"]["value"] == "<b>(1)</b>"
    loose = {"a": {"value": "<i>", "type": "TextUnrestricted"}}
    assert town.v2("PATCH", "/entities/urn:x:1/attrs", loose).status == 204
    assert town.read_ld()["a"]["value"] == "<i>"


def test_letters_of_any_script(town: Town) -> None:
    town.write_v2("urn:川:1", "河川", 水位={"value": 1.5, "metadata": {"精度": {"value": 2}}})
    assert town.read_ld("urn:川:1")["水位"]["精度"]["value"] == 2
    assert town.ids_v2(type="河川", q="水位>1", mq="水位.精度==2") == ["urn:川:1"]


def test_tenants(server: Running) -> None:
    upper, lower = Town(server, "Mixed_Case"), Town(server, "mixed_case")
    upper.write_v2(a={"value": 1})
    assert lower.read_ld()["a"]["value"] == 1
    assert upper.ld("GET", "/entities/urn:x:1").status == 404


def test_history(town: Town) -> None:
    town.write_v2(a={"value": 1})
    assert town.v2("PUT", "/entities/urn:x:1/attrs/a/value", b"2", Content_Type="text/plain").status == 204
    history = town.ld("GET", "/temporal/entities/urn:x:1?timeproperty=modifiedAt").body["a"]
    assert sorted(one["value"] for one in history) == [1, 2]


def test_each_api_shows_its_own_subscriptions(town: Town, listener: Listener) -> None:
    endpoint = {"uri": listener.url + "/ld"}
    body = {
        "type": "Subscription",
        "entities": [{"type": "Room"}],
        "notification": {"format": "simplified", "endpoint": endpoint},
    }
    assert town.ld("POST", "/subscriptions", body).status == 201
    v2 = {
        "subject": {"entities": [{"idPattern": ".*", "type": "Room"}]},
        "notification": {"http": {"url": listener.url + "/v2"}, "attrsFormat": "keyValues"},
    }
    assert town.v2("POST", "/subscriptions", v2).status == 201
    assert len(town.ld("GET", "/subscriptions").body) == len(town.v2("GET", "/subscriptions").body) == 1
    town.write_v2("urn:x:1", a={"value": 1})
    town.write_ld("urn:x:2", a={"type": "Property", "value": 2})
    got = sorted((one.path, one.body["data"][0]["id"]) for one in (listener.next() for _ in range(4)))
    assert got == [("/hook/ld", "urn:x:1"), ("/hook/ld", "urn:x:2"), ("/hook/v2", "urn:x:1"), ("/hook/v2", "urn:x:2")]


def test_each_api_asks_its_own_sources(town: Town, listener: Listener) -> None:
    listener.reply = b'[{"id": "urn:x:9", "type": "Room", "far": {"type": "Number", "value": 9}}]'
    v2 = {
        "dataProvided": {"entities": [{"idPattern": ".*", "type": "Room"}], "attrs": ["far"]},
        "provider": {"http": {"url": listener.url}},
    }
    assert town.v2("POST", "/registrations", v2).status == 201
    assert len(town.v2("GET", "/registrations").body) == 1
    assert town.ld("GET", "/csourceRegistrations?type=Room").body == []
    town.write_v2(a={"value": 1})
    assert town.ids_v2(type="Room") == ["urn:x:1", "urn:x:9"]
    assert town.ids_v2(type="Room", q="far<9") == []
    assert [one["id"] for one in town.ld("GET", "/entities?type=Room").body] == ["urn:x:1"]


def test_order_of_what_is_not_there(town: Town) -> None:
    town.write_v2("urn:x:1", b={"value": 1})
    town.write_v2("urn:x:2", a={"value": None})
    town.write_v2("urn:x:3", a={"value": 5})
    assert town.ids_v2(orderBy="a") == ["urn:x:3", "urn:x:2", "urn:x:1"]
    assert town.ids_v2(orderBy="!a") == ["urn:x:3", "urn:x:2", "urn:x:1"]


def test_what_is_not_offered(town: Town) -> None:
    selector = {"entities": [{"idPattern": ".*"}]}
    for notification in (
        {"kafka": {"url": "kafka://h", "topic": "t"}},
        {"httpCustom": {"url": "http://h", "payload": "${a + b}"}},
    ):
        reply = town.v2("POST", "/subscriptions", {"subject": selector, "notification": notification})
        assert (reply.status, reply.body["error"]) == (501, "NotImplemented")
    legacy = {
        "dataProvided": selector,
        "provider": {"http": {"url": "http://h"}, "legacyForwarding": True},
    }
    assert town.v2("POST", "/registrations", legacy).status == 501
    assert town.v2("GET", "/subscriptions").body == town.v2("GET", "/registrations").body == []


def test_too_soon_is_dropped_there_and_kept_here(town: Town, listener: Listener) -> None:
    body = {
        "type": "Subscription",
        "entities": [{"type": "Room"}],
        "throttling": 1,
        "notification": {"format": "simplified", "endpoint": {"uri": listener.url + "/ld"}},
    }
    assert town.ld("POST", "/subscriptions", body).status == 201
    v2 = {
        "subject": {"entities": [{"idPattern": ".*", "type": "Room"}]},
        "notification": {"http": {"url": listener.url + "/v2"}, "attrsFormat": "keyValues"},
        "throttling": 1,
    }
    assert town.v2("POST", "/subscriptions", v2).status == 201
    town.write_v2(a={"value": 1})
    assert town.v2("PATCH", "/entities/urn:x:1/attrs", {"a": {"value": 2}}).status == 204
    got = []
    deadline = time.monotonic() + 2.5
    while time.monotonic() < deadline:
        try:
            one = listener.next(0.1)
        except queue.Empty:
            continue
        got.append((one.path, one.body["data"][0]["a"]))
    assert sorted(got) == [("/hook/ld", 1), ("/hook/ld", 2), ("/hook/v2", 1)]
