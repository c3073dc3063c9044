"""Changes as server-sent events: matched and written once for all who ask the same, resumable from the change log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hiroba.kernel.model.compact import View, compact_instance
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import StoreUnavailable
from hiroba.kernel.model.instants import format_instant
from hiroba.kernel.query.geo import geo_matcher
from hiroba.kernel.query.matching import matcher
from hiroba.kernel.query.selection import types_matcher
from hiroba.kernel.query.tree import GeoQuery, Query, TypeQuery
from hiroba.kernel.store.port import Change, TenantStore
from hiroba.kernel.subscriptions.feed import ChangeFeed

LOG = logging.getLogger(__name__)
KEEP_ALIVE: Final = 15.0
PAGE: Final = 500
LONGEST_TURN: Final = 0.005
BUFFER_BYTES: Final = 4 * 1024 * 1024
BUFFER_EVENTS: Final = 20_000
PLAIN: Final = View()


@dataclass(slots=True, frozen=True)
class Interest:
    """Which changes a client wants and by whose names; equal interests share the work. None does not restrict."""

    context: Context
    types: TypeQuery | None = None
    attrs: frozenset[str] | None = None
    q: Query | None = None
    area: GeoQuery | None = None

    def test(self) -> Callable[[Change], bool]:
        """Compile to a function over changes; those that only wrote the same again never match."""
        tests: list[Callable[[Entity], bool]] = []
        if self.types is not None:
            tests.append(types_matcher(self.types))
        if self.q is not None:
            tests.append(matcher(self.q))
        if self.area is not None:
            tests.append(geo_matcher(self.area))
        attrs = self.attrs

        def matches(change: Change) -> bool:
            if change.op == "updated" and not any(
                one.kind != "touched" and (attrs is None or one.attribute in attrs) for one in change.changes
            ):
                return False
            if attrs is not None and change.op != "updated" and attrs.isdisjoint(change.entity["attrs"]):
                return False
            return all(test(change.entity) for test in tests)

        return matches


def write_event(change: Change, interest: Interest) -> bytes:
    """Return a change as an event: the changed attributes as they are now, None for those that are gone."""
    context, wanted = interest.context, interest.attrs
    attrs: dict[str, Any] = {}
    if change.op != "deleted":
        present = change.entity["attrs"]
        for one in change.changes:
            if one.kind == "touched" or (wanted is not None and one.attribute not in wanted):
                continue
            instances = [compact_instance(each, context, PLAIN) for each in present.get(one.attribute, ())]
            name = context.compact_name(one.attribute)
            attrs[name] = None if not instances else instances[0] if len(instances) == 1 else instances
    types = [context.compact_name(type) for type in change.types]
    data = {
        "seq": change.seq,
        "at": format_instant(change.at),
        "op": change.op,
        "id": change.id,
        "type": types[0] if len(types) == 1 else types,
        "attrs": attrs,
    }
    return b"id: %d\nevent: change\ndata: %b\n\n" % (change.seq, orjson.dumps(data))


class Client:
    """One connected browser: events wait here until it takes them; one that is too slow is cut off."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.over = asyncio.Event()
        self._events: deque[tuple[int, bytes]] = deque()
        self._size = 0

    @property
    def cut(self) -> bool:
        """Tell whether nothing more is sent to the client."""
        return self.over.is_set()

    def push(self, events: Sequence[tuple[int, bytes]]) -> None:
        """Take events, or cut the client off when it holds too many of them."""
        if self.cut:
            return
        self._events.extend(events)
        self._size += sum(len(text) for _, text in events)
        if self._size > BUFFER_BYTES or len(self._events) > BUFFER_EVENTS:
            self.end()
        self.news.set()

    def take(self, after: int) -> tuple[bytes, int]:
        """Return what waits beyond a seq as one text, and the seq that it reaches."""
        taken = [(seq, text) for seq, text in self._events if seq > after]
        self._events.clear()
        self._size = 0
        self.news.clear()
        return b"".join(text for _, text in taken), taken[-1][0] if taken else after

    def end(self) -> None:
        """Cut the client off; it comes back and goes on where it was."""
        self.over.set()
        self._events.clear()
        self.news.set()


