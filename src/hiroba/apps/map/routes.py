"""The map's own routes: layers, tiles, search, extent and settings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from starlette.routing import Route

from hiroba.apps.map.gallery import Gallery, Painted
from hiroba.apps.map.gazetteer import Gazetteer
from hiroba.apps.map.layers import layers
from hiroba.apps.map.painting import Manner
from hiroba.apps.map.tiles import Tile
from hiroba.sdk import App, City, Request, Response, errors, json_answer, vocabulary

MEDIA_TYPE: Final = "application/vnd.mapbox-vector-tile"
_MOST_HITS: Final = 100


class MapRoutes:
    """Answer for the map; the routes are `GET` below `/apps/map`."""

    def __init__(self, app: App, gazetteer: Gazetteer) -> None:
        self._app = app
        self._gazetteer = gazetteer
        settings = app.settings
        manner = Manner(
            cluster_pixels=float(settings["cluster_pixels"]),
            singles_from_zoom=int(settings["singles_from_zoom"]),
            few=int(settings["singles_up_to"]),
            most=int(settings["most_in_a_tile"]),
        )
        self._gallery = Gallery(gazetteer, manner, room=int(settings["tile_memory"]))
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
        etag = f'W/"{self._born}-{version:x}"' if version is not None else None
        if etag is not None and etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=_headers(etag))
        return _tile_answer(request, await self._gallery.tile(city, types, tile, version=version), etag)

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


def _tile_answer(request: Request, painted: Painted, etag: str | None) -> Response:
    headers = _headers(etag)
    if painted.packed and "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return Response(painted.packed, headers=headers, media_type=MEDIA_TYPE)
    return Response(painted.plain, headers=headers, media_type=MEDIA_TYPE)
