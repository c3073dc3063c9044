"""Requests made to break something: refused with a clear error, quickly, and the server lives on."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import quote

import pytest

from real_server import Running

V1 = "/ngsi-ld/v1"
GAUGE = {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", "level": {"type": "Property", "value": 1}}


def alive(server: Running) -> None:
    assert server.call("GET", "/health").status == 200


def spoken(server: Running, text: bytes, *, wait: float = 10) -> bytes:
    """Return what the server answers to bytes on a line of their own."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait) as line:
        line.sendall(text)
        return line.recv(65536)


@pytest.mark.parametrize("path", ["lastN=", "joinLevel=", "limit=", "offset="])
def test_a_number_of_thousands_of_digits_is_no_number(server: Running, path: str) -> None:
    reply = server.call("GET", f"{V1}/temporal/entities/urn:ngsi-ld:Gauge:1?{path}{'9' * 5000}")
    assert reply.status == 400, reply.body
    assert path.rstrip("=") in reply.body["detail"]


def test_coordinates_nested_without_end_are_refused(server: Running) -> None:
    coordinates: Any = 1
    for _ in range(400):
        coordinates = [coordinates]
    body = {"type": "Query", "geoQ": {"georel": "intersects", "geometry": "Point", "coordinates": coordinates}}
    for path in (f"{V1}/entityOperations/query", f"{V1}/temporal/entityOperations/query"):
        reply = server.call("POST", path, body)
        assert reply.status == 400, reply.body
        assert "coordinates" in reply.body["detail"]


@pytest.mark.parametrize("period", ["P3000000D", "P9000Y", "P9999YT80000000H", "PT90000000H", "P1M"])
@pytest.mark.parametrize("at", ["2026-04-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"])
def test_a_period_that_ends_after_all_calendars_is_told_of(server: Running, period: str, at: str) -> None:
    level = {"type": "Property", "value": 1, "observedAt": at}
    server.call("POST", f"{V1}/entityOperations/upsert", [{**GAUGE, "level": level}], NGSILD_Tenant="eons")
    query = f"options=aggregatedValues&aggrMethods=sum&aggrPeriodDuration={period}"
    for span in ("", "&timerel=after&timeAt=0001-01-01T00:00:00Z", "&timerel=before&timeAt=9999-12-31T23:59:59Z"):
        reply = server.call("GET", f"{V1}/temporal/entities/{GAUGE['id']}?{query}{span}", NGSILD_Tenant="eons")
        assert reply.status in (200, 400), reply.body


@pytest.mark.parametrize(
    "header", ["<" * 60_000, "<a" * 30_000, "<a>" + "; " * 30_000, "<a>;rel=" + " " * 60_000, "<a>" * 20_000]
)
def test_a_link_header_that_leads_nowhere_holds_nobody_up(server: Running, header: str) -> None:
    # read in time that grows with its square, the first takes longer than a client waits
    assert server.call("GET", f"{V1}/types", Link=header).status in (200, 431)


@pytest.mark.parametrize(
    "line", [b"OPTIONS * HTTP/1.1", b"GET /%00 HTTP/1.1", b"GET //ngsi-ld/v1/types HTTP/1.1", b"GET /%2e%2e/ HTTP/1.1"]
)
def test_strange_addresses_lead_nowhere(server: Running, line: bytes) -> None:
    answer = spoken(server, line + b"\r\nHost: x\r\n\r\n")
    assert answer.split(b" ")[1] in (b"400", b"404", b"405"), answer
    alive(server)


def resident(server: Running) -> int:
    with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * 4096


def poured(server: Running, start: bytes, piece: bytes, *, most: int) -> int:
    """Send pieces after a start until the server closes the line; return how many bytes it let come."""
    sent = 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
        line.sendall(start)
        try:
            while sent < most:
                sent += line.send(piece)
        except OSError:
            pass
    return sent


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"GET /health?", b"x" * 65536),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: ", b"x" * 65536),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n", b"X-A: b\r\n" * 1000),
    ],
    ids=["address", "header", "headers"],
)
def test_a_head_without_end_is_broken_off(server: Running, start: bytes, piece: bytes) -> None:
    before = resident(server)
    assert poured(server, start, piece, most=32 << 20) < 16 << 20
    assert resident(server) - before < 16 << 20
    alive(server)


def test_a_head_that_is_too_long_is_told_so(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        for _ in range(20):
            line.sendall(b"X-A: " + b"b" * 5000 + b"\r\n")
            line.settimeout(0.1)
            try:
                answer = line.recv(4096)
                break
            except TimeoutError:
                continue
        else:
            answer = b""
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"longer than 65536 bytes" in answer


def test_a_long_but_honest_head_is_served(server: Running) -> None:
    ids = ",".join(f"urn:ngsi-ld:Gauge:{number}" for number in range(1500))
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=15)
    connection.request("GET", f"{V1}/entities?type=Gauge&id={quote(ids)}", headers={"X-Note": "n" * 8000})
    answer = connection.getresponse()
    assert (answer.status, isinstance(json.loads(answer.read()), list)) == (200, True)
    connection.close()
