"""What only a city far away can meet: nobody there, nonsense for an answer, a stream that breaks."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hiroba.sdk import RemoteCity, errors
from hiroba.sdk.events import Event, events_of


async def test_nobody_there() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with RemoteCity(f"http://127.0.0.1:{port}") as city:
        with pytest.raises(errors.CityUnreachable, match=str(port)):
            await city.entity("urn:x:1")
        with pytest.raises(errors.CityUnreachable):
            await city.last_seq()


async def test_an_answer_that_is_no_problem_document() -> None:
    async def broken(_request: web.Request) -> web.Response:
        return web.Response(status=502, text="<html>bad gateway</html>")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", broken)
    async with TestServer(app) as server, RemoteCity(str(server.make_url("/"))) as city:
        with pytest.raises(errors.CityUnreachable, match="bad gateway"):
            await city.write([{"id": "urn:x:1", "type": "T"}])


async def test_the_token_and_the_tenant_are_shown() -> None:
    shown: list[Any] = []

    async def note(request: web.Request) -> web.Response:
        shown.append((request.headers["Authorization"], request.headers["NGSILD-Tenant"]))
        return web.json_response({"id": "urn:x:1", "type": "T"})

    app = web.Application()
    app.router.add_get("/ngsi-ld/v1/entities/{id}", note)
    async with TestServer(app) as server, RemoteCity(str(server.make_url("/")), "t", token="secret") as city:
        assert await city.entity("urn:x:1") == {"id": "urn:x:1", "type": "T"}
    assert shown == [("Bearer secret", "t")]


async def test_no_request_holds_an_id_twice_or_too_many_entities() -> None:
    sent: list[list[str]] = []

    async def note(request: web.Request) -> web.Response:
        sent.append([one["id"] for one in await request.json()])
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/ngsi-ld/v1/entityOperations/upsert", note)
    ids = ["a", "b", "a", "a", *(str(number) for number in range(1200))]
    async with TestServer(app) as server, RemoteCity(str(server.make_url("/"))) as city:
        written = await city.write([{"id": id, "type": "T"} for id in ids])
    assert written.updated == ids
    assert [id for part in sent for id in part] == ids
    assert all(len(set(part)) == len(part) <= 500 for part in sent)


async def test_a_stream_that_breaks_is_taken_up_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hiroba.sdk.backoff.Backoff.next_pause", lambda self: 0.001)
    asked: list[str | None] = []

    async def stream(request: web.Request) -> web.StreamResponse:
        asked.append(request.headers.get("Last-Event-ID"))
        number = 5 + len(asked)
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b'id: 5\nevent: hello\ndata: {"seq":5}\n\n: keep-alive\nid: %d\n\n' % number)
        change = (
            b'id: %d\nevent: change\ndata: {"seq":%d,"at":"x","op":"created","id":"urn:x","type":"T","attrs":{}}\n\n'
        )
        await answer.write(change % (number * 10, number * 10))
        return answer

    app = web.Application()
    app.router.add_get("/stream", stream)
    async with TestServer(app) as server, RemoteCity(str(server.make_url("/"))) as city:
        seen = []
        async with asyncio.timeout(30):
            async for change in city.changes():
                seen.append(change.seq)
                if len(seen) == 3:
                    break
    assert seen == [60, 70, 80]
    assert asked[:3] == [None, "60", "70"]


async def test_events_may_come_in_any_pieces() -> None:
    told = 'id: 7\r\nevent: change\r\ndata: {"a":\ndata: "あ"}\n\n'
    text = (told + ": nothing\n\nretry: 2000\n\n: alive\nid: 9\n\ndata: 1\n\n").encode()
    expected = [Event("change", {"a": "あ"}, 7), Event("position", None, 9), Event("message", 1)]
    for size in (1, 2, 3, 7, 1000):

        async def pieces(size: int = size) -> AsyncIterator[bytes]:
            for start in range(0, len(text), size):
                yield text[start : start + size]

        assert [event async for event in events_of(pieces())] == expected
