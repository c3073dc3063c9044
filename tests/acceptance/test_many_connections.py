"""More connections than a shell allows a program by default do not close the door for the others."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Callable
from pathlib import Path

from real_server import Running

STREAM = b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"


def test_the_server_takes_as_many_connections_as_it_may(start_server: Callable[..., Running]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        server = start_server("--store", ":memory:")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    lines = []
    try:
        for _ in range(400):
            line = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            lines.append(line)
            line.sendall(STREAM)
        for line in lines:
            assert line.recv(100).startswith(b"HTTP/1.1 200")
        assert server.call("GET", "/health").status == 200
    finally:
        for line in lines:
            line.close()
    assert server.call("GET", "/ready").status == 200


def test_streams_beyond_the_limit_are_turned_away_and_let_in_later(
    start_server: Callable[..., Running], tmp_path: Path
) -> None:
    (tmp_path / "hiroba.toml").write_text("[limits]\nstreams = 2\n", encoding="utf-8")
    server = start_server("--store", ":memory:")
    lines = []
    try:
        for _ in range(2):
            line = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            lines.append(line)
            line.sendall(STREAM)
            assert line.recv(100).startswith(b"HTTP/1.1 200")
        refused = server.call("GET", "/stream")
        assert refused.status == 429
        assert refused.headers["retry-after"] == "30"
        assert "limits.streams" in refused.body["detail"]
        assert server.call("GET", "/ngsi-ld/v1/types").status == 200
        lines.pop().close()
        deadline = time.monotonic() + 10
        answer = b""
        while not answer.startswith(b"HTTP/1.1 200") and time.monotonic() < deadline:
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
                line.sendall(STREAM)
                answer = line.recv(100)
            time.sleep(0.05)
        assert answer.startswith(b"HTTP/1.1 200")
    finally:
        for line in lines:
            line.close()
