"""What is wrong is refused with a clear error, nothing is half-written, and the server lives on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from real_server import Running, free_port

V1 = "/ngsi-ld/v1"
HEAD = f"POST {V1}/entities HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()


def entity(**more: Any) -> dict[str, Any]:
    return {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", **more}


def nothing_written(server: Running) -> None:
    reply = server.call("GET", f"{V1}/entities?type=Gauge,Other")
    assert (reply.status, reply.body) == (200, [])
    assert server.call("GET", "/health").status == 200


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"id": "urn:x:1", "type": ', "not JSON"),
        (b"", "empty"),
        (b"[]", "object"),
        (b'"text"', "object"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "JSON"),
        (entity(id="no uri"), "id"),
        ({"type": "Gauge"}, "id"),
        ({"id": "urn:ngsi-ld:Gauge:1"}, "type"),
        (entity(type=5), "type"),
        (entity(level={"type": "Property"}), "level"),
        (entity(level={"type": "Nonsense", "value": 1}), "level"),
        (entity(level={"type": "Property", "value": None}), "level"),
        (entity(level={"type": "Property", "value": 1, "observedAt": "yesterday"}), "observedAt"),
        (entity(level={"type": "Property", "value": 1, "unitCode": 5}), "unitCode"),
        (entity(river={"type": "Relationship", "object": "no uri"}), "river"),
        (
            entity(location={"type": "GeoProperty", "value": {"type": "Point", "coordinates": [234, 34]}}),
            "location",
        ),
        (
            entity(location={"type": "GeoProperty", "value": {"type": "Point", "coordinates": ["a", 34]}}),
            "location",
        ),
        (entity(location={"type": "GeoProperty", "value": {"type": "Blob", "coordinates": []}}), "location"),
        (entity(location={"type": "GeoProperty", "value": 5}), "location"),
        (entity(level=[{"type": "Property", "value": 1}, {"type": "Property", "value": 2}]), "level"),
        (entity(**{"@context": {"a": "b:c"}}), "@context"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else str(value)[:40],
)
def test_a_bad_entity_is_refused_by_name(server: Running, body: Any, told: str) -> None:
    reply = server.call("POST", f"{V1}/entities", body)
    assert reply.status == 400, reply.body
    assert reply.body["type"].rsplit("/", 1)[1] in ("BadRequestData", "InvalidRequest")
    assert told in reply.body["detail"]
    nothing_written(server)


def nested(depth: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return entity(deep={"type": "Property", "value": value})


def test_a_body_nested_too_deep_is_refused(server: Running) -> None:
    reply = server.call("POST", f"{V1}/entities", nested(400))
    assert reply.status == 400
    nothing_written(server)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "type=Gauge&q=level>",
        "type=Gauge&q=((level==1)",
        "type=Gauge&limit=-1",
        "type=Gauge&limit=ten",
        "type=Gauge&offset=x",
        "type=Gauge&count=maybe",
        "type=Gauge&georel=near;maxDistance==10",
        "type=Gauge&georel=near;maxDistance==10&geometry=Point&coordinates=[1,2",
        "type=Gauge&georel=near;maxDistance==10&geometry=Point&coordinates=[500,2]",
        "type=Gauge&georel=beside&geometry=Point&coordinates=[1,2]",
        "id=nouri&type=Gauge",
        "type=Gauge&type=Other",
        "type=Gauge&idPattern=(((",
        "type=Gauge&format=pretty",
        "type=Gauge&pick=",
    ],
)
def test_a_bad_query_is_refused(server: Running, query: str) -> None:
    server.call("POST", f"{V1}/entityOperations/upsert", [entity(id="urn:ngsi-ld:Other:1", type="Probe")])
    reply = server.call("GET", f"{V1}/entities?{query.replace('>', '%3E')}")
    assert reply.status in (400, 403), reply.body
    assert reply.body["detail"]


def test_media_types(server: Running) -> None:
    assert server.call("POST", f"{V1}/entities", entity(), Content_Type="text/plain").status == 415
    assert server.call("GET", f"{V1}/entities?type=Gauge", Accept="text/html").status == 406
    reply = server.call("DELETE", f"{V1}/types")
    assert (reply.status, reply.headers["Allow"]) == (405, "GET")
    assert server.call("GET", f"{V1}/nowhere").status == 404
    assert server.call("POST", f"{V1}/entities", entity(), Content_Type="application/ld+json").status == 400
    nothing_written(server)


def test_a_context_that_cannot_be_had_is_told_within_five_seconds(server: Running) -> None:
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen()
    contexts = [
        f"http://127.0.0.1:{free_port()}/context.jsonld",
        f"http://127.0.0.1:{silent.getsockname()[1]}/context.jsonld",
        "http://no-such-host.invalid/context.jsonld",
        "file:///etc/passwd",
    ]
    try:
        for context in contexts:
            started = time.monotonic()
            body = entity(**{"@context": [context]})
            reply = server.call("POST", f"{V1}/entities", body, Content_Type="application/ld+json")
            assert time.monotonic() - started < 5
            assert (reply.status, reply.body["type"].rsplit("/", 1)[1]) == (504, "LdContextNotAvailable")
            assert context in reply.body["detail"]
    finally:
        silent.close()
    nothing_written(server)


def test_a_body_over_the_limit_is_refused_before_it_is_sent(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(HEAD + b"Content-Length: 999999999\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 413")
    nothing_written(server)


def test_a_body_that_does_not_tell_its_length_is_refused(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        piece = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        try:
            for _ in range(64):
                line.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass_on = True
        else:
            pass_on = False
        answer = b""
        if not pass_on:
            answer = line.recv(100)
        assert pass_on or answer.startswith(b"HTTP/1.1 411")
    nothing_written(server)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True
        ).returncode
    ):
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_refuses_writes_and_serves_reads(small_disk: Path, start_server: Callable[..., Running]) -> None:
    server = start_server("--store", str(small_disk / "store"))
    assert server.call("POST", f"{V1}/entities", entity(level=1)).status == 201
    filler = small_disk / "filler"
    with filler.open("wb") as out:
        try:
            while True:
                out.write(b"x" * 65536)
                out.flush()
        except OSError:
            full = True
    assert full
    big = [entity(id=f"urn:ngsi-ld:Gauge:{n}", text="x" * 2000) for n in range(10, 60)]
    reply = server.call("POST", f"{V1}/entityOperations/create", big)
    assert reply.status == 503, reply.body
    assert reply.body["type"].endswith("/StoreUnavailable")
    assert server.call("GET", f"{V1}/entities/urn:ngsi-ld:Gauge:1").status == 200
    assert len(server.call("GET", f"{V1}/entities?type=Gauge&limit=100").body) == 1
    filler.unlink()
    assert server.call("POST", f"{V1}/entityOperations/create", big).status == 201
    assert server.stop() == 0
