"""For the tests of apps and agents: a real city in memory, and requests to routes without a server.

async with city_in_memory() as host:
    app = App(manifest, host, data_dir=tmp_path)
    await host.city().write([{"id": "urn:x:1", "type": "T"}])
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterable, AsyncIterator, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import orjson
from starlette.types import ASGIApp

from hiroba.sdk.guest import Guest, Host
from hiroba.sdk.web import site


def city_in_memory() -> AbstractAsyncContextManager[Host]:
    """Return a host whose cities are the real broker on a store in memory; needs the whole of Hiroba
    installed.

    The host lies above the sdk and is looked up by name, because the sdk alone runs without it.
    """
    found = importlib.import_module("hiroba.host.memory").memory_host()
    return cast("AbstractAsyncContextManager[Host]", found)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a route answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body read as JSON."""
        return orjson.loads(self.body)


async def request(
    served: ASGIApp | Guest,
    method: str,
    target: str,
    *,
    body: bytes | AsyncIterable[bytes] = b"",
    headers: Mapping[str, str] | None = None,
) -> Answered:
    """Send one request to an app, an agent or any ASGI app, and return its answer.

    `target` is the path with its query as the guest registered it (without `/apps/<id>`). Raises what the
    ASGI app raises.
    """
    asgi = site(served.routes) if isinstance(served, Guest) else served
    scope = _scope(method, target, headers or {}, size=len(body) if isinstance(body, bytes) else None)
    parts = _parts(body)
    start: dict[str, Any] = {}
    chunks: list[bytes] = []

    ended = False
    answered = asyncio.Event()

    async def receive() -> MutableMapping[str, Any]:
        nonlocal ended
        if ended:
            # the client stays until it has the whole answer
            await answered.wait()
            return {"type": "http.disconnect"}
        try:
            return {"type": "http.request", "body": await anext(parts), "more_body": True}
        except StopAsyncIteration:
            ended = True
            return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        elif message["type"] == "http.response.body":
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                answered.set()

    await asgi(scope, receive, send)
    told = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    return Answered(start["status"], told, b"".join(chunks))


def _scope(method: str, target: str, headers: Mapping[str, str], *, size: int | None) -> MutableMapping[str, Any]:
    url = urlsplit(target)
    sent = {"host": "localhost", **{name.lower(): value for name, value in headers.items()}}
    if size:
        sent.setdefault("content-length", str(size))
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(url.path),
        "raw_path": url.path.encode(),
        "query_string": url.query.encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }


async def _parts(body: bytes | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    async for part in body:
        yield part
