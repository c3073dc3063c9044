"""NGSIv2 through the HTTP door of a real server: entities, attributes, values, types, batches, errors."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from real_server import Reply, Running

ENTITIES = "/v2/entities"
ROOM = {
    "id": "Room1",
    "type": "Room",
    "temperature": {"value": 21.5, "type": "Float", "metadata": {"accuracy": {"value": 0.8, "type": "Number"}}},
    "open": {"value": True},
    "seen": {"value": "2026-04-01T09:00:00+09:00", "type": "DateTime"},
    "address": {"value": {"city": "高松", "zip": ["760", None]}},
    "location": {"value": {"type": "Point", "coordinates": [134.05, 34.34]}, "type": "geo:json"},
}


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    return "".join(one if one.isalnum() else "_" for one in request.node.name.lower())[:50]


class Town:
    """A tenant of a server, spoken to in NGSIv2."""

    def __init__(self, server: Running, tenant: str) -> None:
        self.server, self.tenant = server, tenant

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        return self.server.call(method, path, body, Fiware_Service=self.tenant, **headers)

    def ld(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        return self.server.call(method, "/ngsi-ld/v1" + path, body, NGSILD_Tenant=self.tenant, **headers)

    def make(self, id: str, type: str = "Room", path: str = "/", **attrs: Any) -> None:
        body = {"id": id, "type": type, **{name: {"value": value} for name, value in attrs.items()}}
        reply = self.call("POST", ENTITIES, body, Fiware_ServicePath=path)
        assert reply.status == 201, reply.body

    def ids(self, path: str = "", **query: str) -> list[str]:
        headers = {"Fiware_ServicePath": path} if path else {}
        reply = self.call("GET", f"{ENTITIES}?{urlencode(query)}", **headers)
        assert reply.status == 200, reply.body
        return [one["id"] for one in reply.body]

    def values(self, id: str, type: str = "") -> dict[str, Any]:
        reply = self.call("GET", f"{ENTITIES}/{quote(id)}?options=keyValues" + (f"&type={type}" if type else ""))
        assert reply.status == 200, reply.body
        return {name: value for name, value in reply.body.items() if name not in ("id", "type")}


@pytest.fixture
def town(server: Running, tenant: str) -> Town:
    return Town(server, tenant)


def refused(reply: Reply, status: int, error: str, description: str | None = None) -> bool:
    assert (reply.status, reply.body["error"]) == (status, error), reply.body
    assert set(reply.body) == {"error", "description"}
    assert description is None or reply.body["description"] == description, reply.body
    return True


def test_life_of_an_entity(town: Town) -> None:
    made = town.call("POST", ENTITIES, ROOM, Fiware_Correlator="mine-1")
    assert (made.status, made.headers["Location"]) == (201, "/v2/entities/Room1?type=Room")
    assert made.headers["Fiware-Correlator"] == "mine-1"
    got = town.call("GET", f"{ENTITIES}/Room1").body
    assert got == {
        **{name: {"metadata": {}, **one} for name, one in ROOM.items() if isinstance(one, dict)},
        "id": "Room1",
        "type": "Room",
        "open": {"type": "Boolean", "value": True, "metadata": {}},
        "seen": {"type": "DateTime", "value": "2026-04-01T00:00:00.000Z", "metadata": {}},
        "address": {"type": "StructuredValue", "value": {"city": "高松", "zip": ["760", None]}, "metadata": {}},
    }
    assert refused(town.call("POST", ENTITIES, ROOM), 422, "Unprocessable", "Already Exists")
    upsert = {"id": "Room1", "type": "Room", "temperature": {"value": 1}, "new": {"value": None}}
    assert town.call("POST", f"{ENTITIES}?options=upsert", upsert).status == 204
    assert town.values("Room1")["temperature"] == 1
    assert town.values("Room1")["open"] is True
    attrs = town.call("GET", f"{ENTITIES}/Room1/attrs?attrs=new,temperature").body
    assert attrs == {
        "new": {"type": "None", "value": None, "metadata": {}},
        "temperature": {"type": "Number", "value": 1, "metadata": {"accuracy": {"type": "Number", "value": 0.8}}},
    }
    assert town.call("DELETE", f"{ENTITIES}/Room1?type=Other").status == 404
    assert town.call("DELETE", f"{ENTITIES}/Room1?type=Room").status == 204
    gone = town.call("GET", f"{ENTITIES}/Room1")
    assert refused(gone, 404, "NotFound", "The requested entity has not been found. Check type and id")


def test_attributes_are_added_overwritten_and_replaced(town: Town) -> None:
    town.make("E", a=1, b=1)
    at = f"{ENTITIES}/E/attrs"
    assert town.call("POST", at, {"a": {"value": 2}, "c": {"value": 3}}).status == 204
    assert town.values("E") == {"a": 2, "b": 1, "c": 3}
    strict = f"{at}?options=append"
    both = "one or more of the attributes in the request already exist: E - [ a, b ]"
    assert refused(town.call("POST", strict, {"a": {"value": 9}, "b": {"value": 9}}), 422, "Unprocessable", both)
    one = "one or more of the attributes in the request already exist: E - [ a ]"
    assert refused(town.call("POST", strict, {"a": {"value": 9}, "d": {"value": 4}}), 422, "PartialUpdate", one)
    assert town.values("E") == {"a": 2, "b": 1, "c": 3, "d": 4}
    assert town.call("PATCH", f"{at}?options=keyValues", {"a": "x"}).status == 204
    absent = town.call("PATCH", f"{at}?type=Room", {"a": {"value": 5}, "z": {"value": 9}})
    assert refused(absent, 422, "PartialUpdate", "do not exist: E/Room - [ z ]")
    assert refused(town.call("PATCH", at, {"z": {"value": 9}}), 422, "Unprocessable", "do not exist: E - [ z ]")
    assert town.values("E") == {"a": 5, "b": 1, "c": 3, "d": 4}
    assert town.call("PUT", at, {"q": {"value": 1}}).status == 204
    assert town.values("E") == {"q": 1}
    for method in ("POST", "PATCH", "PUT"):
        assert town.call(method, f"{ENTITIES}/F/attrs", {"a": {"value": 1}}).status == 404
        assert refused(town.call(method, at, {"id": "x"}), 400, "BadRequest", "entity id specified in payload")


def test_one_attribute(town: Town) -> None:
    town.call("POST", ENTITIES, ROOM)
    at = f"{ENTITIES}/Room1/attrs/temperature"
    assert town.call("PUT", at, {"value": 25.0, "metadata": {"unitCode": {"value": "CEL"}}}).status == 204
    assert town.call("GET", at).body == {
        "type": "Number",
        "value": 25.0,
        "metadata": {"unitCode": {"type": "Text", "value": "CEL"}, "accuracy": {"type": "Number", "value": 0.8}},
    }
    assert town.call("GET", f"{at}?metadata=accuracy,dateModified").body["metadata"].keys() == {
        "accuracy",
        "dateModified",
    }
    assert town.call("PUT", f"{at}?options=overrideMetadata", {"value": 26, "type": "Number"}).status == 204
    assert town.call("GET", at).body["metadata"] == {}
    assert town.call("PUT", at, {"value": {"$inc": 4}, "type": "Number"}).status == 204
    assert town.call("GET", at).body["value"] == 30
    assert refused(town.call("PUT", at, {"value": {"$inc": "foo"}}), 500, "InternalServerError")
    assert town.call("GET", at).body["value"] == 30
    missing = town.call("PUT", f"{ENTITIES}/Room1/attrs/zz", {"value": 1})
    assert refused(missing, 404, "NotFound", "The entity does not have such an attribute")
    assert town.call("DELETE", at).status == 204
    assert town.call("DELETE", at).status == town.call("GET", at).status == 404


def test_bare_values(town: Town) -> None:
    town.make("E", n=1, s="text", b=False, z=None, o={"a": 1}, l=[1])
    at = f"{ENTITIES}/E/attrs"
    for name, text in (("n", b"1"), ("s", b'"text"'), ("b", b"false"), ("z", b"null")):
        raw = town.call("GET", f"{at}/{name}/value", Accept="text/plain")
        assert raw.headers["Content-Type"] == "text/plain"
        assert raw.body == json.loads(text)
        only = town.call("GET", f"{at}/{name}/value", Accept="application/json")
        assert refused(only, 406, "NotAcceptable", "accepted MIME types: text/plain")
    assert town.call("GET", f"{at}/o/value").headers["Content-Type"] == "application/json"
    assert town.call("GET", f"{at}/o/value", Accept="text/plain").headers["Content-Type"] == "text/plain"
    plain = {"Content_Type": "text/plain"}
    for text, value in ((b"12.5", 12.5), (b'"a b"', "a b"), (b"true", True), (b"null", None)):
        assert town.call("PUT", f"{at}/n/value", text, **plain).status == 204
        assert town.values("E")["n"] == value
    assert town.call("PUT", f"{at}/l/value", [{"x": None}]).status == 204
    assert town.values("E")["l"] == [{"x": None}]
    assert refused(town.call("PUT", f"{at}/n/value", b"abc", **plain), 400, "BadRequest")
    assert refused(town.call("PUT", f"{at}/n/value", b"12", Content_Type="text/xml"), 415, "UnsupportedMediaType")
    assert town.values("E")["n"] is None
    kept = {"value": 1, "type": "Mine", "metadata": {"m": {"value": 1}}}
    assert town.call("PUT", f"{at}/n", kept).status == 204
    assert town.call("PUT", f"{at}/n/value", b"7", **plain).status == 204
    assert town.call("GET", f"{at}/n").body == {
        "type": "Mine",
        "value": 7,
        "metadata": {"m": {"type": "Number", "value": 1}},
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["A", "B", "C", "urn:x:D"]),
        ({"id": "A,urn:x:D,nobody"}, ["A", "urn:x:D"]),
        ({"idPattern": "^[AB]$"}, ["A", "B"]),
        ({"idPattern": ".*", "type": "Car"}, ["C"]),
        ({"type": "Car,Bus"}, ["C", "urn:x:D"]),
        ({"typePattern": "^(Ca|Bu)"}, ["C", "urn:x:D"]),
        ({"typePattern": "^nothing"}, []),
        ({"q": "n>1"}, ["B", "C"]),
        ({"q": "n==1..2"}, ["A", "B"]),
        ({"q": "n!=1..2"}, ["C"]),
        ({"q": "n==1,3"}, ["A", "C"]),
        ({"q": "n:1"}, ["A"]),
        ({"q": "s==red"}, ["A", "B"]),
        ({"q": "s!=red"}, ["C"]),
        ({"q": "s~=^b"}, ["C"]),
        ({"q": "s=='light,blue'"}, []),
        ({"q": "n==1;s==red"}, ["A"]),
        ({"q": "!n"}, ["urn:x:D"]),
        ({"q": "n;!d"}, ["A", "B"]),
        ({"q": "o.k.l==5"}, ["A"]),
        ({"q": "'o'.'k.m'==6"}, ["A"]),
        ({"q": "d>2026-01-01"}, ["C"]),
        ({"q": "d==2026-01-01..2027-01-01T00"}, ["C"]),
        ({"q": "t=='20'"}, ["B"]),
        ({"q": "t==20"}, []),
        ({"q": "z==null"}, ["B"]),
        ({"q": "b==true"}, ["C"]),
        ({"q": "dateCreated>2020-01-01"}, ["A", "B", "C", "urn:x:D"]),
        ({"q": "servicePath==/"}, ["A", "B", "C", "urn:x:D"]),
        ({"mq": "n.m>4"}, ["A"]),
        ({"mq": "n.m"}, ["A"]),
        ({"q": "n", "mq": "!n.m"}, ["B", "C"]),
        ({"mq": "n.unitCode==CEL"}, ["A"]),
        ({"mq": "n.deep.x==1"}, ["A"]),
        ({"orderBy": "!n"}, ["C", "B", "A", "urn:x:D"]),
        ({"orderBy": "s,!n"}, ["C", "B", "A", "urn:x:D"]),
        ({"limit": "2", "offset": "1"}, ["B", "C"]),
        ({"offset": "100"}, []),
        ({"georel": "near;maxDistance:1000", "geometry": "point", "coords": "34.34,134.05"}, ["A"]),
        ({"georel": "near;minDistance:1000", "geometry": "point", "coords": "34.34,134.05"}, ["B"]),
        (
            {
                "georel": "near;maxDistance:99999999",
                "geometry": "point",
                "coords": "36,134.05",
                "orderBy": "!geo:distance",
            },
            ["A", "B"],
        ),
        ({"georel": "coveredBy", "geometry": "box", "coords": "34,134;34.5,135"}, ["A"]),
        ({"georel": "coveredBy", "geometry": "polygon", "coords": "34.34,134;34.34,135;35,134;34.34,134"}, ["A"]),
        ({"georel": "intersects", "geometry": "line", "coords": "34.34,134;34.34,135"}, ["A"]),
        ({"georel": "equals", "geometry": "point", "coords": "34.34,134.05"}, ["A"]),
        ({"georel": "disjoint", "geometry": "box", "coords": "34,134;34.5,135"}, ["B"]),
    ],
)
def test_queries(queried: Town, query: dict[str, str], found: list[str]) -> None:
    assert queried.ids(**query) == found
    counted = queried.call("GET", f"{ENTITIES}?{urlencode({**query, 'options': 'count', 'limit': '1', 'offset': '0'})}")
    if "offset" not in query:
        assert counted.headers["Fiware-Total-Count"] == str(len(found))


@pytest.fixture(scope="module")
def queried(server: Running) -> Town:
    town = Town(server, "queried")
    metadata = {"m": {"value": 5}, "unitCode": {"value": "CEL"}, "deep": {"value": {"x": 1}}}
    entities = [
        {
            "id": "A",
            "type": "Room",
            "n": {"value": 1, "metadata": metadata},
            "s": {"value": "red"},
            "o": {"value": {"k": {"l": 5}, "k.m": 6}},
            "place": {"type": "geo:point", "value": "34.34, 134.05"},
        },
        {
            "id": "B",
            "type": "Room",
            "n": {"value": 2},
            "s": {"value": "red"},
            "t": {"value": "20"},
            "z": {"value": None},
            "location": {"type": "geo:json", "value": {"type": "Point", "coordinates": [134.05, 35.5]}},
        },
        {
            "id": "C",
            "type": "Car",
            "n": {"value": 3},
            "s": {"value": "blue"},
            "b": {"value": True},
            "d": {"type": "DateTime", "value": "2026-05-05"},
        },
        {"id": "urn:x:D", "type": "Bus"},
    ]
    reply = town.call("POST", "/v2/op/update", {"actionType": "append", "entities": entities})
    assert reply.status == 204, reply.body
    return town


def test_representations(queried: Town) -> None:
    def get(path: str) -> Any:
        return queried.call("GET", ENTITIES + path).body

    assert get("?type=Room&options=keyValues&attrs=s,n") == [
        {"id": "A", "type": "Room", "s": "red", "n": 1},
        {"id": "B", "type": "Room", "s": "red", "n": 2},
    ]
    assert get("?type=Room&options=values&attrs=s,n") == [["red", 1], ["red", 2]]
    assert get("/A?options=unique&attrs=n,s,n") == [1, "red"]
    assert get("/A/attrs?options=keyValues&attrs=n") == {"n": 1}
    assert get("/A?attrs=servicePath&options=keyValues") == {"id": "A", "type": "Room", "servicePath": "/"}
    assert set(get("/A?attrs=dateCreated,*&options=keyValues")) == {"id", "type", "dateCreated", "n", "s", "o", "place"}
    assert "dateModified" in get("/A?options=dateModified")
    assert set(get("/A?metadata=m,dateCreated&attrs=n")["n"]["metadata"]) == {"m", "dateCreated"}
    assert set(get("/A?metadata=*,dateCreated&attrs=n")["n"]["metadata"]) == {"m", "unitCode", "deep", "dateCreated"}
    body = {
        "entities": [{"idPattern": ".*", "type": "Room"}, {"id": "C"}],
        "attrs": ["n"],
        "expression": {"q": "n>1"},
        "metadata": ["m"],
    }
    assert queried.call("POST", "/v2/op/query?options=values,count&orderBy=!n", body).body == [[3], [2]]
    everything = queried.call("POST", "/v2/op/query?options=count", {"attrs": ["n"]})
    assert everything.headers["Fiware-Total-Count"] == "4"
    patterns = {"entities": [{"idPattern": "^A"}, {"idPattern": "D$", "typePattern": "^B"}]}
    assert [one["id"] for one in queried.call("POST", "/v2/op/query", patterns).body] == ["A", "urn:x:D"]
    legacy = {"entities": [{"idPattern": ".*"}], "attributes": ["t"]}
    assert [one["id"] for one in queried.call("POST", "/v2/op/query", legacy).body] == ["B"]


def test_types(queried: Town) -> None:
    assert queried.call("GET", "/v2/types?options=values,count").body == ["Bus", "Car", "Room"]
    listed = queried.call("GET", "/v2/types?limit=1&offset=1&options=count")
    assert listed.headers["Fiware-Total-Count"] == "3"
    assert [one["type"] for one in listed.body] == ["Car"]
    room = queried.call("GET", "/v2/types/Room").body
    assert room["count"] == 2
    assert room["attrs"]["n"] == {"types": ["Number"]}
    assert queried.call("GET", "/v2/types/Room?options=noAttrDetail").body["attrs"]["n"] == {"types": []}
    assert refused(queried.call("GET", "/v2/types/None"), 404, "NotFound", "Entity type not found")
    assert queried.call("GET", "/v2/types", Fiware_ServicePath="/a").body == []


def test_batches(town: Town) -> None:
    def update(action: str, *entities: dict[str, Any], options: str = "") -> Reply:
        body = {"actionType": action, "entities": list(entities)}
        return town.call("POST", f"/v2/op/update?options={options}" if options else "/v2/op/update", body)

    assert update("append", {"id": "E", "type": "T", "a": {"value": 1}}, {"id": "G", "b": {"value": 1}}).status == 204
    assert town.values("G", "Thing") == {"b": 1}
    assert update("appendStrict", {"id": "E", "type": "T", "c": {"value": 1}}).status == 204
    there = update("appendStrict", {"id": "E", "type": "T", "a": {"value": 9}, "x": {"value": 1}})
    text = "one or more of the attributes in the request already exist: E/T - [ a ]"
    assert refused(there, 422, "PartialUpdate", text)
    assert update("update", {"id": "E", "a": 5}, options="keyValues").status == 204
    nobody = update("update", {"id": "F", "type": "T", "a": {"value": 1}}, {"id": "H", "a": {"value": 1}})
    assert refused(nobody, 404, "NotFound", "do not exist: F/T - [entity itself], H - [entity itself]")
    some = update("update", {"id": "E", "type": "T", "a": {"value": 6}}, {"id": "H", "a": {"value": 1}})
    assert refused(some, 422, "PartialUpdate", "do not exist: H - [entity itself]")
    none = update("update", {"id": "E", "type": "T", "zz": {"value": 6}})
    assert refused(none, 422, "Unprocessable", "do not exist: E/T - [ zz ]")
    assert town.values("E") == {"a": 6, "c": 1, "x": 1}
    assert update("replace", {"id": "E", "type": "T", "only": {"value": 1}}).status == 204
    assert town.values("E") == {"only": 1}
    assert update("delete", {"id": "E", "type": "T", "only": {"value": 1}}).status == 204
    assert town.values("E") == {}
    assert update("DELETE", {"id": "E"}, {"id": "G"}).status == 204
    assert town.ids() == []
    told = {"subscriptionId": "x", "data": [{"id": "N", "type": "T", "a": {"value": 1, "type": "Number"}}]}
    assert town.call("POST", "/v2/op/notify", told).status == 200
    assert town.values("N") == {"a": 1}
    for wrong in ({}, {"actionType": "eat", "entities": [{"id": "x"}]}, {"actionType": "append"}, []):
        assert refused(town.call("POST", "/v2/op/update", wrong), 400, "BadRequest")


def test_same_id_other_type_and_other_service_path(town: Town) -> None:
    town.make("E", "Room", a=1)
    town.make("E", "Car", a=2)
    town.make("E", "Room", path="/deep/er", a=3)
    several = town.call("GET", f"{ENTITIES}/E")
    text = "More than one matching entity. Please refine your query"
    assert refused(several, 409, "TooManyResults", text)
    assert town.values("E", "Car") == {"a": 2}
    assert town.call("GET", f"{ENTITIES}/E/attrs/a", Fiware_ServicePath="/deep/#").body["value"] == 3
    body = {"a": {"value": 9}}
    assert town.call("PATCH", f"{ENTITIES}/E/attrs?type=Room", body, Fiware_ServicePath="/deep/er").status == 204
    assert town.call("PATCH", f"{ENTITIES}/E/attrs", body, Fiware_ServicePath="/other").status == 404
    found = town.call("GET", f"{ENTITIES}?options=values&id=E").body
    assert found == [[1], [2], [9]]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", ["R", "A", "B", "C"]),
        ("/#", ["R", "A", "B", "C"]),
        ("/", ["R"]),
        ("/a", ["A"]),
        ("/a/#", ["A", "B"]),
        ("/a/b", ["B"]),
        ("/a, /c", ["A", "C"]),
        ("/,/c/#", ["R", "C"]),
        ("/none", []),
    ],
)
def test_service_paths(pathed: Town, path: str, found: list[str]) -> None:
    assert pathed.ids(path) == found
    assert pathed.ids(path, type="Room", q="n>0") == found
    headers = {"Fiware_ServicePath": path} if path else {}
    counted = pathed.call("GET", "/v2/types", **headers).body
    assert [one["count"] for one in counted] == ([len(found)] if found else [])


@pytest.fixture(scope="module")
def pathed(server: Running) -> Town:
    town = Town(server, "pathed")
    for id, path in (("R", "/"), ("A", "/a"), ("B", "/a/b"), ("C", "/c")):
        town.make(id, path=path, n=1)
    return town


def test_a_service_is_a_tenant_for_both(server: Running) -> None:
    Town(server, "Service_One").make("E", a=1)
    assert Town(server, "service_one").ids() == ["E"]
    assert Town(server, "service_two").ids() == []
    assert Town(server, "service_two").call("GET", f"{ENTITIES}/E").status == 404
    got = server.call("GET", "/ngsi-ld/v1/entities?type=Room", NGSILD_Tenant="service_one")
    assert [one["id"] for one in got.body] == ["urn:ngsi-v2:E:Room"]


def test_an_entity_ends_when_it_is_to(town: Town) -> None:
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    town.make("E", a=1)
    assert town.call("POST", f"{ENTITIES}/E/attrs", {"dateExpires": {"type": "DateTime", "value": soon}}).status == 204
    assert town.values("E") == {"a": 1}
    shown = town.call("GET", f"{ENTITIES}/E?attrs=dateExpires&options=keyValues").body["dateExpires"]
    assert shown == soon.replace("Z", ".000Z")
    assert town.call("DELETE", f"{ENTITIES}/E/attrs/dateExpires").status == 204
    assert "dateExpires" not in town.call("GET", f"{ENTITIES}/E?attrs=dateExpires").body
    body = {"a": {"value": 2}, "dateExpires": {"type": "DateTime", "value": soon}}
    assert town.call("PUT", f"{ENTITIES}/E/attrs", body).status == 204
    deadline = time.monotonic() + 10
    while town.ids():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error", "description"),
    [
        ("GET", "/v2/nowhere", None, 400, "BadRequest", "Service not found. Check your URL as probably it is wrong."),
        ("PUT", ENTITIES, {}, 405, "MethodNotAllowed", "method not allowed"),
        ("POST", ENTITIES, b"{", 400, "ParseError", "Errors found in incoming JSON buffer"),
        ("POST", ENTITIES, [], 400, "BadRequest", "not a JSON object"),
        ("POST", ENTITIES, {}, 400, "BadRequest", "empty payload"),
        ("POST", ENTITIES, {"id": ""}, 400, "BadRequest", "entity id length: 0, min length supported: 1"),
        ("POST", ENTITIES, {"id": "a b"}, 400, "BadRequest", "Invalid characters in entity id"),
        ("POST", ENTITIES, {"id": 5}, 400, "BadRequest", "Invalid JSON type for entity id"),
        ("POST", ENTITIES, {"id": "a", "type": "<"}, 400, "BadRequest", "Invalid characters in entity type"),
        (
            "POST",
            ENTITIES,
            {"id": "a" * 257},
            400,
            "BadRequest",
            "entity id length: 257, max length supported: 256",
        ),
        (
            "POST",
            ENTITIES,
            {"id": "a", "x": {"value": "<b>"}},
            400,
            "BadRequest",
            "Invalid characters in attribute value",
        ),
        (
            "POST",
            ENTITIES,
            {"id": "a", "x": {"value": 1, "odd": 1}},
            400,
            "BadRequest",
            "unrecognized property for context attribute",
        ),
        (
            "POST",
            ENTITIES,
            {"id": "a", "x": {"value": "no", "type": "DateTime"}},
            400,
            "BadRequest",
            "date has invalid format in attribute value",
        ),
        (
            "GET",
            f"{ENTITIES}?limit=0",
            None,
            400,
            "BadRequest",
            "Bad pagination limit: /0/ [a value of ZERO is unacceptable]",
        ),
        ("GET", f"{ENTITIES}?limit=1001", None, 400, "BadRequest", "Bad pagination limit: /1001/ [max: 1000]"),
        (
            "GET",
            f"{ENTITIES}?offset=x",
            None,
            400,
            "BadRequest",
            "Bad pagination offset: /x/ [must be a decimal number]",
        ),
        ("GET", f"{ENTITIES}?options=nope", None, 400, "BadRequest", "Invalid value for URI param /options/"),
        ("GET", f"{ENTITIES}?q=", None, 400, "BadRequest", "Empty right-hand-side for URI param /q/"),
        ("GET", f"{ENTITIES}?id=a&idPattern=b", None, 400, "BadRequest", "Incompatible parameters: id, IdPattern"),
        ("GET", f"{ENTITIES}?idPattern=*", None, 400, "BadRequest", "Invalid regex for entity idPattern"),
        ("GET", f"{ENTITIES}?q=a%3E1..2", None, 400, "BadRequest", "ranges only valid for equal and not equal ops"),
        ("GET", f"{ENTITIES}?q=a%3D%3D1..b", None, 400, "BadRequest", "invalid range: types mixed"),
        ("GET", f"{ENTITIES}?q=;", None, 400, "BadRequest", "empty q-item"),
        ("GET", f"{ENTITIES}?orderBy=a,!a", None, 400, "BadRequest", "duplicate orderBy token detected"),
        (
            "GET",
            f"{ENTITIES}?georel=near",
            None,
            400,
            "BadRequest",
            "partial geo expression: geometry, georel and coords have to be provided together",
        ),
        ("GET", f"{ENTITIES}/E?type=%3C", None, 400, "BadRequest", "invalid character in URI parameter"),
    ],
)
def test_errors(town: Town, method: str, path: str, body: Any, status: int, error: str, description: str) -> None:
    assert refused(town.call(method, path, body), status, error, description)
    assert town.ids() == []


def test_errors_of_headers(town: Town) -> None:
    assert town.call("PUT", ENTITIES, {}).headers["Allow"] == "GET, POST"
    length = town.call("POST", ENTITIES)
    text = "Zero/No Content-Length in PUT/POST/PATCH request"
    assert refused(length, 411, "ContentLengthRequired", text)
    xml = town.call("POST", ENTITIES, b"<a/>", Content_Type="text/xml")
    assert refused(xml, 415, "UnsupportedMediaType", "not supported content type: text/xml")
    image = town.call("GET", ENTITIES, Accept="image/png")
    assert refused(image, 406, "NotAcceptable", "no acceptable mime-type in accept header")
    for path in ("a", "/a b", "/a//b"):
        assert refused(town.call("GET", ENTITIES, Fiware_ServicePath=path), 400, "BadRequest")
    assert refused(town.call("POST", ENTITIES, {"id": "x"}, Fiware_ServicePath="/a,/b"), 400, "BadRequest")
    for name in ("a-b", "x" * 51):
        assert refused(Town(town.server, name).call("GET", ENTITIES), 400, "BadRequest")
    assert town.ids() == []


def test_what_orions_clients_ask_first(town: Town) -> None:
    assert town.call("GET", "/version").body["orion"]["version"].startswith("4.")
    assert town.call("GET", "/v2").body["entities_url"] == ENTITIES
    assert town.call("GET", "/v2/entities").headers["Fiware-Correlator"]


def test_the_gate_knows_the_token_of_orions_clients(
    start_server: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIROBA_TOKEN", "open-sesame-open-sesame")
    monkeypatch.setenv("HIROBA_LIMITS__BODY_BYTES", "2000")
    server = start_server("--store", ":memory:")
    for path in ("/v2/entities", "/version", "/statistics"):
        assert server.call("GET", path).status == 401
        assert server.call("GET", path, X_Auth_Token="open-sesame-open-sesame").status == 200
        assert server.call("GET", path, X_Auth_Token="open-barley").status == 401
        assert server.call("GET", path, X_Auth_Token="").status == 401
        assert server.call("GET", path, Authorization="Bearer open-sesame-open-sesame").status == 200
    big = {"id": "x", "a": {"value": "y" * 2000}}
    reply = server.call("POST", ENTITIES, big, X_Auth_Token="open-sesame-open-sesame")
    assert refused(reply, 413, "RequestEntityTooLarge")
    assert server.call("GET", ENTITIES, X_Auth_Token="open-sesame-open-sesame").body == []
