"""A clock that is set back and a store that cannot be read for a moment delay notifications, and stop none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hiroba.kernel.broker import subscriptions as operations
from hiroba.kernel.model.errors import StoreUnavailable
from hiroba.kernel.model.instants import now
from hiroba.kernel.store.port import Stored
from hiroba.kernel.store.sqlite.tenant import SqliteTenant

sys.path.insert(0, str(Path(__file__).parent))  # for what the tests here share

from test_notifier import Receiver, receiver, town, until  # noqa: F401

HOUR = 3600 * 1_000_000


async def test_throttling_does_not_wait_for_a_clock_that_was_set_back(receiver: Receiver) -> None:  # noqa: F811
    async with town() as city:
        id = await city.subscribe(receiver.url, throttling=0.2)
        await city.create("urn:g:1", level=0)
        await city.sent(id, 1)
        tally = city.broker.subscriptions.tally("", id)
        assert tally is not None
        tally.last_sent = now() + HOUR
        await city.set("urn:g:1", level=1)
        await until(lambda: receiver.values() == [0, 1])


async def test_a_period_begun_in_the_future_is_no_longer_than_itself(
    receiver: Receiver,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with town() as city:
        await city.create("urn:g:1", level=7)
        with monkeypatch.context() as patch:
            patch.setattr(operations, "now", lambda: now() + HOUR)
            await city.subscribe(receiver.url, timeInterval=0.3)
        await until(lambda: len(receiver.got) >= 2)
        assert receiver.values()[:2] == [7, 7]


async def test_what_was_put_aside_is_sent_when_the_store_can_be_read_again(
    receiver: Receiver,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with town() as city:
        id = await city.subscribe(receiver.url, throttling=0.2)
        await city.create("urn:g:1", level=0)
        await city.sent(id, 1)
        whole, failures = SqliteTenant.get, iter(range(2))

        async def failing(self: SqliteTenant, id: str) -> Stored | None:
            if next(failures, None) is not None:
                raise StoreUnavailable("The disk reports an error.")
            return await whole(self, id)

        monkeypatch.setattr(SqliteTenant, "get", failing)
        await city.set("urn:g:1", level=1)
        await until(lambda: receiver.values() == [0, 1])
