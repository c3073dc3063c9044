"""Drive a server with ngsildclient as its own introduction does; run by an interpreter of its own.

Arguments: the server's address, the address that notifications go to.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from ngsildclient import AsyncClient, Client, Entity, SubscriptionBuilder, iso8601

SERVER, HOOK = sys.argv[1:3]
PARTS = urlsplit(SERVER)
WHERE = {"hostname": PARTS.hostname, "port": PARTS.port, "tenant": "ngsildclient"}
PARKING = "OffStreetParking"


def parking(name: str, spots: int = 121) -> Entity:
    """Return the entity that the package's own introduction builds."""
    entity = Entity(PARKING, name)
    entity.prop("name", "Downtown One")
    entity.prop("availableSpotNumber", spots, observedat=datetime(2022, 10, 25, 8, tzinfo=UTC)).anchor()
    entity.prop("reliability", 0.7).rel("providedBy", "Camera:C1").unanchor()
    entity.prop("totalSpotNumber", 200, unitcode="C62").loc(41.2, -8.5)
    entity.tprop("dateObserved", datetime(2022, 10, 25, 8, tzinfo=UTC))
    return entity


def introduction(client: Client) -> None:
    """Create a parking, fill it as the day goes on, and read it back."""
    entity = parking("Downtown1")
    assert client.create(entity)
    assert client.exists(entity)
    spots = entity["availableSpotNumber"]
    for _ in range(12):
        spots.observedat += timedelta(hours=1)
        spots.value -= 10
        assert client.update(entity)
    kept = client.get("OffStreetParking:Downtown1")
    assert kept["availableSpotNumber.value"] == 1
    assert kept["availableSpotNumber.observedAt"] == "2022-10-25T20:00:00Z"
    assert kept["availableSpotNumber.reliability.value"] == 0.7
    assert kept["availableSpotNumber.providedBy.object"] == "urn:ngsi-ld:Camera:C1"
    assert client.temporal.get(entity)


def many(client: Client) -> None:
    """Write, count and query many at once."""
    result = client.upsert([parking(f"P{number}", number) for number in range(150)])
    assert (result.ok, result.n_ok) == (True, 150), result
    assert client.count(type=PARKING) == 151
    assert len(client.query(type=PARKING)) == 151
    assert len(client.query(type=PARKING, q="availableSpotNumber>=148")) == 2
    assert len(client.query_head(type=PARKING, n=3)) == 3
    assert PARKING in client.types.list()
    asked = {"type": "Query", "entities": [{"type": PARKING}], "q": "availableSpotNumber==25"}
    assert [one.id for one in client.alt.query(asked)] == ["urn:ngsi-ld:OffStreetParking:P25"]
    assert client.batch.update([parking("P3", 5)]).ok
    assert client.get("OffStreetParking:P3")["availableSpotNumber.value"] == 5
    assert client.delete(parking("P149"))
    assert client.batch.delete([parking("P148"), parking("P147")]).ok
    assert client.count(type=PARKING) == 148


def subscriptions(client: Client) -> None:
    """Subscribe, and do something that is to be told."""
    builder = SubscriptionBuilder(HOOK + "/ngsildclient").description("nearly full").select_type(PARKING)
    id = client.subscriptions.create(builder.watch(["availableSpotNumber"]).query("availableSpotNumber>1000").build())
    assert client.subscriptions.exists(id)
    assert [one["id"] for one in client.subscriptions.list("nearly")] == [id]
    assert client.subscriptions.get(id)["description"] == "nearly full"
    assert client.upsert(parking("P7", 1001))


async def in_async() -> None:
    """Do the first steps with the asynchronous client."""
    async with AsyncClient(**WHERE) as client:
        entity = Entity("Room", "async")
        entity.prop("temperature", 21.5, observedat=iso8601.utcnow())
        assert await client.create(entity)
        assert (await client.get(entity))["temperature.value"] == 21.5
        assert await client.delete(entity)


def main() -> None:
    """Drive everything."""
    with Client(**WHERE) as client:
        introduction(client)
        many(client)
        subscriptions(client)
        client.drop("Camera")
    asyncio.run(in_async())
    print("ngsildclient is content")


if __name__ == "__main__":
    main()
