"""What the server is asked: entities of about 1 KB, and the requests of each operation."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from bench import client

ENTITIES = "/ngsi-ld/v1/entities"
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Load:
    """The requests of one operation; `rows` is how many entities each one writes."""

    name: str
    requests: list[bytes]
    rows: int = 0
    connections: int = 32


def entity(number: int) -> dict[str, Any]:
    """Return an entity of about 1 KB, such as an air quality station."""
    rng = random.Random(number)
    measured = {
        name: {
            "type": "Property",
            "value": round(rng.uniform(0, 80), 2),
            "unitCode": "GQ",
            "observedAt": "2026-04-01T00:00:00Z",
        }
        for name in ("pm25", "pm10", "no2", "so2")
    }
    return {
        "id": f"urn:ngsi-ld:AirQualityObserved:bench-{number}",
        "type": "AirQualityObserved",
        "name": {"type": "Property", "value": f"測定局 {number}"},
        "address": {
            "type": "Property",
            "value": {"addressLocality": "汐見市", "streetAddress": f"港町{number % 90 + 1}丁目"},
        },
        "location": {
            "type": "GeoProperty",
            "value": {"type": "Point", "coordinates": [133.9 + rng.random() / 5, 34.2 + rng.random() / 5]},
        },
        "refDevice": {"type": "Relationship", "object": f"urn:ngsi-ld:Device:bench-{number}"},
        **measured,
    }


def filling(count: int) -> list[bytes]:
    """Return the batches that bring `count` entities in."""
    return [upsert(range(first, min(first + 500, count))) for first in range(0, count, 500)]


def upsert(numbers: range) -> bytes:
    """Return a batch upsert of these entities."""
    return client.send("POST", "/ngsi-ld/v1/entityOperations/upsert", [entity(number) for number in numbers])


def loads(count: int, scale: float = 1.0) -> list[Load]:
    """Return each operation's requests on a town of `count` entities; `scale` makes them fewer or more."""
    rng = random.Random(7)
    pick = [rng.randrange(count) for _ in range(20_000)]

    def some(number: int) -> list[int]:
        return pick[: max(20, int(number * scale))]

    typed = f"{ENTITIES}?type=AirQualityObserved&limit=20"
    one = f"{ENTITIES}/urn:ngsi-ld:AirQualityObserved:bench-"
    patch = {"type": "Property", "value": 1.5, "observedAt": "2026-04-01T00:10:00Z"}
    creates = range(10_000_000, 10_000_000 + max(20, int(10_000 * scale)))
    batches = range(20_000_000, 20_000_000 + BATCH * max(2, int(10 * scale)), BATCH)
    near = f"{typed}&georel=near;maxDistance==1000&geometry=Point"
    return [
        Load("GET entity", [client.get(f"{one}{n}") for n in some(20_000)]),
        Load("page of 20 by type", [client.get(f"{typed}&offset={n % min(2000, count)}") for n in some(5000)]),
        Load("q page of 20", [client.get(f"{typed}&q=pm25%3E{n % 79}") for n in some(3000)]),
        Load(
            "near page of 20",
            [
                client.get(f"{near}&coordinates=%5B{133.9 + n % 200 / 1000},{34.2 + n % 190 / 1000}%5D")
                for n in some(3000)
            ],
        ),
        Load("create", [client.send("POST", ENTITIES, entity(n)) for n in creates], rows=1),
        Load(
            "PATCH attribute",
            [client.send("PATCH", f"{one}{n}/attrs/pm25", patch | {"value": i}) for i, n in enumerate(some(10_000))],
            rows=1,
        ),
        Load(
            f"batch upsert of {BATCH}",
            [upsert(range(first, first + BATCH)) for first in batches],
            rows=BATCH,
            connections=4,
        ),
    ]
