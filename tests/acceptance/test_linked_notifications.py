"""Notifications with linked entities, and conditions on those (GS CIM 009, 4.5.23, 4.9, 5.2.14 and 5.8.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from listener import Listener
from real_server import Running

V1 = "/ngsi-ld/v1"


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


def subscribe(server: Running, tenant: str, listener: Listener, *, q: str = "", **notification: Any) -> str:
    body: dict[str, Any] = {
        "id": f"urn:ngsi-ld:Subscription:{tenant}",
        "type": "Subscription",
        "entities": [{"type": "Bus"}],
        "notification": {"endpoint": {"uri": listener.url}, **notification},
    }
    reply = server.call("POST", f"{V1}/subscriptions", body | ({"q": q} if q else {}), NGSILD_Tenant=tenant)
    assert reply.status == 201, reply.body
    return str(body["id"])


def town(server: Running, tenant: str) -> None:
    stop = {"id": "urn:ngsi-ld:Stop:1", "type": "Stop", "name": "駅前", "wait": 3}
    assert server.call("POST", f"{V1}/entities", stop, NGSILD_Tenant=tenant).status == 201


def arrive(server: Running, tenant: str, *, seats: int = 1) -> None:
    bus = {
        "id": "urn:ngsi-ld:Bus:1",
        "type": "Bus",
        "seats": seats,
        "at": {"type": "Relationship", "object": "urn:ngsi-ld:Stop:1"},
    }
    reply = server.call("POST", f"{V1}/entityOperations/upsert", [bus], NGSILD_Tenant=tenant)
    assert reply.status in (201, 204), reply.body


def test_inline(server: Running, listener: Listener) -> None:
    """The linked entity is in the link, as it is when the notification is written."""
    town(server, "inside")
    subscribe(server, "inside", listener, join="inline", pick=["id", "at{name}"])
    arrive(server, "inside")
    told = listener.next().body
    assert told["data"] == [
        {
            "id": "urn:ngsi-ld:Bus:1",
            "at": {
                "type": "Relationship",
                "object": "urn:ngsi-ld:Stop:1",
                "entity": {"name": {"type": "Property", "value": "駅前"}},
            },
        }
    ]


def test_flat(server: Running, listener: Listener) -> None:
    """Linked entities stand behind the ones that changed, and not at all when the linking one is gone."""
    town(server, "beside")
    id = subscribe(server, "beside", listener, join="flat", joinLevel=2, format="simplified")
    arrive(server, "beside")
    told = listener.next().body["data"]
    assert told == [
        {"id": "urn:ngsi-ld:Bus:1", "type": "Bus", "seats": 1, "at": "urn:ngsi-ld:Stop:1"},
        {"id": "urn:ngsi-ld:Stop:1", "type": "Stop", "name": "駅前", "wait": 3},
    ]
    document = server.call("GET", f"{V1}/subscriptions/{id}", NGSILD_Tenant="beside").body
    assert (document["notification"]["join"], document["notification"]["joinLevel"]) == ("flat", 2)
    assert document["notificationTrigger"] == ["attributeCreated", "attributeUpdated"]


def test_condition_on_a_linked_entity(server: Running, listener: Listener) -> None:
    """4.9: q looks at what the changed entity links to at that moment."""
    town(server, "asked")
    subscribe(server, "asked", listener, q='at{wait}<5;at{Stop:name}=="駅前"')
    arrive(server, "asked", seats=1)
    assert listener.next().body["data"][0]["seats"]["value"] == 1
    patch = {"wait": {"type": "Property", "value": 9}}
    server.call("PATCH", f"{V1}/entities/urn:ngsi-ld:Stop:1/attrs", patch, NGSILD_Tenant="asked")
    arrive(server, "asked", seats=2)
    assert listener.silent(0.7)
    patch = {"wait": {"type": "Property", "value": 1}}
    server.call("PATCH", f"{V1}/entities/urn:ngsi-ld:Stop:1/attrs", patch, NGSILD_Tenant="asked")
    arrive(server, "asked", seats=3)
    assert listener.next().body["data"][0]["seats"]["value"] == 3


@pytest.mark.parametrize(
    "notification",
    [{"join": "inline", "joinLevel": 11}, {"join": "flat", "joinLevel": 1.5}, {"pick": ["at{name}"]}, {"join": "up"},
     {"join": "inline", "omit": ["at{name{x}}"]}],
)  # fmt: skip
def test_what_cannot_be_joined_is_refused(server: Running, listener: Listener, notification: dict[str, Any]) -> None:
    body = {
        "id": "urn:ngsi-ld:Subscription:refused",
        "type": "Subscription",
        "entities": [{"type": "Bus"}],
        "notification": {"endpoint": {"uri": listener.url}, **notification},
    }
    reply = server.call("POST", f"{V1}/subscriptions", body)
    assert (reply.status, reply.body["type"].rpartition("/")[2]) == (400, "BadRequestData")
    assert server.call("GET", f"{V1}/subscriptions/urn:ngsi-ld:Subscription:refused").status == 404
