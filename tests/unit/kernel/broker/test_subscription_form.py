"""Subscriptions that do not follow the information model are refused, naming the member (GS CIM 009, 5.2.12)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hiroba.kernel.broker import subscriptions
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.broker.contexts import Contexts
from hiroba.kernel.broker.subscription_board import SUBSCRIPTIONS
from hiroba.kernel.broker.subscription_form import MEMBERS
from hiroba.kernel.model.context import CORE, CORE_URL, compile_context
from hiroba.kernel.model.errors import (
    AlreadyExists,
    BadRequestData,
    HirobaError,
    LdContextNotAvailable,
    ResourceNotFound,
    TooComplexQuery,
)
from hiroba.kernel.store.sqlite import SqliteStore

ENDPOINT = {"uri": "http://localhost:25150/hook"}
OWN = compile_context({"temp": "https://example.org/temperature", "Room": "https://example.org/Room"}, {})


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    store = SqliteStore(":memory:")
    await store.open()
    contexts = Contexts(store, base_url="http://127.0.0.1:1026")
    yield Broker(store, contexts)
    await contexts.close()
    await store.close()


def whole(**members: Any) -> dict[str, Any]:
    body = {"type": "Subscription", "entities": [{"type": "Room"}], "notification": {"endpoint": ENDPOINT}, **members}
    return {name: value for name, value in body.items() if value is not ...}


def notified(**members: Any) -> dict[str, Any]:
    return whole(notification={"endpoint": ENDPOINT, **members})


def reached(**members: Any) -> dict[str, Any]:
    return notified(endpoint={**ENDPOINT, **members})


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("type", whole(type="Entity")),
    ("type", whole(type=...)),
    ("id", whole(id="no uri")),
    ("entities", whole(entities=[])),
    ("entities", whole(entities={"type": "Room"})),
    ("entities and watchedAttributes", whole(entities=...)),
    ("entities[0].type", whole(entities=[{"id": "urn:a:b"}])),
    ("entities[0].type", whole(entities=[{"type": 5}])),
    ("entities[1].type", whole(entities=[{"type": "Room"}, {"type": "(A"}])),
    ("entities[0].id", whole(entities=[{"type": "Room", "id": "no uri"}])),
    ("entities[0].id", whole(entities=[{"type": "Room", "id": []}])),
    ("entities[0].idPattern", whole(entities=[{"type": "Room", "idPattern": "("}])),
    ("notification", whole(notification=...)),
    ("notification", whole(notification="http://localhost")),
    ("notification.endpoint", whole(notification={})),
    ("notification.endpoint.uri", reached(uri=5)),
    ("notification.endpoint.uri", reached(uri="localhost")),
    ("notification.endpoint.uri", reached(uri="ftp://localhost/")),
    ("notification.endpoint.uri", reached(uri="http:///path")),
    ("notification.endpoint.uri", reached(uri="http://localhost:99999/")),
    ("notification.endpoint.accept", reached(accept="text/plain")),
    ("notification.endpoint.timeout", reached(timeout=-1)),
    ("notification.endpoint.cooldown", reached(cooldown="1")),
    ("notification.endpoint.receiverInfo", reached(receiverInfo={"key": "a", "value": "b"})),
    ("notification.endpoint.receiverInfo[0].value", reached(receiverInfo=[{"key": "a"}])),
    ("notification.endpoint.receiverInfo[0]", reached(receiverInfo=[{"key": "a b", "value": "c"}])),
    ("notification.endpoint.receiverInfo[0]", reached(receiverInfo=[{"key": "a", "value": "x\r\nEvil: 1"}])),
    ("notification.format", notified(format="xml")),
    ("notification.attributes", notified(attributes=[])),
    ("notification.attributes", notified(attributes=["id"])),
    ("notification.pick", notified(pick="temp")),
    ("notification.pick and notification.omit", notified(pick=["temp"], omit=["temp"])),
    ("notification.sysAttrs", notified(sysAttrs="yes")),
    ("notification.showChanges", notified(showChanges=True, format="keyValues")),
    ("notification.join", notified(join="outline")),
    ("watchedAttributes", whole(watchedAttributes=[])),
    ("watchedAttributes", whole(watchedAttributes="temp")),
    ("notificationTrigger", whole(notificationTrigger=["entityMoved"])),
    ("q", whole(q="temp>")),
    ("q", whole(q=5)),
    ("scopeQ", whole(scopeQ="a b c;")),
    ("geoQ.georel", whole(geoQ={"geometry": "Point", "coordinates": [1, 2]})),
    ("geoQ", whole(geoQ={"georel": "beside", "geometry": "Point", "coordinates": [1, 2]})),
    ("geoQ", whole(geoQ={"georel": "within", "geometry": "Polygon", "coordinates": [1, 2]})),
    ("geoQ.coordinates", whole(geoQ={"georel": "within", "geometry": "Polygon", "coordinates": 4})),
    ("expiresAt", whole(expiresAt="tomorrow")),
    ("expiresAt", whole(expiresAt="2001-01-01T00:00:00Z")),
    ("isActive", whole(isActive="true")),
    ("throttling", whole(throttling=0)),
    ("throttling", whole(throttling=True)),
    ("timeInterval", whole(timeInterval=-5)),
    ("watchedAttributes", whole(timeInterval=5, watchedAttributes=["temp"])),
    ("throttling", whole(timeInterval=5, throttling=5)),
    ("jsonldContext", whole(jsonldContext="urn:a:b")),
    ("datasetId", whole(datasetId=["@all"])),
    ("localOnly", whole(localOnly=1)),
    ("subscriptionName", whole(subscriptionName="")),
]


@pytest.mark.parametrize(("member", "body"), REFUSED, ids=[f"{n}-{one[0]}" for n, one in enumerate(REFUSED)])
async def test_refused_naming_the_member(broker: Broker, member: str, body: dict[str, Any]) -> None:
    with pytest.raises(BadRequestData) as refused:
        await subscriptions.create_subscription(broker, "", body, CORE)
    assert refused.value.detail.startswith(member)
    assert await (await broker.store.tenant("")).records(SUBSCRIPTIONS) == []


async def test_too_deep_a_query_is_refused(broker: Broker) -> None:
    with pytest.raises(TooComplexQuery):
        await subscriptions.create_subscription(broker, "", whole(q="(" * 200 + "temp" + ")" * 200), CORE)


async def test_a_refused_subscription_makes_no_tenant(broker: Broker) -> None:
    with pytest.raises(BadRequestData):
        await subscriptions.create_subscription(broker, "ghost", whole(q="("), CORE)
    assert await broker.store.tenants() == [""]


async def test_watched_attributes_or_local_scope_are_enough(broker: Broker) -> None:
    await subscriptions.create_subscription(broker, "", whole(entities=..., watchedAttributes=["temp"]), CORE)
    await subscriptions.create_subscription(broker, "", whole(entities=..., localOnly=True), CORE)
    await subscriptions.create_subscription(broker, "", whole(entities=[{"type": "*"}]), CORE)


async def test_document_comes_back_as_it_was_with_what_the_broker_adds(broker: Broker) -> None:
    body = whole(
        id="urn:ngsi-ld:Subscription:1",
        entities=[{"type": "Room,Hall", "idPattern": "^urn:"}],
        watchedAttributes=["temp", "気温"],
        q='temp>20;気温!="低"',
        geoQ={
            "georel": "near;maxDistance==50",
            "geometry": "Point",
            "coordinates": [134.0, 34.3],
            "geoproperty": "place",
        },
        scopeQ="/a/#",
        notificationTrigger=["entityCreated", "attributeDeleted"],
        throttling=0.5,
        expiresAt="2999-01-01T00:00:00Z",
        description="試験",
        lang="ja",
        status="expired",
        notification={"attributes": ["temp"], "endpoint": ENDPOINT, "timesSent": 99, "status": "failed"},
    )
    id = await subscriptions.create_subscription(broker, "", body, CORE)
    found = await subscriptions.retrieve_subscription(broker, "", id, CORE)
    expected = {
        **body,
        "status": "active",
        "jsonldContext": CORE_URL,
        "notification": {
            "attributes": ["temp"],
            "format": "normalized",
            "endpoint": {"accept": "application/json", **ENDPOINT},
        },
    }
    assert found == expected
    with_times = await subscriptions.retrieve_subscription(broker, "", id, CORE, sys_attrs=True)
    assert set(with_times) - set(found) == {"createdAt", "modifiedAt"}


async def test_names_are_compacted_by_the_context_of_who_asks(broker: Broker) -> None:
    body = whole(watchedAttributes=["temp"], notification={"pick": ["id", "temp"], "endpoint": ENDPOINT})
    id = await subscriptions.create_subscription(broker, "", body, OWN)
    plain = await subscriptions.retrieve_subscription(broker, "", id, CORE)
    assert plain["entities"] == [{"type": "https://example.org/Room"}]
    assert plain["watchedAttributes"] == ["https://example.org/temperature"]
    assert plain["notification"]["pick"] == ["id", "https://example.org/temperature"]
    own = await subscriptions.retrieve_subscription(broker, "", id, OWN)
    assert (own["entities"], own["watchedAttributes"]) == ([{"type": "Room"}], ["temp"])
    # an inline context is kept by the broker, so that notifications can name it
    assert plain["jsonldContext"].startswith("http://127.0.0.1:1026/ngsi-ld/v1/jsonldContexts/")


async def test_two_with_one_id_are_refused(broker: Broker) -> None:
    body = whole(id="urn:ngsi-ld:Subscription:1", description="first")
    await subscriptions.create_subscription(broker, "", body, CORE)
    with pytest.raises(AlreadyExists):
        await subscriptions.create_subscription(broker, "", {**body, "description": "second"}, CORE)
    found = await subscriptions.retrieve_subscription(broker, "", "urn:ngsi-ld:Subscription:1", CORE)
    assert found["description"] == "first"


async def test_unreachable_notification_context(broker: Broker) -> None:
    body = whole(jsonldContext="http://127.0.0.1:25197/context.jsonld")
    with pytest.raises(LdContextNotAvailable):
        await subscriptions.create_subscription(broker, "", body, CORE)
    assert await (await broker.store.tenant("")).records(SUBSCRIPTIONS) == []


PATCHES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"q": "temp>30"}, {"q": "temp>30"}),
    ({"q": "urn:ngsi-ld:null"}, {"q": ...}),
    ({"throttling": 5, "description": None}, {"throttling": 5, "description": ...}),
    ({"isActive": False}, {"isActive": False, "status": "paused"}),
    ({"watchedAttributes": ["a", "b"]}, {"watchedAttributes": ["a", "b"]}),
    (
        {"notification": {"format": "concise", "endpoint": ENDPOINT}},
        {"notification": {"format": "concise", "endpoint": {"accept": "application/json", **ENDPOINT}}},
    ),
]


@pytest.mark.parametrize(("patch", "expected"), PATCHES)
async def test_update_replaces_members(broker: Broker, patch: dict[str, Any], expected: dict[str, Any]) -> None:
    body = whole(q="temp>20", description="d", notification={"attributes": ["temp"], "endpoint": ENDPOINT})
    id = await subscriptions.create_subscription(broker, "", body, CORE)
    before = await subscriptions.retrieve_subscription(broker, "", id, CORE)
    await subscriptions.update_subscription(broker, "", id, patch, CORE)
    after = await subscriptions.retrieve_subscription(broker, "", id, CORE)
    assert after == {name: value for name, value in {**before, **expected}.items() if value is not ...}


@pytest.mark.parametrize(
    "patch",
    [
        {"id": "urn:ngsi-ld:Subscription:other"},
        {"type": "Other"},
        {"notification": {"format": "concise"}},
        {"q": "temp>"},
        {"expiresAt": "2001-01-01T00:00:00Z"},
        {"timeInterval": 5},
        {"notification": "urn:ngsi-ld:null"},
        {"entities": None},
        {"notification": {"endpoint": {}}},
    ],
    ids=str,
)
async def test_a_refused_update_changes_nothing(broker: Broker, patch: dict[str, Any]) -> None:
    body = whole(throttling=1)
    id = await subscriptions.create_subscription(broker, "", body, CORE)
    before = await (await broker.store.tenant("")).record(SUBSCRIPTIONS, id)
    with pytest.raises(BadRequestData):
        await subscriptions.update_subscription(broker, "", id, patch, CORE)
    assert await (await broker.store.tenant("")).record(SUBSCRIPTIONS, id) == before


async def test_members_that_stay_keep_their_meaning(broker: Broker) -> None:
    id = await subscriptions.create_subscription(broker, "", whole(watchedAttributes=["temp"]), OWN)
    await subscriptions.update_subscription(broker, "", id, {"q": "temp>1", "description": "x"}, CORE)
    record = await (await broker.store.tenant("")).record(SUBSCRIPTIONS, id)
    assert record is not None
    assert record["terms"]["watchedAttributes"] == {"temp": "https://example.org/temperature"}
    assert record["terms"]["q"] == {"temp": CORE.expand_name("temp")}
    await subscriptions.update_subscription(broker, "", id, {"watchedAttributes": ["temp"]}, CORE)
    record = await (await broker.store.tenant("")).record(SUBSCRIPTIONS, id)
    assert record is not None
    assert record["terms"]["watchedAttributes"] == {"temp": CORE.expand_name("temp")}


async def test_an_expired_subscription_lives_again_with_a_new_date(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await subscriptions.create_subscription(broker, "", whole(expiresAt="2999-01-01T00:00:00Z"), CORE)
    monkeypatch.setattr(subscriptions, "now", lambda: 32_503_680_000_000_001)
    assert (await subscriptions.retrieve_subscription(broker, "", id, CORE))["status"] == "expired"
    await subscriptions.update_subscription(broker, "", id, {"isActive": True}, CORE)
    assert (await subscriptions.retrieve_subscription(broker, "", id, CORE))["status"] == "expired"
    await subscriptions.update_subscription(broker, "", id, {"expiresAt": "3001-01-01T00:00:00Z"}, CORE)
    assert (await subscriptions.retrieve_subscription(broker, "", id, CORE))["status"] == "active"


async def test_unknown_subscription(broker: Broker) -> None:
    id = "urn:ngsi-ld:Subscription:none"
    for operation in (
        subscriptions.retrieve_subscription(broker, "", id, CORE),
        subscriptions.update_subscription(broker, "", id, {"q": "a"}, CORE),
        subscriptions.delete_subscription(broker, "", id),
    ):
        with pytest.raises(ResourceNotFound):
            await operation
    for operation in (
        subscriptions.retrieve_subscription(broker, "", "none", CORE),
        subscriptions.delete_subscription(broker, "", "none"),
    ):
        with pytest.raises(BadRequestData):
            await operation


async def test_pages(broker: Broker) -> None:
    ids = [await subscriptions.create_subscription(broker, "", whole(), CORE) for _ in range(5)]
    first = await subscriptions.query_subscriptions(broker, "", CORE, limit=2, offset=0)
    last = await subscriptions.query_subscriptions(broker, "", CORE, limit=2, offset=4)
    assert [one["id"] for one in first.documents] == ids[:2]
    assert (first.more, first.count) == (True, 5)
    assert [one["id"] for one in last.documents] == ids[4:]
    assert last.more is False


@pytest.mark.parametrize("value", [None, 5, "x", [], {}, [None], [[]], {"a": {}}, True, -1.5, "urn:a:b"])
@pytest.mark.parametrize("member", [*MEMBERS, "notification", "type", "unknown"])
async def test_no_value_of_any_member_breaks_the_broker(broker: Broker, member: str, value: Any) -> None:
    # any other exception than the broker's own would be an error of the server
    with contextlib.suppress(HirobaError):
        await subscriptions.create_subscription(broker, "", whole(**{member: value}), CORE)
    listed = await subscriptions.query_subscriptions(broker, "", CORE, limit=10, offset=0)
    assert listed.count in (0, 1)
