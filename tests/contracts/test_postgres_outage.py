"""When PostgreSQL goes away, writes are answered with StoreUnavailable, and resume by themselves when it is back."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from contract_town import create, iri, make, patch

from hiroba.kernel.model.errors import StoreUnavailable, TooComplexQuery
from hiroba.kernel.query import parse_q
from hiroba.kernel.query.tree import TypeIs
from hiroba.kernel.store.port import Change, EntityQuery
from hiroba.kernel.store.postgres import PostgresStore, writer
from hiroba.kernel.store.postgres import store as stores
from postgres_cluster import Cluster

NUMBERS = itertools.count()
SENSOR = TypeIs(iri("Sensor"))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Run a PostgreSQL of this module's own, which is stopped and started."""
    made = Cluster()
    yield made
    made.remove()


@pytest.fixture
async def store(cluster: Cluster) -> AsyncIterator[PostgresStore]:
    """Give a store in a database of the test's own."""
    made = PostgresStore(cluster.make(f"outage{next(NUMBERS)}"))
    await made.open()
    yield made
    await made.close()


@pytest.mark.parametrize("how", ["fast", "immediate"])
async def test_writing_resumes_when_the_server_is_back(store: PostgresStore, cluster: Cluster, how: str) -> None:
    tenant = await store.tenant("")
    told: list[Change] = []
    tenant.listen(told.extend)
    done: list[int] = []
    refused: list[int] = []
    going = True

    async def write(writer: int) -> None:
        n = writer
        while going:
            try:
                await tenant.mutate([create(make(n, v=0)), patch(f"urn:ngsi-ld:Sensor:{n}", v=1)])
            except StoreUnavailable:
                refused.append(n)
                await asyncio.sleep(0.02)
            else:
                done.append(n)
            n += 10

    writers = [asyncio.create_task(write(number)) for number in range(10)]
    await asyncio.sleep(0.5)
    await asyncio.to_thread(cluster.stop, how)
    before = len(done)
    assert before
    with pytest.raises(StoreUnavailable, match="PostgreSQL"):
        await store.check()
    with pytest.raises(StoreUnavailable, match="PostgreSQL"):
        await tenant.get("urn:ngsi-ld:Sensor:0")
    with pytest.raises(StoreUnavailable):
        await tenant.find(EntityQuery(types=SENSOR))
    await asyncio.to_thread(cluster.start)
    async with asyncio.timeout(20):
        while len(done) < before + 50:
            await asyncio.sleep(0.05)
    going = False
    await asyncio.gather(*writers)
    await store.check()
    assert refused
    for n in done:
        stored = await tenant.get(f"urn:ngsi-ld:Sensor:{n}")
        assert stored is not None
        assert stored.entity["attrs"][iri("v")][0]["value"] == 1
    log = await tenant.changes(0, 1_000_000)
    assert [change.seq for change in log] == list(range(1, len(log) + 1))
    # both halves of a write, or neither
    assert [change.op for change in log] == ["created", "updated"] * (len(log) // 2)
    page = await tenant.find(EntityQuery(types=SENSOR, limit=100_000, count=True))
    assert (page.count, len(page.rows)) == (len(log) // 2, len(log) // 2)
    assert {int(row.entity["id"].rpartition(":")[2]) for row in page.rows} >= set(done)
    # whoever listens has missed nothing of it
    async with asyncio.timeout(10):
        while len(told) < len(log):
            await asyncio.sleep(0.02)
    assert [change.seq for change in told] == list(range(1, len(log) + 1))


class Cut:
    """A connection whose answer to COMMIT gets lost, before or after the server has heard of it."""

    def __init__(self, db: Any, cluster: Cluster, *, after: bool) -> None:
        self._db, self._cluster, self._after = db, cluster, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def execute(self, sql: str, *values: object) -> Any:
        if sql != "COMMIT":
            return await self._db.execute(sql, *values)
        if self._after:
            await self._db.execute(sql)
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'town'"
        await asyncio.to_thread(self._cluster.sql, "postgres", kill)
        return await self._db.execute("SELECT 1")


@pytest.mark.parametrize("after", [True, False])
async def test_a_commit_whose_answer_got_lost_is_told_as_what_it_was(
    store: PostgresStore, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    tenant = await store.tenant("")
    told: list[Change] = []
    tenant.listen(told.extend)
    await tenant.mutate([create(make(1, v=0))])
    real = writer.Writer._commit

    async def commit(self: Any, db: Any, jobs: Any, transaction: Any) -> None:
        await real(self, Cut(db, cluster, after=after), jobs, transaction)

    with monkeypatch.context() as patched:
        patched.setattr(writer.Writer, "_commit", commit)
        writing = tenant.mutate([patch("urn:ngsi-ld:Sensor:1", v=1)])
        if after:
            assert len(await writing) == 1
        else:
            with pytest.raises(StoreUnavailable):
                await writing
    stored = await tenant.get("urn:ngsi-ld:Sensor:1")
    assert stored is not None
    assert stored.entity["attrs"][iri("v")][0]["value"] == int(after)
    await tenant.mutate([patch("urn:ngsi-ld:Sensor:1", v=2)])
    assert [change.seq for change in told] == list(range(1, 3 + after))
    assert [change.seq for change in await tenant.changes(0, 10)] == list(range(1, 3 + after))


async def test_a_process_that_stopped_in_its_transaction_holds_nobody_for_ever(
    store: PostgresStore, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "LOCK_SECONDS", 1)
    other = PostgresStore(store.address)
    await other.open()
    try:
        tenant = await other.tenant("")
        await tenant.mutate([create(make(1, v=1))])
        holding = asyncio.create_task(
            asyncio.to_thread(
                cluster.sql, store.address.rpartition("/")[2],
                "BEGIN; SELECT FROM hiroba.tenant FOR UPDATE; SELECT pg_sleep(3); COMMIT",
            )
        )  # fmt: skip
        await asyncio.sleep(0.5)
        with pytest.raises(StoreUnavailable, match="Another process"):
            await tenant.mutate([patch("urn:ngsi-ld:Sensor:1", v=2)])
        assert await tenant.get("urn:ngsi-ld:Sensor:1") is not None
        await holding
        await tenant.mutate([patch("urn:ngsi-ld:Sensor:1", v=3)])
        assert [change.seq for change in await tenant.changes(0, 10)] == [1, 2]
    finally:
        await other.close()


async def test_a_read_that_takes_too_long_is_broken_off(store: PostgresStore) -> None:
    hasty = PostgresStore(store.address, read_seconds=0.05, cache_size=10)
    await hasty.open()
    try:
        tenant = await hasty.tenant("")
        await tenant.mutate([create(make(n, name=f"街路灯 {n}")) for n in range(6000)])
        hard = EntityQuery(q=parse_q('name~="(灯.*){3}x"', lambda name: iri(name)), limit=1)
        with pytest.raises(TooComplexQuery):
            await tenant.find(hard)
        assert await tenant.get("urn:ngsi-ld:Sensor:5") is not None
        assert len((await tenant.find(EntityQuery(limit=3))).rows) == 3
    finally:
        await hasty.close()
