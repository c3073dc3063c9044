"""A write that cannot be carried out takes nothing and nobody along."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from hiroba.kernel.broker import decisions
from hiroba.kernel.model.entity import LOCATION, Entity
from hiroba.kernel.model.errors import HirobaError, StoreUnavailable
from hiroba.kernel.query.geo import parse_geo
from hiroba.kernel.store.batch import Batch
from hiroba.kernel.store.port import EntityQuery, Mutation
from hiroba.kernel.store.sqlite import SqliteStore, rows

AT = "2026-04-01T00:00:00.000Z"


@pytest.fixture(params=["file", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(tmp_path / "store" if request.param == "file" else ":memory:")
    await made.open()
    yield made
    await made.close()


def creation(number: int, value: Any = 1) -> Mutation:
    attrs = {"urn:a:p": [{"type": "Property", "value": value}]}
    entity: Entity = {"id": f"urn:x:{number}", "type": ["urn:t"], "attrs": attrs}
    return Mutation(entity["id"], decisions.create(entity, AT))


NO_GEOMETRIES: list[Any] = [
    {"type": "LineString", "coordinates": [[1, "a"], [2, 3]]},
    {"type": "LineString", "coordinates": [[1, None], [2, 3]]},
    {"type": "Point", "coordinates": [1, "x"]},
    {"type": "Point", "coordinates": [1]},
    {"type": "Point", "coordinates": {"lon": 1}},
    {"type": "GeometryCollection", "geometries": 5},
    {"geometries": [5, {"coordinates": [[[1]]]}]},
    {"coordinates": [[1, [2]]]},
]


@pytest.mark.parametrize("value", NO_GEOMETRIES, ids=str)
async def test_a_value_that_only_looks_like_a_geometry_is_a_value(store: SqliteStore, value: Any) -> None:
    tenant = await store.tenant("")
    assert await tenant.mutate([creation(1, value), creation(2)]) == ["created", "created"]
    stored = await tenant.get("urn:x:1")
    assert stored is not None
    assert stored.entity["attrs"]["urn:a:p"][0]["value"] == value
    area = parse_geo("disjoint", "Point", [50, 50], "urn:a:p")
    assert (await tenant.find(EntityQuery(geo=area))).rows == []
    for row in rows.geo_rows(1, {LOCATION: [{"type": "Property", "value": value}]}, lambda _: 1):
        assert all(isinstance(one, int | float) for one in row)


async def test_a_mutation_that_cannot_be_written_leaves_the_others_whole(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await store.tenant("")
    whole = Batch._index

    def broken(self: Batch, ref: int, before: Entity | None, after: Entity | None) -> None:
        whole(self, ref, before, after)
        if after is not None and after["id"] == "urn:x:2":
            raise TypeError("no row can be made of this")

    monkeypatch.setattr(Batch, "_index", broken)
    first, second = await asyncio.gather(
        tenant.mutate([creation(1), creation(2), creation(3)]), tenant.mutate([creation(4)])
    )
    assert (first[0], first[2], second) == ("created", "created", ["created"])
    assert isinstance(first[1], HirobaError)
    assert first[1].status == 500
    assert await tenant.get("urn:x:2") is None
    assert [change.id for change in await tenant.changes(0, 10)] == ["urn:x:1", "urn:x:3", "urn:x:4"]
    monkeypatch.undo()
    assert await tenant.mutate([creation(2), creation(5)]) == ["created", "created"]
    assert [change.seq for change in await tenant.changes(0, 10)] == [1, 2, 3, 4, 5]


async def test_work_that_fails_in_the_transaction_fails_alone(store: SqliteStore) -> None:
    tenant = await store.tenant("")

    def broken(db: apsw.Connection) -> None:
        db.execute("INSERT INTO record(kind, id, body) VALUES('x', 'y', ?)", (2**70,))

    done = await asyncio.gather(
        tenant.mutate([creation(1)]),
        tenant._writer.run(broken),
        tenant.mutate([creation(2)]),
        return_exceptions=True,
    )
    assert (done[0], done[2]) == (["created"], ["created"])
    assert isinstance(done[1], HirobaError)
    assert await tenant.mutate([creation(3)]) == ["created"]


async def test_a_row_that_is_refused_is_no_reason_to_refuse_all_that_follows(store: SqliteStore) -> None:
    tenant = await store.tenant("")
    await tenant.mutate([creation(1)])
    tenant._shared.last_seq = 0  # as after a defect in counting: the next row of the log is there already
    with pytest.raises(StoreUnavailable):
        await tenant.mutate([creation(2)])
    assert await tenant.mutate([creation(2)]) == ["created"]
    assert await tenant.last_seq() == 2
