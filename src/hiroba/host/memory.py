"""A host on a store in memory: the real broker for the tests of apps and agents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hiroba.host.lending import LentHost
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.contexts import Contexts
from hiroba.kernel.store.sqlite import SqliteStore


@asynccontextmanager
async def memory_broker() -> AsyncIterator[Broker]:
    """Yield a broker on a new store in memory."""
    store = SqliteStore(":memory:")
    await store.open()
    contexts = Contexts(store, base_url="http://127.0.0.1:1026")
    try:
        await contexts.open()
        yield Broker(store, contexts)
    finally:
        await contexts.close()
        await store.close()


@asynccontextmanager
async def memory_host() -> AsyncIterator[LentHost]:
    """Yield a host whose cities are those of a broker in memory; every type may be written."""
    async with memory_broker() as broker:
        yield LentHost(broker, ("*",))
