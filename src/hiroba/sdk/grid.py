"""Groups entities by a grid of cells, for cities that cannot do it themselves."""

from __future__ import annotations

from typing import Any

from hiroba.sdk.city import Cell, Entity


class Grid:
    """Collect entities with a location; `box` is west, south, east, north, `size` a cell's width and height
    (degrees)."""

    def __init__(self, box: tuple[float, float, float, float], size: tuple[float, float]) -> None:
        self._box = box
        self._size = size
        self._cells: dict[tuple[int, int], list[Any]] = {}

    def add(self, entity: Entity, *, keep_location: bool) -> None:
        """Count an entity in by the middle of its location's corners; one without a location is passed over."""
        instance = entity.get("location")
        geometry = instance.get("value") if isinstance(instance, dict) else None
        points = _points(geometry.get("coordinates") if isinstance(geometry, dict) else None)
        if not points:
            return
        lons, lats = [point[0] for point in points], [point[1] for point in points]
        lon, lat = (min(lons) + max(lons)) / 2, (min(lats) + max(lats)) / 2
        key = int((lon - self._box[0]) // self._size[0]), int((lat - self._box[1]) // self._size[1])
        cell = self._cells.setdefault(key, [0.0, 0.0, 0, None])
        cell[0] += lon
        cell[1] += lat
        cell[2] += 1
        cell[3] = entity if keep_location else {name: one for name, one in entity.items() if name != "location"}

    def cells(self) -> list[Cell]:
        """Return the cells that hold something."""
        return [
            Cell(lon / count, lat / count, count, entity if count == 1 else None)
            for lon, lat, count, entity in self._cells.values()
        ]


def _points(coordinates: Any) -> list[tuple[float, float]]:
    if not isinstance(coordinates, list) or not coordinates:
        return []
    if isinstance(coordinates[0], int | float):
        return [(coordinates[0], coordinates[1])]
    return [point for part in coordinates for point in _points(part)]
