"""Bind a mapping to the columns of one table: which cell becomes which attribute; pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass, field

from hiroba.apps.imports.mapping import PLACES, Field, Mapping, base
from hiroba.apps.imports.table import Row, Table, idle, missing, plain, row_number
from hiroba.apps.imports.values import guess

_ODD = re.compile(r"[^\w]+")
_DOTTED = re.compile(r"[A-Za-z][\w\-]*(\.[\w\-]+)+")
_TOWN = re.compile(r"(?:東京都|北海道|(?:京都|大阪)府|.{2,3}県)?(.{1,6}?[市区町村])")
_TAKEN = frozenset(
    {
        "id",
        "type",
        "scope",
        "value",
        "object",
        "attrs",
        "datasetId",
        "instanceId",
        "observedAt",
        "createdAt",
        "modifiedAt",
        "deletedAt",
        "expiresAt",
        "unitCode",
        "lang",
        "json",
        "vocab",
        "languageMap",
        "valueList",
        "objectList",
        "objectType",
        "entity",
        "previousValue",
        "context",
        "coordinates",
        "geometry",
        "properties",
        "location",
        "observationSpace",
        "operationSpace",
    }
)
_NUMBERS_ENOUGH = 0.95


@dataclass(frozen=True, slots=True)
class Binding:
    """One column and the field that its cells become."""

    index: int
    header: str
    field: Field


@dataclass(slots=True)
class Plan:
    """All that is needed to make entities of a table's rows.

    `dataset` stands in ids where no area code does; `origin` (a municipality) tells the same data set of two
    towns apart.
    """

    mapping: Mapping
    type: str
    dataset: str
    origin: str = ""
    bindings: list[Binding] = field(default_factory=list)
    placed: bool = False

    def attributes(self) -> frozenset[str]:
        """Return the attributes that the file speaks for: what it leaves empty is empty."""
        names = {binding.field.attribute.split(".")[0] for binding in self.bindings}
        return frozenset((names - {"id", "areaCode"}) | ({"location"} if self.placed else set()))

    def choice(self) -> dict[str, str | None]:
        """Return the attribute chosen for each bound column."""
        return {binding.header: binding.field.attribute for binding in self.bindings}


def make_plan(
    table: Table,
    rows: Sequence[Row],
    *,
    mapping: Mapping | None = None,
    type: str | None = None,
    choice: Dictionary[str, str | None] | None = None,
) -> Plan:
    """Return the plan for a table; `mapping` None stands for any table, `choice` corrects single columns.

    A column that the mapping does not know becomes an attribute named after its header.
    """
    used = mapping or base()
    plan = Plan(used, type or used.type, used.id if mapping else f"table-{_stem(table.name)}", placed=table.placed)
    plan.origin = _locality(table, rows, used)
    # beside a municipality's code, the older standard's NO is its id; anywhere else it counts the rows
    coded = [known for header in table.columns if (known := used.field_for(header)) and known.kind == "area"]
    numbered = bool(coded) and "id" in used.fields
    taken: set[str] = set()
    for index, header in enumerate(table.columns):
        if idle(header):
            continue
        if row_number(header) and header not in (choice or {}):
            if "id" in taken or not (_official(index, rows) or (plain(header) == "no" and numbered)):
                continue
            found = Field("id", (header,), "code")
        elif choice is not None and header in choice:
            chosen = choice[header]
            if chosen is None:
                continue
            found = _chosen(used, chosen)
        else:
            known = used.field_for(header)
            if known is None and plain(header) in used.ignore:
                continue
            found = known if known and known.attribute not in taken else _named_after(header, table, index, rows)
        if found.attribute in taken:
            continue
        taken.add(found.attribute)
        plan.bindings.append(Binding(index, header, found))
    return plan


def _official(index: int, rows: Sequence[Row]) -> bool:
    """Tell whether what looks like a row number is an id after all: dotted names instead of figures."""
    values = [row.cells[index] for row in rows if index < len(row.cells) and not missing(row.cells[index])]
    return bool(values) and all(isinstance(value, str) and _DOTTED.fullmatch(value) for value in values)


def _locality(table: Table, rows: Sequence[Row], mapping: Mapping) -> str:
    """Return the municipality that most of the addresses begin with, or nothing."""
    field = mapping.fields.get("address.streetAddress")
    headers = {plain(column) for column in field.columns} if field else set()
    for index, header in enumerate(table.columns):
        if plain(header) in headers:
            found = [_TOWN.match(str(row.cells[index])) for row in rows if index < len(row.cells)]
            names = [match.group(1) for match in found if match]
            name = max(set(names), key=names.count, default="")
            return name if names.count(name) * 2 > len(rows) else ""
    return ""


def _chosen(mapping: Mapping, attribute: str) -> Field:
    known = mapping.fields.get(attribute) or base().fields.get(attribute)
    return known or Field(attribute_name(attribute), (), "guess", keep=True)


def _named_after(header: str, table: Table, index: int, rows: Sequence[Row]) -> Field:
    values = [row.cells[index] for row in rows if index < len(row.cells) and not missing(row.cells[index])]
    numbers = [value for value in values if isinstance(value, str) and not isinstance(guess(value), str)]
    numeric = bool(values) and len(numbers) >= _NUMBERS_ENOUGH * len(values)
    return Field(attribute_name(header), (header,), "guess" if numeric else "text", keep=True)


def attribute_name(header: str) -> str:
    """Return a header as an attribute name: letters, digits and underscores, beginning with a letter.

    Japanese letters stay; a member name of the standard gets an underscore behind it.
    """
    name = _ODD.sub("_", unicodedata.normalize("NFKC", header)).strip("_") or "column"
    if not name[0].isalpha():
        name = f"c_{name}"
    return f"{name}_" if name in _TAKEN else name[:120]


def place_kinds(plan: Plan) -> dict[str, int]:
    """Return where the parts of the location are: attribute (`location.latitude` …) → column index."""
    return {b.field.attribute: b.index for b in plan.bindings if b.field.kind in PLACES}


def has_place(plan: Plan) -> bool:
    """Tell whether the rows can have a location."""
    parts = place_kinds(plan)
    pair = {"location.latitude", "location.longitude"} <= parts.keys()
    return plan.placed or pair or "location.pair" in parts or "location.geo3x3" in parts


def value_bindings(plan: Plan) -> list[Binding]:
    """Return the bindings of everything but id, area code and place."""
    return [b for b in plan.bindings if b.field.kind not in PLACES and b.field.attribute not in ("id", "areaCode")]


def _stem(name: str) -> str:
    """Return a file's name without ending, dates and edition numbers: the same for a newer edition."""
    stem = re.sub(r"\.[a-z]{2,8}$", "", name.rsplit("/", 1)[-1], flags=re.IGNORECASE)
    stem = re.sub(r"[\d_\-. ()年月日令和版]+$", "", stem)
    return _ODD.sub("-", unicodedata.normalize("NFKC", stem)).strip("-").lower() or "file"
