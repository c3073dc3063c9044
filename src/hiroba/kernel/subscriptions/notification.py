"""Write notifications as the subscription asks for them (GS CIM 009, 5.3.1, 5.8.6, 6.3.8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from hiroba.kernel.model.compact import View, compact_entity, compact_instance, feature_collection, to_feature
from hiroba.kernel.model.context import CORE_URL, Context
from hiroba.kernel.model.entity import VALUE_MEMBERS, Entity, Instance
from hiroba.kernel.model.ids import new_urn
from hiroba.kernel.model.instants import format_instant
from hiroba.kernel.store.port import AttributeChange, Change
from hiroba.kernel.subscriptions.entry import Endpoint, Entry
from hiroba.kernel.subscriptions.index import concerns

NULL: Final = "urn:ngsi-ld:null"
CONTEXT_REL: Final = "http://www.w3.org/ns/json-ld#context"
GEO_JSON: Final = "application/geo+json"
_PREVIOUS: Final = {
    "Relationship": "previousObject",
    "ListRelationship": "previousObjectList",
    "LanguageProperty": "previousLanguageMap",
    "JsonProperty": "previousJson",
    "VocabProperty": "previousVocab",
    "ListProperty": "previousValueList",
}


@dataclass(slots=True, frozen=True)
class Publication:
    """How an MQTT message is published; not `plain`, it carries `metadata` beside the body (7.2)."""

    topic: str
    qos: int = 0
    retain: bool = False
    user: str | None = None
    password: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    plain: bool = True


@dataclass(slots=True, frozen=True)
class Notification:
    """What goes to an endpoint, whatever carries it there: `method` for HTTP, `publication` for MQTT."""

    id: str
    subscription: str
    endpoint: Endpoint
    headers: dict[str, str]
    body: bytes
    method: str = "POST"
    publication: Publication | None = None


def render(
    entry: Entry,
    data: Sequence[Change | Entity],
    context: Context,
    *,
    at: int,
    beside: Sequence[tuple[Entity, View]] = (),
) -> Notification:
    """Return the notification about changes (or, for a periodic one, entities) at an instant (µs).

    `beside` are linked entities that stand after those, each as its view shows it.
    """
    geojson = entry.endpoint.accept == GEO_JSON
    id = new_urn("Notification")
    body: dict[str, Any] = {
        "id": id,
        "type": "Notification",
        "subscriptionId": entry.id,
        "notifiedAt": format_instant(at),
    }
    if geojson:
        body["data"] = feature_collection([_entity(one) for one in data], context, entry.view, None)
        body["data"]["features"] += [to_feature(one, context, view) for one, view in beside]
    else:
        body["data"] = [
            told(entry, one, context) if isinstance(one, Change) else compact_entity(one, context, entry.view)
            for one in data
        ] + [compact_entity(one, context, view) for one, view in beside]
    prefer = next((value for name, value in entry.endpoint.headers if name.lower() == "prefer"), "")
    linked = entry.endpoint.accept == "application/json" or (geojson and prefer == "body=json")
    if not linked:
        body["@context"] = [entry.context, CORE_URL] if entry.context != CORE_URL else CORE_URL
        if not geojson:
            # each entity can be taken out and read alone (5.2.4)
            body["data"] = [{**one, "@context": entry.context} for one in body["data"]]
    return Notification(id, entry.id, entry.endpoint, _headers(entry, linked=linked), orjson.dumps(body))


def _headers(entry: Entry, *, linked: bool) -> dict[str, str]:
    headers = {"Content-Type": entry.endpoint.accept}
    if linked:
        headers["Link"] = f'<{entry.context}>; rel="{CONTEXT_REL}"; type="application/ld+json"'
    if entry.tenant:
        headers["NGSILD-Tenant"] = entry.tenant
    own = {name.lower() for name in headers}
    for name, value in entry.endpoint.headers:
        # what the receiver wants to see wins, except over what says how the body is to be read
        if name.lower() not in own and name.lower() not in ("content-length", "transfer-encoding", "host"):
            headers[name] = value
    return headers


def _entity(one: Change | Entity) -> Entity:
    return one.entity if isinstance(one, Change) else one


def told(entry: Entry, change: Change, context: Context) -> dict[str, Any]:
    """Return the entity of a change as the subscription shows it, with what was deleted as NGSI-LD Null."""
    if change.op == "deleted":
        return _gone(entry, change, context)
    body = compact_entity(change.entity, context, entry.view)
    if entry.show_changes:
        _add_previous(body, entry, change, context)
    for one in _deletions(entry, change) if "deleted" in entry.kinds else ():
        if shown(entry.view, one):
            _put_null(body, context.compact_name(one.attribute), _null(entry, one, change.at, context))
    return body


def _deletions(entry: Entry, change: Change) -> list[AttributeChange]:
    """Return the deletions to tell of; of an attribute that is gone altogether, that of its default instance does."""
    gone = [one for one in change.changes if one.kind == "deleted"]
    if entry.show_changes:
        return gone
    whole = {one.attribute for one in gone if one.dataset is None and one.attribute not in change.entity["attrs"]}
    return [one for one in gone if one.dataset is None or one.attribute not in whole]


def shown(view: View, change: AttributeChange) -> bool:
    """Tell whether a view shows this instance of an attribute."""
    iri = change.attribute
    if view.datasets is not None and (change.dataset or "@none") not in view.datasets:
        return False
    return (
        (view.attrs is None or iri in view.attrs)
        and (view.pick is None or iri in view.pick)
        and (view.omit is None or iri not in view.omit)
    )


def _put_null(body: dict[str, Any], name: str, null: Any) -> None:
    """Add an instance to an attribute, beside those that are left of it."""
    present = body.get(name)
    if present is None:
        body[name] = null
    elif isinstance(null, dict) and "dataset" in null:
        others = present["dataset"] if isinstance(present, dict) and "dataset" in present else {"@none": present}
        body[name] = {"dataset": {**others, **null["dataset"]}}
    elif isinstance(present, list) and present and all(isinstance(one, dict) for one in present):
        present.append(null)
    elif isinstance(present, dict) and "type" in present:
        body[name] = [present, null]


def _null(entry: Entry, change: AttributeChange, at: int, context: Context) -> Any:
    """Return what says that an instance was deleted (4.5.0, 5.5.4 and 5.8.6).

    That is NGSI-LD Null in the place of its value, and alone where the representation leaves out the type.
    """
    before = change.before or {"type": "Property"}
    view = entry.view
    if view.format == "simplified":
        return {"dataset": {change.dataset: NULL}} if change.dataset else NULL
    if view.format == "concise" and not (change.dataset or view.sys_attrs or entry.show_changes):
        return NULL
    kind = before["type"]
    null: dict[str, Any] = {"type": kind, VALUE_MEMBERS[kind]: _null_value(kind)}
    if change.dataset:
        null["datasetId"] = change.dataset
    if view.sys_attrs:
        null |= {name: before[name] for name in ("createdAt", "modifiedAt") if name in before}
        null["deletedAt"] = format_instant(at)
    if entry.show_changes:
        null |= _previous(before, compact_instance(before, context, replace(view, format="normalized")))
    return null


def _null_value(kind: str) -> Any:
    return {"@none": NULL} if kind == "LanguageProperty" else NULL


def _previous(before: Instance, compacted: Any) -> dict[str, Any]:
    kind = before["type"]
    member = VALUE_MEMBERS[kind]
    if not isinstance(compacted, dict) or member not in compacted:
        return {}
    return {_PREVIOUS.get(kind, "previousValue"): compacted[member]}


def _gone(entry: Entry, change: Change, context: Context) -> dict[str, Any]:
    """Return what is told of a deleted entity: who it was and when it went, more only on demand.

    Who watches attributes alone hears of those that went with it.
    """
    entity = change.entity
    bare = {name: value for name, value in entity.items() if name in ("id", "type", "createdAt", "modifiedAt")}
    view = View(sys_attrs=entry.view.sys_attrs)
    body = compact_entity({**bare, "attrs": {}}, context, view)
    body["deletedAt"] = format_instant(change.at)
    for one in change.changes:
        if (entry.show_changes or (not entry.on_deleted and concerns(entry, one))) and shown(entry.view, one):
            _put_null(body, context.compact_name(one.attribute), _null(entry, one, change.at, context))
    return body


def _add_previous(body: dict[str, Any], entry: Entry, change: Change, context: Context) -> None:
    """Put the previous value beside the new one in every attribute that was updated (showChanges)."""
    plain = replace(entry.view, format="normalized")
    for one in change.changes:
        if one.kind != "updated" or one.before is None or not shown(entry.view, one):
            continue
        name = context.compact_name(one.attribute)
        if name not in body:
            continue
        previous = _previous(one.before, compact_instance(one.before, context, plain))
        member = VALUE_MEMBERS[one.before["type"]]
        present = body[name]
        many = isinstance(present, list) and any(isinstance(item, dict) for item in present)
        items = present if many else [present]
        for index, item in enumerate(items):
            # a concise value stands alone until something has to be said beside it
            full = item if isinstance(item, dict) and item.get("type") != "Point" else {member: item}
            if full.get("datasetId") == one.dataset:
                items[index] = {**full, **previous}
        body[name] = items if many else items[0]
