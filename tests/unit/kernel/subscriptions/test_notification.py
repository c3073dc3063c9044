"""Notifications look as the subscription asks for (GS CIM 009, 5.3.1, 5.8.6, 6.3.8)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hiroba.kernel.model.context import CORE, CORE_URL
from hiroba.kernel.model.expand import expand_entity
from hiroba.kernel.store.port import AttributeChange, Change
from hiroba.kernel.subscriptions.entry import compile_entry
from hiroba.kernel.subscriptions.notification import Notification, render

AT = 1_775_001_600_000_000  # 2026-04-01T00:00:00Z
STAMPS = {"createdAt": "2026-03-01T00:00:00.000Z", "modifiedAt": "2026-03-02T00:00:00.000Z"}
PAYLOAD = {
    "id": "urn:g:1",
    "type": "Gauge",
    "level": {"type": "Property", "value": 1.5, "unitCode": "MTR"},
    "river": {"type": "Relationship", "object": "urn:r:1"},
    "label": {"type": "LanguageProperty", "languageMap": {"ja": "橋", "en": "bridge"}},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.0, 34.3]}},
}


def named(name: str) -> str:
    return CORE.expand_name(name)


def changed(
    kinds: dict[str, str] | None = None, *, op: str = "updated", before: dict[str, Any] | None = None, **more: Any
) -> Change:
    """Return a change of the gauge; `before` holds previous instances, `more` attributes beside the usual ones."""
    entity = {**expand_entity({**PAYLOAD, **more}, CORE), **STAMPS}
    attrs = {iri: [{**one, **STAMPS} for one in ones] for iri, ones in entity["attrs"].items()}
    changes = []
    for name, kind in (kinds or {"level": "updated"}).items():
        old = {"type": "Property", "value": 1.0, **STAMPS} if kind != "created" else None
        old = (before or {}).get(name, old)
        dataset = old.get("datasetId") if old else None
        if kind == "deleted":
            left = [one for one in attrs.get(named(name), []) if one.get("datasetId") != dataset]
            attrs = {iri: ones for iri, ones in {**attrs, named(name): left}.items() if ones}
        new = next((one for one in attrs.get(named(name), ()) if one.get("datasetId") == dataset), None)
        changes.append(AttributeChange(named(name), dataset, kind, old, None if kind == "deleted" else new))
    return Change(9, AT, op, "urn:g:1", (named("Gauge"),), tuple(changes), {**entity, "attrs": attrs}, 1)


def send(change: Any, *, endpoint: dict[str, Any] | None = None, tenant: str = "", **members: Any) -> Notification:
    own = ("notificationTrigger", "watchedAttributes", "lang", "datasetId")
    top = {name: members.pop(name) for name in own if name in members}
    notification = {"endpoint": {"uri": "http://localhost/", **(endpoint or {})}, **members}
    body = {"id": "urn:s:1", "type": "Subscription", "notification": notification, **top}
    names = {one: named(one) for one in ("level", "river", "label", "location")}
    record = {
        "body": body,
        "terms": {"notification": names, "watchedAttributes": names},
        "context": CORE_URL,
        "since": 0,
        "createdAt": "2026-01-01T00:00:00Z",
        "modifiedAt": "2026-01-01T00:00:00Z",
    }
    return render(compile_entry(tenant, record), [change], CORE, at=AT)


def told(change: Any, **members: Any) -> dict[str, Any]:
    (data,) = json.loads(send(change, **members).body)["data"]
    return dict(data)


def test_envelope_and_headers() -> None:
    sent = send(changed(), tenant="takamatsu")
    body = json.loads(sent.body)
    assert body.pop("data")[0]["id"] == "urn:g:1"
    assert body == {
        "id": sent.id,
        "type": "Notification",
        "subscriptionId": "urn:s:1",
        "notifiedAt": "2026-04-01T00:00:00.000Z",
    }
    assert sent.headers == {
        "Content-Type": "application/json",
        "Link": f'<{CORE_URL}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"',
        "NGSILD-Tenant": "takamatsu",
    }


def test_each_notification_has_an_id_of_its_own() -> None:
    assert send(changed()).id != send(changed()).id


def test_linked_data_carries_its_context() -> None:
    sent = send(changed(), endpoint={"accept": "application/ld+json"})
    assert json.loads(sent.body)["@context"] == CORE_URL
    assert sent.headers == {"Content-Type": "application/ld+json"}


@pytest.mark.parametrize("prefer", [None, "body=json", "body=ld+json"])
def test_geojson(prefer: str | None) -> None:
    info = [{"key": "Prefer", "value": prefer}] if prefer else []
    sent = send(changed(), endpoint={"accept": "application/geo+json", "receiverInfo": info}, format="simplified")
    body = json.loads(sent.body)
    assert body["data"]["type"] == "FeatureCollection"
    (feature,) = body["data"]["features"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [134.0, 34.3]}
    assert feature["properties"]["level"] == 1.5
    assert ("@context" in body, "Link" in sent.headers) == ((False, True) if prefer == "body=json" else (True, False))
    assert sent.headers.get("Prefer") == prefer


def test_receiver_info_becomes_headers_but_cannot_change_what_the_body_is() -> None:
    info = [
        {"key": "Authorization", "value": "Bearer abc"},
        {"key": "content-type", "value": "text/plain"},
        {"key": "Content-Length", "value": "1"},
    ]
    headers = send(changed(), endpoint={"receiverInfo": info}).headers
    assert headers["Authorization"] == "Bearer abc"
    assert headers["Content-Type"] == "application/json"
    assert {name.lower() for name in headers} == {"authorization", "content-type", "link"}


def test_formats() -> None:
    assert told(changed())["level"] == {"type": "Property", "value": 1.5, "unitCode": "MTR"}
    assert told(changed(), format="concise")["level"] == {"value": 1.5, "unitCode": "MTR"}
    for word in ("simplified", "keyValues"):
        assert told(changed(), format=word)["level"] == 1.5


def test_projection() -> None:
    assert set(told(changed(), attributes=["level"])) == {"id", "type", "level"}
    assert set(told(changed(), pick=["id", "level"])) == {"id", "level"}
    assert set(told(changed(), omit=["type", "level"])) == {"id", "river", "label", "location"}


def test_language() -> None:
    assert told(changed(), lang="en", format="simplified")["label"] == "bridge"


def test_system_attributes_only_on_demand() -> None:
    assert "createdAt" not in told(changed())
    shown = told(changed(), sysAttrs=True)
    assert shown["createdAt"] == STAMPS["createdAt"]
    assert shown["level"]["modifiedAt"] == STAMPS["modifiedAt"]


DELETING: dict[str, Any] = {"notificationTrigger": ["attributeDeleted"]}


def test_deleted_attribute_is_null() -> None:
    null = "urn:ngsi-ld:null"
    for form, expected in (
        ("normalized", {"type": "Property", "value": null}),
        ("concise", null),
        ("simplified", null),
    ):
        assert told(changed({"level": "deleted"}), format=form, **DELETING)["level"] == expected


def test_an_attribute_deleted_with_all_its_instances_is_told_once() -> None:
    other = AttributeChange(named("level"), "urn:d:2", "deleted", {"type": "Property", "value": 2}, None)
    one = changed({"level": "deleted"})
    gone = Change(one.seq, one.at, one.op, one.id, one.types, (other, *one.changes), one.entity, one.version)
    assert told(gone, **DELETING)["level"] == {"type": "Property", "value": "urn:ngsi-ld:null"}
    assert len(told(gone, showChanges=True, **DELETING)["level"]) == 2


def test_deleted_instance_in_simplified_form() -> None:
    old = {"type": "Property", "value": 2.5, "datasetId": "urn:d:2"}
    shown = told(changed({"level": "deleted"}, before={"level": old}), format="simplified", **DELETING)["level"]
    assert shown == {"dataset": {"@none": 1.5, "urn:d:2": "urn:ngsi-ld:null"}}


def test_who_watches_an_attribute_hears_that_it_went_with_its_entity() -> None:
    gone = changed({"level": "deleted", "river": "deleted"}, op="deleted")
    shown = told(gone, watchedAttributes=["level"], **DELETING)
    assert shown["level"] == {"type": "Property", "value": "urn:ngsi-ld:null"}
    assert set(shown) == {"id", "type", "deletedAt", "level"}


def test_each_entity_of_a_linked_data_notification_can_be_read_alone() -> None:
    endpoint = {"uri": "http://localhost/notify", "accept": "application/ld+json"}
    body = json.loads(send(changed(), endpoint=endpoint).body)
    assert [one["@context"] for one in body["data"]] == [body["@context"]]


def test_deleted_attribute_is_left_out_for_those_who_do_not_watch_deletions() -> None:
    assert "level" not in told(changed({"level": "deleted", "river": "updated"}))


def test_deleted_attribute_that_is_not_projected_is_not_told() -> None:
    assert "level" not in told(changed({"level": "deleted"}), attributes=["river"], **DELETING)


def test_deleted_attribute_with_times() -> None:
    assert told(changed({"level": "deleted"}), sysAttrs=True, **DELETING)["level"] == {
        "type": "Property",
        "value": "urn:ngsi-ld:null",
        **STAMPS,
        "deletedAt": "2026-04-01T00:00:00.000Z",
    }


def test_deleted_language_property_with_times() -> None:
    old = {"type": "LanguageProperty", "languageMap": {"ja": "橋"}, **STAMPS}
    shown = told(changed({"label": "deleted"}, before={"label": old}), sysAttrs=True, **DELETING)["label"]
    assert shown["languageMap"] == {"@none": "urn:ngsi-ld:null"}


def test_deleted_instance_stands_beside_those_that_are_left() -> None:
    level = [
        {"type": "Property", "value": 1.5},
        {"type": "Property", "value": 2.5, "datasetId": "urn:d:2"},
    ]
    old = {"type": "Property", "value": 2.5, "datasetId": "urn:d:2", **STAMPS}
    shown = told(changed({"level": "deleted"}, before={"level": old}, level=level), **DELETING)["level"]
    assert shown == [
        {"type": "Property", "value": 1.5},
        {"type": "Property", "value": "urn:ngsi-ld:null", "datasetId": "urn:d:2"},
    ]


def test_deleted_entity_says_only_that() -> None:
    change = changed({"level": "deleted"}, op="deleted")
    trigger = {"notificationTrigger": ["entityDeleted"]}
    assert told(change, **trigger) == {"id": "urn:g:1", "type": "Gauge", "deletedAt": "2026-04-01T00:00:00.000Z"}
    assert told(change, sysAttrs=True, **trigger) == {
        "id": "urn:g:1",
        "type": "Gauge",
        **STAMPS,
        "deletedAt": "2026-04-01T00:00:00.000Z",
    }
    shown = told(change, showChanges=True, **trigger)["level"]
    assert shown == {"type": "Property", "value": "urn:ngsi-ld:null", "previousValue": 1.0}


def test_previous_values() -> None:
    before = {
        "river": {"type": "Relationship", "object": "urn:r:0"},
        "label": {"type": "LanguageProperty", "languageMap": {"ja": "川"}},
    }
    change = changed({"level": "updated", "river": "updated", "label": "updated", "location": "created"}, before=before)
    shown = told(change, showChanges=True)
    assert shown["level"] == {"type": "Property", "value": 1.5, "unitCode": "MTR", "previousValue": 1.0}
    assert shown["river"] == {"type": "Relationship", "object": "urn:r:1", "previousObject": "urn:r:0"}
    assert shown["label"]["previousLanguageMap"] == {"ja": "川"}
    assert "previousValue" not in shown["location"]
    concise = told(
        changed({"level": "updated"}, level={"type": "Property", "value": 2}), showChanges=True, format="concise"
    )
    assert concise["level"] == {"value": 2, "previousValue": 1.0}


def test_chosen_datasets() -> None:
    level = [
        {"type": "Property", "value": 1.5},
        {"type": "Property", "value": 2.5, "datasetId": "urn:d:2"},
    ]
    shown = told(changed(level=level), datasetId=["urn:d:2"])
    assert shown["level"] == {"type": "Property", "value": 2.5, "datasetId": "urn:d:2"}
