"""Parses `orderBy` and gives entities their sort keys (GS CIM 009, 4.23)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.errors import BadRequestData, OperationNotSupported
from hiroba.kernel.query.moments import read_moment
from hiroba.kernel.query.paths import path_reader, plain
from hiroba.kernel.query.q import parse_path
from hiroba.kernel.query.scan import Scanner
from hiroba.kernel.query.tree import OrderBy

_DIRECTION: Final = re.compile(r"[A-Za-z-]+")
_NULL, _ABSENT = 8, 9


def parse_order(text: str, expand: Callable[[str], str]) -> tuple[OrderBy, ...]:
    """Parse `orderBy`: paths as in q, each with an optional `;asc` or `;desc`, separated by commas.

    Raises BadRequestData naming the place, TooComplexQuery, and OperationNotSupported for orders by distance.
    """
    scan = Scanner(text, "orderBy")
    order: list[OrderBy] = []
    while True:
        scan.term(0)
        path = parse_path(scan, expand)
        scan.skip()
        descending = scan.take(";") and _descending(scan)
        if any(path == other.path for other in order):
            raise BadRequestData(f"orderBy: '{path.attr}' is named twice")
        order.append(OrderBy(path, descending))
        if not scan.take(","):
            scan.finish("';asc', ';desc', ',' or the end")
            return tuple(order)


def _descending(scan: Scanner) -> bool:
    start = scan.at
    word = scan.match(_DIRECTION)
    scan.skip()
    if word in ("dist-asc", "dist-desc"):
        raise OperationNotSupported("orderBy: an order by distance is not offered")
    if word not in ("asc", "desc"):
        raise scan.error("'asc' or 'desc'", start)
    return word == "desc"


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

    Kinds sort as numbers, texts (by code point), objects, arrays, booleans, times, dates, date-times; null
    and what is not there come last in both directions.
    """
    terms = [(path_reader(term.path), term.descending) for term in order]

    def key(entity: Entity) -> tuple[Any, ...]:
        parts: list[Any] = []
        for read, descending in terms:
            found = read(entity)
            rank, value = _ranked(found[0].value) if found else (_ABSENT, 0)
            last = rank >= _NULL
            pair = (rank, value)
            parts.append((last, pair if last or not descending else _Backwards(pair)))
        return tuple(parts)

    return key


def _ranked(value: Any) -> tuple[int, Any]:
    value = plain(value)
    if isinstance(value, bool):
        return 4, value
    if isinstance(value, (int, float)):
        return 0, value
    if isinstance(value, str):
        moment = read_moment(value)
        if moment is None:
            return 1, value
        return (5 if moment.daily else 6 if len(value) == 10 else 7), moment.at
    if value is None:
        return _NULL, 0
    return (2 if isinstance(value, dict) else 3), orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
