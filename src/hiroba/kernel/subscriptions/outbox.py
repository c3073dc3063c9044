"""Send the notifications of one subscription one after another, trying again those that are not taken."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from hiroba.kernel.broker.linking import Get
from hiroba.kernel.broker.subscription_board import Tally
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import HirobaError
from hiroba.kernel.model.instants import now
from hiroba.kernel.store.port import Change
from hiroba.kernel.subscriptions.delivery import Deliverer, DeliveryFailed, DeliverySettings
from hiroba.kernel.subscriptions.entry import SECOND, Entry
from hiroba.kernel.subscriptions.joining import joined
from hiroba.kernel.subscriptions.ngsi_v2.rendering import render_orion
from hiroba.kernel.subscriptions.notification import Notification, render

LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Means:
    """What an outbox works with: `slots` bounds how much goes to its endpoint at once, `retire` ends a subscription."""

    settings: DeliverySettings
    context: Callable[[str], Awaitable[Context]]
    deliverer: Callable[[str], Deliverer]
    slots: Callable[[str], asyncio.Semaphore]
    present: Callable[[Entry, Sequence[str]], Awaitable[list[Entity]]]
    more: Callable[[Entry, int, int], Awaitable[tuple[list[Change], int | None]]]
    retire: Callable[[Entry], Awaitable[None]]
    get: Get


@dataclass(slots=True)
class Parcel:
    """Changes of different entities that make one notification; `arrived` by the monotonic clock."""

    changes: list[Change]
    arrived: float = field(default_factory=time.monotonic)


class Outbox:
    """One subscription's notifications in order: at least once, bounded in memory.

    When more wait than memory is for, the rest stays in the change log and is read from there (`behind`).
    """

    def __init__(self, entry: Entry, tally: Tally, means: Means) -> None:
        self.entry = entry
        self.tally = tally
        self.behind: int | None = tally.resume
        self._means = means
        self._waiting: deque[Parcel] = deque()
        self._sending: Parcel | None = None
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._closed = False
        self._warned = False
        if self.behind is not None or tally.pending:
            self._start()

    @property
    def busy(self) -> bool:
        """Tell whether something is still to be sent."""
        return self._task is not None

    def resume_at(self) -> int | None:
        """Return the seq after which to go on after a restart, None when all was sent."""
        if self._sending is not None:
            return self._sending.changes[0].seq - 1
        if self._waiting:
            return self._waiting[0].changes[0].seq - 1
        return self.behind

    def offer(self, changes: Sequence[Change]) -> None:
        """Take changes to be notified; those that do not fit stay in the log."""
        if self.behind is not None or self._closed:
            return
        if len(self._waiting) >= self._means.settings.waiting:
            self.behind = changes[0].seq - 1
            return
        self._pack(changes)
        self._news.set()
        self._start()

    def close(self) -> None:
        """Drop what waits and stop sending."""
        self._closed = True
        self._waiting.clear()
        self.behind = None
        if self._task is not None:
            self._task.cancel()

    async def ended(self) -> None:
        """Wait until sending has stopped after `close`."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def _pack(self, changes: Sequence[Change]) -> None:
        parcel: list[Change] = []
        seen: set[str] = set()
        # a notification of NGSIv2 is about one entity
        most = self._means.settings.together if self.entry.orion is None else 1
        for change in changes:
            if change.id in seen or len(parcel) >= most:
                self._waiting.append(Parcel(parcel))
                parcel, seen = [], set()
            parcel.append(change)
            seen.add(change.id)
        self._waiting.append(Parcel(parcel))

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"notify {self.entry.id}")

    async def _run(self) -> None:
        try:
            while not self._closed:
                if self._waiting:
                    await self._notify(self._waiting.popleft())
                elif self.behind is not None:
                    await self._catch_up(self.behind)
                elif self.tally.pending:
                    await self._release()
                else:
                    break
        finally:
            self._task = None

    async def _catch_up(self, after: int) -> None:
        try:
            changes, self.behind = await self._means.more(self.entry, after, self._means.settings.waiting)
        except HirobaError as error:
            LOG.warning("the change log cannot be read for %s: %s", self.entry.id, error.detail)
            await asyncio.sleep(self._means.settings.longest_pause)
            return
        if changes:
            self._pack(changes)

    async def _notify(self, parcel: Parcel) -> None:
        """Send a parcel, or put its entities aside while throttling forbids to send."""
        if self._throttled() > 0 or self.tally.pending:
            if self.entry.orion is not None:
                # NGSIv2 wants what comes too soon dropped
                return
            self.tally.pending |= {change.id: None for change in parcel.changes}
            return
        self._sending = parcel
        try:
            await self._send(parcel.changes, parcel.arrived)
        except Exception:
            LOG.exception("a notification of %s was dropped", self.entry.id)
        self._sending = None

    async def _release(self) -> None:
        """Send the present state of the entities put aside, once throttling allows it again."""
        pause = self._throttled()
        if pause > 0:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._news.wait()
            return
        ids = list(self.tally.pending)
        try:
            entities = await self._means.present(self.entry, ids)
            if entities:
                await self._send(entities, time.monotonic())
        except HirobaError as error:
            LOG.warning("what was put aside for %s cannot be read: %s", self.entry.id, error.detail)
            await asyncio.sleep(self._means.settings.longest_pause)
            return
        except Exception:
            LOG.exception("a notification of %s was dropped", self.entry.id)
        for id in ids:
            self.tally.pending.pop(id, None)

    def _throttled(self) -> float:
        """Return for how many seconds nothing may be sent."""
        if not self.entry.throttling or self.tally.last_sent is None:
            return 0.0
        # a clock that was set back must not make the pause longer
        self.tally.last_sent = min(self.tally.last_sent, now())
        return (self.tally.last_sent + self.entry.throttling - now()) / SECOND

    async def _send(self, data: Sequence[Change] | Sequence[Entity], arrived: float) -> None:
        settings = self._means.settings
        deadline = arrived + settings.patience
        pause = settings.first_pause
        while self.entry.alive(now()):
            done = await self.attempt(data)
            if done:
                await self._retire_if_due(done=True)
                return
            await self._retire_if_due(done=False)
            pause = max(pause, self.entry.endpoint.cooldown or 0.0)
            if time.monotonic() + pause > deadline:
                LOG.warning("gave up a notification of %s to %s", self.entry.id, self.entry.endpoint.uri)
                await self._retire_if_due(done=True)
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, settings.longest_pause)

    async def _retire_if_due(self, *, done: bool) -> None:
        """End a subscription that was for one notification, or that failed too often in a row."""
        orion = self.entry.orion
        if orion is None:
            return
        worn = orion.most_fails is not None and self.tally.streak > orion.most_fails
        if worn:
            LOG.warning("the subscription %s is made inactive: %d failures in a row", self.entry.id, self.tally.streak)
        if worn or (done and orion.once):
            await self._means.retire(self.entry)

    async def attempt(self, data: Sequence[Change] | Sequence[Entity]) -> bool:
        """Send once and keep the score; answers whether there is nothing left to try."""
        entry, tally = self.entry, self.tally
        limit = min(entry.endpoint.timeout or self._means.settings.timeout, 60.0)
        async with self._means.slots(entry.endpoint.uri):
            tally.last_sent = now()
            try:
                context = await self._means.context(entry.context)
                notification = await self._written(data, context, tally.last_sent)
                tally.code = await self._means.deliverer(entry.endpoint.uri).deliver(notification, timeout=limit)
            except (DeliveryFailed, HirobaError) as error:
                self._failed(str(error))
                return isinstance(error, DeliveryFailed) and error.final
        tally.sent += 1
        tally.ok = True
        tally.streak = 0
        tally.last_success = now()
        self._warned = False
        return True

    async def _written(self, data: Sequence[Change | Entity], context: Context, at: int) -> Notification:
        entry = self.entry
        if entry.orion is not None:
            return render_orion(entry, data, context, at=at)
        if entry.join is None:
            return render(entry, data, context, at=at)
        whole = await joined(self._means.get, entry, data, context, join=entry.join)
        return render(entry, whole.data, context, at=at, beside=whole.beside)

    def _failed(self, reason: str) -> None:
        tally = self.tally
        tally.sent += 1
        tally.failed += 1
        tally.ok = False
        tally.streak += 1
        tally.reason = reason
        tally.last_failure = now()
        if not self._warned:
            self._warned = True
            LOG.warning("notifications of %s fail: %s: %s", self.entry.id, self.entry.endpoint.uri, reason)
