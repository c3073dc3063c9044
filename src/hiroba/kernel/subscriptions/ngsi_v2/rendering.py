"""Write the notifications of NGSIv2, plain and custom, for HTTP and MQTT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

import orjson

from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.ids import new_urn
from hiroba.kernel.model.ngsi_v2.macros import Values, fill_json, fill_text
from hiroba.kernel.model.ngsi_v2.names import attribute_iri, name_of, path_of, shown_id
from hiroba.kernel.model.ngsi_v2.rendering import (
    ALL,
    BUILTIN_ATTRIBUTES,
    KEY_VALUES,
    NORMALIZED,
    Happening,
    Shape,
    default_instance,
    show_entity,
)
from hiroba.kernel.model.ngsi_v2.values import default_type, from_instance
from hiroba.kernel.store.port import Change
from hiroba.kernel.subscriptions.entry import Entry, Orion
from hiroba.kernel.subscriptions.ngsi_v2.entry import protocol_of
from hiroba.kernel.subscriptions.notification import Notification, Publication

_ACTIONS: Final = {"created": "append", "updated": "update", "touched": "update"}
_OPS: Final = {"created": "entityCreate", "deleted": "entityDelete"}
_FIXED: Final = ("fiware-correlator", "ngsiv2-attrsformat", "content-length", "transfer-encoding", "host")


def render_orion(entry: Entry, data: Sequence[Change | Entity], context: Context, *, at: int) -> Notification:
    """Return the notification about one change."""
    (change,) = data
    if entry.orion is None or not isinstance(change, Change):
        raise TypeError("a notification of NGSIv2 tells of a change")
    protocol = protocol_of(entry.orion.notification)
    document = entry.orion.notification[protocol]
    values = _values(entry, change) if protocol.endswith("Custom") else {}
    body, kind, format = _body(entry, entry.orion, change, document, values)
    headers = {
        "Content-Type": kind,
        "Accept": "application/json",
        "Fiware-ServicePath": path_of(change.entity),
        "Ngsiv2-AttrsFormat": format,
        "Fiware-Correlator": f"{uuid4()}; cbnotif=1",
    }
    if entry.tenant:
        headers["Fiware-Service"] = entry.tenant
    endpoint, method = entry.endpoint, "POST"
    if protocol == "httpCustom":
        _own_headers(headers, document.get("headers", {}), values)
        endpoint = replace(endpoint, uri=_address(document, values))
        method = document.get("method", "POST").upper()
    return Notification(
        new_urn("Notification"),
        entry.id,
        endpoint,
        headers,
        body,
        method=method,
        publication=_publication(document, values) if protocol.startswith("mqtt") else None,
    )


def _publication(document: dict[str, Any], values: Values) -> Publication:
    topic = fill_text(document["topic"], values) if values else document["topic"]
    return Publication(
        topic,
        qos=document.get("qos", 0),
        retain=document.get("retain", False),
        user=document.get("user"),
        password=document.get("passwd"),
    )


def _body(
    entry: Entry, orion: Orion, change: Change, document: dict[str, Any], values: Values
) -> tuple[bytes, str, str]:
    """Return the payload, its media type and the name of its format."""
    json = "application/json; charset=utf-8"
    if values and "json" in document:
        return orjson.dumps(fill_json(document["json"], values)), json, "custom"
    if values and "payload" in document and document["payload"] != "":
        if document["payload"] is None:
            return b"", json, "custom"
        return fill_text(document["payload"], values, decoded=True).encode(), "text/plain", "custom"
    format = orion.notification.get("attrsFormat", "normalized")
    if values and "ngsi" in document:
        format = "normalized"
        shown = _patched(change, orion, document["ngsi"], values)
    else:
        shown = show_entity(change.entity, _shape(orion, change), _happening(change))
    if format.startswith("simplified"):
        return orjson.dumps(shown), json, format
    return orjson.dumps({"subscriptionId": entry.id, "data": [shown]}), json, format


def _shape(orion: Orion, change: Change) -> Shape:
    """Return the shape, for onlyChangedAttrs restricted to what changed and to what is built in."""
    shape = orion.shape
    if not orion.notification.get("onlyChangedAttrs") or change.op != "updated":
        return shape
    changed = {one.attribute for one in change.changes if one.kind != "touched"}
    if shape.attrs is None or ALL in shape.attrs:
        own = [name_of(iri) for iri in change.entity["attrs"] if iri in changed]
        built_in = [name for name in shape.attrs or () if name in BUILTIN_ATTRIBUTES]
        return replace(shape, attrs=(*own, *built_in) or ("",))
    kept = tuple(
        name for name in shape.attrs if attribute_iri(name) in changed or name in BUILTIN_ATTRIBUTES or shape.covered
    )
    return replace(shape, attrs=kept or ("",))


def _happening(change: Change) -> Happening:
    if change.op in _OPS:
        alteration = _OPS[change.op]
    else:
        real = any(one.kind != "touched" for one in change.changes)
        alteration = "entityChange" if real else "entityUpdate"
    actions = {
        one.attribute: (_ACTIONS[one.kind], one.before)
        for one in change.changes
        if one.kind in _ACTIONS and change.op != "deleted"
    }
    return Happening(alteration, actions)


def _values(entry: Entry, change: Change) -> Values:
    """Return what macros can name; attributes go before what they would hide."""
    entity = change.entity
    found: Values = {"service": entry.tenant, "servicePath": path_of(entity), "authToken": None}
    for iri, instances in entity["attrs"].items():
        found[name_of(iri)] = from_instance(default_instance(instances))[1]
    return {**found, "id": shown_id(entity["id"]), "type": name_of(entity["type"][0])}


def _patched(change: Change, orion: Orion, fragment: dict[str, Any], values: Values) -> dict[str, Any]:
    """Return the entity with the fragment written over it, then restricted to what is to be shown."""
    shape = orion.shape
    everything = replace(shape, attrs=None, hidden=frozenset(), format=NORMALIZED)
    shown: dict[str, Any] = show_entity(change.entity, everything, _happening(change))
    for name in ("id", "type"):
        if name in fragment:
            shown[name] = fill_text(fragment[name], values)
    for name, one in fragment.items():
        if name in ("id", "type"):
            continue
        value = fill_json(one.get("value"), values)
        metadata = shown.get(name, {}).get("metadata", {})
        shown[name] = {"type": one.get("type", default_type(value)), "value": value, "metadata": metadata}
    if shape.attrs is not None and ALL not in shape.attrs:
        built_in = show_entity(change.entity, _shape(orion, change), _happening(change))
        extra = built_in if isinstance(built_in, dict) and shape.format != KEY_VALUES else {}
        wanted = ("id", "type", *shape.attrs)
        return {name: shown.get(name, extra.get(name)) for name in wanted if name in shown or name in extra}
    return {name: one for name, one in shown.items() if name not in shape.hidden}


def _own_headers(headers: dict[str, str], own: dict[str, str], values: Values) -> None:
    """Put a subscription's own headers in place of those of the same name; an empty one takes it away."""
    names = {name.lower(): name for name in headers}
    for template, value in own.items():
        name = fill_text(template, values, decoded=True)
        if name.lower() in _FIXED:
            continue
        headers.pop(names.get(name.lower(), name), None)
        if value:
            headers[name] = fill_text(value, values, decoded=True).replace("\r", " ").replace("\n", " ")


def _address(document: dict[str, Any], values: Values) -> str:
    address = fill_text(document["url"], values)
    parameters = [(fill_text(name, values), fill_text(value, values)) for name, value in document.get("qs", {}).items()]
    if not parameters:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"
