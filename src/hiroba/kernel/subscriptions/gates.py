"""Tell by one look at an entity which of many subscriptions cannot be met, by equality, bound or place."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from math import floor
from typing import Any, Final, Generic, TypeAlias, TypeVar

from hiroba.kernel.model.entity import Entity, Instance
from hiroba.kernel.query.boxes import Box, geo_boxes
from hiroba.kernel.query.tree import ANYWHERE, ENTITY_MEMBERS, And, Compare, GeoQuery, Query, Range
from hiroba.kernel.subscriptions.entry import Condition

T = TypeVar("T")

CELLS: Final = (0.02, 0.16, 1.28, 10.24)
"""Grid sizes (degrees); a place is kept in the finest in which it takes few cells."""
MOST_CELLS: Final = 16


@dataclass(slots=True, frozen=True)
class Equal:
    """An attribute has to have one of these values."""

    attribute: str
    values: tuple[Any, ...]


@dataclass(slots=True, frozen=True)
class Bound:
    """An attribute has to be `above` (or below) a number, or equal to it."""

    attribute: str
    number: float
    above: bool


@dataclass(slots=True, frozen=True)
class Place:
    """A GeoProperty has to touch one of these boxes."""

    attribute: str
    boxes: tuple[Box, ...]


Gate: TypeAlias = Equal | Bound | Place


def gate_of(condition: Condition) -> Gate | None:
    """Return the sharpest thing that a condition demands of an entity, None when there is nothing of the kind."""
    gates = [gate for term in _terms(condition.q) if (gate := _term_gate(term)) is not None]
    equal = next((gate for gate in gates if isinstance(gate, Equal)), None)
    return equal or _place(condition.geo) or (gates[0] if gates else None)


def _terms(query: Query | None) -> Iterator[Compare]:
    if isinstance(query, Compare):
        yield query
    elif isinstance(query, And):
        for part in query.parts:
            yield from _terms(part)


def _term_gate(term: Compare) -> Gate | None:
    path = term.path
    if path.link is not None or path.sub or path.trail or path.attr in ENTITY_MEMBERS or term.instant:
        return None
    if term.op == "==" and not any(isinstance(value, Range) for value in term.values):
        return Equal(path.attr, term.values)
    if term.op in (">", ">=", "<", "<="):
        (bound,) = term.values
        if isinstance(bound, int | float) and not isinstance(bound, bool):
            return Bound(path.attr, bound, term.op[0] == ">")
    return None


def _place(query: GeoQuery | None) -> Place | None:
    boxes = geo_boxes(query) if query is not None else None
    if query is None or query.geoproperty == ANYWHERE or boxes is None or not any(_cells(box) for box in boxes):
        return None
    return Place(query.geoproperty, boxes)


def _cells(box: Box) -> tuple[int, range, range] | None:
    """Return the grid and the columns and rows that a box touches in it, None when it is too large for any."""
    west, south, east, north = box
    for level, size in enumerate(CELLS):
        columns = range(floor(west / size), floor(east / size) + 1)
        rows = range(floor(south / size), floor(north / size) + 1)
        if len(columns) * len(rows) <= MOST_CELLS:
            return level, columns, rows
    return None


def plain_values(instances: Iterable[Instance]) -> list[Any] | None:
    """Return the values of an attribute's instances when all of them are plain, else None."""
    found: list[Any] = []
    for instance in instances:
        value = instance.get("object") if instance["type"] == "Relationship" else instance.get("value")
        for one in value if isinstance(value, list) else (value,):
            if not isinstance(one, str | int | float):
                return None
            found.append(one)
    return found


