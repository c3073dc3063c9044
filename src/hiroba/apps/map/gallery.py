"""Keep the tiles painted last, and what is costly about those that change all the time."""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from hiroba.apps.map.crowds import apart
from hiroba.apps.map.gazetteer import Gazetteer
from hiroba.apps.map.painting import Manner, paint
from hiroba.apps.map.tiles import Feature, Tile, encode
from hiroba.sdk import City

Key = tuple[Any, ...]
T = TypeVar("T")

_WORTH_PACKING: Final = 256
_FEATURE_BYTES: Final = 600


@dataclass(frozen=True, slots=True)
class Painted:
    """A tile as bytes, and packed with gzip (empty when that is not worth it)."""

    plain: bytes
    packed: bytes


class Shelf(Generic[T]):
    """Things with the version they were made for, up to a number of bytes; the longest unused goes first."""

    def __init__(self, room: int, weigh: Callable[[T], int]) -> None:
        self._room = room
        self._weigh = weigh
        self._used = 0
        self._things: OrderedDict[Key, tuple[int, T]] = OrderedDict()

    def get(self, key: Key, version: int) -> T | None:
        """Return a thing if it is here in this version."""
        known = self._things.get(key)
        if known is None or known[0] != version:
            return None
        self._things.move_to_end(key)
        return known[1]

    def put(self, key: Key, version: int, thing: T) -> None:
        """Keep a thing."""
        old = self._things.pop(key, None)
        if old is not None:
            self._used -= self._weigh(old[1])
        self._things[key] = (version, thing)
        self._used += self._weigh(thing)
        while self._used > self._room and self._things:
            self._used -= self._weigh(self._things.popitem(last=False)[1][1])


class Gallery:
    """Answer for tiles: one that did not change is not painted again, one asked for by many is painted once.

    Types whose entities move all the time are painted by themselves, so that the rest of their tile need not be.
    """

    def __init__(self, gazetteer: Gazetteer, manner: Manner, *, room: int) -> None:
        self._gazetteer = gazetteer
        self._manner = manner
        self._tiles: Shelf[Painted] = Shelf(room // 2, lambda tile: len(tile.plain) + len(tile.packed) + _FEATURE_BYTES)
        self._parts: Shelf[list[Feature]] = Shelf(room // 2, lambda part: (len(part) + 1) * _FEATURE_BYTES)
        self._painting: dict[Key, asyncio.Future[Painted]] = {}

    async def tile(self, city: City, types: tuple[str, ...], tile: Tile, *, version: int | None) -> Painted:
        """Return a tile at a version of its types; None: whatever is there now, and nothing is kept."""
        if version is None:
            return await self._paint(city, types, tile)
        key = (city.tenant, types, tile)
        painted = self._tiles.get(key, version)
        if painted is not None:
            return painted
        job = (*key, version)
        waiting = self._painting.get(job)
        if waiting is None:
            waiting = self._painting[job] = asyncio.ensure_future(self._paint(city, types, tile))
            waiting.add_done_callback(lambda _: self._painting.pop(job, None))
        painted = await asyncio.shield(waiting)
        self._tiles.put(key, version, painted)
        return painted

    async def _paint(self, city: City, types: Sequence[str], tile: Tile) -> Painted:
        features: list[Feature] = []
        for group in self._gazetteer.groups(city.tenant, types):
            features += await self._part(city, group, tile)
        return await asyncio.to_thread(_rendered, features)

    async def _part(self, city: City, types: tuple[str, ...], tile: Tile) -> list[Feature]:
        version = self._gazetteer.known_version(city.tenant, types)
        key = (city.tenant, types, tile)
        part = self._parts.get(key, version) if version is not None else None
        if part is None:
            known = await self._gazetteer.shapes(city)
            shapes: dict[str, int] = {}
            for kind in types:
                for shape, count in known.get(kind, {}).items():
                    shapes[shape] = shapes.get(shape, 0) + count
            part = await paint(city, types, tile, shapes=shapes, manner=self._manner)
            if version is not None:
                self._parts.put(key, version, part)
        return part


def _rendered(features: Sequence[Feature]) -> Painted:
    plain = encode(apart(features))
    return Painted(plain, gzip.compress(plain, 5) if len(plain) >= _WORTH_PACKING else b"")
