"""Read JSON files: GeoJSON and lists of records as tables, and tell NGSI entities from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from hiroba.apps.imports.reasons import Reason, Reject, Unreadable
from hiroba.apps.imports.table import Row, Table, cell_text

KEY_COLUMN = "_key"


def load(path: Path) -> tuple[Any, str]:
    """Return the document and its encoding; raises Unreadable with the place where it is not JSON."""
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    encoding = "utf-8"
    try:
        content.decode()
    except UnicodeDecodeError:
        encoding = "cp932"
        try:
            content = content.decode(encoding).encode()
        except UnicodeDecodeError as error:
            raise Unreadable("unknown_encoding") from error
    try:
        return orjson.loads(content), encoding
    except orjson.JSONDecodeError as error:
        raise Unreadable("broken_json", line=error.lineno, error=error) from error


def kind_of(document: Any) -> str:
    """Return `geojson`, `ngsi` or `records`; raises Unreadable when the document is none of them."""
    if isinstance(document, dict):
        if document.get("type") in ("FeatureCollection", "Feature") and (
            "features" in document or "geometry" in document
        ):
            return "geojson"
        if document.get("type") == "Topology":
            raise Unreadable("topojson")
    first = document[0] if isinstance(document, list) and document else document
    if isinstance(first, dict) and isinstance(first.get("id"), str) and isinstance(first.get("type"), str | list):
        return "ngsi"
    if records_of(document):
        return "records"
    raise Unreadable("not_a_table")


def records_of(document: Any) -> list[dict[str, Any]]:
    """Return the records in a document: a list, the only list in an object, or objects by key."""
    if isinstance(document, list):
        return document if document and all(isinstance(part, dict) for part in document) else []
    if not isinstance(document, dict) or not document:
        return []
    if len(document) > 1 and all(isinstance(part, dict) for part in document.values()):
        return [{KEY_COLUMN: key, **part} for key, part in document.items()]
    lists = [part for part in document.values() if isinstance(part, list)]
    return records_of(lists[0]) if len(lists) == 1 else []


def read_records(path: Path, *, name: str = "") -> Table:
    """Return the table of a JSON file of records; line numbers count the records."""
    document, _ = load(path)
    records = records_of(document)
    columns = _columns(records)

    def rows() -> Iterator[Row | Reject]:
        for number, record in enumerate(records, start=1):
            yield Row(number, [cell_text(record.get(column)) for column in columns])

    return Table(columns, rows, name=name)


def read_geojson(path: Path, *, name: str = "") -> Table:
    """Return the table of a GeoJSON file's properties; line numbers count the features."""
    document, _ = load(path)
    features = document["features"] if document["type"] == "FeatureCollection" else [document]
    if not isinstance(features, list):
        raise Unreadable("not_a_table")
    columns = _columns([_properties(feature) for feature in features])

    def rows() -> Iterator[Row | Reject]:
        for number, feature in enumerate(features, start=1):
            if not isinstance(feature, dict) or feature.get("type") != "Feature":
                yield Reject(number, Reason("not_a_feature"))
                continue
            properties = _properties(feature)
            shape = feature.get("geometry")
            yield Row(
                number,
                [cell_text(properties.get(column)) for column in columns],
                shape if isinstance(shape, dict) else None,
            )

    return Table(columns, rows, name=name, placed=True)


def _properties(feature: Any) -> dict[str, Any]:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    return properties if isinstance(properties, dict) else {}


def _columns(records: list[dict[str, Any]]) -> list[str]:
    columns: dict[str, None] = {}
    for record in records:
        columns.update(dict.fromkeys(map(str, record)))
    return list(columns)
