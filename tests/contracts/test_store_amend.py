"""What every adapter promises about writes to recorded history (kernel/store/port.py, GS CIM 009, 5.6.11 to 5.6.16)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from contract_town import create, drop, iri, make, patch, prop, put

from hiroba.kernel.model.entity import Instance
from hiroba.kernel.model.instants import parse_instant
from hiroba.kernel.query.tree import OrderBy, Path, ScopeIs, TemporalQuery, TypeIs
from hiroba.kernel.store.port import (
    SCOPE,
    EntityQuery,
    Evolution,
    HistoryAdd,
    HistoryCut,
    HistoryQuery,
    Store,
    TenantStore,
)

ID = "urn:ngsi-ld:Sensor:1"
SENSOR = TypeIs(iri("Sensor"))
TEMP = iri("temp")
ALL_TIME = TemporalQuery(None, None, None, "observedAt")
DAY = "2026-04-01T0{}:00:00Z"


def seen(value: Any, hour: int, number: int = 0, **members: Any) -> Instance:
    """Return a Property observed at an hour of the first of April."""
    return prop(value, observedAt=DAY.format(hour), instanceId=f"urn:x:{hour}-{number}", **members)


def hour(number: int) -> int:
    return parse_instant(DAY.format(number))


async def evolution(tenant: TenantStore, id: str = ID, **members: Any) -> Evolution | None:
    query = HistoryQuery(EntityQuery(ids=(id,)), ALL_TIME, **members)
    found, _, _ = await tenant.evolutions(query)
    return found[0] if found else None


async def values(tenant: TenantStore, name: str = TEMP, id: str = ID) -> list[Any]:
    found = await evolution(tenant, id)
    return [] if found is None else [one.get("value") for one in found.instances.get(name, [])]


class TestAdd:
    async def test_makes_an_entity_that_has_a_past_and_no_present(self, tenant: TenantStore) -> None:
        seq = await tenant.last_seq()
        edit = HistoryAdd(ID, {TEMP: [seen(2, 2), seen(1, 1)]}, (iri("Sensor"),), create=True)
        assert await tenant.amend([edit]) == ["created"]
        assert await values(tenant) == [1, 2]
        assert await tenant.get(ID) is None
        assert (await tenant.find(EntityQuery(types=SENSOR, count=True))).count == 0
        assert await tenant.last_seq() == seq
        assert await tenant.type_uses() == []
        found, _, _ = await tenant.evolutions(HistoryQuery(EntityQuery(types=SENSOR), ALL_TIME))
        assert [one.entity["id"] for one in found] == [ID]

    async def test_adds_to_what_was_recorded_and_leaves_the_present(self, tenant: TenantStore) -> None:
        entity = make(1, temp=seen(5, 5))
        await tenant.mutate([create(entity)])
        assert await tenant.amend([HistoryAdd(ID, {TEMP: [seen(3, 3)], iri("hum"): [seen(1, 1)]})]) == ["updated"]
        assert await values(tenant) == [3, 5]
        assert await values(tenant, iri("hum")) == [1]
        stored = await tenant.get(ID)
        assert stored is not None
        assert stored.entity == entity

    async def test_without_create_an_unknown_entity_stays_unknown(self, tenant: TenantStore) -> None:
        assert await tenant.amend([HistoryAdd(ID, {TEMP: [seen(1, 1)]}, (iri("Sensor"),))]) == [None]
        assert await evolution(tenant) is None

    async def test_keeps_the_order_of_what_counts_at_one_time(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(1, temp=prop(0)))])
        await tenant.amend([HistoryAdd(ID, {TEMP: [prop(n) for n in (1, 2, 3)]})])
        await tenant.amend([HistoryAdd(ID, {TEMP: [prop(4)]})])
        await tenant.mutate([patch(ID, temp=prop(9))])
        assert sorted(await values(tenant)) == [0, 1, 2, 3, 4, 9]
        assert [one for one in await values(tenant) if one in (1, 2, 3, 4)] == [1, 2, 3, 4]

    async def test_what_was_observed_at_one_time_is_one_instance(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(1, temp=seen(0, 1)))])
        await tenant.amend([HistoryAdd(ID, {TEMP: [seen(1, 1), seen(2, 2), seen(3, 2, datasetId="urn:d:a")]})])
        await tenant.amend([HistoryAdd(ID, {TEMP: [seen(4, 1), seen(5, 3)]})])
        # what the present once was stays; what was put in by this road is corrected
        assert await values(tenant) == [0, 4, 2, 3, 5]

    async def test_adds_types_to_one_that_is_gone(self, tenant: TenantStore) -> None:
        await tenant.amend([HistoryAdd(ID, {TEMP: [seen(1, 1)]}, (iri("Sensor"),), create=True)])
        both = (iri("Sensor"), iri("Gauge"))
        assert await tenant.amend([HistoryAdd(ID, {}, both, create=True)]) == ["updated"]
        found, _, _ = await tenant.evolutions(HistoryQuery(EntityQuery(types=TypeIs(iri("Gauge"))), ALL_TIME))
        assert [one.entity["type"] for one in found] == [list(both)]

    async def test_what_began_as_a_past_can_come_to_life(self, tenant: TenantStore) -> None:
        edit = HistoryAdd(ID, {TEMP: [seen(1, 1)]}, (iri("Sensor"),), create=True)
        other = make(2, temp=7)
        assert await tenant.amend([edit]) == ["created"]
        await tenant.mutate([create(other), create(make(1, temp=seen(2, 2)))])
        assert await values(tenant) == [1, 2]
        assert (await tenant.find(EntityQuery(types=SENSOR, count=True))).count == 2
        stored = await tenant.get(other["id"])
        assert stored is not None
        assert stored.entity == other

    async def test_writes_of_both_kinds_at_once_keep_apart(self, tenant: TenantStore) -> None:
        edits = [HistoryAdd(f"urn:x:{n}", {TEMP: [seen(n, 1)]}, (iri("Sensor"),), create=True) for n in range(20)]
        assert await tenant.amend(edits) == ["created"] * 20
        await tenant.mutate([put(make(n, temp=n)) for n in range(20)])
        await tenant.amend([HistoryAdd("urn:x:20", {TEMP: [seen(20, 1)]}, (iri("Sensor"),), create=True)])
        await tenant.mutate([put(make(20, temp=20))])
        for n in range(21):
            assert await values(tenant, id=f"urn:x:{n}") == [n]
            stored = await tenant.get(f"urn:ngsi-ld:Sensor:{n}")
            assert stored is not None
            assert stored.entity == make(n, temp=n)


class TestCut:
    async def test_one_instance_goes_or_is_exchanged(self, tenant: TenantStore) -> None:
        await tenant.amend([HistoryAdd(ID, {TEMP: [seen(n, n) for n in (1, 2, 3)]}, (iri("Sensor"),), create=True)])
        assert await tenant.amend([HistoryCut(ID, TEMP, instance_id="urn:x:2-0")]) == [1]
        assert await values(tenant) == [1, 3]
        other = prop(8, observedAt=DAY.format(9), createdAt="2027-01-01T00:00:00Z", instanceId="urn:x:other")
        assert await tenant.amend([HistoryCut(ID, TEMP, instance_id="urn:x:1-0", instead=other)]) == [1]
        assert await values(tenant) == [3, 8]
        found = await evolution(tenant)
        assert found is not None
        kept = found.instances[TEMP][-1]
        assert (kept["createdAt"], kept["instanceId"]) == (prop(0)["createdAt"], "urn:x:1-0")
        assert await tenant.amend([HistoryCut(ID, TEMP, instance_id="urn:x:2-0")]) == [0]
        assert await tenant.amend([HistoryCut(ID, iri("hum"), instance_id="urn:x:3-0")]) == [0]
        assert await values(tenant) == [3, 8]

    async def test_one_dataset_or_all_of_an_attribute(self, tenant: TenantStore) -> None:
        many = [seen(1, 1), seen(2, 2, datasetId="urn:d:a"), seen(3, 3, datasetId="urn:d:b")]
        await tenant.amend([HistoryAdd(ID, {TEMP: many, iri("hum"): [seen(1, 1)]}, (iri("Sensor"),), create=True)])
        assert await tenant.amend([HistoryCut(ID, TEMP)]) == [1]
        assert await values(tenant) == [2, 3]
        assert await tenant.amend([HistoryCut(ID, TEMP, dataset="urn:d:a")]) == [1]
        assert await tenant.amend([HistoryCut(ID, TEMP, dataset="urn:d:none")]) == [0]
        assert await values(tenant) == [3]
        assert await tenant.amend([HistoryCut(ID, TEMP, all_datasets=True)]) == [1]
        assert await values(tenant) == []
        assert await values(tenant, iri("hum")) == [1]

    async def test_the_whole_history_of_one_that_is_gone(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(1, temp=1)), drop(ID)])
        assert await tenant.amend([HistoryCut(ID)]) != [None]
        assert await evolution(tenant) is None
        assert await tenant.amend([HistoryCut(ID), HistoryAdd(ID, {TEMP: [seen(1, 1)]})]) == [None, None]
        changes = await tenant.changes(0, 10)
        assert [one.op for one in changes] == ["created", "deleted"]
        assert await tenant.amend([HistoryAdd(ID, {}, (iri("Sensor"),), create=True)]) == ["created"]

    async def test_the_whole_history_of_one_that_is_there(self, tenant: TenantStore) -> None:
        entity = make(1, temp=1)
        await tenant.mutate([create(entity)])
        assert await tenant.amend([HistoryCut(ID)]) == [1]
        assert await evolution(tenant) is None
        stored = await tenant.get(ID)
        assert stored is not None
        assert stored.entity == entity
        await tenant.mutate([patch(ID, temp=2)])
        assert await values(tenant) == [2]

    async def test_an_unknown_one(self, tenant: TenantStore) -> None:
        assert await tenant.amend([HistoryCut(ID), HistoryCut(ID, TEMP)]) == [None, None]


class TestScope:
    async def test_is_recorded_when_it_changes(self, tenant: TenantStore) -> None:
        await tenant.mutate([create(make(1, temp=seen(1, 1), scope=["/a"]))])
        await tenant.mutate([patch(ID, temp=seen(2, 2))])
        await tenant.mutate([put(make(1, temp=seen(3, 3), scope=["/a/b", "/c"]))])
        await tenant.mutate([put(make(1, temp=seen(4, 4)))])
        assert await values(tenant, SCOPE) == [["/a"], ["/a/b", "/c"], None]
        gone = HistoryQuery(EntityQuery(ids=(ID,)), TemporalQuery(None, None, None, "deletedAt"))
        found, _, _ = await tenant.evolutions(gone)
        assert [one.get("value") for one in found[0].instances[SCOPE]] == [None]

    async def test_holds_until_the_next_one(self, tenant: TenantStore) -> None:
        scopes = [seen(["/a"], 1), seen(["/b"], 3), {"type": "Property", "deletedAt": DAY.format(5)}]
        added = {TEMP: [seen(n, n) for n in range(7)], SCOPE: scopes}
        await tenant.amend([HistoryAdd(ID, added, (iri("Sensor"),), create=True)])
        for scope, expected in (("a", [1, 2]), ("b", [3, 4]), ("+", [1, 2, 3, 4]), ("c", [])):
            query = HistoryQuery(EntityQuery(types=SENSOR, scope=ScopeIs((scope,))), ALL_TIME)
            found, _, _ = await tenant.evolutions(query)
            told = [one["value"] for one in found[0].instances[TEMP]] if found else []
            assert told == expected, scope
        window = TemporalQuery("between", hour(2), hour(3), "observedAt")
        found, _, _ = await tenant.evolutions(HistoryQuery(EntityQuery(ids=(ID,)), window))
        assert [one["value"] for one in found[0].instances[SCOPE]] == [["/a"]]


async def test_only_the_datasets_asked_for(tenant: TenantStore) -> None:
    many = [seen(1, 1), seen(2, 2, datasetId="urn:d:a"), seen(3, 3, datasetId="urn:d:b")]
    await tenant.amend([HistoryAdd(ID, {TEMP: many}, (iri("Sensor"),), create=True)])
    for datasets, expected in (
        (["@none"], [1]),
        (["urn:d:a"], [2]),
        (["@none", "urn:d:b"], [1, 3]),
        (["urn:d:unknown"], None),
    ):
        found = await evolution(tenant, datasets=frozenset(datasets))
        told = None if found is None else [one["value"] for one in found.instances[TEMP]]
        assert told == expected, datasets


async def test_in_the_order_of_ids(tenant: TenantStore) -> None:
    names = ["urn:x:b", "urn:x:c", "urn:x:a"]
    await tenant.amend([HistoryAdd(id, {TEMP: [seen(1, 1)]}, (iri("Sensor"),), create=True) for id in names])
    for query in (EntityQuery(types=SENSOR), EntityQuery(), EntityQuery(ids=tuple(names))):
        for descending in (False, True):
            ordered = replace(query, order=(OrderBy(Path("id"), descending),), limit=2)
            found, _, more = await tenant.evolutions(HistoryQuery(ordered, ALL_TIME))
            expected = sorted(names, reverse=descending)[:2]
            assert ([one.entity["id"] for one in found], more) == (expected, True)


async def test_an_attribute_that_was_cut_is_named(tenant: TenantStore) -> None:
    added = {TEMP: [seen(n, n) for n in range(3)], iri("hum"): [seen(9, 9)]}
    await tenant.amend([HistoryAdd(ID, added, (iri("Sensor"),), create=True)])
    found = await evolution(tenant, limit=2)
    assert found is not None
    assert (len(found.instances[TEMP]), found.instances[iri("hum")]) == (2, [])
    assert found.truncated == (hour(0), hour(1))


async def test_tenants_keep_their_histories_apart(store: Store) -> None:
    one, other = await store.tenant("one", create=True), await store.tenant("other", create=True)
    await one.amend([HistoryAdd(ID, {TEMP: [seen(1, 1)]}, (iri("Sensor"),), create=True)])
    assert await values(one) == [1]
    assert await values(other) == []
    assert await other.amend([HistoryCut(ID)]) == [None]
