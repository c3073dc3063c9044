"""Amends answers for readers of an earlier version of the standard, who say so by `Prefer` (GS CIM 009, 4.3.6.8)."""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

import orjson

from hiroba.kernel.api.http import Response
from hiroba.kernel.model.entity import VALUE_MEMBERS

Version: TypeAlias = tuple[int, int]

NATIVE: Final[Version] = (1, 9)
_PREFERENCE: Final = re.compile(rb"(?:^|,)\s*ngsi-ld\s*=\s*\"?(\d{1,3})\.(\d{1,3})\"?\s*(?=[;,]|$)", re.IGNORECASE)
_MEMBERS: Final[dict[str, Version]] = {
    "scope": (1, 4),
    "expiresAt": (1, 9),
    "valueType": (1, 9),
    "objectType": (1, 8),
    "datasetId": (1, 3),
    "observedAt": (1, 3),
    "unitCode": (1, 3),
}
"""Member of an entity or an attribute → the version that brought it; before, it is left out."""
_KINDS: Final[dict[str, tuple[Version, str]]] = {
    "LanguageProperty": ((1, 4), "Property"),
    "JsonProperty": ((1, 8), "Property"),
    "VocabProperty": ((1, 8), "Property"),
    "ListProperty": ((1, 8), "Property"),
    "ListRelationship": ((1, 8), "Relationship"),
}
"""Attribute type → the version that brought it, and what it is shown as before."""


def preferred(header: bytes) -> Version | None:
    """Return the version that a Prefer header asks for, none newer than this broker's own, or None (RFC 7240)."""
    found = _PREFERENCE.search(header)
    return min((int(found[1]), int(found[2])), NATIVE) if found else None


def conform(answer: Response, version: Version, *, entities: bool) -> None:
    """Tell the version that an answer conforms to; answers with `entities` are amended to it, then with status 203."""
    if answer.status >= 300 or not answer.body:
        return
    answer.headers.append((b"preference-applied", b"ngsi-ld=%d.%d" % version))
    if not entities or version >= NATIVE:
        return
    body = orjson.loads(answer.body)
    amended = [amend(one, version) for one in body] if isinstance(body, list) else amend(body, version)
    if amended != body:
        answer.body = orjson.dumps(amended)
        answer.status = 203


def amend(entity: Any, version: Version) -> Any:
    """Return an entity in any representation as an earlier version of the standard knows it."""
    if not isinstance(entity, dict):
        return entity
    amended = {
        name: entity[name] if name == "@context" else _attribute(value, version)
        for name, value in entity.items()
        if version >= _MEMBERS.get(name, version)
    }
    types = amended.get("type")
    if version < (1, 3) and isinstance(types, list) and types:
        amended["type"] = types[0]
    return amended


def _attribute(value: Any, version: Version) -> Any:
    if isinstance(value, list) and value and all(isinstance(one, dict) and _is_instance(one) for one in value):
        if version < (1, 3):
            return _instance(next((one for one in value if "datasetId" not in one), value[0]), version)
        return [_instance(one, version) for one in value]
    return _instance(value, version) if isinstance(value, dict) and _is_instance(value) else value


def _is_instance(value: dict[str, Any]) -> bool:
    return isinstance(value.get("type"), str) and value["type"] in VALUE_MEMBERS


def _instance(instance: dict[str, Any], version: Version) -> dict[str, Any]:
    kind = instance["type"]
    member = VALUE_MEMBERS[kind]
    since, shown_as = _KINDS.get(kind, (version, kind))
    earlier = shown_as if version < since else kind
    amended: dict[str, Any] = {}
    for name, value in instance.items():
        if name == "type":
            amended[name] = earlier
        elif name == member:
            amended[VALUE_MEMBERS[earlier]] = value
        elif version >= _MEMBERS.get(name, version):
            amended[name] = _attribute(value, version)
    return amended
