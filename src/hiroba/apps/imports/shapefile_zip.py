"""Read zipped Shapefiles, whatever their projection, as tables with geometries in degrees."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyproj
import shapefile
from pyproj.exceptions import CRSError

from hiroba.apps.imports import archive, places
from hiroba.apps.imports.reasons import Reject, Unreadable
from hiroba.apps.imports.table import Row, Table, cell_text

_WGS84 = "EPSG:4326"
_BROKEN = (
    shapefile.ShapefileException,
    struct.error,
    ValueError,
    IndexError,
    KeyError,
    AssertionError,
    TypeError,
)
Project = Callable[[Any], Any]


def layer_names(path: Path) -> list[str]:
    """Return the names of the layers (`.shp` files, lower case, without ending) in an archive."""
    with archive.open_archive(path) as opened:
        return sorted(name[:-4] for name in archive.members(opened) if name.endswith(".shp"))


def read_layer(path: Path, layer: str, *, name: str = "") -> Table:
    """Return the table of a layer's attributes; line numbers count the shapes.

    Text is read in the encoding that a `.cpg` file names, else UTF-8, else Shift_JIS.
    """
    with archive.open_archive(path) as opened:
        names = archive.members(opened)
        parts = {
            ending: archive.read_member(opened, names[f"{layer}.{ending}"])
            for ending in ("shp", "shx", "dbf", "prj", "cpg")
            if f"{layer}.{ending}" in names
        }
    reader, encoding = _reader(parts)
    columns = [field.name for field in reader.fields if field.name != "DeletionFlag"] if "dbf" in parts else []
    project = _projection(parts, reader)

    def rows() -> Iterator[Row | Reject]:
        shapes = _open(parts, encoding)
        try:
            for number, item in enumerate(shapes.iterShapeRecords(), start=1):
                yield Row(number, [_cell(value) for value in item.record], project(item.shape.__geo_interface__))
        except _BROKEN as error:
            raise Unreadable("broken_shape", error=error) from error

    return Table(columns, rows, name=name, placed=True)


def _reader(parts: dict[str, bytes]) -> tuple[shapefile.Reader, str]:
    named = parts.get("cpg", b"").decode("ascii", "ignore").strip().lower()
    named = {"932": "cp932", "sjis": "cp932", "shift_jis": "cp932", "65001": "utf-8", "utf8": "utf-8"}.get(named, named)
    problem: Exception = LookupError("no encoding")
    for encoding in [named] if named else ["utf-8", "cp932"]:
        try:
            reader = _open(parts, encoding)
            for _ in reader.iterRecords():
                pass
        except (*_BROKEN, LookupError) as error:
            problem = error
            continue
        return reader, encoding
    raise Unreadable("broken_shape", error=problem) from problem


def _open(parts: dict[str, bytes], encoding: str) -> shapefile.Reader:
    streams = {ending: io.BytesIO(parts[ending]) for ending in ("shp", "shx", "dbf") if ending in parts}
    return shapefile.Reader(**streams, encoding=encoding)


def _projection(parts: dict[str, bytes], reader: shapefile.Reader) -> Project:
    """Return what turns a geometry of the layer into one in degrees (lon, lat)."""
    if "prj" not in parts:
        west, south, east, north = reader.bbox
        if places.inside(west, south, places.JAPAN) and places.inside(east, north, places.JAPAN):
            return lambda shape: {"type": shape["type"], "coordinates": _lists(shape["coordinates"], _same)}
        raise Unreadable("no_projection")
    try:
        system = pyproj.CRS.from_wkt(parts["prj"].decode("utf-8", "replace"))
        transform = pyproj.Transformer.from_crs(system, _WGS84, always_xy=True).transform
    except CRSError as error:
        raise Unreadable("unknown_projection", error=error) from error

    def position(x: float, y: float) -> list[float]:
        lon, lat = transform(x, y)
        return [round(lon, 8), round(lat, 8)]

    return lambda shape: {"type": shape["type"], "coordinates": _lists(shape["coordinates"], position)}


def _same(x: float, y: float) -> list[float]:
    return [x, y]


def _lists(coordinates: Any, position: Callable[[float, float], list[float]]) -> Any:
    if coordinates and isinstance(coordinates[0], int | float):
        return position(coordinates[0], coordinates[1])
    return [_lists(part, position) for part in coordinates]


def _cell(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    text = cell_text(value)
    return text.strip() if isinstance(text, str) else text
