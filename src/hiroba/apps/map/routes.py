"""The map's own routes: layers, tiles, search, extent and settings."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.routing import Route

from hiroba.apps.map.gazetteer import Gazetteer
from hiroba.apps.map.layers import layers
from hiroba.apps.map.painting import Manner, paint
from hiroba.apps.map.tiles import Tile
from hiroba.sdk import App, City, Request, Response, errors, json_answer, vocabulary

MEDIA_TYPE: Final = "application/vnd.mapbox-vector-tile"
_WORTH_PACKING: Final = 256
_MOST_HITS: Final = 100


@dataclass(frozen=True, slots=True)
class _Painted:
    """A tile as it was at a version of its types."""

    version: int
    plain: bytes
    packed: bytes


class Shelf:
    """The tiles painted last, up to a number of bytes; the one not looked at for longest goes first."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._used = 0
        self._tiles: OrderedDict[tuple[Any, ...], _Painted] = OrderedDict()

    def get(self, key: tuple[Any, ...], version: int) -> _Painted | None:
        """Return a tile if it is here in this version."""
        painted = self._tiles.get(key)
        if painted is None or painted.version != version:
            return None
        self._tiles.move_to_end(key)
        return painted

    def put(self, key: tuple[Any, ...], painted: _Painted) -> None:
        """Keep a tile."""
        old = self._tiles.pop(key, None)
        if old is not None:
            self._used -= _weight(old)
        self._tiles[key] = painted
        self._used += _weight(painted)
        while self._used > self._room and self._tiles:
            self._used -= _weight(self._tiles.popitem(last=False)[1])


def _weight(painted: _Painted) -> int:
    return len(painted.plain) + len(painted.packed) + 256


class MapRoutes:
    """Answer for the map; the routes are `GET` below `/apps/map`."""

    def __init__(self, app: App, gazetteer: Gazetteer) -> None:
        self._app = app
        self._gazetteer = gazetteer
        settings = app.settings
        self._manner = Manner(
            cluster_pixels=float(settings["cluster_pixels"]),
            singles_from_zoom=int(settings["singles_from_zoom"]),
            few=int(settings["singles_up_to"]),
            most=int(settings["most_in_a_tile"]),
        )
        self._shelf = Shelf(int(settings["tile_memory"]))
        self._painting: dict[tuple[Any, ...], asyncio.Future[_Painted]] = {}
        self._born = f"{time.time_ns():x}"

    def routes(self) -> list[Route]:
        """Return the routes to register."""
        return [
            Route("/layers", self.layers),
            Route("/tiles/{types:path}/{z:int}/{x:int}/{y:int}.mvt", self.tile),
            Route("/search", self.search),
            Route("/extent", self.extent),
            Route("/settings", self.settings),
        ]

    async def layers(self, request: Request) -> Response:
        """Answer the types in use by field of the city, with their titles, counts, colours and shapes."""
        city = self._city(request)
        counts = await city.types()
        return json_answer(layers(vocabulary.fields(), counts, await self._gazetteer.shapes(city)))

    async def tile(self, request: Request) -> Response:
        """Answer one vector tile, or 304 when the asker has it already."""
        city = self._city(request)
        values = request.path_params
        types = tuple(kind for kind in values["types"].split(",") if kind)
        if not types:
            raise errors.InvalidRequest("a tile needs a type: /apps/map/tiles/{type}/{z}/{x}/{y}.mvt")
        try:
            tile = Tile(values["z"], values["x"], values["y"])
        except ValueError as error:
            raise errors.ResourceNotFound(str(error)) from error
        version = await self._gazetteer.version(city, types)
        if version is None:
            return _tile_answer(request, await self._paint(city, types, tile, -1), None)
        etag = f'W/"{self._born}-{version:x}"'
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=_headers(etag))
        return _tile_answer(request, await self._painted(city, types, tile, version), etag)

    async def _painted(self, city: City, types: tuple[str, ...], tile: Tile, version: int) -> _Painted:
        """Return a tile from the shelf, or paint it once for all who ask meanwhile."""
        key = (city.tenant, types, tile)
        painted = self._shelf.get(key, version)
        if painted is not None:
            return painted
        job = (*key, version)
        waiting = self._painting.get(job)
        if waiting is None:
            waiting = self._painting[job] = asyncio.ensure_future(self._paint(city, types, tile, version))
            waiting.add_done_callback(lambda _: self._painting.pop(job, None))
        painted = await asyncio.shield(waiting)
        self._shelf.put(key, painted)
        return painted

    async def _paint(self, city: City, types: tuple[str, ...], tile: Tile, version: int) -> _Painted:
        known = await self._gazetteer.shapes(city)
        shapes: dict[str, int] = {}
        for kind in types:
            for shape, count in known.get(kind, {}).items():
                shapes[shape] = shapes.get(shape, 0) + count
        plain = await paint(city, types, tile, shapes=shapes, manner=self._manner)
        packed = await asyncio.to_thread(gzip.compress, plain, 5) if len(plain) >= _WORTH_PACKING else b""
        return _Painted(version, plain, packed)

    async def search(self, request: Request) -> Response:
        """Answer the places that `text` names, the best first."""
        city = self._city(request)
        query = request.query_params
        text = query.get("text", "")
        if len(text) > 200:
            raise errors.InvalidRequest("text is longer than 200 characters")
        limit = _whole_number(query.get("limit", "20"), "limit", most=_MOST_HITS)
        types = [kind for kind in query.get("type", "").split(",") if kind]
        await self._gazetteer.settle(city)
        hits = await asyncio.to_thread(self._gazetteer.index.search, city.tenant, text, limit=limit, types=types)
        return json_answer(hits)

    async def extent(self, request: Request) -> Response:
        """Answer the box that holds the places (west, south, east, north), or null."""
        city = self._city(request)
        await self._gazetteer.settle(city)
        return json_answer(await asyncio.to_thread(self._gazetteer.index.extent, city.tenant))

    async def settings(self, _request: Request) -> Response:
        """Answer the backgrounds to choose from."""
        return json_answer({"backgrounds": [_background(one) for one in self._app.settings["backgrounds"]]})

    def _city(self, request: Request) -> City:
        return self._app.city(request.query_params.get("tenant", ""))


def _background(setting: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: setting[key] for key in ("id", "title", "tiles", "attribution", "minzoom", "maxzoom") if key in setting
    }


def _whole_number(text: str, name: str, *, most: int) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise errors.InvalidRequest(f"{name} must be a whole number from 1 to {most}, not {text!r}")
    return int(text)


def _headers(etag: str | None) -> dict[str, str]:
    headers = {"cache-control": "private, no-cache", "vary": "accept-encoding"}
    return {**headers, "etag": etag} if etag else headers


def _tile_answer(request: Request, painted: _Painted, etag: str | None) -> Response:
    headers = _headers(etag)
    if painted.packed and "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return Response(painted.packed, headers=headers, media_type=MEDIA_TYPE)
    return Response(painted.plain, headers=headers, media_type=MEDIA_TYPE)
