"""Keep the index of names, and the versions of the map's layers, in step with the change log."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from hiroba.apps.map.places import LOCATION, WATCHED, Place, entity_place, place
from hiroba.apps.map.search import Index
from hiroba.sdk import App, Backoff, Changed, City, LogOnce, errors

_PAGE: Final = 1000
_FLUSH_EVERY: Final = 0.5
_KEEP_EVERY: Final = 5.0
_NEW_TENANTS_EVERY: Final = 1.0
PATIENCE: Final = 0.2
_RESTLESS_MOVES: Final = 5
_RESTLESS_SECONDS: Final = 120.0
_STALE: Final = 7 * 86400.0
_PICK: Final = ("id", "type", *sorted(WATCHED))


@dataclass
class _Followed:
    """How far one tenant's changes were read, and what they touched since the index was last written."""

    seen: int
    base: int
    waited_for: int = 0
    waiting: int = 0
    kept: int = -1
    kept_at: float = 0.0
    versions: dict[str, int] = field(default_factory=dict)
    touched: dict[str, Place | None] = field(default_factory=dict)
    grown: asyncio.Condition = field(default_factory=asyncio.Condition)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    moves: dict[str, deque[float]] = field(default_factory=dict)

    def note(self, change: Changed) -> None:
        self.seen = change.seq
        names = change.names
        if change.op == "updated" and names and WATCHED.isdisjoint(names):
            return
        # what was created is told in full; of what was changed only the change
        created = change.op == "created" and change.id not in self.touched
        self.touched[change.id] = place(change.id, change.types, change.about(WATCHED)) if created else None
        moved = change.op == "updated" and LOCATION in names
        for kind in change.types:
            self.versions[kind] = change.seq
            if moved:
                self.moves.setdefault(kind, deque(maxlen=_RESTLESS_MOVES)).append(time.monotonic())

    def restless(self, kind: str) -> bool:
        """Tell whether entities of this type move all the time."""
        times = self.moves.get(kind)
        if times is None or len(times) < _RESTLESS_MOVES:
            return False
        return time.monotonic() - times[0] < _RESTLESS_SECONDS

    def version(self, types: Sequence[str]) -> int:
        """Return the `seq` that last changed these types on the map."""
        return max(self.versions.get(kind, self.base) for kind in types)


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _PAGE] for start in range(0, len(ids), _PAGE))


