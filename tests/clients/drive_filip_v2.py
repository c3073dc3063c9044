"""Drive a server with filip's NGSIv2 client as its own examples do; run by filip's own interpreter.

Arguments: the server's address, the address that notifications go to, the address of an MQTT broker. What is printed
last is for the test that runs this.
"""

from __future__ import annotations

import sys

import requests
from filip.clients.ngsi_v2 import ContextBrokerClient
from filip.models.base import FiwareHeader
from filip.models.ngsi_v2.base import EntityPattern, Http, Metadata
from filip.models.ngsi_v2.context import (
    ActionType,
    ContextAttribute,
    ContextEntity,
    ContextEntityKeyValues,
    NamedContextAttribute,
    Query,
)
from filip.models.ngsi_v2.registrations import DataProvided, Provider, Registration
from filip.models.ngsi_v2.subscriptions import (
    Condition,
    HttpCustom,
    Message,
    Mqtt,
    Notification,
    Subject,
    Subscription,
)
from filip.utils.simple_ql import QueryString

SERVER, HOOK, MQTT = sys.argv[1:]
HEADER = FiwareHeader(service="filip", service_path="/example")


def entities(client: ContextBrokerClient) -> None:
    """Create, read, filter, change and remove entities."""
    assert client.get_version()["orion"]["version"]
    assert client.get_resources()["entities_url"] == "/v2/entities"
    assert "uptime_in_secs" in client.get_statistics()
    room1 = ContextEntity(
        id="Room1",
        type="Room",
        temperature={"value": 11.5, "type": "Float", "metadata": {"sensor": {"type": "Text", "value": "C"}}},
        pressure={"value": 111, "type": "Integer"},
    )
    room2 = ContextEntity(id="Room2", type="Room")
    room2.add_attributes([NamedContextAttribute(name="temperature", type="Float", value=22)])
    room2.add_attributes([NamedContextAttribute(name="pressure", type="Number", value=222)])
    room3 = ContextEntityKeyValues(id="Room3", type="Room", temperature=33, pressure=333)
    for room in (room1, room2):
        client.post_entity(entity=room)
    client.post_entity(entity=room3, key_values=True)
    client.post_entity(entity=room1, update=True)
    client.post_entity(entity=room2, patch=True)

    assert client.get_entity("Room1") == room1
    assert {one.id for one in client.get_entity_list()} == {"Room1", "Room2", "Room3"}
    assert [one.id for one in client.get_entity_list(entity_types=["Room"], limit=2)] == ["Room1", "Room2"]
    warm = QueryString(qs=[("temperature", ">=", 22), ("pressure", "<", 300)])
    assert [one.id for one in client.get_entity_list(q=warm)] == ["Room2"]
    assert [one.id for one in client.get_entity_list(mq=QueryString(qs=[("temperature.sensor", "==", "C")]))] == [
        "Room1"
    ]
    assert [one.id for one in client.get_entity_list(id_pattern="Room[13]$", order_by="!temperature")] == [
        "Room3",
        "Room1",
    ]
    simple = client.get_entity_list(response_format="keyValues", attrs=["temperature"])
    assert {one.id: one.temperature for one in simple} == {"Room1": 11.5, "Room2": 22, "Room3": 33}
    assert client.get_entity_list(response_format="values", attrs=["temperature"]) == [[11.5], [22], [33]]
    assert client.get_entity_list(entity_ids=["Room9"]) == []
    assert client.does_entity_exist("Room1", "Room")
    assert not client.does_entity_exist("Room9", "Room")

    attribute = client.get_attribute("Room1", "temperature")
    assert (attribute.type, attribute.value, attribute.metadata["sensor"].value) == ("Float", 11.5, "C")
    client.update_entity_attribute("Room1", attr_name="temperature", attr=ContextAttribute(type="Float", value=12.5))
    client.update_attribute_value(entity_id="Room1", attr_name="pressure", value=112)
    client.update_attribute_value(entity_id="Room1", attr_name="temperature", value=13)
    assert client.get_attribute_value("Room1", "pressure") == 112
    assert client.get_entity_attributes("Room1")["temperature"].value == 13
    room1 = client.get_entity("Room1")
    room1.add_attributes([NamedContextAttribute(name="note", type="Text", value="水位")])
    room1.temperature.metadata = {"accuracy": Metadata(type="Number", value=0.5)}
    client.update_entity(room1)
    client.patch_entity(room1)
    client.update_existing_entity_attributes(
        "Room1", attrs=[NamedContextAttribute(name="note", value="x", type="Text")]
    )
    assert client.get_attribute_value("Room1", "note") == "x"
    client.replace_entity_attributes("Room2", attrs=[NamedContextAttribute(name="only", type="Number", value=1)])
    assert list(client.get_entity_attributes("Room2")) == ["only"]
    client.delete_entity_attribute("Room1", "note")
    assert "note" not in client.get_entity_attributes("Room1")

    assert client.get_entity_types()[0]["type"] == "Room"
    assert client.get_entity_type("Room")["count"] == 3
    found = client.query(
        query=Query(entities=[EntityPattern(idPattern=".*", typePattern="^Roo")], attrs=["temperature"])
    )
    assert [one.id for one in found] == ["Room1", "Room2", "Room3"]


