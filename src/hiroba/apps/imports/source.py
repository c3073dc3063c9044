"""Open a file as one or more data sets, each ready to be previewed and turned into entities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from hiroba.apps.imports import delimited, documents, gtfs, ngsi, places, shapefile_zip, workbook
from hiroba.apps.imports.entities import Made, make_entities
from hiroba.apps.imports.mapping import Mapping, base, mappings
from hiroba.apps.imports.plan import Plan, has_place, make_plan
from hiroba.apps.imports.reasons import Reject, Unreadable
from hiroba.apps.imports.recognise import recognise
from hiroba.apps.imports.sniff import Sniffed, sniff
from hiroba.apps.imports.table import Row, Table

SAMPLE = 200


@dataclass(slots=True)
class Dataset:
    """One table, feed or list of entities in a file.

    `table`, `plan` and `sample` are None or empty for formats that already are entities (GTFS, NGSI).
    """

    file: str
    sniffed: Sniffed
    table: Table | None = None
    plan: Plan | None = None
    mapping: Mapping | None = None
    sample: list[Row] = field(default_factory=list)
    made: Callable[[], Iterator[Made | Reject]] | None = None
    bounds: places.Box = places.JAPAN

    @property
    def type(self) -> str:
        """Return the entity type that the rows become, or nothing when each says its own."""
        return self.plan.type if self.plan else ""

    def entities(self) -> Iterator[Made | Reject]:
        """Yield what the rows become, from the beginning each time; nothing is held but the ids seen."""
        if self.made is not None:
            return self.made()
        if self.table is None or self.plan is None:
            raise Unreadable("unknown_dataset")
        return make_entities(self.table, self.plan, bounds=self.bounds)

    def attributes(self) -> frozenset[str]:
        """Return the attributes that this data set speaks for: those it leaves out of an entity are gone."""
        return self.plan.attributes() if self.plan else frozenset()

    def choose(self, type: str | None, choice: Dictionary[str, str | None] | None) -> None:
        """Correct the entity type and the attributes of columns (None leaves a column out)."""
        if self.table is not None:
            self.plan = make_plan(self.table, self.sample, mapping=self.mapping, type=type, choice=choice)


def open_source(path: Path, name: str, *, type: str | None = None, bounds: places.Box = places.JAPAN) -> list[Dataset]:
    """Return the data sets in a file; raises Unreadable when there is none that can be imported.

    `type` names the entities in place of what the known data set, or `PointOfInterest`, would make of them.
    """
    sniffed = sniff(path, name)
    if sniffed.format == "gtfs":
        return [Dataset(name, sniffed, made=lambda: gtfs.read_feed(path))]
    if sniffed.format == "ngsi":
        document, _ = documents.load(path)
        return [Dataset(name, sniffed, made=lambda: ngsi.read_entities(document))]
    found = [_dataset(name, sniffed, table, type, bounds) for table in _tables(path, name, sniffed)]
    if not found:
        raise Unreadable("empty_workbook" if sniffed.format == "xlsx" else "empty_file")
    return found


def _tables(path: Path, name: str, sniffed: Sniffed) -> list[Table]:
    if sniffed.format == "csv":
        return [delimited.read_delimited(path, sniffed.encoding, name=name)]
    if sniffed.format == "geojson":
        return [documents.read_geojson(path, name=name)]
    if sniffed.format == "records":
        return [documents.read_records(path, name=name)]
    if sniffed.format == "xlsx":
        sheets = workbook.sheet_names(path)
        return [workbook.read_sheet(path, sheet, name=_part(name, sheet, sheets)) for sheet in sheets]
    layers = shapefile_zip.layer_names(path)
    return [shapefile_zip.read_layer(path, layer, name=_part(name, layer, layers)) for layer in layers]


def _part(name: str, part: str, parts: list[str]) -> str:
    return name if len(parts) == 1 else f"{name} [{part}]"


def _dataset(name: str, sniffed: Sniffed, table: Table, type: str | None, bounds: places.Box) -> Dataset:
    sample = [row for row in islice(table.rows(), SAMPLE) if isinstance(row, Row)]
    mapping = recognise(table, sample)
    if mapping is None and table.placed:
        mapping = base()
    dataset = Dataset(table.name or name, sniffed, table, mapping=mapping, sample=sample, bounds=bounds)
    if mapping is not None and mapping.id == "place":
        dataset.mapping = None
    known = dataset.mapping is not None
    plan = make_plan(table, sample, mapping=dataset.mapping, type=type)
    if known or type or has_place(plan):
        dataset.plan = plan
    return dataset


def titles() -> dict[str, dict[str, str]]:
    """Return the titles of the known data sets by id."""
    return {name: dict(mapping.title) for name, mapping in mappings().items()}