class Gazetteer:
    """Follow all tenants; how far each was read is kept in the index itself, beside what it holds.

    A tenant is read afresh when its index is new, knows more than the change log (a restored backup), or stood still
    for so long that the log may have been trimmed meanwhile.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._index: Index | None = None
        self._tenants: dict[str, _Followed] = {}
        self._shapes: dict[str, dict[str, dict[str, int]]] = {}
        self._look_again = asyncio.Event()
        self._begun = asyncio.Condition()

    @property
    def index(self) -> Index:
        """Return the index; there is one between `open` and `close`."""
        if self._index is None:
            raise errors.StoreUnavailable("the map's index of names is not open")
        return self._index

    async def open(self) -> None:
        """Open the index."""
        self._index = await asyncio.to_thread(Index, self._app.data_dir / "places.db")

    async def close(self) -> None:
        """Let the index go."""
        if self._index is not None:
            await asyncio.to_thread(self._index.close)
            self._index = None

    async def follow(self) -> None:
        """Follow all tenants, also those that appear later, until cancelled."""
        following: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                for tenant in await self._app.tenants():
                    if tenant not in following:
                        following[tenant] = asyncio.create_task(self._keep_following(tenant))
                with contextlib.suppress(TimeoutError):
                    # not wait_for: it loses a cancellation that comes together with what it waits for
                    async with asyncio.timeout(_NEW_TENANTS_EVERY):
                        await self._look_again.wait()
                self._look_again.clear()
        finally:
            for task in following.values():
                task.cancel()
            await asyncio.gather(*following.values(), return_exceptions=True)
            self._tenants.clear()

    async def _keep_following(self, tenant: str) -> None:
        pause, complaint = Backoff(), LogOnce(self._app.log, f"following {tenant or 'the default tenant'}")
        while True:
            try:
                await self._follow(tenant)
                pause.reset()
            except Exception as error:  # noqa: BLE001 - one tenant's trouble must not end its map for good
                complaint.problem(error)
            await pause.wait()

    async def _follow(self, tenant: str) -> None:
        city = self._app.city(tenant)
        known, last = await asyncio.to_thread(self.index.progress, tenant), await city.last_seq()
        if known is None or known.seq > last or not 0 <= time.time() - known.at < _STALE:
            await self._read_all(city, last)
            seq = last
        else:
            seq = known.seq
        followed = self._tenants[tenant] = _Followed(seen=seq, base=max(seq, last))
        async with self._begun:
            self._begun.notify_all()
        writer = asyncio.create_task(self._keep_writing(city, followed))
        try:
            async for change in city.changes(after=seq):
                followed.note(change)
                if followed.waiting:
                    async with followed.grown:
                        followed.grown.notify_all()
        finally:
            self._tenants.pop(tenant, None)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _read_all(self, city: City, seq: int) -> None:
        began = time.monotonic()
        await asyncio.to_thread(self.index.forget, city.tenant)
        offset = 0
        while True:
            page = (await city.entities(pick=_PICK, limit=_PAGE, offset=offset)).entities
            places = [entity_place(entity) for entity in page]
            await asyncio.to_thread(self.index.write, city.tenant, places, seq=None)
            self._shapes.pop(city.tenant, None)
            offset += len(page)
            if len(page) < _PAGE:
                break
        await asyncio.to_thread(self.index.write, city.tenant, [], seq=seq)
        if offset:
            self._app.log.info("%d places were read in %.1f s", offset, time.monotonic() - began)

    async def _keep_writing(self, city: City, followed: _Followed) -> None:
        complaint = LogOnce(self._app.log, "keeping the index of names")
        while True:
            await asyncio.sleep(_FLUSH_EVERY)
            try:
                await self._write(city, followed)
                complaint.fine()
            except Exception as error:  # noqa: BLE001 - the next round may succeed
                complaint.problem(error)

    async def _write(self, city: City, followed: _Followed) -> None:
        """Bring the index up to what was seen; ids are read as they are now, in any order."""
        async with followed.writing:
            touched, seq = followed.touched, followed.seen
            followed.touched = {}
            try:
                for part in _parts(list(touched)):
                    unread = [id for id in part if touched[id] is None]
                    page = (await city.entities(ids=unread, pick=_PICK, limit=_PAGE)).entities if unread else []
                    read = [entity_place(entity) for entity in page]
                    gone = set(unread).difference(one.id for one in read)
                    places = [*read, *(known for id in part if (known := touched[id]) is not None)]
                    await asyncio.to_thread(self.index.write, city.tenant, places, gone, seq=None)
                    self._shapes.pop(city.tenant, None)
                since = time.monotonic() - followed.kept_at
                if (seq != followed.kept and (touched or since > _KEEP_EVERY)) or since > _STALE / 7:
                    followed.kept, followed.kept_at = seq, time.monotonic()
                    await asyncio.to_thread(self.index.write, city.tenant, [], seq=seq)
            except BaseException:
                followed.touched.update(dict.fromkeys(touched))
                raise

    async def version(self, city: City, types: Sequence[str], *, patience: float = PATIENCE) -> int | None:
        """Return the `seq` that last changed these types on the map; None while the tenant is not followed.

        Waits up to `patience` seconds for the reader to have seen what is committed now, so that who wrote a moment
        ago is not told that nothing changed.
        """
        followed = await self._followed(city.tenant, patience)
        if followed is None:
            return None
        await self._catch_up(city, followed, patience)
        return followed.version(types)

    def known_version(self, tenant: str, types: Sequence[str]) -> int | None:
        """Return the same as far as it is known now, without waiting."""
        followed = self._tenants.get(tenant)
        return followed.version(types) if followed is not None else None

    def groups(self, tenant: str, types: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the types parted into those that rest and those whose entities move all the time."""
        followed = self._tenants.get(tenant)
        restless = [followed is not None and followed.restless(kind) for kind in types]
        parted = [
            tuple(kind for kind, moving in zip(types, restless, strict=True) if moving is wanted)
            for wanted in (False, True)
        ]
        return [group for group in parted if group]

    async def _followed(self, tenant: str, patience: float) -> _Followed | None:
        """Return how far a tenant is followed; one that is new is looked for at once and waited for a little."""
        if tenant not in self._tenants and tenant in await self._app.tenants():
            self._look_again.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience), self._begun:
                    await self._begun.wait_for(lambda: tenant in self._tenants)
        return self._tenants.get(tenant)

    @staticmethod
    async def _catch_up(city: City, followed: _Followed, patience: float) -> None:
        target = await city.last_seq()
        if max(followed.seen, followed.waited_for) >= target:
            return
        followed.waiting += 1
        try:
            async with asyncio.timeout(patience), followed.grown:
                await followed.grown.wait_for(lambda: followed.seen >= target)
        except TimeoutError:
            # the newest rows of the log may be such as nobody is told of: do not wait for them again
            followed.waited_for = target
        finally:
            followed.waiting -= 1

    async def settle(self, city: City) -> None:
        """Bring the index up to what is committed now, as far as that goes quickly."""
        followed = await self._followed(city.tenant, PATIENCE)
        if followed is not None:
            await self._catch_up(city, followed, PATIENCE)
            if followed.touched:
                await self._write(city, followed)

    async def shapes(self, city: City) -> dict[str, dict[str, int]]:
        """Return type → shape → how many places, as they are committed now."""
        await self.settle(city)
        known = self._shapes.get(city.tenant)
        if known is None:
            known = self._shapes[city.tenant] = await asyncio.to_thread(self.index.shapes, city.tenant)
        return known
