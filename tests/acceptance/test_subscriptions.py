"""Subscriptions through the HTTP door of a real server, notified to a real receiver (GS CIM 009, 5.8, 6.10, 6.11)."""

from __future__ import annotations

import json
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from real_server import Running

V1 = "/ngsi-ld/v1"
SUBSCRIPTIONS = f"{V1}/subscriptions"


class Receiver:
    """A receiver of notifications on loopback; `fail` makes it answer 503."""

    def __init__(self) -> None:
        self.inbox: queue.Queue[tuple[dict[str, str], dict[str, Any]]] = queue.Queue()
        self.fail = False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not receiver.fail:
                    receiver.inbox.put((dict(self.headers), body))
                self.send_response(503 if receiver.fail else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    def next(self) -> tuple[dict[str, str], dict[str, Any]]:
        return self.inbox.get(timeout=10)

    def values(self, count: int, name: str = "level") -> list[Any]:
        found: list[Any] = []
        while len(found) < count:
            found += [one[name] for one in self.next()[1]["data"]]
        return found

    def silent(self) -> bool:
        try:
            self.inbox.get(timeout=0.3)
        except queue.Empty:
            return True
        return False

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    return "".join(one if one.isalnum() else "_" for one in request.node.name.lower())[:50]


def subscribe(server: Running, url: str, tenant: str = "", **members: Any) -> str:
    headers = {"NGSILD-Tenant": tenant} if tenant else {}
    notification = {"format": "simplified", **members.pop("notification", {}), "endpoint": {"uri": url}}
    body = {"type": "Subscription", "entities": [{"type": "Gauge"}], **members, "notification": notification}
    reply = server.call("POST", SUBSCRIPTIONS, body, **headers)
    assert reply.status == 201, reply.body
    location = reply.headers["Location"]
    assert location.startswith(f"{SUBSCRIPTIONS}/urn:")
    return location[len(SUBSCRIPTIONS) + 1 :]


def put(server: Running, number: int, tenant: str = "", id: str = "urn:ngsi-ld:Gauge:1", **more: Any) -> None:
    headers = {"NGSILD-Tenant": tenant} if tenant else {}
    entity = {"id": id, "type": "Gauge", "level": {"type": "Property", "value": number}, **more}
    reply = server.call("POST", f"{V1}/entityOperations/upsert", [entity], **headers)
    assert reply.status in (201, 204), reply.body


def test_life_of_a_subscription(server: Running, receiver: Receiver, tenant: str) -> None:
    id = subscribe(server, receiver.url, tenant, q="level>2", description="水位")
    put(server, 1, tenant)
    put(server, 3, tenant)
    headers, body = receiver.next()
    assert (body["subscriptionId"], body["data"]) == (id, [{"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", "level": 3}])
    assert headers["NGSILD-Tenant"] == tenant
    assert headers["Content-Type"] == "application/json"
    assert 'rel="http://www.w3.org/ns/json-ld#context"' in headers["Link"]
    at = f"{SUBSCRIPTIONS}/{id}"
    patch = server.call("PATCH", at, {"q": "level>5"}, NGSILD_Tenant=tenant)
    assert patch.status == 204, patch.body
    put(server, 4, tenant)
    put(server, 6, tenant)
    assert receiver.values(1) == [6]
    # the receiver has a notification a moment before the sender knows it
    told = server.call("GET", at, NGSILD_Tenant=tenant)
    while told.body["notification"]["timesSent"] < 2:
        told = server.call("GET", at, NGSILD_Tenant=tenant)
    assert told.status == 200
    assert (told.body["q"], told.body["description"], told.body["status"]) == ("level>5", "水位", "active")
    assert told.body["notification"]["status"] == "ok"
    assert told.body["notification"]["timesSent"] == 2
    assert server.call("DELETE", at, NGSILD_Tenant=tenant).status == 204
    put(server, 9, tenant)
    assert receiver.silent()
    assert server.call("GET", at, NGSILD_Tenant=tenant).status == 404
    assert server.call("DELETE", at, NGSILD_Tenant=tenant).status == 404


def test_conditions_on_place_scope_and_id(server: Running, receiver: Receiver, tenant: str) -> None:
    box = [[[134, 34], [135, 34], [135, 35], [134, 35], [134, 34]]]
    subscribe(
        server,
        receiver.url,
        tenant,
        entities=[{"type": "Gauge", "idPattern": ":here$"}, {"type": "Gauge", "id": "urn:g:named"}],
        geoQ={"georel": "within", "geometry": "Polygon", "coordinates": box},
        scopeQ="/river/#",
    )
    inside = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.5, 34.5]}}
    outside = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [136.5, 34.5]}}
    put(server, 1, tenant, "urn:g:here", location=inside, scope="/road")
    put(server, 2, tenant, "urn:h:here", location=outside, scope="/river/kasuga")
    put(server, 3, tenant, "urn:i:there", location=inside, scope="/river/kasuga")
    put(server, 4, tenant, "urn:j:here", location=inside, scope="/river/kasuga")
    put(server, 5, tenant, "urn:g:named", location=inside, scope="/river")
    assert receiver.values(2) == [4, 5]
    assert receiver.silent()


