"""Several processes on one database: each sees what any has written, and hears of all changes once and in order."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence

import pytest
from contract_town import create, drop, iri, make, patch, point

from hiroba.kernel.model.errors import HirobaError, NonexistentTenant
from hiroba.kernel.query.tree import Compare, Exists, GeoQuery, Path, TemporalQuery, TypeIs
from hiroba.kernel.store.port import Change, EntityQuery, HistoryQuery, TenantStore
from hiroba.kernel.store.postgres import PostgresStore
from hiroba.kernel.subscriptions.feed import watch_changes
from postgres_cluster import Cluster

NUMBERS = itertools.count()
ID = "urn:ngsi-ld:Sensor:1"


@pytest.fixture
async def pair(postgres: Cluster) -> AsyncIterator[tuple[PostgresStore, PostgresStore]]:
    """Give two stores on one database, as two processes have them: nothing is shared but the database."""
    address = postgres.make(f"pair{next(NUMBERS)}")
    stores = PostgresStore(address), PostgresStore(address)
    for store in stores:
        await store.open()
    yield stores
    for store in stores:
        await store.close()


@pytest.fixture
async def both(pair: tuple[PostgresStore, PostgresStore]) -> tuple[TenantStore, TenantStore]:
    """Give the default tenant as each of the two has it."""
    return await pair[0].tenant(""), await pair[1].tenant("")


async def eventually(told: Sequence[object], length: int) -> None:
    async with asyncio.timeout(10):
        while len(told) < length:
            await asyncio.sleep(0.01)


async def test_each_reads_at_once_what_the_other_wrote(both: tuple[TenantStore, TenantStore]) -> None:
    one, other = both
    for n in range(30):
        writer, reader = (one, other) if n % 2 else (other, one)
        names = {f"new{n}": n, "v": n, "location": point(n / 10, 0)}
        if n:
            await writer.mutate([patch(ID, **names)])
        else:
            await writer.mutate([create(make(1, **names))])
        stored = await reader.get(ID)
        assert stored is not None
        assert stored.entity["attrs"][iri("v")][0]["value"] == n
        # a name that the reader has never heard of
        for query in (
            EntityQuery(q=Exists(Path(iri(f"new{n}")))),
            EntityQuery(attrs=(iri(f"new{n}"),), count=True),
            EntityQuery(q=Compare(Path(iri("v")), "==", (n,))),
            EntityQuery(types=TypeIs(iri("Sensor")), count=True),
            EntityQuery(geo=GeoQuery("near", "Point", (n / 10, 0), iri("location"), max_distance=10)),
        ):
            page = await reader.find(query)
            assert [one.version for one in page.rows] == [stored.version], query
        assert iri(f"new{n}") in {use.attribute for use in await reader.attribute_uses()}
        assert [change.seq for change in await reader.changes(n, 10)] == [n + 1]
        assert await reader.last_seq() == n + 1
        chosen = HistoryQuery(EntityQuery(ids=(ID,)), TemporalQuery(None, None, None), attrs=(iri(f"new{n}"),))
        (evolution,), _, _ = await reader.evolutions(chosen)
        assert len(evolution.instances[iri(f"new{n}")]) == 1
    await one.mutate([drop(ID)])
    assert await other.get(ID) is None
    assert (await other.find(EntityQuery(count=True))).count == 0
    assert await other.type_uses() == []


async def test_writes_of_both_to_one_entity_all_count(both: tuple[TenantStore, TenantStore]) -> None:
    one, other = both
    await one.mutate([create(make(1, v=0))])

    async def add(tenant: TenantStore, name: str) -> None:
        for n in range(40):
            answers = await tenant.mutate([patch(ID, **{f"{name}{n}": n})])
            assert not isinstance(answers[0], HirobaError)

    await asyncio.gather(*(add(tenant, name) for tenant in both for name in (f"a{id(tenant)}-", f"b{id(tenant)}-")))
    stored = await other.get(ID)
    assert stored is not None
    assert len(stored.entity["attrs"]) == 161
    log = await one.changes(0, 1000)
    assert [change.seq for change in log] == list(range(1, 162))
    # each saw what the one before had left
    seen: set[str] = set()
    for change in log:
        seen |= {part.attribute for part in change.changes}
    assert seen == set(stored.entity["attrs"])
    assert len({use.attribute for use in await one.attribute_uses()}) == 161


async def test_what_both_create_is_created_once(both: tuple[TenantStore, TenantStore]) -> None:
    answers = await asyncio.gather(*(tenant.mutate([create(make(n))]) for n in range(30) for tenant in both))
    assert sum(answer == ["created"] for answer in answers) == 30
    page = await both[0].find(EntityQuery(limit=100, count=True))
    assert (page.count, len({row.ref for row in page.rows})) == (30, 30)


async def test_both_hear_of_all_changes_once_and_in_order(both: tuple[TenantStore, TenantStore]) -> None:
    heard: tuple[list[Change], list[Change]] = ([], [])
    for tenant, told in zip(both, heard, strict=True):
        tenant.listen(told.extend)

    async def write(tenant: TenantStore, name: str) -> None:
        for n in range(60):
            await tenant.mutate([create(make(f"{name}{n}", v=n))])
            if n % 7 == 0:
                await asyncio.sleep(0.005)

    await asyncio.gather(write(both[0], "a"), write(both[1], "b"))
    for told in heard:
        await eventually(told, 120)
        assert [change.seq for change in told] == list(range(1, 121))
    assert [(c.id, c.op, c.changes) for c in heard[0]] == [(c.id, c.op, c.changes) for c in heard[1]]


async def test_a_feed_has_no_gap_and_no_double(both: tuple[TenantStore, TenantStore]) -> None:
    seen: list[int] = []

    async def follow() -> None:
        async for change in watch_changes(both[0], 0):
            seen.append(change.seq)

    await both[1].mutate([create(make(n)) for n in range(20)])
    following = asyncio.create_task(follow())
    for n in range(20, 60):
        await both[n % 2].mutate([create(make(n))])
    await eventually(seen, 60)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert seen == list(range(1, 61))


async def test_changes_are_found_although_nobody_says_so(
    both: tuple[TenantStore, TenantStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hiroba.kernel.store.postgres.telling.Wire.tell", lambda *_: None)
    told: list[Change] = []
    both[0].listen(told.extend)
    await both[1].mutate([create(make(1))])
    await eventually(told, 1)


async def test_expiry_written_by_one_holds_for_the_other(both: tuple[TenantStore, TenantStore]) -> None:
    one, other = both
    await one.mutate([create(make(1, v=1)), create(make(2, v=1))])
    assert await other.get(ID) is not None
    await one.mutate([drop(ID), create(make(1, v=1, expiresAt="2020-01-01T00:00:00Z"))])
    assert await other.get(ID) is None
    assert (await other.find(EntityQuery(types=TypeIs(iri("Sensor")), count=True))).count == 1
    assert await other.sweep() == 1
    assert await one.sweep() == 0


async def test_tenants_made_and_dropped_by_the_other(pair: tuple[PostgresStore, PostgresStore]) -> None:
    one, other = pair
    await (await one.tenant("街", create=True)).mutate([create(make(1, v=1))])
    assert await other.tenants() == ["", "街"]
    held = await other.tenant("街")
    assert await held.get(ID) is not None
    await one.drop_tenant("街")
    with pytest.raises(NonexistentTenant):
        await held.mutate([create(make(2))])
    with pytest.raises(NonexistentTenant):
        await other.tenant("街")
    again = await other.tenant("街", create=True)
    assert await again.get(ID) is None
    await again.mutate([create(make(1, w=1))])
    stored = await (await one.tenant("街")).get(ID)
    assert stored is not None
    assert list(stored.entity["attrs"]) == [iri("w")]


async def test_cursors_and_records_are_the_same_for_both(pair: tuple[PostgresStore, PostgresStore]) -> None:
    one, other = [await store.tenant("") for store in pair]
    await one.keep_cursor("reader", 3)
    await one.keep_record("subscription", "a", {"n": 1})
    assert await other.record("subscription", "a") == {"n": 1}
    assert await other.cursor("reader") == 3
