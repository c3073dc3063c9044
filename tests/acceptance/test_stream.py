"""The change stream of a real server, read as a browser reads it."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from real_server import Running

V1 = "/ngsi-ld/v1"


class Stream:
    """A connection to the stream, as an EventSource has one."""

    def __init__(self, server: Running, query: str = "", **headers: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request("GET", f"/stream{query}", headers=sent)
        self.answer = self._connection.getresponse()
        self.last_id = ""

    def blocks(self) -> Iterator[dict[str, str]]:
        fields: dict[str, str] = {}
        while line := self.answer.readline():
            text = line.decode().rstrip("\n")
            if text:
                name, _, value = text.partition(": ")
                fields[name] = value
                continue
            if "id" in fields:
                self.last_id = fields["id"]
            yield fields
            fields = {}

    def next(self) -> tuple[str, Any]:
        """Return the next event with its data."""
        for fields in self.blocks():
            if "event" in fields:
                return fields["event"], json.loads(fields["data"])
        raise EOFError

    def close(self) -> None:
        self.answer.close()
        self._connection.close()


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    return "".join(one if one.isalnum() else "_" for one in request.node.name.lower())[:50]


def put(server: Running, value: int, tenant: str = "", id: str = "urn:ngsi-ld:Bus:1", type: str = "Bus") -> None:
    entity = {"id": id, "type": type, "speed": {"type": "Property", "value": value}}
    headers = {"NGSILD-Tenant": tenant} if tenant else {}
    reply = server.call("POST", f"{V1}/entityOperations/upsert", [entity], **headers)
    assert reply.status in (201, 204), reply.body


def test_headers_hello_and_changes(server: Running, tenant: str) -> None:
    put(server, 1, tenant)
    stream = Stream(server, f"?tenant={tenant}&type=Bus")
    assert stream.answer.status == 200
    assert stream.answer.getheader("Content-Type") == "text/event-stream; charset=utf-8"
    assert stream.answer.getheader("Cache-Control") == "no-store"
    assert stream.next() == ("hello", {"seq": 1})
    put(server, 5, tenant, "urn:ngsi-ld:Tram:1", "Tram")
    put(server, 2, tenant)
    event, data = stream.next()
    assert (event, data["seq"], data["op"], data["id"], data["type"]) == (
        "change",
        3,
        "updated",
        "urn:ngsi-ld:Bus:1",
        "Bus",
    )
    assert data["attrs"] == {"speed": {"type": "Property", "value": 2}}
    assert stream.last_id == "3"
    stream.close()


def test_tenants_are_apart(server: Running, tenant: str) -> None:
    put(server, 1, tenant)
    put(server, 1, tenant + "_b")
    by_header = Stream(server, NGSILD_Tenant=tenant)
    by_query = Stream(server, f"?tenant={tenant}", NGSILD_Tenant=tenant + "_b")
    for stream in (by_header, by_query):
        assert stream.next()[0] == "hello"
    put(server, 2, tenant + "_b")
    put(server, 3, tenant)
    for stream in (by_header, by_query):
        assert stream.next()[1]["attrs"]["speed"]["value"] == 3
        stream.close()


def test_coming_back(server: Running, tenant: str) -> None:
    put(server, 0, tenant)
    stream = Stream(server, f"?tenant={tenant}")
    stream.next()
    put(server, 1, tenant)
    stream.next()
    stream.close()
    for value in (2, 3, 4):
        put(server, value, tenant)
    for again in (
        Stream(server, f"?tenant={tenant}", Last_Event_ID=stream.last_id),
        Stream(server, f"?tenant={tenant}&last_event_id={stream.last_id}"),
    ):
        assert again.next() == ("hello", {"seq": 5})
        assert [again.next()[1]["attrs"]["speed"]["value"] for _ in range(3)] == [2, 3, 4]
        again.close()


def test_an_id_from_elsewhere_resets(server: Running, tenant: str) -> None:
    put(server, 0, tenant)
    stream = Stream(server, f"?tenant={tenant}", Last_Event_ID="4711")
    assert [stream.next()[0] for _ in range(2)] == ["hello", "reset"]
    put(server, 1, tenant)
    assert stream.next()[0] == "change"
    stream.close()


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ("?bbox=1,2", 400, "bbox"),
        ("?q=speed%3E", 400, "q"),
        ("?type=(Bus", 400, "type"),
        ("?last_event_id=abc", 400, "Last-Event-ID"),
        ("?tenant=nobody", 404, "nobody"),
        ("?tenant=a/b", 400, "tenant"),
        ("?typ=Bus", 400, "typ"),
    ],
)
def test_refused(server: Running, query: str, status: int, word: str) -> None:
    reply = server.call("GET", f"/stream{query}")
    assert reply.status == status
    assert word in reply.body["detail"]


def test_a_client_that_vanishes_or_does_not_read_hurts_nobody(server: Running, tenant: str) -> None:
    put(server, 0, tenant)
    deaf = []
    for _ in range(20):
        gone = socket.create_connection(("127.0.0.1", server.port))
        gone.sendall(f"GET /stream?tenant={tenant} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        deaf.append(gone)
    stream = Stream(server, f"?tenant={tenant}")
    stream.next()
    for gone in deaf[:10]:
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        gone.close()
    for value in range(1, 6):
        put(server, value, tenant)
    assert [stream.next()[1]["attrs"]["speed"]["value"] for _ in range(5)] == [1, 2, 3, 4, 5]
    stream.close()
    for gone in deaf[10:]:
        gone.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_on_over_a_restart(start_server: Callable[..., Running], tmp_path: Path, how: signal.Signals) -> None:
    store = ("--store", str(tmp_path / "store"))
    first = start_server(*store)
    put(first, 0)
    stream = Stream(first)
    stream.next()
    put(first, 1)
    stream.next()
    put(first, 2)
    code = first.stop(how)
    assert code == (0 if how == signal.SIGTERM else -signal.SIGKILL)
    second = start_server(*store)
    put(second, 3)
    again = Stream(second, Last_Event_ID=stream.last_id)
    assert again.next() == ("hello", {"seq": 4})
    assert [again.next()[1]["attrs"]["speed"]["value"] for _ in range(2)] == [2, 3]
    again.close()
    stream.close()
