"""Read context source registrations: everything checked, names expanded (GS CIM 009, 5.2.9 to 5.2.11, 5.2.34)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from hiroba.kernel.broker.temporal_periods import parse_duration
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.errors import BadRequestData, HirobaError, shown
from hiroba.kernel.model.expand import expand_scope, expand_types
from hiroba.kernel.model.geometry import check_geometry
from hiroba.kernel.model.ids import check_uri
from hiroba.kernel.model.instants import parse_instant
from hiroba.kernel.query.patterns import compile_pattern

Body = dict[str, Any]
Reader = Callable[[Any, str, Context], Any]

TYPE: Final = "ContextSourceRegistration"
NULL: Final = "urn:ngsi-ld:null"
MODES: Final = ("inclusive", "exclusive", "redirect", "auxiliary")
INTERVALS: Final = ("observationInterval", "managementInterval")
READ_ONLY: Final = ("status", "timesSent", "timesFailed", "lastSuccess", "lastFailure", "createdAt", "modifiedAt")

_DISCOVERY: Final = (
    "retrieveEntityTypes retrieveEntityTypeDetails retrieveEntityTypeInfo"
    " retrieveAttrTypes retrieveAttrTypeDetails retrieveAttrTypeInfo"
)
_SUBSCRIBING: Final = "createSubscription updateSubscription retrieveSubscription querySubscription deleteSubscription"
_MAPS: Final = "retrieveEntityMap updateEntityMap deleteEntityMap createEntityMapQueryEntity"
_ASSOCIATION: Final = f"retrieveEntity queryEntity queryBatch {_DISCOVERY} {_SUBSCRIBING} retrieveContextSourceIdentity"
GROUPS: Final[dict[str, frozenset[str]]] = {
    name: frozenset(operations.split())
    for name, operations in {
        "federationOps": f"{_ASSOCIATION} {_MAPS}",
        "associationOps": _ASSOCIATION,
        "updateOps": "updateEntity updateAttrs replaceEntity replaceAttrs",
        "retrieveOps": "retrieveEntity queryEntity",
        "redirectionOps": (
            "createEntity updateEntity appendAttrs updateAttrs deleteAttrs deleteEntity mergeEntity replaceEntity"
            f" replaceAttrs retrieveEntity queryEntity purgeEntity {_DISCOVERY} {_MAPS} retrieveContextSourceIdentity"
        ),
    }.items()
}
"""Names of groups of operations (4.20); federationOps is what a registration offers that does not say."""

_OTHERS: Final = (
    "createBatch upsertBatch updateBatch deleteBatch mergeBatch upsertTemporal appendAttrsTemporal deleteAttrsTemporal"
    " updateAttrInstanceTemporal deleteAttrInstanceTemporal deleteTemporal retrieveTemporal queryTemporal"
    " createEntityMapQueryTemporal"
)
OPERATIONS: Final = frozenset().union(*GROUPS.values(), _OTHERS.split())
_AUXILIARY: Final = frozenset(("retrieveOps", "retrieveEntity", "queryEntity"))
_VERSION: Final = re.compile(r"\d+\.\d+")


def read_registration(body: Body, context: Context) -> Body:
    """Return a whole registration with its names expanded; other members are properties of the source.

    Raises BadRequestData naming the member at fault.
    """
    record: Body = {"properties": {}}
    for name, value in body.items():
        if value is None or value == NULL:
            raise BadRequestData(f"{name} is null; leave it out instead.")
        _read(record, name, value, context)
    check_registration(record)
    return record


def patched_registration(record: Body, patch: Body, context: Context) -> Body:
    """Return a registration with the members of a fragment in the place of its own (5.5.8); null takes one away.

    Raises BadRequestData naming the member at fault.
    """
    fresh: Body = {**record, "properties": dict(record["properties"])}
    for name, value in patch.items():
        if name == "id" and value != record["id"]:
            raise BadRequestData("id cannot be changed.")
        if value is None or value == NULL:
            fresh.pop(name, None)
            if name not in READERS:
                fresh["properties"].pop(context.attribute_name(name), None)
        else:
            _read(fresh, name, value, context)
    check_registration(fresh)
    return fresh


def _read(record: Body, name: str, value: Any, context: Context) -> None:
    if name in READ_ONLY:
        return
    reader = READERS.get(name)
    if reader is not None:
        record[name] = reader(value, name, context)
    else:
        record["properties"][context.attribute_name(name)] = value


def check_registration(record: Body) -> None:
    """Check what the members demand of each other (5.9.2.4); raises BadRequestData."""
    for name in ("type", "information", "endpoint"):
        if name not in record:
            raise BadRequestData(f"{name} is missing; a context source registration needs it.")
    mode = record.get("mode", "inclusive")
    if mode == "exclusive":
        for index, info in enumerate(record["information"]):
            alone = [one for one in info.get("entities", ()) if "id" in one and "idPattern" not in one]
            if not alone or len(alone) < len(info["entities"]) or not attributes_of(info):
                raise BadRequestData(
                    f"information[{index}]: an exclusive registration names entities by id, and their attributes."
                )
    if mode == "auxiliary" and not set(record.get("operations", ("federationOps",))) <= _AUXILIARY:
        raise BadRequestData(f"operations: an auxiliary source offers some of {', '.join(sorted(_AUXILIARY))} alone.")


def attributes_of(info: Body) -> frozenset[str]:
    """Return the attributes (IRIs) that a RegistrationInfo names; none stands for all."""
    return frozenset(info.get("propertyNames", ())) | frozenset(info.get("relationshipNames", ()))


def _type(value: Any, name: str, context: Context) -> str:
    if value != TYPE:
        raise BadRequestData(f"{name} is {shown(value)}; a registration has the type {TYPE!r}.")
    return TYPE


def _text(value: Any, name: str, context: Context) -> str:
    if not isinstance(value, str) or not value:
        raise BadRequestData(f"{name} is {shown(value)}; a text with at least one character is expected.")
    return value


def _uri(value: Any, name: str, context: Context) -> str:
    return check_uri(value, name)


def _address(value: Any, name: str, context: Context) -> str:
    check_uri(value, name)
    try:
        parts = urlsplit(value)
        reachable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        reachable = False
    if not reachable:
        raise BadRequestData(f"{name} is {shown(value)}; an http or https address is expected.")
    return str(value)


def _one_of(*allowed: str) -> Reader:
    def read(value: Any, name: str, context: Context) -> Any:
        if value not in allowed:
            raise BadRequestData(f"{name} is {shown(value)}; choose one of {', '.join(allowed)}.")
        return value

    return read


def _texts(value: Any, name: str) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
        raise BadRequestData(f"{name} is no array of at least one text.")
    return value


def _operations(value: Any, name: str, context: Context) -> list[str]:
    for one in _texts(value, name):
        if one not in GROUPS and one not in OPERATIONS:
            raise BadRequestData(f"{name} has {one!r}, which is neither an operation nor a group of operations.")
    return list(value)


def _datasets(value: Any, name: str, context: Context) -> list[str]:
    for one in _texts(value, name):
        if one != "@none":
            check_uri(one, name)
    return list(value)


def _instant(value: Any, name: str, context: Context) -> str:
    try:
        parse_instant(_text(value, name, context))
    except (ValueError, HirobaError) as error:
        raise BadRequestData(f"{name} is {shown(value)}; give a date-time such as 2030-01-01T00:00:00Z.") from error
    return str(value)


def _interval(value: Any, name: str, context: Context) -> Body:
    _object(value, name, ("startAt", "endAt"))
    if "startAt" not in value:
        raise BadRequestData(f"{name}.startAt is missing.")
    found = {part: _instant(one, f"{name}.{part}", context) for part, one in value.items()}
    if "endAt" in found and parse_instant(found["endAt"]) < parse_instant(found["startAt"]):
        raise BadRequestData(f"{name}.endAt lies before its startAt.")
    return found


def _object(value: Any, name: str, members: tuple[str, ...]) -> None:
    if not isinstance(value, dict):
        raise BadRequestData(f"{name} is {shown(value)}; an object is expected.")
    for one in value:
        if one not in members:
            raise BadRequestData(f"{name}.{one} does not belong there; known are {', '.join(members)}.")


def _geometry(value: Any, name: str, context: Context) -> Any:
    return check_geometry(value, name)


def _duration(value: Any, name: str, context: Context) -> str:
    try:
        parse_duration(_text(value, name, context))
    except (ValueError, HirobaError) as error:
        raise BadRequestData(f"{name} is {shown(value)}; an ISO 8601 duration such as PT10S is expected.") from error
    return str(value)


def _management(value: Any, name: str, context: Context) -> Body:
    _object(value, name, ("cacheDuration", "cooldown", "localOnly", "timeout"))
    for part in ("cooldown", "timeout"):
        number = value.get(part, 1)
        plain = isinstance(number, int | float) and not isinstance(number, bool)
        if not plain or not math.isfinite(number) or number <= 0:
            raise BadRequestData(f"{name}.{part} is {shown(number)}; a number of milliseconds above 0 is expected.")
    if not isinstance(value.get("localOnly", False), bool):
        raise BadRequestData(f"{name}.localOnly is {shown(value['localOnly'])}; give true or false.")
    if "cacheDuration" in value:
        _duration(value["cacheDuration"], f"{name}.cacheDuration", context)
    return dict(value)


def _scope(value: Any, name: str, context: Context) -> list[str]:
    return list(expand_scope(value))


def _source_info(value: Any, name: str, context: Context) -> list[Body]:
    """Read what is told to the source with each request; some keys have a meaning of their own (4.3.6.6)."""
    if not isinstance(value, list):
        raise BadRequestData(f"{name} is no array of key and value pairs.")
    for index, pair in enumerate(value):
        place = f"{name}[{index}]"
        _object(pair, place, ("key", "value"))
        for part in ("key", "value"):
            _text(pair.get(part), f"{place}.{part}", context)
        key, given = pair["key"], pair["value"]
        if key in ("accept", "contentType"):
            _one_of("application/json", "application/ld+json")(given, f"{place}.value", context)
        if key == "jsonldContext":
            _address(given, f"{place}.value", context)
        if key == "ngsildConformance" and not _VERSION.fullmatch(given):
            raise BadRequestData(f"{place}.value is {given!r}; a version such as 1.5 is expected.")
    return list(value)


def _information(value: Any, name: str, context: Context) -> list[Body]:
    if not isinstance(value, list) or not value:
        raise BadRequestData(f"{name} is no array with at least one description of what the source has.")
    return [_registration_info(one, f"{name}[{index}]", context) for index, one in enumerate(value)]


def _registration_info(value: Any, name: str, context: Context) -> Body:
    _object(value, name, ("entities", "propertyNames", "relationshipNames"))
    if not value:
        raise BadRequestData(f"{name} is empty; give entities, propertyNames or relationshipNames.")
    found: Body = {}
    if "entities" in value:
        entities = value["entities"]
        if not isinstance(entities, list) or not entities:
            raise BadRequestData(f"{name}.entities is no array with at least one entity.")
        found["entities"] = [
            _entity_info(one, f"{name}.entities[{index}]", context) for index, one in enumerate(entities)
        ]
    for part in ("propertyNames", "relationshipNames"):
        if part in value:
            found[part] = [context.attribute_name(one) for one in _texts(value[part], f"{name}.{part}")]
    return found


def _entity_info(value: Any, name: str, context: Context) -> Body:
    _object(value, name, ("id", "idPattern", "type"))
    if "type" not in value:
        raise BadRequestData(f"{name}.type is missing; entities cannot be registered without their type.")
    try:
        found: Body = {"type": list(expand_types(value["type"], context))}
    except BadRequestData as error:
        raise BadRequestData(f"{name}: {error.detail}") from error
    if "id" in value:
        found["id"] = check_uri(value["id"], f"{name}.id")
    if "idPattern" in value:
        try:
            compile_pattern(_text(value["idPattern"], f"{name}.idPattern", context))
        except ValueError as error:
            raise BadRequestData(f"{name}.idPattern is no regular expression: {error}") from error
        found["idPattern"] = value["idPattern"]
    return found


READERS: Final[dict[str, Reader]] = {
    "id": _uri,
    "type": _type,
    "endpoint": _address,
    "information": _information,
    "mode": _one_of(*MODES),
    "operations": _operations,
    "contextSourceInfo": _source_info,
    "contextSourceAlias": _text,
    "datasetId": _datasets,
    "description": _text,
    "registrationName": _text,
    "expiresAt": _instant,
    "location": _geometry,
    "observationSpace": _geometry,
    "operationSpace": _geometry,
    "management": _management,
    "managementInterval": _interval,
    "observationInterval": _interval,
    "refreshRate": _duration,
    "scope": _scope,
    "tenant": _text,
}
