"""Drive a server with filip's NGSI-LD client as its own examples do; run by filip's own interpreter.

Arguments: the server's address, the address that notifications go to, the address of an MQTT broker.
"""

from __future__ import annotations

import sys

import requests
from filip.clients.ngsi_ld.cb import ContextBrokerLDClient
from filip.models.base import FiwareLDHeader
from filip.models.ngsi_ld.context import (
    ActionTypeLD,
    ContextGeoProperty,
    ContextLDEntity,
    ContextLDEntityKeyValues,
    ContextProperty,
    NamedContextGeoProperty,
    NamedContextProperty,
    NamedContextRelationship,
)
from filip.models.ngsi_ld.subscriptions import Endpoint, EntityInfo, NotificationParams, SubscriptionLD

SERVER, HOOK, MQTT = sys.argv[1:]
ROOM = "urn:ngsi-ld:Room:001"


def entities(client: ContextBrokerLDClient) -> None:
    """Create, read, filter, change and remove entities."""
    assert client.get_version()
    room = ContextLDEntity(id=ROOM, type="Room", temperature={"type": "Property", "value": 23, "unitCode": "CEL"})
    room.add_properties([NamedContextProperty(name="pressure", value=720)])
    room.add_relationships([NamedContextRelationship(name="isIn", object="urn:ngsi-ld:Building:1")])
    place = {"type": "Point", "coordinates": [13.3505, 52.5144]}
    room.add_geo_properties([NamedContextGeoProperty(name="location", type="GeoProperty", value=place)])
    client.post_entity(room)
    client.post_entity(room, update=True)
    client.post_entity(room, append=True)
    found = client.get_entity(ROOM)
    assert found.temperature.value == 23
    assert found.isIn.object == "urn:ngsi-ld:Building:1"
    assert found.location.value.coordinates[0] == 13.3505
    assert client.get_entity(ROOM, options="keyValues").temperature == 23
    assert [one.id for one in client.get_entity_list(entity_type="Room", q="temperature>20")] == [ROOM]
    assert client.get_entity_list(entity_type="Room", q="temperature>30") == []
    near = {"georel": "near;maxDistance==100", "geometry": "Point", "coordinates": "[13.3505,52.5144]"}
    assert [one.id for one in client.get_entity_list(entity_type="Room", **near)] == [ROOM]
    client.update_entity_attribute(ROOM, attr=ContextProperty(value=25), attr_name="temperature")
    assert client.get_entity(ROOM).temperature.value == 25
    more = ContextLDEntity(id=ROOM, type="Room", note={"type": "Property", "value": "水位"})
    client.append_entity_attributes(more)
    client.replace_existing_attributes_of_entity(more)
    assert client.get_entity(ROOM).note.value == "水位"
    client.delete_attribute(ROOM, "note")
    simple = ContextLDEntityKeyValues(id="urn:ngsi-ld:Room:002", type="Room", temperature=30)
    client.post_entity(simple)
    assert client.get_entity("urn:ngsi-ld:Room:002").temperature.value == 30
    client.delete_entity_by_id("urn:ngsi-ld:Room:002")
    assert ContextGeoProperty(type="GeoProperty", value=place)


def batches(client: ContextBrokerLDClient) -> None:
    """Work on many at once."""
    many = [
        ContextLDEntity(id=f"urn:ngsi-ld:Test:{n}", type="Test", n={"type": "Property", "value": n})
        for n in range(1100)
    ]
    client.entity_batch_operation(entities=many, action_type=ActionTypeLD.CREATE)
    assert len(client.get_entity_list(entity_type="Test")) == 1100
    client.entity_batch_operation(entities=many[:5], action_type=ActionTypeLD.UPDATE)
    client.entity_batch_operation(entities=many[:5], action_type=ActionTypeLD.UPSERT, options="update")
    client.entity_batch_operation(entities=many, action_type=ActionTypeLD.DELETE)
    assert client.get_entity_list(entity_type="Test") == []


def subscriptions(client: ContextBrokerLDClient) -> None:
    """Subscribe over HTTP and MQTT."""
    ids = []
    for uri in (HOOK + "/ld", MQTT + "/filip/ld"):
        subscription = SubscriptionLD(
            id=f"urn:ngsi-ld:Subscription:{len(ids)}",
            entities=[EntityInfo(type="Room")],
            watchedAttributes=["temperature"],
            q="temperature>40",
            notification=NotificationParams(
                attributes=["temperature"], format="keyValues", endpoint=Endpoint(uri=uri, accept="application/json")
            ),
        )
        ids.append(client.post_subscription(subscription))
    assert len(client.get_subscription_list()) == 2
    kept = client.get_subscription(ids[0])
    kept.description = "changed"
    client.update_subscription(kept)
    assert client.get_subscription(ids[0]).description == "changed"
    client.update_entity_attribute(ROOM, attr=ContextProperty(value=41), attr_name="temperature")


def main() -> None:
    """Drive everything."""
    header = FiwareLDHeader(ngsild_tenant="filip_ld")
    with requests.Session() as session:
        client = ContextBrokerLDClient(url=SERVER, session=session, fiware_header=header)
        entities(client)
        batches(client)
        subscriptions(client)
    print("filip is content")


if __name__ == "__main__":
    main()
