"""A load client small enough not to be what is measured: keep-alive connections, requests prepared as bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson


@dataclass(slots=True)
class Answers:
    """How often each status came back, and how many bytes the bodies had together."""

    statuses: dict[int, int] = field(default_factory=dict)
    body_bytes: int = 0


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

    def __init__(self, requests: Iterator[bytes], done: asyncio.Future[None], answers: Answers) -> None:
        self._requests = requests
        self._done = done
        self._answers = answers
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
        statuses = self._answers.statuses
        statuses[status] = statuses.get(status, 0) + 1
        self._answers.body_bytes += length
        self._buffer = rest[length:]
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed the connection"))


async def run(port: int, requests: list[bytes], connections: int = 32) -> Answers:
    """Send all requests over some connections and return what came back."""
    loop = asyncio.get_running_loop()
    shared = iter(requests)
    answers = Answers()
    waiting = []
    for _ in range(min(connections, len(requests))):
        done: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda done=done: _Connection(shared, done, answers), "127.0.0.1", port)
        waiting.append(done)
    await asyncio.gather(*waiting)
    return answers