class Hub:
    """The live stream of one tenant, running while somebody listens."""

    def __init__(self, store: TenantStore, position: int) -> None:
        self.store = store
        self.position = position
        self._channels: dict[Interest, tuple[Callable[[Change], bool], set[Client]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._feed: ChangeFeed | None = None

    @property
    def idle(self) -> bool:
        """Tell whether nobody listens."""
        return not self._channels

    def join(self, interest: Interest, client: Client) -> None:
        """Let a client have every change that is committed from now on."""
        if interest not in self._channels:
            self._channels[interest] = (interest.test(), set())
        self._channels[interest][1].add(client)
        if self._task is None or self._task.done():
            # listening begins here and now, before the client reads how far the log goes
            self._feed = ChangeFeed(self.store, self.position)
            self._task = asyncio.create_task(self._run(self._feed), name=f"stream of {self.store.name or 'default'}")

    def leave(self, interest: Interest, client: Client) -> None:
        """Let a client go; the last one ends the hub's work."""
        channel = self._channels.get(interest)
        if channel is None:
            return
        channel[1].discard(client)
        if not channel[1]:
            del self._channels[interest]
        if not self._channels and self._task is not None:
            self._task.cancel()
            self._task = None
            if self._feed is not None:
                self._feed.close()

    def end(self) -> None:
        """Cut every client off."""
        for _, clients in self._channels.values():
            for client in clients:
                client.end()

    async def _run(self, feed: ChangeFeed) -> None:
        try:
            while True:
                try:
                    batch = await feed.next_batch()
                except StoreUnavailable as error:
                    LOG.warning("the change log cannot be read: %s", error.detail)
                    await asyncio.sleep(1.0)
                    continue
                await self._spread(batch)
                self.position = feed.position
        except Exception:
            LOG.exception("the stream of changes broke; its clients are sent away to come back")
            # what could not be told is passed over, or it would break the next stream as well
            self.position = feed.position
            self.end()
        finally:
            feed.close()

    async def _spread(self, batch: Sequence[Change]) -> None:
        turn = time.perf_counter()
        written: dict[tuple[int, int, frozenset[str] | None], bytes] = {}
        for interest, (matches, clients) in list(self._channels.items()):
            events: list[tuple[int, bytes]] = []
            for change in batch:
                if matches(change):
                    key = (change.seq, id(interest.context), interest.attrs)
                    text = written.get(key)
                    if text is None:
                        text = written[key] = write_event(change, interest)
                    events.append((change.seq, text))
                if time.perf_counter() - turn > LONGEST_TURN:
                    await asyncio.sleep(0)
                    turn = time.perf_counter()
            if events:
                for client in list(clients):
                    client.push(events)


class Streams:
    """The hubs of all tenants that somebody listens to."""

    def __init__(self) -> None:
        self._hubs: dict[int, Hub] = {}
        self.clients = 0

    def close(self) -> None:
        """End all streams, so that a server can stop; clients that come back are served again."""
        for hub in list(self._hubs.values()):
            hub.end()

    async def events(
        self,
        store: TenantStore,
        interest: Interest,
        client: Client,
        *,
        after: int | None = None,
        keep_alive: float = KEEP_ALIVE,
    ) -> AsyncGenerator[bytes, None]:
        """Yield the texts of a stream until the client is cut off: hello, what it missed, then what happens.

        `after` is the last seq that the client has. A `reset` follows hello when the log no longer reaches back so
        far, or is not the log that the seq came from.
        """
        hub = self._hubs.get(id(store))
        if hub is None:
            position = await store.last_seq()
            hub = self._hubs.setdefault(id(store), Hub(store, position))
        hub.join(interest, client)
        self.clients += 1
        try:
            async for text in _told(hub, interest, client, after, keep_alive):
                yield text
        finally:
            self.clients -= 1
            hub.leave(interest, client)
            if hub.idle and self._hubs.get(id(store)) is hub:
                del self._hubs[id(store)]


async def _told(
    hub: Hub, interest: Interest, client: Client, after: int | None, keep_alive: float
) -> AsyncGenerator[bytes, None]:
    store = hub.store
    last, first = await store.last_seq(), await store.first_seq()
    position = last if after is None else after
    lost = position > last or (position < last and position < first - 1)
    yield _signal("hello", position if not lost else last, last)
    if lost:
        position = last
        yield _signal("reset", last, last)
    matches = interest.test()
    while position < last and not client.cut:
        page = await store.changes(position, PAGE)
        texts = [write_event(change, interest) for change in page if matches(change)]
        position = page[-1].seq if page else last
        yield b"".join(texts) or b": replay\nid: %d\n\n" % position
    while not client.cut:
        text, position = client.take(position)
        if text:
            yield text
            continue
        # what the hub has passed and not handed over does not concern this client
        position = max(position, hub.position)
        try:
            async with asyncio.timeout(keep_alive):
                await client.news.wait()
        except TimeoutError:
            yield b": keep-alive\nid: %d\n\n" % position


def _signal(event: str, position: int, last: int) -> bytes:
    return b'id: %d\nevent: %b\ndata: {"seq":%d}\n\n' % (position, event.encode(), last)
