"""Parses `orderBy` and gives entities their sort keys (GS CIM 009, 4.23)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.query.collation import Collation
from hiroba.kernel.query.geo import distance_from, parse_geo
from hiroba.kernel.query.moments import read_moment
from hiroba.kernel.query.paths import path_reader, plain
from hiroba.kernel.query.q import parse_path
from hiroba.kernel.query.scan import Scanner
from hiroba.kernel.query.tree import GeoQuery, OrderBy, Path

_DIRECTION: Final = re.compile(r"[A-Za-z-]+")
_NULL, _ABSENT = 8, 9


def parse_order(
    text: str,
    expand: Callable[[str], str],
    *,
    origin: Any = None,
    geometry: str = "Point",
    collation: Collation | None = None,
) -> tuple[OrderBy, ...]:
    """Parse `orderBy`: paths as in q, separated by commas, each with an optional direction.

    `;asc` and `;desc` sort by value; `;dist-asc` and `;dist-desc` by the distance of a GeoProperty from `origin`,
    the coordinates of a `geometry`. Texts sort by `collation`. Raises BadRequestData naming the place, and
    TooComplexQuery.
    """
    scan = Scanner(text, "orderBy")
    order: list[OrderBy] = []
    while True:
        scan.term(0)
        path = parse_path(scan, expand)
        scan.skip()
        direction = _direction(scan) if scan.take(";") else "asc"
        if any(path == other.path for other in order):
            raise BadRequestData(f"orderBy: '{path.attr}' is named twice")
        place = _place(path, origin, geometry) if direction.startswith("dist") else None
        order.append(OrderBy(path, direction.endswith("desc"), place, collation))
        if not scan.take(","):
            scan.finish("';asc', ';desc', ',' or the end")
            return tuple(order)


def _direction(scan: Scanner) -> str:
    start = scan.at
    word = scan.match(_DIRECTION)
    scan.skip()
    if word not in ("asc", "desc", "dist-asc", "dist-desc"):
        raise scan.error("'asc', 'desc', 'dist-asc' or 'dist-desc'", start)
    return word


def _place(path: Path, origin: Any, geometry: str) -> GeoQuery:
    if origin is None:
        raise BadRequestData("orderFrom is missing; an order by distance needs the place to measure from.")
    if path.sub or path.trail:
        raise BadRequestData("orderBy: an order by distance needs the name of a GeoProperty and nothing behind it")
    return parse_geo("intersects", geometry, origin, path.attr)


class _Backwards:
    """A key that sorts the other way round."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: _Backwards) -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Backwards) and self.key == other.key

    __hash__ = None  # type: ignore[assignment]


def sort_key(order: Sequence[OrderBy]) -> Callable[[Entity], tuple[Any, ...]]:
    """Compile an order to a key for `sorted`; the first instance that has a value decides.

    Distances sort as numbers, the closest instance of a GeoProperty deciding. Kinds sort as numbers, texts (by code
    point, or by a collation), objects, arrays, booleans, times, dates, date-times; null and what is not there come last
    both ways.
    """
    terms = [(_reader(term), term.descending) for term in order]

    def key(entity: Entity) -> tuple[Any, ...]:
        parts: list[Any] = []
        for read, descending in terms:
            rank, value = read(entity)
            last = rank >= _NULL
            pair = (rank, value)
            parts.append((last, pair if last or not descending else _Backwards(pair)))
        return tuple(parts)

    return key


def _reader(term: OrderBy) -> Callable[[Entity], tuple[int, Any]]:
    """Return a function from an entity to the rank of a value's kind and the value to compare within it."""
    if term.origin is not None:
        measure = distance_from(term.origin)

        def distance(entity: Entity) -> tuple[int, Any]:
            metres = measure(entity)
            return (_ABSENT, 0) if metres is None else (0, metres)

        return distance
    read = path_reader(term.path)
    text_key = term.collation.key() if term.collation is not None else None

    def value(entity: Entity) -> tuple[int, Any]:
        found = read(entity)
        return _ranked(found[0].value, text_key) if found else (_ABSENT, 0)

    return value


def _ranked(value: Any, text_key: Callable[[str], Any] | None) -> tuple[int, Any]:
    value = plain(value)
    if isinstance(value, bool):
        return 4, value
    if isinstance(value, (int, float)):
        return 0, value
    if isinstance(value, str):
        moment = read_moment(value)
        if moment is None:
            return 1, (value if text_key is None else text_key(value))
        return (5 if moment.daily else 6 if len(value) == 10 else 7), moment.at
    if value is None:
        return _NULL, 0
    return (2 if isinstance(value, dict) else 3), orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
