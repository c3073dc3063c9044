"""Turn places into vector tiles: web mercator, the grid of clusters, the encoding (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import mapbox_vector_tile
import shapely
import shapely.errors
import shapely.geometry
from shapely.geometry.base import BaseGeometry

EXTENT: Final = 4096
TILE_PIXELS: Final = 512
"""What a map draws a vector tile at: 512 pixels wide at its own zoom, up to 1,024 before the next one."""
LAYER: Final = "entities"
DEEPEST: Final = 22

_BUFFER: Final = 128
_PIXEL: Final = EXTENT / TILE_PIXELS
_MERCATOR_LATITUDE: Final = 85.051128779806604


@dataclass(frozen=True, slots=True)
class Tile:
    """One square of the map at a zoom; raises ValueError when there is none at that place."""

    z: int
    x: int
    y: int

    def __post_init__(self) -> None:
        side = 1 << min(self.z, DEEPEST) if self.z >= 0 else 0
        if not (0 <= self.z <= DEEPEST and 0 <= self.x < side and 0 <= self.y < side):
            raise ValueError(f"there is no tile {self.z}/{self.x}/{self.y}; zooms go from 0 to {DEEPEST}")

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return its west, south, east and north (degrees)."""
        side = 1 << self.z
        west, east = (self.x / side * 360 - 180), ((self.x + 1) / side * 360 - 180)
        return west, _latitude((self.y + 1) / side), east, _latitude(self.y / side)

    def wider(self, part: float) -> tuple[float, float, float, float]:
        """Return its box with a margin of `part` of its width on each side, within the world."""
        west, south, east, north = self.box
        across, up = (east - west) * part, (north - south) * part
        return (
            max(-180.0, west - across),
            max(-90.0, south - up),
            min(180.0, east + across),
            min(90.0, north + up),
        )

    def cell(self, pixels: float) -> tuple[float, float]:
        """Return the size (degrees of longitude, latitude) of a grid cell about `pixels` wide on the screen.

        The number of cells across a tile is a power of two, so that the grids of neighbours and zooms meet.
        """
        across = 1 << max(0, round(math.log2(TILE_PIXELS / pixels)))
        west, south, east, north = self.box
        return (east - west) / across, (north - south) / across

    def place(self, lon: float, lat: float) -> tuple[float, float]:
        """Return where a position is in the tile's own units (0 to EXTENT, from the north-west corner)."""
        side = (1 << self.z) * EXTENT
        return (
            (lon + 180) / 360 * side - self.x * EXTENT,
            _mercator(lat) * side - self.y * EXTENT,
        )


def _latitude(northing: float) -> float:
    """Return the latitude of a mercator ordinate (0 at the top of the world, 1 at the bottom)."""
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * northing))))


def _mercator(lat: float) -> float:
    bound = math.radians(max(-_MERCATOR_LATITUDE, min(_MERCATOR_LATITUDE, lat)))
    return (1 - math.asinh(math.tan(bound)) / math.pi) / 2


Feature = tuple[BaseGeometry, Mapping[str, Any]]


def point(tile: Tile, lon: float, lat: float, properties: Mapping[str, Any]) -> Feature | None:
    """Return a point feature, or None when the position belongs to a neighbouring tile."""
    x, y = tile.place(lon, lat)
    column, row = math.floor(x), math.floor(y)
    if not (0 <= column < EXTENT and 0 <= row < EXTENT):
        return None
    return shapely.Point(column, row), properties


def drawn(tile: Tile, geometry: Mapping[str, Any], properties: Mapping[str, Any]) -> list[Feature]:
    """Return a GeoJSON geometry as it looks in a tile: clipped with a margin, simplified to half a pixel.

    A line or an area too small to see becomes a point, so that it is still there to be picked.
    """
    if geometry.get("type") == "Point":
        lon, lat = geometry["coordinates"][:2]
        one = point(tile, lon, lat, properties)
        return [one] if one else []
    near = _near(tile, shapely.geometry.shape(geometry))
    if near is None:
        return []
    placed = shapely.transform(near, _placing(tile))
    return [
        (part, properties) for piece in _pieces(placed) if (part := _fitted(piece)) is not None and not part.is_empty
    ]


def _near(tile: Tile, shape: BaseGeometry) -> BaseGeometry | None:
    """Return the part of a shape in and around a tile without details finer than half a pixel, still in degrees.

    This comes before the costly projection: of a coast with a million corners, a few hundred are left.
    """
    box = tile.wider(1 / 8)
    if not shapely.box(*box).intersects(shapely.box(*shape.bounds)):
        return None
    if shape.geom_type.endswith("Point") or shape.geom_type == "GeometryCollection":
        return shape
    west, south, east, north = tile.box
    simple = shape.simplify(min(east - west, north - south) / TILE_PIXELS / 2, preserve_topology=False)
    if simple.is_empty:
        simple = shape.representative_point()
    elif not simple.is_valid:
        simple = shapely.make_valid(simple)
    try:
        return shapely.clip_by_rect(simple, *box)
    except shapely.errors.GEOSException:
        return simple


def _placing(tile: Tile) -> Any:
    def place(coordinates: Any) -> Any:
        placed = coordinates.copy()
        for row, (lon, lat) in enumerate(coordinates):
            placed[row] = tile.place(lon, lat)
        return placed

    return place


def _pieces(shape: BaseGeometry) -> list[BaseGeometry]:
    """Return the parts of a collection by themselves, anything else as it is."""
    if shape.geom_type == "GeometryCollection":
        return [piece for part in shape.geoms for piece in _pieces(part)]
    return [shape]


def _fitted(shape: BaseGeometry) -> BaseGeometry | None:
    if shape.geom_type in ("Point", "MultiPoint"):
        return _inside(shape)
    west, north, east, south = shape.bounds
    if max(east - west, south - north) < 2 * _PIXEL:
        return _inside(shape.representative_point())
    edge = EXTENT + _BUFFER
    if west > edge or east < -_BUFFER or north > edge or south < -_BUFFER:
        return None
    simple = shape.simplify(_PIXEL / 2, preserve_topology=True)
    clipped = shapely.clip_by_rect(simple, -_BUFFER, -_BUFFER, edge, edge)
    if clipped.geom_type == "GeometryCollection":
        dimension = shapely.get_dimensions(shape)
        clipped = shapely.union_all([part for part in clipped.geoms if shapely.get_dimensions(part) == dimension])
    return clipped


def _inside(shape: BaseGeometry) -> BaseGeometry | None:
    points = [one for one in getattr(shape, "geoms", [shape]) if 0 <= one.x < EXTENT and 0 <= one.y < EXTENT]
    if not points:
        return None
    return points[0] if len(points) == 1 else shapely.MultiPoint(points)


def encode(features: Iterable[Feature]) -> bytes:
    """Return features as a Mapbox Vector Tile with the one layer `entities`; no features are no bytes."""
    ready = [{"geometry": shape, "properties": properties} for shape, properties in features]
    if not ready:
        return b""
    layer = {"name": LAYER, "features": ready}
    encoded = mapbox_vector_tile.encode(
        layer, default_options={"y_coord_down": True, "extents": EXTENT, "check_winding_order": True}
    )
    return bytes(encoded)
