"""The city in process: the broker's rules with the sdk's words."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hiroba.host.lending import LentHost
from hiroba.host.memory import memory_broker
from hiroba.sdk import Area, Changed, City, errors
from hiroba.sdk.testing import city_in_memory


@pytest.fixture
async def city() -> AsyncIterator[City]:
    async with city_in_memory() as host:
        yield host.city()


def gauge(number: int, level: float = 1.0, **more: Any) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:RiverGauge:{number}",
        "type": "RiverGauge",
        "waterLevel": {"type": "Property", "value": level, "unitCode": "MTR"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134 + number / 100, 34.3]}},
        "name": {"type": "Property", "value": f"水位計{number}"},
        **more,
    }


async def test_written_entities_come_back(city: City) -> None:
    written = await city.write([gauge(1), gauge(2)])
    assert (len(written.created), written.updated, written.refused) == (2, [], {})
    assert await city.entity("urn:ngsi-ld:RiverGauge:1") == gauge(1)
    plain = await city.entity("urn:ngsi-ld:RiverGauge:1", simplified=True)
    assert plain is not None
    assert plain["waterLevel"] == 1.0
    assert plain["name"] == "水位計1"
    assert "createdAt" in (await city.entity("urn:ngsi-ld:RiverGauge:1", sys_attrs=True) or {})
    assert await city.entity("urn:ngsi-ld:RiverGauge:9") is None


async def test_queries(city: City) -> None:
    await city.write([gauge(n, n) for n in range(1, 6)])
    answer = await city.entities(types="RiverGauge", q="waterLevel>2", limit=2, count=True, simplified=True)
    assert answer.count == 3
    assert [entity["waterLevel"] for entity in answer.entities] == [3, 4]
    box = Area.box(134.005, 34, 134.025, 35)
    near = await city.entities(types="RiverGauge", area=box, pick=("id", "name"))
    assert [set(entity) for entity in near.entities] == [{"id", "name"}] * 2
    assert len((await city.entities()).entities) == 5
    assert len((await city.entities(ids=["urn:ngsi-ld:RiverGauge:3"])).entities) == 1
    assert [e["waterLevel"] for e in (await city.entities(order="waterLevel;desc", simplified=True)).entities] == [
        5, 4, 3, 2, 1,
    ]  # fmt: skip
    with pytest.raises(errors.CityError) as bad:
        await city.entities(q="waterLevel>>")
    assert bad.value.status == 400


async def test_modes(city: City) -> None:
    await city.write([gauge(1)])
    again = await city.write([gauge(1), gauge(2)], mode="create")
    assert again.created == ["urn:ngsi-ld:RiverGauge:2"]
    assert "Already exists" in again.refused["urn:ngsi-ld:RiverGauge:1"]
    part = {"id": "urn:ngsi-ld:RiverGauge:1", "type": "RiverGauge", "waterLevel": {"type": "Property", "value": 7}}
    await city.write([part])
    kept = await city.entity("urn:ngsi-ld:RiverGauge:1", simplified=True)
    assert kept is not None
    assert (kept["waterLevel"], kept["name"]) == (7, "水位計1")
    await city.write([part], mode="replace")
    assert "name" not in (await city.entity("urn:ngsi-ld:RiverGauge:1") or {})
    missing = await city.write([{"id": "urn:ngsi-ld:RiverGauge:77", "type": "RiverGauge", "x": 1}], mode="update")
    assert list(missing.refused) == ["urn:ngsi-ld:RiverGauge:77"]
    null = {"id": "urn:ngsi-ld:RiverGauge:2", "type": "RiverGauge", "name": "urn:ngsi-ld:null"}
    assert (await city.write([null], mode="merge")).refused == {}
    assert "name" not in (await city.entity("urn:ngsi-ld:RiverGauge:2") or {})


async def test_a_bad_entity_is_refused_and_the_others_are_written(city: City) -> None:
    bad = gauge(2, location={"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1000, 0]}})
    written = await city.write([gauge(1), bad, gauge(3)])
    assert len(written.created) == 2
    assert "coordinates" in written.refused["urn:ngsi-ld:RiverGauge:2"]
    assert await city.entity("urn:ngsi-ld:RiverGauge:2") is None


async def test_one_id_twice_in_a_write_is_written_in_order(city: City) -> None:
    await city.write([gauge(1, 1), gauge(1, 2), gauge(1, 3)])
    final = await city.entity("urn:ngsi-ld:RiverGauge:1", simplified=True)
    assert final is not None
    assert final["waterLevel"] == 3


async def test_deleting(city: City) -> None:
    await city.write([gauge(1)])
    deleted = await city.delete(["urn:ngsi-ld:RiverGauge:1", "urn:ngsi-ld:RiverGauge:9"])
    assert deleted.updated == ["urn:ngsi-ld:RiverGauge:1"]
    assert list(deleted.refused) == ["urn:ngsi-ld:RiverGauge:9"]
    await city.write([gauge(1)])
    await city.delete_attribute("urn:ngsi-ld:RiverGauge:1", "name")
    assert "name" not in (await city.entity("urn:ngsi-ld:RiverGauge:1") or {})
    with pytest.raises(errors.ResourceNotFound):
        await city.delete_attribute("urn:ngsi-ld:RiverGauge:1", "name")


async def test_types_and_cells(city: City) -> None:
    await city.write([gauge(1), gauge(2), gauge(60)])
    assert await city.types() == {"RiverGauge": 3}
    cells = await city.cells("RiverGauge", box=(133, 33, 136, 36), size=(0.5, 0.5), attrs=("name",))
    by_count = {cell.count: cell for cell in cells}
    assert by_count[2].entity is None
    single = by_count[1].entity
    assert single is not None
    assert set(single) == {"id", "type", "name"}
    assert by_count[1].lon == pytest.approx(134.6, abs=1e-4)


async def test_a_tenant_that_is_not_there_yet_is_empty_and_comes_with_the_first_write() -> None:
    async with city_in_memory() as host:
        north = host.city("北")
        assert await north.entity("urn:ngsi-ld:RiverGauge:1") is None
        assert (await north.entities(types="RiverGauge", count=True)).count == 0
        assert await north.types() == {}
        assert await north.last_seq() == 0
        assert await north.cells("RiverGauge", box=(0, 0, 1, 1), size=(1, 1)) == []
        assert list((await north.delete(["urn:x:1"])).refused) == ["urn:x:1"]
        assert await host.tenants() == [""]
        await north.write([gauge(1)])
        assert await host.tenants() == ["", "北"]


async def test_changes_from_the_beginning_from_now_and_by_type(city: City) -> None:
    await city.write([gauge(1)])
    seen: list[Changed] = []

    async def follow(**options: Any) -> None:
        async for change in city.changes(**options):
            seen.append(change)
            if change.id == "urn:end":
                return

    async with asyncio.timeout(10):
        await city.write([{"id": "urn:o:1", "type": "Other"}])
        await city.write([{"id": "urn:ngsi-ld:RiverGauge:1", "type": "RiverGauge", "name": "新"}])
        await city.write([{"id": "urn:ngsi-ld:RiverGauge:1", "type": "RiverGauge", "name": "新"}])
        await city.delete(["urn:ngsi-ld:RiverGauge:1"])
        await city.write([{"id": "urn:end", "type": "RiverGauge"}])
        await follow(after=0, types=["RiverGauge"])
        assert [(c.op, c.id) for c in seen] == [
            ("created", "urn:ngsi-ld:RiverGauge:1"),
            ("updated", "urn:ngsi-ld:RiverGauge:1"),
            ("deleted", "urn:ngsi-ld:RiverGauge:1"),
            ("created", "urn:end"),
        ]
        assert seen[1].attrs == {"name": {"type": "Property", "value": "新"}}
        assert seen[1].types == ("RiverGauge",)
        assert [c.seq for c in seen] == sorted({c.seq for c in seen})
        seen.clear()
        waiting = asyncio.create_task(follow())
        await asyncio.sleep(0.05)
        await city.delete(["urn:end"])
        await waiting
        assert [c.op for c in seen] == ["deleted"]


async def test_history_and_aggregates(city: City) -> None:
    for hour in range(4):
        at = {"observedAt": f"2026-04-01T0{hour}:00:00.000Z"}
        await city.write([gauge(1, waterLevel={"type": "Property", "value": hour, **at})])
    id = "urn:ngsi-ld:RiverGauge:1"
    whole = await city.history(id, attrs=["waterLevel"])
    assert whole is not None
    assert [one["value"] for one in whole["waterLevel"]] == [0, 1, 2, 3]
    assert "name" not in whole
    part = await city.history(id, attrs=["waterLevel"], start="2026-04-01T01:00:00Z", end="2026-04-01T03:00:00Z")
    assert part is not None
    assert [one["value"] for one in part["waterLevel"]] == [1, 2]
    last = await city.history(id, attrs=["waterLevel"], last=1)
    assert last is not None
    assert [one["value"] for one in last["waterLevel"]] == [3]
    told = await city.history(id, attrs=["waterLevel"], aggregate=["avg", "max"], period="PT2H")
    assert told is not None
    assert [value for value, *_ in told["waterLevel"]["avg"]] == [0.5, 2.5]
    assert [value for value, *_ in told["waterLevel"]["max"]] == [1, 3]
    assert await city.history("urn:ngsi-ld:RiverGauge:9") is None
    with pytest.raises(errors.BadRequestData, match="timeAt"):
        await city.history(id, start="yesterday")


async def test_a_guest_writes_only_what_its_manifest_names() -> None:
    async with memory_broker() as broker:
        host = LentHost(broker, ("Alert",))
        await LentHost(broker, ("*",)).city().write([gauge(1)])
        bounded = host.city()
        alert = {"id": "urn:ngsi-ld:Alert:1", "type": "Alert"}
        written = await bounded.write([alert, gauge(2), {"id": "urn:x", "type": ["Alert", "Other"]}])
        assert written.created == ["urn:ngsi-ld:Alert:1"]
        assert set(written.refused) == {"urn:ngsi-ld:RiverGauge:2", "urn:x"}
        deleted = await bounded.delete(["urn:ngsi-ld:RiverGauge:1", "urn:ngsi-ld:Alert:1"])
        assert deleted.updated == ["urn:ngsi-ld:Alert:1"]
        assert set(deleted.refused) == {"urn:ngsi-ld:RiverGauge:1"}
        assert await bounded.entity("urn:ngsi-ld:RiverGauge:1") is not None


async def test_cursors_are_kept() -> None:
    async with memory_broker() as broker:
        host = LentHost(broker, ())
        assert await host.cursor("", "app:x:y") is None
        await host.keep_cursor("", "app:x:y", 0)
        assert await LentHost(broker, ()).cursor("", "app:x:y") == 0
        await host.keep_cursor("", "app:x:y", 7)
        assert await host.cursor("", "app:x:y") == 7
        assert await host.cursor("nowhere", "app:x:y") is None
