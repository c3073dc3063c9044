"""Serves the console's files over ASGI: right types, lasting caches, packed copies, and a strict content policy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from hiroba.console.files import INDEX, PACKED, File, Shelf
from hiroba.console.unbuilt import UNBUILT_PAGE

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

GSI_TILES: Final = "https://cyberjapandata.gsi.go.jp"
SCREENS: Final = frozenset({"/", "/entities", "/import", "/devices", "/reference"})
"""The addresses of the console's screens; all are the same page, which draws the screen itself."""

STATIC: Final = Path(__file__).parent / "static"
_FOR_EVER: Final = "public, max-age=31536000, immutable"


def console_files(folder: Path = STATIC, *, tile_origins: Sequence[str] = (GSI_TILES,)) -> Asgi:
    """Return an ASGI app for the console built into `folder`.

    `tile_origins` are the addresses (scheme and host) from which the page may fetch background maps; it may reach no
    other host. A folder without a build answers with a page that says how to make one.
    """
    shelf = Shelf(folder)
    guard = _guard(tile_origins)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] not in ("GET", "HEAD"):
            await _refuse(send, 405, "the console's files can only be read", {"allow": "GET, HEAD"})
            return
        path: str = scope["path"]
        file = await asyncio.to_thread(shelf.find, INDEX if path in SCREENS else path)
        status = 200
        if file is None and (path in SCREENS or _wants_page(scope)):
            status = 404
            file = await asyncio.to_thread(shelf.find, INDEX)
            if file is None:
                await _send_page(scope, send, UNBUILT_PAGE, guard)
                return
        if file is None:
            await _refuse(send, 404, f"there is nothing at {path}", {})
            return
        await _send_file(scope, send, file, guard=guard, status=status)

    return serve


def _guard(tile_origins: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """Return the headers that keep the page from running or reaching anything but itself and the map tiles."""
    tiles = "".join(f" {origin}" for origin in tile_origins)
    policy = "; ".join(
        [
            "default-src 'self'",
            f"img-src 'self' data: blob:{tiles}",
            f"connect-src 'self'{tiles}",
            "worker-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"permissions-policy", b"camera=(), microphone=(), payment=(), usb=()"),
    ]


def _header(scope: Scope, name: bytes) -> str:
    return ", ".join(value.decode("latin-1") for key, value in scope["headers"] if key == name)


def _wants_page(scope: Scope) -> bool:
    return "text/html" in _header(scope, b"accept")


def _coding(accepted: str, file: File) -> str:
    """Return the best coding that the client accepts and the file has a copy in (RFC 9110 12.5.3)."""
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, _, parameter = part.strip().partition(";")
        try:
            weights[name.strip()] = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            weights[name.strip()] = 0.0
    for coding, _ in PACKED:
        if coding in file.copies and weights.get(coding, weights.get("*", 0.0)) > 0:
            return coding
    return "identity"


async def _send_file(scope: Scope, send: Send, file: File, *, guard: list[tuple[bytes, bytes]], status: int) -> None:
    coding = _coding(_header(scope, b"accept-encoding"), file)
    etag = f'"{file.etag}-{coding}"' if coding != "identity" else f'"{file.etag}"'
    headers = [
        (b"etag", etag.encode()),
        (b"cache-control", _FOR_EVER.encode() if file.lasting else b"no-cache"),
        (b"vary", b"accept-encoding"),
        *guard,
    ]
    known = [one.strip().removeprefix("W/") for one in _header(scope, b"if-none-match").split(",")]
    if status == 200 and (etag in known or known == ["*"]):
        await _send(scope, send, 304, headers, b"")
        return
    body = await asyncio.to_thread(file.copies[coding].read_bytes)
    headers.append((b"content-type", file.media_type.encode()))
    if coding != "identity":
        headers.append((b"content-encoding", coding.encode()))
    await _send(scope, send, status, headers, body)


async def _send_page(scope: Scope, send: Send, page: str, guard: list[tuple[bytes, bytes]]) -> None:
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store"), *guard]
    await _send(scope, send, 503, headers, page.encode())


async def _refuse(send: Send, status: int, detail: str, headers: dict[str, str]) -> None:
    title = {404: "Not found", 405: "Method not allowed"}[status]
    body = orjson.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})
    sent = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    sent += [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})


async def _send(scope: Scope, send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    sent = [*headers] if status == 304 else [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
