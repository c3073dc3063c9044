"""Read attributes and entities as NGSIv2 clients send them, and write them into instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from hiroba.kernel.model.entity import Attributes, Instance
from hiroba.kernel.model.instants import format_instant
from hiroba.kernel.model.ngsi_v2.errors import OrionError, bad_request
from hiroba.kernel.model.ngsi_v2.names import attribute_iri, check_identifier, has_forbidden
from hiroba.kernel.model.ngsi_v2.operators import ABSENT, is_operation, operate
from hiroba.kernel.model.ngsi_v2.values import fitted, from_instance, moment_of, to_instance

EXPIRES: Final = "dateExpires"
MAX_NESTING: Final = 50
_UNITLESS: Final = frozenset(("Relationship", "ListRelationship", "LanguageProperty", "VocabProperty", "JsonProperty"))
_MEMBERS: Final = frozenset(("type", "value", "metadata"))
_STICKY: Final = ("datasetId", "expiresAt", "objectType")
"""Members that NGSIv2 does not know and that stay when it writes a value."""


@dataclass(slots=True, frozen=True)
class Given:
    """An attribute (or a metadata) of a request: `type` and `metadata` are None when they were left out."""

    value: Any
    type: str | None = None
    metadata: dict[str, Given] | None = None


@dataclass(slots=True, frozen=True)
class GivenEntity:
    """An entity of a request; `type` is None when it was left out, attributes are by name."""

    id: str
    type: str | None
    attrs: dict[str, Given]


def read_entity(body: Any, *, key_values: bool) -> GivenEntity:
    """Return a whole entity; raises OrionError."""
    if type(body) is not dict:
        raise bad_request("not a JSON object")
    if not body:
        raise bad_request("empty payload")
    if "id" not in body:
        raise bad_request("invalid JSON payload, mandatory field /id/ not found")
    id = check_identifier(body["id"], "entity id")
    kind = check_identifier(body["type"], "entity type") if "type" in body else None
    attrs = read_attributes({k: v for k, v in body.items() if k not in ("id", "type")}, key_values=key_values)
    return GivenEntity(id, kind, attrs)


def read_attributes(body: Any, *, key_values: bool) -> dict[str, Given]:
    """Return the attributes of an object; raises OrionError."""
    if type(body) is not dict:
        raise bad_request("not a JSON object")
    for name in ("id", "type"):
        if name in body:
            raise bad_request(f"entity {name} specified in payload")
    return {check_name(name): read_attribute(value, key_values=key_values) for name, value in body.items()}


def check_name(name: str) -> str:
    """Return an attribute's name; raises OrionError for one that cannot name an attribute."""
    check_identifier(name, "attribute name")
    if name in ("id", "type", "geo:distance", "*"):
        raise bad_request(f"invalid input, '{name}' as attribute")
    return name


def read_attribute(raw: Any, *, key_values: bool = False) -> Given:
    """Return one attribute; raises OrionError."""
    if key_values:
        check_value(raw, None)
        return Given(raw)
    if type(raw) is not dict:
        raise bad_request("attribute must be a JSON object, unless keyValues option is used")
    for name in raw:
        if name not in _MEMBERS:
            raise bad_request("unrecognized property for context attribute")
    kind = _type(raw, "attribute")
    metadata = _metadata(raw["metadata"]) if "metadata" in raw else None
    value = raw.get("value")
    check_value(value, "TextUnrestricted" if marked("TextUnrestricted", metadata, None) else kind)
    return Given(value, kind, metadata)


def check_value(value: Any, kind: str | None, what: str = "attribute") -> None:
    """Raise OrionError for a value that is nested too deep or has forbidden characters."""
    if not _shallow(value, MAX_NESTING):
        raise OrionError(
            400, "ParseError", f"attribute or metadata value has overpassed maximum nesting limit: {MAX_NESTING}"
        )
    if kind != "TextUnrestricted" and has_forbidden(value):
        raise bad_request(f"Invalid characters in {what} value")


