"""More connections than a shell allows a program by default do not close the door for the others."""

from __future__ import annotations

import resource
import socket
from collections.abc import Callable

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
