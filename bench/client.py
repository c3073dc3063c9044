"""A load client small enough not to be what is measured: keep-alive connections, requests prepared as bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import orjson


def get(path: str, headers: str = "") -> bytes:
    """Return a GET request as bytes."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n".encode()


def send(method: str, path: str, body: object) -> bytes:
    """Return a request with a JSON body as bytes."""
    text = orjson.dumps(body)
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text


class _Connection(asyncio.Protocol):
    """Send the next request when the answer to the last one is complete."""

    def __init__(self, requests: Iterator[bytes], done: asyncio.Future[None], statuses: dict[int, int]) -> None:
        self._requests = requests
        self._done = done
        self._statuses = statuses
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            if not self._done.done():
                self._done.set_result(None)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(rest) < length:
            return
        status = int(head[9:12])
        self._statuses[status] = self._statuses.get(status, 0) + 1
        self._buffer = rest[length:]
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed the connection"))


async def run(port: int, requests: list[bytes], connections: int = 32) -> dict[int, int]:
    """Send all requests over some connections and return how often each status came back."""
    loop = asyncio.get_running_loop()
    shared = iter(requests)
    statuses: dict[int, int] = {}
    waiting = []
    for _ in range(min(connections, len(requests))):
        done: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda done=done: _Connection(shared, done, statuses), "127.0.0.1", port)
        waiting.append(done)
    await asyncio.gather(*waiting)
    return statuses
