"""Attributes whose time is over are taken out of their entities (GS CIM 009, 4.22)."""

from __future__ import annotations

from contract_town import create, iri, make

from hiroba.kernel.store.port import EntityQuery, Page, TenantStore


def ids(page: Page) -> list[str]:
    return [row.entity["id"].rpartition(":")[2] for row in page.rows]


async def test_expired_attributes_are_swept_and_leave_the_rest(tenant: TenantStore) -> None:
    past, future = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
    whole = make(1, temp=1, level=2)
    temp, level = whole["attrs"][iri("temp")], whole["attrs"][iri("level")]
    level[0]["expiresAt"] = future
    temp.append({**temp[0], "datasetId": "urn:d:2", "value": 3, "expiresAt": past})
    gone = make(2, temp=1)
    gone["attrs"][iri("temp")][0]["expiresAt"] = past
    await tenant.mutate([create(whole), create(gone), create(make(3, temp=1))])
    assert await tenant.sweep() == 2
    assert await tenant.sweep() == 0
    stored = await tenant.get(whole["id"])
    assert stored is not None
    assert [one["value"] for one in stored.entity["attrs"][iri("temp")]] == [1]
    assert list(stored.entity["attrs"]) == [iri("temp"), iri("level")]
    emptied = await tenant.get(gone["id"])
    assert emptied is not None
    assert emptied.entity["attrs"] == {}
    assert ids(await tenant.find(EntityQuery(attrs=(iri("temp"),)))) == ["1", "3"]
    told = await tenant.changes(3, 10)
    assert [(one.op, [(c.dataset, c.kind) for c in one.changes]) for one in told] == [
        ("updated", [("urn:d:2", "deleted")]),
        ("updated", [(None, "deleted")]),
    ]
