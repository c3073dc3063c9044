"""Load the mappings: one YAML file per data set, how it is known and what its columns become."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hiroba.apps.imports.table import bare, plain
from hiroba.apps.imports.values import KINDS

# the loader in C, which PyYAML brings on most machines, reads eight times as fast
_YAML = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

FOLDER = Path(__file__).parent / "mappings"
PLACES = frozenset({"latitude", "longitude", "minutes", "pair", "geo3x3"})
"""Kinds whose columns are parts of the location."""
_KEYS = {
    "id",
    "title",
    "type",
    "extends",
    "area",
    "field",
    "recognise",
    "key",
    "apart",
    "ignore",
    "constants",
    "attributes",
}
_RECOGNISE_KEYS = {"columns", "file", "values", "hint", "never"}


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute of the entity: the headers under which it is found, its kind and its unit.

    `attribute` may have one dot: the part behind it is a member of the attribute's object value. A value that
    does not fit its kind is kept as text with `keep`, else left out and reported.
    """

    attribute: str
    columns: tuple[str, ...]
    kind: str = "text"
    unit: str = ""
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Recognise:
    """How a data set is known: all groups of `columns` (any name of each), then hints of name and content."""

    columns: tuple[frozenset[str], ...] = ()
    never: frozenset[str] = frozenset()
    file: re.Pattern[str] | None = None
    values: tuple[tuple[str, re.Pattern[str]], ...] = ()
    hint: bool = False


@dataclass(frozen=True)
class Mapping:
    """What a data set's columns become; `key` names the attributes hashed where there is no official id.

    Rows that differ in the attributes named by `apart` are never editions of each other: two surveys, two regions.
    """

    id: str
    title: dict[str, str]
    type: str
    recognise: Recognise
    fields: dict[str, Field]
    key: tuple[str, ...] = ("name", "address.streetAddress", "location")
    apart: tuple[str, ...] = ()
    area: str = ""
    ignore: frozenset[str] = frozenset()
    constants: dict[str, Any] = field(default_factory=dict)

    @functools.cached_property
    def by_column(self) -> dict[str, Field]:
        """Return the fields by the compared form of their headers."""
        return {plain(column): found for found in self.fields.values() for column in found.columns}

    def field_for(self, header: str) -> Field | None:
        """Return the field that a header stands for, with or without its bracketed ending."""
        return self.by_column.get(plain(header)) or self.by_column.get(bare(header))


@functools.cache
def mappings() -> dict[str, Mapping]:
    """Return the mappings that come with the app, by id; raises ValueError naming a broken file."""
    documents = {path.stem: _read(path) for path in sorted(FOLDER.glob("*.yaml"))}
    return {
        name: parse(_extended(document, documents), name=name)
        for name, document in documents.items()
        if not name.startswith("_")
    }


def base() -> Mapping:
    """Return what every place has in common, the mapping of a table that is no known data set."""
    return mappings()["place"]


def parse(document: dict[str, Any], *, name: str) -> Mapping:
    """Return the mapping in a YAML document; raises ValueError that names what is wrong with it."""
    if unknown := set(document) - _KEYS:
        raise ValueError(f"mapping {name}: unknown keys {sorted(unknown)}")
    if document.get("id") != name:
        raise ValueError(f"mapping {name}: its id must be the name of its file")
    title = document.get("title")
    if not isinstance(title, dict) or set(title) != {"ja", "en"}:
        raise ValueError(f"mapping {name}: title needs ja and en")
    fields = {found.attribute: found for found in _fields(document.get("attributes") or {}, name)}
    return Mapping(
        id=name,
        title=title,
        type=str(document["type"]),
        recognise=_recognise(document.get("recognise") or {}, name),
        fields=fields,
        key=tuple(document.get("key") or ("name", "address.streetAddress", "location")),
        apart=tuple(document.get("apart") or ()),
        area=str(document.get("area") or ""),
        ignore=frozenset(plain(column) for column in document.get("ignore") or ()),
        constants=dict(document.get("constants") or {}),
    )


def _read(path: Path) -> dict[str, Any]:
    # every scalar stays text: YAML would read the header NO as false
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=_YAML)
    if not isinstance(document, dict):
        raise ValueError(f"mapping {path.stem}: not a YAML mapping")  # noqa: TRY004 - one kind of error per file
    return document


def _extended(document: dict[str, Any], documents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a document with what it inherits: attributes one by one, `ignore` in addition."""
    parent = document.get("extends")
    if parent is None:
        return document
    base_document = _extended(documents[parent], documents)
    inherited: dict[str, Any] = {key: base_document[key] for key in ("key", "area") if key in base_document}
    attributes = {**(base_document.get("attributes") or {})}
    claimed = {plain(column) for spec in (document.get("attributes") or {}).values() for column in _columns(spec)}
    for attribute, spec in attributes.items():
        kept = [column for column in _columns(spec) if plain(column) not in claimed]
        attributes[attribute] = {**spec, "columns": kept} if isinstance(spec, dict) else kept
    return {
        **inherited,
        **document,
        "attributes": {**attributes, **(document.get("attributes") or {})},
        "ignore": [*(base_document.get("ignore") or ()), *(document.get("ignore") or ())],
    }


def _columns(spec: Any) -> list[str]:
    columns = spec.get("columns", []) if isinstance(spec, dict) else spec
    return [columns] if isinstance(columns, str) else [str(column) for column in columns]


def _fields(attributes: dict[str, Any], name: str) -> Iterator[Field]:
    for attribute, spec in attributes.items():
        options = spec if isinstance(spec, dict) else {}
        kind = options.get("type", "text")
        if kind not in KINDS and kind not in PLACES:
            raise ValueError(f"mapping {name}: {attribute} has the unknown type {kind!r}")
        if attribute.count(".") > 1:
            raise ValueError(f"mapping {name}: {attribute} has more than one dot")
        yield Field(
            attribute=attribute,
            columns=tuple(_columns(spec)),
            kind=kind,
            unit=str(options.get("unit", "")),
            keep=options.get("keep") == "true",
        )


def _recognise(document: dict[str, Any], name: str) -> Recognise:
    if unknown := set(document) - _RECOGNISE_KEYS:
        raise ValueError(f"mapping {name}: unknown keys in recognise {sorted(unknown)}")
    try:
        return Recognise(
            columns=tuple(
                frozenset(plain(column) for column in ([group] if isinstance(group, str) else group))
                for group in document.get("columns") or ()
            ),
            never=frozenset(plain(column) for column in document.get("never") or ()),
            file=re.compile(document["file"], re.IGNORECASE) if "file" in document else None,
            values=tuple(
                (attribute, re.compile(pattern)) for attribute, pattern in (document.get("values") or {}).items()
            ),
            hint=document.get("hint") == "true",
        )
    except re.error as error:
        raise ValueError(f"mapping {name}: broken pattern: {error}") from error
