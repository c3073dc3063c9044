"""Turns an entity into the rows by which it is found: pure, so that the rows to remove follow from the old state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, TypeGuard

import orjson

from hiroba.kernel.model.entity import LOCATION, VALUE_MEMBERS, Attributes, Entity, Instance
from hiroba.kernel.query.moments import Moment, read_moment
from hiroba.kernel.query.paths import plain

Value = int | float | str | bytes
Box = tuple[float, float, float, float]
GeoRow = tuple[int, float, float, float, float, int | None]
UsageKey = tuple[int, int, str]
Shape = tuple[tuple[str, ...], tuple[str, ...], tuple[str | tuple[str, ...], ...]]
Intern = Callable[[str], int]

MARKER: Final = b""
"""Stands for a value that is no scalar, so that every attribute that is there has a row."""
BOOLEANS: Final = {False: b"\x00", True: b"\x01"}
INSTANTS: Final = (b"\x02", b"\x03")
"""Before a moment's key: a point in time, a time of day."""
TEXT_INDEXED: Final = 200
"""Characters of a text that are indexed; a longer one is found by its beginning."""
LINKS: Final = frozenset({"Relationship", "ListRelationship"})
SLOTS: Final = 16
"""Rows of the R*Tree per entity: slot 0 is the default `location`, the last one the union of all that find no slot."""

_OFFSET: Final = 1 << 63
_NO_SCOPES: Final[frozenset[str]] = frozenset()


def moment_key(moment: Moment) -> bytes:
    """Return bytes that sort as the moments do."""
    return INSTANTS[moment.daily] + (moment.at + _OFFSET).to_bytes(8, "big")


def number_key(value: float) -> int | float:
    """Return a number that SQLite can hold."""
    return float(value) if isinstance(value, int) and not -_OFFSET <= value < _OFFSET else value


def index_values(instances: list[Instance]) -> set[Value]:
    """Return the values under which an attribute is indexed, never none."""
    if len(instances) == 1 and instances[0]["type"] == "Property":
        # what nearly every measured value is
        only: Any = instances[0].get("value")
        kind = type(only)
        if kind is float or (kind is int and -_OFFSET <= only < _OFFSET):
            return {only}
    found: set[Value] = set()
    for instance in instances:
        before = len(found)
        kind = instance["type"]
        value = instance.get(VALUE_MEMBERS.get(kind, "value"))
        if kind == "LanguageProperty":
            _add_words(found, value)
        else:
            value = plain(value)
            if kind in LINKS:
                value = _links(value)
            if isinstance(value, list):
                for item in value:
                    _add(found, item)
            else:
                _add(found, value)
        if len(found) == before:
            found.add(MARKER)
    return found


def _links(value: Any) -> Any:
    """Return a Relationship's URIs, each of which may stand in an object of its own."""
    if isinstance(value, list):
        return [_links(item) for item in value]
    return value.get("object", value.get("@id")) if isinstance(value, dict) else value


def _add(found: set[Value], value: Any) -> None:
    value = plain(value)
    if isinstance(value, str):
        found.add(value[:TEXT_INDEXED])
        if value[:1].isdigit() and (moment := read_moment(value)) is not None:
            found.add(moment_key(moment))
    elif isinstance(value, bool):
        found.add(BOOLEANS[value])
    elif isinstance(value, (int, float)):
        found.add(number_key(value))
    else:
        found.add(MARKER)


def _add_words(found: set[Value], words: Any) -> None:
    if not isinstance(words, dict):
        found.add(MARKER)
        return
    for value in words.values():
        for word in value if isinstance(value, list) else (value,):
            _add(found, word)


def scopes_of(entity: Entity | None) -> AbstractSet[str]:
    """Return an entity's scopes in one spelling, with a slash in front."""
    given = entity.get("scope") if entity else None
    if not given:
        return _NO_SCOPES
    return {"/" + scope.strip("/") for scope in ([given] if isinstance(given, str) else given)}


def may_have_geo(instances: list[Instance] | None) -> bool:
    """Tell whether an attribute may have a geometry among its instances; cheap, and never false for one that has."""
    if instances is not None:
        for instance in instances:
            if instance["type"] == "GeoProperty" or type(instance.get("value")) is dict:
                return True
    return False


