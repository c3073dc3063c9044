"""The change stream over HTTP: `GET /stream` as server-sent events."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from hiroba.kernel.api.http import Receive, Request, Send, Stream
from hiroba.kernel.api.negotiation import context_of
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import LOCATION
from hiroba.kernel.model.errors import BadRequestData, InvalidRequest, TooManyRequests
from hiroba.kernel.model.tenants import check_tenant
from hiroba.kernel.query.geo import parse_geo
from hiroba.kernel.query.q import parse_q
from hiroba.kernel.query.selection import parse_types
from hiroba.kernel.query.tree import GeoQuery
from hiroba.kernel.store.port import TenantStore
from hiroba.kernel.subscriptions.stream import Client, Interest, Streams

LOG = logging.getLogger(__name__)
STREAMS: Final = Streams()
"""All streams under way in this process; close it before a server stops, since streams do not end by themselves."""

HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
GRACE: Final = 0.3
RECONNECT: Final = b"retry: 2000\n\n"
PARAMETERS: Final = frozenset({"type", "attrs", "q", "bbox", "tenant", "last_event_id"})


async def stream_changes(broker: Broker, request: Request) -> Stream:
    """Stream the changes of a tenant, filtered by type, attrs, q and bbox, from Last-Event-ID or from now."""
    query = request.query
    for name in query:
        if name not in PARAMETERS:
            raise InvalidRequest(f"The parameter {name!r} is unknown; known are {', '.join(sorted(PARAMETERS))}.")
    tenant = check_tenant(query["tenant"]) if query.get("tenant") else request.tenant
    interest = interest_of(query, await context_of(broker, request))
    after = _after(request)
    store = await broker.store.tenant(tenant)
    if STREAMS.clients >= broker.limits.streams:
        raise TooManyRequests(
            f"{broker.limits.streams} clients follow changes already; come back later, or raise limits.streams.",
            headers={"Retry-After": "30"},
        )

    async def run(receive: Receive, send: Send) -> None:
        await _serve(store, interest, after, receive=receive, send=send)

    return Stream(run)


def interest_of(query: dict[str, str], context: Context) -> Interest:
    """Return what the parameters ask for; raises BadRequestData naming the one at fault."""
    types, attrs, q, box = (query.get(name) or None for name in ("type", "attrs", "q", "bbox"))
    return Interest(
        context,
        types=parse_types(types, context.expand_name) if types is not None else None,
        attrs=frozenset(context.expand_name(one.strip()) for one in attrs.split(",")) if attrs else None,
        q=parse_q(q, context.expand_name) if q is not None else None,
        area=_area(box) if box is not None else None,
    )


def _area(text: str) -> GeoQuery:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise BadRequestData(f"bbox is {text!r}; give west,south,east,north in degrees.") from error
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise BadRequestData(f"bbox is {text!r}; west must be less than east and south less than north.")
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return parse_geo("intersects", "Polygon", [ring], LOCATION)


def _after(request: Request) -> int | None:
    header = request.headers.get(b"last-event-id")
    text = header.decode("latin-1").strip() if header is not None else request.query.get("last_event_id")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadRequestData(f"Last-Event-ID is {text!r}; give the id of an event of this stream.")
    return int(text)


async def _serve(store: TenantStore, interest: Interest, after: int | None, *, receive: Receive, send: Send) -> None:
    """Send events until the client goes, is too slow, or the server stops."""
    await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
    client = Client()
    events = STREAMS.events(store, interest, client, after=after)

    async def write() -> None:
        await send({"type": "http.response.body", "body": RECONNECT, "more_body": True})
        async for text in events:
            await send({"type": "http.response.body", "body": text, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    # a client that does not read blocks the writing; being cut off has to end it all the same
    tasks = [asyncio.create_task(one) for one in (write(), gone(), client.over.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if client.cut:
            await asyncio.wait(tasks[:1], timeout=GRACE)
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                LOG.error("a stream of changes was broken off: %r", outcome)
        await events.aclose()


ROUTES: Final[list[Route]] = [("GET", "/stream", stream_changes)]
