"""Read temporal evolutions of entities, normalized, concise or simplified (GS CIM 009, 5.2.20, 4.5.6 to 4.5.9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from hiroba.kernel.model.attributes import Reader, is_null
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import NULL, VALUE_MEMBERS, Attributes, Instance
from hiroba.kernel.model.errors import BadRequestData, shown
from hiroba.kernel.model.expand import expand_id, expand_scope, expand_types
from hiroba.kernel.model.instants import check_instant
from hiroba.kernel.model.names import ENTITY_MEMBERS
from hiroba.kernel.model.values import null_refused

SERIES: Final = {
    "Property": "values",
    "GeoProperty": "values",
    "Relationship": "objects",
    "LanguageProperty": "languageMaps",
    "VocabProperty": "vocabs",
    "JsonProperty": "jsons",
    "ListProperty": "valueLists",
    "ListRelationship": "objectLists",
}
"""Attribute type → the member that carries the pairs of value and time in the simplified representation (4.5.9)."""
WRAPPED: Final = frozenset(("languageMap", "vocab", "json"))
"""Value members that stand in an object of their own within such a pair."""
SCOPE: Final = "scope"


@dataclass(frozen=True, slots=True)
class TemporalFragment:
    """What is given of a temporal evolution; `attrs` holds any number of instances per attribute, scopes among them.

    A deletion is an instance with `deletedAt` and no value, as in the store.
    """

    id: str | None = None
    types: tuple[str, ...] = ()
    attrs: Attributes = field(default_factory=dict)


def expand_evolution(payload: Any, context: Context) -> TemporalFragment:
    """Return a temporal evolution or a part of one, checked; raises BadRequestData naming the member."""
    if type(payload) is not dict:
        raise BadRequestData("The temporal evolution is not a JSON object.")
    members: dict[str, Any] = {}
    attrs: Attributes = {}
    for name, value in payload.items():
        if name in ENTITY_MEMBERS:
            members[name.lstrip("@")] = value
            continue
        iri = context.attribute_name(name)
        if iri in attrs:
            raise BadRequestData(f"{shown(name)} names an attribute that another member of the entity means too.")
        attrs[iri] = read_instances(name, value, context)
    if "expiresAt" in members:
        if members["expiresAt"] == NULL:
            raise null_refused("expiresAt")
        check_instant(members["expiresAt"], "expiresAt")
    if "scope" in members:
        attrs[SCOPE] = _scopes(members["scope"])
    return TemporalFragment(
        id=expand_id(members["id"]) if "id" in members else None,
        types=expand_types(members["type"], context) if "type" in members else (),
        attrs=attrs,
    )


def read_instances(name: str, value: Any, context: Context) -> list[Instance]:
    """Return the instances of one attribute, in the order given; raises BadRequestData naming the member."""
    if value == []:
        raise BadRequestData(f"{name} is empty; at least one instance is expected.")
    reader = Reader(context, allow_null=True)
    given = value if type(value) is list and value and all(type(one) is dict for one in value) else [value]
    found: list[Instance] = []
    for one in given:
        for raw in _pairs(name, one, SERIES) if type(one) is dict else (one,):
            found.extend(_instance(read, raw, name) for read in reader.attribute(name, raw))
    return found


def _instance(read: Instance, raw: Any, name: str) -> Instance:
    """Return an instance as it is kept; NGSI-LD Null as its value tells that it was deleted then (4.5.7)."""
    for member, value in read.items():
        if value == NULL and member not in VALUE_MEMBERS.values():
            raise null_refused(f"{name}.{member}")
    if not is_null(read):
        return read
    gone = {member: value for member, value in read.items() if member not in ("value", "object")}
    if type(raw) is dict:
        for member in ("observedAt", "deletedAt"):
            if member in raw:
                gone[member] = check_instant(raw[member], f"{name}.{member}")
    gone.setdefault("deletedAt", gone.get("observedAt", ""))
    return gone


def _pairs(name: str, raw: dict[str, Any], series: dict[str, str]) -> list[dict[str, Any]]:
    """Return the instances of the simplified representation one by one; anything else as it is."""
    kind = raw.get("type")
    member = series.get(kind) if type(kind) is str else None
    if member is None or member not in raw or type(kind) is not str:
        return [raw]
    pairs = raw[member]
    if type(pairs) is not list or not all(type(pair) is list and len(pair) == 2 for pair in pairs):
        raise BadRequestData(f"{name}.{member} is no array of pairs of a value and a time.")
    rest = {key: value for key, value in raw.items() if key in ("type", "datasetId")}
    own = VALUE_MEMBERS[kind]
    found = []
    for value, at in pairs:
        bare = value[own] if own in WRAPPED and type(value) is dict and own in value else value
        found.append({**rest, own: bare, "observedAt": at})
    return found


def _scopes(value: Any) -> list[Instance]:
    """Return scopes, given plainly or as instances of a Property, as instances."""
    given = value if type(value) is list and value and all(type(one) is dict for one in value) else [value]
    found: list[Instance] = []
    for one in given:
        for raw in _pairs("scope", one, {"Property": "values"}) if type(one) is dict else ({"value": one},):
            if raw.get("type", "Property") != "Property" or "value" not in raw:
                raise BadRequestData("scope is neither a scope nor a Property with scopes as its value.")
            instance: Instance = {"type": "Property"}
            if raw["value"] != NULL:
                instance["value"] = list(expand_scope(raw["value"]))
            for member in ("observedAt", "deletedAt"):
                if member in raw:
                    instance[member] = check_instant(raw[member], f"scope.{member}")
            if "value" not in instance:
                instance.setdefault("deletedAt", instance.get("observedAt", ""))
            found.append(instance)
    return found


Stamp = Callable[[], str]


def stamped(attrs: Attributes, at: str, new_id: Stamp) -> Attributes:
    """Return instances with the stamps that the broker gives them (4.8, 4.5.7)."""
    return {iri: [stamp(one, at, new_id()) for one in instances] for iri, instances in attrs.items()}


def stamp(instance: Instance, at: str, id: str) -> Instance:
    """Return one instance with its stamps; a deletion without a time happened now."""
    if "deletedAt" in instance:
        return {**instance, "deletedAt": instance["deletedAt"] or at, "instanceId": id}
    return {**instance, "createdAt": at, "modifiedAt": at, "instanceId": id}
