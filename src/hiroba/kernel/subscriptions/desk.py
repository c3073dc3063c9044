"""One tenant's subscriptions at work: changes matched and put into outboxes, scores and places kept."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from hiroba.kernel.broker.linking import getter, meets, resolved
from hiroba.kernel.broker.subscription_board import (
    ORION_SUBSCRIPTIONS,
    SUBSCRIPTIONS,
    TALLIES,
    SubscriptionBoard,
    Tally,
)
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import HirobaError, StoreUnavailable
from hiroba.kernel.model.instants import now
from hiroba.kernel.store.port import Change, TenantStore
from hiroba.kernel.subscriptions.delivery import Deliverer, DeliverySettings
from hiroba.kernel.subscriptions.entry import SECOND, Entry, Record, compile_entry
from hiroba.kernel.subscriptions.feed import ChangeFeed
from hiroba.kernel.subscriptions.index import SubscriptionIndex, match
from hiroba.kernel.subscriptions.ngsi_v2.entry import ORION, compile_orion
from hiroba.kernel.subscriptions.outbox import Means, Outbox

LOG = logging.getLogger(__name__)
CURSOR: Final = "subscriptions"
LONGEST_TURN: Final = 0.005
PERIODIC_PAGE: Final = 500
FLUSH_AT_ONCE: Final = 200
PUT_AT_ONCE: Final = 50


class Desk:
    """Matches one tenant's changes to its subscriptions and sends the notifications.

    `start` goes on where the last run stopped; what was not delivered then is delivered now.
    """

    def __init__(
        self,
        store: TenantStore,
        *,
        board: SubscriptionBoard,
        context: Callable[[str], Awaitable[Context]],
        deliverer: Callable[[str], Deliverer],
        slots: Callable[[str], asyncio.Semaphore],
        settings: DeliverySettings,
    ) -> None:
        self._store = store
        self._board = board
        self._settings = settings
        self._means = Means(settings, context, deliverer, slots, self._present, self._more, self._retire, getter(store))
        self._index = SubscriptionIndex()
        self._outboxes: dict[str, Outbox] = {}
        self._kept: dict[str, dict[str, object]] = {}
        self._active: set[str] = set()
        self._periodic: dict[str, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._position = 0
        self._kept_position = -1

    async def start(self) -> None:
        """Read the subscriptions and begin to follow the change log."""
        self._position = self._kept_position = await self._store.cursor(CURSOR)
        records = [*await self._store.records(SUBSCRIPTIONS), *await self._store.records(ORION_SUBSCRIPTIONS)]
        # nobody was waiting for what lies before
        needed = min([record["since"] for _, record in records], default=await self._store.last_seq())
        self._position = max(self._position, needed)
        tallies = dict(await self._store.records(TALLIES))
        for number, (id, record) in enumerate(records):
            self.put(id, record, Tally.of(tallies[id]) if id in tallies else None)
            if number % PUT_AT_ONCE == PUT_AT_ONCE - 1:
                await asyncio.sleep(0)
        self._tasks = [
            asyncio.create_task(self._follow(), name=f"subscriptions of {self._store.name or 'default'}"),
            asyncio.create_task(self._keep_house(), name="subscription scores"),
        ]

    async def stop(self) -> None:
        """Stop following and sending; what is still to be sent is kept for the next start."""
        tasks = [*self._tasks, *self._periodic.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await self._flush()
        except StoreUnavailable as error:
            LOG.warning("the places of subscriptions could not be kept: %s", error.detail)
        boxes = list(self._outboxes.values())
        for box in boxes:
            box.close()
        await asyncio.gather(*(box.ended() for box in boxes))
        for entry in self._index:
            self._board.keep(self._store.name, entry.id, None)

    def put(self, id: str, record: Record | None, tally: Tally | None = None) -> None:
        """Take in a subscription that was written, or forget one that was deleted (record None)."""
        periodic = self._periodic.pop(id, None)
        if periodic is not None:
            periodic.cancel()
        entry = self._compiled(record) if record is not None else None
        if entry is None:
            self._index.drop(id)
            box = self._outboxes.pop(id, None)
            if box is not None:
                box.close()
            self._kept.pop(id, None)
            self._board.keep(self._store.name, id, None)
            return
        self._index.put(entry)
        box = self._outboxes.get(id)
        if box is not None:
            box.entry = entry
        else:
            score = tally or Tally()
            self._kept[id] = score.record()
            self._board.keep(self._store.name, id, score)
            box = self._outboxes[id] = Outbox(entry, score, self._means)
            self._active.add(id)
        if entry.interval:
            self._periodic[id] = asyncio.create_task(self._repeat(entry, box), name=f"periodic {id}")

    def _compiled(self, record: Record) -> Entry | None:
        try:
            compiling = compile_orion if record.get("api") == ORION else compile_entry
            return compiling(self._store.name, record)
        except (HirobaError, KeyError, ValueError):
            LOG.exception("the subscription %s cannot be understood and is left out", record["body"].get("id"))
            return None

    async def _retire(self, entry: Entry) -> None:
        """Make a subscription of NGSIv2 inactive that has done what it was for, or fails for good."""
        async with self._board.writing:
            record = await self._store.record(ORION_SUBSCRIPTIONS, entry.id)
            if record is None or record["body"]["status"] == "inactive":
                return
            record = {**record, "body": {**record["body"], "status": "inactive"}}
            await self._store.keep_record(ORION_SUBSCRIPTIONS, entry.id, record)
            self._board.tell(self._store.name, entry.id, record)

    async def _follow(self) -> None:
        async with ChangeFeed(self._store, self._position) as feed:
            while True:
                try:
                    batch = await feed.next_batch()
                except StoreUnavailable as error:
                    LOG.warning("the change log cannot be read: %s", error.detail)
                    await asyncio.sleep(self._settings.housekeeping)
                    continue
                await self._sort(batch)
                self._position = feed.position

    async def _sort(self, batch: Sequence[Change]) -> None:
        """Put a batch of changes into the outboxes of those who are to be notified."""
        chosen: dict[str, list[Change]] = {}
        moment, turn = now(), time.perf_counter()
        if len(self._index):
            for change in batch:
                for entry in self._index.matches(change, moment):
                    if not entry.links or await self._meets(entry, change.entity):
                        chosen.setdefault(entry.id, []).append(change)
                if time.perf_counter() - turn > LONGEST_TURN:
                    await asyncio.sleep(0)
                    turn = time.perf_counter()
        for id, changes in chosen.items():
            box = self._outboxes.get(id)
            if box is not None:
                box.offer(changes)
                self._active.add(id)

    async def _more(self, entry: Entry, after: int, limit: int) -> tuple[list[Change], int | None]:
        """Return what a subscription missed in the next part of the log, and where to go on."""
        page = await self._store.changes(after, limit)
        moment = now()
        upto = page[-1].seq if page else self._position
        # what lies beyond the position is still to come through the feed
        found = [one for one in page if one.seq <= self._position and match(entry, one, moment)]
        if entry.links:
            found = [one for one in found if await self._meets(entry, one.entity)]
        return found, upto if upto < self._position else None

    async def _present(self, entry: Entry, ids: Sequence[str]) -> list[Entity]:
        """Return the present state of those entities that a subscription still selects."""
        test = entry.condition.test()
        found: list[Entity] = []
        for id in ids:
            stored = await self._store.get(id)
            if stored is None:
                continue
            entity = stored.entity
            if entry.selects and not any(selects(entity) for selects in entry.selects):
                continue
            if (test is None or test(entity)) and (not entry.links or await self._meets(entry, entity)):
                found.append(entity)
        return found

    async def _meets(self, entry: Entry, entity: Entity) -> bool:
        """Tell whether an entity, and those that it links to now, meet the condition of a subscription."""
        return entry.condition.q is None or await meets(self._means.get, entity, entry.condition.q)

    async def _repeat(self, entry: Entry, box: Outbox) -> None:
        """Notify of all subscribed entities whenever the time interval has passed (5.8.6)."""
        due = (box.tally.last_sent or entry.created_at) + entry.interval
        while True:
            # a clock that was set back must not make the pause longer than the interval
            await asyncio.sleep(max(0, min(due - now(), entry.interval)) / SECOND)
            if not entry.alive(now()):
                if not entry.active or entry.expires_at is not None:
                    return
                continue
            try:
                await self._tell_all(entry, box)
            except StoreUnavailable as error:
                LOG.warning("periodic notification of %s: %s", entry.id, error.detail)
            due = max(due + entry.interval, now())

    async def _tell_all(self, entry: Entry, box: Outbox) -> None:
        told: set[str] = set()
        for query in entry.queries(PERIODIC_PAGE):
            if entry.links:
                query = replace(query, q=await resolved(self._store, query.q))
            offset, more = 0, True
            while more:
                page = await self._store.find(replace(query, offset=offset))
                entities = [row.entity for row in page.rows if row.entity["id"] not in told]
                told.update(entity["id"] for entity in entities)
                if entities:
                    await box.attempt(entities)
                    self._active.add(entry.id)
                offset += len(page.rows)
                more = page.more and bool(page.rows)

    async def _keep_house(self) -> None:
        pause = self._settings.housekeeping
        while True:
            await asyncio.sleep(pause)
            begun = time.perf_counter()
            try:
                await self._flush()
            except StoreUnavailable as error:
                LOG.warning("the places of subscriptions could not be kept: %s", error.detail)
            # many busy subscriptions are written less often rather than all the time
            pause = max(self._settings.housekeeping, 10 * (time.perf_counter() - begun))

    async def _flush(self) -> None:
        """Keep the scores that changed, then the place in the log, never one beyond what the scores tell."""
        position = self._position
        writes: list[tuple[str, dict[str, object]]] = []
        for id in list(self._active):
            box = self._outboxes.get(id)
            if box is None:
                self._active.discard(id)
                continue
            box.tally.resume = box.resume_at()
            record = box.tally.record()
            if record != self._kept.get(id):
                writes.append((id, record))
            elif not box.busy:
                self._active.discard(id)
        for start in range(0, len(writes), FLUSH_AT_ONCE):
            part = writes[start : start + FLUSH_AT_ONCE]
            await asyncio.gather(*(self._keep_tally(id, record) for id, record in part))
        if position != self._kept_position:
            await self._store.keep_cursor(CURSOR, position)
            self._kept_position = position

    async def _keep_tally(self, id: str, record: dict[str, object]) -> None:
        if id not in self._outboxes:
            return
        await self._store.keep_record(TALLIES, id, record)
        if id in self._outboxes:
            self._kept[id] = record
        else:
            await self._store.keep_record(TALLIES, id, None)