class Gated(Generic[T]):
    """Things held by the gates of their conditions; those without one are always let through."""

    def __init__(self) -> None:
        self._free: dict[str, T] = {}
        self._equal: dict[str, dict[Any, dict[str, T]]] = {}
        self._bounds: dict[tuple[str, bool], list[tuple[float, int, T]]] = {}
        self._places: dict[str, dict[tuple[int, int, int], dict[str, T]]] = {}
        self._held: dict[str, tuple[Gate | None, int]] = {}
        self._serial = count()

    def __len__(self) -> int:
        return len(self._held)

    def put(self, id: str, thing: T, gate: Gate | None) -> None:
        """Take in a thing under an id that is not there yet."""
        serial = next(self._serial)
        if isinstance(gate, Place) and not all(_cells(box) for box in gate.boxes):
            gate = None
        self._held[id] = gate, serial
        match gate:
            case Equal():
                for value in gate.values:
                    self._equal.setdefault(gate.attribute, {}).setdefault(value, {})[id] = thing
            case Bound():
                rows = self._bounds.setdefault((gate.attribute, gate.above), [])
                insort(rows, (gate.number, serial, thing), key=lambda row: row[:2])
            case Place():
                cells = self._places.setdefault(gate.attribute, {})
                for cell in _keys(gate):
                    cells.setdefault(cell, {})[id] = thing
            case None:
                self._free[id] = thing

    def drop(self, id: str) -> None:
        """Forget what is held under an id."""
        gate, serial = self._held.pop(id)
        match gate:
            case Equal():
                for value in gate.values:
                    _take_out(self._equal, gate.attribute, value, id=id)
            case Bound():
                rows = self._bounds[gate.attribute, gate.above]
                del rows[bisect_left(rows, (gate.number, serial), key=lambda row: row[:2])]
                if not rows:
                    del self._bounds[gate.attribute, gate.above]
            case Place():
                for cell in _keys(gate):
                    _take_out(self._places, gate.attribute, cell, id=id)
            case None:
                del self._free[id]

    def let_through(self, entity: Entity) -> Iterator[T]:
        """Yield all things whose condition an entity may meet; a few may come twice."""
        yield from self._free.values()
        attrs = entity.get("attrs", {})
        for attribute, by_value in self._equal.items():
            values = plain_values(attrs.get(attribute, ()))
            if values is None:
                for things in by_value.values():
                    yield from things.values()
            else:
                for value in values:
                    if value in by_value:
                        yield from by_value[value].values()
        for (attribute, above), rows in self._bounds.items():
            yield from _reached(rows, plain_values(attrs.get(attribute, ())), above=above)
        for attribute, cells in self._places.items():
            yield from _touched(cells, attrs.get(attribute, ()))


def _reached(rows: list[tuple[float, int, T]], values: list[Any] | None, *, above: bool) -> Iterator[T]:
    chosen = rows
    if values is not None:
        numbers = [value for value in values if isinstance(value, int | float)]
        if not numbers:
            return
        if above:
            chosen = rows[: bisect_right(rows, max(numbers), key=lambda row: row[0])]
        else:
            chosen = rows[bisect_left(rows, min(numbers), key=lambda row: row[0]) :]
    for row in chosen:
        yield row[2]


def _touched(cells: dict[tuple[int, int, int], dict[str, T]], instances: Iterable[Instance]) -> Iterator[T]:
    for instance in instances:
        value = instance.get("value")
        if not isinstance(value, dict) or value.get("type") != "Point":
            for things in cells.values():
                yield from things.values()
            return
        longitude, latitude = value["coordinates"][:2]
        for level, size in enumerate(CELLS):
            things = cells.get((level, floor(longitude / size), floor(latitude / size)), {})
            yield from things.values()


def _keys(gate: Place) -> set[tuple[int, int, int]]:
    keys: set[tuple[int, int, int]] = set()
    for box in gate.boxes:
        found = _cells(box)
        if found is not None:
            level, columns, rows = found
            keys |= {(level, column, row) for column in columns for row in rows}
    return keys


def _take_out(table: dict[str, dict[Any, dict[str, T]]], attribute: str, place: Any, *, id: str) -> None:
    places = table.get(attribute, {})
    things = places.get(place)
    if things is not None:
        things.pop(id, None)
        if not things:
            del places[place]
            if not places:
                del table[attribute]
