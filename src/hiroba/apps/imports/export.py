"""Write the entities of a type as CSV, GeoJSON or Excel, page by page."""

from __future__ import annotations

import asyncio
import csv
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO, Any

import openpyxl
import orjson

from hiroba.sdk import City, errors, vocabulary

FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "geojson": "application/geo+json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_PAGE = 500
_SHEET_ROWS = 1_048_575
_SHEET_CELL = 32_767
_FORMULA = ("=", "+", "-", "@", "\t")

Entity = dict[str, Any]


async def export(city: City, type: str, *, format: str, target: Path, lang: str = "ja") -> int:
    """Write all entities of a type into a file and return how many; raises ResourceNotFound when there are none.

    Tables have a first line of attribute names and one row per entity; members of objects have columns of their own,
    points are `latitude` and `longitude`, other shapes GeoJSON text. CSV is UTF-8 with a byte order mark, for Excel.
    """
    if format not in FORMATS:
        raise errors.BadRequestData(f"format: {format!r} is none of {', '.join(FORMATS)}")
    with tempfile.TemporaryFile() as spool:
        count = 0
        columns: dict[str, None] = {"id": None}
        async for entity in _entities(city, type):
            if format != "geojson":
                entity = flat(entity)
                columns.update(dict.fromkeys(entity))
            spool.write(orjson.dumps(entity, option=orjson.OPT_APPEND_NEWLINE))
            count += 1
        if not count:
            raise errors.ResourceNotFound(f"there are no entities of the type {type}")
        spool.seek(0)
        title = vocabulary.type_title(type, lang)
        await asyncio.to_thread(_write, spool, format, _ordered(columns), target=target, title=title)
    return count


def _write(spool: IO[bytes], format: str, names: list[str], *, target: Path, title: str) -> None:
    if format == "csv":
        _write_csv(spool, names, target)
    elif format == "xlsx":
        _write_workbook(spool, names, target, title=title)
    else:
        _write_geojson(spool, target)


async def _entities(city: City, type: str) -> AsyncIterator[Entity]:
    offset = 0
    while True:
        answer = await city.entities(types=type, limit=_PAGE, offset=offset, simplified=True)
        for entity in answer.entities:
            yield entity
        offset += _PAGE
        if len(answer.entities) < _PAGE:
            return


def flat(entity: Entity) -> Entity:
    """Return a simplified entity with one plain value per column."""
    cells: Entity = {}
    for name, value in entity.items():
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
            value = value[0]
        if not isinstance(value, dict):
            cells[name] = _plain(value)
        elif "coordinates" in value and "type" in value:
            if name == "location" and value["type"] == "Point":
                cells["longitude"], cells["latitude"] = value["coordinates"][:2]
            else:
                cells[name] = _plain(value)
        else:
            for member, part in value.items():
                cells[f"{name}.{member}"] = _plain(part)
    return cells


def _plain(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ";".join(value)
    if isinstance(value, list | dict):
        return orjson.dumps(value).decode()
    return value


def _ordered(columns: dict[str, None]) -> list[str]:
    first = [name for name in ("id", "type", "name", "latitude", "longitude") if name in columns]
    return [*first, *(name for name in columns if name not in first)]


def _rows(spool: IO[bytes], names: list[str]) -> Iterator[list[Any]]:
    for line in spool:
        entity = orjson.loads(line)
        yield [entity.get(name) for name in names]


def _write_csv(spool: IO[bytes], names: list[str], target: Path) -> None:
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row in _rows(spool, names):
            writer.writerow(["" if value is None else _defused(value) for value in row])


def _defused(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_FORMULA) and not _number(value):
        return "'" + value
    return value


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _write_workbook(spool: IO[bytes], names: list[str], target: Path, *, title: str) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(title.translate(str.maketrans(":\\/?*[]", "-------"))[:31])
    sheet.append(names)
    for number, row in enumerate(_rows(spool, names), start=1):
        if number >= _SHEET_ROWS:
            raise errors.TooManyResults(f"an Excel sheet holds {_SHEET_ROWS} rows; export as CSV instead")
        sheet.append([_sheet_cell(value) for value in row])
    book.save(target)


def _sheet_cell(value: Any) -> Any:
    if isinstance(value, str):
        text = openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("", value)[:_SHEET_CELL]
        return "'" + text if text.startswith("=") else text
    return value


def _write_geojson(spool: IO[bytes], target: Path) -> None:
    with target.open("wb") as file:
        file.write(b'{"type":"FeatureCollection","features":[')
        for number, line in enumerate(spool):
            entity = orjson.loads(line)
            place = entity.pop("location", None)
            feature = {"type": "Feature", "id": entity["id"], "geometry": place, "properties": entity}
            file.write((b"," if number else b"") + b"\n" + orjson.dumps(feature))
        file.write(b"\n]}\n")
