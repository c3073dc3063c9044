"""The feed hands out every change once and in order, whatever falls between log and memory."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from hiroba.kernel.store.port import Change, TenantStore
from hiroba.kernel.subscriptions.feed import ChangeFeed, watch_changes


def change(seq: int) -> Change:
    return Change(seq, 0, "created", f"urn:x:{seq}", ("urn:t",), (), {}, 1)


class Log:
    """A change log whose reads can be held up, so that commits fall into the middle of them."""

    def __init__(self) -> None:
        self.rows: list[Change] = []
        self.listeners: list[Callable[[Sequence[Change]], None]] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.before_reading = asyncio.Event()
        self.before_reading.set()
        self.reads = 0

    def commit(self, count: int) -> None:
        batch = [change(len(self.rows) + 1 + index) for index in range(count)]
        self.rows += batch
        for listener in list(self.listeners):
            listener(batch)

    async def changes(self, after: int, limit: int) -> list[Change]:
        self.reads += 1
        await self.before_reading.wait()
        page = [row for row in self.rows if row.seq > after][:limit]
        await asyncio.sleep(0)
        await self.hold.wait()
        return page

    async def last_seq(self) -> int:
        return len(self.rows)

    def listen(self, listener: Callable[[Sequence[Change]], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)


def feed_of(log: Any, position: int = 0, **options: int) -> ChangeFeed:
    return ChangeFeed(cast(TenantStore, log), position, **options)


async def read(feed: ChangeFeed, upto: int) -> list[int]:
    got: list[int] = []
    while not got or got[-1] < upto:
        got += [row.seq for row in await feed.next_batch()]
    return got


async def test_log_then_live_without_gap_or_double() -> None:
    log = Log()
    log.commit(3)
    log.hold.clear()
    async with feed_of(log) as feed:
        reading = asyncio.create_task(read(feed, 7))
        await asyncio.sleep(0.01)
        log.commit(2)  # while the log is being read
        log.hold.set()
        await asyncio.sleep(0.01)
        log.commit(2)
        assert await asyncio.wait_for(reading, 5) == [1, 2, 3, 4, 5, 6, 7]
        assert not feed.behind
    assert log.listeners == []


async def test_what_is_in_the_log_and_in_memory_comes_once() -> None:
    log = Log()
    log.commit(3)
    log.before_reading.clear()
    async with feed_of(log) as feed:
        reading = asyncio.create_task(read(feed, 7))
        await asyncio.sleep(0.01)
        log.commit(2)
        log.commit(2)
        log.before_reading.set()
        assert await asyncio.wait_for(reading, 5) == [1, 2, 3, 4, 5, 6, 7]
        log.commit(1)
        assert await asyncio.wait_for(read(feed, 8), 5) == [8]


async def test_slow_reader_goes_back_to_the_log_and_keeps_little_in_memory() -> None:
    log = Log()
    async with feed_of(log, page=4, backlog=6) as feed:
        log.commit(1)
        assert await read(feed, 1) == [1]
        for _ in range(10):
            log.commit(2)
        assert feed.behind
        before = log.reads
        assert await read(feed, 21) == list(range(2, 22))
        assert log.reads > before


async def test_random_interleavings_lose_and_double_nothing() -> None:
    for seed in range(40):
        chance = random.Random(seed)
        log = Log()
        log.commit(chance.randrange(1, 12))
        async with feed_of(log, chance.randrange(len(log.rows)), page=3, backlog=5) as feed:
            start = feed.position
            total = len(log.rows) + 60

            async def write(log: Log = log, chance: random.Random = chance, total: int = total) -> None:
                while len(log.rows) < total:
                    log.commit(min(chance.randrange(1, 5), total - len(log.rows)))
                    for _ in range(chance.randrange(4)):
                        await asyncio.sleep(0)

            writing = asyncio.create_task(write())
            assert await asyncio.wait_for(read(feed, total), 10) == list(range(start + 1, total + 1))
            await writing


async def test_a_failed_read_is_repeated_from_the_same_place() -> None:
    log = Log()
    log.commit(2)
    async with feed_of(log) as feed:
        good = log.changes

        async def broken(after: int, limit: int) -> list[Change]:
            raise OSError("gone")

        log.changes = broken  # type: ignore[method-assign]
        with pytest.raises(OSError, match="gone"):
            await feed.next_batch()
        log.changes = good  # type: ignore[method-assign]
        assert await read(feed, 2) == [1, 2]


async def test_watch_changes_starts_from_now_and_stops_listening() -> None:
    log = Log()
    log.commit(5)
    watching = watch_changes(cast(TenantStore, log))
    first = asyncio.ensure_future(anext(watching))
    await asyncio.sleep(0.01)
    log.commit(1)
    assert (await asyncio.wait_for(first, 5)).seq == 6
    await watching.aclose()  # type: ignore[attr-defined]
    assert log.listeners == []
