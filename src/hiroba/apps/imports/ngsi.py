"""Read entities in any writing of NGSI-LD and NGSIv2 as normalized NGSI-LD; pure."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from hiroba.apps.imports import places
from hiroba.apps.imports.entities import Made
from hiroba.apps.imports.plan import attribute_name
from hiroba.apps.imports.reasons import Reason, Reject, Unfit, short

_LD_TYPES = {
    "Property": "value",
    "GeoProperty": "value",
    "Relationship": "object",
    "LanguageProperty": "languageMap",
    "VocabProperty": "vocab",
    "JsonProperty": "json",
    "ListProperty": "valueList",
    "ListRelationship": "objectList",
}
_GEOMETRIES = frozenset({"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"})
_ENTITY_MEMBERS = frozenset({"id", "type", "@context", "scope", "createdAt", "modifiedAt", "deletedAt", "expiresAt"})
_OWN_MEMBERS = frozenset({"createdAt", "modifiedAt", "deletedAt", "instanceId", "previousValue"})
_CORE_MEMBERS = frozenset({"type", "observedAt", "unitCode", "datasetId", "lang", "objectType", "expiresAt"})
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.]{0,15}:[^\s]+")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIMES = frozenset({"observedAt", "expiresAt"})
_NAME = re.compile(r"[^\W\d_]\w*")

Entity = dict[str, Any]


def read_entities(document: Any) -> Iterator[Made | Reject]:
    """Yield the entities of a document, one or a list, names short, without `@context`; lines count them."""
    for number, item in enumerate(document if isinstance(document, list) else [document], start=1):
        if not isinstance(item, dict) or not isinstance(item.get("id"), str) or not _types(item.get("type")):
            yield Reject(number, Reason("no_entity_id"), value=short(item))
            continue
        entity: Entity = {"id": _uri(item["id"], item["type"]), "type": item["type"]}
        if "scope" in item:
            entity["scope"] = item["scope"]
        for name, value in item.items():
            if name in _ENTITY_MEMBERS or value is None:
                continue
            try:
                made = _attribute(value)
            except (Unfit, ValueError, TypeError, KeyError) as error:
                reason = error.reason if isinstance(error, Unfit) else Reason("bad_attribute", {"error": error})
                yield Reject(number, reason, name, short(value), row=False)
                continue
            if made is not None:
                entity[name if _NAME.fullmatch(name) or _URI.fullmatch(name) else attribute_name(name)] = made
        yield Made(number, entity)


def _types(value: Any) -> bool:
    return (isinstance(value, str) and bool(value)) or (isinstance(value, list) and bool(value))


def _uri(id: str, type: Any) -> str:
    if _URI.fullmatch(id):
        return quote(id, safe=":/?#[]@!$&'()*+,;=-._~%")
    first = type if isinstance(type, str) else type[0]
    return f"urn:ngsi-ld:{quote(first, safe='-._~')}:{quote(id, safe='-._~')}"


def _attribute(value: Any) -> Any:
    """Return an attribute (or a list of its instances) in normalized form, None for one without a value."""
    if isinstance(value, list) and value and all(_instance(part) for part in value):
        return [made for part in value if (made := _attribute(part)) is not None] or None
    if _instance(value):
        return _from_ld(value)
    if isinstance(value, dict) and "value" in value and set(value) <= {"type", "value", "metadata"}:
        return _from_v2(value)
    if value is None:
        return None
    return _checked(_plain(value))


def _instance(value: Any) -> bool:
    return isinstance(value, dict) and (
        (value.get("type") in _LD_TYPES and "metadata" not in value and "coordinates" not in value)
        or (bool(set(value) & {"object", "languageMap", "valueList", "objectList"}) and "type" not in value)
        or ("value" in value and bool(set(value) & {"observedAt", "unitCode"}))
    )


def _from_ld(value: dict[str, Any]) -> dict[str, Any] | None:
    kind = value.get("type")
    if kind not in _LD_TYPES:
        kind = next(
            (name for name, member in _LD_TYPES.items() if member in value and name != "GeoProperty"),
            "Property",
        )
    member = _LD_TYPES[kind]
    content = value.get(member, value.get("value") if kind == "Relationship" else None)
    if content is None:
        return None
    if kind == "Property" and _is_geometry(content):
        kind = "GeoProperty"
    made: dict[str, Any] = _checked({"type": kind, member: content})
    for name, part in value.items():
        if name in (member, "type", "value") or name in _OWN_MEMBERS or part is None:
            continue
        if name in _TIMES:
            made[name] = _instant(part)
        elif name in _CORE_MEMBERS:
            made[name] = part
        else:
            sub = _attribute(part)
            if sub is not None:
                made[name if _NAME.fullmatch(name) else attribute_name(name)] = sub
    return made


def _from_v2(value: dict[str, Any]) -> dict[str, Any] | None:
    content, kind = value["value"], str(value.get("type", ""))
    if content is None:
        return None
    made = _checked(_v2_value(content, kind))
    for name, part in (value.get("metadata") or {}).items():
        held = part.get("value") if isinstance(part, dict) else part
        if held is None:
            continue
        if name in ("timestamp", "TimeInstant", "observedAt"):
            made["observedAt"] = _instant(held)
        elif name == "unitCode":
            made["unitCode"] = held
        elif name not in ("dateCreated", "dateModified", "previousValue", "actionType"):
            made[name if _NAME.fullmatch(name) else attribute_name(name)] = {
                "type": "Property",
                "value": held,
            }
    return made


def _v2_value(content: Any, kind: str) -> dict[str, Any]:
    if kind.startswith("geo:"):
        return {"type": "GeoProperty", "value": _geometry(content, kind)}
    if kind == "Relationship" and isinstance(content, str | list):
        parts = content if isinstance(content, list) else [content]
        uris = [_uri(str(part), "Entity") for part in parts]
        return {"type": "Relationship", "object": uris if isinstance(content, list) else uris[0]}
    return _plain(content)


def _plain(content: Any) -> dict[str, Any]:
    if _is_geometry(content):
        return {"type": "GeoProperty", "value": content}
    if isinstance(content, str) and content.startswith("urn:ngsi-ld:"):
        return {"type": "Relationship", "object": content}
    if (
        isinstance(content, list)
        and content
        and all(isinstance(part, str) and part.startswith("urn:ngsi-ld:") for part in content)
    ):
        return {"type": "Relationship", "object": content}
    return {"type": "Property", "value": content}


def _checked(made: dict[str, Any]) -> dict[str, Any]:
    """Return an attribute whose place is on earth and whose links are URIs; raises Unfit for another."""
    if made["type"] == "GeoProperty":
        places.geometry(made["value"], bounds=places.EARTH)
    if made["type"] == "Relationship":
        for target in made["object"] if isinstance(made["object"], list) else [made["object"]]:
            if not isinstance(target, str) or not _URI.fullmatch(target) or _INSTANT.match(target):
                raise Unfit("not_a_uri")
    return made


def _instant(value: Any) -> str:
    """Return a time in UTC; one that names no zone is taken to be in UTC."""
    try:
        moment = datetime.datetime.fromisoformat(str(value))
    except ValueError as error:
        raise Unfit("not_an_instant") from error
    moment = moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment.astimezone(datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_geometry(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and content.get("type") in _GEOMETRIES
        and isinstance(content.get("coordinates"), list)
    )


def _geometry(content: Any, kind: str) -> dict[str, Any]:
    """Return GeoJSON from NGSIv2's simple locations too (`geo:point` and its kin, latitude first)."""
    if kind == "geo:json":
        if not isinstance(content, dict):
            raise ValueError("geo:json without an object")
        return content
    texts = content if isinstance(content, list) else [content]
    points = [[float(lon), float(lat)] for lat, lon in (str(text).split(",") for text in texts)]
    if kind == "geo:point":
        return {"type": "Point", "coordinates": points[0]}
    if kind == "geo:line":
        return {"type": "LineString", "coordinates": points}
    if kind == "geo:polygon":
        return {"type": "Polygon", "coordinates": [points]}
    if kind == "geo:box":
        (west, south), (east, north) = points
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        return {"type": "Polygon", "coordinates": [ring]}
    raise ValueError(f"unknown location type {kind}")
