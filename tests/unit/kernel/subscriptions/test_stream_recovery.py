"""A stream that broke serves those who come back, and one that is over leaves nothing behind."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from hiroba.kernel.api.stream import interest_of
from hiroba.kernel.model.context import CORE
from hiroba.kernel.subscriptions import stream
from hiroba.kernel.subscriptions.stream import Client, Hub

sys.path.insert(0, str(Path(__file__).parent))  # for what the tests here share

from test_stream_hub import City, Reader, city  # noqa: F401


async def test_who_comes_while_a_broken_stream_ends_is_served(
    city: City,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = Reader(city)
    await reader.until(1)
    whole = stream.write_event
    hub = next(iter(city.streams._hubs.values()))

    def broken(*_: Any) -> bytes:
        raise TypeError("cannot be written")

    monkeypatch.setattr(stream, "write_event", broken)
    await city.create("urn:b:1", speed=1)
    while hub._task is not None and not hub._task.done():
        await asyncio.sleep(0)
    monkeypatch.setattr(stream, "write_event", whole)
    client = Client()
    hub.join(interest_of({}, CORE), client)
    await city.create("urn:b:2", speed=1)
    async with asyncio.timeout(5):
        await client.news.wait()
    assert b"urn:b:2" in client.take(0)[0]
    hub.leave(interest_of({}, CORE), client)
    await reader.close()


async def test_one_who_leaves_at_once_is_forgotten(city: City) -> None:  # noqa: F811
    before = len(city.store._shared.listeners)
    hub, client = Hub(city.store, 0), Client()
    hub.join(interest_of({}, CORE), client)
    hub.leave(interest_of({}, CORE), client)
    await asyncio.sleep(0.01)
    assert len(city.store._shared.listeners) == before
