"""One value with its NGSIv2 type and the attribute instance that it is inside, both ways."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hiroba.kernel.model.compact import compact_value
from hiroba.kernel.model.context import CORE
from hiroba.kernel.model.entity import NULL, VALUE_MEMBERS, Instance
from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.model.ids import is_uri
from hiroba.kernel.model.instants import format_instant
from hiroba.kernel.model.ngsi_v2.errors import bad_request
from hiroba.kernel.model.ngsi_v2.names import name_of, type_iri
from hiroba.kernel.model.ngsi_v2.places import SIMPLE, from_geojson, from_simple, to_simple
from hiroba.kernel.model.values import CHECKS, expand_value

DATE_TIMES: Final = ("DateTime", "ISO8601")
KINDS: Final = ("LanguageProperty", "VocabProperty", "JsonProperty", "ListProperty", "ListRelationship")
"""Attribute types of NGSI-LD that NGSIv2 shows, and takes, under their own names."""
_MOMENT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST: Final = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST: Final = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - _EPOCH) // _MICROSECOND


def default_type(value: Any) -> str:
    """Return the type that a value has when none is given."""
    if value is None:
        return "None"
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int | float):
        return "Number"
    return "Text" if isinstance(value, str) else "StructuredValue"


def moment_of(text: Any) -> int | None:
    """Return an ISO 8601 date, or date and time, in any of the forms of NGSIv2 as µs since 1970 UTC, else None."""
    found = _MOMENT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    day, hours, minutes, seconds, fraction, zone = found.groups()
    offset = "+00:00" if zone in (None, "Z") else zone if ":" in zone else f"{zone[:3]}:{zone[3:] or '00'}"
    clock = f"{hours or '00'}:{minutes or '00'}:{seconds or '00'}.{(fraction or '0').ljust(6, '0')[:6]}"
    try:
        at = (datetime.fromisoformat(f"{day}T{clock}{offset}") - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):  # a 13th month, a 25th hour
        return None
    # a zone can lead out of the years that can be written
    return at if _FIRST <= at <= _LAST else None


def to_instance(type: str | None, value: Any, what: str = "attribute", *, located: bool = True) -> Instance:
    """Return the instance that a value of a type is inside, without metadata; raises OrionError.

    A type that the value does not tell by itself is kept as `valueType`. `located` false takes a place as plain data.
    """
    if type in DATE_TIMES and value is not None:
        at = moment_of(value)
        if at is None:
            raise bad_request(f"date has invalid format in {what} value")
        instance: Instance = {"type": "Property", "value": {"@type": "DateTime", "@value": format_instant(at)}}
        return instance if type == "DateTime" else instance | {"valueType": type_iri(type)}
    if located and value is not None and type == "geo:json":
        return {"type": "GeoProperty", "value": from_geojson(value)}
    if located and value is not None and type in SIMPLE:
        return {"type": "GeoProperty", "value": from_simple(type, value), "valueType": type_iri(type)}
    if type == "Relationship" and _is_link(value):
        return {"type": type, "object": value}
    if type in KINDS:
        kept = _of_kind(type, value)
        if kept is not None:
            return kept
    return _plain(type, value)


def fitted(kind: str, value: Any) -> Instance | None:
    """Return the instance of an attribute type of NGSI-LD that a bare value can be, None when it cannot."""
    if kind == "Relationship":
        return {"type": kind, "object": value} if _is_link(value) else None
    if kind == "GeoProperty":
        try:
            return {"type": kind, "value": from_geojson(value)}
        except BadRequestData:
            return None
    return _of_kind(kind, value) if kind in KINDS else None


def _of_kind(kind: str, value: Any) -> Instance | None:
    if kind == "JsonProperty" and value is None:
        return None
    try:
        return {"type": kind, VALUE_MEMBERS[kind]: CHECKS[kind](value, CORE, kind, False)}
    except BadRequestData:
        return None


def _plain(type: str | None, value: Any) -> Instance:
    inside = _expanded(value)
    if inside is None:
        # what NGSI-LD cannot hold in a Property, such as null, is JSON data there
        return {"type": "JsonProperty", "json": value, "valueType": type_iri(type or default_type(value))}
    if type is None or type == default_type(value):
        return {"type": "Property", "value": inside}
    return {"type": "Property", "value": inside, "valueType": type_iri(type)}


def _expanded(value: Any) -> Any:
    """Return a value as a Property holds it, None when it would not come back as it is."""
    if not isinstance(value, dict | list):
        return None if value is None or value == NULL else value
    if _has_null(value):
        return None
    try:
        inside = expand_value(value, CORE, "value", False)
    except BadRequestData:
        return None
    return inside if compact_value(inside, CORE) == value else None


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_null(one) for one in value.values())
    return any(_has_null(one) for one in value) if isinstance(value, list) else value is None


def _is_link(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(one != NULL and is_uri(one) for one in value)
    return value != NULL and is_uri(value)


def from_instance(instance: Instance) -> tuple[str, Any]:
    """Return the type and value that NGSIv2 shows for an instance."""
    kind = instance["type"]
    value = instance.get(VALUE_MEMBERS[kind])
    iri = instance.get("valueType")
    named = name_of(iri) if iri is not None else None
    if kind == "Property":
        value = compact_value(value, CORE)
        if isinstance(value, dict) and value.get("@type") == "DateTime" and isinstance(value.get("@value"), str):
            return named or "DateTime", value["@value"]
        return named or default_type(value), value
    if kind == "GeoProperty":
        if named in SIMPLE and isinstance(value, dict):
            simple = to_simple(named, value)
            if simple is not None:
                return named, simple
        return "geo:json", value
    if kind == "JsonProperty":
        return named or kind, value
    if kind == "VocabProperty":
        value = [name_of(one) for one in value] if isinstance(value, list) else name_of(str(value))
    elif kind == "ListProperty":
        value = compact_value(value, CORE)
    elif kind == "ListRelationship":
        value = [one["object"] if isinstance(one, dict) else one for one in value or ()]
    return kind, value