def batches(client: ContextBrokerClient) -> None:
    """Work on many at once."""
    many = [ContextEntity(id=f"test:{number}", type="filip:object:Test", n={"value": number}) for number in range(1100)]
    client.update(entities=many, action_type=ActionType.APPEND)
    assert len(client.get_entity_list(entity_types=["filip:object:Test"])) == 1100
    assert len(client.query(query=Query(entities=[EntityPattern(idPattern=".*", type="filip:object:Test")]))) == 1100
    simple = [ContextEntityKeyValues(id=one.id, type=one.type, n=5) for one in many[:10]]
    client.update(entities=simple, action_type="update", update_format="keyValues", forcedUpdate=True)
    assert client.get_attribute_value("test:3", "n") == 5
    client.notify(
        Message(subscriptionId="anything", data=[ContextEntity(id="told", type="T", a={"type": "Number", "value": 1})])
    )
    assert client.get_attribute_value("told", "a") == 1
    client.delete_entities(many)
    assert client.get_entity_list(entity_types=["filip:object:Test"]) == []


def subscriptions(client: ContextBrokerClient) -> None:
    """Subscribe in all the ways that filip knows."""
    subject = Subject(
        entities=[EntityPattern(idPattern="^Room", type="Room")],
        condition=Condition(attrs=["temperature"], expression={"q": "temperature>40"}),
    )
    plain = Subscription(
        description="warm rooms",
        subject=subject,
        notification=Notification(http=Http(url=HOOK + "/plain"), attrs=["temperature"]),
        expires="2090-04-05T14:00:00Z",
        throttling=0,
    )
    first = client.post_subscription(plain)
    assert client.get_subscription(first).description == "warm rooms"
    again = client.get_subscription(first)
    again.description = "very warm rooms"
    client.update_subscription(again)
    assert [one.description for one in client.get_subscription_list()] == ["very warm rooms"]
    custom = HttpCustom(
        url=HOOK + "/custom", method="PUT", headers={"X-Room": "${id}"}, json={"t": "${temperature}", "n": "4"}
    )
    client.post_subscription(Subscription(subject=subject, notification=Notification(httpCustom=custom, attrs=["*"])))
    mqtt = Mqtt(url=MQTT, topic="filip/rooms", qos=1)
    client.post_subscription(Subscription(subject=subject, notification=Notification(mqtt=mqtt, attrs=["temperature"])))
    assert len(client.get_subscription_list()) == 3
    client.update_attribute_value(entity_id="Room1", attr_name="temperature", value=41)


def registrations(client: ContextBrokerClient) -> None:
    """Register somebody else as the source of some attributes."""
    registration = Registration(
        description="weather of another town",
        provider=Provider(http=Http(url=HOOK + "/provider/v2")),
        dataProvided=DataProvided(entities=[EntityPattern(id="Sky", type="Weather")], attrs=["rain"]),
    )
    id = client.post_registration(registration)
    assert client.get_registration(id).description == "weather of another town"
    assert [one.id for one in client.get_registration_list()] == [id]
    client.delete_registration(id)
    assert client.get_registration_list() == []


def main() -> None:
    """Drive everything, on one session as filip's tutorials do."""
    with (
        requests.Session() as session,
        ContextBrokerClient(url=SERVER, session=session, fiware_header=HEADER) as client,
    ):
        entities(client)
        batches(client)
        subscriptions(client)
        registrations(client)
    other = ContextBrokerClient(url=SERVER, fiware_header=FiwareHeader(service="filip", service_path="/elsewhere"))
    assert other.get_entity_list() == []
    print("filip is content")


if __name__ == "__main__":
    main()
