"""Follow a tenant's change log: first what is in it, then what is committed, with no gap and no double."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

from hiroba.kernel.store.port import Change, TenantStore

PAGE = 500
BACKLOG = 5_000


class ChangeFeed:
    """A reader of one tenant's change log that stands at `position`, the last seq it has handed out.

    New commits are kept in memory up to `backlog` changes; a reader that is slower goes back to the log, so
    that it costs no memory and misses nothing. Use it as an async context manager and await `next_batch`.
    """

    def __init__(self, store: TenantStore, position: int, *, page: int = PAGE, backlog: int = BACKLOG) -> None:
        self.position = position
        self._store = store
        self._page = page
        self._backlog = backlog
        self._fresh: deque[Sequence[Change]] = deque()
        self._kept = 0
        self._behind = True
        self._wake = asyncio.Event()
        self._end = store.listen(self._take)

    async def __aenter__(self) -> ChangeFeed:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; the feed is not used again."""
        self._end()

    @property
    def behind(self) -> bool:
        """Tell whether the next batch comes from the log rather than from memory."""
        return self._behind

    def _take(self, changes: Sequence[Change]) -> None:
        if not self._behind:
            self._fresh.append(changes)
            self._kept += len(changes)
            if self._kept > self._backlog:
                self._fall_behind()
        self._wake.set()

    def _fall_behind(self) -> None:
        self._behind = True
        self._fresh.clear()
        self._kept = 0

    async def next_batch(self) -> Sequence[Change]:
        """Return the next changes in order, at least one, waiting for them if there are none yet."""
        while True:
            if self._behind:
                batch = await self._from_log()
            elif self._fresh:
                batch = self._fresh.popleft()
                self._kept -= len(batch)
                if batch[0].seq <= self.position:
                    batch = [change for change in batch if change.seq > self.position]
            else:
                self._wake.clear()
                await self._wake.wait()
                continue
            if batch:
                self.position = batch[-1].seq
                return batch

    async def _from_log(self) -> Sequence[Change]:
        # commits from here on are kept: the page may miss some of them, and what both have is dropped
        self._behind = False
        try:
            batch = await self._store.changes(self.position, self._page)
        except BaseException:
            self._fall_behind()
            raise
        if len(batch) >= self._page:
            self._fall_behind()
        return batch


async def watch_batches(store: TenantStore, after: int | None = None) -> AsyncIterator[Sequence[Change]]:
    """Yield changes in order as they were committed together, for ever; after a seq, or from now."""
    position = await store.last_seq() if after is None else after
    async with ChangeFeed(store, position) as feed:
        while True:
            yield await feed.next_batch()


async def watch_changes(store: TenantStore, after: int | None = None) -> AsyncIterator[Change]:
    """Yield changes in order, one by one, for ever; after a seq, or from now."""
    position = await store.last_seq() if after is None else after
    async with ChangeFeed(store, position) as feed:
        while True:
            for change in await feed.next_batch():
                yield change
