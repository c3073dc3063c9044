"""Find the header of a table laid out for people: titles above it, units and second lines below it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from hiroba.apps.imports.reasons import Unreadable
from hiroba.apps.imports.table import idle, missing

LOOK_AHEAD = 25
_NUMBER = re.compile(r"[+\-]?[\d,]*\.?\d+")
_DATE = re.compile(r"\d{1,4}[/\-年.]\d{1,2}([/\-月.]\d{1,2})?.*")
_UNIT = re.compile(
    r"[\(\[（【]?(単位[:：]?)?"
    r"(%|‰|℃|°c|k?m|cm|mm|㎡|m2|m²|km2|ha|a|m3|㎥|m/s|km/h|hpa|k?g|t|mg/l|ppm|ppb|μg/m3|k?wh?|mwh?|万kw|mj|"
    r"人|名|世帯|戸|台|件|回|円|千円|万円|百万円|年|月|日|時間|分|秒|度|歳|箇所|か所|棟|床|個|本)"
    r"[\)\]）】]?"
)


@dataclass(frozen=True, slots=True)
class Header:
    """What was found: the columns' names and units, and how many records come before the first row."""

    columns: list[str]
    units: list[str]
    records: int


def find_header(records: Sequence[Sequence[str]]) -> Header:
    """Return the header among the first records; raises Unreadable when none of them can be one."""
    at = _header_index(records)
    columns = _filled_from_above(records, at)
    units = [""] * len(columns)
    used = at + 1
    while used < len(records) and used - at <= 2:
        merged = _merge(columns, records[used], units, below=records[used + 1] if used + 1 < len(records) else ())
        if merged is None:
            break
        columns, units = merged
        used += 1
    while len(columns) > 1 and not columns[-1]:
        columns.pop()
    return Header(_distinct(columns), units[: len(columns)], used)


def _header_index(records: Sequence[Sequence[str]]) -> int:
    for index, record in enumerate(records):
        if record and record[0].strip() == "#property":
            return index
    widest = max((_filled(record) for record in records), default=0)
    if not widest:
        raise Unreadable("empty_file")
    for index, record in enumerate(records):
        cells = [cell for cell in record if cell.strip()]
        if len(cells) * 2 >= widest and cells and not any(_figure(cell) for cell in cells):
            return index
    raise Unreadable("no_header", line=1)


def _filled(record: Sequence[str]) -> int:
    return sum(1 for cell in record if cell.strip())


def _figure(cell: str) -> bool:
    text = unicodedata.normalize("NFKC", cell).strip()
    return bool(_NUMBER.fullmatch(text) or _DATE.fullmatch(text))


def is_unit(cell: str) -> bool:
    """Tell whether a cell is a unit of measure and nothing else."""
    return bool(_UNIT.fullmatch(unicodedata.normalize("NFKC", cell).strip().lower()))


def _filled_from_above(records: Sequence[Sequence[str]], at: int) -> list[str]:
    """Return the header's cells, empty ones taken from a header line above."""
    columns = [cell.strip() for cell in records[at]]
    if at and not all(columns) and _filled(records[at - 1]) > 1:
        above = [cell.strip() for cell in records[at - 1]]
        columns = [own or (above[i] if i < len(above) else "") for i, own in enumerate(columns)]
    return columns


def _merge(
    columns: list[str], record: Sequence[str], units: list[str], *, below: Sequence[str]
) -> tuple[list[str], list[str]] | None:
    """Take a record below the header in as units or as one more header line, or return None: it is data."""
    cells = [cell.strip() for cell in record[: len(columns)]]
    cells += [""] * (len(columns) - len(cells))
    filled = [cell for cell in cells if cell]
    if not filled or any(_figure(cell) or missing(cell) for cell in filled):
        return None
    measures = sum(1 for cell in filled if is_unit(cell))
    gaps = sum(1 for name, cell in zip(columns, cells, strict=True) if cell and not name)
    if measures and measures + gaps >= len(filled):
        names = [name or ("" if is_unit(cell) else cell) for name, cell in zip(columns, cells, strict=True)]
        found = [cell.strip("()[]（）【】") if is_unit(cell) else old for cell, old in zip(cells, units, strict=True)]
        return names, found
    # a second line of names: words only, fills gaps, and figures begin right below it
    if gaps and sum(1 for cell in below if _figure(cell)) > 1:
        return [" ".join(filter(None, pair)) for pair in zip(columns, cells, strict=True)], units
    return None


def _distinct(columns: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    names = []
    for column in columns:
        seen[column] = seen.get(column, 0) + 1
        names.append(column if idle(column) or seen[column] == 1 else f"{column} ({seen[column]})")
    return names
