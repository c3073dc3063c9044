"""Subscriptions of NGSIv2 through the HTTP door of a real server, to a real receiver and a real MQTT broker."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from listener import Listener
from mosquitto import MISSING, MOSQUITTO, running_mosquitto
from real_server import Running, free_port

SUBSCRIPTIONS = "/v2/subscriptions"


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    return "".join(one if one.isalnum() else "_" for one in request.node.name.lower())[:50]


class Town:
    """A tenant of a server, spoken to in NGSIv2."""

    def __init__(self, server: Running, tenant: str) -> None:
        self.server, self.tenant = server, tenant

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return self.server.call(method, path, body, Fiware_Service=self.tenant, **headers)

    def subscribe(self, notification: dict[str, Any], condition: Any = None, path: str = "", **more: Any) -> str:
        subject: dict[str, Any] = more.pop("subject", {"entities": [{"idPattern": ".*", "type": "Room"}]})
        if condition:
            subject["condition"] = condition
        headers = {"Fiware_ServicePath": path} if path else {}
        reply = self.call("POST", SUBSCRIPTIONS, {"subject": subject, "notification": notification, **more}, **headers)
        assert reply.status == 201, reply.body
        id: str = reply.headers["Location"].rpartition("/")[2]
        return id

    def put(self, id: str = "Room1", options: str = "upsert", path: str = "/", **attrs: Any) -> None:
        body = {"id": id, "type": "Room", **{name: {"value": value} for name, value in attrs.items()}}
        reply = self.call("POST", f"/v2/entities?options={options}", body, Fiware_ServicePath=path)
        assert reply.status in (201, 204), reply.body

    def subscription(self, id: str) -> dict[str, Any]:
        reply = self.call("GET", f"{SUBSCRIPTIONS}/{id}")
        assert reply.status == 200, reply.body
        found: dict[str, Any] = reply.body
        return found

    def until(self, id: str, told: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while not told(found := self.subscription(id)):
            assert time.monotonic() < deadline, found
            time.sleep(0.03)
        return found


@pytest.fixture
def town(server: Running, tenant: str) -> Town:
    return Town(server, tenant)


def test_life_of_a_subscription(town: Town, listener: Listener) -> None:
    id = town.subscribe(
        {"http": {"url": listener.url}, "attrs": ["temperature"]},
        {"attrs": ["temperature"], "expression": {"q": "temperature>20"}},
        description="warm rooms",
        expires="2090-01-01T00:00:00.00Z",
    )
    town.put(temperature=15, pressure=1)
    town.put(temperature=25)
    got = listener.next()
    assert got.method == "POST"
    assert got.body == {
        "subscriptionId": id,
        "data": [{"id": "Room1", "type": "Room", "temperature": {"type": "Number", "value": 25, "metadata": {}}}],
    }
    assert got.headers["Fiware-Service"] == town.tenant
    assert got.headers["Fiware-ServicePath"] == "/"
    assert got.headers["Ngsiv2-AttrsFormat"] == "normalized"
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"
    kept = town.until(id, lambda one: one["notification"].get("lastSuccessCode") == 200)
    assert kept["notification"]["timesSent"] == 1
    assert "failsCounter" not in kept["notification"]
    assert (kept["status"], kept["expires"]) == ("active", "2090-01-01T00:00:00.000Z")
    assert kept["subject"]["condition"] == {
        "attrs": ["temperature"],
        "expression": {"q": "temperature>20"},
        "notifyOnMetadataChange": True,
    }
    town.put(pressure=2)
    assert listener.silent()
    assert town.call("PATCH", f"{SUBSCRIPTIONS}/{id}", {"status": "inactive"}).status == 204
    town.put(temperature=30)
    assert listener.silent()
    assert town.call("PATCH", f"{SUBSCRIPTIONS}/{id}", {"status": "active", "expires": ""}).status == 204
    assert "expires" not in town.subscription(id)
    town.put(temperature=31)
    assert listener.next().body["data"][0]["temperature"]["value"] == 31
    assert [one["id"] for one in town.call("GET", SUBSCRIPTIONS).body] == [id]
    assert town.call("DELETE", f"{SUBSCRIPTIONS}/{id}").status == 204
    assert town.call("DELETE", f"{SUBSCRIPTIONS}/{id}").status == 404
    town.put(temperature=32)
    assert listener.silent()


def test_what_ngsi_ld_writes_is_told_too(town: Town, listener: Listener) -> None:
    town.subscribe({"http": {"url": listener.url}, "attrsFormat": "keyValues", "attrs": ["level", "servicePath"]})
    body = {
        "id": "urn:ngsi-ld:Room:1",
        "type": "Room",
        "scope": "/east/ward_1",
        "level": {"type": "Property", "value": 7, "unitCode": "CMT"},
    }
    assert town.server.call("POST", "/ngsi-ld/v1/entities", body, NGSILD_Tenant=town.tenant).status == 201
    got = listener.next()
    assert got.body["data"] == [{"id": "urn:ngsi-ld:Room:1", "type": "Room", "level": 7, "servicePath": "/east/ward_1"}]
    assert got.headers["Fiware-ServicePath"] == "/east/ward_1"


@pytest.mark.parametrize(
    ("format", "told"),
    [
        ("keyValues", {"data": [{"id": "Room1", "type": "Room", "a": 1, "b": [2]}]}),
        ("values", {"data": [[1, [2]]]}),
        ("simplifiedKeyValues", {"id": "Room1", "type": "Room", "a": 1, "b": [2]}),
        (
            "simplifiedNormalized",
            {
                "id": "Room1",
                "type": "Room",
                "a": {"type": "Number", "value": 1, "metadata": {}},
                "b": {"type": "StructuredValue", "value": [2], "metadata": {}},
            },
        ),
    ],
)
def test_formats(town: Town, listener: Listener, format: str, told: dict[str, Any]) -> None:
    town.subscribe({"http": {"url": listener.url}, "attrs": ["a", "b"], "attrsFormat": format})
    town.put(b=[2], a=1, c=3)
    got = listener.next()
    assert {name: value for name, value in got.body.items() if name != "subscriptionId"} == told
    assert got.headers["Ngsiv2-AttrsFormat"] == format


def test_alterations_are_told_apart(town: Town, listener: Listener) -> None:
    town.subscribe(
        {"http": {"url": listener.url}, "attrs": ["alterationType", "*"], "attrsFormat": "keyValues"},
        {"alterationTypes": ["entityCreate", "entityUpdate", "entityDelete"], "attrs": ["a"]},
    )
    town.put(a=1)
    town.put(a=1)
    town.put(a=2)
    town.put(b=2)
    assert town.call("DELETE", "/v2/entities/Room1").status == 204
    told = [listener.next().body["data"][0] for _ in range(4)]
    assert [(one["alterationType"], one["a"]) for one in told] == [
        ("entityCreate", 1),
        ("entityUpdate", 1),
        ("entityChange", 2),
        ("entityDelete", 2),
    ]
    assert listener.silent()


def test_what_did_not_change_is_told_only_when_forced(town: Town, listener: Listener) -> None:
    town.put(a=1)
    town.subscribe({"http": {"url": listener.url}, "attrsFormat": "values", "attrs": ["a"]})
    town.put(a=1)
    assert listener.silent()
    town.put(options="upsert,forcedUpdate", a=1)
    assert listener.next().body["data"] == [[1]]
    body = {"a": {"value": 1}}
    assert town.call("PATCH", "/v2/entities/Room1/attrs?options=forcedUpdate", body).status == 204
    assert listener.next().body["data"] == [[1]]


def test_metadata_counts_unless_it_is_not_to(town: Town, listener: Listener) -> None:
    town.put(a=1)
    quiet = {"http": {"url": listener.url + "/quiet"}}
    town.subscribe(quiet, {"notifyOnMetadataChange": False})
    town.subscribe({"http": {"url": listener.url + "/loud"}, "metadata": ["previousValue", "actionType", "m"]})
    path = "/v2/entities/Room1/attrs"
    assert town.call("PATCH", path, {"a": {"value": 1, "metadata": {"m": {"value": 5}}}}).status == 204
    got = listener.next()
    assert got.path.endswith("/loud")
    assert got.body["data"][0]["a"]["metadata"] == {
        "m": {"type": "Number", "value": 5},
        "previousValue": {"type": "Number", "value": 1},
        "actionType": {"type": "Text", "value": "update"},
    }
    assert town.call("POST", path, {"a": {"value": 2}}).status == 204
    assert sorted(listener.next().path[-5:] for _ in range(2)) == ["/loud", "quiet"]


def test_only_what_changed_and_all_that_is_covered(town: Town, listener: Listener) -> None:
    town.put(a=1, b=1)
    town.subscribe({"http": {"url": listener.url + "/1"}, "onlyChangedAttrs": True, "attrsFormat": "keyValues"})
    town.subscribe({"http": {"url": listener.url + "/2"}, "covered": True, "attrs": ["zz", "a"]})
    town.subscribe({"http": {"url": listener.url + "/3"}, "exceptAttrs": ["a"], "attrsFormat": "keyValues"})
    town.subscribe(
        {"http": {"url": listener.url + "/4"}, "onlyChangedAttrs": True, "attrs": ["b"], "attrsFormat": "keyValues"}
    )
    town.put(a=2)
    got = {one.path[-2:]: one.body["data"][0] for one in (listener.next() for _ in range(4))}
    assert got["/4"] == {"id": "Room1", "type": "Room"}
    assert got["/1"] == {"id": "Room1", "type": "Room", "a": 2}
    assert got["/2"]["zz"] == {"type": "None", "value": None, "metadata": {}}
    assert got["/3"] == {"id": "Room1", "type": "Room", "b": 1}


@pytest.mark.parametrize(
    ("selector", "told"),
    [
        ({"id": "Room1"}, ["Room1"]),
        ({"idPattern": "^Room"}, ["Room1", "Room2"]),
        ({"idPattern": ".*", "typePattern": "^Ca"}, ["Car1"]),
        ({"id": "urn:x:1", "type": "Room"}, ["urn:x:1"]),
        ({"idPattern": "1$", "type": "Room"}, ["Room1", "urn:x:1"]),
    ],
)
def test_selectors(town: Town, listener: Listener, selector: dict[str, str], told: list[str]) -> None:
    town.subscribe({"http": {"url": listener.url}}, subject={"entities": [selector]})
    entities = [{"id": "Car1", "type": "Car", "a": {"value": 1}}]
    entities += [{"id": id, "type": "Room", "a": {"value": 1}} for id in ("Room1", "Room2", "urn:x:1")]
    assert town.call("POST", "/v2/op/update", {"actionType": "append", "entities": entities}).status == 204
    assert [listener.next().body["data"][0]["id"] for _ in told] == told
    assert listener.silent()


def test_places_and_service_paths(town: Town, listener: Listener) -> None:
    near = {"georel": "near;maxDistance:1000", "geometry": "point", "coords": "34.34,134.05"}
    town.subscribe({"http": {"url": listener.url + "/near"}}, {"expression": near})
    town.subscribe({"http": {"url": listener.url + "/path"}}, path="/a/#")
    for id, path, place in (("R1", "/", "34.341, 134.05"), ("R2", "/a/b", "35.0, 134.05"), ("R3", "/b", "0, 0")):
        body = {"id": id, "type": "Room", "position": {"type": "geo:point", "value": place}}
        assert town.call("POST", "/v2/entities", body, Fiware_ServicePath=path).status == 201
    got = {(one.path[-5:], one.body["data"][0]["id"]) for one in (listener.next() for _ in range(2))}
    assert got == {("/near", "R1"), ("/path", "R2")}
    assert listener.silent()
    assert len(town.call("GET", SUBSCRIPTIONS, Fiware_ServicePath="/a/#").body) == 1


def test_one_shot(town: Town, listener: Listener) -> None:
    id = town.subscribe({"http": {"url": listener.url}, "attrsFormat": "values"}, status="oneshot")
    town.put(a=1)
    town.put(a=2)
    assert listener.next().body["data"] == [[1]]
    town.until(id, lambda one: one["status"] == "inactive")
    town.put(a=3)
    assert listener.silent()
    assert town.call("PATCH", f"{SUBSCRIPTIONS}/{id}", {"status": "oneshot"}).status == 204
    town.put(a=4)
    assert listener.next().body["data"] == [[4]]


def test_who_fails_too_often_is_left_alone(town: Town, listener: Listener) -> None:
    listener.status = 404
    id = town.subscribe({"http": {"url": listener.url}, "maxFailsLimit": 1})
    town.put(a=1)
    failed = town.until(id, lambda one: one["notification"].get("failsCounter") == 1)
    assert failed["status"] == "active"
    assert failed["notification"]["lastFailureReason"] == "answered 404"
    town.put(a=2)
    town.until(id, lambda one: one["status"] == "inactive")
    while not listener.silent():
        pass
    town.put(a=3)
    assert listener.silent()


def test_what_comes_too_soon_is_dropped(town: Town, listener: Listener) -> None:
    town.subscribe({"http": {"url": listener.url}, "attrsFormat": "values"}, throttling=1)
    town.put(a=1)
    assert listener.next().body["data"] == [[1]]
    town.put(a=2)
    assert listener.silent(1.2)
    town.put(a=3)
    assert listener.next().body["data"] == [[3]]


def test_an_expired_one_is_silent(town: Town, listener: Listener) -> None:
    id = town.subscribe({"http": {"url": listener.url}}, expires="2020-01-01T00:00:00Z")
    town.put(a=1)
    assert listener.silent()
    assert town.subscription(id)["status"] == "expired"


def test_custom_http(town: Town, listener: Listener) -> None:
    custom = {
        "url": listener.url + "/${id}",
        "method": "PUT",
        "headers": {"X-${type}": "%22${a}%22", "Accept": "", "Fiware-Correlator": "mine"},
        "qs": {"t": "${type}", "s": "${service}${servicePath}"},
        "json": {"a": "${a}", "text": "is ${a}", "list": ["${o}", "${none}"], "deep": "${o.k}", "n": 4},
    }
    id = town.subscribe({"httpCustom": custom})
    town.put(a=23.4, o={"k": "v"})
    got = listener.next()
    assert got.method == "PUT"
    assert got.path == f"/hook/Room1?t=Room&s={town.tenant}/"
    assert got.body == {"a": 23.4, "text": "is 23.4", "list": [{"k": "v"}, None], "deep": "v", "n": 4}
    assert got.headers["X-Room"] == '"23.4"'
    assert got.headers["Ngsiv2-AttrsFormat"] == "custom"
    assert got.headers["Fiware-Correlator"] != "mine"
    assert town.subscription(id)["notification"]["httpCustom"] == custom
    fresh = {"url": listener.url, "payload": "a %22quoted%22 ${a}", "headers": {"Content-Type": "text/x"}}
    patch = {"notification": {"httpCustom": fresh}}
    assert town.call("PATCH", f"{SUBSCRIPTIONS}/{id}", patch).status == 204
    town.put(a="%41")
    got = listener.next()
    assert (got.body, got.headers["Content-Type"]) == (b'a "quoted" %41', "text/x")
    patch = {"notification": {"httpCustom": {"url": listener.url, "payload": None}}}
    assert town.call("PATCH", f"{SUBSCRIPTIONS}/{id}", patch).status == 204
    town.put(a=1)
    assert listener.next().body == b""
    ngsi = {"id": "p:${id}", "b": {"value": "${a}", "type": "Calculated"}}
    patch = {"notification": {"httpCustom": {"url": listener.url, "ngsi": ngsi}, "attrs": ["b", "a"]}}
    assert town.call("PATCH", f"{SUBSCRIPTIONS}/{id}", patch).status == 204
    town.put(a=2)
    got = listener.next()
    assert got.body["data"] == [
        {
            "id": "p:Room1",
            "type": "Room",
            "b": {"type": "Calculated", "value": 2, "metadata": {}},
            "a": {"type": "Number", "value": 2, "metadata": {}},
        }
    ]
    assert got.headers["Ngsiv2-AttrsFormat"] == "normalized"


@contextmanager
def subscriber(port: int, topic: str, *login: str) -> Iterator[subprocess.Popen[str]]:
    """Run mosquitto_sub for a topic."""
    command = ["mosquitto_sub", "-p", str(port), "-t", topic, "-v", "-q", "1", *login]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    time.sleep(0.3)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def line_of(process: Any) -> tuple[str, Any]:
    topic, _, payload = process.stdout.readline().rstrip("\n").partition(" ")
    try:
        return topic, json.loads(payload)
    except ValueError:
        return topic, payload


@pytest.mark.skipif(MOSQUITTO is None, reason=MISSING)
def test_mqtt(town: Town, tmp_path: Path) -> None:
    with running_mosquitto(tmp_path, free_port(), user="u", password="p") as port:
        login = ("-u", "u", "-P", "p")
        mqtt = {"url": f"mqtt://127.0.0.1:{port}", "topic": "city/rooms", "qos": 1, "user": "u", "passwd": "p"}
        with subscriber(port, "city/#", *login) as inbox:
            id = town.subscribe({"mqtt": mqtt, "attrsFormat": "keyValues"})
            town.put(a=1)
            assert line_of(inbox) == (
                "city/rooms",
                {"subscriptionId": id, "data": [{"id": "Room1", "type": "Room", "a": 1}]},
            )
            shown = town.subscription(id)["notification"]
            assert shown["mqtt"] == {**mqtt, "passwd": "*****"}
            custom = {**mqtt, "topic": "city/${type}/${id}", "payload": "a is ${a}", "passwd": "*****"}
            patch = {"notification": {"mqttCustom": custom}}
            assert (
                town.call("PATCH", f"{SUBSCRIPTIONS}/{id}", {"notification": {**shown, "mqtt": shown["mqtt"]}}).status
                == 204
            )
            town.put(a=2)
            assert line_of(inbox)[1]["data"] == [{"id": "Room1", "type": "Room", "a": 2}]
            patch["notification"]["mqttCustom"]["passwd"] = "p"
            assert town.call("PATCH", f"{SUBSCRIPTIONS}/{id}", patch).status == 204
            town.put(a=3)
            assert line_of(inbox) == ("city/Room/Room1", "a is 3")


def test_nothing_is_lost_when_the_server_is_killed(
    start_server: Callable[..., Running], listener: Listener, tmp_path: Path
) -> None:
    first = start_server("--store", str(tmp_path / "store"))
    town = Town(first, "kept")
    listener.status = 503
    id = town.subscribe({"http": {"url": listener.url}, "attrsFormat": "values"}, description="kept")
    town.put(a=1)
    town.put(a=2)
    listener.next()
    first.stop(signal.SIGKILL)
    while not listener.silent():
        pass
    listener.status = 200
    town = Town(start_server("--store", str(tmp_path / "store")), "kept")
    assert [listener.next().body["data"] for _ in range(2)] == [[[1]], [[2]]]
    assert town.subscription(id)["description"] == "kept"


@pytest.mark.parametrize(
    ("change", "description"),
    [
        ({"subject": None}, "subject is not an object"),
        ({"subject": {"entities": []}}, "subject entities is empty"),
        ({"subject": {"entities": [{}]}}, "subject entities element does not have id nor idPattern"),
        ({"subject": {"entities": [{"idPattern": "*"}]}}, "Invalid regex for entity idPattern"),
        ({"notification": {}}, "empty notification"),
        ({"notification": {"attrs": []}}, "http, httpCustom, mqtt, mqttCustom, kafka or kafkaCustom is missing"),
        ({"notification": {"http": {"url": "nowhere"}}}, "Invalid URL parsing notification url"),
        ({"notification": {"http": {}}}, "url http notification is missing"),
        ({"notification": {"mqtt": {"url": "mqtt://h"}}}, "topic mqtt notification is missing"),
        (
            {"notification": {"mqtt": {"url": "mqtt://h", "topic": "t", "qos": 3}}},
            "mqtt qos field must be an integer in the 0 to 2 range",
        ),
        ({"status": "failed"}, "status is not valid: it has to be either active, inactive or oneshot"),
        ({"expires": "soon"}, "expires has an invalid format"),
        (
            {"notification": {"http": {"url": "http://h"}, "covered": True}},
            "covered true cannot be used if notification attributes list is empty",
        ),
        ({"notification": {"http": {"url": "http://h"}, "attrs": ["a", "a"]}}, "duplicated item /a/ in array"),
        (
            {"notification": {"http": {"url": "http://h"}, "maxFailsLimit": 0}},
            "maxFailsLimit must be greater than zero",
        ),
        (
            {"notification": {"http": {"url": "http://h"}, "attrsFormat": "legacy"}},
            "attrsFormat legacy is NGSIv1, which is not supported",
        ),
    ],
)
def test_what_cannot_be_a_subscription(town: Town, change: dict[str, Any], description: str) -> None:
    body = {
        "subject": {"entities": [{"idPattern": ".*"}]},
        "notification": {"http": {"url": "http://127.0.0.1:9/x"}},
        **change,
    }
    reply = town.call("POST", SUBSCRIPTIONS, body)
    assert (reply.status, reply.body) == (400, {"error": "BadRequest", "description": description})
    assert town.call("GET", f"{SUBSCRIPTIONS}?options=count").headers["Fiware-Total-Count"] == "0"


@pytest.mark.parametrize(
    "notification",
    [
        {"kafka": {"url": "kafka://h", "topic": "t"}},
        {"httpCustom": {"url": "http://h", "json": {"a": "${a/100}"}}},
    ],
)
def test_what_is_not_offered_says_so(town: Town, notification: dict[str, Any]) -> None:
    body = {"subject": {"entities": [{"idPattern": ".*"}]}, "notification": notification}
    reply = town.call("POST", SUBSCRIPTIONS, body)
    assert (reply.status, reply.body["error"]) == (501, "NotImplemented")
    assert town.call("GET", SUBSCRIPTIONS).body == []
