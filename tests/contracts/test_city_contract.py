"""One contract for both cities: in the same process, and over HTTP to a real server."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hiroba.sdk import Area, Changed, City, RemoteCity, errors
from hiroba.sdk.testing import city_in_memory

TENANTS = itertools.count(1)
ID = "urn:ngsi-ld:RiverGauge:"


@pytest.fixture(params=["local", "remote"])
async def city(request: pytest.FixtureRequest) -> AsyncIterator[City]:
    if request.param == "local":
        async with city_in_memory() as host:
            yield host.city(f"街{next(TENANTS)}")
    else:
        server = request.getfixturevalue("server")
        async with RemoteCity(server.url, f"街{next(TENANTS)}") as remote:
            yield remote


def gauge(number: int, level: float = 1.0, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{ID}{number}",
        "type": "RiverGauge",
        "waterLevel": {"type": "Property", "value": level, "unitCode": "MTR"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134 + number / 100, 34.3]}},
        "name": {"type": "Property", "value": f"水位計{number}"},
        **more,
    }


async def test_nothing_is_there_before_the_first_write(city: City) -> None:
    assert await city.entity(ID + "1") is None
    assert (await city.entities(types="RiverGauge", count=True)).count == 0
    assert await city.types() == {}
    assert await city.last_seq() == 0
    assert await city.history(ID + "1") is None
    assert list((await city.delete([ID + "1"])).refused) == [ID + "1"]
    updated = await city.write([gauge(1)], mode="update")
    assert list(updated.refused) == [ID + "1"]


async def test_what_is_written_is_read(city: City) -> None:
    written = await city.write([gauge(1), gauge(2)])
    assert (written.created, written.updated, written.refused) == ([ID + "1", ID + "2"], [], {})
    assert await city.entity(ID + "1") == gauge(1)
    plain = await city.entity(ID + "1", simplified=True)
    assert plain is not None
    assert plain["name"] == "水位計1"
    shown = await city.entity(ID + "1", sys_attrs=True)
    assert shown is not None
    assert "modifiedAt" in shown["waterLevel"]
    assert await city.types() == {"RiverGauge": 2}


async def test_queries(city: City) -> None:
    await city.write([gauge(n, n) for n in range(1, 6)])
    page = await city.entities(
        types="RiverGauge", q='name~="水位計";waterLevel>2', limit=2, count=True, simplified=True
    )
    assert page.count == 3
    assert [one["waterLevel"] for one in page.entities] == [3, 4]
    rest = await city.entities(types="RiverGauge", q="waterLevel>2", limit=2, offset=2, simplified=True)
    assert [one["waterLevel"] for one in rest.entities] == [5]
    boxed = await city.entities(types="RiverGauge", area=Area.box(134.005, 34, 134.025, 35), pick=("id", "name"))
    assert [set(one) for one in boxed.entities] == [{"id", "name"}] * 2
    near = Area("near;maxDistance==500", {"type": "Point", "coordinates": [134.03, 34.3]})
    assert [one["id"] for one in (await city.entities(types="RiverGauge", area=near)).entities] == [ID + "3"]
    assert len((await city.entities()).entities) == 5
    assert [one["id"] for one in (await city.entities(ids=[ID + "4", ID + "9"])).entities] == [ID + "4"]
    assert (await city.entities(ids=[])).entities == []
    assert len((await city.entities(id_pattern="Gauge:[12]$")).entities) == 2
    ordered = await city.entities(types="RiverGauge", order="waterLevel;desc", simplified=True)
    assert [one["waterLevel"] for one in ordered.entities] == [5, 4, 3, 2, 1]
    assert len((await city.entities(attrs=["nothing"])).entities) == 0


async def test_errors_have_the_same_names(city: City) -> None:
    await city.write([gauge(1)])
    with pytest.raises(errors.CityError) as bad:
        await city.entities(q="waterLevel>>")
    assert bad.value.status == 400
    with pytest.raises(errors.ResourceNotFound):
        await city.delete_attribute(ID + "1", "nothing")
    unnamed = await city.write([gauge(2)], context="http://127.0.0.1:9/nowhere.jsonld")
    assert unnamed.refused[ID + "2"].startswith("@context not available: ")
    assert await city.entity(ID + "2") is None
    with pytest.raises(errors.LdContextNotAvailable):
        await city.entities(types="T", context="http://127.0.0.1:9/nowhere.jsonld")


async def test_modes(city: City) -> None:
    await city.write([gauge(1)])
    part = {"id": ID + "1", "type": "RiverGauge", "waterLevel": {"type": "Property", "value": 7}}
    again = await city.write([gauge(1), gauge(2)], mode="create")
    assert "Already exists" in again.refused[ID + "1"]
    assert await city.entity(ID + "2") is not None
    assert (await city.write([part])).updated == [ID + "1"]
    kept = await city.entity(ID + "1", simplified=True)
    assert kept is not None
    assert (kept["waterLevel"], kept["name"]) == (7, "水位計1")
    await city.write([part], mode="replace")
    assert "name" not in (await city.entity(ID + "1") or {})
    null = {"id": ID + "2", "type": "RiverGauge", "name": "urn:ngsi-ld:null"}
    assert (await city.write([null], mode="merge")).refused == {}
    assert "name" not in (await city.entity(ID + "2") or {})
    await city.delete_attribute(ID + "2", "waterLevel")
    assert "waterLevel" not in (await city.entity(ID + "2") or {})


async def test_each_entity_stands_or_falls_alone(city: City) -> None:
    bad = gauge(2, location={"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1000, 0]}})
    written = await city.write([gauge(1), bad, gauge(3)])
    assert sorted([*written.created, *written.updated]) == [ID + "1", ID + "3"]
    assert list(written.refused) == [ID + "2"]
    assert (await city.entities(count=True, limit=1)).count == 2


async def test_one_id_twice_is_written_in_order(city: City) -> None:
    await city.write([gauge(1, 1), gauge(2, 1), gauge(1, 2), gauge(1, 3)])
    final = await city.entity(ID + "1", simplified=True)
    assert final is not None
    assert final["waterLevel"] == 3


async def test_a_context_names_things(city: City) -> None:
    context = {"水位": "https://example.org/level", "River": "https://example.org/River"}
    entity = {"id": ID + "1", "type": "River", "水位": {"type": "Property", "value": 1}}
    assert (await city.write([{**entity, "@context": context}])).created == [ID + "1"]
    found = await city.entity(ID + "1", simplified=True)
    assert found is not None
    assert found["https://example.org/level"] == 1
    assert (await city.write([entity], context=context)).updated == [ID + "1"]


async def test_history(city: City) -> None:
    for hour in range(4):
        at = {"observedAt": f"2026-04-01T0{hour}:00:00.000Z"}
        await city.write([gauge(1, waterLevel={"type": "Property", "value": hour, **at})])
    whole = await city.history(ID + "1", attrs=["waterLevel"])
    assert whole is not None
    assert [one["value"] for one in whole["waterLevel"]] == [0, 1, 2, 3]
    part = await city.history(
        ID + "1", attrs=["waterLevel"], start="2026-04-01T01:00:00Z", end="2026-04-01T03:00:00Z", last=1
    )
    assert part is not None
    only = part["waterLevel"]
    assert (only[0] if isinstance(only, list) else only)["value"] == 2
    told = await city.history(ID + "1", attrs=["waterLevel"], aggregate=["avg"], period="PT2H")
    assert told is not None
    assert [value for value, *_ in told["waterLevel"]["avg"]] == [0.5, 2.5]


async def test_cells(city: City) -> None:
    await city.write([gauge(1), gauge(2), gauge(60)])
    cells = await city.cells("RiverGauge", box=(133, 33, 136, 36), size=(0.5, 0.5))
    by_count = {cell.count: cell for cell in cells}
    assert by_count[2].entity is None
    assert by_count[2].lon == pytest.approx(134.015, abs=1e-4)
    single = by_count[1].entity
    assert single is not None
    assert set(single) == {"id", "type", "name"}


async def test_changes(city: City) -> None:
    seen: list[Changed] = []

    async def follow(**options: Any) -> None:
        async for change in city.changes(**options):
            seen.append(change)
            if change.id == "urn:end:1":
                return

    async with asyncio.timeout(60):
        waiting = asyncio.create_task(follow(types=["RiverGauge"]))
        await asyncio.sleep(0.1)
        await city.write([gauge(1)])
        await city.write([{"id": "urn:o:1", "type": "Other"}])
        await city.write([{"id": ID + "1", "type": "RiverGauge", "name": "新"}])
        await city.write([{"id": ID + "1", "type": "RiverGauge", "name": "新"}])
        await city.delete([ID + "1"])
        await city.write([{"id": "urn:end:1", "type": "RiverGauge"}])
        await waiting
        assert [(one.op, one.id) for one in seen] == [
            ("created", ID + "1"), ("updated", ID + "1"), ("deleted", ID + "1"), ("created", "urn:end:1"),
        ]  # fmt: skip
        assert seen[1].attrs == {"name": {"type": "Property", "value": "新"}}
        assert seen[1].types == ("RiverGauge",)
        assert seen[0].attrs["waterLevel"] == {"type": "Property", "value": 1.0, "unitCode": "MTR"}
        last = seen[-1].seq
        assert await city.last_seq() == last
        first, seen[:] = seen[0].seq, []
        await follow(after=first)
        assert [one.op for one in seen] == ["created", "updated", "deleted", "created"]
        assert seen[0].id == "urn:o:1"


async def test_what_is_passed_over_is_told_of(city: City) -> None:
    await city.write([gauge(1)])
    await city.write([{"id": f"urn:o:{n}", "type": "Other"} for n in range(3)])
    last = await city.last_seq()
    seen: list[tuple[str, int]] = []
    async with asyncio.timeout(60):
        async for change in city.changes(after=0, types=["RiverGauge"], passed=True):
            seen.append((change.op, change.seq))
            if change.seq == last:
                break
    told = [one for one in seen if one[0] != "passed"]
    assert [op for op, _ in told] == ["created"]
    assert seen[-1] == ("passed", last)