def test_triggers(server: Running, receiver: Receiver, tenant: str) -> None:
    subscribe(server, receiver.url, tenant, notificationTrigger=["entityDeleted", "attributeDeleted"])
    put(server, 1, tenant)
    put(server, 2, tenant)
    at = f"{V1}/entities/urn:ngsi-ld:Gauge:1"
    assert server.call("DELETE", f"{at}/attrs/level", NGSILD_Tenant=tenant).status == 204
    (data,) = receiver.next()[1]["data"]
    assert data["level"] == "urn:ngsi-ld:null"
    assert server.call("DELETE", at, NGSILD_Tenant=tenant).status == 204
    (data,) = receiver.next()[1]["data"]
    assert set(data) == {"id", "type", "deletedAt"}
    assert receiver.silent()


def test_names_of_an_own_context(server: Running, receiver: Receiver, tenant: str) -> None:
    context = {"水位": "https://example.org/level", "計": "https://example.org/Gauge"}
    body = {
        "@context": context,
        "type": "Subscription",
        "entities": [{"type": "計"}],
        "q": "水位>1",
        "notification": {"endpoint": {"uri": receiver.url, "accept": "application/ld+json"}, "format": "simplified"},
    }
    kind = {"Content-Type": "application/ld+json", "NGSILD-Tenant": tenant}
    assert server.call("POST", SUBSCRIPTIONS, body, **kind).status == 201
    entity = {"@context": context, "id": "urn:g:1", "type": "計", "水位": {"type": "Property", "value": 2}}
    assert server.call("POST", f"{V1}/entities", entity, **kind).status == 201
    headers, told = receiver.next()
    assert headers["Content-Type"] == "application/ld+json"
    address = told["@context"][0]
    assert told["data"] == [{"id": "urn:g:1", "type": "計", "水位": 2, "@context": address}]
    named = told["@context"][0]
    served = server.call("GET", named[named.index("/ngsi-ld") :])
    assert served.body["@context"] == context or context in served.body["@context"]


def test_list_pages_and_count(server: Running, receiver: Receiver, tenant: str) -> None:
    ids = [subscribe(server, receiver.url, tenant) for _ in range(5)]
    seen = []
    for offset in (0, 2, 4):
        reply = server.call("GET", f"{SUBSCRIPTIONS}?limit=2&offset={offset}&count=true", NGSILD_Tenant=tenant)
        assert reply.headers["NGSILD-Results-Count"] == "5"
        assert ('rel="next"' in " ".join(reply.headers.get_all("Link") or ())) == (offset < 4)
        seen += [one["id"] for one in reply.body]
    assert seen == ids
    assert server.call("GET", SUBSCRIPTIONS, NGSILD_Tenant="nobody").status == 404


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"{", 400, "JSON"),
        (b"[]", 400, "object"),
        ({"type": "Subscription"}, 400, "notification"),
        ({"type": "Subscription", "notification": {"endpoint": {"uri": "http://x/"}}}, 400, "entities"),
    ],
)
def test_refused(server: Running, tenant: str, body: Any, status: int, word: str) -> None:
    reply = server.call("POST", SUBSCRIPTIONS, body, NGSILD_Tenant=tenant)
    assert reply.status == status
    assert word in reply.body["detail"]
    assert server.call("GET", SUBSCRIPTIONS, NGSILD_Tenant=tenant).status == 404


def test_conflict(server: Running, tenant: str) -> None:
    body = {
        "id": "urn:ngsi-ld:Subscription:twice",
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": {"uri": "http://127.0.0.1:25199/"}},
    }
    assert server.call("POST", SUBSCRIPTIONS, body, NGSILD_Tenant=tenant).status == 201
    reply = server.call("POST", SUBSCRIPTIONS, body, NGSILD_Tenant=tenant)
    assert (reply.status, reply.body["type"]) == (409, "https://uri.etsi.org/ngsi-ld/errors/AlreadyExists")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_lost_when_the_server_ends(
    start_server: Callable[..., Running], receiver: Receiver, tmp_path: Path, how: signal.Signals
) -> None:
    store = ("--store", str(tmp_path / "store"))
    first = start_server(*store)
    subscribe(first, receiver.url)
    put(first, 1)
    assert receiver.values(1) == [1]
    receiver.fail = True
    for number in range(2, 8):
        put(first, number)
    time.sleep(0.3)
    first.stop(how)
    receiver.fail = False
    second = start_server(*store)
    found: list[int] = []
    while 7 not in found:
        found += receiver.values(1)
    # a killed server may repeat what it could not note down any more; one that was asked to end does not
    assert found in ([2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7] if how == signal.SIGKILL else None)
    put(second, 8)
    assert receiver.values(1) == [8]
    assert second.stop() == 0
