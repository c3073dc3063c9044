"""Find what is on a tile of the city: clusters where there are many, else the entities themselves, drawn to size."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hiroba.apps.map.places import NAMES, position, texts
from hiroba.apps.map.tiles import Feature, Tile, drawn, point
from hiroba.sdk import Area, Cell, City, Entity

_PICK: Final = ("id", "type", "location", *NAMES)
_CROWDED_PIXELS: Final = 8.0


@dataclass(frozen=True, slots=True)
class Manner:
    """How tiles are painted; see the manifest's settings."""

    cluster_pixels: float = 32.0
    singles_from_zoom: int = 14
    few: int = 200
    most: int = 2000


async def paint(
    city: City, types: Sequence[str], tile: Tile, *, shapes: Mapping[str, int], manner: Manner
) -> list[Feature]:
    """Return the tile of some types as MVT; `shapes` says how many points, lines and areas they have."""
    if any(count for shape, count in shapes.items() if shape in ("line", "area")):
        whole = await _whole(city, types, tile.wider(1 / 32), manner.most)
        if whole is not None:
            return await asyncio.to_thread(_drawn_whole, tile, whole)
        return await _clusters(city, types, tile, manner.cluster_pixels)
    if tile.z >= manner.singles_from_zoom:
        whole = await _whole(city, types, tile.box, manner.most)
        if whole is not None:
            return await asyncio.to_thread(_drawn_whole, tile, whole)
        return await _clusters(city, types, tile, _CROWDED_PIXELS)
    cells = await city.cells(",".join(types), box=tile.box, size=tile.cell(manner.cluster_pixels), attrs=NAMES)
    if sum(cell.count for cell in cells) <= manner.few and any(cell.count > 1 for cell in cells):
        whole = await _whole(city, types, tile.box, manner.most)
        if whole is not None:
            return await asyncio.to_thread(_drawn_whole, tile, whole)
    return await asyncio.to_thread(_drawn_cells, tile, types[0], cells)


async def _whole(
    city: City, types: Sequence[str], box: tuple[float, float, float, float], most: int
) -> list[Entity] | None:
    """Return all entities in a box, or None when there are more than `most`."""
    answer = await city.entities(types=",".join(types), area=Area.box(*box), pick=_PICK, limit=most + 1)
    return answer.entities if len(answer.entities) <= most else None


async def _clusters(city: City, types: Sequence[str], tile: Tile, pixels: float) -> list[Feature]:
    cells = await city.cells(",".join(types), box=tile.box, size=tile.cell(pixels), attrs=NAMES)
    return await asyncio.to_thread(_drawn_cells, tile, types[0], cells)


def _drawn_cells(tile: Tile, kind: str, cells: Sequence[Cell]) -> list[Feature]:
    features = (
        point(
            tile,
            cell.lon,
            cell.lat,
            _properties(cell.entity) if cell.entity is not None else {"n": cell.count, "type": kind},
        )
        for cell in cells
    )
    return [feature for feature in features if feature is not None]


def _drawn_whole(tile: Tile, entities: Sequence[Entity]) -> list[Feature]:
    features: list[Feature] = []
    for entity in entities:
        geometry = _geometry(entity)
        if geometry is not None:
            features.extend(drawn(tile, geometry, _properties(entity)))
    return features


def _geometry(entity: Entity) -> Mapping[str, Any] | None:
    location = entity.get("location")
    if isinstance(location, list):
        location = location[0]
    if position(location)[2] == "":
        return None
    value: Mapping[str, Any] = location["value"] if location else {}
    return value


def _properties(entity: Entity) -> dict[str, Any]:
    names = [text for key in NAMES for text in texts(entity.get(key))]
    kind = entity["type"]
    return {
        "id": entity["id"],
        "name": names[0] if names else "",
        "n": 1,
        "type": kind if isinstance(kind, str) else kind[0],
    }
