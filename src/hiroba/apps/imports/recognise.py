"""Tell which known data set a table is, from its columns first, then from its name and content; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hiroba.apps.imports.mapping import Mapping, mappings
from hiroba.apps.imports.table import Row, Table, bare, idle, missing, plain, row_number

_ENOUGH = 0.6
_FILE_HINT = 6.0
_VALUE_HINT = 5.0
_GROUP = 2.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known of the table: compared headers, and for each the first values."""

    columns: frozenset[str]
    samples: dict[str, list[str]]
    placed: bool
    name: str


def recognise(table: Table, rows: Sequence[Row], *, known: Iterable[Mapping] | None = None) -> Mapping | None:
    """Return the mapping that fits best, or None when no data set asks for these columns.

    `rows` are some of the first rows. A mapping that asks for a hint needs its name or content to fit; one
    that is known by its columns alone goes before those.
    """
    seen = _look(table, rows)
    best: tuple[tuple[int, float], Mapping] | None = None
    for mapping in known if known is not None else mappings().values():
        score = _score(mapping, seen)
        if score is not None and (best is None or score > best[0]):
            best = (score, mapping)
    return best[1] if best else None


def _look(table: Table, rows: Sequence[Row]) -> _Seen:
    columns: set[str] = set()
    samples: dict[str, list[str]] = {}
    for index, header in enumerate(table.columns):
        if idle(header) or row_number(header):
            continue
        columns |= {plain(header), bare(header)}
        values = [row.cells[index] for row in rows if index < len(row.cells)]
        samples[plain(header)] = [value for value in values if isinstance(value, str) and not missing(value)]
    return _Seen(frozenset(columns), samples, table.placed, table.name)


def _score(mapping: Mapping, seen: _Seen) -> tuple[int, float] | None:
    asked = mapping.recognise
    if not asked.columns or asked.never & seen.columns:
        return None
    located = {"緯度", "経度", "latitude", "longitude"}
    for group in asked.columns:
        if not group & seen.columns and not (seen.placed and group & located):
            return None
    score = _GROUP * len(asked.columns)
    hints = 0.0
    if asked.file and asked.file.search(seen.name):
        hints += _FILE_HINT
    for attribute, pattern in asked.values:
        if _share(mapping, attribute, pattern, seen) >= _ENOUGH:
            hints += _VALUE_HINT
    if asked.hint and not hints:
        return None
    fitting = sum(1 for column in seen.columns if column in mapping.by_column)
    rank = 0 if mapping.id == "place" else 1 if asked.hint else 2
    return rank, score + hints + 3.0 * fitting / max(len(seen.columns), 1)


def _share(mapping: Mapping, attribute: str, pattern: re.Pattern[str], seen: _Seen) -> float:
    field = mapping.fields.get(attribute)
    headers = [plain(column) for column in field.columns] if field else [plain(attribute)]
    values = [value for header in headers for value in seen.samples.get(header, ())]
    if not values:
        return 0.0
    return sum(1 for value in values if pattern.search(value)) / len(values)