def _shallow(value: Any, depth: int) -> bool:
    if type(value) is not dict and type(value) is not list:
        return True
    return depth > 0 and all(_shallow(one, depth - 1) for one in (value.values() if type(value) is dict else value))


def _type(raw: dict[str, Any], what: str) -> str | None:
    if "type" not in raw:
        return None
    if type(raw["type"]) is not str:
        raise bad_request(f"invalid JSON type for {what} type")
    return check_identifier(raw["type"], f"{what} type")


def _metadata(raw: Any) -> dict[str, Given]:
    if type(raw) is not dict:
        raise bad_request("metadata must be a JSON object")
    found = {}
    for name, one in raw.items():
        check_identifier(name, "metadata name")
        if type(one) is not dict:
            raise bad_request("metadata must be a JSON object")
        if not set(one) <= {"type", "value"}:
            raise bad_request("unrecognized property for metadata")
        kind = _type(one, "metadata")
        check_value(one.get("value"), kind, "metadata")
        found[name] = Given(one.get("value"), kind)
    return found


def written(given: Given, before: Instance | None, *, override: bool = False) -> Instance | None:
    """Return the instance that an attribute of a request makes of the present one, None when it makes none.

    Metadata that is not mentioned stays, unless it is overridden or an empty object was given. Raises OrionError.
    """
    value, kind = given.value, given.type
    if is_operation(value):
        shown, present = from_instance(before) if before is not None else (None, ABSENT)
        kind = kind or shown
        value = operate(value, present, kind)
        if value is ABSENT:
            return None
    instance = None
    if given.type is None and before is not None and before["type"] != "Property":
        instance = fitted(before["type"], value)
    if instance is None:
        ignored = marked("ignoreType", given.metadata, None if override else before)
        instance = to_instance(kind, value, located=not ignored)
    if before is not None:
        instance |= {name: before[name] for name in _STICKY if name in before and _belongs(name, instance)}
    fresh = override or before is None or given.metadata == {}
    _write_metadata(instance, given.metadata or {}, None if fresh else before)
    return instance


def marked(name: str, metadata: dict[str, Given] | None, before: Instance | None) -> bool:
    """Tell whether a metadata is true: the one given, else the one that is there and stays."""
    if metadata is not None and (name in metadata or not metadata):
        return name in metadata and metadata[name].value is True
    subs = before.get("attrs", {}).get(attribute_iri(name)) if before is not None else None
    return subs is not None and subs[0].get("value") is True


def _belongs(member: str, instance: Instance) -> bool:
    return member != "objectType" or instance["type"] in ("Relationship", "ListRelationship")


def _write_metadata(instance: Instance, given: dict[str, Given], before: Instance | None) -> None:
    """Put metadata into an instance: what NGSI-LD has members for into these, the rest as sub-attributes."""
    subs: Attributes = {}
    if before is not None:
        subs = dict(before.get("attrs", {}))
        for name in ("unitCode", "observedAt"):
            if name in before and (name != "unitCode" or instance["type"] not in _UNITLESS):
                instance[name] = before[name]
    for name, one in given.items():
        iri = attribute_iri(name)
        at = moment_of(one.value) if name in ("observedAt", "TimeInstant") else None
        if name == "unitCode" and _is_unit(one) and instance["type"] not in _UNITLESS:
            instance["unitCode"] = one.value
            subs.pop(iri, None)
            continue
        if at is not None and (name == "TimeInstant" or one.type == "DateTime"):
            if name == "observedAt" or "observedAt" not in given:
                instance["observedAt"] = format_instant(at)
            if name == "observedAt":
                subs.pop(iri, None)
                continue
        subs[iri] = [to_instance(one.type, one.value, "metadata", located=False)]
    if subs:
        instance["attrs"] = subs


def _is_unit(given: Given) -> bool:
    return isinstance(given.value, str) and bool(given.value) and given.type in (None, "Text")


def expiry_of(given: Given) -> str:
    """Return the moment at which an entity ends; raises OrionError."""
    at = moment_of(given.value)
    if at is None or given.type not in (None, "DateTime"):
        raise bad_request("date has invalid format in attribute value")
    return format_instant(at)
