"""Make entities of a table's rows, and say what of them was not taken; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hiroba.apps.imports import addresses, geo3x3, keys, places
from hiroba.apps.imports.mapping import Field
from hiroba.apps.imports.plan import Binding, Plan, place_kinds, value_bindings
from hiroba.apps.imports.reasons import Reason, Reject, Unfit, short
from hiroba.apps.imports.table import Row, Table, missing
from hiroba.apps.imports.values import KINDS, to_area_code, to_text

Entity = dict[str, Any]
LISTED = frozenset({"openingHoursSpecification"})
"""Attributes whose object value stands in a list of one, as their data model has it."""


@dataclass(slots=True)
class Made:
    """An entity made of what is on a line."""

    line: int
    entity: Entity


@dataclass(slots=True)
class _Maker:
    plan: Plan
    bounds: places.Box
    values: list[Binding]
    parts: dict[str, int]
    id_binding: Binding | None
    area_binding: Binding | None
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def make_entities(table: Table, plan: Plan, *, bounds: places.Box = places.JAPAN) -> Iterator[Made | Reject]:
    """Yield an entity or a reject for each row, and a reject beside the entity for each value left out."""
    special = {binding.field.attribute: binding for binding in plan.bindings}
    maker = _Maker(plan, bounds, value_bindings(plan), place_kinds(plan), special.get("id"), special.get("areaCode"))
    for row in table.rows():
        if isinstance(row, Reject):
            yield row
        else:
            yield from _make(maker, row, table.columns)


def _make(maker: _Maker, row: Row, columns: list[str]) -> Iterator[Made | Reject]:
    rejects: list[Reject] = []
    location = None
    try:
        location = _location(maker, row)
    except Unfit as error:
        column = columns[min(maker.parts.values())] if maker.parts else ""
        # an unreadable place leaves a thing without one; a wrong place would put it where it is not
        whole = error.reason.code != "not_a_coordinate"
        rejects.append(Reject(row.line, error.reason, column, _place_text(maker, row), row=whole))
        if whole:
            yield rejects[0]
            return
    flat = _values(maker, row, rejects)
    if not flat and location is None:
        yield Reject(row.line, Reason("empty_row"))
        return
    yield from rejects
    try:
        id, area, twin = _identify(maker, row, flat, location)
    except Unfit as error:
        yield Reject(row.line, error.reason)
        return
    if twin:
        yield Reject(row.line, Reason("duplicate_row", {"line": twin}))
        return
    yield Made(row.line, _entity(maker.plan, id, flat, location, source=_source(maker.plan, area, flat)))


def _location(maker: _Maker, row: Row) -> dict[str, Any] | None:
    if maker.plan.placed:
        return places.geometry(row.geometry, bounds=maker.bounds) if row.geometry else None
    cells, parts = row.cells, maker.parts
    if "location.pair" in parts:
        pair = places.pair(cells[parts["location.pair"]])
        return places.point(*pair, bounds=maker.bounds) if pair else None
    if "location.geo3x3" in parts:
        code = cells[parts["location.geo3x3"]]
        return None if missing(code) else places.point(*geo3x3.decode(code), bounds=maker.bounds)
    if not {"location.latitude", "location.longitude"} <= parts.keys():
        return None
    degrees = []
    for axis in ("latitude", "longitude"):
        cell = cells[parts[f"location.{axis}"]]
        minutes = parts.get(f"location.{axis}Minutes")
        degrees.append(places.to_degrees(cell) if minutes is None else places.with_minutes(cell, cells[minutes]))
    return places.point(*degrees, bounds=maker.bounds)


def _place_text(maker: _Maker, row: Row) -> str:
    if row.geometry is not None:
        return short(row.geometry.get("coordinates"))
    return short(", ".join(str(row.cells[index]) for index in maker.parts.values()))


def _values(maker: _Maker, row: Row, rejects: list[Reject]) -> dict[str, Any]:
    """Return attribute path → value for what the row holds; what does not fit is added to the rejects."""
    flat: dict[str, Any] = {}
    for binding in maker.values:
        cell = row.cells[binding.index]
        if missing(cell):
            continue
        try:
            flat[binding.field.attribute] = _convert(binding.field, cell)
        except Unfit as error:
            rejects.append(Reject(row.line, error.reason, binding.header, short(cell), row=False))
    return flat


def _convert(field: Field, cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    try:
        return KINDS[field.kind](cell)
    except Unfit:
        if not field.keep:
            raise
        return to_text(cell)


def _identify(maker: _Maker, row: Row, flat: dict[str, Any], location: dict[str, Any] | None) -> tuple[str, str, int]:
    """Return the row's id, its area, and the line of an earlier row that says the same (0: there is none).

    An id that an earlier, different row has already taken gets an ordinal.
    """
    plan = maker.plan
    area = plan.mapping.area
    if maker.area_binding and not missing(row.cells[maker.area_binding.index]):
        area = to_area_code(str(row.cells[maker.area_binding.index]))
    official = row.cells[maker.id_binding.index] if maker.id_binding else ""
    if maker.id_binding is None or missing(official):
        parts = [location if part == "location" else flat.get(part) for part in plan.mapping.key]
        if not any(part is not None for part in parts):
            parts = [value for _, value in sorted(flat.items())] + [location]
        key = keys.digest(parts)
    else:
        key = str(_convert(maker.id_binding.field, str(official)))
    id = keys.urn(plan.type, area or plan.dataset, key)
    content = hash(repr((flat, location)))
    first = maker.seen.setdefault(id, (row.line, content))
    if first[0] == row.line:
        return id, area, 0
    if first[1] == content:
        return id, area, first[0]
    ordinal = maker.counts[id] = maker.counts.get(id, 1) + 1
    return f"{id}-{ordinal}", area, 0


def _source(plan: Plan, area: str, flat: dict[str, Any]) -> str:
    """Return what tells this data set of this town from all others, the same in every edition."""
    apart = [str(flat[attribute]) for attribute in plan.mapping.apart if attribute in flat]
    return "/".join([plan.dataset, *filter(None, [area or plan.origin]), *apart])


def _entity(plan: Plan, id: str, flat: dict[str, Any], location: dict[str, Any] | None, *, source: str) -> Entity:
    entity: Entity = {"id": id, "type": plan.type}
    units = {b.field.attribute: b.field.unit for b in plan.bindings if b.field.unit}
    for path, value in flat.items():
        attribute, _, member = path.partition(".")
        if not member:
            entity[attribute] = {"type": "Property", "value": value}
            if path in units:
                entity[attribute]["unitCode"] = units[path]
            continue
        held = entity.setdefault(attribute, {"type": "Property", "value": {}})["value"]
        if isinstance(held, dict):
            held[member] = value
    if isinstance(address := entity.get("address", {}).get("value"), dict):
        entity["address"]["value"] = addresses.sorted_out(address)
    for attribute in LISTED & entity.keys():
        entity[attribute]["value"] = [entity[attribute]["value"]]
    for attribute, value in plan.mapping.constants.items():
        entity.setdefault(attribute, {"type": "Property", "value": value})
    if location is not None:
        entity["location"] = {"type": "GeoProperty", "value": location}
    entity["source"] = {"type": "Property", "value": source}
    return entity
