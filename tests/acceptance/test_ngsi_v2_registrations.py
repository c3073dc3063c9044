"""Registrations of NGSIv2: queries and updates go on to who has what is asked for, here another real server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from listener import Listener
from real_server import Reply, Running, start


class Town:
    """A tenant of a server, spoken to in NGSIv2."""

    def __init__(self, server: Running, tenant: str) -> None:
        self.server, self.tenant = server, tenant

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        return self.server.call(method, "/v2" + path, body, Fiware_Service=self.tenant, **headers)

    def make(self, id: str, type: str = "Room", path: str = "/", **attrs: Any) -> None:
        body = {"id": id, "type": type, **{name: {"value": value} for name, value in attrs.items()}}
        reply = self.call("POST", "/entities", body, Fiware_ServicePath=path)
        assert reply.status == 201, reply.body

    def register(self, url: str, *entities: dict[str, str], path: str = "", **more: Any) -> str:
        provider = {"http": {"url": url}, **more.pop("provider", {})}
        body = {
            "dataProvided": {"entities": list(entities), "attrs": more.pop("attrs", [])},
            "provider": provider,
            **more,
        }
        headers = {"Fiware_ServicePath": path} if path else {}
        reply = self.call("POST", "/registrations", body, **headers)
        assert reply.status == 201, reply.body
        id: str = reply.headers["Location"].rpartition("/")[2]
        return id


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start(tmp_path_factory.mktemp("elsewhere"), "--store", ":memory:")
    yield running
    running.stop()


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    return "".join(one if one.isalnum() else "_" for one in request.node.name.lower())[:50]


@pytest.fixture
def town(server: Running, tenant: str) -> Town:
    return Town(server, tenant)


@pytest.fixture
def other(elsewhere: Running, tenant: str) -> Town:
    return Town(elsewhere, tenant)


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


def test_life_of_a_registration(town: Town) -> None:
    id = town.register("http://127.0.0.1:9/v2", {"id": "E", "type": "T"}, attrs=["a"], description="of others")
    shown = town.call("GET", f"/registrations/{id}").body
    assert shown == {
        "id": id,
        "description": "of others",
        "dataProvided": {"entities": [{"id": "E", "type": "T"}], "attrs": ["a"]},
        "provider": {
            "http": {"url": "http://127.0.0.1:9/v2"},
            "supportedForwardingMode": "all",
            "legacyForwarding": False,
        },
        "status": "active",
    }
    counted = town.call("GET", "/registrations?options=count")
    assert (counted.body, counted.headers["Fiware-Total-Count"]) == ([shown], "1")
    assert town.call("GET", "/registrations", Fiware_ServicePath="/a").body == []
    assert town.call("DELETE", f"/registrations/{id}").status == 204
    gone = town.call("GET", f"/registrations/{id}")
    text = "The requested registration has not been found. Check id"
    assert (gone.status, gone.body) == (404, {"error": "NotFound", "description": text})
    assert town.call("PATCH", f"/registrations/{id}", {}).status == 405


def test_queries_are_completed(town: Town, other: Town) -> None:
    town.make("E", here=1, both=1)
    other.make("E", there=2, both=2)
    other.make("F", there=3)
    id = town.register(other.server.url + "/v2", {"idPattern": ".*", "type": "Room"})
    assert town.call("GET", "/entities/E?options=keyValues").body == {
        "id": "E", "type": "Room", "here": 1, "both": 1, "there": 2,
    }  # fmt: skip
    assert town.call("GET", "/entities/F/attrs/there/value").body == 3
    assert town.call("GET", "/entities/F/attrs/nowhere").status == 404
    listed = town.call("GET", "/entities?type=Room&options=keyValues,count")
    assert [one["id"] for one in listed.body] == ["E", "F"]
    assert listed.body[0]["there"] == 2
    assert listed.headers["Fiware-Total-Count"] == "2"
    asked = {"entities": [{"id": "F", "type": "Room"}], "attrs": ["there"]}
    assert town.call("POST", "/op/query?options=values", asked).body == [[3]]
    assert town.call("GET", "/entities?type=Room&q=there>2&options=values").body == [[3]]
    assert [one["id"] for one in town.call("GET", "/entities?type=Room&limit=1&offset=1").body] == ["F"]
    assert town.call("GET", "/entities/F?options=skipForwarding").status == 404
    assert [one["id"] for one in town.call("GET", "/entities?type=Room&options=skipForwarding").body] == ["E"]
    assert town.call("GET", "/entities/G").status == 404
    told = town.call("GET", f"/registrations/{id}").body["forwardingInformation"]
    assert told["timesSent"] > 3
    assert {"lastForwarding", "lastSuccess"} <= set(told)


def test_updates_go_to_who_has_it(town: Town, other: Town) -> None:
    town.make("E", here=1)
    other.make("E", there=1, deep={"a": 1})
    town.register(other.server.url + "/v2", {"id": "E", "type": "Room"}, attrs=["there", "deep"])
    assert town.call("PATCH", "/entities/E/attrs", {"here": {"value": 2}, "there": {"value": 2}}).status == 204
    assert town.call("GET", "/entities/E?options=keyValues,skipForwarding").body == {
        "id": "E",
        "type": "Room",
        "here": 2,
    }
    assert other.call("GET", "/entities/E/attrs/there/value").body == 2
    assert town.call("PUT", "/entities/E/attrs/there", {"value": 3, "type": "Mine"}).status == 204
    assert other.call("GET", "/entities/E/attrs/there").body["type"] == "Mine"
    assert town.call("PUT", "/entities/E/attrs/there/value", b"4", Content_Type="text/plain").status == 204
    assert other.call("GET", "/entities/E/attrs/there/value").body == 4
    batch = {"actionType": "update", "entities": [{"id": "E", "type": "Room", "deep": {"value": {"b": 2}}}]}
    assert town.call("POST", "/op/update", batch).status == 204
    assert other.call("GET", "/entities/E/attrs/deep/value").body == {"b": 2}
    assert town.call("PATCH", "/entities/E/attrs", {"nobodys": {"value": 2}}).status == 422
    # what is added is added here
    assert town.call("POST", "/entities/E/attrs", {"there": {"value": 9}}).status == 204
    assert other.call("GET", "/entities/E/attrs/there/value").body == 4


def test_a_command_reaches_the_device(town: Town, listener: Listener) -> None:
    town.make("Bell1", "Bell", path="/school", ring_status="UNKNOWN")
    town.register(listener.url, {"id": "Bell1", "type": "Bell"}, attrs=["ring"], path="/school")
    body = {"ring": {"type": "command", "value": ""}}
    headers = {"Fiware_ServicePath": "/school", "X_Auth_Token": "t", "Fiware_Correlator": "c-1"}
    assert town.call("PATCH", "/entities/Bell1/attrs?type=Bell", body, **headers).status == 204
    got = listener.next()
    assert (got.method, got.path) == ("POST", "/hook/op/update")
    assert got.body == {
        "actionType": "update",
        "entities": [{"id": "Bell1", "type": "Bell", "ring": {"type": "command", "value": ""}}],
    }
    assert got.headers["Fiware-Service"] == town.tenant
    assert got.headers["Fiware-ServicePath"] == "/school"
    assert (got.headers["X-Auth-Token"], got.headers["Fiware-Correlator"]) == ("t", "c-1")
    other_path = town.call("PATCH", "/entities/Bell1/attrs?type=Bell", body, Fiware_ServicePath="/other")
    assert other_path.status == 404
    assert listener.silent()


@pytest.mark.parametrize(
    ("mode", "queried", "updated"), [("none", 404, 404), ("query", 200, 404), ("update", 404, 204), ("all", 200, 204)]
)
def test_modes(town: Town, listener: Listener, mode: str, queried: int, updated: int) -> None:
    listener.reply = json.dumps([{"id": "E", "type": "T", "a": {"type": "Number", "value": 7}}]).encode()
    provider = {"supportedForwardingMode": mode}
    town.register(listener.url, {"id": "E", "type": "T"}, attrs=["a"], provider=provider)
    assert town.call("GET", "/entities/E?type=T").status == queried
    assert town.call("PATCH", "/entities/E/attrs?type=T", {"a": {"value": 1}}).status == updated


@pytest.mark.parametrize(
    ("status", "reply"),
    [(500, b"[]"), (200, b"{"), (200, b'{"a": 1}'), (200, b'[{"no": "id"}]'), (200, b"[1, null]"), (404, b"")],
)
def test_a_source_that_fails_spoils_nothing(town: Town, listener: Listener, status: int, reply: bytes) -> None:
    town.make("E", here=1)
    listener.status, listener.reply = status, reply
    id = town.register(listener.url, {"idPattern": ".*", "type": "Room"})
    assert town.call("GET", "/entities/E?options=keyValues").body == {"id": "E", "type": "Room", "here": 1}
    assert [one["id"] for one in town.call("GET", "/entities").body] == ["E"]
    assert town.call("GET", f"/registrations/{id}").body["forwardingInformation"]["timesSent"] >= 2


def test_a_source_that_has_ended_is_not_asked(town: Town, listener: Listener) -> None:
    id = town.register(listener.url, {"idPattern": ".*"}, expires="2020-01-01T00:00:00Z")
    assert town.call("GET", "/entities").body == []
    assert town.call("GET", f"/registrations/{id}").body["status"] == "expired"
    assert listener.silent(0.2)


def test_a_request_that_comes_round_ends(start_server: Callable[..., Running]) -> None:
    one, two = (Town(start_server("--store", ":memory:"), "ring") for _ in range(2))
    one.register(two.server.url + "/v2", {"idPattern": ".*"})
    two.register(one.server.url + "/v2", {"idPattern": ".*"})
    one.register(one.server.url + "/v2", {"idPattern": ".*"})
    begun = time.monotonic()
    assert one.call("GET", "/entities/E").status == 404
    assert one.call("PATCH", "/entities/E/attrs", {"a": {"value": 1}}).status == 404
    assert one.call("GET", "/entities").body == []
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"dataProvided": None}, 400),
        ({"dataProvided": {"entities": []}}, 400),
        ({"dataProvided": {"entities": [{"id": "a", "idPattern": ".*"}]}}, 400),
        ({"dataProvided": {"entities": [{"idPattern": "a.*"}]}}, 501),
        ({"dataProvided": {"entities": [{"id": "a", "typePattern": ".*"}]}}, 501),
        ({"provider": {}}, 400),
        ({"provider": {"http": {"url": "nowhere"}}}, 400),
        ({"provider": {"http": {"url": "http://h"}, "supportedForwardingMode": "some"}}, 400),
        ({"provider": {"http": {"url": "http://h"}, "legacyForwarding": True}}, 501),
        ({"expires": "soon"}, 400),
        ({"status": "failed"}, 400),
    ],
)
def test_what_cannot_be_a_registration(town: Town, change: dict[str, Any], status: int) -> None:
    body = {"dataProvided": {"entities": [{"id": "a"}]}, "provider": {"http": {"url": "http://127.0.0.1:9"}}, **change}
    reply = town.call("POST", "/registrations", body)
    assert reply.status == status, reply.body
    assert town.call("GET", "/registrations").body == []