def geometry_of(instance: Instance) -> dict[str, Any] | None:
    """Return what an instance may match a geographic query by, a GeoProperty or not; None for no geometry."""
    value = instance.get("value")
    if isinstance(value, str):
        if instance["type"] != "GeoProperty":
            return None
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
    if isinstance(value, dict) and ("coordinates" in value or "geometries" in value):
        return value
    return None


def geo_rows(ref: int, attrs: Attributes, intern: Intern) -> list[GeoRow]:
    """Return the R*Tree rows (id, west, east, south, north, attribute) of an entity's GeoProperties."""
    rows: list[GeoRow] = []
    rest: Box | None = None
    slot = 1
    for iri, instances in attrs.items():
        for instance in instances:
            if type(instance.get("value")) is not dict and instance["type"] != "GeoProperty":
                continue
            geometry = geometry_of(instance)
            box = None if geometry is None else box_of(geometry)
            if box is None:
                continue
            if iri == LOCATION and "datasetId" not in instance:
                rows.append((ref * SLOTS, *box, intern(iri)))
            elif slot < SLOTS - 1:
                rows.append((ref * SLOTS + slot, *box, intern(iri)))
                slot += 1
            else:
                rest = box if rest is None else _union(rest, box)
    if rest is not None:
        rows.append((ref * SLOTS + SLOTS - 1, *rest, None))
    return rows


def _union(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), max(a[3], b[3])


def box_of(geometry: dict[str, Any]) -> Box | None:
    """Return the bounds (west, east, south, north) of a GeoJSON geometry, None for one without positions."""
    if geometry.get("type") == "Point":
        point = geometry.get("coordinates")
        if _is_position(point):
            return point[0], point[0], point[1], point[1]
    west = south = float("inf")
    east = north = float("-inf")
    for x, y in _positions(geometry):
        west, east = min(west, x), max(east, x)
        south, north = min(south, y), max(north, y)
    return None if west > east else (west, east, south, north)


def _positions(geometry: dict[str, Any]) -> Iterator[tuple[float, float]]:
    pending: list[Any] = [geometry.get("coordinates")]
    parts = geometry.get("geometries")
    for part in parts if isinstance(parts, (list, tuple)) else ():
        if isinstance(part, dict):
            yield from _positions(part)
    while pending:
        node = pending.pop()
        if _is_position(node):
            yield node[0], node[1]
        elif isinstance(node, (list, tuple)):
            pending.extend(node)


def _is_position(node: Any) -> TypeGuard[Sequence[float]]:
    """Tell whether a node is a position; the value of a Property may look like a geometry and be none."""
    return (
        isinstance(node, (list, tuple))
        and len(node) >= 2
        and isinstance(node[0], (int, float))
        and isinstance(node[1], (int, float))
    )


def kinds_of(instances: list[Instance]) -> str | tuple[str, ...]:
    """Return the types of an attribute's instances."""
    if len(instances) == 1:
        kind: str = instances[0]["type"]
        return kind
    return tuple({one["type"]: 0 for one in instances})


def shape_of(entity: Entity) -> Shape:
    """Return what an entity counts as: its types, its attributes, and the kinds of each attribute's instances."""
    attrs = entity["attrs"]
    return tuple(entity["type"]), tuple(attrs), tuple([kinds_of(ones) for ones in attrs.values()])


def usage_keys(shape: Shape, intern: Intern) -> list[UsageKey]:
    """Return what an entity of a shape counts for: (type, attribute, kind), 0 standing for any type or no attribute.

    (0, 0, "") counts all entities, (t, 0, "") those of a type, (t, a, "") those of it with an attribute, (0, a, "") all
    with that attribute, and (0, a, k) those that hold it as a k.
    """
    types = [intern(iri) for iri in dict.fromkeys(shape[0])]
    keys: list[UsageKey] = [(0, 0, ""), *((type_, 0, "") for type_ in types)]
    for iri, kinds in zip(shape[1], shape[2], strict=True):
        attr = intern(iri)
        keys.append((0, attr, ""))
        keys.extend((type_, attr, "") for type_ in types)
        keys.extend((0, attr, kind) for kind in ((kinds,) if isinstance(kinds, str) else kinds))
    return keys
