"""Backups of a town in PostgreSQL, and towns that move between the stores by backup and restore."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
from contract_town import create, drop, iri, link, make, patch, point, prop

from hiroba.kernel.model.errors import BadRequestData, Conflict, HirobaError, StoreUnavailable
from hiroba.kernel.query.tree import Compare, Exists, GeoQuery, ScopeIs, TemporalQuery, TypeIs
from hiroba.kernel.query.tree import Path as AttributePath
from hiroba.kernel.store import postgres as in_postgres
from hiroba.kernel.store import sqlite as in_files
from hiroba.kernel.store.port import EntityQuery, HistoryAdd, HistoryQuery, Store
from hiroba.kernel.store.postgres import PostgresStore
from hiroba.kernel.store.sqlite import SqliteStore
from postgres_cluster import Cluster

NUMBERS = itertools.count()
SENSOR = TypeIs(iri("Sensor"))
V = AttributePath(iri("v"))
QUERIES = (
    EntityQuery(types=SENSOR, limit=100, count=True),
    EntityQuery(q=Compare(V, ">", (5,)), limit=100, count=True),
    EntityQuery(q=Compare(V, "==", (2**60 + 1,)), limit=100, count=True),
    EntityQuery(q=Exists(AttributePath(iri("friend"))), limit=100, count=True),
    EntityQuery(geo=GeoQuery("near", "Point", (134.05, 34), iri("location"), max_distance=3000), limit=100, count=True),
    EntityQuery(scope=ScopeIs(("ward",), below=True), limit=100, count=True),
)


async def fill(store: Store) -> None:
    """Make a town with everything that a store can hold."""
    await store.open()
    for name in ("", "高松市"):
        tenant = await store.tenant(name, create=True)
        await tenant.mutate([create(make(n, v=n, location=point(134 + n / 100, 34))) for n in range(30)])
        big = make("big", ["Sensor", "Gauge"], v=2**60 + 1, scope=["/ward/東"], friend=link("urn:x"))
        await tenant.mutate([create(big)])
        await tenant.mutate([patch("urn:ngsi-ld:Sensor:1", v=name, 名前="川"), drop("urn:ngsi-ld:Sensor:2")])
        await tenant.mutate([create(make("end", expiresAt="2999-01-01T00:00:00Z"))])
        past = prop(0, observedAt="2020-01-01T00:00:00Z", instanceId="urn:x:past")
        await tenant.amend([HistoryAdd("urn:ngsi-ld:Sensor:old", {iri("v"): [past]}, (iri("Sensor"),), create=True)])
        await tenant.keep_record("subscription", "b", {"n": 1})
        await tenant.keep_record("subscription", "a", {"n": name})
        await tenant.keep_cursor("reader", 7)
        await tenant.mutate([patch("urn:ngsi-ld:Sensor:3", v=None)])


async def all_of(store: Store) -> list[Any]:
    """Return everything that a store answers."""
    told: list[Any] = [await store.tenants()]
    for name in await store.tenants():
        tenant = await store.tenant(name)
        for query in QUERIES:
            page = await tenant.find(query)
            told.append(([(row.ref, row.version, row.entity) for row in page.rows], page.count))
        told.append([change[:-2] for change in await tenant.changes(0, 1000)])
        time = TemporalQuery(None, None, None, "modifiedAt")
        histories, count, _ = await tenant.evolutions(HistoryQuery(EntityQuery(limit=100, count=True), time))
        told.append(([(one.entity, one.instances) for one in histories], count))
        told.append(sorted((one.attribute, one.count, one.types, one.kinds) for one in await tenant.attribute_uses()))
        told.append([(one.type, one.count) for one in await tenant.type_uses()])
        told.append(await tenant.records("subscription"))
        told.append((await tenant.cursor("reader"), await tenant.last_seq(), await tenant.first_seq()))
    return told


class Place:
    """A place for a store of one kind: how it is opened and restored."""

    def __init__(self, kind: str, directory: Path, postgres: Cluster) -> None:
        self.kind = kind
        self.directory = directory
        self.address = postgres.make(f"moving{next(NUMBERS)}") if kind == "postgresql" else ""

    def store(self) -> Store:
        return PostgresStore(self.address) if self.address else SqliteStore(self.directory)

    async def restore(self, file: Path, *, force: bool = False) -> list[str]:
        if self.address:
            return await in_postgres.restore(file, self.address, force=force)
        return await in_files.restore(file, self.directory, force=force)


@pytest.mark.parametrize(
    ("source", "target"), [("postgresql", "postgresql"), ("sqlite", "postgresql"), ("postgresql", "sqlite")]
)
async def test_a_town_moves_with_all_it_holds(tmp_path: Path, postgres: Cluster, source: str, target: str) -> None:
    old, new = Place(source, tmp_path / "old", postgres), Place(target, tmp_path / "new", postgres)
    store = old.store()
    await fill(store)
    before = await all_of(store)
    lines = [line async for line in store.backup(tmp_path / "town.tar")]
    assert "33 entities" not in lines[0]
    assert lines[0].startswith("default tenant: 31 entities")
    await store.close()
    assert await new.restore(tmp_path / "town.tar") == ["", "高松市"]
    with pytest.raises(Conflict, match="--force"):
        await new.restore(tmp_path / "town.tar")
    moved = new.store()
    await moved.open()
    assert await all_of(moved) == before
    with pytest.raises(StoreUnavailable, match="Another Hiroba"):
        await new.restore(tmp_path / "town.tar", force=True)
    tenant = await moved.tenant("")
    # what comes now follows what was there
    answers = await tenant.mutate([create(make("new", neu=1)), patch("urn:ngsi-ld:Sensor:1", v=9)])
    assert not [answer for answer in answers if isinstance(answer, HirobaError)]
    assert [change.seq for change in await tenant.changes(35, 10)] == [36, 37]
    await (await moved.tenant("extra", create=True)).mutate([create(make(1))])
    await moved.close()
    await new.restore(tmp_path / "town.tar", force=True)
    again = new.store()
    await again.open()
    assert await all_of(again) == before
    await again.close()


async def test_a_backup_is_of_one_moment_while_all_tenants_are_written_to(tmp_path: Path, postgres: Cluster) -> None:
    old, new = Place("postgresql", tmp_path, postgres), Place("postgresql", tmp_path, postgres)
    store = old.store()
    await store.open()
    tenants = [await store.tenant(name, create=True) for name in ("", "b")]
    for tenant in tenants:
        await tenant.mutate([create(make(n, v=0)) for n in range(1500)])

    async def lines() -> list[str]:
        return [line async for line in store.backup(tmp_path / "town.tar")]

    saving = asyncio.create_task(lines())
    written = 0
    while not saving.done():
        written += 1
        for tenant in tenants:
            await tenant.mutate([patch(f"urn:ngsi-ld:Sensor:{n}", v=written) for n in (1, 2)])
    await saving
    assert written > 1
    await store.close()
    await new.restore(tmp_path / "town.tar")
    copy = new.store()
    await copy.open()
    seqs = []
    for name in ("", "b"):
        tenant = await copy.tenant(name)
        log = await tenant.changes(0, 1_000_000)
        assert [change.seq for change in log] == list(range(1, await tenant.last_seq() + 1))
        found = [await tenant.get(f"urn:ngsi-ld:Sensor:{n}") for n in (1, 2)]
        assert len({one.entity["attrs"][iri("v")][0]["value"] for one in found if one is not None}) == 1
        assert (await tenant.find(EntityQuery(types=SENSOR, count=True))).count == 1500
        seqs.append(await tenant.last_seq())
    assert 0 <= seqs[0] - seqs[1] <= 2
    await copy.close()


@pytest.mark.parametrize("harm", ["cut", "changed", "text"])
async def test_a_damaged_backup_changes_nothing(tmp_path: Path, postgres: Cluster, harm: str) -> None:
    place = Place("postgresql", tmp_path, postgres)
    store = place.store()
    await fill(store)
    before = await all_of(store)
    target = tmp_path / "town.tar"
    assert [line async for line in store.backup(target)]
    await store.close()
    body = bytearray(target.read_bytes())
    if harm == "cut":
        body = body[: len(body) // 2]
    elif harm == "changed":
        body[len(body) // 2] ^= 0xFF
    else:
        body = bytearray(b"not a tar file")
    target.write_bytes(body)
    with pytest.raises(BadRequestData):
        await place.restore(target, force=True)
    await store.open()
    assert await all_of(store) == before
    await store.close()
