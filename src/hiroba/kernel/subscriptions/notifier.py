"""Deliver the notifications of all tenants, from the start of the broker to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.errors import HirobaError
from hiroba.kernel.subscriptions.delivery import Deliverer, DeliveryFailed, DeliverySettings, HttpDeliverer
from hiroba.kernel.subscriptions.desk import Desk
from hiroba.kernel.subscriptions.entry import Record

LOG = logging.getLogger(__name__)


class Notifier:
    """Has a desk for every tenant and a deliverer for every URI scheme.

    `deliverers` are those beside http and https; their schemes become valid in subscriptions.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        deliverers: Mapping[str, Deliverer] | None = None,
        settings: DeliverySettings | None = None,
    ) -> None:
        self._broker = broker
        self._settings = settings or DeliverySettings()
        http = HttpDeliverer()
        self._deliverers: dict[str, Deliverer] = {"http": http, "https": http, **(deliverers or {})}
        self._slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._desks: dict[str, Desk] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._deaf: Callable[[], None] | None = None

    async def start(self) -> None:
        """Begin to deliver for every tenant; those that come later join with their first subscription."""
        self._broker.subscriptions.schemes |= set(self._deliverers)
        self._deaf = self._broker.subscriptions.listen(self._written)
        for tenant in await self._broker.store.tenants():
            await self._open(tenant)

    async def stop(self) -> None:
        """End deliveries; what was not delivered is so after the next start."""
        if self._deaf is not None:
            self._deaf()
            self._deaf = None
        for task in list(self._opening):
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        await asyncio.gather(*(desk.stop() for desk in self._desks.values()))
        self._desks.clear()
        for deliverer in {id(one): one for one in self._deliverers.values()}.values():
            await deliverer.close()

    def _written(self, tenant: str, id: str, record: Record | None) -> None:
        desk = self._desks.get(tenant)
        if desk is not None:
            desk.put(id, record)
        elif record is not None:
            task = asyncio.create_task(self._open(tenant), name=f"subscriptions of new tenant {tenant}")
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, tenant: str) -> None:
        try:
            store = await self._broker.store.tenant(tenant)
            desk = Desk(
                store,
                board=self._broker.subscriptions,
                context=self._context,
                deliverer=self._deliverer,
                slots=self._slot,
                settings=self._settings,
            )
            # writes during the start are in the records read after this, or told to the desk
            async with self._broker.subscriptions.writing:
                if tenant in self._desks:
                    return
                await desk.start()
                self._desks[tenant] = desk
        except HirobaError as error:
            LOG.exception("notifications of the tenant %r cannot be delivered: %s", tenant, error.detail)

    async def _context(self, address: str) -> Context:
        return await self._broker.contexts.resolve(address)

    def _deliverer(self, uri: str) -> Deliverer:
        deliverer = self._deliverers.get(urlsplit(uri).scheme)
        if deliverer is None:
            raise DeliveryFailed("this broker cannot deliver to such an address", final=True)
        return deliverer

    def _slot(self, uri: str) -> asyncio.Semaphore:
        parts = urlsplit(uri)
        origin = f"{parts.scheme}://{parts.netloc}"
        slot = self._slots.get(origin)
        if slot is None:
            slot = asyncio.Semaphore(self._settings.at_once)
            self._slots[origin] = slot
        return slot
