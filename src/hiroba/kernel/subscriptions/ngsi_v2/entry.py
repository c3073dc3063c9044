"""Compile a kept NGSIv2 subscription to an entry of the one index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hiroba.kernel.model.compact import View
from hiroba.kernel.model.context import CORE_URL
from hiroba.kernel.model.entity import Entity
from hiroba.kernel.model.instants import parse_instant
from hiroba.kernel.model.ngsi_v2.names import (
    ServicePath,
    attribute_iri,
    is_coded,
    lies_in,
    name_of,
    query_paths,
    shown_id,
    type_iri,
)
from hiroba.kernel.model.ngsi_v2.rendering import KEY_VALUES, NORMALIZED, VALUES, Shape
from hiroba.kernel.model.ngsi_v2.values import from_instance, moment_of
from hiroba.kernel.query.ngsi_v2 import both, parse_places, parse_q
from hiroba.kernel.query.patterns import compile_pattern
from hiroba.kernel.query.tree import TypeIs
from hiroba.kernel.store.port import AttributeChange, Change
from hiroba.kernel.subscriptions.entry import SECOND, Condition, Endpoint, Entry, Orion, Record, Selector, Test

ORION: Final = "ngsi-v2"
DEFAULT_ALTERATIONS: Final = ("entityCreate", "entityChange")
FORMATS: Final = {
    "normalized": NORMALIZED,
    "simplifiedNormalized": NORMALIZED,
    "keyValues": KEY_VALUES,
    "simplifiedKeyValues": KEY_VALUES,
    "values": VALUES,
}
_PROTOCOLS: Final = ("http", "httpCustom", "mqtt", "mqttCustom")


def compile_orion(tenant: str, record: Record) -> Entry:
    """Return the entry of a kept record; raises HirobaError when it cannot be understood any more."""
    body = record["body"]
    condition = body["subject"].get("condition", {})
    expression = condition.get("expression", {})
    selectors = body["subject"]["entities"]
    paths = query_paths(record["path"])
    expires = body.get("expires")
    return Entry(
        tenant=tenant,
        id=body["id"],
        since=record["since"],
        selectors=tuple(_indexed(one) for one in selectors),
        selects=tuple(_test(one, paths) for one in selectors),
        watched=None,
        condition=Condition(
            both(*(parse_q(expression[name], name) for name in ("q", "mq") if name in expression)),
            parse_places(*(expression.get(name) for name in ("georel", "geometry", "coords"))),
            None,
        ),
        kinds=frozenset(),
        on_created=False,
        on_deleted=False,
        active=body["status"] != "inactive",
        expires_at=moment_of(expires) if expires else None,
        throttling=int(body.get("throttling", 0) * SECOND),
        interval=0,
        created_at=parse_instant(record["createdAt"]),
        view=View(),
        show_changes=False,
        context=CORE_URL,
        endpoint=_endpoint(body["notification"]),
        orion=Orion(
            fires=_fires(condition),
            notification=body["notification"],
            shape=shape_of(body["notification"]),
            once=body["status"] == "oneshot",
            most_fails=body["notification"].get("maxFailsLimit"),
        ),
    )


def protocol_of(notification: dict[str, Any]) -> str:
    """Return the name of the member that says where to notify."""
    return next(name for name in _PROTOCOLS if name in notification)


def shape_of(notification: dict[str, Any]) -> Shape:
    """Return how the entities of notifications are shown."""
    attrs, metadata = notification.get("attrs"), notification.get("metadata")
    return Shape(
        FORMATS[notification.get("attrsFormat", "normalized")],
        tuple(attrs) if attrs else None,
        tuple(metadata) if metadata else None,
        covered=notification.get("covered", False),
        hidden=frozenset(notification.get("exceptAttrs", ())),
    )


def _indexed(selector: dict[str, Any]) -> Selector:
    """Return by what the index finds a subscription; its own test has the last word."""
    id = selector.get("id")
    ids = frozenset((id,)) if id is not None and not is_coded(id) else None
    return Selector(TypeIs(type_iri(selector["type"])) if "type" in selector else None, ids, None)


def _test(selector: dict[str, Any], paths: tuple[ServicePath, ...]) -> Test:
    id, kind = selector.get("id"), type_iri(selector["type"]) if "type" in selector else None
    id_fits = compile_pattern(selector["idPattern"]) if "idPattern" in selector else None
    type_fits = compile_pattern(selector["typePattern"]) if "typePattern" in selector else None

    def selects(entity: Entity) -> bool:
        shown = shown_id(entity["id"])
        return (
            (id is None or shown == id)
            and (kind is None or kind in entity["type"])
            and (id_fits is None or id_fits(shown))
            and (type_fits is None or any(type_fits(name_of(iri)) for iri in entity["type"]))
            and lies_in(entity, paths)
        )

    return selects


def _fires(condition: dict[str, Any]) -> Callable[[Change], bool]:
    """Return the test whether what happened is what is waited for (alterationTypes, attrs, notifyOnMetadataChange)."""
    alterations = frozenset(condition.get("alterationTypes") or DEFAULT_ALTERATIONS)
    names = condition.get("attrs")
    watched = frozenset(map(attribute_iri, names)) if names else None
    metadata = condition.get("notifyOnMetadataChange", True)

    def counts(one: AttributeChange) -> bool:
        if watched is not None and one.attribute not in watched:
            return False
        if "entityUpdate" in alterations:
            return True
        return one.kind != "touched" and (metadata or _differs(one))

    def fires(change: Change) -> bool:
        if change.op == "deleted":
            return "entityDelete" in alterations
        if change.op == "created":
            return "entityCreate" in alterations and (watched is None or not watched.isdisjoint(change.entity["attrs"]))
        if alterations.isdisjoint(("entityUpdate", "entityChange")):
            return False
        return any(counts(one) for one in change.changes)

    return fires


def _differs(change: AttributeChange) -> bool:
    if change.before is None or change.after is None:
        return True
    return from_instance(change.before) != from_instance(change.after)


def _endpoint(notification: dict[str, Any]) -> Endpoint:
    document = notification[protocol_of(notification)]
    timeout = document.get("timeout")
    return Endpoint(document["url"], "application/json", (), (), timeout / 1000 if timeout else None, None)
