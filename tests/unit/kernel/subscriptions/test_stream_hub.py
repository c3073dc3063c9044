"""The stream shows every change once and in order, whenever a client comes, goes, or is slow."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hiroba.kernel.api.stream import interest_of
from hiroba.kernel.broker import entities
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.contexts import Contexts
from hiroba.kernel.model.context import CORE
from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.model.expand import expand_entity, expand_fragment
from hiroba.kernel.store.sqlite import SqliteStore, SqliteTenant
from hiroba.kernel.subscriptions import stream
from hiroba.kernel.subscriptions.stream import Client, Streams

Event = tuple[str, int, dict[str, Any]]


class City:
    """A broker on a real store, with its streams."""

    def __init__(self, broker: Broker, store: SqliteTenant) -> None:
        self.broker = broker
        self.store = store
        self.streams = Streams()

    async def create(self, id: str, *, type: str = "Bus", **values: Any) -> None:
        await entities.create_entity(self.broker, "", expand_entity({"id": id, "type": type, **values}, CORE))

    async def set(self, id: str, **values: Any) -> None:
        await entities.merge_entity(self.broker, "", id, expand_fragment(values, CORE, allow_null=True))

    async def delete(self, id: str) -> None:
        await entities.delete_entity(self.broker, "", id)


@pytest.fixture
async def city() -> AsyncIterator[City]:
    store = SqliteStore(":memory:")
    await store.open()
    contexts = Contexts(store, base_url="http://127.0.0.1:1026")
    yield City(Broker(store, contexts), await store.tenant(""))
    await contexts.close()
    await store.close()


class Reader:
    """A client as a browser is one: it keeps the last id that it saw."""

    def __init__(self, city: City, *, after: int | None = None, keep_alive: float = 15.0, **query: str) -> None:
        self.client = Client()
        self.events: list[Event] = []
        self.comments: list[str] = []
        self.last_id = after
        self.ended = False
        source = city.streams.events(
            city.store, interest_of(query, CORE), self.client, after=after, keep_alive=keep_alive
        )
        self._task = asyncio.create_task(self._read(source))

    async def _read(self, source: Any) -> None:
        async with contextlib.aclosing(source) as texts:
            async for text in texts:
                for block in text.decode().split("\n\n")[:-1]:
                    self._take(block)
        self.ended = True

    def _take(self, block: str) -> None:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        if "id" in fields:
            assert self.last_id is None or int(fields["id"]) >= self.last_id or "reset" in block or "hello" in block
            self.last_id = int(fields["id"])
        if "event" in fields:
            self.events.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
        else:
            self.comments.append(block)

    @property
    def changes(self) -> list[dict[str, Any]]:
        return [data for event, _, data in self.events if event == "change"]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.events) < count:
                await asyncio.sleep(0.002)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def settle() -> None:
    await asyncio.sleep(0.05)


async def test_hello_then_what_happens(city: City) -> None:
    await city.create("urn:b:0", speed=1)
    reader = Reader(city)
    await reader.until(1)
    await city.create("urn:b:1", speed=1, name="一番")
    await city.set("urn:b:1", speed=2)
    await city.set("urn:b:1", speed="urn:ngsi-ld:null")
    await city.delete("urn:b:1")
    await reader.until(5)
    assert reader.events[0] == ("hello", 1, {"seq": 1})
    assert [id for _, id, _ in reader.events] == [1, 2, 3, 4, 5]
    one = {"id": "urn:b:1", "type": "Bus"}
    number = {"type": "Property", "value": 2}
    told = [{name: value for name, value in data.items() if name != "at"} for data in reader.changes]
    assert told[0]["attrs"] == {
        "speed": {"type": "Property", "value": 1},
        "name": {"type": "Property", "value": "一番"},
    }
    assert told[1:] == [
        {"seq": 3, "op": "updated", **one, "attrs": {"speed": number}},
        {"seq": 4, "op": "updated", **one, "attrs": {"speed": None}},
        {"seq": 5, "op": "deleted", **one, "attrs": {}},
    ]
    assert all(data["at"].endswith("Z") for data in reader.changes)
    await reader.close()


async def test_writing_the_same_again_is_no_news(city: City) -> None:
    await city.create("urn:b:1", speed=1)
    reader = Reader(city)
    await reader.until(1)
    await city.set("urn:b:1", speed=1)
    await city.set("urn:b:1", speed=2)
    await reader.until(2)
    assert [data["attrs"]["speed"]["value"] for data in reader.changes] == [2]
    await reader.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"type": "Bus"}, ["urn:b:1", "urn:b:2"]),
        ({"type": "Tram"}, ["urn:t:1"]),
        ({"type": "Tram,Bus"}, ["urn:b:1", "urn:b:2", "urn:t:1"]),
        ({"q": "speed>15"}, ["urn:b:2", "urn:t:1"]),
        ({"attrs": "name"}, ["urn:b:2"]),
        ({"bbox": "134,34,135,35"}, ["urn:b:1"]),
        ({"type": "Bus", "q": "speed<15", "bbox": "134,34,135,35"}, ["urn:b:1"]),
        ({"type": "Bus", "q": "speed>15", "bbox": "134,34,135,35"}, []),
    ],
    ids=str,
)
async def test_filters_live_and_from_the_log_alike(city: City, query: dict[str, str], expected: list[str]) -> None:
    reader = Reader(city, **query)
    await reader.until(1)
    here = {"type": "Point", "coordinates": [134.5, 34.5]}
    there = {"type": "Point", "coordinates": [135.5, 34.5]}
    await city.create("urn:b:1", speed=10, location={"type": "GeoProperty", "value": here})
    await city.create("urn:b:2", speed=20, name="二番", location={"type": "GeoProperty", "value": there})
    await city.create("urn:t:1", type="Tram", speed=30)
    await city.create("urn:b:9", type="End", speed=16, name="x", location={"type": "GeoProperty", "value": here})
    late = Reader(city, after=0, **query)
    await late.until(1)
    await settle()
    for one in (reader, late):
        assert [data["id"] for data in one.changes if data["type"] != "End"] == expected
        await one.close()
    assert reader.changes == late.changes


async def test_only_the_attributes_asked_for(city: City) -> None:
    await city.create("urn:b:1", speed=1, name="a")
    reader = Reader(city, attrs="speed")
    await reader.until(1)
    await city.set("urn:b:1", speed=2, name="b")
    await city.set("urn:b:1", name="c")
    await city.set("urn:b:1", speed=3)
    await reader.until(3)
    assert [data["attrs"] for data in reader.changes] == [{"speed": {"type": "Property", "value": n}} for n in (2, 3)]
    await reader.close()


async def test_coming_back_misses_nothing_and_sees_nothing_twice(city: City) -> None:
    chance = random.Random(7)
    await city.create("urn:b:1", speed=0)
    total = 400

    async def drive() -> None:
        for speed in range(1, total + 1):
            await city.set("urn:b:1", speed=speed)
            if chance.random() < 0.3:
                await asyncio.sleep(0)

    seen: list[int] = []
    driving = asyncio.create_task(drive())
    reader = Reader(city, after=1)
    async with asyncio.timeout(30):
        while not seen or seen[-1] != total:
            await asyncio.sleep(chance.random() * 0.01)
            await reader.close()
            seen += [data["attrs"]["speed"]["value"] for data in reader.changes]
            reader = Reader(city, after=reader.last_id)
    await driving
    await reader.close()
    assert seen == list(range(1, total + 1))
    assert city.streams._hubs == {}


async def test_reset_when_the_log_does_not_reach_back(city: City) -> None:
    for number in range(10):
        await city.create(f"urn:b:{number}", speed=1)
    store = city.store

    async def first_seq() -> int:
        return 6

    store.first_seq = first_seq  # type: ignore[method-assign]
    whole = Reader(city, after=5)
    await whole.until(6)
    assert [event for event, _, _ in whole.events] == ["hello"] + ["change"] * 5
    lost = Reader(city, after=4)
    await lost.until(2)
    await city.set("urn:b:1", speed=2)
    await lost.until(3)
    assert [(event, id) for event, id, _ in lost.events] == [("hello", 10), ("reset", 10), ("change", 11)]
    await lost.close()
    await whole.close()


async def test_reset_when_the_seq_is_of_another_log(city: City) -> None:
    await city.create("urn:b:1", speed=1)
    reader = Reader(city, after=99)
    await reader.until(2)
    assert [event for event, _, _ in reader.events] == ["hello", "reset"]
    assert reader.last_id == 1
    await reader.close()


async def test_keep_alive_moves_the_place_on(city: City) -> None:
    reader = Reader(city, keep_alive=0.05, type="Nothing")
    await reader.until(1)
    for number in range(3):
        await city.create(f"urn:b:{number}", speed=1)
    async with asyncio.timeout(10):
        while reader.last_id != 3:
            await asyncio.sleep(0.01)
    assert reader.changes == []
    assert reader.comments
    await reader.close()


async def test_a_slow_client_is_cut_off_and_others_are_not(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BUFFER_EVENTS", 20)
    slow = Client()
    source = city.streams.events(city.store, interest_of({}, CORE), slow)
    assert b"hello" in await anext(source)  # and then it reads no more
    reader = Reader(city)
    await reader.until(1)
    for number in range(30):
        await city.create(f"urn:b:{number}", speed=1)
    await reader.until(31)
    assert slow.over.is_set()
    assert not slow._events
    assert not reader.client.cut
    with pytest.raises(StopAsyncIteration):
        await anext(source)
    await reader.close()


def test_what_a_client_has_already_is_not_taken_again() -> None:
    client = Client()
    client.push([(4, b"four"), (5, b"five")])
    client.push([(6, b"six")])
    assert client.take(4) == (b"fivesix", 6)
    assert client.take(6) == (b"", 6)


async def test_equal_interests_are_written_once(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    write = stream.write_event
    monkeypatch.setattr(stream, "write_event", lambda *given: written.append(1) or write(*given))  # type: ignore[func-returns-value]
    readers = [Reader(city, type="Bus") for _ in range(20)]
    readers += [Reader(city, q="speed>0") for _ in range(20)]
    for reader in readers:
        await reader.until(1)
    await city.create("urn:b:1", speed=1)
    for reader in readers:
        await reader.until(2)
    assert len(written) == 1
    for reader in readers:
        await reader.close()


async def test_closing_the_streams_ends_them(city: City) -> None:
    readers = [Reader(city), Reader(city, type="Bus")]
    for reader in readers:
        await reader.until(1)
    city.streams.close()
    async with asyncio.timeout(5):
        while not all(reader.ended for reader in readers):
            await asyncio.sleep(0.005)
    assert city.streams._hubs == {}


@pytest.mark.parametrize("box", ["1,2,3", "a,b,c,d", "5,1,4,2", "1,5,2,4", "1,2,3,95", "nan,1,2,3", ""])
def test_bad_box(box: str) -> None:
    if not box:
        assert interest_of({"bbox": box}, CORE).area is None
        return
    with pytest.raises(BadRequestData, match="bbox"):
        interest_of({"bbox": box}, CORE)
